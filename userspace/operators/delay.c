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

#define DELAY_MAX (1 << 24)

struct delay {
	uint32_t n;
	bool has_begun;
	bool is_circle;
	const struct weir_binding *binding;
	uint32_t n_bindings;
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
	if (!delay->n_bindings)
		return weir_fail_arg(node, NULL,
				     "say what the circle begins with, which is also what it carries: delay 10 y=0",
				     "a delay that closes a circle needs values to begin with");
	delay->is_circle = true;
	weir_begins_with(node, delay->n);
	weir_schema_init(out, out->clock);
	for (uint32_t i = 0; i < delay->n_bindings; i++)
		if (weir_schema_add(out, delay->binding[i].name, WEIR_REAL, "", 0) < 0)
			return weir_fail_arg(node, "begin", NULL, "there cannot be a field '%s'",
					     delay->binding[i].name);
	return 0;
}

static int check_names(struct weir_node *node, const struct delay *delay, const struct weir_schema *in)
{
	for (uint32_t i = 0; i < delay->n_bindings; i++) {
		int at = weir_schema_find(in, delay->binding[i].name);

		if (at < 0)
			return weir_fail_arg(node, "begin", NULL, "unknown field '%s' in the stream that is delayed",
					     delay->binding[i].name);
		if (in->field[at].kind == WEIR_TEXT)
			return weir_fail_arg(node, "begin", NULL, "'%s' is text", delay->binding[i].name);
	}
	return 0;
}

static int delay_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct delay *delay = weir_state(node);
	int err = 0;

	weir_one_for_one(node);
	delay->n = (uint32_t)weir_arg_int(node, "records");
	delay->binding = weir_arg_bindings(node, "begin", &delay->n_bindings);
	if (in) {
		err = check_names(node, delay, in);
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

	for (uint32_t i = 0; i < delay->n_bindings && !err; i++)
		delay->from[i] = weir_schema_find(in, delay->binding[i].name);
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
	for (uint32_t i = 0; i < delay->n_bindings; i++) {
		int at = weir_schema_find(schema, delay->binding[i].name);
		double value = constant(delay->binding[i].expr);

		if (schema->field[at].kind == WEIR_REAL)
			delay->out->column[at].real[row] = value;
		else
			delay->out->column[at].integer[row] = (int64_t)value;
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
		for (uint32_t i = 0; i < delay->n_bindings; i++)
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
	{ .name = "records",
	  .style = WEIR_POSITIONAL,
	  .value = WEIR_V_INT,
	  .required = true,
	  .min = 1,
	  .max = DELAY_MAX,
	  .help = "how many records come before the stream's own" },
	{ .name = "begin",
	  .style = WEIR_POSITIONAL,
	  .value = WEIR_V_FIELDS,
	  .help = "the values of their fields, such as y = 0; zero where nothing is said" },
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
	.doc = "begin a stream with so many records before its own; closes a circle of streams",
	.operator_params = params,
	.stage = &delay_ops,
};
