/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Graphs that are built by calls: every kind of agent against what a loop over the same records gives. */
#include <math.h>
#include <string.h>

#include "api_seen.h"

static int add(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	double *sum = state;

	out[0].real = *sum += in[0].real;
	return 1;
}

/* map: without a state, which stays NULL, and with one, which is that of the caller and goes from record to record. */
static void map_is_a_function_of_each_record(void **state)
{
	struct seen *doubled = new_seen(), *summed = new_seen();
	double sum = 7, expected = 7;
	struct weir_graph *graph = weir_graph_open();

	(void)state;
	weir_consume(weir_map(count(graph), "value", "y", twice, NULL), "t:int, y", see, doubled);
	weir_consume(weir_map(count(graph), "value", "y", add, &sum), "t:int, y", see, summed);
	assert_int_equal(run(graph, 0, 0), 0);
	assert_int_equal(doubled->n, N);
	for (uint32_t k = 0; k < N; k++) {
		expected += k;
		assert_int_equal(doubled->t[k], (int64_t)k * 1000000);
		assert_true(doubled->x[k] == 2.0 * k);
		assert_true(summed->x[k] == expected);
	}
	assert_true(sum == expected);
	free(doubled);
	free(summed);
}

static int is_seventh(const union weir_call_value *in, void *state)
{
	++*(uint32_t *)state;
	return in[0].integer % 7 == 0 ? 12 : 0;
}

/* filter: what is true, whatever the number, passes with all fields and its time; the function sees each record once. */
static void filter_keeps_what_is_true(void **state)
{
	struct seen *seen = new_seen();
	uint32_t asked = 0;
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *kept = weir_filter(weir_stage(count(graph), "select value, x = -value"), "value:int",
					     is_seventh, &asked);

	(void)state;
	weir_consume(kept, "t:int, x", see, seen);
	assert_int_equal(run(graph, 0, 0), 0);
	assert_int_equal(asked, N);
	assert_int_equal(seen->n, (N + 6) / 7);
	for (uint32_t k = 0; k < seen->n; k++) {
		assert_int_equal(seen->t[k], (int64_t)k * 7000000);
		assert_true(seen->x[k] == -7.0 * k);
	}
	free(seen);
}

/* What comes after an index, and what comes after a time. */
static void stages_begin_after_an_index_or_a_time(void **state)
{
	struct seen *index = new_seen(), *time = new_seen();
	struct weir_graph *graph = weir_graph_open();

	(void)state;
	weir_consume(weir_stage(count(graph), "skip 1200 | where value < 2000"), "t:int, value", see, index);
	weir_consume(weir_stage(count(graph), "where t > 1200ms"), "t:int, value", see, time);
	assert_int_equal(run(graph, 0, 0), 0);
	assert_int_equal(index->n, 800);
	assert_int_equal(time->n, N - 1201);
	for (uint32_t k = 0; k < time->n; k++)
		assert_true(time->x[k] == 1201.0 + k && (k >= index->n || index->x[k] == 1200.0 + k));
	free(index);
	free(time);
}

/* As many records as the last digit says, of 0 to 3. */
static int repeat(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	int n = (int)in[0].integer % 4;

	(void)state;
	for (int k = 0; k < n; k++)
		out[k].integer = in[0].integer * 10 + k;
	return n;
}

/* no value and several values: 0 and more records for one, all at its time. */
static void map_many_gives_none_or_several(void **state)
{
	struct seen *seen = new_seen();
	struct weir_graph *graph = weir_graph_open();
	uint32_t n = 0;

	(void)state;
	weir_consume(weir_map_many(count(graph), "value:int", "y:int", 3, repeat, NULL), "t:int, y", see, seen);
	assert_int_equal(run(graph, 0, 0), 0);
	for (uint32_t k = 0; k < N; k++)
		for (uint32_t i = 0; i < k % 4; i++, n++) {
			assert_int_equal(seen->t[n], (int64_t)k * 1000000);
			assert_true(seen->x[n] == k * 10.0 + i);
		}
	assert_int_equal(seen->n, n);
	free(seen);
}

static int mean(const struct weir_call_list *in, struct weir_call_list *out, void *state)
{
	double sum = 0;

	++*(uint32_t *)state;
	for (uint32_t i = 0; i < in->n; i++)
		sum += in->column[0][i].real;
	out->column[0][0].real = sum / in->n;
	out->n = 1;
	return 0;
}

/* window: size above, equal to and below step, and a sink of windows, against a loop; the last may be shorter. */
static void window_is_a_function_of_windows(void **state)
{
	static const uint32_t sizes[][2] = { { 10, 3 }, { 10, 10 }, { 4, 9 } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		uint32_t size = sizes[i][0], step = sizes[i][1], calls = 0, full = (N - size) / step + 1;
		struct seen *seen = new_seen();
		struct weir_graph *graph = weir_graph_open();
		char window[32];

		snprintf(window, sizeof(window), "%u step=%u", size, step);
		weir_consume(weir_window(count(graph), window, "value", "y", mean, &calls), "t:int, y", see, seen);
		assert_int_equal(run(graph, 0, 0), 0);
		assert_int_equal(calls, seen->n);
		assert_in_range(seen->n, full, full + 1);
		for (uint32_t k = 0; k < full; k++) {
			assert_true(seen->x[k] == k * step + (size - 1) / 2.0);
			assert_int_equal(seen->t[k], ((int64_t)k * step + size - 1) * 1000000);
		}
		free(seen);
	}
}

struct lists {
	uint32_t n, largest, calls;
	double sum;
};

static int see_list(const struct weir_call_list *in, void *state)
{
	struct lists *lists = state;

	lists->calls++;
	lists->n += in->n;
	lists->largest = in->n > lists->largest ? in->n : lists->largest;
	for (uint32_t i = 0; i < in->n; i++)
		lists->sum += in->column[0][i].real;
	return 0;
}

static int square_all(const struct weir_call_list *in, struct weir_call_list *out, void *state)
{
	(void)state;
	for (uint32_t i = 0; i < in->n; i++)
		out->column[0][i].real = in->column[0][i].real * in->column[0][i].real;
	out->n = in->n;
	return 0;
}

/* list: a map and a sink of lists meet every record once, in lists no longer than a block; a sink of windows meets windows. */
static void list_is_a_function_of_what_has_arrived(void **state)
{
	struct lists lists = { 0 }, windows = { 0 };
	struct weir_graph *graph = weir_graph_open();
	double expected = 0;

	(void)state;
	weir_consume_list(weir_map_list(count(graph), "value", "y", square_all, NULL), "y", see_list, &lists);
	weir_consume_window(count(graph), "100", "value", see_list, &windows);
	assert_int_equal(run(graph, 64, 0), 0);
	for (uint32_t k = 0; k < N; k++)
		expected += (double)k * k;
	assert_int_equal(lists.n, N);
	assert_in_range(lists.largest, 1, 64);
	assert_true(lists.sum == expected);
	assert_int_equal(windows.calls, N / 100);
	assert_int_equal(windows.largest, 100);
}

static int reverse(const struct weir_call_list *in, struct weir_call_list *out, void *state)
{
	(void)state;
	for (uint32_t i = 0; i < in->n; i++)
		out->column[0][i].real = in->column[0][in->n - 1 - i].real;
	out->n = in->n;
	return 0;
}

/* A function of windows that gives a list for each, at the window's time. */
static void window_may_give_a_list(void **state)
{
	struct weir_call call = { .in = "value", .out = "x", .list = reverse, .most = 10 };
	struct seen *seen = new_seen();
	struct weir_graph *graph = weir_graph_open();

	(void)state;
	weir_consume(weir_apply(count(graph), &call, NULL, "window=10"), "t:int, x", see, seen);
	assert_int_equal(run(graph, 0, 0), 0);
	assert_int_equal(seen->n, N);
	for (uint32_t k = 0; k < N; k++) {
		assert_true(seen->x[k] == k / 10 * 10 + 9 - k % 10);
		assert_int_equal(seen->t[k], (int64_t)(k / 10 * 10 + 9) * 1000000);
	}
	free(seen);
}

/* ------------------------------------------------- several streams */

static int pair(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)state;
	out[0].real = in[0].real * 100000 + in[1].real;
	return 1;
}

/* Graphs of two streams of one source, value k and half as many with h = 2k, and what comes of them, by a loop. */
static struct seen *bring_together(struct weir_flow *(*bring)(struct weir_flow *value, struct weir_flow *half))
{
	struct seen *seen = new_seen();
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *value = count(graph), *half = weir_stage(value, "every 2 | select h = value");

	weir_consume(bring(value, half), "t:int, y", see, seen);
	assert_int_equal(run(graph, 0, 0), 0);
	return seen;
}

static struct weir_flow *by_zip(struct weir_flow *value, struct weir_flow *half)
{
	return weir_map(weir_zip((struct weir_flow *[]){ value, half }, 2), "value, h", "y", pair, NULL);
}

static struct weir_flow *by_merge(struct weir_flow *value, struct weir_flow *half)
{
	struct weir_flow *alike[] = { weir_stage(half, "select y = h + 0.5"), weir_stage(value, "select y = value") };

	return weir_merge(alike, 2);
}

static struct weir_flow *by_join(struct weir_flow *value, struct weir_flow *half)
{
	return weir_map(weir_join((struct weir_flow *[]){ value, half }, 2, 100), "value, h", "y", pair, NULL);
}

static struct weir_flow *by_on(struct weir_flow *value, struct weir_flow *half)
{
	return weir_stage(weir_on(value, weir_stage(half, "every 5")), "select y = value");
}

/* zip: the k-th with the k-th, up to the end of the shorter one. */
static void zip_goes_by_number(void **state)
{
	struct seen *seen = bring_together(by_zip);

	(void)state;
	assert_int_equal(seen->n, N / 2);
	for (uint32_t k = 0; k < seen->n; k++)
		assert_true(seen->x[k] == k * 100000.0 + 2 * k);
	free(seen);
}

/* merge: all records by time, those of one time in the order in which the streams were given. */
static void merge_goes_by_time(void **state)
{
	struct seen *seen = bring_together(by_merge);
	uint32_t n = 0;

	(void)state;
	assert_int_equal(seen->n, N + N / 2);
	for (uint32_t k = 0; k < N; k++) {
		if (k % 2 == 0)
			assert_true(seen->x[n++] == k + 0.5);
		assert_true(seen->x[n++] == k);
	}
	free(seen);
}

/* join: records of one time side by side, the others left out. */
static void join_pairs_equal_times(void **state)
{
	struct seen *seen = bring_together(by_join);

	(void)state;
	assert_int_equal(seen->n, N / 2);
	for (uint32_t k = 0; k < seen->n; k++)
		assert_true(seen->x[k] == 2 * k * 100000.0 + 2 * k);
	free(seen);
}

/* on: the latest value whenever the other stream has a record. */
static void on_samples_at_an_event(void **state)
{
	struct seen *seen = bring_together(by_on);

	(void)state;
	assert_int_equal(seen->n, N / 10);
	for (uint32_t k = 0; k < seen->n; k++)
		assert_true(seen->x[k] == 10.0 * k);
	free(seen);
}

/* join with missing=null: equal times side by side, and NaN for what one stream has not. */
static void join_may_keep_what_is_alone(void **state)
{
	struct seen *seen = new_seen();
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *value = count(graph), *in[] = { value, weir_stage(value, "every 2 | select h = value") };

	(void)state;
	weir_consume(weir_unite("join", in, 2, "within=0s, missing=null"), "t:int, h", see, seen);
	assert_int_equal(run(graph, 0, 0), 0);
	assert_int_equal(seen->n, N);
	for (uint32_t k = 0; k < N; k++)
		assert_true(k % 2 ? isnan(seen->x[k]) : seen->x[k] == k);
	free(seen);
}

static int dot(const struct weir_call_list *in, struct weir_call_list *out, void *state)
{
	double sum = 0;

	(void)state;
	for (uint32_t i = 0; i < in->n; i++)
		sum += in->column[0][i].real * in->column[1][i].real;
	out->column[0][0].real = sum;
	out->n = 1;
	return 0;
}

/* A function of the windows of two streams: each is of the same records of both. */
static void windows_of_two_streams_go_together(void **state)
{
	struct seen *seen = new_seen();
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *value = count(graph), *in[] = { value, weir_stage(value, "select h = value + 1") };

	(void)state;
	weir_consume(weir_window(weir_zip(in, 2), "2", "value, h", "y", dot, NULL), "t:int, y", see, seen);
	assert_int_equal(run(graph, 0, 0), 0);
	assert_int_equal(seen->n, N / 2);
	for (uint32_t k = 0; k < seen->n; k++)
		assert_true(seen->x[k] == 2.0 * k * (2 * k + 1) + (2.0 * k + 1) * (2 * k + 2));
	free(seen);
}

static int is_of_b(const union weir_call_value *in, void *state)
{
	(void)state;
	return !strcmp(in[0].text, "b");
}

/* What a merge has brought together, its tags take apart again. */
static void tags_take_a_merge_apart(void **state)
{
	struct seen *seen[2] = { new_seen(), new_seen() };
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *value = count(graph), *out[2];
	struct weir_flow *in[] = { weir_name(weir_stage(value, "every 3"), "a"),
				   weir_name(weir_stage(value, "select value = -value"), "b") };

	(void)state;
	weir_split(weir_unite("merge", in, 2, "tag=of"), "of:text", is_of_b, NULL, out, 2);
	weir_consume(out[0], "t:int, value", see, seen[0]);
	weir_consume(out[1], "t:int, value", see, seen[1]);
	assert_int_equal(run(graph, 0, 0), 0);
	assert_int_equal(seen[0]->n, (N + 2) / 3);
	assert_int_equal(seen[1]->n, N);
	for (uint32_t k = 0; k < N; k++)
		assert_true(seen[1]->x[k] == -(double)k && (k % 3 || seen[0]->x[k / 3] == k));
	free(seen[0]);
	free(seen[1]);
}

static int branch(const union weir_call_value *in, void *state)
{
	++*(uint32_t *)state;
	return (int)(in[0].integer % 5) - 1;
}

/* split: each record is judged once and goes to one branch; what has none is counted, which --strict tells. */
static void split_sends_each_record_once(void **state)
{
	struct seen *seen[3] = { new_seen(), new_seen(), new_seen() };
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *by[3];
	uint32_t asked = 0;

	(void)state;
	weir_split(count(graph), "value:int", branch, &asked, by, 3);
	for (uint32_t i = 0; i < 3; i++)
		weir_consume(by[i], "t:int, value", see, seen[i]);
	assert_int_equal(run(graph, 0, 0), 4);
	assert_int_equal(asked, N);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(seen[i]->n, N / 5);
		for (uint32_t k = 0; k < seen[i]->n; k++)
			assert_true(seen[i]->x[k] == k * 5.0 + i + 1);
		free(seen[i]);
	}
}

/* many to many: a function of two streams that makes two others. */
static void zip_map_and_unzip_are_many_to_many(void **state)
{
	struct seen *a = new_seen(), *b = new_seen();
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *value = count(graph);
	struct weir_flow *in[] = { value, weir_stage(value, "select h = 1 - value") }, *out[2];

	(void)state;
	weir_branches(weir_map(weir_zip(in, 2), "value, h", "+y", pair, NULL), "unzip h, y", out, 2);
	weir_consume(out[0], "t:int, h", see, a);
	weir_consume(out[1], "t:int, y", see, b);
	assert_int_equal(run(graph, 0, 0), 0);
	assert_int_equal(a->n, N);
	assert_int_equal(b->n, N);
	for (uint32_t k = 0; k < N; k++) {
		assert_true(a->x[k] == 1.0 - k);
		assert_true(b->x[k] == k * 100000.0 + 1.0 - k);
	}
	free(a);
	free(b);
}

static int mix(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)state;
	out[0].real = in[0].real + in[1].real / 2;
	return 1;
}

/* feedback: y[k] = x[k] + y[k - 3] / 2, exactly, with a function in the circle. */
static void feedback_closes_a_circle(void **state)
{
	struct seen *seen = new_seen();
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *past = weir_past(graph, "delay 3 y=0"), *in[] = { count(graph), past }, *later;

	(void)state;
	later = weir_map(weir_zip(in, 2), "value, y", "y", mix, NULL);
	weir_feed_back(past, later);
	weir_consume(later, "t:int, y", see, seen);
	assert_int_equal(run(graph, 0, 0), 0);
	assert_int_equal(seen->n, N);
	for (uint32_t k = 0; k < N; k++)
		assert_true(seen->x[k] == k + (k < 3 ? 0 : seen->x[k - 3] / 2));
	free(seen);
}

/* A graph of most of it at once: any number of threads and any size of blocks give the same, and so did functions with a state. */
static void threads_and_blocks_change_nothing(void **state)
{
	static const uint32_t how[][2] = { { 0, 1 }, { 0, 3 }, { 7, 2 }, { 64, 4 } };
	struct seen *first = NULL;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct seen *seen = new_seen();
		struct weir_graph *graph = weir_graph_open();
		double sums[2] = { 0, 0 };
		uint32_t calls = 0;
		struct weir_flow *value = count(graph), *in[2];

		in[0] = weir_map(value, "value", "a", add, &sums[0]);
		in[1] = weir_window(weir_map(value, "value", "b", add, &sums[1]), "10 step=1", "b", "b", mean, &calls);
		weir_consume(weir_map(weir_zip(in, 2), "a, b", "y", mix, NULL), "t:int, y", see, seen);
		assert_int_equal(run(graph, how[i][0], how[i][1]), 0);
		if (first)
			assert_memory_equal(first, seen, sizeof(*seen));
		if (!first)
			first = seen;
		else
			free(seen);
	}
	assert_true(first->n > N - 10);
	free(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_is_a_function_of_each_record),
		cmocka_unit_test(filter_keeps_what_is_true),
		cmocka_unit_test(stages_begin_after_an_index_or_a_time),
		cmocka_unit_test(map_many_gives_none_or_several),
		cmocka_unit_test(window_is_a_function_of_windows),
		cmocka_unit_test(list_is_a_function_of_what_has_arrived),
		cmocka_unit_test(window_may_give_a_list),
		cmocka_unit_test(zip_goes_by_number),
		cmocka_unit_test(merge_goes_by_time),
		cmocka_unit_test(join_pairs_equal_times),
		cmocka_unit_test(join_may_keep_what_is_alone),
		cmocka_unit_test(windows_of_two_streams_go_together),
		cmocka_unit_test(tags_take_a_merge_apart),
		cmocka_unit_test(on_samples_at_an_event),
		cmocka_unit_test(split_sends_each_record_once),
		cmocka_unit_test(zip_map_and_unzip_are_many_to_many),
		cmocka_unit_test(feedback_closes_a_circle),
		cmocka_unit_test(threads_and_blocks_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
