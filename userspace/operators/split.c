/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One stream becomes several: `high, low = x | split v > 3`, `a, b, c = x | split kind`. A condition sends a record to the first
 * of two where it holds and to the second where it does not; a number is the index of its stream, from 0. What has no stream (an
 * index too great, not whole or NaN) is left out and counted once.
 */
#include <math.h>

#include "weir/driver.h"

struct split {
	const struct weir_expr *expr;
	bool is_bool;
	uint32_t branch, n_branches;
	struct weir_block *out;
	uint32_t index[WEIR_BLOCK_MAX];
	uint32_t cut; /* records of a block */
	double value[WEIR_BLOCK_MAX];
};

static int split_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct split *split = weir_state(node);

	*out = *in;
	split->is_bool = weir_expr_is_bool(split->expr);
	split->branch = weir_branch(node, &split->n_branches);
	if (split->is_bool && split->n_branches != 2)
		return weir_fail_arg(node, "by", "name two streams, or split by a number",
				     "a condition makes two streams and not %u", split->n_branches);
	return weir_block_open(&split->out, weir_out(node));
}

static bool has_stream(const struct split *split, double value)
{
	return value >= 0 && value < split->n_branches && value == (uint32_t)value;
}

/* What a record is worth, NaN where it is invalid. */
static void evaluate(struct split *split, const struct weir_block *in)
{
	const uint8_t *faults;

	weir_expr_eval(split->expr, in, split->value);
	faults = weir_expr_faults(split->expr);
	for (uint32_t i = 0; split->is_bool && i < in->n; i++)
		split->value[i] = faults && faults[i] & WEIR_FAULT_INVALID ? NAN : split->value[i] == 0;
	split->cut = 0;
	for (uint32_t i = 0; faults && i < in->n; i++)
		split->cut += faults[i] == WEIR_FAULT_CUT;
}

static uint32_t pick(struct weir_node *node, const struct weir_block *in)
{
	struct split *split = weir_state(node);
	uint32_t n = 0, lost = 0;

	evaluate(split, in);
	for (uint32_t i = 0; i < in->n; i++) {
		split->index[n] = i;
		n += split->value[i] == split->branch;
		lost += !has_stream(split, split->value[i]);
	}
	if (!split->branch) {
		weir_lost(node, WEIR_LOST_POISON, lost);
		weir_lost(node, WEIR_LOST_CUT, split->cut);
	}
	return n;
}

static int split_push(struct weir_node *node, const struct weir_block *in)
{
	struct split *split = weir_state(node);
	uint32_t n = pick(node, in);

	if (n == in->n)
		return weir_emit(node, in);
	split->out->n = 0;
	weir_block_gather(split->out, in, split->index, n);
	return weir_emit(node, split->out);
}

static void split_close(struct weir_node *node)
{
	struct split *split = weir_state(node);

	weir_block_close(split->out);
}

static const struct weir_param params[] = {
	WEIR_P_EXPR("by", struct split, expr, "a condition, for two streams, or the index of a record's stream, from 0",
		    .style = WEIR_POSITIONAL, .required = true),
	{ 0 },
};

static const struct weir_operator_ops split_ops = {
	.state_bytes = sizeof(struct split),
	.splits = true,
	.open = split_open,
	.push = split_push,
	.close = split_close,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_split = {
	.name = "split",
	.doc = "share a stream's records out to several: a, b = x | split v > 0",
	.operator_params = params,
	.stage = &split_ops,
};
