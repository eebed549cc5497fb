/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Thin a stream out. By count: the first record and each Nth after it. By time: the first record, then the first that is at
 * least a span later than the last one passed. Time is the records' own, so a replay thins out as the live run did; a record
 * older than the last one passed never passes.
 */
#include "weir/driver.h"

struct every {
	struct weir_length span;
	bool has_passed;
	int64_t left;   /**< by count: records to skip before the next */
	int64_t last_t; /**< by time: of the last one passed */
	struct weir_block *out;
	uint32_t index[WEIR_BLOCK_MAX];
};

static int every_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct every *every = weir_state(node);

	*out = *in;
	if (every->span.n < 1)
		return weir_fail_arg(node, "span", "write a count such as 10 or a duration such as 1s",
				     "the span must be longer than nothing");
	return weir_block_open(&every->out, weir_out(node));
}

static uint32_t pick_by_count(struct every *every, uint32_t n)
{
	uint32_t picked = 0;
	int64_t i = every->left;

	for (; i < n; i += every->span.n)
		every->index[picked++] = (uint32_t)i;
	every->left = i - n;
	return picked;
}

static bool is_due(const struct every *every, int64_t t)
{
	/* Unsigned, since the distance of two times may not fit in a signed integer. */
	return !every->has_passed ||
	       (t >= every->last_t && (uint64_t)t - (uint64_t)every->last_t >= (uint64_t)every->span.n);
}

static uint32_t pick_by_time(struct every *every, const int64_t *t, uint32_t n)
{
	uint32_t picked = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!is_due(every, t[i]))
			continue;
		every->has_passed = true;
		every->last_t = t[i];
		every->index[picked++] = i;
	}
	return picked;
}

static int every_push(struct weir_node *node, const struct weir_block *in)
{
	struct every *every = weir_state(node);
	uint32_t n = every->span.is_time ? pick_by_time(every, in->t, in->n) : pick_by_count(every, in->n);

	every->out->n = 0;
	weir_block_gather(every->out, in, every->index, n);
	return weir_emit(node, every->out);
}

static void every_close(struct weir_node *node)
{
	struct every *every = weir_state(node);

	weir_block_close(every->out);
}

static const struct weir_param params[] = {
	WEIR_P_SPAN("span", struct every, span, NULL,
		    "N: the 1st, (N+1)th, … record; a duration: the first record at least this time after the last",
		    .style = WEIR_POSITIONAL, .required = true),
	{ 0 }
};

static const struct weir_operator_ops every_ops = {
	.state_bytes = sizeof(struct every),
	.open = every_open,
	.push = every_push,
	.close = every_close,
	.is_brief = true,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_every = {
	.name = "every",
	.doc = "thin a stream out by count or by time",
	.operator_params = params,
	.stage = &every_ops,
};
