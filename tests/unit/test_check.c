/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The checker: which nodes and arguments a program becomes, and everything that it refuses. On drivers that touch nothing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_drivers.h"
#include "lang/lang.h"

static struct weir_pipeline *check(const char *text, int *err)
{
	struct weir_options options = { .check_only = true };
	struct weir_pipeline *pipeline;
	struct weir_tree *tree;

	assert_int_equal(weir_pipeline_new(&pipeline, &options, "t", text), 0);
	assert_int_equal(weir_parse(&tree, pipeline->report), 0);
	*err = weir_check(pipeline, tree);
	weir_tree_close(tree);
	return pipeline;
}

/* What is said about a program; it must be refused. */
static void expect_errors(const char *text, unsigned errors, const char *first)
{
	int err;
	struct weir_pipeline *pipeline = check(text, &err);
	char out[8192] = "";
	FILE *stream = fmemopen(out, sizeof(out), "w");
	unsigned found = weir_report_count(pipeline->report);

	weir_report_print(pipeline->report, stream);
	fclose(stream);
	if (err >= 0 || found != errors || !strstr(out, first))
		fail_msg("%s: %u errors:\n%s", text, found, out);
	weir_close(pipeline);
}

static struct weir_pipeline *expect_good(const char *text)
{
	int err;
	struct weir_pipeline *pipeline = check(text, &err);

	weir_report_print(pipeline->report, stderr);
	assert_int_equal(err, 0);
	return pipeline;
}

/* Every kind of value is in its member of the state, in the unit that driver.h states, and says that it was given. */
static void test_values(void **state)
{
	struct weir_pipeline *pipeline = expect_good(
		"sim:dev[a,b] some/text rate=2kHz n=7 gain=-1.5 wait=1.5s buffer=2MB mode=fast inverted "
		"path='a b' policy=drop_newest | print");
	const struct weir_node *node = pipeline->node[0];
	const struct fake_sim *sim = weir_state(node);
	uint32_t n;

	(void)state;
	assert_string_equal(weir_target(node), "dev");
	assert_string_equal(weir_columns(node, &n)[1], "b");
	assert_int_equal(n, 2);
	assert_string_equal(sim->kind, "some/text");
	assert_true(sim->rate == 2000);
	assert_int_equal(sim->n, 7);
	assert_true(sim->gain == -1.5);
	assert_int_equal(sim->wait_ns, 1500000000);
	assert_int_equal(sim->buffer, 2000000);
	assert_int_equal(sim->mode, FAKE_FAST);
	assert_int_equal(sim->inverted, 1);
	assert_string_equal(sim->path, "a b");
	assert_true(weir_given(node, &sim->rate));
	assert_true(node->args->policy_given);
	assert_int_equal(node->args->policy, WEIR_DROP_NEWEST);
	weir_close(pipeline);
}

/* A member without an argument has the default in the driver's table, or zero where there is none. */
static void test_defaults(void **state)
{
	struct weir_pipeline *pipeline = expect_good("sim:dev | print");
	const struct weir_node *node = pipeline->node[0];
	const struct fake_sim *sim = weir_state(node);
	uint32_t n;

	(void)state;
	weir_columns(node, &n);
	assert_int_equal(n, 0);
	assert_string_equal(sim->kind, "plain");
	assert_true(sim->rate == 100);
	assert_int_equal(sim->n, -3);
	assert_true(sim->gain == 0.5);
	assert_int_equal(sim->wait_ns, 10000000);
	assert_int_equal(sim->buffer, 65536);
	assert_int_equal(sim->mode, FAKE_SLOW);
	assert_int_equal(sim->inverted, 0);
	assert_null(sim->path);
	assert_false(weir_given(node, &sim->rate));
	assert_false(node->args->policy_given);
	weir_close(pipeline);
}

/* `max` is an infinite rate; a span tells whether it is time. */
static void test_special_values(void **state)
{
	struct weir_pipeline *pipeline = expect_good("sim:dev rate=max | window 8 step 100us count() | print");
	const struct fake_sim *sim = weir_state(pipeline->node[0]);
	const struct fake_list *window = weir_state(pipeline->node[1]);

	(void)state;
	assert_true(isinf(sim->rate));
	assert_int_equal(window->size.n, 8);
	assert_false(window->size.is_time);
	assert_int_equal(window->step.n, 100000);
	assert_true(window->step.is_time);
	weir_close(pipeline);
}

/* Fields and aggregates have names, functions and, where they are no more than a field, its index. */
static void test_bindings(void **state)
{
	struct weir_pipeline *pipeline = expect_good(
		"sim:dev | select y, m = x * x, k = n, label, c = x > 1"
		" | window 4 count() as all, mean(m), max(y), rms(m + 1) as r | print");
	const struct fake_list *list = weir_state(pipeline->node[1]);
	const struct weir_binding *binding = list->list.at;

	(void)state;
	assert_int_equal(list->list.n, 5);
	assert_string_equal(binding[0].name, "y");
	assert_int_equal(binding[0].field, 1);
	assert_int_equal(binding[1].field, -1);
	assert_string_equal(weir_expr_text(binding[1].expr), "x * x");
	assert_string_equal(binding[2].name, "k");
	assert_int_equal(binding[2].field, 2);
	assert_int_equal(binding[3].field, 4);
	assert_null(binding[3].expr);
	assert_true(weir_expr_is_bool(binding[4].expr));
	list = weir_state(pipeline->node[2]);
	binding = list->list.at;
	assert_int_equal(list->list.n, 4);
	assert_string_equal(binding[0].name, "all");
	assert_null(binding[0].expr);
	assert_string_equal(binding[1].name, "mean_m");
	assert_int_equal(binding[1].function, 1);
	assert_int_equal(binding[1].field, 1);
	assert_string_equal(binding[2].name, "max_y");
	assert_string_equal(binding[3].name, "r");
	weir_close(pipeline);
}

/* Chains that begin with a named stream hang on its last node, and names are those of the first definition. */
static void test_graph(void **state)
{
	struct weir_pipeline *pipeline = expect_good(
		"a = sim:dev\nb = a | where x > 1\nc = b\nb | print\nc | gpio:L park=on");

	(void)state;
	assert_int_equal(pipeline->n_nodes, 4);
	assert_string_equal(pipeline->node[0]->name, "a");
	assert_string_equal(pipeline->node[1]->name, "b");
	assert_ptr_equal(pipeline->node[1]->up, pipeline->node[0]);
	assert_ptr_equal(pipeline->node[2]->up, pipeline->node[1]);
	assert_ptr_equal(pipeline->node[3]->up, pipeline->node[1]);
	assert_int_equal(pipeline->node[1]->n_readers, 2);
	assert_int_equal(pipeline->node[3]->role, WEIR_ACTUATOR);
	assert_int_equal(pipeline->node[0]->role, WEIR_SOURCE);
	weir_close(pipeline);
}

/* Each wrong program, how many mistakes are in it, and the message for the first. */
static void test_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned errors;
		const char *first;
	} cases[] = {
		{ "sim:d rate=5 | print", 1, "'rate' needs a unit" },
		{ "sim:d rate=5ms | print", 1, "'rate' is a rate" },
		{ "sim:d rate=2MHz | print", 1, "'rate' must be between 1Hz and 1MHz" },
		{ "sim:d rate=fast | print", 1, "'rate' is a rate" },
		{ "sim:d wait=1us | print", 1, "'wait' must be between 1ms and 1h" },
		{ "sim:d wait=-1s | print", 1, "'wait' cannot be negative" },
		{ "sim:d n=1.5 | print", 1, "'n' is a whole number" },
		{ "sim:d n=11 | print", 1, "'n' must be between -10 and 10" },
		{ "sim:d n=1s | print", 1, "'n' is a whole number" },
		{ "sim:d n=1e300 | print", 1, "too large" },
		{ "sim:d buffer=1.5B | print", 1, "'buffer' is a whole number" },
		{ "sim:d mode=fats | print", 1, "did you mean 'fast'?" },
		{ "sim:d mode=zzzzzz | print", 1, "it is one of: slow fast" },
		{ "sim:d inverted=maybe | print", 1, "'inverted' cannot be 'maybe'" },
		{ "sim:d inverted=2 | print", 1, "'inverted' is yes or no" },
		{ "sim:d | print policy=blok", 1, "did you mean 'block'?" },
		{ "sim:d | window 0 count() | print", 1, "'size' cannot be zero" },
		{ "sim:d | window 1Hz count() | print", 1, "'size' is a count or a duration" },
		{ "sim:d | window 1s | print", 1, "'window' needs aggregates" },
		{ "sim:d | window 1s mean() | print", 1, "'mean' needs something to work on" },
		{ "sim:d | window 1s mean(x * 2) | print", 1, "this needs a name" },
		{ "sim:d | select x * 2 | print", 1, "this needs a name" },
		{ "sim:d | select t | print", 1, "'t' is the record's time" },
		{ "sim:d | select and = x | print", 1, "cannot name a field" },
		{ "sim:d | where x | print", 1, "a condition is needed here" },
		{ "sim:d | where | print", 1, "'where' needs a condition" },
		{ "sim:d | switch on x > 1 | print", 1, "'switch' needs 'off', as in off x > 0" },
		{ "sim:d | gpio:L", 1, "'gpio' needs 'park', as in park=yes" },
		{ "sim:missing | where x > q | print", 1, "cannot open" },
		{ "gpio:L[x] | print", 1, "'gpio' takes no columns" },
		{ "a | print", 1, "unknown stream 'a'" },
		{ "acel = sim:d\naccel | print\nacel | print", 1, "did you mean 'acel'?" },
		{ "a | print\na = sim:d", 1, "stream 'a' is not defined yet" },
		{ "a = a | print", 2, "stream 'a' is made from itself" },
		{ "a = a | where x > 1\na | print", 1, "stream 'a' is made from itself" },
		{ "a = sim:d\na = sim:e\na | print", 1, "there is a stream 'a' already" },
		{ "a = sim:d", 1, "stream 'a' is defined but never used" },
		{ "a = sim:d\nsim:e | a", 1, "'a' is a stream; it can only begin a chain" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_errors(cases[i].text, cases[i].errors, cases[i].first);
}

/* All mistakes of a program are told in one go, and none of those that only follow from another. */
static void test_all_at_once(void **state)
{
	(void)state;
	expect_errors("a = sim:d rate=5 n=100\n"
		      "b = a | where zz > 1 | window 0 count()\n"
		      "b | select qq | print\n"
		      "sim:e | where zz > 1 and yy > 2 | where nope | gpio:L\n",
		      6, "'rate' needs a unit");
}

/* A default that could not have been written is a fault of the driver, and is called one. */
static void test_bad_default(void **state)
{
	static const struct weir_param params[] = {
		{ .name = "rate", .value = WEIR_V_RATE, .fallback = "100", .help = "" },
		{ 0 },
	};
	const struct weir_driver driver = { .name = "bad", .source_params = params, .source = &sim_ops };
	struct weir_tree_part part = { .name = "bad", .driver = &driver, .target = "", .where = { 0, 1 } };
	struct weir_tree_chain chain = { .parts = &part, .n_parts = 1 };
	struct weir_tree tree = { .chains = &chain, .n_chains = 1 };
	struct weir_options options = { .check_only = true };
	struct weir_pipeline *pipeline;

	(void)state;
	assert_int_equal(weir_pipeline_new(&pipeline, &options, "t", "bad"), 0);
	assert_true(weir_check(pipeline, &tree) < 0);
	assert_int_equal(weir_report_status(pipeline->report), WEIR_EXIT_RUNTIME);
	weir_close(pipeline);
}

/* Without its module a driver is listed; a program that names it gets an error with the file and the package. */
static void test_absent(void **state)
{
	char out[4096] = "";
	FILE *stream = fmemopen(out, sizeof(out), "w");

	(void)state;
	setenv("WEIR_DRIVERS", "/nowhere", 1);
	expect_errors("sim:d | lost | print", 1, "/nowhere/lost.so: No such file or directory");
	expect_errors("sim:d | where x > 1 | lost | print", 1, "install liblost-dev and build weir again");
	assert_true(weir_tell_absent("lost", stream));
	assert_false(weir_tell_absent("where", stream));
	assert_int_equal(weir_describe("lost", stream, WEIR_FORMAT_TEXT), WEIR_EXIT_OK);
	assert_int_equal(weir_list("stages", stream, WEIR_FORMAT_TEXT), WEIR_EXIT_OK);
	fclose(stream);
	assert_non_null(strstr(out, "'lost' needs a module that is missing: /nowhere/lost.so"));
	assert_non_null(strstr(out, "not usable without libLost (liblost-dev)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),         cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_special_values), cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_graph),          cmocka_unit_test(test_refused),
		cmocka_unit_test(test_all_at_once),    cmocka_unit_test(test_bad_default),
		cmocka_unit_test(test_absent),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
