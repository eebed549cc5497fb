/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file answers.h
 * @brief A world of numbered messages, and sinks in which they are done: one that writes, one that sends, and one that writes
 * windows of them.
 */
#ifndef WEIR_TESTS_ANSWERS_H
#define WEIR_TESTS_ANSWERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/driver.h"

#define MESSAGES 200
#define SINKS 3     /* places where a message can be done */
#define ORDER 65536 /* records of which it is known which message they were */

enum place { WRITTEN, SENT, IN_WINDOW };
enum where { AT_BROKER, UNDER_WAY, ACKNOWLEDGED };

/** What outlives a run that is killed. */
struct answers {
	uint32_t credit;                        /* messages that are under way at most */
	uint32_t cut_every;                     /* looks at a connection, about; 0: never */
	uint32_t take_every;                    /* looks until some of what is under way is taken away; 0: never */
	uint32_t slow_us;                       /* that a record takes at most */
	int64_t fails_at;                       /* the writing sink fails at this number; -1: never */
	bool is_away;                           /* the broker that is sent to */
	_Atomic enum where where[MESSAGES];     /* the thread that stops a run looks at it */
	_Atomic uint32_t done[SINKS][MESSAGES]; /* how often */
	uint32_t acknowledged_undone;
	uint32_t noise_every;     /* messages between two that are malformed, about; 0: none is */
	bool was_given[MESSAGES]; /* on a connection of any run */
	/* Of windows: which message each record was; the windows' length and step, in records. 0: the last window of a record is any. */
	uint32_t order[ORDER], n_order;
	int64_t size, step;
	bool expects[SINKS]; /* a message is done when it is at these places */
	bool drops_odd;      /* of odd messages nothing is to be done */
};

/** @brief Mapped by the test. */
extern struct answers *answers;

/** The sinks `page`, `wire`, and `book` for windows; `number`, a stage that gives each record the field `s`, its number. */
extern const struct weir_driver answers_page, answers_wire, answers_book, answers_number;

#endif
