/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file fake_drivers.h
 * @brief A registry of drivers that touch nothing, for tests of the language: it takes the place of the generated one, since
 * the linker looks into the library only for what is not defined yet.
 *
 * Source `sim:DEV` has an argument of every kind of value and the fields x, y (numbers), n (integer), level (truth value) and
 * label (text). `gpio` is a source and an actuator.
 */
#ifndef WEIR_TESTS_FAKE_DRIVERS_H
#define WEIR_TESTS_FAKE_DRIVERS_H

#include <string.h>

#include "core/internal.h"

static int sim_open(struct weir_node *node, struct weir_schema *out)
{
	uint32_t n;

	if (!strcmp(weir_target(node), "missing"))
		return weir_fail_device(node, weir_target(node), "open", 2, "plug it in");
	if (!strcmp(node->driver->name, "sim"))
		weir_columns(node, &n);
	weir_schema_init(out, WEIR_CLOCK_NOMINAL);
	weir_schema_add(out, "x", WEIR_REAL, "", 8);
	weir_schema_add(out, "y", WEIR_REAL, "", 8);
	weir_schema_add(out, "n", WEIR_INT, "", 8);
	weir_schema_add(out, "level", WEIR_BOOL, "", 8);
	weir_schema_add(out, "label", WEIR_TEXT, "", 16);
	return 0;
}

static int same_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	(void)node;
	*out = *in;
	return 0;
}

/* The bindings become fields. */
static int list_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	const char *name = !strcmp(node->driver->name, "select") ? "fields" : "aggregates";
	uint32_t n;
	const struct weir_binding *binding = weir_arg_bindings(node, name, &n);

	weir_schema_init(out, in->clock);
	for (uint32_t i = 0; i < n; i++) {
		const struct weir_field *from = binding[i].field < 0 ? NULL : &in->field[binding[i].field];

		if (weir_schema_add(out, binding[i].name, from ? from->kind : WEIR_REAL, "", from ? from->bytes : 8) <
		    0)
			return weir_fail_arg(node, name, NULL, "no room for '%s'", binding[i].name);
	}
	return 0;
}

static int sink_open(struct weir_node *node, const struct weir_schema *in)
{
	(void)node;
	(void)in;
	return 0;
}

static const char *const fake_modes[] = { "slow", "fast", NULL };
static const char *const fake_max[] = { "max", NULL };
static const char *const fake_aggregates[] = { "count", "mean", "rms", "max", NULL };

static const struct weir_param sim_params[] = {
	{ .name = "kind", .style = WEIR_POSITIONAL, .value = WEIR_V_TEXT, .fallback = "plain", .help = "a text" },
	{ .name = "rate",
	  .value = WEIR_V_RATE,
	  .fallback = "100Hz",
	  .max = 1e6,
	  .min = 1,
	  .words = fake_max,
	  .help = "a rate" },
	{ .name = "n", .value = WEIR_V_INT, .fallback = "-3", .min = -10, .max = 10, .help = "an integer" },
	{ .name = "gain", .value = WEIR_V_REAL, .fallback = "0.5", .help = "a number" },
	{ .name = "wait",
	  .value = WEIR_V_DURATION,
	  .fallback = "10ms",
	  .min = 1e-3,
	  .max = 3600,
	  .help = "a duration" },
	{ .name = "buffer", .value = WEIR_V_SIZE, .fallback = "64KiB", .help = "a size" },
	{ .name = "mode", .value = WEIR_V_WORD, .fallback = "slow", .words = fake_modes, .help = "a word" },
	{ .name = "inverted", .value = WEIR_V_BOOL, .help = "a flag" },
	{ .name = "path", .value = WEIR_V_TEXT, .help = "another text" },
	{ 0 },
};

static const struct weir_param where_params[] = {
	{ .name = "condition",
	  .style = WEIR_POSITIONAL,
	  .value = WEIR_V_EXPR,
	  .required = true,
	  .must_be_bool = true,
	  .help = "what must hold" },
	{ 0 },
};

static const struct weir_param select_params[] = {
	{ .name = "fields", .style = WEIR_POSITIONAL, .value = WEIR_V_FIELDS, .required = true, .help = "fields" },
	{ 0 },
};

static const struct weir_param window_params[] = {
	{ .name = "size", .style = WEIR_POSITIONAL, .value = WEIR_V_SPAN, .required = true, .help = "how long" },
	{ .name = "step", .style = WEIR_KEYWORD, .value = WEIR_V_SPAN, .help = "how far" },
	{ .name = "partial", .value = WEIR_V_BOOL, .help = "growing ones at the start" },
	{ .name = "aggregates",
	  .style = WEIR_POSITIONAL,
	  .value = WEIR_V_AGGREGATES,
	  .required = true,
	  .words = fake_aggregates,
	  .help = "aggregates" },
	{ 0 },
};

static const struct weir_param switch_params[] = {
	{ .name = "on",
	  .style = WEIR_KEYWORD,
	  .value = WEIR_V_EXPR,
	  .required = true,
	  .must_be_bool = true,
	  .help = "on" },
	{ .name = "off",
	  .style = WEIR_KEYWORD,
	  .value = WEIR_V_EXPR,
	  .required = true,
	  .must_be_bool = true,
	  .help = "off" },
	{ .name = "min_on", .value = WEIR_V_DURATION, .help = "least time" },
	{ 0 },
};

static const struct weir_param park_params[] = {
	{ .name = "park", .value = WEIR_V_BOOL, .required = true, .help = "the safe state" },
	{ 0 },
};

static const struct weir_param no_params[] = { { 0 } };

static const struct weir_source_ops sim_ops = { .open = sim_open };
static const struct weir_operator_ops same_ops = { .open = same_open };
static const struct weir_operator_ops list_ops = { .open = list_open };
static const struct weir_sink_ops sink_ops = { .open = sink_open };
static const struct weir_actuator_ops actuator_ops = { .open = sink_open };

static const struct weir_driver fake_sim = {
	.name = "sim", .target = "DEV", .source_params = sim_params, .source = &sim_ops
};
static const struct weir_driver fake_gpio = { .name = "gpio",
					      .target = "LINE",
					      .source_params = no_params,
					      .source = &sim_ops,
					      .actuator_params = park_params,
					      .actuator = &actuator_ops };
static const struct weir_driver fake_where = { .name = "where", .operator_params = where_params, .stage = &same_ops };
static const struct weir_driver fake_select = { .name = "select",
						.operator_params = select_params,
						.stage = &list_ops };
static const struct weir_driver fake_window = { .name = "window",
						.operator_params = window_params,
						.stage = &list_ops };
static const struct weir_driver fake_switch = { .name = "switch",
						.operator_params = switch_params,
						.stage = &same_ops };
static const struct weir_driver fake_print = { .name = "print", .sink_params = no_params, .sink = &sink_ops };

const struct weir_driver *const weir_drivers[] = {
	&fake_sim, &fake_gpio, &fake_where, &fake_select, &fake_window, &fake_switch, &fake_print,
};
const struct weir_absent weir_absents[] = {
	{ .name = "lost", .roles = 1u << WEIR_OPERATOR, .library = "libLost", .package = "liblost-dev" },
	{ 0 },
};
const size_t weir_n_drivers = sizeof(weir_drivers) / sizeof(weir_drivers[0]);

#endif
