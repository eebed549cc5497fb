/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every driver's table must hold, whoever wrote it: the parser, `weir list` and the manual live on it. */
#include <stdlib.h>
#include <string.h>

#include "core/module_open.h"
#include "harness.h"
#include "lang/check.h"

static void expect_text(const struct weir_driver *driver, const char *name, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	if (!n || text[n - 1] == '.')
		fail_msg("%s: '%s' says '%s': words, and no full stop", driver->name, name, text ? text : "nothing");
}

/* A parameter is found by its name: a second of that name would never be. */
static void expect_once(const struct weir_driver *driver, const struct weir_param *params,
			const struct weir_param *param)
{
	for (const struct weir_param *other = params; other < param; other++)
		if (other->name && !strcmp(other->name, param->name))
			fail_msg("%s has two parameters '%s'", driver->name, param->name);
}

static void every_parameter_is_explained_and_is_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < weir_n_drivers; i++)
		for (int role = WEIR_SOURCE; role <= WEIR_ACTUATOR; role++) {
			const struct weir_param *params = weir_driver_params(weir_drivers[i], (enum weir_role)role);

			for (const struct weir_param *param = params; param && param->name; param++) {
				expect_once(weir_drivers[i], params, param);
				expect_text(weir_drivers[i], param->name, param->help);
			}
		}
}

/* The greatest value that a program can give an integer member, in the unit of the member. */
static double greatest(const struct weir_param *param)
{
	double n = 0;

	if (param->value == WEIR_V_BOOL)
		return 1;
	if (param->value != WEIR_V_WORD)
		return param->min == 0 && param->max == 0 ? (double)INT64_MAX
		       : param->value == WEIR_V_DURATION  ? param->max * 1e9
							  : param->max;
	while (param->words[(int)n])
		n++;
	return n - 1;
}

/* Of the operations, which a module has. A module that this build lacks has no state to look at. */
static size_t state_bytes(const struct weir_driver *driver, enum weir_role role)
{
	char why[WEIR_MODULE_WHY], hint[WEIR_MODULE_WHY];

	return weir_module_open(&driver, driver, why, hint) < 0 ? SIZE_MAX : weir_state_bytes(driver, role);
}

/* A value outside the state would destroy other memory; one that is cut would be another value. */
static bool has_room(const struct weir_param *param, size_t state_bytes)
{
	if (!param->is_placed)
		return true;
	if (!param->bytes || param->offset + param->bytes > state_bytes)
		return false;
	return param->member_max == 0 || greatest(param) <= param->member_max;
}

static bool has_good_default(const struct weir_param *param)
{
	struct weir_checking checking = { .schema = NULL };
	struct weir_arg arg = { 0 };
	struct weir_tree_arg written;
	struct weir_tree *tree;
	bool good;

	if (!param->fallback)
		return true;
	assert_int_equal(weir_report_open(&checking.report, param->name, param->fallback), 0);
	good = !weir_parse_value(&tree, &written, param, checking.report) &&
	       weir_check_value(&checking, param, &written, &arg);
	weir_tree_close(tree);
	weir_report_close(checking.report);
	free(arg.text);
	return good;
}

static void every_value_has_room_and_every_default_is_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < weir_n_drivers; i++)
		for (int role = WEIR_SOURCE; role <= WEIR_ACTUATOR; role++) {
			const struct weir_param *param = weir_driver_params(weir_drivers[i], (enum weir_role)role);

			for (; param->name; param++) {
				if (!has_room(param, state_bytes(weir_drivers[i], (enum weir_role)role)))
					fail_msg("%s: the value of '%s' does not fit in the state or in its member",
						 weir_drivers[i]->name, param->name);
				if (!has_good_default(param))
					fail_msg("%s: '%s' cannot be '%s', its default", weir_drivers[i]->name,
						 param->name, param->fallback);
			}
		}
}

/* The test above refuses what it is there to refuse. */
static void bad_rows_are_found(void **state)
{
	struct values {
		uint16_t n;
		bool flag;
		int64_t t;
		double real;
	};
	static const char *const words[] = { "a", "b", "c", NULL };
	const struct weir_param good[] = {
		WEIR_P_INT("n", struct values, n, "5", "a", .min = 0, .max = 65535),
		WEIR_P_INT("t", struct values, t, "-5", "a"),
		WEIR_P_REAL("r", struct values, real, "1e30", "a"),
		WEIR_P_BOOL("f", struct values, flag, "yes", "a"),
	};
	const struct weir_param narrow[] = {
		WEIR_P_INT("n", struct values, n, NULL, "a", .min = 0, .max = 65536),
		WEIR_P_INT("n", struct values, n, NULL, "a"),
		WEIR_P_DURATION("n", struct values, n, NULL, "a", .min = 0, .max = 1),
		WEIR_P_WORD("f", struct values, flag, NULL, words, "a"),
	};
	const struct weir_param no_default[] = {
		WEIR_P_INT("n", struct values, n, "6", "a", .min = 0, .max = 5),
		WEIR_P_DURATION("t", struct values, t, "5", "a"),
		WEIR_P_WORD("n", struct values, n, "d", words, "a"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(has_room(&good[i], sizeof(struct values)) && has_good_default(&good[i]));
	assert_false(has_room(&good[2], sizeof(struct values) - 8));
	for (size_t i = 0; i < sizeof(narrow) / sizeof(narrow[0]); i++)
		assert_false(has_room(&narrow[i], sizeof(struct values)));
	for (size_t i = 0; i < sizeof(no_default) / sizeof(no_default[0]); i++)
		assert_false(has_good_default(&no_default[i]));
}

static void every_driver_is_explained(void **state)
{
	(void)state;
	for (size_t i = 0; i < weir_n_drivers; i++)
		expect_text(weir_drivers[i], weir_drivers[i]->name, weir_drivers[i]->doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_parameter_is_explained_and_is_alone),
		cmocka_unit_test(every_value_has_room_and_every_default_is_one),
		cmocka_unit_test(bad_rows_are_found),
		cmocka_unit_test(every_driver_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
