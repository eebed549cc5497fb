/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pass records from the one for which a condition holds, so many in all; then wait for the next. While it captures the condition
 * starts nothing anew: each capture is whole, but for the last when the stream ends in it.
 */
#include "weir/driver.h"

struct capture {
	int64_t size;
	int64_t left; /**< records that the capture at hand still takes */
	const struct weir_expr *when;
	struct weir_block *out;
	uint8_t holds[WEIR_BLOCK_MAX];
	uint32_t index[WEIR_BLOCK_MAX];
};

static int capture_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct capture *capture = weir_state(node);

	*out = *in;
	return weir_block_open(&capture->out, weir_out(node));
}

static int capture_push(struct weir_node *node, const struct weir_block *in)
{
	struct capture *capture = weir_state(node);
	uint32_t n = 0;

	/* Always for all records: prev() and delta() want to see them. */
	weir_expr_test(capture->when, in, capture->holds);
	for (uint32_t i = 0; i < in->n; i++) {
		if (!capture->left && capture->holds[i])
			capture->left = capture->size;
		if (!capture->left)
			continue;
		capture->left--;
		capture->index[n++] = i;
	}
	capture->out->n = 0;
	weir_block_gather(capture->out, in, capture->index, n);
	return weir_emit(node, capture->out);
}

static void capture_close(struct weir_node *node)
{
	struct capture *capture = weir_state(node);

	weir_block_close(capture->out);
}

static const struct weir_param params[] = {
	WEIR_P_INT("size", struct capture, size, NULL, "records of a capture, the first included",
		   .style = WEIR_POSITIONAL, .required = true, .min = 1, .max = 1e9),
	WEIR_P_EXPR("when", struct capture, when, "condition that starts a capture", .style = WEIR_KEYWORD,
		    .required = true, .must_be_bool = true),
	{ 0 }
};

static const struct weir_operator_ops capture_ops = {
	.state_bytes = sizeof(struct capture),
	.open = capture_open,
	.push = capture_push,
	.close = capture_close,
};

const struct weir_driver weir_operator_capture = {
	.name = "capture",
	.doc = "captures: a number of records from a record for which a condition holds",
	.operator_params = params,
	.stage = &capture_ops,
};
