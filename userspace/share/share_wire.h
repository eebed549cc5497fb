/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file share_wire.h
 * @brief What the publisher of a stream and its readers, processes that need not trust each other, have in common: messages on a
 * socket, the memory of the rows, and a seat for each reader. docs/streams.md argues it.
 *
 *     rows   [ share_front | padding to a page | rows … ]   sealed: nobody but its maker writes, nobody changes its size
 *     seat   [ share_seat ]                                 a page for one reader and the publisher; no other reader has it
 */
#ifndef WEIR_SHARE_SHARE_WIRE_H
#define WEIR_SHARE_SHARE_WIRE_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#define WEIR_SHARE_MAGIC 0x72696577u /* "weir" */
#define WEIR_SHARE_VERSION 1
#define WEIR_SHARE_READERS_MAX 64
#define WEIR_SHARE_BYTES_MAX (UINT64_C(1) << 30) /**< of rows: what is larger is refused by both sides */
#define WEIR_SHARE_TEXT_MAX (64u << 10)          /**< of a schema */
#define WEIR_SHARE_FDS 2                         /**< that come with a welcome: rows, seat */

/* ------------------------------------------------------------------ messages */

enum weir_share_ask { WEIR_SHARE_SUBSCRIBE = 1, WEIR_SHARE_LOOK };
/** What happens to a reader that is too slow. AS_ALLOWED: whatever the publisher grants it. */
enum weir_share_policy { WEIR_SHARE_AS_ALLOWED, WEIR_SHARE_DROP_OLDEST, WEIR_SHARE_BLOCK };

/** From the reader, the first thing on a connection; a look may be repeated. */
struct weir_share_hello {
	uint32_t magic;
	uint16_t version;
	uint8_t ask, policy;
};

/** The answer to SUBSCRIBE. The schema follows, or the reason of a refusal: text_bytes without a zero. */
struct weir_share_welcome {
	uint32_t magic;
	uint16_t version;
	uint8_t policy; /**< granted */
	uint8_t zero;
	int32_t refused; /**< errno, or 0 */
	uint32_t text_bytes;
	uint32_t row_bytes;
	uint32_t capacity;  /**< rows */
	uint64_t rows_at;   /**< byte offset of the rows: one page */
	uint64_t start_at;  /**< position of the stream's very first row */
	uint64_t read_from; /**< position of the reader's first row */
};

struct weir_share_guest {
	uint32_t pid, uid;
	uint32_t policy;
	uint32_t zero;
	uint64_t behind, lost; /**< rows */
};

/** The answer to LOOK; the schema follows. */
struct weir_share_view {
	uint32_t magic;
	uint16_t version;
	uint16_t n_guests;
	uint32_t text_bytes;
	uint32_t pid;
	uint64_t rows; /**< published so far */
	uint64_t lost; /**< by readers that have gone */
	int64_t now_ns, since_ns;
	struct weir_share_guest guest[WEIR_SHARE_READERS_MAX];
};

/* -------------------------------------------------------------------- memory */

#define WEIR_SHARE_LINE 64

enum weir_share_end { WEIR_SHARE_LIVE, WEIR_SHARE_ENDED, WEIR_SHARE_STOPPED };

/** At the beginning of the rows' memory. Written by the publisher alone. */
struct weir_share_front {
	alignas(WEIR_SHARE_LINE) _Atomic uint64_t head; /**< rows committed */
	_Atomic uint64_t reserved;                      /**< end of the furthest claim */
	_Atomic uint32_t end;                           /**< enum weir_share_end */
};

/** Between one reader and the publisher. Neither believes what it finds. */
struct weir_share_seat {
	/* Written by the reader. */
	alignas(WEIR_SHARE_LINE) _Atomic uint64_t position;
	_Atomic uint64_t lost;
	/* Set by whoever goes to sleep, taken by whoever wakes him. */
	alignas(WEIR_SHARE_LINE) _Atomic uint32_t reader_sleeps; /**< a byte on the socket wakes it */
	_Atomic uint32_t writer_sleeps;
	_Atomic uint32_t space_bell; /**< the publisher sleeps on it */
};

_Static_assert(sizeof(struct weir_share_hello) == 8, "the same in every process");
_Static_assert(sizeof(struct weir_share_welcome) == 48, "the same in every process");
_Static_assert(sizeof(struct weir_share_view) == 48 + 32 * WEIR_SHARE_READERS_MAX, "the same in every process");
_Static_assert(sizeof(struct weir_share_front) <= 4096 && sizeof(struct weir_share_seat) <= 4096, "within a page");

#endif
