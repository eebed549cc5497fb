/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stages that pass, thin out, reshape and decide: each against a loop that says the same in the plainest way. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define N 5000

/* Fields x (REAL), i (INT), b (BOOL) and s (TEXT) of random walks, at irregular times. */
static struct weir_block *make_records(struct weir_schema *schema, uint64_t seed)
{
	struct weir_block *memory;
	int64_t t = 0;
	double x = 0;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "V", 0);
	weir_schema_add(schema, "i", WEIR_INT, "", 0);
	weir_schema_add(schema, "b", WEIR_BOOL, "", 0);
	weir_schema_add(schema, "s", WEIR_TEXT, "", 12);
	memory = harness_memory(schema, N);
	for (uint32_t k = 0; k < N; k++) {
		x += harness_uniform(&seed);
		memory->t[k] = t += harness_below(&seed, 2000000);
		memory->column[0].real[k] = x;
		memory->column[1].integer[k] = (int64_t)k;
		memory->column[2].integer[k] = x > 0;
		snprintf(memory->column[3].text + k * 12, 12, "s%u", k);
	}
	return memory;
}

/* Many small blocks, or a few large ones. */
static void run(struct harness *h, const char *chain, const struct weir_block *memory, uint64_t seed)
{
	harness_run(h, chain, memory, seed % 3 ? WEIR_BLOCK_MAX : 7, seed);
}

/* Record `k` of the output is record `from` of the input, in every field. */
static void expect_record(const struct harness *h, uint32_t k, const struct weir_block *memory, uint32_t from)
{
	assert_in_range(k, 0, h->n - 1);
	assert_int_equal(h->t[k], memory->t[from]);
	assert_memory_equal(&h->value[0][k].real, &memory->column[0].real[from], 8);
	assert_int_equal(h->value[1][k].integer, memory->column[1].integer[from]);
	assert_int_equal(h->value[2][k].integer, memory->column[2].integer[from]);
	assert_string_equal(h->value[3][k].text, memory->column[3].text + from * 12);
}

/* where passes exactly the records for which the condition holds, whole, in order, however the stream is cut. */
static void where_passes_what_holds(void **state)
{
	struct weir_schema schema;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct weir_block *memory = make_records(&schema, seed);
		struct harness h;
		uint32_t n = 0;

		run(&h, "where x > 3 or x < -20", memory, seed);
		for (uint32_t k = 0; k < N; k++)
			if (memory->column[0].real[k] > 3 || memory->column[0].real[k] < -20)
				expect_record(&h, n++, memory, k);
		assert_int_equal(h.n, n);
		harness_close(&h);
		harness_memory_free(memory);
	}
}

/* A block that passes whole is not copied, and one of which nothing passes does not go on. */
static void where_moves_no_more_than_needed(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 1), block;
	struct harness h;

	(void)state;
	weir_block_slice(&block, memory, 0, 100);
	assert_true(harness_open(&h, "where i >= 0", &schema));
	assert_int_equal(harness_push(&h, &block), 0);
	assert_int_equal(h.n, 100);
	assert_int_equal(h.n_blocks, 1);
	harness_close(&h);
	assert_true(harness_open(&h, "where i < 0", &schema));
	assert_int_equal(harness_push(&h, &block), 0);
	assert_int_equal(h.n_blocks, 0);
	harness_close(&h);
	harness_memory_free(memory);
}

/* select keeps plain fields with kind, unit and every bit, computes the others, and a condition becomes a truth value. */
static void select_keeps_and_computes(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 2);
	struct harness h;

	(void)state;
	run(&h, "select s, m = x * 2 + 1, x, high = x > 1, i, b", memory, 2);
	assert_int_equal(h.n, N);
	assert_int_equal(h.schema.n_fields, 6);
	assert_int_equal(h.schema.field[0].kind, WEIR_TEXT);
	assert_int_equal(h.schema.field[0].bytes, 12);
	assert_string_equal(h.schema.field[2].unit, "V");
	assert_int_equal(h.schema.field[3].kind, WEIR_BOOL);
	assert_int_equal(h.schema.field[4].kind, WEIR_INT);
	assert_int_equal(h.schema.field[5].kind, WEIR_BOOL);
	for (uint32_t k = 0; k < N; k++) {
		double x = memory->column[0].real[k];

		assert_int_equal(h.t[k], memory->t[k]);
		assert_string_equal(h.value[0][k].text, memory->column[3].text + k * 12);
		assert_true(h.value[1][k].real == x * 2 + 1);
		assert_true(h.value[2][k].real == x);
		assert_int_equal(h.value[3][k].integer, x > 1);
		assert_int_equal(h.value[4][k].integer, k);
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* The time as a field is the integer that it is, and what is computed keeps the unit of what it was computed from. */
static void select_keeps_time_and_units(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 2);
	struct harness h;

	(void)state;
	for (uint32_t k = 0; k < N; k++)
		memory->t[k] += INT64_C(1) << 60;
	run(&h, "select k = t, twice = 2 * x, ratio = x / 1mV", memory, 2);
	assert_int_equal(h.schema.field[0].kind, WEIR_INT);
	assert_string_equal(h.schema.field[0].unit, "ns");
	assert_string_equal(h.schema.field[1].unit, "V");
	assert_string_equal(h.schema.field[2].unit, "");
	assert_int_equal(h.n, N);
	for (uint32_t k = 0; k < N; k++) {
		assert_int_equal(h.value[0][k].integer, memory->t[k]);
		assert_int_equal(h.t[k], memory->t[k]);
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* Two fields of one name are refused with a message that says so. */
static void select_refuses_duplicates(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 2);

	(void)state;
	harness_expect_refusal("select x, x = i * 2", &schema, "'x'");
	harness_memory_free(memory);
}

/* rename changes names and nothing else; two fields may swap theirs, but not share one. */
static void rename_changes_names_only(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 3);
	struct harness h;

	(void)state;
	run(&h, "rename x = i, i = x", memory, 3);
	assert_string_equal(h.schema.field[0].name, "i");
	assert_string_equal(h.schema.field[1].name, "x");
	assert_int_equal(h.n, N);
	for (uint32_t k = 0; k < N; k++)
		expect_record(&h, k, memory, k);
	harness_close(&h);
	harness_expect_refusal("rename x = i", &schema, "two fields named 'x'");
	harness_expect_refusal("rename y = x + 1", &schema, "'y' is not another name");
	harness_memory_free(memory);
}

/* every N passes records 0, N, 2N …; every DURATION the first, and each that is at least so long after the last passed. */
static void every_thins_out(void **state)
{
	struct weir_schema schema;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct weir_block *memory = make_records(&schema, seed);
		struct harness h;
		uint32_t n = 0, last = 0;

		run(&h, "every 7", memory, seed);
		for (uint32_t k = 0; k < N; k += 7)
			expect_record(&h, n++, memory, k);
		assert_int_equal(h.n, n);
		harness_close(&h);

		run(&h, "every 5ms", memory, seed);
		expect_record(&h, 0, memory, 0);
		n = 1;
		for (uint32_t k = 1; k < N; k++)
			if (memory->t[k] - memory->t[last] >= 5000000) {
				expect_record(&h, n++, memory, k);
				last = k;
			}
		assert_int_equal(h.n, n);
		harness_close(&h);
		harness_memory_free(memory);
	}
}

/* changed passes the first record and then each that is far enough from the last passed. */
static void changed_measures_from_the_last_passed(void **state)
{
	struct weir_schema schema;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct weir_block *memory = make_records(&schema, seed);
		const double *x = memory->column[0].real;
		struct harness h;
		uint32_t n = 1, last = 0;

		run(&h, "changed x by 2.5", memory, seed);
		for (uint32_t k = 1; k < N; k++)
			if (fabs(x[k] - x[last]) >= 2.5) {
				expect_record(&h, n++, memory, k);
				last = k;
			}
		assert_int_equal(h.n, n);
		harness_close(&h);
		harness_memory_free(memory);
	}
}

/* Where a value came from a raw integer, it is integers that are compared: 0.1 * 3 - 0.1 * 2 is less than 0.1 and passes. */
static void changed_compares_raw_integers(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;
	uint64_t random = 1;

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 0);
	schema.field[0].scale = 0.1;
	schema.field[0].offset = -17;
	memory = harness_memory(&schema, 1000);
	for (int k = 0; k < 1000; k++)
		memory->column[0].real[k] = ((double)k - 17) * 0.1;
	assert_true(harness_open(&h, "changed x by 0.1", &schema));
	harness_push_cut(&h, memory, 1000, 100, &random);
	assert_int_equal(h.n, 1000);
	harness_close(&h);
	harness_memory_free(memory);
}

/* One NaN passes as a change, more of them do not, and the return from it is a change again. */
static void changed_survives_nan(void **state)
{
	static const double values[] = { 1, NAN, NAN, 1, 1, 5 };
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;

	(void)state;
	memory = harness_numbers(&schema, 6);
	memcpy(memory->column[0].real, values, sizeof(values));
	assert_true(harness_open(&h, "changed x by 2", &schema));
	assert_int_equal(harness_push(&h, memory), 0);
	assert_int_equal(h.n, 4);
	assert_int_equal(h.t[1], 1000000);
	assert_int_equal(h.t[2], 3000000);
	assert_int_equal(h.t[3], 5000000);
	harness_close(&h);
	harness_expect_refusal("changed y by 2", &schema, "unknown field 'y'");
	harness_memory_free(memory);
}

/* Without `by`, any other value of a number passes, of an integer field as well. */
static void changed_without_by(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 4);
	const int64_t *b = memory->column[2].integer;
	struct harness h;
	uint32_t n = 1;

	(void)state;
	run(&h, "changed b", memory, 4);
	for (uint32_t k = 1; k < N; k++)
		if (b[k] != b[k - 1])
			expect_record(&h, n++, memory, k);
	assert_int_equal(h.n, n);
	harness_close(&h);
	harness_expect_refusal("changed s by 1", &schema, "texts have no distance");
	harness_memory_free(memory);
}

/* skip leaves out exactly the first N, and limit passes exactly the first N and then says that this is enough. */
static void skip_and_limit_count(void **state)
{
	static const uint32_t counts[] = { 0, 1, 99, 100, 101, 1234, N, N + 1 };
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 5), block;
	struct harness h;
	char chain[32];

	(void)state;
	for (unsigned c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		uint32_t kept = counts[c] < N ? N - counts[c] : 0;

		snprintf(chain, sizeof(chain), "skip %u", counts[c]);
		run(&h, chain, memory, 5);
		assert_int_equal(h.n, kept);
		for (uint32_t k = 0; k < kept; k++)
			expect_record(&h, k, memory, counts[c] + k);
		harness_close(&h);

		snprintf(chain, sizeof(chain), "limit %u", counts[c]);
		run(&h, chain, memory, 5);
		assert_int_equal(h.n, N - kept);
		for (uint32_t k = 0; k < h.n; k++)
			expect_record(&h, k, memory, k);
		weir_block_slice(&block, memory, 0, 1);
		assert_int_equal(harness_push(&h, &block), WEIR_ENOUGH);
		harness_close(&h);
	}
	harness_memory_free(memory);
}

/* The decision as one would write it down: hysteresis, off wins, and a change waits for its time. */
struct model {
	bool wanted, is_on, has_changed;
	int64_t since;
};

/* Is `t` at least so long after `before`? Unsigned: the distance of two times may not fit in 64 bits with a sign. */
static bool is_later_by(int64_t t, int64_t before, int64_t least)
{
	return t >= before && (uint64_t)t - (uint64_t)before >= (uint64_t)least;
}

static bool model_step(struct model *m, int64_t t, bool on, bool off, int64_t min_on, int64_t min_off)
{
	int64_t least = m->is_on ? min_on : min_off;

	if (off)
		m->wanted = false;
	else if (on)
		m->wanted = true;
	if (m->wanted == m->is_on || (m->has_changed && least && !is_later_by(t, m->since, least)))
		return false;
	m->is_on = m->wanted;
	m->has_changed = true;
	m->since = t;
	return true;
}

/* Every tenth record or so is as much as 100 ms late. */
static void set_back(struct weir_block *memory, uint64_t random)
{
	for (uint32_t k = 0; k < memory->n; k++)
		if (!harness_below(&random, 10))
			memory->t[k] -= harness_below(&random, 100000000);
}

/* switch says the first decision and every change of it, with the time of the record that caused it; also where times go back. */
static void switch_has_hysteresis(void **state)
{
	struct weir_schema schema;

	(void)state;
	for (uint64_t seed = 0; seed < 30; seed++) {
		struct weir_block *memory = make_records(&schema, seed);
		bool timed = seed & 1;
		struct model m = { 0 };
		struct harness h;
		uint32_t n = 0;

		if (seed % 3 == 2)
			set_back(memory, seed);
		run(&h,
		    timed ? "switch on x > 2 or b == 0 off x < -2 min_on=30ms min_off=50ms"
			  : "switch on x > 2 off x < -2",
		    memory, seed);
		for (uint32_t k = 0; k < N; k++) {
			double x = memory->column[0].real[k];
			bool on = x > 2 || (timed && x <= 0), off = x < -2;

			if (!model_step(&m, memory->t[k], on, off, timed ? 30000000 : 0, timed ? 50000000 : 0) && k)
				continue;
			assert_int_equal(h.t[n], memory->t[k]);
			assert_int_equal(h.value[0][n].integer, m.is_on);
			n++;
		}
		assert_int_equal(h.n, n);
		assert_string_equal(h.schema.field[0].name, "on");
		assert_int_equal(h.schema.field[0].kind, WEIR_BOOL);
		harness_close(&h);
		harness_memory_free(memory);
	}
}

/* A change of exactly the least time is one. */
static void switch_waits_exactly(void **state)
{
	static const int64_t times[] = { 0, 9999999, 10000000, 29999999, 30000000, 30000000 };
	static const double x[] = { 1, -1, -1, 1, 1, -1 };
	static const int64_t expected[] = { 0, 10000000, 30000000 };
	struct weir_schema schema;
	struct weir_block *memory = harness_numbers(&schema, 6);
	struct harness h;

	(void)state;
	memcpy(memory->t, times, sizeof(times));
	memcpy(memory->column[0].real, x, sizeof(x));
	run(&h, "switch on x > 0 off x < 0 min_on=10ms min_off=20ms", memory, 1);
	assert_int_equal(h.n, 3);
	for (uint32_t k = 0; k < 3; k++) {
		assert_int_equal(h.t[k], expected[k]);
		assert_int_equal(h.value[0][k].integer, !(k & 1));
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* A number is not a condition, and a switch needs both. */
static void switch_refuses_numbers(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 6);

	(void)state;
	harness_expect_refusal("switch on x off x < 1", &schema, "condition");
	harness_expect_refusal("switch on x > 1", &schema, "'off'");
	harness_expect_refusal("where x + 1", &schema, "condition");
	harness_expect_refusal("every 0", &schema, "cannot be zero");
	harness_memory_free(memory);
}

/* Six records at both ends of the clock's range, in an order of their own for each rotation; x is -1 and 1 in turn. */
static void make_wild(struct weir_block *memory, unsigned rotation)
{
	static const int64_t times[] = { INT64_MAX, INT64_MIN, 0, INT64_MAX, -1, INT64_MIN };

	for (unsigned k = 0; k < 6; k++) {
		memory->t[k] = times[(k + rotation) % 6];
		memory->column[0].real[k] = k & 1 ? 1 : -1;
	}
}

/* Stages that let a record pass by its distance from the last one know the distance of the farthest times, and of those that go back. */
static void wild_times_are_far_apart(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = harness_numbers(&schema, 6);

	(void)state;
	for (unsigned rotation = 0; rotation < 6; rotation++) {
		struct harness every, decide;
		struct model m = { 0 };
		uint32_t passed = 0, said = 0;
		int64_t last = 0;

		make_wild(memory, rotation);
		run(&every, "every 1s", memory, 1);
		run(&decide, "switch on x > 0 off x < 0 min_on=1s min_off=1s", memory, 1);
		for (uint32_t k = 0; k < 6; k++) {
			if (!k || is_later_by(memory->t[k], last, 1000000000)) {
				last = memory->t[k];
				assert_int_equal(every.t[passed], last);
				assert_true(every.value[0][passed++].real == memory->column[0].real[k]);
			}
			if (!model_step(&m, memory->t[k], k & 1, !(k & 1), 1000000000, 1000000000) && k)
				continue;
			assert_int_equal(decide.t[said], memory->t[k]);
			assert_int_equal(decide.value[0][said++].integer, m.is_on);
		}
		assert_int_equal(every.n, passed);
		assert_int_equal(decide.n, said);
		harness_close(&every);
		harness_close(&decide);
	}
	harness_memory_free(memory);
}

/* A window of such records is one of some of them: few, the same in blocks of any size, and a mean is between the least and the
 * greatest. */
static void wild_times_in_windows(void **state)
{
	static const char *const chains[] = { "window 1s step 300ms mean(x) as m, count() as n partial",
					      "window 1s mean(x) as m, count() as n partial",
					      "window session 1s mean(x) as m, count() as n" };
	struct weir_schema schema;
	struct weir_block *memory = harness_numbers(&schema, 6);
	uint64_t random = 9;

	(void)state;
	for (unsigned i = 0; i < 18; i++) {
		struct harness h;
		uint64_t seen = 0;

		make_wild(memory, i % 6);
		harness_run_cut(&h, chains[i / 6], memory, &random);
		assert_in_range(h.n, 1, 24);
		for (uint32_t k = 0; k < h.n; k++) {
			assert_true(fabs(h.value[0][k].real) <= 1);
			assert_in_range(h.value[1][k].integer, 1, 6);
			seen += (uint64_t)h.value[1][k].integer;
		}
		assert_true(i < 6 || seen + h.first->lost[WEIR_LOST_LATE] == 6);
		harness_close(&h);
	}
	harness_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_passes_what_holds),
		cmocka_unit_test(where_moves_no_more_than_needed),
		cmocka_unit_test(select_keeps_and_computes),
		cmocka_unit_test(select_keeps_time_and_units),
		cmocka_unit_test(select_refuses_duplicates),
		cmocka_unit_test(rename_changes_names_only),
		cmocka_unit_test(every_thins_out),
		cmocka_unit_test(changed_measures_from_the_last_passed),
		cmocka_unit_test(changed_compares_raw_integers),
		cmocka_unit_test(changed_survives_nan),
		cmocka_unit_test(changed_without_by),
		cmocka_unit_test(skip_and_limit_count),
		cmocka_unit_test(switch_has_hysteresis),
		cmocka_unit_test(switch_waits_exactly),
		cmocka_unit_test(switch_refuses_numbers),
		cmocka_unit_test(wild_times_are_far_apart),
		cmocka_unit_test(wild_times_in_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
