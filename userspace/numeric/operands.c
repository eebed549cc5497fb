/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/operands.h"

/** Columns have room for WEIR_BLOCK_MAX. */
struct operand {
	const struct weir_binding *binding;
	enum weir_function function;
	const double *x, *y; /**< of the block, wherever they are */
	const char *cells;
	double *first, *second; /**< values of the expressions */
	double *share, *ns;     /**< of functions with a carry */
	char *written;          /**< cells of a text expression */
	uint32_t bytes;         /**< of a cell */
	struct weir_carry carry;
	double *kept_x, *kept_y; /**< what is left without NaN */
	int64_t *kept_t;
};

struct weir_operands {
	struct weir_leaving leaving;
	double *row; /**< 0, 1, 2 …: the numbers of cells */
	struct weir_values *values;
	uint32_t n;
	struct operand at[];
};

/* --------------------------------------------------------------------- open */

static bool has_carry(enum weir_function function)
{
	return function == WEIR_INTEGRAL || function == WEIR_TMEAN || function == WEIR_INCREASE ||
	       function == WEIR_RATE || function == WEIR_CROSSINGS;
}

static bool is_weighted(enum weir_function function)
{
	return function == WEIR_TMEAN || function == WEIR_RATE;
}

static bool operands_column(double **column, bool is_needed)
{
	*column = is_needed ? malloc(WEIR_BLOCK_MAX * sizeof(**column)) : NULL;
	return *column || !is_needed;
}

static bool open_text(struct operand *operand)
{
	operand->bytes = weir_expr_text_bytes(operand->binding->expr);
	operand->written = calloc(WEIR_BLOCK_MAX, operand->bytes);
	return operand->written;
}

static bool open_operand(struct operand *operand, const struct weir_binding *binding, bool skips)
{
	bool is_text = binding->expr && weir_expr_is_text(binding->expr);

	operand->binding = binding;
	operand->function = (enum weir_function)binding->function;
	if (operand->function == WEIR_COUNT && binding->expr)
		operand->function = WEIR_COUNT_IF;
	if (skips) {
		operand->kept_t = malloc(WEIR_BLOCK_MAX * sizeof(*operand->kept_t));
		if (!operand->kept_t)
			return false;
	}
	return operands_column(&operand->first, binding->expr && !is_text) &&
	       operands_column(&operand->second, binding->second) &&
	       operands_column(&operand->share, has_carry(operand->function)) &&
	       operands_column(&operand->ns, is_weighted(operand->function)) &&
	       operands_column(&operand->kept_x, skips) && operands_column(&operand->kept_y, skips) &&
	       (!is_text || open_text(operand));
}

int weir_operands_open(struct weir_operands **out, const struct weir_bindings *aggregates,
		       const struct weir_leaving *leaving)
{
	struct weir_operands *operands = calloc(1, sizeof(*operands) + aggregates->n * sizeof(*operands->at));
	bool good = operands;

	*out = operands;
	if (!operands)
		return -ENOMEM;
	operands->leaving = *leaving;
	operands->n = aggregates->n;
	operands->values = calloc(aggregates->n, sizeof(*operands->values));
	good = operands->values && operands_column(&operands->row, true);
	for (uint32_t i = 0; i < aggregates->n && good; i++)
		good = open_operand(&operands->at[i], &aggregates->at[i], leaving->skips_nan);
	for (uint32_t i = 0; i < WEIR_BLOCK_MAX && good; i++)
		operands->row[i] = i;
	if (good)
		return 0;
	weir_operands_close(operands);
	*out = NULL;
	return -ENOMEM;
}

void weir_operands_close(struct weir_operands *operands)
{
	if (!operands)
		return;
	for (uint32_t i = 0; i < operands->n; i++) {
		struct operand *operand = &operands->at[i];

		free(operand->first);
		free(operand->second);
		free(operand->share);
		free(operand->ns);
		free(operand->written);
		free(operand->kept_t);
		free(operand->kept_x);
		free(operand->kept_y);
	}
	free(operands->values);
	free(operands->row);
	free(operands);
}

enum weir_function weir_operands_function(const struct weir_operands *operands, uint32_t i)
{
	return operands->at[i].function;
}

/* --------------------------------------------------------------------- look */

static void look_at_text(struct operand *operand, const struct weir_block *in, const double *row)
{
	weir_expr_write(operand->binding->expr, in, operand->written, operand->bytes);
	operand->cells = operand->written;
	operand->x = row;
}

static void look_at_numbers(struct operand *operand, const struct weir_block *in)
{
	const struct weir_binding *binding = operand->binding;

	operand->x = operand->first;
	if (binding->field >= 0 && in->schema->field[binding->field].kind == WEIR_REAL)
		operand->x = in->column[binding->field].real;
	else if (binding->expr)
		weir_expr_eval(binding->expr, in, operand->first);
}

void weir_operands_look(struct weir_operands *operands, const struct weir_block *in)
{
	for (uint32_t i = 0; i < operands->n; i++) {
		struct operand *operand = &operands->at[i];

		if (operand->written)
			look_at_text(operand, in, operands->row);
		else
			look_at_numbers(operand, in);
		if (operand->second)
			weir_expr_eval(operand->binding->second, in, operand->second);
		operand->y = operand->second;
		if (!operand->share)
			continue;
		weir_carry_on(operand->function, &operand->carry, &operands->leaving, in->t, operand->x, operand->share,
			      operand->ns, in->n);
		operand->x = operand->share;
		operand->y = operand->ns;
	}
}

const double *weir_operands_column(const struct weir_operands *operands, uint32_t i)
{
	return operands->at[i].x;
}

/* --------------------------------------------------------------------- take */

static bool has_nan(const double *x, uint32_t n)
{
	bool any = false;

	for (uint32_t i = 0; i < n && x; i++)
		any |= x[i] != x[i];
	return any;
}

/* A share is NaN only with a NaN beside it, or where infinities cancel. */
static void skip_nan(struct operand *operand, struct weir_values *values)
{
	uint32_t n = 0;

	if (!has_nan(values->x, values->n) && !has_nan(values->y, values->n))
		return;
	for (uint32_t i = 0; i < values->n; i++) {
		if (values->x[i] != values->x[i] || (values->y && values->y[i] != values->y[i]))
			continue;
		operand->kept_t[n] = values->t[i];
		operand->kept_x[n] = values->x[i];
		if (values->y)
			operand->kept_y[n] = values->y[i];
		n++;
	}
	values->t = operand->kept_t;
	values->x = operand->kept_x;
	values->y = values->y ? operand->kept_y : NULL;
	values->n = n;
}

const struct weir_values *weir_operands_take(struct weir_operands *operands, const struct weir_block *in, uint32_t from,
					     uint32_t n)
{
	for (uint32_t i = 0; i < operands->n; i++) {
		struct operand *operand = &operands->at[i];

		operands->values[i] = (struct weir_values){
			.t = in->t + from,
			.x = operand->x ? operand->x + from : NULL,
			.y = operand->y ? operand->y + from : NULL,
			.cells = operand->cells,
			.n = n,
		};
		if (operands->leaving.skips_nan && operand->x)
			skip_nan(operand, &operands->values[i]);
	}
	return operands->values;
}
