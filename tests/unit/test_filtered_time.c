/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Behind an early filter time goes on with the records that were read. Random records go group by group through a pipe into a pipeline
 * whose first stages run in a filter; after each group, and before the next is written, exactly that has come out which the
 * operators give when all stages run in one chain. So it is compared when a record comes out, and not only which.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "skip.h"

#define N 240
#define ROUNDS 36
#define MS INT64_C(1000000)
#define PATIENCE_MS 10000

static const char *const filters[] = { "where a > 9000", "where a > 5000 | every 3", "every 40ms", "changed a by 9000",
				       "where a > 9990" };
static const char *const stages[] = { "timeout 50ms",
				      "heartbeat 30ms",
				      "window 100ms count() as n, max(a) as m",
				      "window session 60ms count() as n",
				      "throttle 70ms keep=last",
				      "timeout 30ms keep | window 90ms count() as n",
				      "debounce 40ms a | heartbeat 25ms",
				      "resample rate=50Hz gap=70ms | heartbeat 35ms" };

/* Where the stage reads: the filtered stream itself, or one behind another ring. */
static const char *const programs[] = {
	"%s | %s | %s | csv:%s/out\n", "s = %s | %s\ns | %s | csv:%s/out\ns | null\n",
	"s = %s | %s\nr = s | where a > -1\nr | %s | csv:%s/out\nr | null\ns | null\n"
};

struct trial {
	char dir[40];
	struct weir_pipeline *pipeline;
	pthread_t thread;
	int status, pipe;
	struct harness model;
};

static struct weir_block *make_records(struct weir_schema *schema, uint64_t *random, bool is_ragged)
{
	struct weir_block *memory;
	int64_t t = 0;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "a", WEIR_INT, "", 0);
	memory = harness_memory(schema, N);
	for (uint32_t i = 0; i < N; i++) {
		t += (int64_t)harness_below(random, harness_below(random, 10) ? 8 : 200) * MS;
		memory->t[i] = is_ragged && !harness_below(random, 8) ? t - (int64_t)harness_below(random, 90) * MS : t;
		memory->column[0].integer[i] = harness_below(random, 10000);
	}
	return memory;
}

static void *run(void *context)
{
	struct trial *trial = context;

	trial->status = weir_run(trial->pipeline);
	return NULL;
}

static void path_of(const struct trial *trial, const char *name, char path[80])
{
	snprintf(path, 80, "%s/%s", trial->dir, name);
}

/* False where this machine does not have the tier. */
static bool open_trial(struct trial *trial, const char *program, const char *filter, const char *stage,
		       const struct weir_schema *schema, enum weir_filter_tier tier)
{
	struct weir_options options = { .quiet = true, .tier = tier };
	char path[80], source[160], text[600], chain[300];
	int status;

	strcpy(trial->dir, "/tmp/weir-test-XXXXXX");
	assert_non_null(mkdtemp(trial->dir));
	path_of(trial, "in", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	trial->pipe = open(path, O_RDWR | O_CLOEXEC);
	assert_true(trial->pipe >= 0 && write(trial->pipe, "ts,a\n", 5) == 5);
	snprintf(source, sizeof(source), "csv:%s[a:s16] time=ts unit=ns", path);
	snprintf(text, sizeof(text), program, source, filter, stage, trial->dir);
	status = weir_open(&trial->pipeline, text, "<test>", &options);
	if (status) {
		assert_int_equal(tier, WEIR_FILTER_BATCH);
		assert_int_not_equal(status, WEIR_EXIT_USAGE);
		return false;
	}
	snprintf(chain, sizeof(chain), "%s | %s", filter, stage);
	if (!harness_open(&trial->model, chain, schema))
		fail_msg("%s: %s", chain, harness_error(&trial->model));
	assert_int_equal(pthread_create(&trial->thread, NULL, run, trial), 0);
	return true;
}

static void remove_files(struct trial *trial)
{
	char path[80];

	close(trial->pipe);
	path_of(trial, "in", path);
	unlink(path);
	path_of(trial, "out", path);
	unlink(path);
	rmdir(trial->dir);
}

/* The times of the records that have come out; those that fit `t`. */
static uint32_t read_output(const struct trial *trial, int64_t *t, uint32_t most)
{
	char path[80], line[200];
	uint32_t n = 0;
	FILE *file;

	path_of(trial, "out", path);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file))
		while (fgets(line, sizeof(line), file) && strchr(line, '\n') && n < most)
			t[n++] = strtoll(line, NULL, 10);
	fclose(file);
	return n;
}

static void expect_output(const struct trial *trial, const char *what)
{
	static int64_t t[4 * N];
	uint32_t n = 0;

	assert_in_range(trial->model.n, 0, 4 * N - 1);
	for (int tries = 0; tries < PATIENCE_MS / 2; tries++) {
		n = read_output(trial, t, 4 * N);
		if (n >= trial->model.n)
			break;
		poll(NULL, 0, 2);
	}
	if (n != trial->model.n)
		fail_msg("%s: %u records have come out, where %u should have", what, n, trial->model.n);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(t[i], trial->model.t[i]);
}

static void feed(struct trial *trial, const struct weir_block *memory, uint32_t from, uint32_t n)
{
	struct weir_block group;
	char text[64 * 40];
	int length = 0;

	for (uint32_t i = from; i < from + n; i++)
		length += sprintf(text + length, "%lld,%lld\n", (long long)memory->t[i],
				  (long long)memory->column[0].integer[i]);
	assert_int_equal(write(trial->pipe, text, (size_t)length), length);
	weir_block_slice(&group, memory, from, n);
	assert_true(harness_push(&trial->model, &group) >= 0);
}

static void end_trial(struct trial *trial)
{
	close(trial->pipe);
	trial->pipe = -1;
	pthread_join(trial->thread, NULL);
	assert_int_equal(trial->status, 0);
	weir_close(trial->pipeline);
	assert_true(harness_flush(&trial->model) >= 0);
}

static bool try_once(const char *program, const char *filter, const char *stage, enum weir_filter_tier tier,
		     uint64_t *random, bool is_ragged)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, random, is_ragged);
	struct trial trial = { 0 };
	char what[200];
	bool is_there = open_trial(&trial, program, filter, stage, &schema, tier);

	snprintf(what, sizeof(what), "%s | %s, %s", filter, stage, tier == WEIR_FILTER_BATCH ? "batch" : "user");
	for (uint32_t from = 0, n; is_there && from < N; from += n) {
		n = 1 + harness_below(random, 40);
		n = n < N - from ? n : N - from;
		feed(&trial, memory, from, n);
		expect_output(&trial, what);
	}
	if (is_there) {
		end_trial(&trial);
		expect_output(&trial, what);
		harness_close(&trial.model);
	}
	remove_files(&trial);
	harness_memory_free(memory);
	return is_there;
}

static void try_tier(enum weir_filter_tier tier)
{
	uint64_t random = 41;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		const char *filter = filters[harness_below(&random, sizeof(filters) / sizeof(filters[0]))];
		const char *stage = stages[round % (sizeof(stages) / sizeof(stages[0]))];

		if (!try_once(programs[round / 2 % 3], filter, stage, tier, &random, round & 1))
			skip_because("no batch tier here");
	}
}

static uint32_t await_output(const struct trial *trial, uint32_t n)
{
	int64_t t[8];
	uint32_t got = 0;

	for (int tries = 0; tries < PATIENCE_MS / 2 && got < n; tries++) {
		got = read_output(trial, t, 8);
		if (got < n)
			poll(NULL, 0, 2);
	}
	return got;
}

/* Where records are put in order, they wait for time to come further by the lateness, and dropped records bring that. */
static void records_that_wait_hear_of_time(void **state)
{
	struct trial trial = { 0 };
	struct weir_schema schema;
	char line[40];

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "a", WEIR_INT, "", 0);
	if (!open_trial(&trial, programs[0], "where a > 0", "window 50ms count() as n lateness=20ms", &schema,
			WEIR_FILTER_BATCH)) {
		remove_files(&trial);
		skip_because("no batch tier here");
	}
	for (int ms = 0; ms <= 71; ms++) {
		if (ms == 70) {
			poll(NULL, 0, 50);
			assert_int_equal(await_output(&trial, 0), 0);
		}
		snprintf(line, sizeof(line), "%d000000,%d\n", ms, ms == 0);
		assert_int_equal(write(trial.pipe, line, strlen(line)), strlen(line));
	}
	assert_int_equal(await_output(&trial, 1), 1);
	end_trial(&trial);
	harness_close(&trial.model);
	remove_files(&trial);
}

static void user_tier_lets_time_pass(void **state)
{
	(void)state;
	try_tier(WEIR_FILTER_USER);
}

static void batch_tier_lets_time_pass(void **state)
{
	(void)state;
	try_tier(WEIR_FILTER_BATCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_tier_lets_time_pass),
		cmocka_unit_test(batch_tier_lets_time_pass),
		cmocka_unit_test(records_that_wait_hear_of_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
