/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/keyed.h"

struct skip {
	uint64_t left;
	struct weir_keyed *keyed; /* of uint64_t: records of the key that were left out */
	struct weir_block *out;
	uint32_t index[WEIR_BLOCK_MAX];
};

static int skip_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct skip *skip = weir_state(node);
	int err = weir_keyed_open(&skip->keyed, node, sizeof(uint64_t));

	*out = *in;
	return err || !skip->keyed ? err : weir_block_open(&skip->out, weir_out(node));
}

static int skip_push_keyed(struct weir_node *node, struct skip *skip, const struct weir_block *in)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n; i++) {
		uint64_t *skipped = weir_keyed_at(skip->keyed, in, i);

		if (*skipped < skip->left)
			++*skipped;
		else
			skip->index[n++] = i;
	}
	skip->out->n = 0;
	weir_block_gather(skip->out, in, skip->index, n);
	return weir_emit(node, skip->out);
}

static int skip_push(struct weir_node *node, const struct weir_block *in)
{
	struct skip *skip = weir_state(node);
	uint32_t n = skip->left < in->n ? (uint32_t)skip->left : in->n;
	struct weir_block rest;

	if (skip->keyed)
		return skip_push_keyed(node, skip, in);
	if (!n)
		return weir_emit(node, in);
	skip->left -= n;
	weir_block_slice(&rest, in, n, in->n - n);
	return weir_emit(node, &rest);
}

static void skip_close(struct weir_node *node)
{
	struct skip *skip = weir_state(node);

	weir_keyed_close(skip->keyed);
	weir_block_close(skip->out);
}

static const struct weir_param params[] = {
	WEIR_P_INT("count", struct skip, left, NULL, "number of records to leave out at the start",
		   .style = WEIR_POSITIONAL, .required = true, .min = 0, .max = 0x1p53),
	WEIR_KEYED_PARAMS,
	{ 0 }
};

static const struct weir_operator_ops skip_ops = {
	.state_bytes = sizeof(struct skip),
	.open = skip_open,
	.push = skip_push,
	.close = skip_close,
	.is_brief = true,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_skip = {
	.name = "skip",
	.doc = "leave out the first records",
	.operator_params = params,
	.stage = &skip_ops,
};
