/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "core/internal.h"

static bool has_role(const struct weir_driver *driver, enum weir_role role)
{
	const void *const ops[] = {
		[WEIR_SOURCE] = driver->source,
		[WEIR_OPERATOR] = driver->stage ? (const void *)driver->stage : driver->combiner,
		[WEIR_SINK] = driver->sink,
		[WEIR_ACTUATOR] = driver->actuator,
	};

	return ops[role] != NULL;
}

const struct weir_driver *weir_driver_find(const char *name, enum weir_role role)
{
	for (size_t i = 0; i < weir_n_drivers; i++)
		if (!strcmp(weir_drivers[i]->name, name) && has_role(weir_drivers[i], role))
			return weir_drivers[i];
	return NULL;
}

const struct weir_param *weir_driver_params(const struct weir_driver *driver, enum weir_role role)
{
	static const struct weir_param none[] = { { .name = NULL } };
	const struct weir_param *const params[] = {
		[WEIR_SOURCE] = driver->source_params,
		[WEIR_OPERATOR] = driver->operator_params,
		[WEIR_SINK] = driver->sink_params,
		[WEIR_ACTUATOR] = driver->actuator_params,
	};

	return params[role] ? params[role] : none;
}

const char *weir_role_name(enum weir_role role)
{
	static const char *const name[] = {
		[WEIR_SOURCE] = "source",
		[WEIR_OPERATOR] = "stage",
		[WEIR_SINK] = "sink",
		[WEIR_ACTUATOR] = "actuator",
	};

	return name[role];
}

bool weir_is_stage(const char *name)
{
	return weir_driver_find(name, WEIR_OPERATOR) || weir_driver_find(name, WEIR_SINK) ||
	       weir_driver_find(name, WEIR_ACTUATOR);
}
