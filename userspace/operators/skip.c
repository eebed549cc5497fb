/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/driver.h"

struct skip {
	uint64_t left;
};

static int skip_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	(void)node;
	*out = *in;
	return 0;
}

static int skip_push(struct weir_node *node, const struct weir_block *in)
{
	struct skip *skip = weir_state(node);
	uint32_t n = skip->left < in->n ? (uint32_t)skip->left : in->n;
	struct weir_block rest;

	if (!n)
		return weir_emit(node, in);
	skip->left -= n;
	weir_block_slice(&rest, in, n, in->n - n);
	return weir_emit(node, &rest);
}

static const struct weir_param params[] = {
	WEIR_P_INT("count", struct skip, left, NULL, "number of records to leave out at the start",
		   .style = WEIR_POSITIONAL, .required = true, .min = 0, .max = 0x1p53),
	{ 0 }
};

static const struct weir_operator_ops skip_ops = {
	.state_bytes = sizeof(struct skip),
	.open = skip_open,
	.push = skip_push,
	.is_brief = true,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_skip = {
	.name = "skip",
	.doc = "leave out the first records",
	.operator_params = params,
	.stage = &skip_ops,
};
