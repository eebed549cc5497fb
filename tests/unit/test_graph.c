/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole graphs: whatever the number of threads, the size of blocks and of rings, and wherever a ring stands between two stages, the
 * bytes that come out are the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/weir.h"
#include "whole_file.h"

#define STREAMS_MAX 40
#define TEXT_MAX 8192

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return z ^ z >> 27;
}

static uint32_t below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((next_random(state) >> 32) * n >> 32);
}

/* ------------------------------------------------------------ random programs */

struct graph {
	char text[TEXT_MAX];
	uint32_t n;                 /* streams s0, s1, …, each with a field v */
	uint32_t kind[STREAMS_MAX]; /* equal: as many records, so that a zip cannot jam */
	bool is_used[STREAMS_MAX];
	uint64_t random;
};

__attribute__((format(printf, 2, 3))) static void say(struct graph *graph, const char *format, ...)
{
	size_t length = strlen(graph->text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(graph->text + length, TEXT_MAX - length, format, arguments);
	va_end(arguments);
}

static uint32_t some_stream(struct graph *graph)
{
	uint32_t i = below(&graph->random, graph->n);

	graph->is_used[i] = true;
	return i;
}

static uint32_t new_stream(struct graph *graph, uint32_t kind)
{
	graph->kind[graph->n] = kind;
	return graph->n++;
}

/* A stream with as many records as `a`; `a` itself would give two fields of one name. */
static uint32_t twin_of(struct graph *graph, uint32_t a)
{
	for (uint32_t i = 0; i < graph->n; i++)
		if (i != a && graph->kind[i] == graph->kind[a]) {
			graph->is_used[i] = true;
			return i;
		}
	say(graph, "s%u = s%u | select v = v * 2\n", graph->n, a);
	graph->is_used[graph->n] = true;
	return new_stream(graph, graph->kind[a]);
}

static void add_simple(struct graph *graph)
{
	static const char *const stages[] = {
		"where v > 0.2",
		"where v > 0.97",
		"every 3",
		"every 4ms",
		"window 5 step 3 mean(v) as v",
		"window 700 max(v) as v",
		"window 7ms step 3ms sum(v) as v",
		"window 3ms step 5ms last(v) as v partial",
		"heartbeat 3ms",
		"where v > 0.9 | heartbeat 2ms | where v > 0.95",
		"delay 3",
		"delay 2 v=7 | heartbeat 5ms",
		"skip 4",
		"window session 1ms count() as v",
		"window 5ms step 2ms last(v) as v lateness=2ms",
		"sort 1500us",
		"where v > 0.9 | sort 3ms | window 4ms first(v) as v",
		"where v > 0.8 | window session 3ms first(v) as v | heartbeat 2ms",
	};
	uint32_t a = some_stream(graph);

	say(graph, "s%u = s%u | %s\n", graph->n, a, stages[below(&graph->random, sizeof(stages) / sizeof(stages[0]))]);
	new_stream(graph, 1000 + graph->n);
}

static void add_combination(struct graph *graph)
{
	uint32_t a = some_stream(graph), b = some_stream(graph), n;

	if (a == b)
		b = twin_of(graph, a);
	n = graph->n;
	switch (below(&graph->random, 6)) {
	case 0:
		say(graph, "s%u = merge(s%u, s%u)\n", n, a, b);
		break;
	case 3:
		say(graph, "s%u = merge(s%u, s%u, lateness=2ms) | where v > 0.8\n", n, a, b);
		break;
	case 4:
		say(graph, "s%u = join(s%u, s%u, within=1ms, lateness=1ms) | select v = s%u_v\n", n, a, b, b);
		break;
	case 1:
		say(graph, "s%u = join(s%u, s%u, within=2ms, missing=null) | select v = s%u_v\n", n, a, b, a);
		break;
	case 2:
		say(graph, "s%u = join(s%u, s%u, within=1ms) | select v = s%u_v - s%u_v\n", n, a, b, a, b);
		break;
	default:
		say(graph, "s%u = s%u on s%u\n", n, a, b);
	}
	new_stream(graph, 1000 + n);
}

static void add_zip(struct graph *graph)
{
	uint32_t a = some_stream(graph), b = twin_of(graph, a), n = graph->n;

	say(graph, "s%u = zip(s%u, s%u) | select v = s%u_v + s%u_v\n", n, a, b, a, b);
	new_stream(graph, graph->kind[a]);
}

static void add_circle(struct graph *graph)
{
	uint32_t a = some_stream(graph), n = graph->n, delay = 1 + below(&graph->random, 300);

	say(graph, "p%u = s%u | delay %u v=1\n", n, n, delay);
	say(graph, "s%u = zip(s%u, p%u) | select v = s%u_v * 0.5 + p%u_v * 0.25\n", n, a, n, a, n);
	new_stream(graph, graph->kind[a]);
}

static void add_split(struct graph *graph)
{
	uint32_t a = some_stream(graph), n = graph->n;

	say(graph, "s%u, s%u = s%u | split v > 0.5\n", n, n + 1, a);
	new_stream(graph, 1000 + n);
	new_stream(graph, 1000 + n + 1);
}

static void make_graph(struct graph *graph, const char *directory, uint64_t seed)
{
	*graph = (struct graph){ .random = seed };
	for (uint32_t i = 0; i < 2; i++)
		say(graph, "s%u = csv:%s/in%u.csv[v] time=time speed=max\n", new_stream(graph, i), directory, i);
	say(graph, "s%u = synth:sine rate=max freq=3Hz | select v = value | limit 2000\n", new_stream(graph, 2));
	while (graph->n < 14)
		switch (below(&graph->random, 8)) {
		case 0:
			add_zip(graph);
			break;
		case 1:
			add_circle(graph);
			break;
		case 2:
			add_split(graph);
			break;
		case 3:
		case 4:
			add_simple(graph);
			break;
		default:
			add_combination(graph);
		}
}

/* ----------------------------------------------------------------------- run */

struct setting {
	uint32_t threads, block_rows, ring_rows;
	bool rings_everywhere; /* a second reader of each stream keeps stages from being fused */
};

/* Every stream that nobody reads goes to a file; the files one after the other. */
static char *run(const struct graph *graph, const char *directory, const struct setting *setting)
{
	struct weir_options options = { .threads = setting->threads,
					.block_rows = setting->block_rows,
					.ring_rows = setting->ring_rows };
	struct weir_pipeline *pipeline;
	static char text[2 * TEXT_MAX];
	char *all = calloc(1, 1);
	size_t length;

	snprintf(text, sizeof(text), "%s", graph->text);
	for (uint32_t i = 0; i < graph->n; i++) {
		length = strlen(text);
		if (!graph->is_used[i])
			snprintf(text + length, sizeof(text) - length, "s%u | csv:%s/out%u.csv\n", i, directory, i);
		if (graph->is_used[i] && setting->rings_everywhere)
			snprintf(text + length, sizeof(text) - length, "s%u | null\n", i);
	}
	if (weir_open(&pipeline, text, "<test>", &options) || weir_run(pipeline))
		fail_msg("threads %u, blocks %u, rings %u:\n%s", setting->threads, setting->block_rows,
			 setting->ring_rows, text);
	weir_close(pipeline);
	for (uint32_t i = 0; i < graph->n; i++) {
		char path[128], *one;

		if (graph->is_used[i])
			continue;
		snprintf(path, sizeof(path), "%s/out%u.csv", directory, i);
		one = whole_file(path);
		length = strlen(all);
		all = realloc(all, length + strlen(one) + 1);
		strcpy(all + length, one);
		free(one);
		unlink(path);
	}
	return all;
}

/* Irregular times, some of them equal; a few, where the input is ragged, older than those before. */
static void write_input(const char *directory, uint32_t i, uint32_t n, bool is_ragged, uint64_t *random)
{
	char path[128];
	FILE *file;
	long long t = 0;

	snprintf(path, sizeof(path), "%s/in%u.csv", directory, i);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("time,v\n", file);
	for (uint32_t k = 0; k < n; k++) {
		t += below(random, 4) ? below(random, 1500000) : 0;
		long long back = is_ragged && !below(random, 8) ? below(random, 6000000) : 0;

		fprintf(file, "%lld,%.3f\n", t - back, below(random, 1000) / 1e3);
	}
	fclose(file);
}

static void remove_inputs(const char *directory)
{
	char path[128];

	for (uint32_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/in%u.csv", directory, i);
		unlink(path);
	}
	rmdir(directory);
}

/* From the line before it on. */
static size_t first_difference(const char *a, const char *b)
{
	size_t at = 0;

	while (a[at] && a[at] == b[at])
		at++;
	while (at && a[at - 1] != '\n')
		at--;
	return at;
}

/* Proves for random graphs, diamonds and circles among them, that nothing about how they are run shows in what they put out; also
 * where records come out of order, and conditions hide those that show the time. */
static void how_it_runs_does_not_show(void **state)
{
	static const struct setting settings[] = {
		{ 1, 0, 0, false },  { 2, 7, 1, false },    { 0, 1, 300, false },
		{ 1, 100, 1, true }, { 3, 0, 65536, true }, { 0, 0, 1, true },
	};
	const char *rounds = getenv("WEIR_TEST_GRAPHS");
	char directory[] = "/tmp/weir-test-XXXXXX";
	uint64_t random = 42;
	static struct graph graph;

	(void)state;
	assert_non_null(mkdtemp(directory));
	for (int round = 0; round < (rounds ? atoi(rounds) : 8); round++) {
		char *expected;

		write_input(directory, 0, 2000 + below(&random, 1000), round % 2, &random);
		write_input(directory, 1, 1000 + below(&random, 3000), round % 4 == 1, &random);
		make_graph(&graph, directory, next_random(&random));
		expected = run(&graph, directory, &(struct setting){ 0 });
		assert_true(strlen(expected) > 1000);
		for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
			char *text = run(&graph, directory, &settings[i]);

			if (strcmp(text, expected)) {
				size_t at = first_difference(text, expected);

				fail_msg("round %d, setting %zu: '%.60s' and not '%.60s':\n%s", round, i, text + at,
					 expected + at, graph.text);
			}
			free(text);
		}
		free(expected);
	}
	remove_inputs(directory);
}

struct series {
	long long t[500];
	uint32_t n;
};

/* Values are the numbers of the records. */
static void write_series(const char *directory, uint32_t i, struct series *series, uint64_t *random)
{
	char path[128];
	FILE *file;
	long long t = 0;

	snprintf(path, sizeof(path), "%s/in%u.csv", directory, i);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("time,v\n", file);
	series->n = 100 + below(random, 400);
	for (uint32_t k = 0; k < series->n; k++) {
		t += below(random, 3) * 1000 * below(random, 4);
		series->t[k] = t;
		fprintf(file, "%lld,%u\n", t, k);
	}
	fclose(file);
}

static void model_merge(const struct series *a, const struct series *b, FILE *out)
{
	uint32_t i = 0, k = 0;

	fputs("t,v\n", out);
	while (i < a->n || k < b->n) {
		bool first = k == b->n || (i < a->n && a->t[i] <= b->t[k]);

		fprintf(out, "%lld,%u\n", first ? a->t[i] : b->t[k], first ? i : k);
		i += first;
		k += !first;
	}
}

static void model_zip(const struct series *a, const struct series *b, FILE *out)
{
	fputs("t,a_v,b_v\n", out);
	for (uint32_t k = 0; k < a->n && k < b->n; k++)
		fprintf(out, "%lld,%u,%u\n", a->t[k] > b->t[k] ? a->t[k] : b->t[k], k, k);
}

static void model_on(const struct series *a, const struct series *b, FILE *out)
{
	fputs("t,v\n", out);
	for (uint32_t k = 0; k < b->n; k++) {
		uint32_t n = 0;

		while (n < a->n && a->t[n] <= b->t[k])
			n++;
		if (n)
			fprintf(out, "%lld,%u\n", b->t[k], n - 1);
	}
}

/* What heads the two series pairs up, or stands alone and is left out. */
static void model_join(const struct series *a, const struct series *b, FILE *out)
{
	uint32_t i = 0, k = 0;

	fputs("t,a_v,b_v\n", out);
	while (i < a->n && k < b->n) {
		bool first = a->t[i] <= b->t[k];
		long long oldest = first ? a->t[i] : b->t[k], other = first ? b->t[k] : a->t[i];
		bool followed = first ? i + 1 < a->n && a->t[i + 1] <= other : k + 1 < b->n && b->t[k + 1] < other;

		if (other - oldest > 2000 || followed) {
			i += first;
			k += !first;
			continue;
		}
		fprintf(out, "%lld,%u,%u\n", oldest, i++, k++);
	}
}

/* Proves each way of bringing two streams together against the plainest model of it. */
static void combiners_follow_their_models(void **state)
{
	static const struct {
		const char *head;
		void (*model)(const struct series *a, const struct series *b, FILE *out);
	} cases[] = { { "merge(a, b)", model_merge },
		      { "zip(a, b)", model_zip },
		      { "a on b", model_on },
		      { "join(a, b, within=2us)", model_join } };
	char directory[] = "/tmp/weir-test-XXXXXX", program[512], path[128];
	static struct series a, b;
	uint64_t random = 3;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/out.csv", directory);
	for (int round = 0; round < 40; round++) {
		struct weir_options options = { .threads = below(&random, 3), .block_rows = below(&random, 9) };
		struct weir_pipeline *pipeline;
		char *model = NULL, *text;
		size_t size;
		FILE *out = open_memstream(&model, &size);

		write_series(directory, 0, &a, &random);
		write_series(directory, 1, &b, &random);
		cases[round % 4].model(&a, &b, out);
		fclose(out);
		snprintf(program, sizeof(program),
			 "a = csv:%s/in0.csv[v:u32] time=time speed=max\nb = csv:%s/in1.csv[v:u32] time=time "
			 "speed=max\n%s | csv:%s",
			 directory, directory, cases[round % 4].head, path);
		assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
		assert_int_equal(weir_run(pipeline), 0);
		weir_close(pipeline);
		text = whole_file(path);
		if (strcmp(text, model))
			fail_msg("round %d, %s: '%.60s' and not '%.60s'", round, cases[round % 4].head,
				 text + first_difference(text, model), model + first_difference(text, model));
		free(text);
		free(model);
	}
	unlink(path);
	remove_inputs(directory);
}

static char *messages_of(const char *program, struct weir_options options, int *status)
{
	struct weir_pipeline *pipeline;
	char *text = NULL;
	size_t size;

	options.messages = open_memstream(&text, &size);
	*status = weir_open(&pipeline, program, "<test>", &options);
	if (pipeline) {
		*status = weir_run(pipeline);
		weir_close(pipeline);
	}
	fclose(options.messages);
	return text;
}

/* A branch that lets nothing pass does not hold up the other one, although all of it goes through the smallest of rings. */
static void heavy_filters_hold_nobody_up(void **state)
{
	static const char *const programs[] = {
		"a = synth:counter rate=max\nb = a | where value < 0\nmerge(a, b) | null",
		"a = synth:counter rate=max\nb = a | where value < 0\nmerge(b, a) | null",
		"a = synth:counter rate=max\nb = a | where value < 0\njoin(b, a, within=1ms) | null",
		"a = synth:counter rate=max\nb = a | where value < 0\nb on a | null",
		"a = synth:counter rate=max\nb = a | where value < 0\nc = b | select value\nd = merge(b, c)\nmerge(a, "
		"d) | null",
		"a = synth:counter rate=max\nb = a | window 10s count() as n\na on b | null",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		for (uint32_t threads = 0; threads < 3; threads++) {
			struct weir_options options = { .limit = 50000, .ring_rows = 1, .threads = threads };
			int status;
			char *text = messages_of(programs[i], options, &status);

			assert_string_equal(text, "");
			assert_int_equal(status, 0);
			free(text);
		}
}

/* A zip of one stream with a part of it would wait for ever: it ends with a word on why. */
static void streams_that_wait_for_each_other_are_told(void **state)
{
	(void)state;
	for (uint32_t threads = 0; threads < 2; threads++) {
		struct weir_options options = { .limit = 100000, .ring_rows = 1, .threads = threads };
		int status;
		char *text = messages_of("a = synth:counter rate=max\nb = a | every 10\nzip(a, b) | null", options,
					 &status);

		assert_int_equal(status, 1);
		assert_non_null(strstr(text, "wait for each other"));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_it_runs_does_not_show),
		cmocka_unit_test(combiners_follow_their_models),
		cmocka_unit_test(heavy_filters_hold_nobody_up),
		cmocka_unit_test(streams_that_wait_for_each_other_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
