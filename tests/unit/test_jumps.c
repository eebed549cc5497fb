/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stamps that jump, by hours, by centuries, to both ends of what 64 bits hold. No stage floods, hangs or overflows (the sanitizers look),
 * what comes out does not depend on how blocks are cut, and a stream whose times go forward comes out forward.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define N 60
#define ROUNDS 60
#define S INT64_C(1000000000)

/* A chain, and the most records that one record in may bring out of it. */
static const struct {
	const char *chain;
	uint32_t most;
	bool may_go_back; /* what comes out is no older than what came out before, or this */
} cases[] = {
	{ "heartbeat 1s gap=10s", 12, false },
	{ "heartbeat 1h", 3, false },
	{ "heartbeat 2400h", 3, false },
	{ "where x > 0.5 | heartbeat 1s gap=30s", 33, false },
	{ "heartbeat 2s gap=10s | heartbeat 3s gap=20s", 30, false },
	{ "resample rate=2Hz gap=5s", 14, false },
	{ "resample rate=2Hz gap=5s method=last", 14, false },
	{ "resample rate=1000MHz gap=0s", 3, false },
	{ "window 1s count() as n", 2, true },
	{ "window 10s step 1s sum(x) as s", 14, true },
	{ "window 2400h step 24h max(x) as m gap=72h", 8, true },
	{ "window 10h step 1s count() as n gap=5s", 9, true },
	{ "window 1s step 300ms slope(x) as s", 6, true },
	{ "window 10s step 3s mean(x) as m partial", 10, true },
	{ "window session 5s count() as n", 2, true },
	{ "every 1s", 1, false },
	{ "throttle 1s keep=last", 2, false },
	{ "throttle 1s x by 0.5 keep=mean", 2, true },
	{ "timeout 1s", 2, true },
	{ "timeout 2400h keep", 2, true },
	{ "debounce 1s x", 2, true },
	{ "debounce 1s x mode=first", 2, true },
	{ "ramp x rate=0.5 every=200ms", 50, true },
	{ "ramp x rate=0 every=1s", 2, true },
	{ "ramp x rate=1e-300 every=1s", 3, true },
	{ "slowpwm abs(x) period=10s least=1s", 1, true },
	{ "switch on x > 0 off x < 0 min_on=1s min_off=1s", 1, true },
	{ "pid x set=0.1 kp=1 ki=1 kd=1 min=-9 max=9", 1, true },
	{ "ewma x tau=1s", 1, true },
	{ "delay 3", 2, true },
	{ "select h = hour(t), d = delta(t), p = x * delta(t) / 1h", 1, true },
};

static int64_t wild_time(uint64_t *random, int64_t before)
{
	static const int64_t ends[] = {
		INT64_MIN, INT64_MIN + 1,  INT64_MAX,      INT64_MAX - 1, INT64_MAX - S, INT64_MAX / 4, -1,
		0,         1700000000 * S, 4102444800 * S,
	};
	static const int64_t steps[] = { 0, S / 3, S, 7 * S, 3600 * S, 3601 * S, 86400 * S, 3000 * 86400 * S };
	int64_t t;

	if (!harness_below(random, 9))
		return ends[harness_below(random, sizeof(ends) / sizeof(ends[0]))];
	t = steps[harness_below(random, sizeof(steps) / sizeof(steps[0]))];
	if (!harness_below(random, 9))
		t = -t;
	return __builtin_add_overflow(before, t, &t) ? before : t;
}

static int compare(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

static struct weir_block *make_records(struct weir_schema *schema, uint64_t *random, bool is_sorted)
{
	struct weir_block *memory = harness_numbers(schema, N);
	int64_t t = 0;

	schema->clock = WEIR_CLOCK_REALTIME;
	for (uint32_t i = 0; i < N; i++) {
		memory->t[i] = t = wild_time(random, t);
		memory->column[0].real[i] = harness_below(random, 4) ? harness_uniform(random) : 0.75;
	}
	if (is_sorted)
		qsort(memory->t, N, sizeof(*memory->t), compare);
	return memory;
}

static void stages_stand_jumps(void **state)
{
	uint64_t random = 23;

	(void)state;
	alarm(120);
	for (uint32_t round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct weir_schema schema;
			struct weir_block *memory = make_records(&schema, &random, round & 1);
			struct harness h;

			harness_run_cut(&h, cases[i].chain, memory, &random);
			if (h.n > N * cases[i].most)
				fail_msg("%s: %u records out of %d", cases[i].chain, h.n, N);
			for (uint32_t k = 1; k < h.n && (round & 1); k++)
				if (h.t[k] < h.t[k - 1])
					fail_msg("%s: time goes back, to %lld", cases[i].chain, (long long)h.t[k]);
			harness_close(&h);
			harness_memory_free(memory);
		}
	alarm(0);
}

static struct weir_block *at_seconds(struct weir_schema *schema, const int64_t *s, uint32_t n)
{
	struct weir_block *memory = harness_numbers(schema, n);

	for (uint32_t i = 0; i < n; i++) {
		memory->t[i] = s[i] * S;
		memory->column[0].real[i] = i;
	}
	return memory;
}

static void expect_times(const char *chain, const int64_t *s, uint32_t n, const int64_t *expected, uint32_t n_expected,
			 uint64_t holes)
{
	struct weir_schema schema;
	struct weir_block *memory = at_seconds(&schema, s, n);
	uint64_t random = 5;
	struct harness h;

	harness_run_cut(&h, chain, memory, &random);
	for (uint32_t i = 0; i < h.n && i < n_expected; i++)
		assert_int_equal(h.t[i], expected[i] * S);
	assert_int_equal(h.n, n_expected);
	assert_int_equal(h.first->holes, holes);
	harness_close(&h);
	harness_memory_free(memory);
}

#define EXPECT(chain, holes, in, ...)                                                                           \
	do {                                                                                                    \
		static const int64_t out_[] = __VA_ARGS__;                                                      \
		expect_times(chain, in, sizeof(in) / sizeof(*(in)), out_, sizeof(out_) / sizeof(*out_), holes); \
	} while (0)

/* Beats go on for the gap, pause, and begin again at the same phase; a record that is a beat's own time is in time for it. */
static void beats_pause_in_a_hole(void **state)
{
	static const int64_t in[] = { 0, 2, 100003, 100007, 300010, 300011 };

	(void)state;
	EXPECT("heartbeat 2s gap=5s", 2, in, { 2, 4, 6, 100004, 100006, 100008, 100010, 100012, 300010 });
	/* A span that is longer than the gap of 1 h is its own. */
	EXPECT("heartbeat 2h", 2, in, { 7200, 100800 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stages_stand_jumps),
		cmocka_unit_test(beats_pause_in_a_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
