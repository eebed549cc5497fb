/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Choose and compute fields. A field that is merely named, and the time, keeps its kind, unit and every bit: its column is
 * the input's own. Only expressions have columns here.
 */
#include <errno.h>

#include "weir/driver.h"

struct select {
	const struct weir_binding *binding;
	struct weir_block *computed; /**< columns of the expressions; those of plain fields stay unused */
	double truth[WEIR_BLOCK_MAX];
};

static enum weir_kind kind_of(const struct weir_binding *binding, const struct weir_field *from)
{
	if (from)
		return from->kind;
	if (binding->field == WEIR_FIELD_TIME)
		return WEIR_INT;
	return weir_expr_is_bool(binding->expr) ? WEIR_BOOL : WEIR_REAL;
}

static int add_field(struct weir_node *node, const struct weir_binding *binding, const struct weir_schema *in,
		     struct weir_schema *out)
{
	const struct weir_field *from = binding->field >= 0 ? &in->field[binding->field] : NULL;
	enum weir_kind kind = kind_of(binding, from);
	int to = weir_schema_add(out, binding->name, kind, from ? from->unit : weir_expr_unit(binding->expr),
				 from ? from->bytes : 8);

	if (to == -EEXIST)
		return weir_fail_arg(node, "fields", "give each field a name of its own",
				     "select makes two fields named '%s'", binding->name);
	if (to < 0)
		return weir_fail_arg(node, "fields", "select fewer fields", "'%s' does not fit in one record",
				     binding->name);
	/* From which raw integers a value came is part of what it is: `changed` and raw() ask. */
	if (from && kind == WEIR_REAL) {
		out->field[to].scale = from->scale;
		out->field[to].offset = from->offset;
	}
	return 0;
}

static int select_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct select *select = weir_state(node);
	uint32_t n;

	select->binding = weir_arg_bindings(node, "fields", &n);
	weir_schema_init(out, in->clock);
	for (uint32_t i = 0; i < n; i++) {
		int err = add_field(node, &select->binding[i], in, out);

		if (err < 0)
			return err;
	}
	return weir_block_open(&select->computed, weir_out(node));
}

static void compute(struct select *select, uint32_t i, const struct weir_block *in, const struct weir_block *out)
{
	if (out->schema->field[i].kind == WEIR_REAL) {
		weir_expr_eval(select->binding[i].expr, in, out->column[i].real);
		return;
	}
	weir_expr_eval(select->binding[i].expr, in, select->truth);
	for (uint32_t k = 0; k < in->n; k++)
		out->column[i].integer[k] = select->truth[k] != 0;
}

static int select_push(struct weir_node *node, const struct weir_block *in)
{
	struct select *select = weir_state(node);
	struct weir_block out = *select->computed;

	out.n = in->n;
	out.t = in->t;
	for (uint32_t i = 0; i < out.schema->n_fields; i++) {
		int field = select->binding[i].field;

		if (field >= 0)
			out.column[i] = in->column[field];
		else if (field == WEIR_FIELD_TIME)
			out.column[i].integer = in->t;
		else
			compute(select, i, in, &out);
	}
	return weir_emit(node, &out);
}

static void select_close(struct weir_node *node)
{
	struct select *select = weir_state(node);

	weir_block_close(select->computed);
}

static const struct weir_param params[] = { { .name = "fields",
					      .style = WEIR_POSITIONAL,
					      .value = WEIR_V_FIELDS,
					      .required = true,
					      .help = "fields to keep and to compute: x, m = sqrt(x*x + y*y)" },
					    { 0 } };

static const struct weir_operator_ops select_ops = {
	.state_bytes = sizeof(struct select),
	.open = select_open,
	.push = select_push,
	.close = select_close,
	.is_brief = true,
};

const struct weir_driver weir_operator_select = {
	.name = "select",
	.doc = "choose fields and compute new ones",
	.operator_params = params,
	.stage = &select_ops,
};
