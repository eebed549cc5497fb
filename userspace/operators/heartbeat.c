/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Say the latest record again and again, at a steady beat: first one span after the first record, then each span after that.
 * A record of exactly a beat's time is in time for it. What the stream says between two beats is not passed on.
 *
 * Beats end when no record has come for `gap`, so that a stamp that is years ahead brings no flood. The next record begins them
 * again, at the same phase.
 */
#include "weir/watch.h"

#define BEATS_MAX 1000000 /* in a silence, unless `gap` is given */
#define GAP_NS INT64_C(3600000000000)

struct heartbeat {
	int64_t span, gap;
	bool is_beating;
	bool has_begun;
	int64_t newest;          /* time of a record */
	int64_t next;            /* beat */
	struct weir_block *last; /* one record; its time is that of the beat */
};

/* One hour; but at least one beat, and no more than a million. */
static int64_t default_gap(int64_t span)
{
	if (span > GAP_NS)
		return span;
	return span < GAP_NS / BEATS_MAX ? span * BEATS_MAX : GAP_NS;
}

static int heartbeat_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct heartbeat *heartbeat = weir_state(node);

	*out = *in;
	heartbeat->newest = INT64_MIN;
	if (heartbeat->span < 1)
		return weir_fail_arg(node, "span", "write a duration such as 10s",
				     "the span must be longer than nothing");
	if (!weir_given(node, &heartbeat->gap))
		heartbeat->gap = default_gap(heartbeat->span);
	return weir_block_open(&heartbeat->last, weir_out(node));
}

/* The first beat, or the first of the same phase that is not before the record. */
static void begin(struct weir_node *node, struct heartbeat *heartbeat, int64_t t)
{
	int64_t span = heartbeat->span;

	if (!heartbeat->has_begun) {
		heartbeat->next = weir_watch_later(t, span);
	} else if (t > heartbeat->next) {
		int64_t beyond = (int64_t)(((uint64_t)t - (uint64_t)heartbeat->next) % (uint64_t)span);

		heartbeat->next = beyond ? weir_watch_later(t, span - beyond) : t;
	}
	heartbeat->has_begun = heartbeat->is_beating = true;
	weir_tick_at(node, heartbeat->next);
}

static int heartbeat_push(struct weir_node *node, const struct weir_block *in)
{
	struct heartbeat *heartbeat = weir_state(node);
	uint32_t n = heartbeat->is_beating ? in->n : 1;

	/* Which of the others are before the first beat is known only now. */
	if (n < in->n)
		weir_took(node, n);
	for (uint32_t i = 0; i < n; i++)
		heartbeat->newest = weir_watch_now(heartbeat->newest, in->t[i]);
	if (!heartbeat->is_beating)
		begin(node, heartbeat, heartbeat->newest);
	heartbeat->last->n = 0;
	weir_block_append(heartbeat->last, in, n - 1);
	return 0;
}

static int heartbeat_tick(struct weir_node *node, int64_t now_ns)
{
	struct heartbeat *heartbeat = weir_state(node);

	heartbeat->next = weir_watch_later(now_ns, heartbeat->span);
	/* Unsigned, since the distance of two times may not fit in a signed integer. */
	if (now_ns > heartbeat->newest && (uint64_t)now_ns - (uint64_t)heartbeat->newest > (uint64_t)heartbeat->gap) {
		heartbeat->is_beating = false;
		weir_hole(node, heartbeat->gap, "no beats there");
		return 0;
	}
	weir_tick_at(node, heartbeat->next);
	heartbeat->last->t[0] = now_ns;
	return weir_emit(node, heartbeat->last);
}

static void heartbeat_close(struct weir_node *node)
{
	struct heartbeat *heartbeat = weir_state(node);

	weir_block_close(heartbeat->last);
}

static const struct weir_param params[] = {
	WEIR_P_DURATION("span", struct heartbeat, span, NULL, "period, such as 10s", .style = WEIR_POSITIONAL,
			.required = true),
	WEIR_PARAM_GAP(struct heartbeat, gap,
		       "no heartbeats when no record has come for longer than this; by default also after a million "
		       "heartbeats, "
		       "and never before "
		       "the first"),
	WEIR_PARAM_LATENESS,
	{ 0 },
};

static const struct weir_operator_ops heartbeat_ops = {
	.state_bytes = sizeof(struct heartbeat),
	.open = heartbeat_open,
	.push = heartbeat_push,
	.tick = heartbeat_tick,
	.close = heartbeat_close,
};

const struct weir_driver weir_operator_heartbeat = {
	.name = "heartbeat",
	.doc = "the latest record again at a steady period, also when nothing new comes",
	.operator_params = params,
	.stage = &heartbeat_ops,
};
