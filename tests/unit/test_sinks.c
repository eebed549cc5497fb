/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sinks that write text: what they write, when, and what they say when it cannot be written. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

/* Standard output, led elsewhere for the length of a test. */
struct detour {
	int saved;
};

static struct detour detour_to(int fd)
{
	struct detour detour = { dup(STDOUT_FILENO) };

	fflush(stdout);
	assert_true(detour.saved >= 0);
	assert_true(dup2(fd, STDOUT_FILENO) >= 0);
	return detour;
}

static void detour_end(struct detour detour)
{
	dup2(detour.saved, STDOUT_FILENO);
	close(detour.saved);
}

static struct weir_block *make_records(struct weir_schema *schema)
{
	static const double x[] = { 1.5, NAN, -INFINITY };
	static const int64_t i[] = { 42, INT64_MIN, 0 };
	static const char *const s[] = { "plain", "q\"c,\n", "\xff" };
	struct weir_block *memory;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	weir_schema_add(schema, "i", WEIR_INT, "", 0);
	weir_schema_add(schema, "b", WEIR_BOOL, "", 0);
	weir_schema_add(schema, "s", WEIR_TEXT, "", 10);
	memory = harness_memory(schema, 3);
	for (int k = 0; k < 3; k++) {
		memory->column[0].real[k] = x[k];
		memory->column[1].integer[k] = i[k];
		memory->column[2].integer[k] = k == 1;
		strcpy(memory->column[3].text + k * 10, s[k]);
	}
	return memory;
}

static size_t read_all(int fd, char *text, size_t room)
{
	ssize_t n = pread(fd, text, room - 1, 0);

	assert_true(n >= 0);
	text[n] = 0;
	return (size_t)n;
}

static void expect_printed(const char *chain, const char *expected)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	char path[] = "/tmp/weir-test-XXXXXX", text[1024];
	int fd = mkstemp(path), start, push;
	struct detour detour;
	struct harness h;

	assert_true(fd >= 0);
	assert_true(harness_open(&h, chain, &schema));
	detour = detour_to(fd);
	start = harness_start(&h);
	push = harness_push(&h, memory);
	detour_end(detour);
	assert_int_equal(start, 0);
	assert_int_equal(push, 0);
	/* Not flushed, not closed: it must be there already. */
	read_all(fd, text, sizeof(text));
	assert_string_equal(text, expected);
	harness_close(&h);
	harness_memory_free(memory);
	close(fd);
	unlink(path);
}

/* JSON is valid whatever the values are, and is written by the end of the push that brought them. */
static void print_writes_json(void **state)
{
	(void)state;
	expect_printed("print", "{\"t\":0,\"x\":1.5,\"i\":42,\"b\":0,\"s\":\"plain\"}\n"
				"{\"t\":1000000,\"x\":null,\"i\":-9223372036854775808,\"b\":1,\"s\":\"q\\\"c,\\n\"}\n"
				"{\"t\":2000000,\"x\":null,\"i\":0,\"b\":0,\"s\":\"\xef\xbf\xbd\"}\n");
}

/* CSV has one header line, and quotes what must be quoted. */
static void print_writes_csv(void **state)
{
	(void)state;
	expect_printed("print format=csv", "t,x,i,b,s\n0,1.5,42,0,plain\n"
					   "1000000,nan,-9223372036854775808,1,\"q\"\"c,\n\"\n2000000,-inf,0,0,\xff\n");
}

/* Line protocol has what it can say: no NaN, and no record that has nothing else; those are counted. */
static void print_writes_influx(void **state)
{
	(void)state;
	expect_printed("print format=influx name=\"a b\"",
		       "a\\ b x=1.5,i=42i,b=false,s=\"plain\" 0\n"
		       "a\\ b i=-9223372036854775808i,b=true,s=\"q\\\"c,\\n\" 1000000\n"
		       "a\\ b i=0i,b=false,s=\"\xff\" 2000000\n");
}

/* Times in other forms, or none, in text that is still well formed. */
static void print_writes_times(void **state)
{
	(void)state;
	expect_printed("print format=csv time=s header=no", "0.000000000,1.5,42,0,plain\n"
							    "0.001000000,nan,-9223372036854775808,1,\"q\"\"c,\n\"\n"
							    "0.002000000,-inf,0,0,\xff\n");
	expect_printed("print format=csv time=none", "x,i,b,s\n1.5,42,0,plain\n"
						     "nan,-9223372036854775808,1,\"q\"\"c,\n\"\n-inf,0,0,\xff\n");
	expect_printed("print time=none", "{\"x\":1.5,\"i\":42,\"b\":0,\"s\":\"plain\"}\n"
					  "{\"x\":null,\"i\":-9223372036854775808,\"b\":1,\"s\":\"q\\\"c,\\n\"}\n"
					  "{\"x\":null,\"i\":0,\"b\":0,\"s\":\"\xef\xbf\xbd\"}\n");
	expect_printed("print format=influx time=none", "weir x=1.5,i=42i,b=false,s=\"plain\"\n"
							"weir i=-9223372036854775808i,b=true,s=\"q\\\"c,\\n\"\n"
							"weir i=0i,b=false,s=\"\xff\"\n");
}

/* One record with one number at a time of one's choice, as text. */
static void expect_line(const char *chain, int64_t t, double value, const char *expected, uint64_t left_out)
{
	struct weir_schema schema;
	struct weir_block *memory;
	char path[] = "/tmp/weir-test-XXXXXX", text[256];
	int fd = mkstemp(path), err;
	struct detour detour;
	struct harness h;

	weir_schema_init(&schema, WEIR_CLOCK_REALTIME);
	weir_schema_add(&schema, "a value", WEIR_REAL, "", 0);
	memory = harness_memory(&schema, 1);
	memory->t[0] = t;
	memory->column[0].real[0] = value;
	assert_true(harness_open(&h, chain, &schema));
	detour = detour_to(fd);
	err = harness_start(&h) ? -1 : harness_push(&h, memory);
	detour_end(detour);
	assert_int_equal(err, 0);
	read_all(fd, text, sizeof(text));
	assert_string_equal(text, expected);
	assert_int_equal(atomic_load(&h.last->lost[WEIR_LOST_POISON]), left_out);
	harness_close(&h);
	harness_memory_free(memory);
	close(fd);
	unlink(path);
}

/* The calendar, at leap days, ends of years, before 1970 and at both ends of the clock; a field's name that needs escaping; a
 * record that cannot be said, which is counted. */
static void times_and_names_are_right(void **state)
{
	const int64_t s = 1000000000;

	(void)state;
	expect_line("print time=iso", 951782400 * s, 1, "{\"t\":\"2000-02-29T00:00:00.000000000Z\",\"a value\":1}\n",
		    0);
	expect_line("print time=iso", 4107542399 * s, 1, "{\"t\":\"2100-02-28T23:59:59.000000000Z\",\"a value\":1}\n",
		    0);
	expect_line("print time=iso", 4107542400 * s, 1, "{\"t\":\"2100-03-01T00:00:00.000000000Z\",\"a value\":1}\n",
		    0);
	expect_line("print time=iso", 1798761599 * s + 999999999, 1,
		    "{\"t\":\"2026-12-31T23:59:59.999999999Z\",\"a value\":1}\n", 0);
	expect_line("print time=iso", -1, 1, "{\"t\":\"1969-12-31T23:59:59.999999999Z\",\"a value\":1}\n", 0);
	expect_line("print time=iso", INT64_MAX, 1, "{\"t\":\"2262-04-11T23:47:16.854775807Z\",\"a value\":1}\n", 0);
	expect_line("print time=iso", INT64_MIN, 1, "{\"t\":\"1677-09-21T00:12:43.145224192Z\",\"a value\":1}\n", 0);
	expect_line("print time=s", -1500000000, 1, "{\"t\":-1.500000000,\"a value\":1}\n", 0);
	expect_line("print time=s", INT64_MIN, 1, "{\"t\":-9223372036.854775808,\"a value\":1}\n", 0);
	expect_line("print format=influx", 5, 0.1, "weir a\\ value=0.1 5\n", 0);
	expect_line("print format=influx", 5, NAN, "", 1);
}

/* Raw records are what a program that maps them as structs expects: time, doubles, integers, and cells padded to eight bytes. */
static void print_writes_raw(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	struct record {
		int64_t t;
		double x;
		int64_t i, b;
		char s[16];
	} record[3];
	char path[] = "/tmp/weir-test-XXXXXX";
	int fd = mkstemp(path), err;
	struct detour detour;
	struct harness h;

	(void)state;
	assert_true(harness_open(&h, "print format=raw", &schema));
	detour = detour_to(fd);
	err = harness_start(&h) ? -1 : harness_push(&h, memory);
	detour_end(detour);
	assert_int_equal(err, 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), sizeof(record));
	assert_int_equal(pread(fd, record, sizeof(record), 0), sizeof(record));
	for (int k = 0; k < 3; k++) {
		assert_int_equal(record[k].t, memory->t[k]);
		assert_memory_equal(&record[k].x, &memory->column[0].real[k], 8);
		assert_int_equal(record[k].i, memory->column[1].integer[k]);
		assert_int_equal(record[k].b, memory->column[2].integer[k]);
		assert_string_equal(record[k].s, memory->column[3].text + k * 10);
	}
	harness_close(&h);
	harness_memory_free(memory);
	close(fd);
	unlink(path);
}

/* With flush=line a pipe that keeps messages apart gets each record in a message of its own; otherwise a block comes as one. */
static void print_flushes_as_told(void **state)
{
	static const struct {
		const char *chain;
		int messages;
	} cases[] = { { "print flush=line", 3 }, { "print", 1 }, { "print flush=idle", 0 } };

	(void)state;
	for (int c = 0; c < 3; c++) {
		struct weir_schema schema;
		struct weir_block *memory = make_records(&schema);
		int ends[2], err, n = 0;
		struct detour detour;
		struct harness h;
		char text[256];

		assert_int_equal(pipe2(ends, O_DIRECT | O_NONBLOCK), 0);
		assert_true(harness_open(&h, cases[c].chain, &schema));
		detour = detour_to(ends[1]);
		err = harness_start(&h) ? -1 : harness_push(&h, memory);
		detour_end(detour);
		assert_int_equal(err, 0);
		while (read(ends[0], text, sizeof(text)) > 0)
			n++;
		assert_int_equal(n, cases[c].messages);
		harness_close(&h);
		harness_memory_free(memory);
		close(ends[0]);
		close(ends[1]);
	}
}

/* A reader that has gone ends the chain without a complaint; any other failure is told with its reason. */
static void print_tells_a_closed_pipe_from_a_full_disk(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	int pipes[2], full = open("/dev/full", O_WRONLY), err;
	struct detour detour;
	struct harness h;
	char *error;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(pipes), 0);
	close(pipes[0]);
	assert_true(harness_open(&h, "print", &schema));
	detour = detour_to(pipes[1]);
	err = harness_start(&h) ? -1 : harness_push(&h, memory);
	detour_end(detour);
	assert_int_equal(err, -EPIPE);
	error = harness_error(&h);
	assert_string_equal(error, "");
	free(error);
	close(pipes[1]);
	if (full >= 0) {
		detour = detour_to(full);
		err = harness_push(&h, memory);
		detour_end(detour);
		assert_int_equal(err, -ENOSPC);
		harness_expect_error(&h, "No space left");
		close(full);
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* A buffer's worth and more goes through whole, in order. */
static void much_is_written_whole(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory;
	char path[] = "/tmp/weir-test-XXXXXX", chain[64], line[64];
	int fd = mkstemp(path);
	uint64_t random = 1;
	struct harness h;
	FILE *file;

	(void)state;
	assert_true(fd >= 0);
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "i", WEIR_INT, "", 0);
	memory = harness_memory(&schema, 100000);
	for (int i = 0; i < 100000; i++)
		memory->column[0].integer[i] = i;
	snprintf(chain, sizeof(chain), "csv:%s", path);
	assert_true(harness_open(&h, chain, &schema));
	assert_int_equal(harness_start(&h), 0);
	harness_push_cut(&h, memory, 100000, WEIR_BLOCK_MAX, &random);
	assert_int_equal(harness_flush(&h), 0);
	file = fdopen(fd, "r");
	assert_non_null(file);
	assert_string_equal(fgets(line, sizeof(line), file), "t,i\n");
	for (int i = 0; i < 100000; i++) {
		char expected[64];

		snprintf(expected, sizeof(expected), "%d,%d\n", i ? i : 0, i);
		if (i)
			snprintf(expected, sizeof(expected), "%d000000,%d\n", i, i);
		assert_string_equal(fgets(line, sizeof(line), file), expected);
	}
	assert_null(fgets(line, sizeof(line), file));
	fclose(file);
	harness_close(&h);
	harness_memory_free(memory);
	unlink(path);
}

/* A file is emptied when records could come and not when the program is only looked at, or something else of it cannot start;
 * flushing shows what has come so far. */
static void csv_empties_its_file_late(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema), one;
	char path[] = "/tmp/weir-test-XXXXXX", chain[64], text[256];
	int fd = mkstemp(path);
	struct harness h;

	(void)state;
	assert_int_equal(write(fd, "old", 3), 3);
	snprintf(chain, sizeof(chain), "csv:%s", path);
	assert_true(harness_open(&h, chain, &schema));
	read_all(fd, text, sizeof(text));
	assert_string_equal(text, "old");
	assert_int_equal(harness_start(&h), 0);
	read_all(fd, text, sizeof(text));
	assert_string_equal(text, "old");
	assert_int_equal(harness_flush(&h), 0);
	read_all(fd, text, sizeof(text));
	assert_string_equal(text, "t,x,i,b,s\n");
	weir_block_slice(&one, memory, 0, 1);
	assert_int_equal(harness_push(&h, &one), 0);
	assert_int_equal(harness_flush(&h), 0);
	read_all(fd, text, sizeof(text));
	assert_string_equal(text, "t,x,i,b,s\n0,1.5,42,0,plain\n");
	harness_close(&h);
	harness_memory_free(memory);
	close(fd);
	unlink(path);
}

/* Appending adds records and no second header, also where the file is new. */
static void csv_takes_options(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema), one;
	char path[] = "/tmp/weir-test-XXXXXX", chain[96], text[256];
	int fd = mkstemp(path);
	struct harness h;

	(void)state;
	weir_block_slice(&one, memory, 0, 1);
	snprintf(chain, sizeof(chain), "csv:%s append separator=\";\" time=none", path);
	for (int run = 0; run < 2; run++) {
		assert_true(harness_open(&h, chain, &schema));
		assert_int_equal(harness_start(&h), 0);
		assert_int_equal(harness_push(&h, &one), 0);
		assert_int_equal(harness_flush(&h), 0);
		harness_close(&h);
	}
	read_all(fd, text, sizeof(text));
	assert_string_equal(text, "x;i;b;s\n1.5;42;0;plain\n1.5;42;0;plain\n");
	harness_expect_refusal("csv:x.csv separator=ab", &schema, "one character");
	harness_expect_refusal("csv:x.csv separator='\"'", &schema, "quotes");
	harness_memory_free(memory);
	close(fd);
	unlink(path);
}

/* Of two that write one file the second is refused, and the first keeps what it has written; those that append share it. */
static void csv_has_one_writer(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema), one;
	char path[] = "/tmp/weir-test-XXXXXX", chain[64], text[256];
	int fd = mkstemp(path);
	struct harness h, other;

	(void)state;
	weir_block_slice(&one, memory, 0, 1);
	for (int appends = 0; appends < 2; appends++) {
		snprintf(chain, sizeof(chain), "csv:%s%s", path, appends ? " append" : "");
		assert_true(harness_open(&h, chain, &schema));
		assert_int_equal(harness_start(&h), 0);
		assert_int_equal(harness_push(&h, &one), 0);
		assert_int_equal(harness_flush(&h), 0);
		assert_true(harness_open(&other, chain, &schema));
		assert_int_equal(harness_start(&other), appends ? 0 : -EWOULDBLOCK);
		if (!appends)
			harness_expect_error(&other, "another process is writing this file");
		harness_close(&other);
		harness_close(&h);
	}
	read_all(fd, text, sizeof(text));
	assert_string_equal(text, "t,x,i,b,s\n0,1.5,42,0,plain\n0,1.5,42,0,plain\n");
	harness_memory_free(memory);
	close(fd);
	unlink(path);
}

/* A directory that is not there is named when the run starts, and a full disk when it is met. */
static void csv_tells_why_it_cannot_write(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	struct harness h;

	(void)state;
	assert_true(harness_open(&h, "csv:/nonexistent/out.csv", &schema));
	assert_int_equal(harness_start(&h), -ENOENT);
	harness_expect_error(&h, "'/nonexistent/out.csv': cannot open");
	harness_close(&h);
	if (!access("/dev/full", W_OK)) {
		assert_true(harness_open(&h, "csv:/dev/full", &schema));
		assert_int_equal(harness_start(&h), 0);
		assert_int_equal(harness_flush(&h), -ENOSPC);
		harness_expect_error(&h, "cannot write '/dev/full': No space left");
		harness_close(&h);
	}
	harness_memory_free(memory);
}

/* null takes everything and does nothing. */
static void null_takes_all(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	struct harness h;

	(void)state;
	assert_true(harness_open(&h, "null", &schema));
	assert_int_equal(harness_start(&h), 0);
	assert_int_equal(harness_push(&h, memory), 0);
	assert_int_equal(atomic_load(&h.last->records_in), 3);
	harness_close(&h);
	harness_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(print_writes_json),
		cmocka_unit_test(print_writes_csv),
		cmocka_unit_test(print_writes_influx),
		cmocka_unit_test(print_writes_times),
		cmocka_unit_test(times_and_names_are_right),
		cmocka_unit_test(print_writes_raw),
		cmocka_unit_test(print_flushes_as_told),
		cmocka_unit_test(print_tells_a_closed_pipe_from_a_full_disk),
		cmocka_unit_test(much_is_written_whole),
		cmocka_unit_test(csv_empties_its_file_late),
		cmocka_unit_test(csv_takes_options),
		cmocka_unit_test(csv_has_one_writer),
		cmocka_unit_test(csv_tells_why_it_cannot_write),
		cmocka_unit_test(null_takes_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
