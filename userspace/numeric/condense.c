/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir/condense.h"

struct weir_condenser {
	struct weir_node *node;
	const struct weir_binding *binding;
	uint32_t n;
	uint32_t records; /**< most that a median can hold */
	struct weir_panes *panes;
	struct weir_moving *moving[WEIR_FIELDS_MAX]; /**< in place of panes, by function */
	bool is_moving;
	uint32_t last_row; /**< moving: of `out`, which has the last result */
	double *values;    /**< a column of WEIR_BLOCK_MAX for each expression */
	const double *x[WEIR_FIELDS_MAX];
	struct weir_block *out;
};

/* -------------------------------------------------------------- schema, open */

static void unit_of(char unit[WEIR_UNIT_MAX], const struct weir_binding *binding)
{
	bool has_unit = binding->function != WEIR_COUNT && binding->function != WEIR_VAR;
	const char *base = has_unit ? weir_expr_unit(binding->expr) : "";
	int n = snprintf(unit, WEIR_UNIT_MAX, "%s%s", base, *base && binding->function == WEIR_SLOPE ? "/s" : "");

	/* Half a unit would be a wrong one. */
	if (n >= WEIR_UNIT_MAX)
		unit[0] = 0;
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

static int add_field(struct weir_node *node, const struct weir_binding *binding, struct weir_schema *out)
{
	char unit[WEIR_UNIT_MAX];
	int err;

	if (!binding->expr && binding->function != WEIR_COUNT)
		return weir_fail_arg(node, "aggregates", NULL, "%s() needs an expression",
				     weir_aggregate_words[binding->function]);
	unit_of(unit, binding);
	err = weir_schema_add(out, binding->name, binding->function == WEIR_COUNT ? WEIR_INT : WEIR_REAL, unit, 0);
	if (err == -EEXIST)
		return weir_fail_arg(node, "aggregates", "give each a name of its own: mean(x) as average",
				     "window makes two fields named '%s'", binding->name);
	return err < 0 ? weir_fail_arg(node, "aggregates", NULL, "'%s' does not fit in one record", binding->name) : 0;
}

static int open_panes(struct weir_condenser *condenser, const struct weir_gathering *gathering)
{
	enum weir_function function[WEIR_FIELDS_MAX];
	int err;

	for (uint32_t i = 0; i < condenser->n; i++) {
		function[i] = (enum weir_function)condenser->binding[i].function;
		if (weir_function_is_ordered(function[i]) && gathering->argument)
			return weir_fail_arg(condenser->node, gathering->argument, NULL,
					     "a median is of at most %u records", gathering->records);
	}
	err = weir_panes_open(&condenser->panes, function, condenser->n, gathering->panes, gathering->records);
	for (uint32_t i = 0; !err && i < condenser->n; i++)
		if (function[i] == WEIR_QUANTILE)
			weir_panes_aim(condenser->panes, i, condenser->binding[i].parameter);
	return err;
}

static bool can_move(const struct weir_condenser *condenser, const struct weir_gathering *gathering)
{
	bool can = gathering->moving;

	for (uint32_t i = 0; i < condenser->n; i++)
		can &= weir_function_moves((enum weir_function)condenser->binding[i].function);
	return can;
}

static int open_moving(struct weir_condenser *condenser, const struct weir_gathering *gathering)
{
	int err = 0;

	condenser->is_moving = true;
	for (uint32_t i = 0; i < condenser->n && !err; i++)
		err = weir_moving_open(&condenser->moving[i], (enum weir_function)condenser->binding[i].function,
				       gathering->moving);
	return err;
}

int weir_condenser_open(struct weir_condenser **out_condenser, struct weir_node *node, struct weir_schema *out,
			const struct weir_gathering *gathering)
{
	struct weir_condenser *condenser = calloc(1, sizeof(*condenser));
	int err = 0;

	*out_condenser = condenser;
	if (!condenser)
		return -ENOMEM;
	condenser->node = node;
	condenser->records = gathering->records;
	condenser->binding = weir_arg_bindings(node, "aggregates", &condenser->n);
	for (uint32_t i = 0; i < condenser->n && !err; i++) {
		err = check_parameter(node, &condenser->binding[i]);
		if (!err)
			err = add_field(node, &condenser->binding[i], out);
	}
	if (!err)
		err = can_move(condenser, gathering) ? open_moving(condenser, gathering)
						     : open_panes(condenser, gathering);
	if (err < 0)
		return err;
	condenser->values = malloc(condenser->n * WEIR_BLOCK_MAX * sizeof(*condenser->values));
	return condenser->values ? weir_block_open(&condenser->out, weir_out(node)) : -ENOMEM;
}

void weir_condenser_close(struct weir_condenser *condenser)
{
	if (!condenser)
		return;
	weir_block_close(condenser->out);
	free(condenser->values);
	weir_panes_close(condenser->panes);
	for (uint32_t i = 0; i < condenser->n; i++)
		weir_moving_close(condenser->moving[i]);
	free(condenser);
}

/* -------------------------------------------------------------------- input */

void weir_condenser_look(struct weir_condenser *condenser, const struct weir_block *in)
{
	for (uint32_t i = 0; i < condenser->n; i++) {
		const struct weir_binding *binding = &condenser->binding[i];
		double *values = condenser->values + (size_t)i * WEIR_BLOCK_MAX;

		if (binding->field >= 0 && in->schema->field[binding->field].kind == WEIR_REAL) {
			condenser->x[i] = in->column[binding->field].real;
			continue;
		}
		if (binding->expr)
			weir_expr_eval(binding->expr, in, values);
		condenser->x[i] = values;
	}
}

int weir_condenser_add(struct weir_condenser *condenser, int64_t start, const struct weir_block *in, uint32_t from,
		       uint32_t n)
{
	const double *x[WEIR_FIELDS_MAX];
	int err;

	for (uint32_t i = 0; i < condenser->n; i++)
		x[i] = condenser->x[i] + from;
	err = weir_panes_add(condenser->panes, start, in->t + from, x, n);
	if (err == -ENOBUFS) /* left out in silence, the newest values would be missing from every median */
		return weir_fail(condenser->node, ENOBUFS,
				 "more than %u records in one window, which is all that a median can hold",
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

int weir_condenser_show(struct weir_condenser *condenser, int64_t t)
{
	struct weir_block *out = condenser->out;
	double result[WEIR_FIELDS_MAX];
	uint32_t row = out->n++;

	out->t[row] = t;
	weir_panes_results(condenser->panes, result);
	for (uint32_t i = 0; i < condenser->n; i++) {
		if (condenser->binding[i].function == WEIR_COUNT)
			out->column[i].integer[row] = (int64_t)result[i];
		else
			out->column[i].real[row] = result[i];
	}
	return out->n == WEIR_BLOCK_MAX ? weir_condenser_emit(condenser) : 0;
}

bool weir_condenser_moves(const struct weir_condenser *condenser)
{
	return condenser->is_moving;
}

int weir_condenser_move(struct weir_condenser *condenser, const struct weir_block *in, uint32_t skip)
{
	struct weir_block all = *condenser->out, shown;

	for (uint32_t i = 0; i < condenser->n; i++)
		weir_moving_results(condenser->moving[i], condenser->x[i], all.column[i].real, in->n);
	condenser->last_row = in->n - 1;
	all.n = in->n;
	all.t = in->t;
	weir_block_slice(&shown, &all, skip, in->n - skip);
	return weir_emit(condenser->node, &shown);
}

int weir_condenser_show_moved(struct weir_condenser *condenser, int64_t t)
{
	struct weir_block shown;

	condenser->out->t[condenser->last_row] = t;
	weir_block_slice(&shown, condenser->out, condenser->last_row, 1);
	return weir_emit(condenser->node, &shown);
}

int weir_condenser_emit(struct weir_condenser *condenser)
{
	int err = weir_emit(condenser->node, condenser->out);

	condenser->out->n = 0;
	return err;
}
