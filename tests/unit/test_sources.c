/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sources that need no device: synth, csv, replay, lines. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/dice.h"
#include "core/run.h"
#include "harness.h"
#include "short_file.h"

/* -------------------------------------------------------------------- synth */

/* Pull `n` records in pieces of `max`. */
static void pull(struct harness *h, uint32_t n, uint32_t max)
{
	while (h->n < n)
		assert_true(harness_pull(h, n - h->n < max ? n - h->n : max) > 0);
}

/* A sine is within 1e-9 of the true one after any number of records, and does not depend on how they are asked for. */
static void sine_is_accurate(void **state)
{
	struct harness a, b;

	(void)state;
	open_source(&a, "synth:sine rate=max freq=7.3Hz amplitude=2 offset=%s", "5");
	open_source(&b, "synth:sine rate=max freq=7.3Hz amplitude=2 offset=%s", "5");
	pull(&a, 300000, WEIR_BLOCK_MAX);
	pull(&b, 300000, 77);
	harness_expect_same(&a, &b);
	for (uint32_t i = 0; i < a.n; i++) {
		long double turn = i * 7.3L / 1000;

		assert_int_equal(a.t[i], (int64_t)i * 1000000);
		assert_true(fabsl(a.value[0][i].real -
				  (5 + 2 * sinl(2 * 3.141592653589793238L * (turn - floorl(turn))))) < 1e-9L);
	}
	harness_close(&b);
	harness_close(&a);
}

/* A square is high for the first half of each turn; a counter counts; noise repeats with its seed and stays in its bounds. */
static void other_shapes_are_right(void **state)
{
	struct harness square, counter, noise, again, other;
	double sum = 0;

	(void)state;
	open_source(&square, "synth:square rate=max freq=%s", "100Hz");
	open_source(&counter, "synth:counter rate=%s", "max");
	open_source(&noise, "synth:noise rate=max amplitude=3 seed=%s", "7");
	open_source(&again, "synth:noise rate=max amplitude=3 seed=%s", "7");
	open_source(&other, "synth:noise rate=max amplitude=3 seed=%s", "8");
	pull(&square, 10000, 1000);
	pull(&counter, 10000, 1000);
	pull(&noise, 10000, 1000);
	pull(&again, 10000, 13);
	pull(&other, 10000, 1000);
	harness_expect_same(&noise, &again);
	assert_int_equal(counter.schema.field[0].kind, WEIR_INT);
	for (uint32_t i = 0; i < 10000; i++) {
		/* The phase is the nearest fraction to a tenth of a turn, so an edge itself may fall on either side. */
		if (i % 5)
			assert_true(square.value[0][i].real == (i % 10 < 5 ? 1 : -1));
		assert_int_equal(counter.value[0][i].integer, i);
		assert_true(fabs(noise.value[0][i].real) <= 3);
		sum += noise.value[0][i].real;
	}
	assert_true(fabs(sum / 10000) < 0.1);
	assert_true(noise.value[0][5].real != other.value[0][5].real);
	harness_close(&other);
	harness_close(&again);
	harness_close(&noise);
	harness_close(&counter);
	harness_close(&square);
}

/* Live records have the exact times of their rate, none comes early, and the source asks to sleep until the next. */
static void live_rate_is_exact(void **state)
{
	struct harness h;

	(void)state;
	open_source(&h, "synth:counter rate=%s", "3kHz");
	while (h.n < 60) {
		int n = harness_pull(&h, 8);
		int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);

		if (n == -EAGAIN)
			assert_true(h.until_ns > h.t[0] && h.until_ns < now + 1000000);
		else
			assert_true(n > 0 && h.t[h.n - 1] <= now);
	}
	assert_int_equal(h.schema.clock, WEIR_CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < h.n; i++)
		assert_int_equal(h.t[i] - h.t[0], (int64_t)i * 1000000000 / 3000);
	harness_close(&h);
}

/* A word that is no shape is refused with the ones that are. */
static void synth_refuses_unknown_shapes(void **state)
{
	(void)state;
	expect_refusal("synth:%s", "sinus", "sine, square, noise, counter");
	expect_refusal("synth:sine rate=%s", "0Hz", "rate");
}

/* ---------------------------------------------------------------------- csv */

/* Numbers, quoted text with commas, quotes and newlines in it, blank lines, and a last line without a newline. */
static void csv_reads_what_csv_is(void **state)
{
	struct file file = make_file(
		"x, name ,y\r\n1,\"a,b\",2.5\r\n\r\n-3e2,\"say \"\"hi\"\"\nthere\",\n0.1,plain,nan");
	struct harness h;

	(void)state;
	open_source(&h, "csv:%s[x,y]", file.path);
	assert_int_equal(harness_pull_all(&h, 2), 0);
	assert_int_equal(h.n, 3);
	assert_true(h.value[0][1].real == -300 && h.value[0][2].real == 0.1);
	assert_true(h.value[1][0].real == 2.5 && isnan(h.value[1][1].real) && isnan(h.value[1][2].real));
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(h.t[i], i * 1000000);
	harness_close(&h);
	unlink(file.path);
}

/* Without a choice all columns are taken, and what is no number in the first line is text. */
static void csv_takes_all_columns(void **state)
{
	struct file file = make_file("x,name\n1,\"a,b\"\n2,\"say \"\"hi\"\"\nthere\"\n");
	struct harness h;

	(void)state;
	open_source(&h, "csv:%s", file.path);
	assert_int_equal(harness_pull_all(&h, 100), 0);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.schema.field[1].kind, WEIR_TEXT);
	assert_string_equal(h.value[1][0].text, "a,b");
	assert_string_equal(h.value[1][1].text, "say \"hi\"\nthere");
	harness_close(&h);
	unlink(file.path);
}

/* Typed columns are laid out as a sensor's scan, each at its natural alignment, and hold the raw integers. */
static void csv_makes_raw_integers(void **state)
{
	struct file file = make_file("a,b,c,d\n-128,65535,-2147483648,9223372036854775807\n127,0,5,0\n");
	static const uint32_t at[] = { 8, 10, 12, 16 }, bits[] = { 8, 16, 32, 64 };
	struct harness h;

	(void)state;
	open_source(&h, "csv:%s[a:s8,b:u16,c:s32,d:u64]", file.path);
	assert_int_equal(h.source->out.row_bytes, 24);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(h.schema.field[i].at, at[i]);
		assert_int_equal(h.schema.field[i].bits, bits[i]);
		assert_int_equal(h.schema.field[i].is_signed, i % 2 == 0);
	}
	assert_int_equal(harness_pull_all(&h, 1), 0);
	assert_int_equal(h.value[0][0].integer, -128);
	assert_int_equal(h.value[1][0].integer, 65535);
	assert_int_equal(h.value[2][0].integer, INT32_MIN);
	assert_int_equal(h.value[3][0].integer, INT64_MAX);
	assert_int_equal(h.value[0][1].integer, 127);
	harness_close(&h);
	unlink(file.path);
}

/* What cannot be read is named by file, line and column; what came before it is delivered first. */
static void csv_names_the_bad_cell(void **state)
{
	static const struct {
		const char *text, *columns, *message;
	} cases[] = {
		{ "x,y\n1,2\n\n\"3\",z\n", "[x,y]", ":4:5: 'z' is not a number" },
		{ "x,y\n1,2\n3\n", "[x,y]", ":3:1: '3' begins a line of 1 cells, and the header has 2" },
		{ "x,y\n1,2\n3,4,5\n", "[x,y]", "begins a line of 3 cells" },
		{ "x,y\n1,2\n3,128\n", "[x,y:s8]", ":3:3: '128' is out of range" },
		{ "x,y\n1,2\n3,1.5\n", "[x,y:s8]", "'1.5' is not an integer" },
		{ "x,y\n1,2\n3,99999999999999999999\n", "[y:s64]", "out of range" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct file file = make_file(cases[i].text);
		struct harness h;
		char format[64];

		snprintf(format, sizeof(format), "csv:%%s%s", cases[i].columns);
		open_source(&h, format, file.path);
		assert_int_equal(harness_pull(&h, 100), 1);
		assert_true(harness_pull(&h, 100) < 0);
		harness_expect_error(&h, cases[i].message);
		harness_close(&h);
		unlink(file.path);
	}
}

/* With on_error=skip bad lines are left out and counted, and times go on without a gap. */
static void csv_skips_bad_lines(void **state)
{
	struct file file = make_file("x\n1\nbad\n2\n\n3,3\n4\n");
	struct harness h;

	(void)state;
	open_source(&h, "csv:%s[x] on_error=skip", file.path);
	assert_int_equal(harness_pull_all(&h, 100), 0);
	assert_int_equal(h.n, 3);
	assert_true(h.value[0][2].real == 4);
	assert_int_equal(h.t[2], 2000000);
	assert_int_equal(atomic_load(&h.source->lost[WEIR_LOST_CUT]), 2);
	harness_close(&h);
	unlink(file.path);
}

/* Times come from a column, in its unit, to the ns where it counts ns; or from the rate. */
static void csv_takes_times(void **state)
{
	struct file file = make_file("when,x\n1700000000123456789,1\n1700000000123456790,2\n");
	struct file seconds = make_file("when,x\n0.5,1\n0.75,2\n");
	struct harness h;

	(void)state;
	open_source(&h, "csv:%s time=when speed=max", file.path);
	assert_int_equal(h.schema.n_fields, 1);
	assert_int_equal(harness_pull_all(&h, 100), 0);
	assert_int_equal(h.t[1], 1700000000123456790);
	harness_close(&h);
	open_source(&h, "csv:%s[x] time=when unit=s speed=max", seconds.path);
	assert_int_equal(harness_pull_all(&h, 100), 0);
	assert_int_equal(h.t[1], 750000000);
	harness_close(&h);
	open_source(&h, "csv:%s[x] rate=20Hz speed=max", seconds.path);
	assert_int_equal(harness_pull_all(&h, 100), 0);
	assert_int_equal(h.t[1], 50000000);
	harness_close(&h);
	unlink(seconds.path);
	unlink(file.path);
}

/* With a rate and no speed=max, no record comes before its time, and the source says when to ask again. */
static void csv_is_paced(void **state)
{
	struct file file = make_file("x\n1\n2\n3\n");
	struct harness h;
	int64_t begin = weir_now(WEIR_CLOCK_MONOTONIC);

	(void)state;
	open_source(&h, "csv:%s[x] rate=50Hz", file.path);
	assert_int_equal(harness_pull(&h, 100), 1);
	assert_int_equal(harness_pull(&h, 100), -EAGAIN);
	assert_true(h.until_ns > begin && h.until_ns <= weir_now(WEIR_CLOCK_MONOTONIC) + 20000000);
	assert_int_equal(harness_pull_all(&h, 100), 0);
	assert_int_equal(h.n, 3);
	assert_true(weir_now(WEIR_CLOCK_MONOTONIC) - begin >= 40000000);
	harness_close(&h);
	unlink(file.path);
}

/* What is wrong with the file or the choice of columns is said before anything starts. */
static void csv_refuses(void **state)
{
	struct file file = make_file("t,x\n1,2\n"), empty = make_file("");

	(void)state;
	expect_refusal("csv:%s", "/nonexistent/file.csv", "No such file");
	expect_refusal("csv:%s", "/tmp", "directory");
	expect_refusal("csv:%s", empty.path, "needs a header line");
	expect_refusal("csv:%s[y]", file.path, "has no column 'y'");
	expect_refusal("csv:%s[x:s12]", file.path, "unknown type");
	expect_refusal("csv:%s[x,x]", file.path, "two fields named 'x'");
	expect_refusal("csv:%s", file.path, "say time=t, or replay:FILE");
	expect_refusal("csv:%s time=z", file.path, "no column 'z' for the time");
	expect_refusal("csv:%s time=t rate=5Hz", file.path, "time= already says");
	unlink(empty.path);
	unlink(file.path);
}

/* Lines that are longer than the buffer end the run with a message, whatever is in them, and never run over it. */
static void csv_bounds_its_lines(void **state)
{
	char *text = malloc(200001);
	struct file file;
	struct harness h;

	(void)state;
	memset(text, 'a', 200000);
	memcpy(text, "x\n1\n\"", 5);
	text[200000] = 0;
	file = make_file(text);
	open_source(&h, "csv:%s[x]", file.path);
	assert_int_equal(harness_pull(&h, 100), 1);
	assert_int_equal(harness_pull(&h, 100), -E2BIG);
	harness_expect_error(&h, ":3:1: the line is longer than");
	harness_close(&h);
	unlink(file.path);
	free(text);
}

/* ------------------------------------------------------------------- replay */

/* What a csv sink has written comes back from replay to the bit, times and text too. */
static void replay_brings_back_what_csv_wrote(void **state)
{
	struct file file = make_file("");
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness sink, stage, h;
	uint64_t random = 1, cut = 1;
	char chain[128];

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 0);
	weir_schema_add(&schema, "name", WEIR_TEXT, "", 240);
	memory = harness_memory(&schema, 500);
	for (uint32_t i = 0; i < 500; i++) {
		memory->t[i] = (int64_t)(harness_random(&random) >> 1);
		memory->column[0].real[i] = harness_uniform(&random) * 1e-3;
		snprintf(memory->column[1].text + i * 240, 240, i % 3 ? "n\"%u,\n" : "n%u", i);
	}
	snprintf(chain, sizeof(chain), "csv:%s", file.path);
	assert_true(harness_open(&sink, chain, &schema));
	assert_int_equal(harness_start(&sink), 0);
	harness_push_cut(&sink, memory, 500, 100, &cut);
	assert_int_equal(harness_flush(&sink), 0);
	harness_close(&sink);

	open_source(&h, "replay:%s speed=max", file.path);
	assert_int_equal(harness_pull_all(&h, 33), 0);
	assert_true(harness_open(&stage, "where x == x", &schema));
	harness_push_cut(&stage, memory, 500, 100, &cut);
	harness_expect_same(&h, &stage);
	harness_close(&stage);
	harness_close(&h);
	harness_memory_free(memory);
	unlink(file.path);
}

/* -------------------------------------------------------------------- lines */

/* Lines end at newlines, with or without a carriage return, and the last one at the end of the file. */
static void lines_are_lines(void **state)
{
	struct file file = make_file("one\ntwo\r\n\nfour");
	static const char *const expected[] = { "one", "two", "", "four" };
	struct harness h;

	(void)state;
	open_source(&h, "lines:%s", file.path);
	assert_int_equal(harness_pull_all(&h, 3), 0);
	assert_int_equal(h.n, 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_string_equal(h.value[0][i].text, expected[i]);
	harness_close(&h);
	unlink(file.path);
}

/* Too long a line is cut at a character and counted; one that is longer than the buffer too, and the next one is whole. */
static void long_lines_are_cut(void **state)
{
	char *text = malloc(200100);
	struct file file;
	struct harness h;

	(void)state;
	strcpy(text, "12345678\n123456\xe2\x82\xac\nfits\n");
	memset(text + strlen(text), 'a', 200000);
	strcpy(text + 9 + 10 + 5 + 200000 - 1, "\nnext\n");
	file = make_file(text);
	open_source(&h, "lines:%s width=9", file.path);
	assert_int_equal(harness_pull_all(&h, 100), 0);
	assert_int_equal(h.n, 5);
	assert_string_equal(h.value[0][0].text, "12345678");
	assert_string_equal(h.value[0][1].text, "123456");
	assert_string_equal(h.value[0][2].text, "fits");
	assert_string_equal(h.value[0][3].text, "aaaaaaaa");
	assert_string_equal(h.value[0][4].text, "next");
	assert_int_equal(atomic_load(&h.source->lost[WEIR_LOST_CUT]), 2);
	harness_close(&h);
	unlink(file.path);
	free(text);
}

/* The first lines of a file say how wide its cells are, and the mark of UTF-8 before them is none of them. What is told holds. */
static void lines_are_as_wide_as_a_file_needs(void **state)
{
	static const struct {
		int length;
		const char *format;
		uint32_t width, cut;
	} cases[] = {
		{ 10, "lines:%s", 240, 0 },
		{ 239, "lines:%s", 240, 0 },
		{ 240, "lines:%s", 1024, 0 },
		{ 1023, "lines:%s", 1024, 0 },
		{ 1024, "lines:%s", 4080, 0 },
		{ 5000, "lines:%s", 4080, 1 },
		{ 1000, "lines:%s width=240", 240, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[6000];
		struct file file;
		struct harness h;

		snprintf(text, sizeof(text), "\xef\xbb\xbfone\n%0*d\nthree", cases[i].length, 7);
		file = make_file(text);
		open_source(&h, cases[i].format, file.path);
		assert_int_equal(h.schema.field[0].bytes, cases[i].width);
		assert_int_equal(harness_pull_all(&h, 100), 0);
		assert_int_equal(h.n, 3);
		assert_string_equal(h.value[0][0].text, "one");
		assert_int_equal(strlen(h.value[0][1].text),
				 cases[i].cut ? cases[i].width - 1 : (uint32_t)cases[i].length);
		assert_int_equal(atomic_load(&h.source->lost[WEIR_LOST_CUT]), cases[i].cut);
		harness_close(&h);
		unlink(file.path);
	}
}

/* Text ends at a byte of zero; what is behind it on its line counts as cut. */
static void zeros_cut_lines(void **state)
{
	struct file file = make_file_of("one\0more\ntwo\n", 13);
	struct harness h;

	(void)state;
	open_source(&h, "lines:%s", file.path);
	assert_int_equal(harness_pull_all(&h, 100), 0);
	assert_int_equal(h.n, 2);
	assert_string_equal(h.value[0][0].text, "one");
	assert_string_equal(h.value[0][1].text, "two");
	assert_int_equal(atomic_load(&h.source->lost[WEIR_LOST_CUT]), 1);
	harness_close(&h);
	unlink(file.path);
}

/* A pipe gives a line when it is there, half a line is waited for, and each has the time of its arrival. */
static void lines_arrive_through_a_pipe(void **state)
{
	struct file fifo = make_file("");
	struct harness h;
	int64_t before;
	int fd;

	(void)state;
	unlink(fifo.path);
	assert_int_equal(mkfifo(fifo.path, 0600), 0);
	open_source(&h, "lines:%s", fifo.path);
	assert_int_equal(harness_pull(&h, 10), -EAGAIN);
	fd = open(fifo.path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "ha", 2), 2);
	assert_int_equal(harness_pull(&h, 10), -EAGAIN);
	before = weir_now(WEIR_CLOCK_MONOTONIC);
	assert_int_equal(write(fd, "lf\nrest", 7), 7);
	assert_int_equal(harness_pull(&h, 10), 1);
	assert_string_equal(h.value[0][0].text, "half");
	assert_true(h.t[0] >= before && h.t[0] <= weir_now(WEIR_CLOCK_MONOTONIC));
	close(fd);
	assert_int_equal(harness_pull(&h, 10), 1);
	assert_string_equal(h.value[0][1].text, "rest");
	assert_int_equal(harness_pull(&h, 10), 0);
	harness_close(&h);
	unlink(fifo.path);
}

/* A file that is not there is a missing device, with its name. */
static void lines_names_what_is_missing(void **state)
{
	(void)state;
	expect_refusal("lines:%s", "/nonexistent/file", "'/nonexistent/file': cannot open: No such file");
}

/* Where a turn is a whole number of records, each edge of a square is where it should be; noise is splitmix64 from its first number on. */
static void shapes_begin_where_they_should(void **state)
{
	struct harness square, noise;
	struct dice dice = { 7 };

	(void)state;
	open_source(&square, "synth:square rate=max freq=%s", "125Hz");
	open_source(&noise, "synth:noise rate=max seed=%s", "7");
	pull(&square, 1000, 100);
	pull(&noise, 1000, 100);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_true(square.value[0][i].real == (i % 8 < 4 ? 1 : -1));
		assert_true(noise.value[0][i].real == (double)(int64_t)roll(&dice) * 0x1p-63);
	}
	harness_close(&noise);
	harness_close(&square);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sine_is_accurate),
		cmocka_unit_test(other_shapes_are_right),
		cmocka_unit_test(live_rate_is_exact),
		cmocka_unit_test(synth_refuses_unknown_shapes),
		cmocka_unit_test(csv_reads_what_csv_is),
		cmocka_unit_test(csv_takes_all_columns),
		cmocka_unit_test(csv_makes_raw_integers),
		cmocka_unit_test(csv_names_the_bad_cell),
		cmocka_unit_test(csv_skips_bad_lines),
		cmocka_unit_test(csv_takes_times),
		cmocka_unit_test(csv_is_paced),
		cmocka_unit_test(csv_refuses),
		cmocka_unit_test(csv_bounds_its_lines),
		cmocka_unit_test(replay_brings_back_what_csv_wrote),
		cmocka_unit_test(lines_are_lines),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(lines_are_as_wide_as_a_file_needs),
		cmocka_unit_test(zeros_cut_lines),
		cmocka_unit_test(lines_arrive_through_a_pipe),
		cmocka_unit_test(shapes_begin_where_they_should),
		cmocka_unit_test(lines_names_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
