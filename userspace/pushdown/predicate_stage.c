/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stages that choose records, as nodes of a predicate. `every` and `changed` count what reaches them, so whatever stands
 * before them must be pushed down exactly.
 */
#include <math.h>
#include <string.h>

#include "pushdown/predicate.h"

/* So far apart that no two raw values are: changed() keeps to fields of 50 bits. */
#define NEVER (INT64_C(1) << 62)

static int add_memory(struct weir_predicate *predicate, struct weir_predicate_node node, uint32_t words, char *why)
{
	int index;

	if (!predicate->exact)
		return weir_refuse(why, "a condition before it is not pushed down exactly");
	if (predicate->n_state + words > WEIR_STATE_WORDS)
		return weir_refuse(why, "too many stages that remember");
	node.left = (uint16_t)(predicate->n - 1);
	node.first = (uint16_t)predicate->n_state;
	index = weir_predicate_add(predicate, node, why);
	if (index < 0)
		return index;
	predicate->n_state += words;
	return 0;
}

static int add_every(struct weir_predicate *predicate, const struct weir_node *stage, const struct weir_schema *schema,
		     char *why)
{
	bool is_time = weir_arg_is_time(stage, "span");
	struct weir_predicate_node node = { .op = is_time ? WEIR_PRED_EVERY_TIME : WEIR_PRED_EVERY,
					    .lo = weir_arg_int(stage, "span"),
					    .where = stage->args->where };

	if (is_time && (schema->t.is_float || schema->t.scale != 1 || schema->t.offset != 0))
		return weir_refuse(why, "the time of a row is not an integer of nanoseconds");
	return add_memory(predicate, node, is_time ? 2 : 1, why);
}

static int check_changed(const struct weir_field *field, char *why)
{
	if (field->is_float)
		return weir_refuse(why, "'%s' is a floating-point value, and a filter in the kernel sees integers",
				   field->name);
	if (field->kind == WEIR_REAL
		    ? weir_raw_is_recovered(field)
		    : field->kind == WEIR_INT && field->bits <= 48 && field->scale == 1 && field->offset == 0)
		return 0;
	return weir_refuse(why, "the raw integer of '%s' cannot be computed from its value for certain", field->name);
}

/* The least distance of raw values that counts, by bisection of the operator's own comparison, which rises with it. */
static int64_t least_distance(double scale, double by)
{
	int64_t low = -1, high = INT64_C(1) << 50;

	if (!((double)high * scale >= by))
		return NEVER;
	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;

		if ((double)middle * scale >= by)
			high = middle;
		else
			low = middle;
	}
	return high;
}

static int add_changed(struct weir_predicate *predicate, const struct weir_node *stage,
		       const struct weir_schema *schema, char *why)
{
	int index = weir_schema_find(schema, weir_arg_text(stage, "field"));
	struct weir_predicate_node node = { .op = WEIR_PRED_CHANGED, .where = stage->args->where };
	const struct weir_field *field;
	int err;

	if (index < 0)
		return weir_refuse(why, "unknown field");
	field = &schema->field[index];
	err = check_changed(field, why);
	if (err)
		return err;
	node.field = (uint16_t)index;
	node.lo = 1; /* without `by`, whatever differs */
	if (weir_arg_given(stage, "by"))
		node.lo = least_distance(field->kind == WEIR_REAL ? fabs(field->scale) : 1, weir_arg_real(stage, "by"));
	return add_memory(predicate, node, 2, why);
}

int weir_predicate_add_stage(struct weir_predicate *predicate, const struct weir_node *stage,
			     const struct weir_schema *schema, char why[WEIR_WHY_BYTES])
{
	const char *name = stage->role == WEIR_OPERATOR ? stage->driver->name : "";

	why[0] = 0;
	if (!strcmp(name, "where"))
		return weir_predicate_add_where(predicate, weir_arg_expr(stage, "condition"), schema, why);
	if ((!strcmp(name, "every") || !strcmp(name, "changed")) && weir_arg_given(stage, "key"))
		return weir_refuse(why, "'key' needs a state for each key");
	if (!strcmp(name, "every"))
		return add_every(predicate, stage, schema, why);
	if (!strcmp(name, "changed"))
		return add_changed(predicate, stage, schema, why);
	return weir_refuse(why, "'%s' is not a stage that is pushed down", stage->driver->name);
}
