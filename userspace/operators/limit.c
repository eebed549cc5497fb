/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/keyed.h"

struct limit {
	uint64_t left;
	struct weir_keyed *keyed; /* of uint64_t: records of the key that passed */
	struct weir_block *out;
	uint32_t index[WEIR_BLOCK_MAX];
};

static int limit_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct limit *limit = weir_state(node);
	int err = weir_keyed_open(&limit->keyed, node, sizeof(uint64_t));

	*out = *in;
	return err || !limit->keyed ? err : weir_block_open(&limit->out, weir_out(node));
}

/* Other keys may still come: this never has enough. */
static int limit_push_keyed(struct weir_node *node, struct limit *limit, const struct weir_block *in)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n; i++) {
		uint64_t *passed = weir_keyed_at(limit->keyed, in, i);

		if (*passed >= limit->left)
			continue;
		++*passed;
		limit->index[n++] = i;
	}
	limit->out->n = 0;
	weir_block_gather(limit->out, in, limit->index, n);
	return weir_emit(node, limit->out);
}

static int limit_push(struct weir_node *node, const struct weir_block *in)
{
	struct limit *limit = weir_state(node);
	struct weir_block first;
	int err;

	if (limit->keyed)
		return limit_push_keyed(node, limit, in);
	weir_block_slice(&first, in, 0, limit->left < in->n ? (uint32_t)limit->left : in->n);
	limit->left -= first.n;
	err = weir_emit(node, &first);
	return err || limit->left ? err : WEIR_ENOUGH;
}

static void limit_close(struct weir_node *node)
{
	struct limit *limit = weir_state(node);

	weir_keyed_close(limit->keyed);
	weir_block_close(limit->out);
}

static const struct weir_param params[] = {
	WEIR_P_INT("count", struct limit, left, NULL, "number of records; the chain ends in good order after them",
		   .style = WEIR_POSITIONAL, .required = true, .min = 0, .max = 0x1p53),
	WEIR_KEYED_PARAMS,
	{ 0 }
};

static const struct weir_operator_ops limit_ops = {
	.state_bytes = sizeof(struct limit),
	.open = limit_open,
	.push = limit_push,
	.close = limit_close,
	.is_brief = true,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_limit = {
	.name = "limit",
	.doc = "pass the first records only, then end the chain",
	.operator_params = params,
	.stage = &limit_ops,
};
