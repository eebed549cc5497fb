/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file repeats.h
 * @brief Messages without an answer when a connection was lost: which message of the next connection is one of them?
 *
 * A message that the broker marks as delivered before is one of those if all that a chain can see of it is the same. Two messages
 * with the same content may be taken for each other. That loses nothing: each match stands for one message of that content that
 * was worked off, and whose answer was never sent. All on one thread.
 */
#ifndef WEIR_MESSAGE_REPEATS_H
#define WEIR_MESSAGE_REPEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_repeats;

/** A message that was handed on. */
struct weir_repeat {
	uint64_t print;    /**< of its content; never 0 */
	uint64_t mark;     /**< as of struct weir_inbox_message */
	uint64_t position; /**< of the stream behind its records; with is_placed */
	bool is_placed;
	bool is_old; /**< of an earlier connection, and without an answer */
};

/** @param capacity messages without an answer, at least 1; beyond so many the oldest are forgotten. @return NULL: no memory, or no
 *  random numbers. */
struct weir_repeats *weir_repeats_new(uint32_t capacity);
/** @brief Takes NULL. */
void weir_repeats_free(struct weir_repeats *repeats);

/** @brief The print of `n` bytes: a keyed hash, with a key of this run, so that a sender cannot make two with the same. @param salt
 *  what else tells them apart. @return never 0. */
uint64_t weir_repeats_print(const struct weir_repeats *repeats, uint64_t salt, const void *bytes, size_t n);

/** @brief A message was handed on. */
void weir_repeats_add(struct weir_repeats *repeats, const struct weir_repeat *repeat);
/** @brief The records of all messages up to `mark` lie before that position. */
void weir_repeats_place(struct weir_repeats *repeats, uint64_t mark, uint64_t position);
/** @brief The oldest one without an answer and with this print, if there is one: it is removed. */
bool weir_repeats_take(struct weir_repeats *repeats, uint64_t print, struct weir_repeat *repeat);
/** @brief Messages of this connection up to `mark` have their answers; messages of any up to `settled` are worked off. */
void weir_repeats_answered(struct weir_repeats *repeats, uint64_t mark, uint64_t settled);
/** @brief So has this message. */
void weir_repeats_drop(struct weir_repeats *repeats, uint64_t mark);
/** @brief The connection is lost: those without an answer may come again. */
void weir_repeats_lose(struct weir_repeats *repeats);
/** @brief Forget those of earlier connections that are worked off: they would have come by now. */
void weir_repeats_forget(struct weir_repeats *repeats);
/** @brief Are there any of earlier connections? */
bool weir_repeats_has_old(const struct weir_repeats *repeats);

#endif
