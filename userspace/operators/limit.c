/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/driver.h"

struct limit {
	uint64_t left;
};

static int limit_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	(void)node;
	*out = *in;
	return 0;
}

static int limit_push(struct weir_node *node, const struct weir_block *in)
{
	struct limit *limit = weir_state(node);
	struct weir_block first;
	int err;

	weir_block_slice(&first, in, 0, limit->left < in->n ? (uint32_t)limit->left : in->n);
	limit->left -= first.n;
	err = weir_emit(node, &first);
	return err || limit->left ? err : WEIR_ENOUGH;
}

static const struct weir_param params[] = {
	WEIR_P_INT("count", struct limit, left, NULL, "number of records; the chain ends in good order after them",
		   .style = WEIR_POSITIONAL, .required = true, .min = 0, .max = 0x1p53),
	{ 0 }
};

static const struct weir_operator_ops limit_ops = {
	.state_bytes = sizeof(struct limit),
	.open = limit_open,
	.push = limit_push,
	.is_brief = true,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_limit = {
	.name = "limit",
	.doc = "pass the first records only, then end the chain",
	.operator_params = params,
	.stage = &limit_ops,
};
