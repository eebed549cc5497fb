/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs at the ends of chains, as sources and sinks; and that no hanging program keeps a run from ending. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "leftovers.h"

static void *run_shortly(void *program)
{
	FILE *messages = fopen("/dev/null", "w");
	struct weir_options options = { .for_ns = 200000000, .messages = messages };
	struct weir_pipeline *pipeline;
	int status = weir_open(&pipeline, program, "<test>", &options);

	if (!status)
		status = weir_run(pipeline);
	weir_close(pipeline);
	fclose(messages);
	return (void *)(intptr_t)status;
}

/* A hanging program never keeps a run from ending, wherever it stands; its records count as lost and not as a failure. */
static void a_hanging_program_does_not_hold_up_the_end(void **state)
{
	static char programs[][100] = {
		"synth:counter rate=1kHz | exec 'sleep 1000' window=10 deadline=1h | null",
		"synth:counter rate=1kHz | exec 'sleep 1000' deadline=1h | null",
		"synth:counter rate=1kHz | exec:'sleep 1000' deadline=1h",
		"synth:counter rate=1kHz | exec:'sleep 1000' per=record deadline=1h",
		"exec:'trap \"\" TERM; sleep 1000' | null",
	};
	unsigned descriptors = open_descriptors(), n = sizeof(programs) / sizeof(programs[0]);
	int64_t begun = weir_now(WEIR_CLOCK_MONOTONIC);
	pthread_t threads[5];

	(void)state;
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_shortly, programs[i]), 0);
	for (unsigned i = 0; i < n; i++) {
		void *status;

		assert_int_equal(pthread_join(threads[i], &status), 0);
		assert_null(status);
	}
	/* Far less than the programs' 1000 s and their deadline. */
	assert_true(weir_now(WEIR_CLOCK_MONOTONIC) - begun < INT64_C(20000000000));
	expect_nothing_left(descriptors);
}

/* ------------------------------------------------------------- source, sink */

static void open_source(struct harness *h, const char *chain)
{
	if (!harness_open(h, chain, NULL))
		fail_msg("%s: %s", chain, harness_error(h));
	assert_int_equal(harness_start(h), 0);
}

/* Lines, CSV with times and JSON of a program are records; its end is the stream's, unless it fails. */
static void a_program_is_a_source(void **state)
{
	struct harness h;

	(void)state;
	open_source(&h, "exec:\"printf 'one\\n\\ntwo\\r\\nthree'\"");
	assert_int_equal(harness_pull_all(&h, 2), 0);
	assert_int_equal(h.n, 4);
	assert_string_equal(h.value[0][0].text, "one");
	assert_string_equal(h.value[0][1].text, "");
	assert_string_equal(h.value[0][2].text, "two");
	assert_string_equal(h.value[0][3].text, "three");
	assert_int_equal(h.schema.clock, WEIR_CLOCK_MONOTONIC);
	harness_close(&h);

	open_source(&h, "exec:'seq 100000' out=n:int");
	assert_int_equal(harness_pull_all(&h, 1024), 0);
	assert_int_equal(h.n, 100000);
	for (uint32_t k = 0; k < h.n; k++)
		assert_int_equal(h.value[0][k].integer, k + 1);
	harness_close(&h);

	open_source(&h, "exec:\"printf 't,x\\n5,1.5\\n6,2.5\\n'\" out=x time=own");
	assert_int_equal(harness_pull_all(&h, 1024), 0);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.t[1], 6);
	assert_int_equal(h.schema.clock, WEIR_CLOCK_DATED);
	harness_close(&h);

	open_source(&h, "exec:'echo 1; echo x; echo 3' out=n:int on_error=skip");
	assert_int_equal(harness_pull_all(&h, 1024), 0);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.source->lost[WEIR_LOST_CUT], 1);
	harness_close(&h);
}

/* What it said before it failed is delivered, then the failure is told. */
static void a_source_that_fails_says_so(void **state)
{
	struct harness h;

	(void)state;
	open_source(&h, "exec:'echo 1; exit 2' out=n:int");
	assert_int_equal(harness_pull_all(&h, 1024), -EINVAL);
	assert_int_equal(h.n, 1);
	harness_expect_error(&h, "ended with status 2");
	harness_close(&h);
	/* Of a program that is lost, the half of a line is no record. */
	open_source(&h, "exec:'echo 12; printf 34; exit 3' out=n:int");
	assert_int_equal(harness_pull_all(&h, 1024), -EINVAL);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.source->lost[WEIR_LOST_CUT], 1);
	harness_expect_error(&h, "ended with status 3");
	harness_close(&h);
	open_source(&h, "exec:'echo 12; printf 34; kill -9 $$' out=n:int");
	assert_int_equal(harness_pull_all(&h, 1024), -EINVAL);
	assert_int_equal(h.n, 1);
	harness_expect_error(&h, "signal 9 (Killed)");
	harness_close(&h);
	open_source(&h, "exec:'echo 1; echo x; echo 3' out=n:int");
	assert_int_equal(harness_pull_all(&h, 1024), -EINVAL);
	assert_int_equal(h.n, 1);
	harness_expect_error(&h, "'x' is not an integer");
	harness_close(&h);
}

/* A line longer than any buffer is one record, cut and counted, and the lines after it are right. */
static void long_lines_are_cut(void **state)
{
	struct harness h;

	(void)state;
	open_source(&h, "exec:'head -c 300000 /dev/zero | tr \"\\0\" a; echo; echo b' width=10");
	assert_int_equal(harness_pull_all(&h, 1024), 0);
	assert_int_equal(h.n, 2);
	assert_string_equal(h.value[0][0].text, "aaaaaaaaa");
	assert_string_equal(h.value[0][1].text, "b");
	assert_int_equal(h.source->lost[WEIR_LOST_CUT], 1);
	harness_close(&h);
}

static void expect_file(const char *path, const char *expected)
{
	char text[4096];
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	assert_string_equal(text, expected);
}

/* A sink's program has all records when the run is over; one for each record finds them in its environment, never in a command. */
static void a_program_is_a_sink(void **state)
{
	char path[] = "/tmp/weir-test-XXXXXX", text[256];
	struct weir_pipeline *pipeline;
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	snprintf(text, sizeof(text), "synth:counter rate=max | limit 3 | exec:'sleep 0.2; cat >%s'", path);
	assert_int_equal(weir_open(&pipeline, text, "<test>", NULL), 0);
	assert_int_equal(weir_run(pipeline), 0);
	weir_close(pipeline);
	expect_file(path, "t,value\n0,0\n1000000,1\n2000000,2\n");
	snprintf(text, sizeof(text),
		 "exec:\"echo '$(touch /never); x'\" | limit 1 | exec:'echo \"$WEIR_text\" >%s' per=record", path);
	assert_int_equal(weir_open(&pipeline, text, "<test>", NULL), 0);
	assert_int_equal(weir_run(pipeline), 0);
	weir_close(pipeline);
	expect_file(path, "$(touch /never); x\n");
	assert_int_not_equal(access("/never", F_OK), 0);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hanging_program_does_not_hold_up_the_end),
		cmocka_unit_test(a_program_is_a_source),
		cmocka_unit_test(a_source_that_fails_says_so),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(a_program_is_a_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
