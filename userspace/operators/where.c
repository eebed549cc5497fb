/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pass the records for which a condition holds. A block that passes whole goes on as it is, without a copy.
 */
#include "weir/driver.h"

struct where {
	const struct weir_expr *condition;
	struct weir_block *out;
	uint8_t passes[WEIR_BLOCK_MAX];
	uint32_t index[WEIR_BLOCK_MAX];
};

static int where_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct where *where = weir_state(node);

	*out = *in;
	return weir_block_open(&where->out, weir_out(node));
}

static int where_push(struct weir_node *node, const struct weir_block *in)
{
	struct where *where = weir_state(node);
	uint32_t n = 0;

	weir_expr_test(where->condition, in, where->passes);
	/* Stored always and counted if it passes: no branch that noise in the signal could make unpredictable. */
	for (uint32_t i = 0; i < in->n; i++) {
		where->index[n] = i;
		n += where->passes[i];
	}
	if (n == in->n)
		return weir_emit(node, in);
	where->out->n = 0;
	weir_block_gather(where->out, in, where->index, n);
	return weir_emit(node, where->out);
}

static void where_close(struct weir_node *node)
{
	struct where *where = weir_state(node);

	weir_block_close(where->out);
}

static const struct weir_param params[] = {
	WEIR_P_EXPR("condition", struct where, condition,
		    "expression such as x > 3 and y != 0; a comparison with NaN does not hold",
		    .style = WEIR_POSITIONAL, .required = true, .must_be_bool = true),
	{ 0 }
};

static const struct weir_operator_ops where_ops = {
	.state_bytes = sizeof(struct where),
	.open = where_open,
	.push = where_push,
	.close = where_close,
	.is_brief = true,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_where = {
	.name = "where",
	.doc = "pass the records for which a condition holds",
	.operator_params = params,
	.stage = &where_ops,
};
