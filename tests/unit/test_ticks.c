/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time without records: what is said at a tick depends on the records' times alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define N 2000
#define US INT64_C(1000)

/* A field x, at irregular times with silences; now and then time runs backwards when `is_ragged`. */
static struct weir_block *make_records(struct weir_schema *schema, uint64_t *random, bool is_ragged)
{
	struct weir_block *memory;
	int64_t t = (int64_t)harness_below(random, 1000000);

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	memory = harness_memory(schema, N);
	for (uint32_t i = 0; i < N; i++) {
		t += harness_below(random, 50) ? harness_below(random, 300) * US : harness_below(random, 40000) * US;
		memory->t[i] = is_ragged && !harness_below(random, 20) ? t - harness_below(random, 9000) * US : t;
		memory->column[0].real[i] = harness_uniform(random);
	}
	return memory;
}

struct series {
	int64_t t[20 * N];
	double x[20 * N];
	uint32_t n;
};

/* Beats from the first record up to `end`, each with the latest value of that time or before. */
static void model_heartbeat(struct series *series, int64_t span, int64_t end)
{
	static struct series out;
	uint32_t latest = 0;

	out.n = 0;
	for (int64_t t = series->n ? series->t[0] + span : INT64_MAX; t <= end; t += span) {
		while (latest + 1 < series->n && series->t[latest + 1] <= t)
			latest++;
		assert_in_range(out.n, 0, 20 * N - 1);
		out.t[out.n] = t;
		out.x[out.n++] = series->x[latest];
	}
	*series = out;
}

/* A heartbeat behind a condition, and one behind another, follow the plainest model: also where nothing passes for long, the
 * beat goes on by the time of the records that did not pass. */
static void beats_follow_the_model(void **state)
{
	static struct series series;
	uint64_t random = 7;

	(void)state;
	for (int round = 0; round < 30; round++) {
		int64_t span = (1 + harness_below(&random, 3000)) * 10 * US,
			second = (10 + harness_below(&random, 900)) * 40 * US;
		struct weir_schema schema;
		struct weir_block *memory = make_records(&schema, &random, false);
		struct harness h;
		char chain[128];

		series.n = 0;
		for (uint32_t i = 0; i < N; i++) {
			if (memory->column[0].real[i] <= 0.95)
				continue;
			series.t[series.n] = memory->t[i];
			series.x[series.n++] = memory->column[0].real[i];
		}
		model_heartbeat(&series, span, memory->t[N - 1]);
		model_heartbeat(&series, second, memory->t[N - 1]);
		snprintf(chain, sizeof(chain), "where x > 0.95 | heartbeat %lldus | heartbeat %lldus",
			 (long long)(span / US), (long long)(second / US));
		harness_run(&h, chain, memory, WEIR_BLOCK_MAX, random);
		assert_int_equal(h.n, series.n);
		for (uint32_t i = 0; i < h.n; i++) {
			assert_int_equal(h.t[i], series.t[i]);
			assert_true(h.value[0][i].real == series.x[i]);
		}
		harness_close(&h);
		harness_memory_free(memory);
	}
}

/* Blocks cut anywhere give the same bytes, also where records come out of order and conditions hide them. */
static void cuts_change_nothing(void **state)
{
	static const char *const chains[] = {
		"heartbeat 300us",
		"where x > 0.9 | heartbeat 1ms",
		"where x > 0.9 | heartbeat 1ms | window 10ms count() as n | heartbeat 3ms",
		"every 3ms | heartbeat 700us | where x < 0 | heartbeat 2ms",
	};
	uint64_t random = 11;

	(void)state;
	for (int round = 0; round < 40; round++) {
		struct weir_schema schema;
		struct weir_block *memory = make_records(&schema, &random, round & 1);
		const char *chain = chains[round / 2 % 4];
		struct harness h;

		harness_run_cut(&h, chain, memory, &random);
		assert_true(h.n > 10);
		harness_close(&h);
		harness_memory_free(memory);
	}
}

/* A record of exactly a beat's time is in it, the last beat is that of the last record's time, and none comes after. */
static void edges_are_exact(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;

	(void)state;
	memory = harness_numbers(&schema, 31);
	for (int i = 0; i < 31; i++)
		memory->column[0].real[i] = i;
	harness_run(&h, "heartbeat 10ms", memory, 64, 1);
	assert_int_equal(h.n, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(h.t[i], (i + 1) * 10000 * US);
		assert_true(h.value[0][i].real == 10.0 * (i + 1));
	}
	harness_close(&h);
	harness_expect_refusal("heartbeat 0s", &schema, "0s");
	harness_memory_free(memory);
}

static char *run_program(const char *program, uint64_t limit)
{
	struct weir_options options = { .limit = limit, .quiet = true };
	struct weir_pipeline *pipeline;
	char path[] = "/tmp/weir-test-XXXXXX", text[512], *all = calloc(1, 1 << 16);
	int fd = mkstemp(path);

	assert_true(fd >= 0 && all);
	snprintf(text, sizeof(text), "%s | csv:%s", program, path);
	assert_int_equal(weir_open(&pipeline, text, "<test>", &options), 0);
	assert_int_equal(weir_run(pipeline), 0);
	weir_close(pipeline);
	assert_true(read(fd, all, (1 << 16) - 1) > 0);
	close(fd);
	unlink(path);
	return all;
}

/* Live, beats come while nothing arrives, at exactly their times, and the records of the source's next sign of life find them
 * already said: five records a fifth of a second apart have 32 beats of 25 ms between them. */
static void live_time_passes_alone(void **state)
{
	char *text = run_program("synth:counter rate=5Hz | heartbeat 25ms lateness=20ms", 5), *line;
	long long t, before = 0, n = 0;

	(void)state;
	line = strtok(text, "\n");
	while ((line = strtok(NULL, "\n"))) {
		assert_int_equal(sscanf(line, "%lld", &t), 1);
		if (n++)
			assert_int_equal(t - before, 25000000);
		before = t;
	}
	assert_int_equal(n, 32);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beats_follow_the_model),
		cmocka_unit_test(cuts_change_nothing),
		cmocka_unit_test(edges_are_exact),
		cmocka_unit_test(live_time_passes_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
