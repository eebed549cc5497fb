/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file seen.h
 * @brief Which messages of which senders have come before.
 */
#ifndef WEIR_MESSAGE_SEEN_H
#define WEIR_MESSAGE_SEEN_H

#include <stdbool.h>
#include <stdint.h>

struct weir_seen;

/** @return NULL: no memory. */
struct weir_seen *weir_seen_new(void);
void weir_seen_free(struct weir_seen *seen);

/** @brief Remember a message. @return whether it had come before, as far as WEIR_INBOX_SEEN ranges of ids can tell. */
bool weir_seen_before(struct weir_seen *seen, uint64_t sender, uint64_t id);

/** @brief Read an id as "SENDER-ID", hexadecimal, n bytes. */
bool weir_seen_parse(const char *text, uint64_t n, uint64_t *sender, uint64_t *id);

#endif
