/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fields of a stream become streams of their own: `x, y = pairs | unzip a, b`. Each keeps the records' times. A field that is
 * passed on as it is is not copied.
 */
#include <string.h>

#include "weir/driver.h"

struct unzip {
	struct weir_bindings fields;
	const struct weir_binding *binding;
	struct weir_block *out; /**< for what is computed */
};

static int add_field(struct weir_node *node, const struct weir_binding *binding, const struct weir_schema *in,
		     struct weir_schema *out)
{
	bool is_plain = binding->field >= 0;
	const struct weir_field *field = &in->field[is_plain ? binding->field : 0];
	int at = weir_schema_add(out, binding->name, is_plain ? field->kind : WEIR_REAL,
				 is_plain ? field->unit : weir_expr_unit(binding->expr), field->bytes);

	if (at < 0)
		return weir_fail_arg(node, "fields", NULL, "'%s' does not fit in one record: %s", binding->name,
				     weir_schema_limit(out->n_fields, strlen(binding->name)));
	if (is_plain) {
		out->field[at].scale = field->scale;
		out->field[at].offset = field->offset;
	}
	return 0;
}

static int unzip_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct unzip *unzip = weir_state(node);
	uint32_t n = unzip->fields.n, n_branches, branch = weir_branch(node, &n_branches);
	const struct weir_binding *bindings = unzip->fields.at;
	int err;

	if (n != n_branches)
		return weir_fail_arg(node, "fields", "one field for each name", "%u field%s for %u streams", n,
				     n == 1 ? "" : "s", n_branches);
	unzip->binding = &bindings[branch];
	weir_schema_init(out, in->clock);
	err = add_field(node, unzip->binding, in, out);
	return err < 0 ? err : weir_block_open(&unzip->out, weir_out(node));
}

static int unzip_push(struct weir_node *node, const struct weir_block *in)
{
	struct unzip *unzip = weir_state(node);
	struct weir_block out = { .schema = weir_out(node), .n = in->n, .t = in->t };

	if (unzip->binding->field >= 0) {
		out.column[0] = in->column[unzip->binding->field];
	} else {
		weir_expr_eval(unzip->binding->expr, in, unzip->out->column[0].real);
		out.column[0] = unzip->out->column[0];
	}
	return weir_emit(node, &out);
}

static void unzip_close(struct weir_node *node)
{
	struct unzip *unzip = weir_state(node);

	weir_block_close(unzip->out);
}

static const struct weir_param params[] = {
	WEIR_P_FIELDS("fields", struct unzip, fields, "one for each of the streams that are named, in their order",
		      .style = WEIR_POSITIONAL, .required = true),
	{ 0 },
};

static const struct weir_operator_ops unzip_ops = {
	.state_bytes = sizeof(struct unzip),
	.splits = true,
	.open = unzip_open,
	.push = unzip_push,
	.close = unzip_close,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_unzip = {
	.name = "unzip",
	.doc = "make a stream of each of several fields: a, b = x | unzip u, v",
	.operator_params = params,
	.stage = &unzip_ops,
};
