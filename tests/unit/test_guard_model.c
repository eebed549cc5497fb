/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every reachable state of the guard's judgement, for small rules: breadth first over all that may happen (time passes,
 * beats, asks of the present and of an earlier epoch, retakes, deaths, new holders, people, another guard after the first
 * one's death), with a monitor of its own that sees nothing but the decisions.
 *
 * Time is discrete, a state is kept relative to now, and what is older than every rule that asks for it is all the same age: so there are
 * finitely many states, and all of them are visited.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guard/rules.h"
#include "visited.h"

#define LINES 2
#define NEVER (-100)
#define STATES_MAX (1u << 18)

/* What the monitor knows of a line: from the decisions alone. */
struct ghost {
	bool is_on, has_switched;
	int8_t switched; /* relative to now */
	int8_t start[3]; /* of the last starts, NEVER when there is none */
};

struct state {
	struct weir_bank bank;
	struct ghost ghost[LINES];
	int8_t beat[LINES], fresh[LINES]; /* the monitor's: of the lease's holder */
	bool beaten[LINES];
	uint64_t known[LINES]; /* the epoch that the holder has */
};

struct model {
	const char *name;
	struct weir_rule rule[LINES];
	uint32_t n_leases; /* one of two lines, or two of one */
	int64_t patience, stale;
};

static struct {
	const struct model *model;
	struct state state;
	unsigned decisions;
	bool taking;
} now_at;

/* --- the monitor ---------------------------------------------------------------- */

static void check_start(const struct weir_rule *rule, const struct ghost *ghost)
{
	if (rule->starts)
		assert_false(ghost->start[rule->starts - 1] != NEVER && -ghost->start[rule->starts - 1] < rule->per);
}

static void check_on(uint32_t line, const struct ghost *ghost)
{
	const struct weir_rule *rule = &now_at.model->rule[line];

	for (uint32_t other = 0; other < LINES; other++) {
		const struct ghost *another = &now_at.state.ghost[other];

		if (other == line || !*rule->group || strcmp(rule->group, now_at.model->rule[other].group))
			continue;
		assert_false(another->is_on);
		if (another->has_switched)
			assert_true(-another->switched >= rule->gap);
	}
	if (ghost->has_switched)
		assert_true(-ghost->switched >= rule->min_off);
}

static void note_start(struct ghost *ghost)
{
	ghost->start[2] = ghost->start[1];
	ghost->start[1] = ghost->start[0];
	ghost->start[0] = 0;
}

static bool is_wish(enum weir_cause cause)
{
	return cause == WEIR_ASKED || cause == WEIR_GRANTED || cause == WEIR_BY_HAND;
}

/* Nobody commands who does not beat, not even for a moment. */
static void check_trust(uint32_t lease)
{
	const struct state *state = &now_at.state;

	assert_true(state->bank.lease[lease].is_live);
	if (now_at.model->patience && state->beaten[lease])
		assert_true(-state->beat[lease] < now_at.model->patience);
	if (now_at.model->stale)
		assert_true(-state->fresh[lease] < now_at.model->stale);
}

static void decided(void *context, const struct weir_decision *decision)
{
	struct ghost *ghost = &now_at.state.ghost[decision->line];
	const struct weir_rule *rule = &now_at.model->rule[decision->line];
	bool on = decision->value != 0;

	(void)context;
	now_at.decisions++;
	if (decision->refusal || on == ghost->is_on) {
		assert_int_equal(on, ghost->is_on);
		return;
	}
	if (is_wish(decision->cause)) {
		check_trust(decision->lease);
		if (on)
			check_on(decision->line, ghost);
		else if (ghost->has_switched)
			assert_true(-ghost->switched >= rule->min_on);
		if (on != (rule->park != 0))
			check_start(rule, ghost);
	} else {
		assert_true(decision->value == rule->park);
	}
	if (on != (rule->park != 0))
		note_start(ghost);
	ghost->is_on = on;
	ghost->has_switched = true;
	ghost->switched = 0;
}

/* Is there a reason not to grant what is wished for? The monitor's own view of it. */
static bool is_bound(uint32_t line)
{
	const struct weir_rule *rule = &now_at.model->rule[line];
	const struct ghost *ghost = &now_at.state.ghost[line];
	bool on = !ghost->is_on;

	if (ghost->has_switched && -ghost->switched < (on ? rule->min_off : rule->min_on))
		return true;
	if (rule->starts && on != (rule->park != 0) && ghost->start[rule->starts - 1] != NEVER &&
	    -ghost->start[rule->starts - 1] < rule->per)
		return true;
	for (uint32_t other = 0; other < LINES && on && *rule->group; other++)
		if (other != line && !strcmp(rule->group, now_at.model->rule[other].group) &&
		    (now_at.state.ghost[other].is_on ||
		     (now_at.state.ghost[other].has_switched && -now_at.state.ghost[other].switched < rule->gap)))
			return true;
	return false;
}

static void check_line(uint32_t lease, uint32_t line)
{
	const struct weir_rule *rule = &now_at.model->rule[line];
	const struct ghost *ghost = &now_at.state.ghost[line];

	assert_int_equal(now_at.state.bank.line[line].value != 0, ghost->is_on);
	if (rule->max_on && ghost->is_on)
		assert_true(-ghost->switched < rule->max_on);
	if (!now_at.state.bank.lease[lease].is_live)
		assert_true(now_at.state.bank.line[line].value == rule->park);
	if (now_at.state.bank.line[line].waits)
		assert_true(is_bound(line));
}

/* What must hold whenever the guard goes back to sleep. */
static void check(void)
{
	const struct model *model = now_at.model;

	for (uint32_t i = 0; i < now_at.state.bank.n_leases; i++) {
		const struct weir_lease *lease = &now_at.state.bank.lease[i];

		if (lease->is_live && model->patience && now_at.state.beaten[i])
			assert_true(-now_at.state.beat[i] < model->patience);
		if (lease->is_live && model->stale)
			assert_true(-now_at.state.fresh[i] < model->stale);
		for (uint32_t k = 0; k < lease->n; k++)
			check_line(i, lease->line[k]);
	}
}

/* --- what may happen ------------------------------------------------------------ */

/* One older, but no older than the longest of the rules that ask for it. */
static int8_t older(int8_t age, int64_t longest)
{
	return age == NEVER ? NEVER : age <= -longest ? (int8_t)-longest : (int8_t)(age - 1);
}

static int64_t earlier(int64_t when, int64_t longest)
{
	return when <= -longest ? -longest : when - 1;
}

static int64_t longest_rest(void)
{
	double longest = 0;

	for (uint32_t i = 0; i < LINES; i++) {
		const struct weir_rule *rule = &now_at.model->rule[i];

		longest = fmax(longest, fmax(fmax(rule->max_on, rule->gap), fmax(rule->min_on, rule->min_off)));
	}
	return (int64_t)longest;
}

static void age_line(uint32_t number)
{
	struct weir_line *line = &now_at.state.bank.line[number];
	struct ghost *ghost = &now_at.state.ghost[number];
	int64_t rest = longest_rest(), per = now_at.model->rule[number].per;

	line->changed_ns = earlier(line->changed_ns, rest);
	for (uint32_t i = 0; i < WEIR_STARTS_MAX; i++)
		line->start_ns[i] = earlier(line->start_ns[i], per);
	ghost->switched = older(ghost->switched, rest);
	for (int i = 0; i < 3; i++)
		ghost->start[i] = older(ghost->start[i], per);
}

static void pass_time(void)
{
	struct state *state = &now_at.state;

	for (uint32_t i = 0; i < LINES; i++)
		age_line(i);
	for (uint32_t i = 0; i < state->bank.n_leases; i++) {
		state->bank.lease[i].beat_ns = earlier(state->bank.lease[i].beat_ns, now_at.model->patience);
		state->bank.lease[i].fresh_ns = earlier(state->bank.lease[i].fresh_ns, now_at.model->stale);
		state->beat[i] = older(state->beat[i], now_at.model->patience);
		state->fresh[i] = older(state->fresh[i], now_at.model->stale);
	}
}

static void tick(void)
{
	assert_true(weir_bank_tick(&now_at.state.bank, 0) > 0);
	check();
}

/* Nothing may be due before the time that the guard was told to sleep until. */
static void let_pass(void)
{
	int64_t next = weir_bank_tick(&now_at.state.bank, 0);
	unsigned before = now_at.decisions;

	pass_time();
	tick();
	if (next > 1)
		assert_int_equal(now_at.decisions, before);
}

static void beat(uint32_t lease, bool fresh)
{
	struct state *state = &now_at.state;

	weir_bank_beat(&state->bank, lease, 1, fresh ? 1 : NEVER, 0);
	/* The bank takes what is in the future as now. A beat within the same instant as the last changes nothing. */
	if (state->bank.lease[lease].has_beaten) {
		state->beat[lease] = 0;
		state->beaten[lease] = true;
	}
	if (fresh)
		state->fresh[lease] = 0;
}

static void ask(uint32_t lease, unsigned bits, bool retake)
{
	struct state *state = &now_at.state;
	struct weir_wish wish = { .retake = retake, .epoch = state->known[lease] };
	double before[LINES];

	for (uint32_t i = 0; i < state->bank.lease[lease].n; i++)
		wish.value[i] = bits >> i & 1;
	for (uint32_t i = 0; i < LINES; i++)
		before[i] = state->bank.line[i].value;
	weir_bank_ask(&state->bank, lease, &wish, 0);
	if (wish.epoch != state->bank.lease[lease].epoch || !state->bank.lease[lease].is_held)
		for (uint32_t i = 0; i < LINES; i++)
			assert_true(state->bank.line[i].value == before[i]);
	else if (state->bank.lease[lease].is_live && !state->beaten[lease]) {
		state->beaten[lease] = true;
		state->beat[lease] = 0;
	}
	tick();
}

static void take(uint32_t lease)
{
	struct state *state = &now_at.state;
	unsigned before = now_at.decisions;

	if (state->bank.lease[lease].is_held)
		return;
	weir_bank_take(&state->bank, lease, 0);
	/* Taken over without a glitch. */
	assert_int_equal(now_at.decisions, before);
	state->known[lease] = state->bank.lease[lease].epoch;
	state->beaten[lease] = false;
	state->beat[lease] = state->fresh[lease] = 0;
	tick();
}

static void park(uint32_t lease, enum weir_cause cause, bool leave)
{
	weir_bank_park(&now_at.state.bank, lease, cause, leave, 0);
	tick();
}

/* The guard dies with everything as it is; the next one has no leases, but knows the history of the lines. */
static void restart(void)
{
	struct state *state = &now_at.state;

	for (uint32_t i = 0; i < LINES; i++) {
		const struct weir_line was = state->bank.line[i];
		bool parks_on = was.rule.park != 0;

		if (state->ghost[i].is_on != parks_on) {
			state->ghost[i].is_on = parks_on;
			state->ghost[i].has_switched = true;
			state->ghost[i].switched = 0;
		}
		memset(&state->bank.line[i], 0, sizeof(was));
		weir_bank_recall(&state->bank, i, &was, 0);
	}
	for (uint32_t i = 0; i < state->bank.n_leases; i++) {
		struct weir_lease *lease = &state->bank.lease[i];

		lease->is_held = lease->is_live = lease->has_beaten = state->beaten[i] = false;
		lease->beat_ns = lease->fresh_ns = state->beat[i] = state->fresh[i] = 0;
		state->known[i] = 0;
	}
	tick();
}

#define ACTIONS 14
#define LET_PASS (-1)
#define RESTART (-2)

/* What an earlier holder had asked for arrives after all. */
static void ask_late(uint32_t lease)
{
	struct state *state = &now_at.state;
	uint64_t known = state->known[lease];

	state->known[lease] = state->bank.lease[lease].epoch - 1;
	ask(lease, 3, true);
	state->known[lease] = known;
}

static void act(uint32_t lease, unsigned action)
{
	struct state *state = &now_at.state;
	unsigned bits = action & 3;

	if (action < 4) {
		ask(lease, bits, false);
	} else if (action < 8) {
		state->known[lease] = state->bank.lease[lease].epoch;
		ask(lease, bits, true);
	} else if (action == 8 || action == 12) {
		beat(lease, action == 8);
		tick();
	} else if (action == 9) {
		take(lease);
	} else if (action == 10) {
		park(lease, WEIR_DIED, true);
	} else if (action == 11) {
		park(lease, WEIR_LEFT, false);
	} else {
		ask_late(lease);
	}
}

/* --- all states ------------------------------------------------------------------ */

/* A state without what does not matter: how often, and which epoch. */
static void reduce(struct state *state)
{
	for (uint32_t i = 0; i < LINES; i++) {
		struct weir_line *line = &state->bank.line[i];
		uint32_t starts = line->rule.starts, n = line->n_starts < starts ? line->n_starts : starts;
		int64_t last[WEIR_STARTS_MAX];

		for (uint32_t k = 0; k < n; k++)
			last[k] = line->start_ns[(line->n_starts - n + k) % WEIR_STARTS_MAX];
		memset(line->start_ns, 0, sizeof(line->start_ns));
		memcpy(line->start_ns, last, n * sizeof(*last));
		line->n_starts = n;
		if (!line->waits)
			line->wish = 0;
		for (uint32_t k = starts; k < 3; k++)
			state->ghost[i].start[k] = NEVER;
	}
	for (uint32_t i = 0; i < state->bank.n_leases; i++) {
		state->known[i] = state->known[i] == state->bank.lease[i].epoch;
		state->bank.lease[i].epoch = 1;
	}
}

/* Few bytes that tell states apart. */
static uint32_t pack(const struct state *state, uint8_t *key)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < LINES; i++) {
		const struct weir_line *line = &state->bank.line[i];

		key[n++] = (uint8_t)((line->value != 0) | (line->wish != 0) << 1 | line->waits << 2 |
				     line->has_changed << 3 | line->n_starts << 4);
		key[n++] = (uint8_t)line->changed_ns;
		for (uint32_t k = 0; k < 2; k++)
			key[n++] = (uint8_t)line->start_ns[k];
		key[n++] = (uint8_t)(state->ghost[i].has_switched ? state->ghost[i].switched : NEVER);
		for (uint32_t k = 0; k < 2; k++)
			key[n++] = (uint8_t)state->ghost[i].start[k];
	}
	for (uint32_t i = 0; i < LINES; i++) {
		const struct weir_lease *lease = &state->bank.lease[i];

		key[n++] = (uint8_t)(lease->is_held | lease->is_live << 1 | lease->has_beaten << 2 |
				     (state->known[i] & 1) << 3 | state->beaten[i] << 4);
		key[n++] = (uint8_t)lease->beat_ns;
		key[n++] = (uint8_t)lease->fresh_ns;
		key[n++] = (uint8_t)state->beat[i];
		key[n++] = (uint8_t)state->fresh[i];
	}
	return n;
}

static void visit(struct visited *visited, const struct state *state)
{
	uint8_t key[VISITED_KEY] = { 0 };

	assert_true(pack(state, key) <= VISITED_KEY);
	visited_add(visited, key);
}

/* The inverse of pack(), on top of the model's constants. */
static void unpack(struct state *state, const uint8_t *key)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < LINES; i++) {
		struct weir_line *line = &state->bank.line[i];

		line->value = key[n] & 1;
		line->wish = key[n] >> 1 & 1;
		line->waits = key[n] >> 2 & 1;
		line->has_changed = key[n] >> 3 & 1;
		line->n_starts = key[n++] >> 4;
		line->changed_ns = (int8_t)key[n++];
		for (uint32_t k = 0; k < 2; k++)
			line->start_ns[k] = (int8_t)key[n++];
		state->ghost[i] = (struct ghost){ .is_on = line->value != 0, .start = { NEVER, NEVER, NEVER } };
		state->ghost[i].switched = (int8_t)key[n++];
		state->ghost[i].has_switched = state->ghost[i].switched != NEVER;
		for (uint32_t k = 0; k < 2; k++)
			state->ghost[i].start[k] = (int8_t)key[n++];
	}
	for (uint32_t i = 0; i < LINES; i++) {
		struct weir_lease *lease = &state->bank.lease[i];
		uint8_t bits = key[n++];

		lease->is_held = bits & 1;
		lease->is_live = bits >> 1 & 1;
		lease->has_beaten = bits >> 2 & 1;
		state->known[i] = bits >> 3 & 1;
		state->beaten[i] = bits >> 4 & 1;
		lease->beat_ns = (int8_t)key[n++];
		lease->fresh_ns = (int8_t)key[n++];
		state->beat[i] = (int8_t)key[n++];
		state->fresh[i] = (int8_t)key[n++];
	}
}

static void begin(struct state *state, const struct model *model)
{
	*state = (struct state){ .bank = { .n_lines = LINES, .n_leases = model->n_leases, .decided = decided } };
	for (uint32_t i = 0; i < LINES; i++) {
		assert_null(weir_rule_problem(&model->rule[i]));
		state->bank.line[i].rule = model->rule[i];
		state->bank.line[i].value = state->bank.line[i].wish = model->rule[i].park;
		state->ghost[i] = (struct ghost){ .is_on = model->rule[i].park != 0, .start = { NEVER, NEVER, NEVER } };
	}
	for (uint32_t i = 0; i < model->n_leases; i++) {
		struct weir_lease *lease = &state->bank.lease[i];

		*lease = (struct weir_lease){ .epoch = 1, .patience = model->patience, .stale = model->stale };
		lease->n = LINES / model->n_leases;
		for (uint32_t k = 0; k < lease->n; k++)
			lease->line[k] = (uint16_t)(i + k);
	}
}

/* A bank has room for many lines, and copying it all is what would take the time. */
static void copy(struct state *to, const struct state *from)
{
	memcpy(to->bank.line, from->bank.line, LINES * sizeof(*from->bank.line));
	memcpy(to->bank.lease, from->bank.lease, LINES * sizeof(*from->bank.lease));
	memcpy((char *)to + offsetof(struct state, ghost), (const char *)from + offsetof(struct state, ghost),
	       sizeof(*from) - offsetof(struct state, ghost));
}

static void step(struct visited *visited, const struct state *from, uint32_t lease, int action)
{
	copy(&now_at.state, from);
	now_at.decisions = 0;
	if (action == LET_PASS)
		let_pass();
	else if (action == RESTART)
		restart();
	else
		act(lease, (unsigned)action);
	reduce(&now_at.state);
	visit(visited, &now_at.state);
}

static void explore(const struct model *model)
{
	struct visited visited;
	struct state from, first;

	visited_open(&visited, STATES_MAX);
	now_at.model = model;
	begin(&first, model);
	now_at.state = from = first;
	reduce(&from);
	visit(&visited, &from);
	for (uint32_t i = 0; i < visited.n; i++) {
		copy(&from, &first);
		unpack(&from, visited.key[i]);
		step(&visited, &from, 0, LET_PASS);
		step(&visited, &from, 0, RESTART);
		for (uint32_t lease = 0; lease < model->n_leases; lease++)
			for (int action = 0; action < ACTIONS; action++)
				step(&visited, &from, lease, action);
	}
	print_message("%s: %u states\n", model->name, visited.n);
	assert_true(visited.n > 100);
	visited_close(&visited);
}

/* Two pipelines, each with a line of one group: never both on, never without the gap between, never past max_on. */
static void test_interlock_of_two_holders(void **state)
{
	const struct weir_rule rule = { .group = "g", .gap = 2, .max_on = 3 };
	const struct model model = { "interlock of two holders", { rule, rule }, 2, 2, 0 };

	(void)state;
	explore(&model);
}

/* One pipeline that sets both lines of a group at once. */
static void test_interlock_of_one_holder(void **state)
{
	const struct model model = { "interlock of one holder",
				     { { .group = "g", .max_on = 4, .min_on = 2, .min_off = 1 },
				       { .group = "g", .max_on = 3, .min_off = 2 } },
				     1,
				     3,
				     0 };

	(void)state;
	explore(&model);
}

/* All rules of time on one line, and a line beside it whose safe state is on. */
static void test_all_rules_of_time(void **state)
{
	const struct model model = { "all rules of time",
				     { { .max_on = 4, .min_on = 2, .min_off = 2, .starts = 2, .per = 9 },
				       { .park = 1, .min_off = 2 } },
				     1,
				     2,
				     3 };

	(void)state;
	explore(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interlock_of_two_holders),
		cmocka_unit_test(test_interlock_of_one_holder),
		cmocka_unit_test(test_all_rules_of_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
