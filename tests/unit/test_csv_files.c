/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CSV that weir writes: every form comes back to the bit, and what is continued stays one table. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "short_file.h"
#include "whole_file.h"

/* --------------------------------------------------------------- round trips */

/** A form that the sink writes, and as which the source reads it. */
struct form {
	char separator;
	bool has_comma, no_header, appends;
	int time; /**< index into the words of time= */
};

static const char *const kinds[] = { "real", "int", "bool", "text:24" };

static struct form random_form(uint64_t *random)
{
	static const char separators[] = ",;\t~/ ";
	struct form form = {
		.separator = separators[harness_below(random, 6)],
		.no_header = harness_below(random, 2),
		.appends = harness_below(random, 2),
		.time = (int)harness_below(random, 4),
	};

	form.has_comma = form.separator != ',' && harness_below(random, 2);
	return form;
}

static double random_real(uint64_t *random)
{
	static const double odd[] = { 0,      -0.0,       NAN,     INFINITY,  -INFINITY,
				      0x1p53, 0x1p53 + 2, -0x1p54, 0x1p-1074, 1.7976931348623157e308,
				      0.1,    1e22 };
	union {
		uint64_t bits;
		double real;
	} any = { harness_random(random) };

	switch (harness_below(random, 4)) {
	case 0:
		return odd[harness_below(random, sizeof(odd) / sizeof(odd[0]))];
	case 1:
		return isnan(any.real) ? 1 : any.real;
	case 2:
		return round(harness_uniform(random) * 1e6) / 1000;
	default:
		return harness_uniform(random);
	}
}

/* Of what texts are hardest: quotes, separators, ends of lines, blanks, marks, numbers. */
static void random_text(uint64_t *random, char cell[24])
{
	static const char *const pieces[] = { "\"",       "\"\"",         ",",    ";", "\t", "~",   " ",
					      "\n",       "\r",           "\r\n", "#", "a",  "nan", "1.5",
					      "\xc3\xa9", "\xef\xbb\xbf", "/",    "=" };
	size_t n = 0;

	memset(cell, 0, 24);
	for (uint32_t i = harness_below(random, 7); i; i--) {
		const char *piece = pieces[harness_below(random, sizeof(pieces) / sizeof(pieces[0]))];

		if (n + strlen(piece) < 24)
			n += (size_t)sprintf(cell + n, "%s", piece);
	}
}

static void random_value(uint64_t *random, const struct weir_field *field, union weir_column column, uint32_t row)
{
	if (field->kind == WEIR_REAL)
		column.real[row] = random_real(random);
	else if (field->kind == WEIR_TEXT)
		random_text(random, column.text + row * 24);
	else if (field->kind == WEIR_BOOL)
		column.integer[row] = harness_below(random, 2);
	else
		column.integer[row] = (int64_t)harness_random(random) >> harness_below(random, 64);
}

static struct weir_block *random_records(uint64_t *random, struct weir_schema *schema, uint32_t n, bool has_times)
{
	static const enum weir_kind kind[] = { WEIR_REAL, WEIR_INT, WEIR_BOOL, WEIR_TEXT };
	uint32_t n_fields = 1 + harness_below(random, 5);
	struct weir_block *memory;
	char name[16];

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	for (uint32_t i = 0; i < n_fields; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		weir_schema_add(schema, name, kind[harness_below(random, 4)], "", 24);
	}
	memory = harness_memory(schema, n);
	for (uint32_t row = 0; row < n; row++) {
		if (has_times)
			memory->t[row] = (int64_t)harness_random(random) >> harness_below(random, 63);
		for (uint32_t i = 0; i < n_fields; i++)
			random_value(random, &schema->field[i], memory->column[i], row);
	}
	return memory;
}

/* `separator=… decimal=… header=…`, which both sides understand. */
static void say_form(const struct form *form, char *to, size_t room)
{
	snprintf(to, room, " separator=\"%s%.1s\" decimal=\"%s\" header=%s", form->separator == '\t' ? "tab" : "",
		 form->separator == '\t' ? "" : (char[]){ form->separator, 0 }, form->has_comma ? "," : ".",
		 form->no_header ? "no" : "yes");
}

static void write_file(const char *path, const struct form *form, const struct weir_block *memory, uint32_t n,
		       uint64_t *random)
{
	static const char *const times[] = { "ns", "s", "iso", "none" };
	struct harness sink;
	char chain[256], said[96];

	say_form(form, said, sizeof(said));
	snprintf(chain, sizeof(chain), "csv:%s time=%s%s%s", path, times[form->time], said,
		 form->appends ? " append" : "");
	if (!harness_open(&sink, chain, memory->schema))
		fail_msg("%s: %s", chain, harness_error(&sink));
	assert_int_equal(harness_start(&sink), 0);
	harness_push_cut(&sink, memory, n, 40, random);
	assert_int_equal(harness_flush(&sink), 0);
	harness_close(&sink);
}

/* `csv:FILE[f0:real,f1:int]` */
static size_t name_columns(char *to, size_t room, const char *source, const char *path, const struct form *form,
			   const struct weir_schema *schema)
{
	size_t n = (size_t)snprintf(to, room, "%s:%s[", source, path);

	if (form->no_header && form->time != 3)
		n += (size_t)snprintf(to + n, room - n, "t,");
	for (uint32_t i = 0; i < schema->n_fields; i++)
		n += (size_t)snprintf(to + n, room - n, "f%u:%s%s", i, kinds[schema->field[i].kind],
				      i + 1 < schema->n_fields ? "," : "]");
	return n;
}

static void open_reader(struct harness *h, const char *path, const struct form *form, const struct weir_schema *schema,
			bool replays)
{
	char chain[512], said[96];
	size_t n = name_columns(chain, sizeof(chain), replays ? "replay" : "csv", path, form, schema);

	say_form(form, said, sizeof(said));
	snprintf(chain + n, sizeof(chain) - n, "%s%s%s", replays || form->time == 3 ? "" : " time=t",
		 replays ? " speed=max" : "", said);
	if (!harness_open(h, chain, NULL))
		fail_msg("%s: %s", chain, harness_error(h));
	assert_int_equal(harness_start(h), 0);
	if (harness_pull_all(h, 33) < 0)
		fail_msg("%s: %s", chain, harness_error(h));
}

static void expect_back(const char *path, const struct form *form, const struct weir_block *memory, uint32_t n,
			bool replays, uint64_t *random)
{
	struct harness back, stage;

	open_reader(&back, path, form, memory->schema, replays);
	assert_true(harness_open(&stage, "skip 0", memory->schema));
	harness_push_cut(&stage, memory, n, 100, random);
	harness_expect_same(&back, &stage);
	harness_close(&stage);
	harness_close(&back);
}

/* Any records in any form, read by both sources, are the same to the bit, times too. */
static void every_form_comes_back(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int trial = 0; trial < 300; trial++) {
		struct form form = random_form(&random);
		uint32_t n = 1 + harness_below(&random, 100);
		struct file file = make_file("");
		struct weir_schema schema;
		struct weir_block *memory = random_records(&random, &schema, n, form.time != 3);

		write_file(file.path, &form, memory, n, &random);
		expect_back(file.path, &form, memory, n, false, &random);
		if (form.time != 3)
			expect_back(file.path, &form, memory, n, true, &random);
		harness_memory_free(memory);
		unlink(file.path);
	}
}

/* Whatever is at the end of a file when it is continued, records before and behind it are whole. */
static void a_torn_file_is_continued_behind_its_torn_line(void **state)
{
	uint64_t random = 7;

	(void)state;
	for (int trial = 0; trial < 100; trial++) {
		struct form form = random_form(&random);
		uint32_t n = 5 + harness_below(&random, 20);
		struct file file = make_file("");
		struct weir_schema schema;
		struct weir_block *memory;
		char chain[512];
		struct harness h;
		struct stat stat_before;
		off_t cut;

		form.separator = ',';
		form.has_comma = form.no_header = false;
		form.time = 0;
		memory = random_records(&random, &schema, n, true);
		form.appends = false;
		write_file(file.path, &form, memory, n, &random);
		assert_int_equal(stat(file.path, &stat_before), 0);
		/* Cut it somewhere behind its header. */
		cut = (off_t)(3 * schema.n_fields + 2);
		cut += (off_t)harness_below(&random, (uint32_t)(stat_before.st_size - cut) + 1);
		assert_int_equal(truncate(file.path, cut), 0);
		form.appends = true;
		write_file(file.path, &form, memory, n, &random);
		/* All of the second run is there, at the end. */
		name_columns(chain, sizeof(chain), "csv", file.path, &form, &schema);
		strcat(chain, " time=t on_error=skip");
		assert_true(harness_open(&h, chain, NULL));
		assert_int_equal(harness_start(&h), 0);
		assert_int_equal(harness_pull_all(&h, 100), 0);
		if (h.n < n)
			fail_msg("cut at %ld: %u records of %u", (long)cut, h.n, n);
		for (uint32_t row = 0; row < n; row++)
			if (h.t[h.n - n + row] != memory->t[row])
				fail_msg("cut at %ld: record %u is another", (long)cut, row);
		harness_close(&h);
		harness_memory_free(memory);
		unlink(file.path);
	}
}

/* ------------------------------------------------------------------ continuing */

static struct weir_block *two_numbers(struct weir_schema *schema, const char *first, const char *second)
{
	struct weir_block *memory;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, first, WEIR_REAL, "", 0);
	weir_schema_add(schema, second, WEIR_REAL, "", 0);
	memory = harness_memory(schema, 2);
	for (int i = 0; i < 2; i++) {
		memory->column[0].real[i] = i + 0.5;
		memory->column[1].real[i] = -i;
	}
	return memory;
}

/* Continue a file that holds `text` with records of a and b. NULL: it is refused with `message`, and left as it was. */
static void expect_continued(const char *text, const char *arguments, const char *expected, const char *message)
{
	struct file file = make_file(text);
	struct weir_schema schema;
	struct weir_block *memory = two_numbers(&schema, "a", "b");
	struct harness h;
	char chain[160], *after;

	snprintf(chain, sizeof(chain), "csv:%s append %s", file.path, arguments);
	assert_int_equal(harness_open(&h, chain, &schema), expected != NULL);
	if (expected) {
		assert_int_equal(harness_start(&h), 0);
		memory->n = 2;
		assert_int_equal(harness_push(&h, memory), 0);
		assert_int_equal(harness_flush(&h), 0);
	} else {
		harness_expect_error(&h, message);
	}
	harness_close(&h);
	after = whole_file(file.path);
	assert_string_equal(after, expected ? expected : text);
	free(after);
	harness_memory_free(memory);
	unlink(file.path);
}

/* Records are never written under names that are not theirs, nor in another form than those above them. */
static void a_file_is_continued_in_its_own_form(void **state)
{
	(void)state;
	expect_continued("", "", "t,a,b\n0,0.5,0\n1000000,1.5,-1\n", NULL);
	expect_continued("t,a,b\n7,1,2\n", "", "t,a,b\n7,1,2\n0,0.5,0\n1000000,1.5,-1\n", NULL);
	expect_continued("\xef\xbb\xbft,a,b\r\n7,1,2\r\n", "",
			 "\xef\xbb\xbft,a,b\r\n7,1,2\r\n0,0.5,0\n1000000,1.5,-1\n", NULL);
	expect_continued("t,a,b", "", "t,a,b\n0,0.5,0\n1000000,1.5,-1\n", NULL);
	expect_continued("7,1,2\n", "header=no", "7,1,2\n0,0.5,0\n1000000,1.5,-1\n", NULL);
	expect_continued("t,a,b\n7,1,2\n", "header=no", "t,a,b\n7,1,2\n0,0.5,0\n1000000,1.5,-1\n", NULL);
	expect_continued("t;a;b\n7;1,5;2\n", "separator=\";\" decimal=\",\"",
			 "t;a;b\n7;1,5;2\n0;0,5;0\n1000000;1,5;-1\n", NULL);

	expect_continued("t,b,a\n7,1,2\n", "", NULL, "its header is 't,b,a', not 't,a,b'");
	expect_continued("t,a\n7,1\n", "", NULL, "its header is 't,a'");
	expect_continued("t,a,b,c\n7,1,2,3\n", "", NULL, "its header is 't,a,b,c'");
	expect_continued("t,a,bc\n", "", NULL, "its header is 't,a,bc'");
	expect_continued("t,a", "", NULL, "its header is 't,a'");
	expect_continued("7,1,2\n", "", NULL, "its header is '7,1,2'");
	expect_continued("t;a;b\n", "", NULL, "separated by ';', not by ','");
	expect_continued("t\ta\tb\n", "separator=\";\"", NULL, "separated by");
	expect_continued("a,b\n1,2\n", "", NULL, "its records have no times");
	expect_continued("t,a,b\n1,1,2\n", "time=none", NULL, "its records have their times");
	expect_continued("t,a,b\n1,1,2\n", "time=iso", NULL, "line 2 has another form of time: '1'");
	expect_continued("t,a,b\n1,1,2\n", "time=s", NULL, "another form of time");
	expect_continued("t,a,b\n0.000000001,1,2\n", "", NULL, "another form of time");
	expect_continued("t,a,b\n2024-01-01T00:00:00Z,1,2\n", "", NULL, "another form of time");
	expect_continued("t;a;b\n7;1.5;2\n", "separator=\";\" decimal=\",\"", NULL,
			 "line 2 has another decimal mark: '1.5'");
	expect_continued("t;a;b\n7;1;2\n8;2;0,5\n", "separator=\";\"", NULL, "line 3 has another decimal mark: '0,5'");
	expect_continued("t;a;b\n0,000000001;1;2\n", "separator=\";\" time=s", NULL, "another decimal mark");
	expect_continued("x,y,z\n7,1,2\n", "header=no", NULL, "line 1 has another form of time: 'x'");
	expect_continued("x,y\n1,2\n", "header=no time=none", NULL, "line 1 has text in a column of numbers: 'x'");
	expect_continued("7,1\n", "header=no", NULL, "line 1 has another number of cells");
}

/* What is in the middle of a large file is not looked at, but both of its ends are. */
static void both_ends_of_a_large_file_are_looked_at(void **state)
{
	char *text = malloc(400000), *end = text;

	(void)state;
	end += sprintf(end, "t,a,b\n");
	while (end < text + 300000)
		end += sprintf(end, "1,1,2\n");
	sprintf(end, "2024-01-01T00:00:00Z,1,2\n");
	expect_continued(text, "", NULL, "another form of time");
	free(text);
}

/* The torn line stays, on a line of its own, and is told. */
static void half_a_line_is_not_continued(void **state)
{
	(void)state;
	expect_continued("t,a,b\n7,1,2\n4234", "", "t,a,b\n7,1,2\n4234\n0,0.5,0\n1000000,1.5,-1\n", NULL);
	expect_continued("t,a,b\n7,1,\"x", "", "t,a,b\n7,1,\"x\"\n0,0.5,0\n1000000,1.5,-1\n", NULL);
	expect_continued("t,a,b\n7,1,\"x\n", "", "t,a,b\n7,1,\"x\n\"\n0,0.5,0\n1000000,1.5,-1\n", NULL);
	expect_continued("t,a,b\n7,1,5\"\n", "", "t,a,b\n7,1,5\"\n0,0.5,0\n1000000,1.5,-1\n", NULL);
	expect_continued("t,a,b\n7,1,\"x\"\"\"", "", "t,a,b\n7,1,\"x\"\"\"\n0,0.5,0\n1000000,1.5,-1\n", NULL);
	expect_continued("t,a,b\n7,1,\"x\"\"\n", "", "t,a,b\n7,1,\"x\"\"\n\"\n0,0.5,0\n1000000,1.5,-1\n", NULL);
}

/** One of several that begin to continue an empty file at the same time. */
static void *append_two(void *context)
{
	struct harness *h = context;
	struct weir_schema schema;
	struct weir_block *memory = two_numbers(&schema, "a", "b");

	memory->n = 2;
	if (harness_push(h, memory) || harness_flush(h))
		abort();
	harness_memory_free(memory);
	return NULL;
}

/* Those that continue a new file together give it one header. */
static void a_new_file_gets_one_header(void **state)
{
	(void)state;
	for (int trial = 0; trial < 20; trial++) {
		struct file file = make_file("");
		struct weir_schema schema;
		struct weir_block *memory = two_numbers(&schema, "a", "b");
		struct harness h[4];
		pthread_t thread[4];
		char chain[96], *text, *header;

		snprintf(chain, sizeof(chain), "csv:%s append", file.path);
		for (int i = 0; i < 4; i++) {
			assert_true(harness_open(&h[i], chain, &schema));
			assert_int_equal(harness_start(&h[i]), 0);
		}
		for (int i = 0; i < 4; i++)
			assert_int_equal(pthread_create(&thread[i], NULL, append_two, &h[i]), 0);
		for (int i = 0; i < 4; i++)
			pthread_join(thread[i], NULL);
		for (int i = 0; i < 4; i++)
			harness_close(&h[i]);
		text = whole_file(file.path);
		header = strstr(text, "t,a,b\n");
		assert_ptr_equal(header, text);
		assert_null(strstr(header + 1, "t,a,b"));
		assert_int_equal(strlen(text), 6 + 4 * strlen("0,0.5,0\n1000000,1.5,-1\n"));
		free(text);
		harness_memory_free(memory);
		unlink(file.path);
	}
}

/* A file that came to be another one after the program was read is refused when records come. */
static void a_file_that_changes_before_the_first_record_is_refused(void **state)
{
	struct file file = make_file("t,a,b\n");
	struct weir_schema schema;
	struct weir_block *memory = two_numbers(&schema, "a", "b");
	struct harness h;
	char chain[96];
	int fd;

	(void)state;
	snprintf(chain, sizeof(chain), "csv:%s append", file.path);
	assert_true(harness_open(&h, chain, &schema));
	assert_int_equal(harness_start(&h), 0);
	fd = open(file.path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "t,c,d\n", 6), 6);
	close(fd);
	memory->n = 2;
	assert_int_equal(harness_push(&h, memory), -EEXIST);
	harness_expect_error(&h, "its header is 't,c,d'");
	harness_close(&h);
	harness_memory_free(memory);
	unlink(file.path);
}

static void separators_are_checked(void **state)
{
	static const char *const wrong[] = { ".", "-", "+", "1", "e", "E", "n", "_", "ab", "", "'" };
	struct weir_schema schema;
	struct weir_block *memory = two_numbers(&schema, "a", "b");
	char chain[96];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(chain, sizeof(chain), "csv:/tmp/x.csv separator=\"%s\"", wrong[i]);
		harness_expect_refusal(chain, &schema, "separator");
	}
	harness_expect_refusal("csv:/tmp/x.csv separator='\"'", &schema, "quotes");
	harness_expect_refusal("csv:/tmp/x.csv decimal=\",\"", &schema, "decimal mark already");
	harness_expect_refusal("csv:/tmp/x.csv decimal=\";\"", &schema, "a point or a comma");
	harness_expect_refusal("csv:/tmp/x.csv separator=\":\" time=iso", &schema, "times of day");
	harness_memory_free(memory);
}

/* --------------------------------------------------------- while it is written */

static void remove_file(const char *path)
{
	assert_int_equal(unlink(path), 0);
}

static void replace_file(const char *path)
{
	char other[80];

	snprintf(other, sizeof(other), "%s.new", path);
	assert_true(open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0);
	assert_int_equal(rename(other, path), 0);
}

static void rename_file(const char *path)
{
	char other[80];

	snprintf(other, sizeof(other), "%s.old", path);
	assert_int_equal(rename(path, other), 0);
}

static void cut_file(const char *path)
{
	assert_int_equal(truncate(path, 0), 0);
}

/* What happens to a file under a sink is said in the summary; records that nobody will find are counted. */
static void a_file_that_goes_is_told(void **state)
{
	static const struct {
		void (*happen)(const char *path);
		const char *how;
		uint64_t lost;
	} cases[] = {
		{ remove_file, "deleted", 2 },
		{ replace_file, "deleted", 2 },
		{ rename_file, "renamed", 0 },
		{ cut_file, "shorter", 0 },
	};
	static const char *const sinks[] = { "csv:%s", "record:%s", "csv:%s append" };

	(void)state;
	for (size_t i = 0; i < 3 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct file file = make_file("");
		struct weir_schema schema;
		struct weir_block *memory = two_numbers(&schema, "a", "b");
		struct harness h;
		char chain[96];

		snprintf(chain, sizeof(chain), sinks[i % 3], file.path);
		assert_true(harness_open(&h, chain, &schema));
		assert_int_equal(harness_start(&h), 0);
		memory->n = 2;
		assert_int_equal(harness_push(&h, memory), 0);
		assert_int_equal(harness_flush(&h), 0);
		assert_int_equal(h.last->driver->sink->end(h.last), 0);
		assert_null(weir_node_how(h.last));
		cases[i / 3].happen(file.path);
		assert_int_equal(harness_push(&h, memory), 0);
		if (cases[i / 3].happen != cut_file)
			assert_int_equal(harness_flush(&h), 0);
		assert_int_equal(h.last->driver->sink->end(h.last), 0);
		assert_non_null(weir_node_how(h.last));
		assert_non_null(strstr(weir_node_how(h.last), cases[i / 3].how));
		assert_int_equal(atomic_load(&h.last->lost[WEIR_LOST_UNSENT]), cases[i / 3].lost);
		harness_close(&h);
		harness_memory_free(memory);
		unlink(file.path);
		snprintf(chain, sizeof(chain), "%s.old", file.path);
		unlink(chain);
	}
}

/* What another program has emptied is not filled up with zeros. */
static void an_emptied_file_has_no_hole(void **state)
{
	struct file file = make_file("");
	struct weir_schema schema;
	struct weir_block *memory = two_numbers(&schema, "a", "b");
	struct harness h;
	char chain[96], *text;

	(void)state;
	snprintf(chain, sizeof(chain), "csv:%s", file.path);
	assert_true(harness_open(&h, chain, &schema));
	assert_int_equal(harness_start(&h), 0);
	memory->n = 2;
	assert_int_equal(harness_push(&h, memory), 0);
	assert_int_equal(harness_flush(&h), 0);
	cut_file(file.path);
	assert_int_equal(harness_push(&h, memory), 0);
	assert_int_equal(harness_flush(&h), 0);
	harness_close(&h);
	text = whole_file(file.path);
	assert_string_equal(text, "0,0.5,0\n1000000,1.5,-1\n");
	free(text);
	harness_memory_free(memory);
	unlink(file.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_comes_back),
		cmocka_unit_test(a_torn_file_is_continued_behind_its_torn_line),
		cmocka_unit_test(a_file_is_continued_in_its_own_form),
		cmocka_unit_test(both_ends_of_a_large_file_are_looked_at),
		cmocka_unit_test(half_a_line_is_not_continued),
		cmocka_unit_test(a_new_file_gets_one_header),
		cmocka_unit_test(a_file_that_changes_before_the_first_record_is_refused),
		cmocka_unit_test(separators_are_checked),
		cmocka_unit_test(a_file_that_goes_is_told),
		cmocka_unit_test(an_emptied_file_has_no_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
