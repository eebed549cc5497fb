/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Thin a stream out. By count: the first record and each Nth after it. By time: the first record, then the first that is at
 * least a span later than the last one passed. Time is the records' own, so a replay thins out as the live run did; a record
 * older than the last one passed never passes.
 */
#include "weir/keyed.h"

struct progress {
	int64_t left;   /**< by count: records to skip before the next */
	int64_t last_t; /**< by time: of the last one passed */
	bool has_passed;
};

struct every {
	struct weir_length span;
	struct progress one; /**< without `key=` */
	struct weir_keyed *keyed;
	struct weir_block *out;
	uint32_t index[WEIR_BLOCK_MAX];
};

static int every_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct every *every = weir_state(node);
	int err;

	*out = *in;
	if (every->span.n < 1)
		return weir_fail_arg(node, "span", "write a count such as 10 or a duration such as 1s",
				     "the span must be longer than nothing");
	err = weir_keyed_open(&every->keyed, node, sizeof(struct progress));
	return err ? err : weir_block_open(&every->out, weir_out(node));
}

static uint32_t pick_by_count(struct every *every, uint32_t n)
{
	uint32_t picked = 0;
	int64_t i = every->one.left;

	for (; i < n; i += every->span.n)
		every->index[picked++] = (uint32_t)i;
	every->one.left = i - n;
	return picked;
}

static bool is_due(const struct every *every, const struct progress *progress, int64_t t)
{
	/* Unsigned, since the distance of two times may not fit in a signed integer. */
	return !progress->has_passed ||
	       (t >= progress->last_t && (uint64_t)t - (uint64_t)progress->last_t >= (uint64_t)every->span.n);
}

static uint32_t pick_by_time(struct every *every, const int64_t *t, uint32_t n)
{
	uint32_t picked = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!is_due(every, &every->one, t[i]))
			continue;
		every->one.has_passed = true;
		every->one.last_t = t[i];
		every->index[picked++] = i;
	}
	return picked;
}

static bool passes_keyed(const struct every *every, struct progress *progress, int64_t t)
{
	bool passes = every->span.is_time ? is_due(every, progress, t) : !progress->left;

	if (passes) {
		progress->has_passed = true;
		progress->last_t = t;
		progress->left = every->span.n;
	}
	progress->left -= !every->span.is_time;
	return passes;
}

static uint32_t pick_keyed(struct every *every, const struct weir_block *in)
{
	uint32_t picked = 0;

	for (uint32_t i = 0; i < in->n; i++)
		if (passes_keyed(every, weir_keyed_at(every->keyed, in, i), in->t[i]))
			every->index[picked++] = i;
	return picked;
}

static uint32_t pick(struct every *every, const struct weir_block *in)
{
	if (every->keyed)
		return pick_keyed(every, in);
	return every->span.is_time ? pick_by_time(every, in->t, in->n) : pick_by_count(every, in->n);
}

static int every_push(struct weir_node *node, const struct weir_block *in)
{
	struct every *every = weir_state(node);
	uint32_t n = pick(every, in);

	every->out->n = 0;
	weir_block_gather(every->out, in, every->index, n);
	return weir_emit(node, every->out);
}

static void every_close(struct weir_node *node)
{
	struct every *every = weir_state(node);

	weir_keyed_close(every->keyed);
	weir_block_close(every->out);
}

static const struct weir_param params[] = {
	WEIR_P_SPAN("span", struct every, span, NULL,
		    "N: the 1st, (N+1)th, … record; a duration: the first record at least this time after the last",
		    .style = WEIR_POSITIONAL, .required = true),
	WEIR_KEYED_PARAMS,
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
