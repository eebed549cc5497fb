/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guard/rules.h"

#include <stddef.h>
#include <string.h>

static bool is_on(double value)
{
	return value != 0;
}

const char *weir_rule_problem(const struct weir_rule *rule)
{
	bool parks_on = is_on(rule->park);

	if (rule->max_on && parks_on)
		return "max_on= limits the time on, but its park value is on";
	if (*rule->group && parks_on)
		return "of an interlocked group one line may be on, but its park value is on";
	if (rule->max_on && rule->min_on > rule->max_on)
		return "min_on= is longer than max_on=";
	if (rule->starts && !rule->per)
		return "starts= needs per=, the time in which it may start so often";
	if (rule->starts > WEIR_STARTS_MAX)
		return "starts= is at most 32";
	if (rule->gap && !*rule->group)
		return "break= is the time between two lines of an interlock= group";
	return NULL;
}

/* --- one line ----------------------------------------------------------------- */

static void tell(struct weir_bank *bank, uint32_t lease, uint32_t number, enum weir_cause cause,
		 enum weir_refusal refusal, double asked, int64_t now)
{
	const struct weir_decision decision = {
		.lease = lease,
		.line = number,
		.cause = cause,
		.refusal = refusal,
		.now_ns = now,
		.asked = asked,
		.value = bank->line[number].value,
	};

	bank->decided(bank->context, &decision);
}

static void drive(struct weir_line *line, double value, int64_t now)
{
	bool leaves_park = is_on(value) != is_on(line->rule.park);

	if (is_on(value) != is_on(line->value)) {
		line->changed_ns = now;
		line->has_changed = true;
		if (leaves_park)
			line->start_ns[line->n_starts++ % WEIR_STARTS_MAX] = now;
	}
	line->value = value;
}

/* The start that must be `per` ago before there may be another one; INT64_MIN: there is none. */
static int64_t limiting_start(const struct weir_line *line)
{
	uint32_t starts = line->rule.starts;

	if (!starts || line->n_starts < starts)
		return INT64_MIN;
	return line->start_ns[(line->n_starts - starts) % WEIR_STARTS_MAX];
}

/* When the line may change at the earliest, as far as it alone is concerned. */
static int64_t rest_ends(const struct weir_line *line)
{
	if (!line->has_changed)
		return INT64_MIN;
	return line->changed_ns + (is_on(line->value) ? line->rule.min_on : line->rule.min_off);
}

/* When the group allows this line to go on: INT64_MIN: now; INT64_MAX: not while another one is on. */
static int64_t group_allows(const struct weir_bank *bank, const struct weir_line *line)
{
	int64_t when = INT64_MIN;

	if (!*line->rule.group)
		return when;
	for (uint32_t i = 0; i < bank->n_lines; i++) {
		const struct weir_line *other = &bank->line[i];

		if (other == line || strcmp(other->rule.group, line->rule.group))
			continue;
		if (is_on(other->value))
			return INT64_MAX;
		if (other->has_changed && other->changed_ns + line->rule.gap > when)
			when = other->changed_ns + line->rule.gap;
	}
	return when;
}

/* May the line go to this value now? If not, *when is the earliest time worth asking again, INT64_MAX if none is known. */
static enum weir_refusal judge(const struct weir_bank *bank, const struct weir_line *line, double value, int64_t now,
			       int64_t *when)
{
	bool on = is_on(value);
	int64_t start = limiting_start(line);

	*when = INT64_MAX;
	if (on == is_on(line->value))
		return WEIR_NOT_REFUSED;
	if (now < rest_ends(line)) {
		*when = rest_ends(line);
		return on ? WEIR_TOO_SHORT_OFF : WEIR_TOO_SHORT_ON;
	}
	if (on && now < group_allows(bank, line)) {
		*when = group_allows(bank, line);
		return WEIR_INTERLOCKED;
	}
	if (on != is_on(line->rule.park) && start != INT64_MIN && now < start + line->rule.per) {
		*when = start + line->rule.per;
		return WEIR_TOO_MANY_STARTS;
	}
	return WEIR_NOT_REFUSED;
}

static enum weir_refusal ask_line(struct weir_bank *bank, uint32_t lease, uint32_t number, double value,
				  enum weir_cause cause, int64_t now)
{
	struct weir_line *line = &bank->line[number];
	int64_t when;
	enum weir_refusal refusal = judge(bank, line, value, now, &when);

	line->waits = refusal && cause != WEIR_BY_HAND;
	line->wish = value;
	if (!refusal && value == line->value)
		return refusal;
	if (!refusal)
		drive(line, value, now);
	tell(bank, lease, number, cause, refusal, value, now);
	return refusal;
}

static void park_line(struct weir_bank *bank, uint32_t lease, uint32_t number, enum weir_cause cause, int64_t now)
{
	struct weir_line *line = &bank->line[number];

	drive(line, line->rule.park, now);
	line->waits = false;
	tell(bank, lease, number, cause, WEIR_NOT_REFUSED, line->value, now);
}

void weir_bank_recall(struct weir_bank *bank, uint32_t number, const struct weir_line *was, int64_t now)
{
	struct weir_line *line = &bank->line[number];

	*line = *was;
	line->waits = false;
	drive(line, line->rule.park, now);
	if (number >= bank->n_lines)
		bank->n_lines = number + 1;
}

/* --- leases ------------------------------------------------------------------- */

void weir_bank_take(struct weir_bank *bank, uint32_t number, int64_t now)
{
	struct weir_lease *lease = &bank->lease[number];

	for (uint32_t i = 0; i < lease->n; i++) {
		struct weir_line *line = &bank->line[lease->line[i]];

		if (line->value != line->rule.park)
			park_line(bank, number, lease->line[i], WEIR_TAKEN, now);
		line->waits = false;
	}
	lease->is_held = lease->is_live = true;
	lease->epoch++;
	lease->has_beaten = false;
	lease->beat_ns = lease->fresh_ns = now;
	lease->expires_ns = 0;
}

void weir_bank_beat(struct weir_bank *bank, uint32_t number, int64_t beat, int64_t fresh, int64_t now)
{
	struct weir_lease *lease = &bank->lease[number];

	if (beat > lease->beat_ns) {
		lease->beat_ns = beat < now ? beat : now;
		lease->has_beaten = true;
	}
	if (fresh > lease->fresh_ns)
		lease->fresh_ns = fresh < now ? fresh : now;
}

/* When the lease is lost unless something comes. */
static int64_t lost_at(const struct weir_lease *lease, enum weir_cause *cause)
{
	int64_t when = INT64_MAX;

	*cause = WEIR_DEADLINE;
	if (lease->patience && lease->has_beaten)
		when = lease->beat_ns + lease->patience;
	if (lease->stale && lease->fresh_ns + lease->stale < when) {
		when = lease->fresh_ns + lease->stale;
		*cause = WEIR_STALE;
	}
	if (lease->expires_ns && lease->expires_ns < when) {
		when = lease->expires_ns;
		*cause = WEIR_EXPIRED;
	}
	return when;
}

/* Alive in the right epoch; a lease that was parked comes back by a retake of a holder that is well. */
static bool may_command(struct weir_lease *lease, const struct weir_wish *wish, int64_t now)
{
	enum weir_cause cause;

	if (!lease->is_held || wish->epoch != lease->epoch)
		return false;
	if (!lease->is_live && wish->retake && now < lost_at(lease, &cause))
		lease->is_live = true;
	/* To ask for the first time is a beat. */
	if (lease->is_live && !lease->has_beaten) {
		lease->has_beaten = true;
		lease->beat_ns = now;
	}
	return lease->is_live;
}

static enum weir_refusal refuse_all(struct weir_bank *bank, uint32_t number, const struct weir_wish *wish, int64_t now)
{
	const struct weir_lease *lease = &bank->lease[number];

	for (uint32_t i = 0; i < lease->n; i++)
		if (wish->value[i] != bank->line[lease->line[i]].value)
			tell(bank, number, lease->line[i], WEIR_ASKED, WEIR_TOO_LATE, wish->value[i], now);
	return WEIR_TOO_LATE;
}

/* Those that go off come first, so that another one of their group may go on in the same breath. */
static enum weir_refusal ask_side(struct weir_bank *bank, uint32_t number, const struct weir_wish *wish, bool on,
				  int64_t now)
{
	const struct weir_lease *lease = &bank->lease[number];
	enum weir_refusal first = WEIR_NOT_REFUSED;

	for (uint32_t i = 0; i < lease->n; i++) {
		enum weir_refusal refusal;

		if (is_on(wish->value[i]) != on)
			continue;
		refusal = ask_line(bank, number, lease->line[i], wish->value[i],
				   wish->by_hand ? WEIR_BY_HAND : WEIR_ASKED, now);
		if (!first)
			first = refusal;
	}
	return first;
}

/* A retake by a holder that has been silent again meanwhile: it sees by the epoch that it has to try once more. */
static void note_failed_retake(struct weir_lease *lease, const struct weir_wish *wish)
{
	if (lease->is_held && wish->retake && wish->epoch == lease->epoch)
		lease->epoch++;
}

enum weir_refusal weir_bank_ask(struct weir_bank *bank, uint32_t number, const struct weir_wish *wish, int64_t now)
{
	enum weir_refusal off, on;

	if (!may_command(&bank->lease[number], wish, now)) {
		note_failed_retake(&bank->lease[number], wish);
		return refuse_all(bank, number, wish, now);
	}
	off = ask_side(bank, number, wish, false, now);
	on = ask_side(bank, number, wish, true, now);
	return off ? off : on;
}

void weir_bank_park(struct weir_bank *bank, uint32_t number, enum weir_cause cause, bool leave, int64_t now)
{
	struct weir_lease *lease = &bank->lease[number];

	lease->epoch++;
	lease->is_live = false;
	lease->expires_ns = 0;
	if (leave)
		lease->is_held = false;
	for (uint32_t i = 0; i < lease->n; i++)
		park_line(bank, number, lease->line[i], cause, now);
}

/* --- time --------------------------------------------------------------------- */

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t tick_leases(struct weir_bank *bank, int64_t now)
{
	int64_t next = INT64_MAX;

	for (uint32_t i = 0; i < bank->n_leases; i++) {
		struct weir_lease *lease = &bank->lease[i];
		enum weir_cause cause;

		if (!lease->is_live)
			continue;
		if (now >= lost_at(lease, &cause))
			weir_bank_park(bank, i, cause, cause == WEIR_EXPIRED, now);
		else
			next = sooner(next, lost_at(lease, &cause));
	}
	return next;
}

static int64_t tick_max_on(struct weir_bank *bank, uint32_t lease, uint32_t number, int64_t now)
{
	struct weir_line *line = &bank->line[number];
	int64_t due = line->changed_ns + line->rule.max_on;

	if (!line->rule.max_on || !is_on(line->value))
		return INT64_MAX;
	if (now < due)
		return due;
	park_line(bank, lease, number, WEIR_MAX_ON, now);
	return INT64_MAX;
}

static int64_t tick_wish(struct weir_bank *bank, uint32_t lease, uint32_t number, int64_t now)
{
	struct weir_line *line = &bank->line[number];
	int64_t when;

	if (!line->waits)
		return INT64_MAX;
	if (judge(bank, line, line->wish, now, &when))
		return when;
	ask_line(bank, lease, number, line->wish, WEIR_GRANTED, now);
	return INT64_MAX;
}

static int64_t tick_lines(struct weir_bank *bank, int64_t now,
			  int64_t (*tick)(struct weir_bank *, uint32_t, uint32_t, int64_t))
{
	int64_t next = INT64_MAX;

	for (uint32_t i = 0; i < bank->n_leases; i++)
		for (uint32_t k = 0; bank->lease[i].is_live && k < bank->lease[i].n; k++)
			next = sooner(next, tick(bank, i, bank->lease[i].line[k], now));
	return next;
}

/* What goes off comes first: it may be what a wish waits for. A wish that is granted may itself end another one's wait, and
 * starts the time of max_on. */
int64_t weir_bank_tick(struct weir_bank *bank, int64_t now)
{
	int64_t next = tick_leases(bank, now);

	tick_lines(bank, now, tick_max_on);
	tick_lines(bank, now, tick_wish);
	next = sooner(next, tick_lines(bank, now, tick_wish));
	return sooner(next, tick_lines(bank, now, tick_max_on));
}

int64_t weir_bank_remembers(const struct weir_bank *bank, uint32_t number)
{
	const struct weir_lease *lease = &bank->lease[number];
	int64_t until = INT64_MIN;

	for (uint32_t i = 0; i < lease->n; i++) {
		const struct weir_line *line = &bank->line[lease->line[i]];
		const struct weir_rule *rule = &line->rule;
		int64_t rest = rest_ends(line), off = line->has_changed ? line->changed_ns + rule->gap : INT64_MIN;

		if (rule->starts && line->n_starts) {
			int64_t last = line->start_ns[(line->n_starts - 1) % WEIR_STARTS_MAX] + rule->per;

			until = last > until ? last : until;
		}
		until = rest > until ? rest : until;
		until = off > until ? off : until;
	}
	return until;
}

const char *weir_cause_name(enum weir_cause cause)
{
	static const char *const name[] = {
		[WEIR_ASKED] = "asked",   [WEIR_GRANTED] = "granted",   [WEIR_BY_HAND] = "hand",
		[WEIR_MAX_ON] = "max_on", [WEIR_DEADLINE] = "deadline", [WEIR_STALE] = "stale",
		[WEIR_DIED] = "died",     [WEIR_LEFT] = "left",         [WEIR_EXPIRED] = "expired",
		[WEIR_TAKEN] = "taken",
	};

	return (unsigned)cause < WEIR_CAUSES ? name[cause] : "?";
}

const char *weir_refusal_name(enum weir_refusal refusal)
{
	static const char *const name[] = {
		[WEIR_NOT_REFUSED] = "",          [WEIR_TOO_LATE] = "late",         [WEIR_TOO_SHORT_ON] = "min_on",
		[WEIR_TOO_SHORT_OFF] = "min_off", [WEIR_INTERLOCKED] = "interlock", [WEIR_TOO_MANY_STARTS] = "starts",
	};

	return (unsigned)refusal < WEIR_REFUSALS ? name[refusal] : "?";
}
