/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Let a changing field come to rest. A record comes out for each change that counts; the first record does, at once.
 *
 * - hold: a change counts when the new value has stood for the span without another in between; the record is the newest with
 *   that value, its time is when the span was over. `on` and `off` are other spans for values that are true and false: with
 *   one of them 0 that side is not delayed.
 * - first: a change counts at once, and then nothing does until the span is over; if the value is another one by then, that is
 *   the next change.
 *
 * A record at the very end of the span still comes in time. At the end of the stream a change that has not stood for its span
 * does not count; what `first` has not yet told does.
 */
#include "weir/watch.h"

struct debounce {
	const char *field_name;
	int64_t both, span[2]; /* of values that are false, true */
	enum { HOLD, FIRST } mode;
	uint32_t field;
	bool has_begun;
	double accepted;
	bool is_waiting; /* hold: a change is on trial; first: changes do not count */
	double candidate;
	int64_t due, now;
	struct weir_block *newest; /* hold: with the candidate; first: of all */
	struct weir_block *out;
};

static int debounce_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct debounce *debounce = weir_state(node);
	int field = weir_watch_find(node, debounce->field_name, in), err;

	*out = *in;
	if (field < 0)
		return field;
	debounce->field = (uint32_t)field;
	debounce->now = INT64_MIN;
	for (int value = false; value <= true; value++)
		if (!weir_given(node, &debounce->span[value]))
			debounce->span[value] = debounce->both;
	err = weir_block_open(&debounce->newest, weir_out(node));
	return err < 0 ? err : weir_block_open(&debounce->out, weir_out(node));
}

static void keep(struct debounce *debounce, const struct weir_block *in, uint32_t i)
{
	debounce->newest->n = 0;
	weir_block_append(debounce->newest, in, i);
}

static void wait(struct weir_node *node, struct debounce *debounce, double value)
{
	debounce->due = weir_watch_later(debounce->now, debounce->span[value != 0]);
	debounce->is_waiting = debounce->due > debounce->now;
	weir_tick_at(node, debounce->is_waiting ? debounce->due : INT64_MAX);
}

static void stop_waiting(struct weir_node *node, struct debounce *debounce)
{
	debounce->is_waiting = false;
	weir_tick_at(node, INT64_MAX);
}

static void accept(struct debounce *debounce, const struct weir_block *in, uint32_t i, double value)
{
	debounce->accepted = value;
	weir_block_append(debounce->out, in, i);
}

static void hold(struct weir_node *node, struct debounce *debounce, const struct weir_block *in, uint32_t i,
		 double value)
{
	if (weir_watch_same(value, debounce->accepted)) {
		stop_waiting(node, debounce);
		return;
	}
	keep(debounce, in, i);
	if (debounce->is_waiting && weir_watch_same(value, debounce->candidate))
		return;
	debounce->candidate = value;
	wait(node, debounce, value);
	if (!debounce->is_waiting)
		accept(debounce, in, i, value);
}

static void settle(struct weir_node *node, struct debounce *debounce, const struct weir_block *in, uint32_t i,
		   double value)
{
	keep(debounce, in, i);
	debounce->candidate = value;
	if (debounce->is_waiting || weir_watch_same(value, debounce->accepted))
		return;
	accept(debounce, in, i, value);
	wait(node, debounce, value);
}

static void consider(struct weir_node *node, struct debounce *debounce, const struct weir_block *in, uint32_t i)
{
	double value = weir_watch_value(in, debounce->field, i);

	debounce->now = weir_watch_now(debounce->now, in->t[i]);
	if (!debounce->has_begun) {
		debounce->has_begun = true;
		accept(debounce, in, i, value);
		return;
	}
	if (debounce->mode == HOLD)
		hold(node, debounce, in, i, value);
	else
		settle(node, debounce, in, i, value);
}

static int debounce_push(struct weir_node *node, const struct weir_block *in)
{
	struct debounce *debounce = weir_state(node);

	debounce->out->n = 0;
	for (uint32_t i = 0; i < in->n; i++) {
		consider(node, debounce, in, i);
		if (debounce->is_waiting && i + 1 < in->n && in->t[i + 1] > debounce->due) {
			weir_took(node, i + 1);
			break;
		}
	}
	return weir_emit(node, debounce->out);
}

static int emit_newest(struct weir_node *node, struct debounce *debounce, int64_t t)
{
	debounce->accepted = debounce->candidate;
	debounce->newest->t[0] = t;
	return weir_emit(node, debounce->newest);
}

static int debounce_tick(struct weir_node *node, int64_t now_ns)
{
	struct debounce *debounce = weir_state(node);

	debounce->is_waiting = false;
	debounce->now = now_ns;
	if (weir_watch_same(debounce->candidate, debounce->accepted))
		return 0;
	if (debounce->mode == FIRST)
		wait(node, debounce, debounce->candidate);
	return emit_newest(node, debounce, now_ns);
}

static int debounce_flush(struct weir_node *node)
{
	struct debounce *debounce = weir_state(node);

	if (debounce->mode == HOLD || !debounce->is_waiting || weir_watch_same(debounce->candidate, debounce->accepted))
		return 0;
	return emit_newest(node, debounce, weir_time_at_end(node, debounce->newest->t[0]));
}

static void debounce_close(struct weir_node *node)
{
	struct debounce *debounce = weir_state(node);

	weir_block_close(debounce->out);
	weir_block_close(debounce->newest);
}

static const char *const modes[] = { [HOLD] = "hold", [FIRST] = "first", NULL };

static const struct weir_param params[] = {
	WEIR_P_DURATION("span", struct debounce, both, NULL, "time for which a value must be stable",
			.style = WEIR_POSITIONAL, .required = true),
	WEIR_WATCH_PARAM(struct debounce, field_name),
	WEIR_P_DURATION("on", struct debounce, span[true], NULL, "the same for values that are true"),
	WEIR_P_DURATION("off", struct debounce, span[false], NULL, "the same for values that are false"),
	WEIR_P_WORD("mode", struct debounce, mode, "hold", modes,
		    "hold: a change counts when it is stable; first: at once, and then none until the time is over"),
	WEIR_PARAM_LATENESS,
	{ 0 }
};

static const struct weir_operator_ops debounce_ops = {
	.state_bytes = sizeof(struct debounce),
	.open = debounce_open,
	.push = debounce_push,
	.tick = debounce_tick,
	.flush = debounce_flush,
	.close = debounce_close,
	.is_brief = true,
};

const struct weir_driver weir_operator_debounce = {
	.name = "debounce",
	.doc = "changes of a field that are stable for a time",
	.operator_params = params,
	.stage = &debounce_ops,
};
