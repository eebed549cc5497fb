/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole pipelines through the public interface: programs in, files and counters out. No hardware, no root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/internal.h"
#include "weir/weir.h"

struct outcome {
	int status;
	char *messages;
	json_t *summary; /* NULL when the program did not open */
};

static json_t *summary_of(const struct weir_pipeline *pipeline)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	json_t *summary;

	weir_summary(pipeline, stream, WEIR_FORMAT_JSON);
	fclose(stream);
	summary = json_loads(text, 0, NULL);
	free(text);
	assert_non_null(summary);
	return summary;
}

static struct outcome run(const char *program, struct weir_options options)
{
	struct outcome outcome = { 0 };
	struct weir_pipeline *pipeline;
	size_t size;

	options.messages = open_memstream(&outcome.messages, &size);
	outcome.status = weir_open(&pipeline, program, "<test>", &options);
	if (pipeline) {
		outcome.status = weir_run(pipeline);
		outcome.summary = summary_of(pipeline);
		weir_close(pipeline);
	}
	fclose(options.messages);
	return outcome;
}

static void outcome_free(struct outcome *outcome)
{
	free(outcome->messages);
	json_decref(outcome->summary);
}

static json_int_t number(const struct outcome *outcome, const char *key)
{
	return json_integer_value(json_object_get(outcome->summary, key));
}

static json_int_t lost(const struct outcome *outcome)
{
	return json_integer_value(json_object_get(json_object_get(outcome->summary, "lost"), "total"));
}

static void temporary(char path[64])
{
	int fd;

	snprintf(path, 64, "/tmp/weir-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
}

/* The second column of a CSV file with a header must be from, from + 1, … ; returns how many lines there are. */
static uint64_t check_counting(const char *path, uint64_t from)
{
	FILE *file = fopen(path, "r");
	uint64_t n = 0, t, value;
	char line[256];

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	while (fgets(line, sizeof(line), file)) {
		assert_int_equal(sscanf(line, "%" SCNu64 ",%" SCNu64, &t, &value), 2);
		assert_int_equal(value, from + n++);
	}
	fclose(file);
	return n;
}

/* Proves that all records of a finite run reach the sink, in order, and that the counters say so. */
static void every_record_arrives(void **state)
{
	char path[64], program[256];
	struct outcome outcome;

	(void)state;
	temporary(path);
	snprintf(program, sizeof(program), "synth:counter rate=max | csv:%s", path);
	outcome = run(program, (struct weir_options){ .limit = 100000 });
	assert_int_equal(outcome.status, 0);
	assert_int_equal(check_counting(path, 0), 100000);
	assert_int_equal(number(&outcome, "in"), 100000);
	assert_int_equal(number(&outcome, "out"), 100000);
	assert_int_equal(lost(&outcome), 0);
	outcome_free(&outcome);
	unlink(path);
}

/* Proves that a named stream gives each of its readers everything, also through a ring far smaller than the stream. */
static void each_reader_gets_everything(void **state)
{
	char first[64], second[64], program[512];
	struct outcome outcome;

	(void)state;
	temporary(first);
	temporary(second);
	snprintf(program, sizeof(program),
		 "n = synth:counter rate=max | where value >= 1000\nn | csv:%s\nn | select value | csv:%s", first,
		 second);
	outcome = run(program, (struct weir_options){ .limit = 51000, .ring_rows = 512 });
	assert_string_equal(outcome.messages, "");
	assert_int_equal(outcome.status, 0);
	assert_int_equal(check_counting(first, 1000), 50000);
	assert_int_equal(check_counting(second, 1000), 50000);
	outcome_free(&outcome);
	unlink(first);
	unlink(second);
}

/* Proves that with a reader that drops, what arrived and what was lost add up to what was sent, whatever the timing. */
static void arrived_and_lost_add_up(void **state)
{
	static const char *const policies[] = { "drop_oldest", "block" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char program[128];
		struct outcome outcome;

		snprintf(program, sizeof(program), "synth:counter rate=max | print format=csv policy=%s", policies[i]);
		fflush(stdout);
		int saved = dup(STDOUT_FILENO);

		assert_non_null(freopen("/dev/null", "w", stdout));
		outcome = run(program, (struct weir_options){ .limit = 300000, .ring_rows = 512, .strict = true });
		fflush(stdout);
		dup2(saved, STDOUT_FILENO);
		close(saved);
		assert_int_equal(number(&outcome, "out") + lost(&outcome), 300000);
		assert_int_equal(outcome.status, lost(&outcome) ? 4 : 0);
		if (i == 1)
			assert_int_equal(lost(&outcome), 0);
		outcome_free(&outcome);
	}
}

static void *stop_soon(void *pipeline)
{
	usleep(100000);
	weir_stop(pipeline);
	return NULL;
}

/* Proves that an endless run ends on request from another thread, and that what was taken in was given out. */
static void stop_drains(void **state)
{
	struct weir_options options = { 0 };
	struct weir_pipeline *pipeline;
	struct outcome outcome = { 0 };
	pthread_t thread;

	(void)state;
	assert_int_equal(weir_open(&pipeline, "synth:counter rate=1kHz | null", "<test>", &options), 0);
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, pipeline), 0);
	outcome.status = weir_run(pipeline);
	pthread_join(thread, NULL);
	outcome.summary = summary_of(pipeline);
	weir_close(pipeline);
	assert_int_equal(outcome.status, 0);
	assert_true(number(&outcome, "in") > 0);
	assert_int_equal(number(&outcome, "in"), number(&outcome, "out"));
	outcome_free(&outcome);
}

/* Proves that --for ends a run close to the asked time. */
static void time_limit_ends(void **state)
{
	struct outcome outcome = run("synth:sine rate=100Hz | null", (struct weir_options){ .for_ns = 200000000 });

	(void)state;
	assert_int_equal(outcome.status, 0);
	assert_in_range(number(&outcome, "in"), 10, 40);
	outcome_free(&outcome);
}

/* Proves that a chain which has had enough ends the run, with all sources of it still able to go on. */
static void limit_ends_the_run(void **state)
{
	char path[64], program[256];
	struct outcome outcome;

	(void)state;
	temporary(path);
	snprintf(program, sizeof(program), "synth:counter rate=max | limit 1234 | csv:%s", path);
	outcome = run(program, (struct weir_options){ 0 });
	assert_int_equal(outcome.status, 0);
	assert_int_equal(check_counting(path, 0), 1234);
	outcome_free(&outcome);
	unlink(path);
}

/* Proves that a source whose readers have had enough stops, while another one still keeps the run going. */
static void a_source_without_readers_stops(void **state)
{
	static const char program[] =
		"synth:counter rate=max | limit 100 | null\nsynth:counter rate=20Hz | limit 5 | null\n";
	struct weir_options options = { .quiet = true };
	struct weir_pipeline *pipeline;

	(void)state;
	assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
	assert_int_equal(weir_run(pipeline), 0);
	assert_in_range(pipeline->node[0]->records_out, 100, 500000);
	weir_close(pipeline);
}

/* Proves that a rehearsed output is never touched and always ends parked. */
static void rehearsal_parks(void **state)
{
	struct outcome outcome = run(
		"synth:square freq=10Hz rate=1kHz | switch on value > 0 off value < 0 | gpio:NO_SUCH park=on",
		(struct weir_options){ .limit = 1000, .dry_run = true });

	(void)state;
	assert_int_equal(outcome.status, 0);
	assert_non_null(strstr(outcome.messages, "would start at 1"));
	assert_non_null(strstr(outcome.messages, "would become 0"));
	assert_non_null(strstr(outcome.messages, "would park at 1"));
	outcome_free(&outcome);
}

/* Proves the exit status of each kind of failure before a run. */
static void failures_have_their_status(void **state)
{
	static const struct {
		const char *program;
		int status;
	} cases[] = {
		{ "", 2 },
		{ "synth:counter | nul", 2 },
		{ "iio:no_such_device | null", 3 },
		{ "lines:/no/such/file | null", 3 },
		{ "iio:no_such_device | nul", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome = run(cases[i].program, (struct weir_options){ 0 });

		assert_int_equal(outcome.status, cases[i].status);
		assert_true(strlen(outcome.messages) > 0);
		outcome_free(&outcome);
	}
}

/* Proves that both ways of moving bytes and each number of rows in the ring give the same output. */
static void same_output_for_any_ring(void **state)
{
	uint64_t expected = 0;

	(void)state;
	for (uint32_t rows = 512; rows <= 65536; rows *= 4) {
		char path[64], program[256];
		struct outcome outcome;

		temporary(path);
		snprintf(program, sizeof(program),
			 "synth:counter rate=max | window 7 step 3 mean(value) as m | every 5 | select m = round(m) | "
			 "csv:%s",
			 path);
		outcome = run(program, (struct weir_options){ .limit = 20000, .ring_rows = rows });
		assert_int_equal(outcome.status, 0);
		if (expected)
			assert_int_equal(number(&outcome, "out"), expected);
		expected = (uint64_t)number(&outcome, "out");
		outcome_free(&outcome);
		unlink(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_arrives),     cmocka_unit_test(each_reader_gets_everything),
		cmocka_unit_test(arrived_and_lost_add_up),  cmocka_unit_test(stop_drains),
		cmocka_unit_test(time_limit_ends),          cmocka_unit_test(limit_ends_the_run),
		cmocka_unit_test(rehearsal_parks),          cmocka_unit_test(failures_have_their_status),
		cmocka_unit_test(same_output_for_any_ring), cmocka_unit_test(a_source_without_readers_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
