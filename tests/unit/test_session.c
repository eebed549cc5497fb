/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions: windows that go on while records come close to each other. */
#include <stdlib.h>

#include "harness.h"

#define N 3000
#define US INT64_C(1000)
#define ALL "count() as n, first(x) as first, last(x) as last, max(x) as max, median(x) as median"

enum { COUNT, FIRST, LAST, MAX, MEDIAN };

/* A field x at irregular times with silences of all lengths; some times are equal. */
static struct weir_block *make_records(struct weir_schema *schema, uint64_t *random)
{
	struct weir_block *memory;
	int64_t t = (int64_t)(harness_random(random) >> 3);

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	memory = harness_memory(schema, N);
	for (uint32_t i = 0; i < N; i++) {
		t += harness_below(random, 20) ? harness_below(random, 300) : harness_below(random, 3000);
		memory->t[i] = t;
		memory->column[0].real[i] = harness_uniform(random);
	}
	return memory;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void expect_session(const struct harness *h, uint32_t row, const double *x, uint32_t n)
{
	double sorted[N];

	for (uint32_t i = 0; i < n; i++)
		sorted[i] = x[i];
	qsort(sorted, n, sizeof(*sorted), by_value);
	assert_int_equal(h->value[COUNT][row].integer, n);
	assert_true(h->value[FIRST][row].real == x[0]);
	assert_true(h->value[LAST][row].real == x[n - 1]);
	assert_true(h->value[MAX][row].real == sorted[n - 1]);
	assert_true(h->value[MEDIAN][row].real == (sorted[(n - 1) / 2] / 2 + sorted[n / 2] / 2));
}

/* For gaps of all lengths: a session has the records that are less than the gap apart, and comes out with the time at which the
 * gap was over; the cuts of the stream change no bit. */
static void sessions_follow_the_model(void **state)
{
	uint64_t random = 5;

	(void)state;
	for (int round = 0; round < 60; round++) {
		int64_t gap = 1 + harness_below(&random, harness_below(&random, 2) ? 300 : 3000);
		struct weir_schema schema;
		struct weir_block *memory = make_records(&schema, &random);
		struct harness h;
		uint32_t row = 0, from = 0;
		char chain[256];

		snprintf(chain, sizeof(chain), "window session %lldns " ALL, (long long)gap);
		harness_run_cut(&h, chain, memory, &random);
		for (uint32_t i = 1; i <= N; i++) {
			if (i < N && memory->t[i] - memory->t[i - 1] < gap)
				continue;
			assert_in_range(row, 0, h.n - 1);
			assert_int_equal(h.t[row], memory->t[i - 1] + gap);
			expect_session(&h, row++, memory->column[0].real + from, i - from);
			from = i;
		}
		assert_int_equal(h.n, row);
		harness_close(&h);
		harness_memory_free(memory);
	}
}

static struct weir_block *make_at(struct weir_schema *schema, const int64_t *us, uint32_t n)
{
	struct weir_block *memory;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	memory = harness_memory(schema, n);
	for (uint32_t i = 0; i < n; i++) {
		memory->t[i] = us[i] * US;
		memory->column[0].real[i] = i;
	}
	return memory;
}

/* A session is over once time has passed its gap, although no record of its own shows that: behind a condition, the records that
 * did not pass do. Not one nanosecond earlier. */
static void silence_closes(void **state)
{
	static const int64_t us[] = { 0, 1, 2, 10, 11, 20 };
	struct weir_schema schema;
	struct weir_block *memory = make_at(&schema, us, 6), block;
	struct harness h;

	(void)state;
	assert_true(harness_open(&h, "where x < 3 | window session 9us count() as n", &schema));
	for (uint32_t i = 0; i < 6; i++) {
		weir_block_slice(&block, memory, i, 1);
		assert_int_equal(harness_push(&h, &block), 0);
		assert_int_equal(h.n, i >= 4);
	}
	assert_int_equal(h.t[0], 11 * US);
	assert_int_equal(h.value[0][0].integer, 3);
	assert_int_equal(harness_flush(&h), 0);
	assert_int_equal(h.n, 1);
	harness_close(&h);
	harness_memory_free(memory);
}

/* A record out of order goes with the session that is open when it is near enough to either end of it. One that is too old for it
 * is counted as late: alone it would have been a session before. */
static void out_of_order_is_near_enough_or_late(void **state)
{
	static const int64_t us[] = { 0, 100, 95, 87, 101, 3, 60, 120 };
	struct weir_schema schema;
	struct weir_block *memory = make_at(&schema, us, 8);
	struct harness h;

	(void)state;
	for (uint32_t most = 1; most < 9; most++) {
		harness_run(&h, "window session 10us count() as n, first(x) as a, last(x) as b", memory, most, most);
		assert_int_equal(h.n, 3);
		assert_int_equal(h.value[0][0].integer, 1);
		assert_int_equal(h.value[0][1].integer, 4);
		assert_int_equal(h.t[1], 111 * US);
		assert_int_equal(h.value[0][2].integer, 1);
		assert_int_equal(atomic_load(&h.first->lost[WEIR_LOST_LATE]), 2);
		harness_close(&h);
	}
	harness_memory_free(memory);
}

/* Near both ends of time nothing overflows, and what could only end beyond it comes out at the end of the stream. */
static void ends_of_time(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;

	(void)state;
	memory = harness_numbers(&schema, 3);
	memory->t[0] = INT64_MIN;
	memory->t[1] = INT64_MAX - 10;
	memory->t[2] = INT64_MAX - 9;
	harness_run(&h, "window session 1h count() as n", memory, 3, 1);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.value[0][1].integer, 2);
	assert_true(h.t[1] == INT64_MAX);
	harness_close(&h);
	harness_memory_free(memory);
}

/* What makes no sense is refused with a word on what does. */
static void nonsense_is_refused(void **state)
{
	struct weir_schema schema;

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 0);
	harness_expect_refusal("window session 0s count() as n", &schema, "0s");
	harness_expect_refusal("window session 1s step 1s count() as n", &schema, "takes no 'step'");
	harness_expect_refusal("window session 1s count() as n partial", &schema, "takes no 'partial'");
	harness_expect_refusal("window 1s session 1s count() as n", &schema, "not both");
	harness_expect_refusal("window session 10 count() as n", &schema, "needs a unit");
	harness_expect_refusal("window session 1s", &schema, "needs aggregates");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_follow_the_model),
		cmocka_unit_test(silence_closes),
		cmocka_unit_test(out_of_order_is_near_enough_or_late),
		cmocka_unit_test(ends_of_time),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
