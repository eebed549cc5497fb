/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ends of graphs that are built by calls, sources and sinks that are functions; and what is said of mistakes. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "api_seen.h"

struct maker {
	uint32_t calls, end;
};

static int make(union weir_call_value *out, void *state)
{
	struct maker *maker = state;

	if (maker->calls == maker->end)
		return -ENODATA;
	out[0].real = maker->calls++;
	return maker->calls % 3 != 0;
}

/* A function that makes records: 0 is nothing for the time being, -ENODATA the end, after which it is not called again. */
static void source_is_a_function(void **state)
{
	struct seen *seen = new_seen();
	struct maker maker = { .end = 20 };
	struct weir_graph *graph = weir_graph_open();

	(void)state;
	weir_consume(weir_produce(graph, "x", 0, make, &maker), "t:int, x", see, seen);
	assert_int_equal(run(graph, 0, 0), 0);
	assert_int_equal(maker.calls, 20);
	assert_int_equal(seen->n, 14);
	for (uint32_t k = 0; k < seen->n; k++) {
		assert_int_equal(seen->t[k], (int64_t)k * 1000000);
		assert_true(seen->x[k] == k / 2 * 3 + k % 2);
	}
	free(seen);
}

/* By a period: times are exact multiples of it, so that nothing drifts, and one that gave nothing leaves its time out. */
static void source_on_a_timer_does_not_drift(void **state)
{
	struct seen *seen = new_seen();
	struct maker maker = { .end = 30 };
	struct weir_graph *graph = weir_graph_open();

	(void)state;
	weir_consume(weir_produce(graph, "x", 1000000, make, &maker), "t:int, x", see, seen);
	assert_int_equal(weir_graph_run(graph, NULL), 0);
	assert_int_equal(seen->n, 20);
	for (uint32_t k = 0; k < seen->n; k++)
		assert_int_equal(seen->t[k] - seen->t[0], (int64_t)seen->x[k] * 1000000);
	free(seen);
}

static int make_list(const struct weir_call_list *in, struct weir_call_list *out, void *state)
{
	uint32_t *k = state;

	assert_int_equal(in->n, 0);
	for (; out->n < out->room && *k < 1000; ++*k, out->n++) {
		out->t[out->n] = *k * 250;
		out->column[0][out->n].real = *k;
	}
	return out->n ? 0 : -ENODATA;
}

/* Lists, with times of their own; what does not fit into the ring at once comes later. */
static void source_makes_lists(void **state)
{
	struct weir_call call = { .out = "x", .list = make_list, .most = 300 };
	struct seen *seen = new_seen();
	struct weir_graph *graph = weir_graph_open();
	uint32_t k = 0;

	(void)state;
	weir_consume(weir_produce_by(graph, &call, &k, NULL), "t:int, x", see, seen);
	assert_int_equal(weir_graph_run(graph, &(struct weir_options){ .ring_rows = 64 }), 0);
	assert_int_equal(seen->n, 1000);
	for (uint32_t i = 0; i < seen->n; i++) {
		assert_int_equal(seen->t[i], i * 250);
		assert_true(seen->x[i] == i);
	}
	free(seen);
}

static void *write_numbers(void *context)
{
	for (int64_t i = 0; i < 500; i++)
		assert_int_equal(write(*(int *)context, &i, sizeof(i)), sizeof(i));
	close(*(int *)context);
	return NULL;
}

static int read_number(union weir_call_value *out, void *state)
{
	return read(*(int *)state, &out[0].integer, sizeof(out[0].integer)) > 0 ? 1 : -ENODATA;
}

/* A queue: a thread of the application writes to a pipe, and each record that it wrote comes out once, in order. */
static void source_reads_from_a_thread(void **state)
{
	struct seen *seen = new_seen();
	struct weir_graph *graph = weir_graph_open();
	pthread_t thread;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_numbers, &ends[1]), 0);
	weir_consume(weir_produce_from(graph, "x:int", ends[0], read_number, &ends[0]), "t:int, x", see, seen);
	assert_int_equal(weir_graph_run(graph, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(seen->n, 500);
	for (uint32_t i = 0; i < seen->n; i++)
		assert_true(seen->x[i] == i && (!i || seen->t[i] >= seen->t[i - 1]));
	close(ends[0]);
	free(seen);
}

struct shy {
	uint32_t calls, taken;
};

static int take_at_third(const union weir_call_value *in, void *state)
{
	struct shy *shy = state;

	if (++shy->calls % 3)
		return -EAGAIN;
	return in[0].integer == shy->taken++ ? 0 : -1;
}

/* A conditional sink is given the same record until it takes it, and then the next one. */
static void sink_is_asked_again(void **state)
{
	struct shy shy = { 0 };
	struct weir_graph *graph = weir_graph_open();

	(void)state;
	weir_consume(weir_stage(count(graph), "limit 20"), "value:int", take_at_third, &shy);
	assert_int_equal(run(graph, 0, 0), 0);
	assert_int_equal(shy.taken, 20);
	assert_int_equal(shy.calls, 60);
}

struct stubborn {
	struct weir_pipeline *pipeline;
	uint32_t calls;
};

static int take_nothing(const union weir_call_value *in, void *state)
{
	struct stubborn *stubborn = state;

	(void)in;
	if (++stubborn->calls == 5)
		weir_stop(stubborn->pipeline);
	return -EAGAIN;
}

/* One that never takes it does not hold up a run that is told to end; each record that it did not take is counted. */
static void sink_that_never_takes_lets_the_run_end(void **state)
{
	struct weir_graph *graph = weir_graph_open();
	struct stubborn stubborn = { NULL };

	(void)state;
	weir_consume(weir_stage(count(graph), "limit 3"), "value", take_nothing, &stubborn);
	assert_int_equal(
		weir_graph_start(&stubborn.pipeline, graph, "<test>", &(struct weir_options){ .strict = true }), 0);
	assert_int_equal(weir_run(stubborn.pipeline), 4);
	assert_int_equal(stubborn.calls, 7);
	weir_close(stubborn.pipeline);
	weir_graph_close(graph);
}

static int collect(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)out;
	return see(in, state);
}

static int make_element(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)in;
	return make(out, state);
}

/* A program in the language names functions of the application: as its source, as a stage and as its sink. */
static void programs_name_functions_of_the_application(void **state)
{
	static const struct weir_call making = { WEIR_CALL_VERSION, sizeof(making), .out = "x",
						 .element = make_element };
	static const struct weir_call doubling = { WEIR_CALL_VERSION, sizeof(doubling), "x", "y", .element = twice };
	static const struct weir_call seeing = { WEIR_CALL_VERSION, sizeof(seeing), .in = "t:int, y",
						 .element = collect };
	struct seen *seen = new_seen();
	struct maker maker = { .end = 3 };
	const struct weir_native functions[] = { { "numbers", &making, &maker },
						 { "twice", &doubling },
						 { "see", &seeing, seen } };
	struct weir_options options = { .functions = functions, .n_functions = 3 };
	struct weir_pipeline *pipeline;

	(void)state;
	assert_int_equal(weir_open(&pipeline, "call numbers | call twice | call see", "<test>", &options), 0);
	assert_int_equal(weir_run(pipeline), 0);
	weir_close(pipeline);
	assert_int_equal(seen->n, 2);
	assert_true(seen->x[0] == 0 && seen->x[1] == 2);
	free(seen);
}

/* ------------------------------------------------------ what goes wrong */

static int make_one_bad(union weir_call_value *out, void *state)
{
	struct maker *maker = state;

	out[0].real = maker->calls++;
	return maker->calls == 3 ? -EIO : maker->calls > maker->end ? -ENODATA : 1;
}

static int picky(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)state;
	out[0].real = in[0].real;
	return in[0].integer == 100 ? -5 : 1;
}

/* What a run of a graph says, and its exit status. The graph is closed. */
static char *complaint(struct weir_graph *graph, int status)
{
	char *text;
	size_t n;
	FILE *messages = open_memstream(&text, &n);

	assert_int_equal(
		weir_graph_run(graph, &(struct weir_options){ .limit = N, .strict = true, .messages = messages }),
		status);
	fclose(messages);
	return text;
}

static void expect(struct weir_graph *graph, int status, const char *words)
{
	char *text = complaint(graph, status);

	if (!strstr(text, words))
		fail_msg("expected '%s' in: %s", words, text);
	free(text);
}

/* A function that fails ends the run with 1 and says which stage it was, what came before it having come out; or it costs one
 * record, counted, where that is wanted. */
static void failure_is_told_or_counted(void **state)
{
	struct weir_call call = { .in = "value:int", .out = "y", .element = picky };
	struct maker maker = { .end = 9 };
	struct seen *seen = new_seen();
	struct weir_graph *graph = weir_graph_open();

	(void)state;
	weir_sink(weir_apply(count(graph), &call, NULL, NULL), "null");
	expect(graph, 1, "call: the function failed with -5");
	graph = weir_graph_open();
	weir_consume(weir_apply(count(graph), &call, NULL, "on_error=skip"), "t:int, y", see, seen);
	expect(graph, 4, "");
	assert_int_equal(seen->n, N - 1);
	graph = weir_graph_open();
	seen->n = 0;
	weir_consume(weir_produce(graph, "x", 0, make_one_bad, &maker), "t:int, x", see, seen);
	expect(graph, 1, "call: the function failed with -5");
	assert_int_equal(seen->n, 2);
	free(seen);
}

/* All mistakes are told in one go, each with its place in the program that stands for the graph; nothing was started. */
static void mistakes_are_told_with_their_places(void **state)
{
	struct maker maker = { .end = 3 };
	struct weir_graph *graph = weir_graph_open();
	char *text;

	(void)state;
	weir_sink(weir_map(weir_produce(graph, "x, n:number", 0, make, &maker), "x", "y", twice, NULL), "print");
	weir_sink(weir_stage(count(graph), "where vlue > 3"), "print");
	weir_sink(weir_map(count(graph), "value, z", "y", twice, NULL), "print fromat=csv");
	weir_sink(weir_map(count(graph), "value", "+value", twice, NULL), "null");
	text = complaint(graph, 2);
	assert_non_null(
		strstr(text, "<graph>:1:11: error: the output of the function is declared wrong: 'number' is no kind"));
	assert_non_null(strstr(text, "did you mean 'value'?"));
	assert_non_null(strstr(text, "the function takes 'z', and this stream has no such field"));
	assert_non_null(strstr(text, "did you mean 'format'?"));
	assert_non_null(strstr(text, "'value' is the name of another field"));
	assert_int_equal(maker.calls, 0);
	free(text);
}

/* NULL, a flow of another graph and a circle that was left open are told at the end, and nothing crashes on the way. */
static void unsound_graphs_are_refused(void **state)
{
	struct weir_graph *graph = weir_graph_open(), *other = weir_graph_open();
	struct weir_flow *past, *mixed[2];

	(void)state;
	assert_null(weir_map(weir_stage(NULL, "where x > 3"), "x", "y", twice, NULL));
	weir_sink(NULL, "print");
	expect(NULL, 1, "not whole");
	mixed[0] = count(graph);
	mixed[1] = count(other);
	weir_sink(weir_zip(mixed, 2), "print");
	expect(graph, 1, "not whole");
	graph = weir_graph_open();
	past = weir_past(graph, "delay 3 y=0");
	weir_sink(past, "print");
	expect(graph, 2, "made from itself");
	graph = weir_graph_open();
	weir_sink(weir_name(count(graph), "a name that has by far more letters than a name may have"), "print");
	expect(graph, 1, "not whole");
	expect(other, 2, "never used");
}

/* The text is a program of the language: what a graph is, one may read. */
static void graph_has_a_text(void **state)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *in[2];
	char *text;

	(void)state;
	in[0] = weir_name(count(graph), "beat");
	in[1] = weir_map(in[0], "value", "y", twice, NULL);
	weir_sink(weir_unite("merge", in, 2, "tag=of"), "print");
	weir_sink(weir_on(in[0], in[1]), "null");
	text = weir_graph_text(graph);
	assert_string_equal(text, "beat = synth:counter rate=max\n"
				  "s2 = beat | call map.1\n"
				  "s3 = merge(beat, s2, tag=of)\n"
				  "s3 | print\n"
				  "s4 = beat on s2\n"
				  "s4 | null\n");
	free(text);
	weir_graph_close(graph);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(source_is_a_function),
		cmocka_unit_test(source_on_a_timer_does_not_drift),
		cmocka_unit_test(source_makes_lists),
		cmocka_unit_test(source_reads_from_a_thread),
		cmocka_unit_test(sink_is_asked_again),
		cmocka_unit_test(sink_that_never_takes_lets_the_run_end),
		cmocka_unit_test(programs_name_functions_of_the_application),
		cmocka_unit_test(failure_is_told_or_counted),
		cmocka_unit_test(mistakes_are_told_with_their_places),
		cmocka_unit_test(unsound_graphs_are_refused),
		cmocka_unit_test(graph_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
