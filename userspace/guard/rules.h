/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file rules.h
 * @brief Who may set which line to what, and when it must be parked: the guard's whole judgement, without any device.
 *
 * Nothing here reads a clock, allocates, or makes a system call: time is passed in, and what is decided is handed to
 * `decided`. So every state can be visited by a test (tests/unit/test_guard_model.c).
 *
 * A **line** is one physical output with its rules. A **lease** is the right to command some lines, and has one holder at a
 * time. It is *live* from take() on. Its holder must beat; if it does not, or dies, or its input is stale, the lines are
 * parked, the lease is no longer live, and its epoch goes up: whatever was asked in an earlier epoch is refused for ever. A
 * holder that recovers asks with `retake` and the new epoch.
 *
 * - Parking always wins: no rule delays it. Hence lines of an interlock group, and those with `max_on`, must park off.
 * - `max_on` comes before `min_on`.
 * - What a holder asks for and is refused by a rule is remembered as its wish and granted as soon as the rules allow, unless
 *   it has asked for something else meanwhile, or lost the lease.
 * - Turning off is never refused by `starts`: only leaving the park value is.
 *
 * All times are ns of CLOCK_MONOTONIC, all durations ns.
 */
#ifndef WEIR_GUARD_RULES_H
#define WEIR_GUARD_RULES_H

#include <stdbool.h>
#include <stdint.h>

#define WEIR_BANK_LINES 64  /**< lines of one guard */
#define WEIR_BANK_LEASES 32 /**< leases of one guard */
#define WEIR_LEASE_LINES 16 /**< lines of one lease */
#define WEIR_STARTS_MAX 32  /**< the largest `starts` */
#define WEIR_GROUP_NAME 24  /**< bytes of an interlock group's name, with its zero */

/** What a line's owner has declared. Zero: no rule, park at 0. */
struct weir_rule {
	double park;             /**< the safe value; 0 is off, anything else on */
	int64_t max_on;          /**< longest time on; 0: no limit. Only where park is off */
	int64_t min_on, min_off; /**< shortest time on and off, as far as asking goes */
	int64_t gap;             /**< break before make: time between one of the group going off and this one on */
	uint32_t starts;         /**< times that it may leave its park value in any `per`; 0: no limit */
	int64_t per;             /**< see starts */
	char group
		[WEIR_GROUP_NAME]; /**< interlock: at most one line of a group is on; empty: none. Only where park is off */
};

/** Why a line was set, or was to be set. */
enum weir_cause {
	WEIR_ASKED,    /**< its holder asked */
	WEIR_GRANTED,  /**< its holder had asked before, and now the rules allow it */
	WEIR_BY_HAND,  /**< a person asked: weir set, weir park */
	WEIR_MAX_ON,   /**< it was on for as long as it may be */
	WEIR_DEADLINE, /**< its holder did not beat in time */
	WEIR_STALE,    /**< its holder's input is too old */
	WEIR_DIED,     /**< its holder is gone without a word */
	WEIR_LEFT,     /**< its holder has ended in good order */
	WEIR_EXPIRED,  /**< the time for which it was set by hand is over */
	WEIR_TAKEN,    /**< a holder takes it, with another park value than before */
	WEIR_CAUSES,
};

/** Why a wish was refused. */
enum weir_refusal {
	WEIR_NOT_REFUSED,
	WEIR_TOO_LATE, /**< of an earlier epoch: the lines were parked meanwhile */
	WEIR_TOO_SHORT_ON,
	WEIR_TOO_SHORT_OFF,
	WEIR_INTERLOCKED,
	WEIR_TOO_MANY_STARTS,
	WEIR_REFUSALS,
};

struct weir_line {
	struct weir_rule rule;
	double value; /**< what it is driven to */
	bool waits;   /**< its holder's last wish was refused and waits for the rules to allow it */
	double wish;  /**< that */
	bool has_changed;
	int64_t changed_ns;                /**< when it last went on or off */
	int64_t start_ns[WEIR_STARTS_MAX]; /**< when it left its park value: a ring */
	uint32_t n_starts;                 /**< ever */
};

struct weir_lease {
	bool is_held; /**< it has a holder, live or not */
	bool is_live; /**< its holder may command */
	uint64_t epoch;
	bool has_beaten;  /**< or asked: before that there is nothing to park */
	int64_t patience; /**< time without a beat after which it is parked; 0: needs none */
	int64_t stale;    /**< age of the newest input at which it is parked; 0: any will do */
	int64_t beat_ns, fresh_ns;
	int64_t expires_ns; /**< 0: never */
	uint32_t n;
	uint16_t line[WEIR_LEASE_LINES];
};

/** One decision about one line. */
struct weir_decision {
	uint32_t lease, line;
	enum weir_cause cause;
	enum weir_refusal refusal;
	int64_t now_ns;
	double asked; /**< the value that was wanted */
	double value; /**< what the line is to be driven to from now on */
};

struct weir_bank {
	struct weir_line line[WEIR_BANK_LINES];
	struct weir_lease lease[WEIR_BANK_LEASES];
	uint32_t n_lines, n_leases;
	/** Told of every decision, in order; of lines that go on only after those that go off in the same call. */
	void (*decided)(void *context, const struct weir_decision *decision);
	void *context;
};

/** What somebody asks for. */
struct weir_wish {
	uint64_t epoch;
	bool retake;  /**< the lease was parked, and its holder is well again */
	bool by_hand; /**< do not remember it when it is refused */
	double value[WEIR_LEASE_LINES];
};

/** @brief Do the rules contradict each other? NULL: no; else what is wrong, a clause without a full stop. */
const char *weir_rule_problem(const struct weir_rule *rule);

/** @brief Give a lease that nobody holds to a holder. Its lines stay as they are, but for those not at their park value. */
void weir_bank_take(struct weir_bank *bank, uint32_t lease, int64_t now_ns);

/**
 * @brief A line of which another guard knew the history, as it was; it is to be parked, and counts as parked from now on, since
 * nobody knows when it was. The bank must have no lease of it.
 */
void weir_bank_recall(struct weir_bank *bank, uint32_t line, const struct weir_line *was, int64_t now_ns);

/** @brief A sign of life: its times, of which those in the future count as now. */
void weir_bank_beat(struct weir_bank *bank, uint32_t lease, int64_t beat_ns, int64_t fresh_ns, int64_t now_ns);

/**
 * @brief Ask for values for all lines of a lease. Call weir_bank_tick() with the same time first.
 * @return the first refusal, or WEIR_NOT_REFUSED.
 */
enum weir_refusal weir_bank_ask(struct weir_bank *bank, uint32_t lease, const struct weir_wish *wish, int64_t now_ns);

/** @brief Park its lines, whoever holds it; it is not live after that. With `leave`, nobody holds it any more. */
void weir_bank_park(struct weir_bank *bank, uint32_t lease, enum weir_cause cause, bool leave, int64_t now_ns);

/** @brief Do what is due by now. @return when to call again at the latest; INT64_MAX: no need. */
int64_t weir_bank_tick(struct weir_bank *bank, int64_t now_ns);

/** @brief Until when do the rules need what is known of a lease's parked lines? INT64_MIN: they need nothing. */
int64_t weir_bank_remembers(const struct weir_bank *bank, uint32_t lease);

const char *weir_cause_name(enum weir_cause cause);
const char *weir_refusal_name(enum weir_refusal refusal);

#endif
