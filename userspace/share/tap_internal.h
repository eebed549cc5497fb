/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file tap_internal.h
 * @brief What a reader's files share: tap_join.c (how it comes by the memory) and tap.c (how it reads it).
 */
#ifndef WEIR_SHARE_TAP_INTERNAL_H
#define WEIR_SHARE_TAP_INTERNAL_H

#include "share/share_wire.h"
#include "weir/share.h"

struct weir_tap {
	int fd; /* the connection */
	/* Constant, and checked before anything was mapped. */
	struct weir_schema schema;
	char *text; /* owned */
	size_t page, bytes;
	uint32_t row_bytes, capacity;
	uint64_t start_at, joined_at;
	bool holds; /* the publisher waits for us */
	const struct weir_share_front *front;
	struct weir_share_seat *seat;
	const void *rows; /* mapped twice in a row */
	/* Where we are. */
	uint64_t position, lost;
	uint32_t slot;   /* of position */
	uint32_t peeked; /* rows that may be released */
	bool gone;       /* there is nobody at the other end */
	bool absurd;     /* what the publisher's memory says cannot be */
};

/**
 * @brief Make a tap of a publisher's answer: check all of it, map what came with it. For untrusted bytes and descriptors.
 * @param connection kept by the tap on success; `fds` are the caller's in any case.
 * @return 0; what the publisher refused with; -EPROTO; -ENOMEM; -errno. `why` of WEIR_TAP_WHY bytes becomes a sentence, or NULL.
 */
int weir_tap_admit(struct weir_tap **out, int connection, const void *message, size_t bytes, const int *fds,
		   unsigned n_fds, char *why) WEIR_MUST_CHECK;

/** @brief Ask whoever listens on a socket to show what it publishes. `text` of WEIR_SHARE_TEXT_MAX + 1 bytes becomes the schema. */
int weir_tap_look(int connection, struct weir_share_view *view, char *text) WEIR_MUST_CHECK;

/** @brief The schema that a peer sent, if it is sound and its names can be shown. 0, -EPROTO or -EBADMSG. */
int weir_tap_read_schema(struct weir_schema *schema, const char *text, size_t n) WEIR_MUST_CHECK;

/** @brief A sentence into `why`, which may be NULL. @return -error. */
int weir_tap_because(char *why, int error, const char *format, ...) WEIR_PRINTF(3, 4);

#endif
