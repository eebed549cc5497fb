/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stages that act by time: throttle, timeout, debounce, click. Small stories are written as `ms=value` and told in blocks of
 * every size; long random ones meet the plainest model.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define N 3000
#define MS INT64_C(1000000)

/* ------------------------------------------------------------------ stories */

/* "0=1 10=nan": the field x, a real number. */
static struct weir_block *read_story(struct weir_schema *schema, const char *story)
{
	struct weir_block *memory;
	char *end;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "V", 0);
	memory = harness_memory(schema, 64);
	for (memory->n = 0; *story; memory->n++) {
		memory->t[memory->n] = strtol(story, &end, 10) * MS;
		memory->column[0].real[memory->n] = strtod(end + 1, &end);
		story = end + strspn(end, " ");
	}
	return memory;
}

static void write_value(FILE *stream, const struct harness *h, uint32_t field, uint32_t k)
{
	union harness_value value = h->value[field][k];

	if (h->schema.field[field].kind == WEIR_REAL)
		fprintf(stream, "%g", value.real);
	else if (h->schema.field[field].kind == WEIR_TEXT)
		fprintf(stream, "%s", value.text);
	else
		fprintf(stream, "%lld", (long long)value.integer);
}

/* What was collected, in the notation of a story; several fields with commas between. */
static char *tell(const struct harness *h)
{
	char *text;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	for (uint32_t k = 0; k < h->n; k++) {
		fprintf(stream, "%s%lld=", k ? " " : "", (long long)(h->t[k] / MS));
		for (uint32_t field = 0; field < h->schema.n_fields; field++) {
			fputs(field ? "," : "", stream);
			write_value(stream, h, field, k);
		}
	}
	fclose(stream);
	return text;
}

static void expect(const char *chain, const char *story, const char *expected)
{
	struct weir_schema schema;
	struct weir_block *memory = read_story(&schema, story), block;

	for (uint32_t size = 1; size <= memory->n; size++) {
		struct harness h;
		char *told;

		assert_true(harness_open(&h, chain, &schema));
		for (uint32_t from = 0; from < memory->n; from += size) {
			weir_block_slice(&block, memory, from, size < memory->n - from ? size : memory->n - from);
			assert_int_equal(harness_push(&h, &block), 0);
		}
		assert_int_equal(harness_flush(&h), 0);
		told = tell(&h);
		if (strcmp(told, expected))
			fail_msg("%s of '%s' in blocks of %u: '%s' and not '%s'", chain, story, size, told, expected);
		free(told);
		harness_close(&h);
	}
	harness_memory_free(memory);
}

/* ------------------------------------------------------------ random records */

/* x: a walk; b: a truth value that flickers and rests; at irregular times with silences, and also backwards if `is_ragged`. */
static struct weir_block *make_records(struct weir_schema *schema, uint64_t *random, bool is_ragged)
{
	struct weir_block *memory;
	int64_t t = 0;
	double x = 0;
	bool b = false;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	weir_schema_add(schema, "b", WEIR_BOOL, "", 0);
	memory = harness_memory(schema, N);
	for (uint32_t k = 0; k < N; k++) {
		t += (harness_below(random, 40) ? harness_below(random, 10) : harness_below(random, 300)) * MS;
		b ^= !harness_below(random, k / 200 % 2 ? 3 : 15);
		memory->t[k] = is_ragged && !harness_below(random, 20) ? t - harness_below(random, 30) * MS : t;
		memory->column[0].real[k] = x += harness_uniform(random);
		memory->column[1].integer[k] = b;
	}
	return memory;
}

/* Blocks cut anywhere give the same bytes, also where records come out of order. */
static void cuts_change_nothing(void **state)
{
	static const char *const chains[] = {
		"throttle 20ms",
		"throttle 20ms keep=last",
		"throttle 50ms x by 2 keep=last",
		"throttle 50ms x by 3 keep=mean",
		"ramp x rate=200 down=50 every=7ms",
		"timeout 15ms",
		"timeout 30ms keep | throttle 100ms keep=last",
		"debounce 10ms b",
		"debounce 5ms b on=0s off=40ms",
		"debounce 10ms b mode=first | timeout 100ms",
		"click b gap=30ms long=60ms",
		"debounce 4ms b | click b gap=20ms long=90ms pattern=\"..\"",
	};
	uint64_t random = 1;

	(void)state;
	for (size_t i = 0; i < 10 * sizeof(chains) / sizeof(chains[0]); i++) {
		struct weir_schema schema;
		struct weir_block *memory = make_records(&schema, &random, i & 1);
		struct harness h;

		harness_run_cut(&h, chains[i / 10], memory, &random);
		if (h.n < 2)
			fail_msg("'%s' gives next to nothing", chains[i / 10]);
		harness_close(&h);
		harness_memory_free(memory);
	}
}

/* A story of its own that goes on for as long as the model wants to tell it. */
struct model {
	const struct harness *h;
	uint32_t n;
};

static void say(struct model *m, int64_t t, double x)
{
	if (m->n >= m->h->n)
		fail_msg("record %u, at %lld, is missing", m->n, (long long)t);
	assert_int_equal(m->h->t[m->n], t);
	if (m->h->value[0][m->n].real != x && !(isnan(x) && isnan(m->h->value[0][m->n].real)))
		fail_msg("record %u, at %lld, is %g and not %g", m->n, (long long)t, m->h->value[0][m->n].real, x);
	m->n++;
}

/* ------------------------------------------------------------------ throttle */

/* Of each span the first record alone: that is `every`. */
static void throttle_first_is_every(void **state)
{
	uint64_t random = 2;
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, &random, true);
	struct harness throttle, every;

	(void)state;
	harness_run(&throttle, "throttle 20ms", memory, 100, 1);
	harness_run(&every, "every 20ms", memory, 100, 2);
	harness_expect_same(&throttle, &every);
	harness_close(&every);
	harness_close(&throttle);
	harness_memory_free(memory);
}

/* The newest of each span comes when it is over, and nothing is the last word but the last record. */
static void throttle_last_follows_the_model(void **state)
{
	uint64_t random = 3;
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, &random, false);
	const double *x = memory->column[0].real;
	struct harness h;
	struct model m = { &h, 1 };
	int64_t last;

	(void)state;
	harness_run(&h, "throttle 25ms keep=last", memory, 100, 1);
	assert_int_equal(h.t[0], memory->t[0]);
	last = memory->t[0];
	for (uint32_t k = 1; k < N; k++) {
		uint32_t newest = k;

		if (memory->t[k] - last >= 25 * MS) {
			say(&m, memory->t[k], x[k]);
			last = memory->t[k];
			continue;
		}
		while (newest + 1 < N && memory->t[newest + 1] <= last + 25 * MS)
			newest++;
		last += 25 * MS;
		if (newest == N - 1 && memory->t[newest] < last)
			last = memory->t[newest];
		say(&m, last, x[newest]);
		k = newest;
	}
	assert_int_equal(h.n, m.n);
	harness_close(&h);
	harness_memory_free(memory);
}

/* First value, great change at once and a new span behind it, the end of the stream, the mean, NaN, and exact ends of spans. */
static void throttle_stories(void **state)
{
	(void)state;
	expect("throttle 10ms", "5=1 6=2 14=3 15=4 16=5", "5=1 15=4");
	expect("throttle 10ms by 3", "0=1 2=2 4=5 6=6 13=7 14=8", "0=1 4=5 14=8");
	expect("throttle 10ms by 3", "0=1 2=nan 3=nan 4=1 5=2", "0=1 2=nan 4=1");
	expect("throttle 10ms keep=last", "0=1 2=2 4=3 40=4", "0=1 10=3 40=4");
	expect("throttle 10ms keep=last", "0=1 10=2 11=3 20=4", "0=1 10=2 20=4");
	expect("throttle 10ms keep=last", "0=1 9=2 10=3 11=4", "0=1 10=3 11=4");
	expect("throttle 10ms keep=last by 5", "0=1 3=2 5=9 7=10 30=11", "0=1 5=9 15=10 30=11");
	expect("throttle 10ms by 2", "0=1 3=3 4=4 5=1 6=-1", "0=1 3=3 5=1 6=-1");
	expect("throttle 10ms by 5", "0=1 20=2 15=9 26=10 30=11", "0=1 20=2 15=9 30=11");
	expect("throttle 10ms keep=mean", "0=1 2=2 4=4 30=7 31=8", "0=1 10=3 30=7 31=8");
	expect("throttle 10ms keep=mean", "0=1 2=nan 4=4 12=5", "0=1 10=nan 12=5");
	expect("throttle 10ms keep=last", "0=1", "0=1");
}

/* ------------------------------------------------------------------- timeout */

/* All records in their order, and one stale one in every silence that is longer than the span. */
static void timeout_follows_the_model(void **state)
{
	uint64_t random = 4;
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, &random, false);
	struct harness h;
	struct model m = { &h, 0 };

	(void)state;
	harness_run(&h, "timeout 20ms", memory, 100, 1);
	for (uint32_t k = 0; k < N; k++) {
		if (k && memory->t[k] > memory->t[k - 1] + 20 * MS) {
			assert_int_equal(h.value[2][m.n].integer, 1);
			assert_int_equal(h.value[1][m.n].integer, memory->column[1].integer[k - 1]);
			say(&m, memory->t[k - 1] + 20 * MS, NAN);
		}
		assert_int_equal(h.value[2][m.n].integer, 0);
		say(&m, memory->t[k], memory->column[0].real[k]);
	}
	assert_int_equal(h.n, m.n);
	harness_close(&h);
	harness_memory_free(memory);
}

/* Exactly at the span is in time; one silence is told once; a stream that ends has not gone quiet; `keep` keeps the numbers. */
static void timeout_stories(void **state)
{
	(void)state;
	expect("timeout 10ms", "0=1 10=2 21=3", "0=1,0 10=2,0 20=nan,1 21=3,0");
	expect("timeout 10ms keep", "0=1 90=2", "0=1,0 10=1,1 90=2,0");
	expect("timeout 10ms | select x | timeout 200ms keep | select x", "0=1 500=2", "0=1 10=nan 210=nan 500=2");
}

/* ------------------------------------------------------------------ debounce */

/* The newest record of a run, from `from` to before `to`, that has come when the span was over. */
static uint32_t newest_by(const struct weir_block *memory, uint32_t from, uint32_t to, int64_t due)
{
	while (from + 1 < to && memory->t[from + 1] <= due)
		from++;
	return from;
}

/* A change counts where its run of equal values outlasts the span, and the record is the newest of the run by then. */
static void debounce_follows_the_model(void **state)
{
	uint64_t random = 5;
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, &random, false);
	const int64_t *b = memory->column[1].integer;
	struct harness h;
	struct model m = { &h, 1 };
	int64_t accepted = b[0], last = memory->t[N - 1];

	(void)state;
	harness_run(&h, "debounce 12ms b off=30ms", memory, 100, 1);
	assert_int_equal(h.t[0], memory->t[0]);
	for (uint32_t k = 0, next; k < N; k = next) {
		int64_t due = memory->t[k] + (b[k] ? 12 : 30) * MS;

		for (next = k + 1; next < N && b[next] == b[k];)
			next++;
		if (b[k] == accepted || (next < N ? memory->t[next] <= due : last < due))
			continue;
		accepted = b[k];
		assert_int_equal(h.value[1][m.n].integer, accepted);
		say(&m, due, memory->column[0].real[newest_by(memory, k, next, due)]);
	}
	assert_int_equal(h.n, m.n);
	assert_true(h.n > 20);
	harness_close(&h);
	harness_memory_free(memory);
}

/* Bouncing, a glitch, a real step, the end of the stream before and at the end of the span, a side without delay, other values
 * than two, NaN. The record is the newest of its value, and its time is when it counted. */
static void debounce_stories(void **state)
{
	(void)state;
	expect("debounce 10ms", "0=0 5=1 6=0 7=1 30=1", "0=0 17=1");
	expect("debounce 10ms", "0=0 5=1 14=0 40=0", "0=0");
	expect("debounce 10ms", "0=0 5=1 15=0 40=0", "0=0");
	expect("debounce 10ms", "0=0 5=1 14=1", "0=0");
	expect("debounce 10ms", "0=0 5=1 15=1", "0=0 15=1");
	expect("debounce 10ms", "0=1 1=1 2=1", "0=1");
	expect("debounce 10ms on=0s", "0=0 5=1 6=0 7=1 8=0 30=0", "0=0 5=1 18=0");
	expect("debounce 0s off=10ms", "0=0 5=1 6=0 9=1 20=0 40=0", "0=0 5=1 30=0");
	expect("debounce 10ms", "0=1 5=2 8=3 30=3", "0=1 18=3");
	expect("debounce 10ms", "0=1 5=nan 6=nan 30=1 50=1", "0=1 15=nan 40=1");
}

/* At once, then deaf for the span; what has changed by its end counts then, and what is left at the end of the stream too. */
static void debounce_first_stories(void **state)
{
	(void)state;
	expect("debounce 10ms mode=first", "0=0 5=1 6=0 7=1 30=1", "0=0 5=1");
	expect("debounce 10ms mode=first", "0=0 5=1 6=0 30=0", "0=0 5=1 15=0");
	expect("debounce 10ms mode=first", "0=0 5=1 6=0 16=1 40=1", "0=0 5=1 15=0 25=1");
	expect("debounce 10ms mode=first", "0=0 5=1 6=0", "0=0 5=1 6=0");
	expect("debounce 10ms mode=first", "0=0 5=1 15=0 26=1", "0=0 5=1 15=0 26=1");
}

/* --------------------------------------------------------------------- click */

/* Single, double, long; a long one at the end of a message; a button that is down at the beginning or at the end. */
static void click_stories(void **state)
{
	(void)state;
	expect("click", "0=0 100=1 200=0 900=0", "500=1,0,.");
	expect("click", "0=0 100=1 200=0 400=1 500=0 900=0", "800=2,0,..");
	expect("click", "0=0 100=1 200=0 501=1 600=0 950=0", "500=1,0,. 900=1,0,.");
	expect("click", "0=0 100=1 1100=0 2000=0", "1400=1,0,.");
	expect("click", "0=0 100=1 1101=0 2000=0", "1100=1,1,-");
	expect("click", "0=0 100=1 200=0 300=1 5000=1 5001=0 6000=0", "1300=2,1,.-");
	expect("click", "0=1 100=0 500=1 600=0 2000=0", "900=1,0,.");
	expect("click", "0=0 100=1 200=0 300=1", "");
	expect("click", "0=0 100=1 200=0", "200=1,0,.");
	expect("click", "0=0 100=1 150=nan 200=0 201=nan 900=0", "500=1,0,.");
	expect("click", "0=0 100=1 110=1 120=1 200=0 210=0 900=0", "500=1,0,.");
}

/* A pattern alone, by name or written out; one with a long press inside waits for what follows. */
static void click_patterns(void **state)
{
	static const char story[] = "0=0 100=1 200=0 400=1 500=0 2000=1 4000=0 4100=1 4200=0 6000=0";

	(void)state;
	expect("click", story, "800=2,0,.. 3000=1,1,- 4500=1,0,.");
	expect("click pattern=double", story, "800=2,0,..");
	expect("click pattern=long", story, "3000=1,1,-");
	expect("click pattern=single", story, "4500=1,0,.");
	expect("click pattern=\"-.\"", story, "4500=2,0,-.");
	expect("click pattern=\"..-\"", story, "");
	expect("click pattern=\"-.\"", "0=0 100=1 2000=0 4000=0 5000=1 5100=0 6000=0", "");
}

/* More presses than a message can hold, and no end: nothing is written past its end. */
static void click_is_bounded(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "b", WEIR_BOOL, "", 0);
	memory = harness_memory(&schema, 101);
	for (int k = 0; k < 101; k++)
		memory->column[0].integer[k] = k & 1;
	harness_run(&h, "click", memory, 9, 1);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.value[0][0].integer, 15);
	assert_string_equal(h.value[2][0].text, "...............");
	harness_close(&h);
	harness_memory_free(memory);
}

/* ---------------------------------------------------------------------- ramp */

/* With `every` a step is approached while nothing comes, and no longer than it takes; a record on the way turns it round, NaN
 * ends it, and the first value is not approached from anywhere. */
static void ramp_stories(void **state)
{
	(void)state;
	expect("ramp rate=100 every=10ms", "0=0 100=3 200=3", "0=0 100=3 200=3");
	expect("ramp rate=100 every=10ms", "0=0 1=3 200=3", "0=0 1=0.1 11=1.1 21=2.1 31=3 200=3");
	expect("ramp rate=100 every=10ms", "0=0 1=3 16=0 50=0", "0=0 1=0.1 11=1.1 16=0.6 26=0 50=0");
	expect("ramp rate=100 every=10ms", "0=0 1=3 15=nan 40=3 41=3 90=3",
	       "0=0 1=0.1 11=1.1 15=nan 40=1.1 41=1.2 51=2.2 61=3 90=3");
	expect("ramp rate=100 every=10ms from=1", "5=3 25=3", "5=1 15=2 25=3");
	expect("ramp d = delta(x) rate=100 every=10ms", "0=1 1=1 2=4 30=4",
	       "0=1,nan 1=1,0 2=4,0.1 12=4,1.1 22=4,2.1 30=4,1.3");
}

/* --------------------------------------------------------------------- wrong */

/* What makes no sense is refused with a word on what does. */
static void nonsense_is_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "throttle 0s", "longer than nothing" },
		{ "throttle 1s by 2", "'x' or 'b' could be meant" },
		{ "throttle 1s q by 2", "unknown field 'q'" },
		{ "throttle 1s x", "only with 'by'" },
		{ "timeout 0s", "longer than nothing" },
		{ "timeout 1s | timeout 1s", "a field 'stale' already" },
		{ "debounce 1s", "'x' or 'b' could be meant" },
		{ "debounce", "needs a duration" },
		{ "click b pattern=twice", "dots and dashes" },
		{ "click b pattern=\"................\"", "dots and dashes" },
		{ "click b gap=0s", "between" },
		{ "click b | debounce 1s pattern", "'pattern' is text" },
	};
	uint64_t random = 6;
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, &random, false);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		harness_expect_refusal(cases[i][0], &schema, cases[i][1]);
	harness_memory_free(memory);
}

/* Times at both ends of the clock's range are no reason for undefined behaviour. */
static void wild_times_do_no_harm(void **state)
{
	static const int64_t times[] = { 0, INT64_MAX - 5, INT64_MAX, INT64_MIN, -1, INT64_MAX };
	static const char *const chains[] = { "throttle 1s keep=last by 9", "timeout 1s", "debounce 1s",
					      "debounce 1s mode=first", "click" };
	struct weir_schema schema;
	struct weir_block *memory = read_story(&schema, "0=0 1=1 2=0 3=1 4=0 5=1");

	(void)state;
	memcpy(memory->t, times, sizeof(times));
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		struct harness whole, cut;

		harness_run(&whole, chains[i], memory, WEIR_BLOCK_MAX, 1);
		harness_run(&cut, chains[i], memory, 1, 1);
		harness_expect_same(&whole, &cut);
		harness_close(&cut);
		harness_close(&whole);
	}
	harness_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_change_nothing),
		cmocka_unit_test(throttle_first_is_every),
		cmocka_unit_test(throttle_last_follows_the_model),
		cmocka_unit_test(throttle_stories),
		cmocka_unit_test(timeout_follows_the_model),
		cmocka_unit_test(timeout_stories),
		cmocka_unit_test(debounce_follows_the_model),
		cmocka_unit_test(debounce_stories),
		cmocka_unit_test(debounce_first_stories),
		cmocka_unit_test(click_stories),
		cmocka_unit_test(click_patterns),
		cmocka_unit_test(click_is_bounded),
		cmocka_unit_test(ramp_stories),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(wild_times_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
