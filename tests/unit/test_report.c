/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reports: what a user reads when something is wrong. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/report.h"

#define OUT_MAX 16384

/* What the report prints. */
static const char *printed(struct weir_report *report, char out[OUT_MAX])
{
	FILE *stream = fmemopen(out, OUT_MAX, "w");

	assert_non_null(stream);
	weir_report_print(report, stream);
	fclose(stream);
	return out;
}

static void expect_print(struct weir_report *report, const char *expected)
{
	char out[OUT_MAX] = "";

	assert_string_equal(printed(report, out), expected);
}

static struct weir_report *open_report(const char *text)
{
	struct weir_report *report;

	assert_int_equal(weir_report_open(&report, "a.weir", text), 0);
	return report;
}

/* The form that report.h shows: place, line, caret under all of the place, hint. */
static void test_form(void **state)
{
	struct weir_report *report = open_report("a\nlevel = sqrt(mm)\n");

	(void)state;
	weir_report_add(report, WEIR_EXIT_USAGE, (struct weir_span){ 15, 2 }, "did you mean 'm'?", "unknown field '%s'",
			"mm");
	expect_print(report, "a.weir:2:14: error: unknown field 'mm'\n"
			     "    level = sqrt(mm)\n"
			     "                 ^~\n"
			     "    did you mean 'm'?\n");
	weir_report_close(report);
}

/* A text that the user has not written as it stands is shown without a place in it. */
static void test_without_name(void **state)
{
	struct weir_report *report;

	(void)state;
	assert_int_equal(weir_report_open(&report, "", "a\ngpio:X\n"), 0);
	weir_report_add(report, WEIR_EXIT_DEVICE, (struct weir_span){ 2, 6 }, NULL, "no line X");
	expect_print(report, "weir: error: no line X\n"
			     "    gpio:X\n"
			     "    ^~~~~~\n");
	weir_report_close(report);
}

/* Columns count characters, a tab stays a tab so that the caret stands under its place, and nothing that a terminal would
 * act on, or that is no UTF-8, is printed. */
static void test_characters(void **state)
{
	struct weir_report *report = open_report("\t\303\244\342\202\254 x\033\377y");

	(void)state;
	weir_report_add(report, WEIR_EXIT_USAGE, (struct weir_span){ 7, 4 }, NULL, "e");
	expect_print(report, "a.weir:1:5: error: e\n"
			     "    \t\303\244\342\202\254 x??y\n"
			     "    \t   ^~~~\n");
	weir_report_close(report);
}

/* A place may be the very end, may reach over its line, or may lie nowhere at all. */
static void test_edges(void **state)
{
	struct weir_report *report = open_report("ab\r\ncd");

	(void)state;
	weir_report_add(report, WEIR_EXIT_USAGE, (struct weir_span){ 6, 1 }, NULL, "end");
	weir_report_add(report, WEIR_EXIT_USAGE, (struct weir_span){ 1, 5 }, NULL, "two lines");
	weir_report_add(report, WEIR_EXIT_USAGE, (struct weir_span){ 4000000000u, 4000000000u }, NULL, "beyond");
	weir_report_add(report, WEIR_EXIT_DEVICE, (struct weir_span){ 0, 0 }, NULL, "no place");
	expect_print(report, "a.weir:1:2: error: two lines\n"
			     "    ab\n"
			     "     ^\n"
			     "a.weir:2:3: error: end\n"
			     "    cd\n"
			     "      ^\n"
			     "a.weir:2:3: error: beyond\n"
			     "    cd\n"
			     "      ^\n"
			     "a.weir: error: no place\n");
	weir_report_close(report);
}

/* Of a line that no screen can show, the part around the place is printed. */
static void test_long_line(void **state)
{
	char text[1001], out[OUT_MAX];
	const char *line, *caret_line;
	struct weir_report *report;

	(void)state;
	for (int i = 0; i < 1000; i++)
		text[i] = (char)('a' + i % 26);
	text[1000] = '\0';
	report = open_report(text);
	weir_report_add(report, WEIR_EXIT_USAGE, (struct weir_span){ 500, 300 }, NULL, "e");
	assert_memory_equal(printed(report, out), "a.weir:1:501: error: e\n    ...", 30);
	assert_true(strlen(out) < 300);
	line = strchr(out, '\n') + 1;
	caret_line = strchr(line, '\n') + 1;
	assert_int_equal(line[strchr(caret_line, '^') - caret_line], 'a' + 500 % 26);
	weir_report_close(report);
}

/* All come in the order of their places, none twice, and the status is that of the gravest. */
static void test_order_and_status(void **state)
{
	struct weir_report *report = open_report("abc");

	(void)state;
	assert_int_equal(weir_report_status(report), WEIR_EXIT_OK);
	weir_report_add(report, WEIR_EXIT_RUNTIME, (struct weir_span){ 2, 1 }, NULL, "third");
	assert_int_equal(weir_report_status(report), WEIR_EXIT_RUNTIME);
	weir_report_add(report, WEIR_EXIT_DEVICE, (struct weir_span){ 1, 1 }, NULL, "first");
	assert_int_equal(weir_report_status(report), WEIR_EXIT_DEVICE);
	weir_report_add(report, WEIR_EXIT_USAGE, (struct weir_span){ 1, 1 }, NULL, "second");
	weir_report_add(report, WEIR_EXIT_USAGE, (struct weir_span){ 1, 1 }, NULL, "second");
	weir_report_add(report, WEIR_EXIT_RUNTIME, (struct weir_span){ 0, 0 }, NULL, "last");
	assert_int_equal(weir_report_status(report), WEIR_EXIT_USAGE);
	assert_int_equal(weir_report_count(report), 4);
	expect_print(report, "a.weir:1:2: error: first\n    abc\n     ^\n"
			     "a.weir:1:2: error: second\n    abc\n     ^\n"
			     "a.weir:1:3: error: third\n    abc\n      ^\n"
			     "a.weir: error: last\n");
	expect_print(report, "");
	assert_int_equal(weir_report_status(report), WEIR_EXIT_USAGE);
	weir_report_close(report);
}

/* A message that is there already does not count: a thread's own are told apart by its name, which is its own until it is joined. */
static void *add_many(void *report)
{
	for (int i = 0; i < 1000; i++)
		weir_report_add(report, WEIR_EXIT_RUNTIME, (struct weir_span){ 0, 0 }, "hint", "thread %p error %d",
				(void *)pthread_self(), i);
	return NULL;
}

/* Threads may report at the same time; beyond a hundred messages only the count goes on, and print says how many. */
static void test_threads_and_flood(void **state)
{
	struct weir_report *report = open_report("");
	pthread_t thread[4];
	char out[OUT_MAX];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, add_many, report), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(weir_report_count(report), 4000);
	assert_non_null(strstr(printed(report, out), "a.weir: and 3900 more errors\n"));
	weir_report_close(report);
}

/* The rule of report.h: a third of the longer word, rounded up; a transposition is one edit; ties go to the first.
 * Case alone makes no distance. */
static void test_nearest(void **state)
{
	static const char *const words[] = { "rate", "watermark", "trigger", "ms", "window" };
	static const struct {
		const char *word, *near;
	} cases[] = {
		{ "rat", "rate" },       { "raet", "rate" }, { "xxte", "rate" }, { "watermerk", "watermark" },
		{ "tigger", "trigger" }, { "msx", "ms" },    { "s", "ms" },      { "widnow", "window" },
		{ "completely", NULL },  { "", NULL },       { "q", NULL },      { "RATE", "rate" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *near = weir_nearest(cases[i].word, strlen(cases[i].word), words, 5);

		if (cases[i].near)
			assert_string_equal(near, cases[i].near);
		else
			assert_null(near);
	}
	assert_null(weir_nearest("rate", 4, words, 0));
}

/* Passwords are not shown: neither in the line of the program, nor in message and hint; what is no password is. */
static void test_secrets(void **state)
{
	static const char *const shown[][2] = {
		{ "mqtt://me:se:cr@et@host:1883/a", "mqtt://me:********@host:1883/a" },
		{ "mqtt://me:p/w@host/a | null", "mqtt://me:***@host/a | null" },
		{ "mqtt:me:pw@host/a", "mqtt:me:**@host/a" },
		{ "exec:\"curl https://u:pw@host/?a=b\"", "exec:\"curl https://u:**@host/?a=b\"" },
		{ "mqtt://host/a password=pw qos=1", "mqtt://host/a password=** qos=1" },
		{ "mqtt://host/a passwrd=pw", "mqtt://host/a passwrd=**" },
		{ "mqtt://host/a password = \"p w\" qos=1", "mqtt://host/a password = \"***\" qos=1" },
		{ "mqtt://host:1883/a@b", "mqtt://host:1883/a@b" },
		{ "mqtt://me@[::1]:1883/a", "mqtt://me@[::1]:1883/a" },
		{ "mqtt://me@host/a password_file=/x", "mqtt://me@host/a password_file=/x" },
		{ "csv:a:b.csv | print", "csv:a:b.csv | print" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++) {
		struct weir_report *report = open_report(shown[i][0]);
		char expected[400];

		weir_report_add(report, WEIR_EXIT_USAGE, (struct weir_span){ 0, 4 }, shown[i][0], "%s", shown[i][0]);
		snprintf(expected, sizeof(expected), "a.weir:1:1: error: %s\n    %s\n    ^~~~\n    %s\n", shown[i][1],
			 shown[i][1], shown[i][1]);
		expect_print(report, expected);
		assert_string_equal(weir_report_text(report), shown[i][0]);
		weir_report_close(report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_without_name),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_order_and_status),
		cmocka_unit_test(test_threads_and_flood),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_secrets),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
