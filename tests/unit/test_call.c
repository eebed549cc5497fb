/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `call`: functions of elements, lists and windows, what is refused, and what a failing function costs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build_path.h"
#include "harness.h"

#define N 3000

/* The library lies beside the tests, wherever they were built. At the end of a chain call would be a sink. */
static const char *chain_of(const char *function)
{
	static char chain[4096];
	char library[600];

	build_path(library, sizeof(library), "tests/call/functions.so");
	snprintf(chain, sizeof(chain), "call '%s:%.*s'%s | skip 0", library, (int)strcspn(function, " "), function,
		 function + strcspn(function, " "));
	return chain;
}

static struct weir_block *make_records(struct weir_schema *schema)
{
	struct weir_block *memory;
	uint64_t seed = 1;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	weir_schema_add(schema, "i", WEIR_INT, "", 0);
	weir_schema_add(schema, "b", WEIR_BOOL, "", 0);
	weir_schema_add(schema, "s", WEIR_TEXT, "", 12);
	memory = harness_memory(schema, N);
	for (uint32_t k = 0; k < N; k++) {
		memory->t[k] = (int64_t)k * 1000000;
		memory->column[0].real[k] = harness_uniform(&seed);
		memory->column[1].integer[k] = k;
		memory->column[2].integer[k] = k & 1;
		snprintf(memory->column[3].text + (size_t)k * 12, 12, "word%u", k);
	}
	return memory;
}

static void run(struct harness *h, const char *chain, const struct weir_block *memory, uint64_t seed)
{
	harness_run(h, chain, memory, seed % 2 ? WEIR_BLOCK_MAX : 7, seed);
}

/* A function of an element: its value, with the record's time; and the same one takes integers as reals. */
static void element_gives_a_value(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	struct harness h;

	(void)state;
	run(&h, chain_of("twice"), memory, 0);
	assert_int_equal(h.n, N);
	assert_string_equal(h.schema.field[0].name, "y");
	for (uint32_t k = 0; k < N; k++) {
		assert_true(h.value[0][k].real == 2 * memory->column[0].real[k]);
		assert_int_equal(h.t[k], memory->t[k]);
	}
	harness_close(&h);
	strcpy(schema.field[0].name, "other");
	strcpy(schema.field[1].name, "x");
	run(&h, chain_of("twice"), memory, 1);
	for (uint32_t k = 0; k < N; k++)
		assert_true(h.value[0][k].real == 2.0 * k);
	harness_close(&h);
	harness_memory_free(memory);
}

/* None, one or several records for one, all at its time, also where a block's end comes between. */
static void element_gives_none_or_several(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);

	(void)state;
	for (uint64_t seed = 0; seed < 2; seed++) {
		struct harness h;
		uint32_t n = 0;

		run(&h, chain_of("twos"), memory, seed);
		for (uint32_t k = 0; k < N; k++)
			for (uint32_t i = k, times = 0; i && i % 2 == 0 && times < 3; i /= 2, times++, n++) {
				assert_int_equal(h.value[0][n].integer, i);
				assert_int_equal(h.value[1][n].integer, times == 0);
				assert_int_equal(h.t[n], memory->t[k]);
			}
		assert_int_equal(h.n, n);
		harness_close(&h);
	}
	harness_memory_free(memory);
}

/* State lives from call to call, begins as `arg=` says, is one for each use, and its end comes out at the end. */
static void state_is_kept(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	double sum = 100;
	struct harness a, b;

	(void)state;
	run(&a, chain_of("sum arg=100"), memory, 0);
	run(&b, chain_of("sum arg=100"), memory, 1);
	harness_expect_same(&a, &b);
	assert_int_equal(a.n, N + 1);
	for (uint32_t k = 0; k < N; k++) {
		sum += memory->column[0].real[k];
		assert_true(a.value[0][k].real == sum);
	}
	assert_true(a.value[0][N].real == -sum);
	assert_int_equal(a.t[N], memory->t[N - 1]);
	harness_close(&b);
	harness_close(&a);
	harness_expect_refusal(chain_of("sum arg=many"), &schema, "refuses to begin");
	harness_memory_free(memory);
}

/* Text goes in and comes out, cut to its cell and counted. */
static void text_goes_through(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	struct harness h;

	(void)state;
	run(&h, chain_of("shout"), memory, 0);
	assert_int_equal(h.schema.field[0].bytes, 6);
	assert_string_equal(h.value[0][7].text, "WORD7");
	assert_string_equal(h.value[0][1234].text, "WORD1");
	assert_int_equal(h.first->lost[WEIR_LOST_CUT], N - 10);
	harness_close(&h);
	harness_memory_free(memory);
}

/* A function of a list sees every record once, in order, and may set times. */
static void list_sees_all(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	struct harness h;

	(void)state;
	run(&h, chain_of("square"), memory, 1);
	assert_int_equal(h.n, N);
	for (uint32_t k = 0; k < N; k++) {
		assert_true(h.value[0][k].real == memory->column[0].real[k] * memory->column[0].real[k]);
		assert_int_equal(h.t[k], memory->t[k] + 1);
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* Windows of a function are those of the stage window: same times, same numbers, for sizes and steps of all relations. */
static void windows_are_those_of_window(void **state)
{
	static const char *const spans[][2] = {
		{ "100", "100" },   { "100", "30" },   { "30", "100" },   { "7", "3" },         { "5000", "1" },
		{ "20ms", "20ms" }, { "50ms", "7ms" }, { "3ms", "11ms" }, { "999us", "500us" }, { "1h", "1h" },
	};
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	uint64_t seed = 9;

	(void)state;
	/* Distances of 0 to 40 ms: some windows stay empty. */
	for (uint32_t k = 1; k < N; k++)
		memory->t[k] = memory->t[k - 1] + (harness_below(&seed, 10) ? harness_below(&seed, 2000000)
									    : harness_below(&seed, 40000000));
	for (unsigned i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		struct harness ours, theirs;
		char chain[128];

		snprintf(chain, sizeof(chain), "mean window=%s step=%s", spans[i][0], spans[i][1]);
		run(&ours, chain_of(chain), memory, i);
		snprintf(chain, sizeof(chain), "window %s step %s mean(x) as mean, count() as n", spans[i][0],
			 spans[i][1]);
		run(&theirs, chain, memory, i + 1);
		assert_int_equal(ours.n, theirs.n);
		for (uint32_t k = 0; k < ours.n; k++) {
			double difference = ours.value[0][k].real - theirs.value[0][k].real;

			assert_int_equal(ours.t[k], theirs.t[k]);
			assert_int_equal(ours.value[1][k].integer, theirs.value[1][k].integer);
			assert_true(difference < 1e-9 && difference > -1e-9);
		}
		harness_close(&theirs);
		harness_close(&ours);
	}
	harness_memory_free(memory);
}

/* A window by time comes out when its time is over, as the records show that a condition keeps back: not with its next record. */
static void windows_are_not_late(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema), block;
	struct harness h;
	char chain[4200];

	(void)state;
	snprintf(chain, sizeof(chain), "where i < 3 | %s", chain_of("mean window=10ms"));
	assert_true(harness_open(&h, chain, &schema));
	for (uint32_t k = 0; k < 15; k++) {
		weir_block_slice(&block, memory, k, 1);
		assert_int_equal(harness_push(&h, &block), 0);
		assert_int_equal(h.n, k >= 10);
	}
	assert_int_equal(h.t[0], 10000000);
	assert_int_equal(h.value[1][0].integer, 3);
	assert_int_equal(harness_flush(&h), 0);
	assert_int_equal(h.n, 1);
	harness_close(&h);
	harness_memory_free(memory);
}

/* A record older than the one before is poison for windows by time: counted, and in none of them. One at the end of all time is in
 * none either, and ends those before it. */
static void late_records_are_counted(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	struct harness h;

	(void)state;
	memory->t[10] = 0;
	memory->t[20] = INT64_MIN;
	memory->t[N - 1] = INT64_MAX;
	run(&h, chain_of("mean window=1s"), memory, 0);
	assert_int_equal(h.n, 3);
	assert_int_equal(h.value[1][0].integer, 998);
	assert_int_equal(h.first->lost[WEIR_LOST_POISON], 3);
	harness_close(&h);
	harness_memory_free(memory);
}

/* on_error=skip leaves out the record and counts it; stop lets out what came before, and ends with a reason. */
static void failures_are_counted(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema), block;
	struct harness h;
	uint32_t negative = 0;

	(void)state;
	run(&h, chain_of("picky on_error=skip"), memory, 0);
	for (uint32_t k = 0; k < N; k++)
		negative += memory->column[0].real[k] < 0;
	assert_int_equal(h.n, N - negative);
	assert_int_equal(h.first->lost[WEIR_LOST_POISON], negative);
	harness_close(&h);

	for (uint32_t k = 0; k < 10; k++)
		memory->column[0].real[k] = 9 - 2.0 * k;
	weir_block_slice(&block, memory, 0, 10);
	assert_true(harness_open(&h, chain_of("picky"), &schema));
	assert_int_equal(harness_push(&h, &block), -EINVAL);
	harness_expect_error(&h, "failed with -7");
	assert_int_equal(h.n, 5);
	assert_int_equal(h.first->lost[WEIR_LOST_POISON], 1);
	harness_close(&h);

	assert_true(harness_open(&h, chain_of("liar"), &schema));
	assert_int_equal(harness_push(&h, &block), -EINVAL);
	harness_expect_error(&h, "gave 5 records, and may give 1");
	harness_close(&h);
	harness_memory_free(memory);
}

/* What cannot be called is refused before anything runs, and the message says what to do. */
static void mistakes_are_refused(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);

	(void)state;
	harness_expect_refusal("call ./no-such-library.so:f", &schema, "cannot load the library");
	harness_expect_refusal("call nonsense", &schema, "does not name a library and a function");
	harness_expect_refusal(chain_of("absent"), &schema, "exports no function 'absent'");
	harness_expect_refusal(chain_of("undescribed"), &schema, "WEIR_CALL");
	harness_expect_refusal(chain_of("newer"), &schema, "made for version 2");
	harness_expect_refusal(chain_of("nothing"), &schema, "of an element or of a list");
	harness_expect_refusal(chain_of("badly"), &schema, "'number' is no kind of field");
	harness_expect_refusal(chain_of("twice window=10"), &schema, "not of a window");
	harness_expect_refusal(chain_of("mean step=10"), &schema, "needs window=");
	harness_expect_refusal(chain_of("mean window=0"), &schema, "cannot be zero");
	harness_expect_refusal(chain_of("mean window=100000"), &schema, "at most 65536 records");
	harness_expect_refusal(chain_of("mean window=10 step=1s"), &schema, "does not match");
	strcpy(schema.field[0].name, "y");
	harness_expect_refusal(chain_of("twice"), &schema, "takes 'x'");
	strcpy(schema.field[3].name, "x");
	harness_expect_refusal(chain_of("twice"), &schema, "as another kind");
	harness_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(element_gives_a_value), cmocka_unit_test(element_gives_none_or_several),
		cmocka_unit_test(state_is_kept),         cmocka_unit_test(text_goes_through),
		cmocka_unit_test(list_sees_all),         cmocka_unit_test(windows_are_those_of_window),
		cmocka_unit_test(windows_are_not_late),  cmocka_unit_test(late_records_are_counted),
		cmocka_unit_test(failures_are_counted),  cmocka_unit_test(mistakes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
