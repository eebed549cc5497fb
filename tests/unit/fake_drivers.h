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
struct fake_list {
	struct weir_bindings list;
	struct weir_length size, step;
	bool partial;
};

static int list_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	const struct fake_list *fake = weir_state(node);
	const struct weir_binding *binding = fake->list.at;

	weir_schema_init(out, in->clock);
	for (uint32_t i = 0; i < fake->list.n; i++) {
		const struct weir_field *from = binding[i].field < 0 ? NULL : &in->field[binding[i].field];

		if (weir_schema_add(out, binding[i].name, from ? from->kind : WEIR_REAL, "", from ? from->bytes : 8) <
		    0)
			return weir_fail_arg(node, NULL, NULL, "no room for '%s'", binding[i].name);
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

struct fake_sim {
	const char *kind, *path;
	double rate, gain;
	int32_t n;
	int64_t wait_ns;
	uint64_t buffer;
	enum { FAKE_SLOW, FAKE_FAST } mode;
	bool inverted;
};

static const struct weir_param sim_params[] = {
	WEIR_P_TEXT("kind", struct fake_sim, kind, "plain", "a text", .style = WEIR_POSITIONAL),
	WEIR_P_RATE("rate", struct fake_sim, rate, "100Hz", "a rate", .max = 1e6, .min = 1, .words = fake_max),
	WEIR_P_INT("n", struct fake_sim, n, "-3", "an integer", .min = -10, .max = 10),
	WEIR_P_REAL("gain", struct fake_sim, gain, "0.5", "a number"),
	WEIR_P_DURATION("wait", struct fake_sim, wait_ns, "10ms", "a duration", .min = 1e-3, .max = 3600),
	WEIR_P_SIZE("buffer", struct fake_sim, buffer, "64KiB", "a size"),
	WEIR_P_WORD("mode", struct fake_sim, mode, "slow", fake_modes, "a word"),
	WEIR_P_BOOL("inverted", struct fake_sim, inverted, NULL, "a flag"),
	WEIR_P_TEXT("path", struct fake_sim, path, NULL, "another text"),
	{ 0 },
};

struct fake_conditions {
	const struct weir_expr *condition, *off;
	int64_t min_on_ns;
};

static const struct weir_param where_params[] = {
	WEIR_P_EXPR("condition", struct fake_conditions, condition, "what must hold", .style = WEIR_POSITIONAL,
		    .required = true, .must_be_bool = true),
	{ 0 },
};

static const struct weir_param select_params[] = {
	WEIR_P_FIELDS("fields", struct fake_list, list, "fields", .style = WEIR_POSITIONAL, .required = true),
	{ 0 },
};

static const struct weir_param window_params[] = {
	WEIR_P_SPAN("size", struct fake_list, size, NULL, "how long", .style = WEIR_POSITIONAL, .required = true),
	WEIR_P_SPAN("step", struct fake_list, step, NULL, "how far", .style = WEIR_KEYWORD),
	WEIR_P_BOOL("partial", struct fake_list, partial, NULL, "growing ones at the start"),
	WEIR_P_AGGREGATES("aggregates", struct fake_list, list, fake_aggregates, "aggregates", .style = WEIR_POSITIONAL,
			  .required = true),
	{ 0 },
};

static const struct weir_param switch_params[] = {
	WEIR_P_EXPR("on", struct fake_conditions, condition, "on", .style = WEIR_KEYWORD, .required = true,
		    .must_be_bool = true),
	WEIR_P_EXPR("off", struct fake_conditions, off, "off", .style = WEIR_KEYWORD, .required = true,
		    .must_be_bool = true),
	WEIR_P_DURATION("min_on", struct fake_conditions, min_on_ns, NULL, "least time"),
	{ 0 },
};

/* A row without a member: the core reads it. */
static const struct weir_param park_params[] = {
	{ .name = "park", .value = WEIR_V_BOOL, .required = true, .help = "the safe state" },
	{ 0 },
};

static const struct weir_param no_params[] = { { 0 } };

static const struct weir_source_ops sim_ops = { .state_bytes = sizeof(struct fake_sim), .open = sim_open };
static const struct weir_operator_ops same_ops = { .state_bytes = sizeof(struct fake_conditions), .open = same_open };
static const struct weir_operator_ops list_ops = { .state_bytes = sizeof(struct fake_list), .open = list_open };
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
/* Its module is nowhere. */
static const struct weir_library lost_library = { .name = "libLost",
						  .package = "liblost0",
						  .build_package = "liblost-dev" };
static const struct weir_driver fake_lost = { .name = "lost",
					      .doc = "a module",
					      .operator_params = no_params,
					      .library = &lost_library,
					      .stage = &weir_unopened_stage };
static const struct weir_driver fake_print = { .name = "print", .sink_params = no_params, .sink = &sink_ops };

const struct weir_driver *const weir_drivers[] = {
	&fake_sim, &fake_gpio, &fake_where, &fake_select, &fake_window, &fake_switch, &fake_lost, &fake_print,
};
const struct weir_builtin weir_builtins[] = { { 0 } };
const size_t weir_n_drivers = sizeof(weir_drivers) / sizeof(weir_drivers[0]);

#endif
