/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/condense.h"
#include "weir/operands.h"

struct weir_condenser {
	struct weir_node *node;
	const struct weir_binding *binding;
	uint32_t n;
	uint32_t records; /**< most that a median can hold */
	struct weir_panes *panes;
	struct weir_moving *moving[WEIR_FIELDS_MAX]; /**< in place of panes, by function */
	bool moves;
	struct weir_operands *operands;
	struct weir_block *out;
};

/* -------------------------------------------------------------- schema, open */

/* The unit of a product with time, where it is a unit of its own or one without it. */
static void unit_of_integral(char *unit, size_t bytes, const char *base)
{
	static const char *const products[][2] = { { "W", "J" }, { "kW", "kJ" }, { "mW", "mJ" }, { "A", "A*s" } };
	size_t length = strlen(base);

	for (size_t i = 0; i < sizeof(products) / sizeof(products[0]); i++)
		if (!strcmp(base, products[i][0])) {
			snprintf(unit, bytes, "%s", products[i][1]);
			return;
		}
	if (length > 2 && !strcmp(base + length - 2, "/s"))
		snprintf(unit, bytes, "%.*s", (int)length - 2, base);
	else if (length > 4 && !strcmp(base + length - 4, "/s^2"))
		snprintf(unit, bytes, "%.*s", (int)length - 2, base);
	else
		snprintf(unit, bytes, "%s*s", base);
}

static bool has_unit(int function)
{
	return function != WEIR_COUNT && function != WEIR_VAR && function != WEIR_DISTINCT && function != WEIR_CORR &&
	       function != WEIR_CROSSINGS;
}

static void unit_of(char unit[WEIR_UNIT_MAX], const struct weir_binding *binding)
{
	const char *base = has_unit(binding->function) ? weir_expr_unit(binding->expr) : "";
	bool is_rate = binding->function == WEIR_SLOPE || binding->function == WEIR_RATE;
	char made[64];

	if (*base && binding->function == WEIR_INTEGRAL)
		unit_of_integral(made, sizeof(made), base);
	else
		snprintf(made, sizeof(made), "%.*s%s", WEIR_UNIT_MAX, base, *base && is_rate ? "/s" : "");
	/* Half a unit would be a wrong one. */
	if (strlen(made) < WEIR_UNIT_MAX)
		memcpy(unit, made, strlen(made) + 1);
}

static int check_parameter(struct weir_node *node, const struct weir_binding *binding)
{
	const char *word = weir_aggregate_words[binding->function];

	if (binding->function != WEIR_QUANTILE)
		return isnan(binding->parameter) ? 0
						 : weir_fail_arg(node, "aggregates", NULL,
								 "%s() takes an expression and nothing more", word);
	if (binding->parameter >= 0 && binding->parameter <= 1)
		return 0;
	return weir_fail_arg(node, "aggregates", "as in quantile(x, 0.95)",
			     "a quantile needs a number between 0 and 1");
}

static enum weir_kind kind_of(const struct weir_binding *binding)
{
	if (binding->function == WEIR_COUNT)
		return WEIR_INT;
	return weir_expr_is_text(binding->expr) ? WEIR_TEXT : WEIR_REAL;
}

static int add_field(struct weir_node *node, const struct weir_binding *binding, struct weir_schema *out)
{
	char unit[WEIR_UNIT_MAX] = "";
	enum weir_kind kind;
	int err;

	if (!binding->expr && binding->function != WEIR_COUNT)
		return weir_fail_arg(node, "aggregates", NULL, "%s() needs an expression",
				     weir_aggregate_words[binding->function]);
	kind = kind_of(binding);
	if (kind != WEIR_TEXT)
		unit_of(unit, binding);
	err = weir_schema_add(out, binding->name, kind, unit,
			      kind == WEIR_TEXT ? weir_expr_text_bytes(binding->expr) : 0);
	if (err == -EEXIST)
		return weir_fail_arg(node, "aggregates", "give each a name of its own: mean(x) as average",
				     "window makes two fields named '%s'", binding->name);
	return err < 0 ? weir_fail_arg(node, "aggregates", NULL, "'%s' does not fit in one record: %s", binding->name,
				       weir_schema_limit(out->n_fields, strlen(binding->name)))
		       : 0;
}

static int open_panes(struct weir_condenser *condenser, const struct weir_gathering *gathering)
{
	enum weir_function function[WEIR_FIELDS_MAX];
	int err;

	for (uint32_t i = 0; i < condenser->n; i++) {
		function[i] = weir_operands_function(condenser->operands, i);
		if ((weir_function_is_ordered(function[i]) || weir_function_is_counted(function[i])) &&
		    gathering->argument)
			return weir_fail_arg(condenser->node, gathering->argument, NULL,
					     "a %s is of at most %u records", weir_aggregate_words[function[i]],
					     gathering->records);
	}
	err = weir_panes_open(&condenser->panes, function, condenser->n, gathering->panes, gathering->records);
	for (uint32_t i = 0; !err && i < condenser->n; i++) {
		const struct weir_binding *binding = &condenser->binding[i];

		if (function[i] == WEIR_QUANTILE)
			weir_panes_aim(condenser->panes, i, binding->parameter);
		if (binding->expr && weir_expr_is_text(binding->expr))
			err = weir_panes_take_text(condenser->panes, i, weir_expr_text_bytes(binding->expr));
	}
	return err;
}

static bool can_move(const struct weir_condenser *condenser, const struct weir_gathering *gathering)
{
	if (!gathering->moving || gathering->leaving.skips_nan)
		return false;
	for (uint32_t i = 0; i < condenser->n; i++)
		if (!weir_function_moves((enum weir_function)condenser->binding[i].function))
			return false;
	return true;
}

static int open_moving(struct weir_condenser *condenser, uint32_t size)
{
	int err = 0;

	condenser->moves = true;
	for (uint32_t i = 0; i < condenser->n && !err; i++)
		err = weir_moving_open(&condenser->moving[i], (enum weir_function)condenser->binding[i].function, size);
	return err;
}

int weir_condenser_open(struct weir_condenser **out_condenser, struct weir_node *node,
			const struct weir_bindings *aggregates, struct weir_schema *out,
			const struct weir_gathering *gathering)
{
	struct weir_condenser *condenser = calloc(1, sizeof(*condenser));
	int err = 0;

	*out_condenser = condenser;
	if (!condenser)
		return -ENOMEM;
	condenser->node = node;
	condenser->records = gathering->records;
	condenser->binding = aggregates->at;
	condenser->n = aggregates->n;
	for (uint32_t i = 0; i < condenser->n && !err; i++) {
		err = check_parameter(node, &condenser->binding[i]);
		if (!err)
			err = add_field(node, &condenser->binding[i], out);
	}
	if (!err)
		err = weir_operands_open(&condenser->operands, aggregates, &gathering->leaving);
	if (!err)
		err = can_move(condenser, gathering) ? open_moving(condenser, gathering->moving)
						     : open_panes(condenser, gathering);
	return err < 0 ? err : weir_block_open(&condenser->out, weir_out(node));
}

void weir_condenser_close(struct weir_condenser *condenser)
{
	if (!condenser)
		return;
	weir_block_close(condenser->out);
	weir_operands_close(condenser->operands);
	weir_panes_close(condenser->panes);
	for (uint32_t i = 0; i < condenser->n; i++)
		weir_moving_close(condenser->moving[i]);
	free(condenser);
}

/* -------------------------------------------------------------------- input */

void weir_condenser_look(struct weir_condenser *condenser, const struct weir_block *in)
{
	weir_operands_look(condenser->operands, in);
}

int weir_condenser_add(struct weir_condenser *condenser, int64_t start, const struct weir_block *in, uint32_t from,
		       uint32_t n)
{
	const struct weir_values *values = weir_operands_take(condenser->operands, in, from, n);
	int err = weir_panes_add(condenser->panes, start, values);

	if (err == -ENOBUFS) /* left out in silence, the newest values would be missing from every median */
		return weir_fail(
			condenser->node, ENOBUFS,
			"more than %u records in one window, which is all that a median, distinct or mode can hold",
			condenser->records);
	return err;
}

void weir_condenser_evict(struct weir_condenser *condenser, int64_t start)
{
	weir_panes_evict(condenser->panes, start);
}

bool weir_condenser_is_empty(const struct weir_condenser *condenser)
{
	return weir_panes_empty(condenser->panes);
}

/* ------------------------------------------------------------------- output */

static void show_result(struct weir_condenser *condenser, uint32_t i, uint32_t row, double result)
{
	const struct weir_field *field = &condenser->out->schema->field[i];
	union weir_column *column = &condenser->out->column[i];
	const char *text;

	if (field->kind == WEIR_INT)
		column->integer[row] = (int64_t)result;
	else if (field->kind == WEIR_REAL)
		column->real[row] = result;
	else {
		text = weir_panes_text(condenser->panes, i, result);
		memset(column->text + (size_t)row * field->bytes, 0, field->bytes);
		if (text)
			memcpy(column->text + (size_t)row * field->bytes, text, field->bytes);
	}
}

int weir_condenser_show(struct weir_condenser *condenser, int64_t t)
{
	struct weir_block *out = condenser->out;
	double result[WEIR_FIELDS_MAX];
	uint32_t row = weir_block_add(out);

	out->t[row] = t;
	weir_panes_results(condenser->panes, result);
	for (uint32_t i = 0; i < condenser->n; i++)
		show_result(condenser, i, row, result[i]);
	return out->n == WEIR_BLOCK_MAX ? weir_condenser_emit(condenser) : 0;
}

int weir_condenser_emit(struct weir_condenser *condenser)
{
	int err = weir_emit(condenser->node, condenser->out);

	condenser->out->n = 0;
	return err;
}

/* ------------------------------------------------------------------- moving */

bool weir_condenser_moves(const struct weir_condenser *condenser)
{
	return condenser->moves;
}

int weir_condenser_move(struct weir_condenser *condenser, const struct weir_block *in, uint32_t skip)
{
	struct weir_block all = *condenser->out, shown;

	for (uint32_t i = 0; i < condenser->n; i++)
		weir_moving_results(condenser->moving[i], weir_operands_column(condenser->operands, i),
				    all.column[i].real, in->n);
	all.n = in->n;
	all.t = in->t;
	weir_block_slice(&shown, &all, skip, in->n - skip);
	return weir_emit(condenser->node, &shown);
}
