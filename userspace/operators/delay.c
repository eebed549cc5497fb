/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Begin a stream with so many records before its own, so that its k-th record stands beside the (k - N)-th of what it was made
 * from: what a zip with the undelayed stream needs, and what closes a circle. Records keep their times. Those at the beginning
 * have the values that were given, else zero, and the time of the first record that comes, or, in a circle, which has had no record
 * when it begins, the time zero.
 *
 * In a circle the values at the beginning also say which fields the stream has, since nothing else does as yet: they are reals, and
 * the stream that closes the circle must have them.
 */
#include "weir/tributary.h"
#include "weir/whole.h"

#define DELAY_MAX (1 << 24)

struct delay {
	uint32_t n;
	bool has_begun;
	bool is_circle;
	struct weir_bindings begin;
	int from[WEIR_FIELDS_MAX]; /**< in a circle, by field: the input's */
	struct weir_block *out;
};

static double constant(const struct weir_expr *expr)
{
	int64_t t = 0;
	struct weir_block none = { .schema = NULL, .n = 1, .t = &t };
	double value;

	weir_expr_eval(expr, &none, &value);
	return value;
}

static int open_circle(struct weir_node *node, struct delay *delay, struct weir_schema *out)
{
	if (!delay->begin.n)
		return weir_fail_arg(node, NULL,
				     "say what the circle begins with, which is also what it carries: delay 10 y=0",
				     "a delay that closes a circle needs values to begin with");
	delay->is_circle = true;
	weir_begins_with(node, delay->n);
	weir_schema_init(out, out->clock);
	for (uint32_t i = 0; i < delay->begin.n; i++)
		if (weir_schema_add(out, delay->begin.at[i].name, WEIR_REAL, "", 0) < 0)
			return weir_fail_arg(node, "begin", NULL, "there cannot be a field '%s'",
					     delay->begin.at[i].name);
	return 0;
}

static int check_names(struct weir_node *node, const struct delay *delay, const struct weir_schema *in)
{
	for (uint32_t i = 0; i < delay->begin.n; i++) {
		int at = weir_schema_find(in, delay->begin.at[i].name);

		if (at < 0)
			return weir_fail_arg(node, "begin", NULL, "unknown field '%s' in the stream that is delayed",
					     delay->begin.at[i].name);
		if (in->field[at].kind == WEIR_TEXT)
			return weir_fail_arg(node, "begin", NULL, "'%s' is text", delay->begin.at[i].name);
	}
	return 0;
}

static bool holds(const struct weir_field *field, double value)
{
	if (field->kind == WEIR_BOOL)
		return value == 0 || value == 1;
	return field->kind != WEIR_INT || (double)weir_whole(value) == value;
}

static int check_values(struct weir_node *node, const struct delay *delay, const struct weir_schema *in)
{
	for (uint32_t i = 0; i < delay->begin.n; i++) {
		const struct weir_binding *binding = &delay->begin.at[i];
		const struct weir_field *field = &in->field[weir_schema_find(in, binding->name)];

		if (!holds(field, constant(binding->expr)))
			return weir_fail_arg(node, "begin", NULL, "'%s' must begin with %s, not with %s", binding->name,
					     field->kind == WEIR_BOOL ? "0 or 1" : "a whole number",
					     weir_expr_text(binding->expr));
	}
	return 0;
}

static int delay_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct delay *delay = weir_state(node);
	int err = 0;

	weir_one_for_one(node);
	if (in) {
		err = check_names(node, delay, in);
		if (!err)
			err = check_values(node, delay, in);
		*out = *in;
	} else {
		err = open_circle(node, delay, out);
	}
	return err < 0 ? err : weir_block_open(&delay->out, weir_out(node));
}

static int delay_resolve(struct weir_node *node, const struct weir_schema *in)
{
	struct delay *delay = weir_state(node);
	int err = check_names(node, delay, in);

	for (uint32_t i = 0; i < delay->begin.n && !err; i++)
		delay->from[i] = weir_schema_find(in, delay->begin.at[i].name);
	if (!err && in->clock != weir_out(node)->clock)
		return weir_fail_arg(node, NULL, NULL, "the circle does not go by one clock");
	return err;
}

static void fill_row(struct delay *delay, uint32_t row, int64_t t)
{
	const struct weir_schema *schema = delay->out->schema;

	delay->out->t[row] = t;
	for (uint32_t i = 0; i < schema->n_fields; i++) {
		if (schema->field[i].kind == WEIR_REAL)
			delay->out->column[i].real[row] = 0;
		else
			weir_cell_clear(delay->out, i, row);
	}
	for (uint32_t i = 0; i < delay->begin.n; i++) {
		int at = weir_schema_find(schema, delay->begin.at[i].name);
		double value = constant(delay->begin.at[i].expr);

		if (schema->field[at].kind == WEIR_REAL)
			delay->out->column[at].real[row] = value;
		else
			delay->out->column[at].integer[row] = weir_whole(value);
	}
}

static int begin_at(struct weir_node *node, int64_t t)
{
	struct delay *delay = weir_state(node);
	int err = 0;

	delay->has_begun = true;
	for (uint32_t left = delay->n; left && !err; left -= delay->out->n) {
		delay->out->n = left < WEIR_BLOCK_MAX ? left : WEIR_BLOCK_MAX;
		for (uint32_t row = 0; row < delay->out->n; row++)
			fill_row(delay, row, t);
		err = weir_emit(node, delay->out);
	}
	return err;
}

static int delay_begin(struct weir_node *node)
{
	const struct delay *delay = weir_state(node);

	return delay->is_circle ? begin_at(node, 0) : 0;
}

/* Only the fields that the circle carries. */
static int pass_circle(struct weir_node *node, const struct weir_block *in)
{
	struct delay *delay = weir_state(node);

	for (uint32_t row = 0; row < in->n; row++) {
		delay->out->t[row] = in->t[row];
		for (uint32_t i = 0; i < delay->begin.n; i++)
			weir_cell_copy(delay->out, i, row, in, (uint32_t)delay->from[i], row);
	}
	delay->out->n = in->n;
	return weir_emit(node, delay->out);
}

static int delay_push(struct weir_node *node, const struct weir_block *in)
{
	const struct delay *delay = weir_state(node);
	int err = delay->has_begun ? 0 : begin_at(node, in->t[0]);

	if (err)
		return err;
	return delay->is_circle ? pass_circle(node, in) : weir_emit(node, in);
}

static void delay_close(struct weir_node *node)
{
	struct delay *delay = weir_state(node);

	weir_block_close(delay->out);
}

static const struct weir_param params[] = {
	WEIR_P_INT("records", struct delay, n, NULL, "number of records before the stream's own",
		   .style = WEIR_POSITIONAL, .required = true, .min = 1, .max = DELAY_MAX),
	WEIR_P_FIELDS("begin", struct delay, begin, "values of their fields, such as y = 0; default: zero",
		      .style = WEIR_POSITIONAL),
	{ 0 },
};

static const struct weir_operator_ops delay_ops = {
	.state_bytes = sizeof(struct delay),
	.open = delay_open,
	.resolve = delay_resolve,
	.begin = delay_begin,
	.push = delay_push,
	.close = delay_close,
};

const struct weir_driver weir_operator_delay = {
	.name = "delay",
	.doc = "a number of records before a stream's own; needed in a feedback loop",
	.operator_params = params,
	.stage = &delay_ops,
};
