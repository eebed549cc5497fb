/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file share_peer.h
 * @brief What the tests of shared streams have in common: a run directory of their own, rows that show where they belong, and peers
 * that speak the protocol as badly as a test likes.
 */
#ifndef SHARE_PEER_H
#define SHARE_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../common/dice.h"
#include "share/share_wire.h"
#include "weir/share.h"

#define NEAR_WRAP (UINT64_MAX - 1000) /* positions pass 2^64 within every test that starts here */

struct row {
	int64_t t;
	uint64_t value;
};

static inline uint64_t value_at(uint64_t k)
{
	return k * UINT64_C(0x9e3779b97f4a7c15) ^ k >> 7;
}

/** A fresh run directory for the whole test program; removed by peer_teardown(). For cmocka's group fixtures. */
int peer_setup(void **state);
int peer_teardown(void **state);

/** The schema of struct row. */
const struct weir_schema *peer_schema(void);
/** A configuration to change: stream "s", 1024 rows, nobody is waited for, 10 s of patience. */
struct weir_share_config peer_config(void);
/** Open, or fail the test. */
struct weir_share *peer_share(const struct weir_share_config *config);
struct weir_tap *peer_tap(int policy);

/** Rows `from` to `to` - 1, in claims of random size; waits for space. */
void peer_write(struct weir_share *share, uint64_t from, uint64_t to, struct dice *dice);
/** Read what is there, check each row that was not spoilt, and that it is the one it should be. Row numbers count from `start_at`.
 *  How many rows were right; a wrong one sets *wrong. */
uint64_t peer_read(struct weir_tap *tap, uint32_t max, uint64_t start_at, uint64_t *wrong);

/** A connection to "s" that has said nothing. */
int peer_connect(void);
/** Subscribe by hand: the answer, and the descriptors that came with it (-1: none did). */
struct weir_share_welcome peer_subscribe(int fd, int policy, int fds[WEIR_SHARE_FDS]);
/** Is this connection closed by the other side within 10 s? */
int peer_is_closed(int fd);

#endif
