/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every driver's table must hold, whoever wrote it: the parser, `weir list` and the manual live on it. */
#include <string.h>

#include "harness.h"

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
		cmocka_unit_test(every_driver_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
