/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decide on or off, with hysteresis: one condition turns on, another turns off, and between the two the decision stands.
 *
 * - It starts off, as if it had been off for ever, so that min_off does not hold the first turning on.
 * - The first record gives a first decision; after it a record comes out only when the decision changes.
 * - Where both conditions hold, off wins: that is the safe side.
 * - A change that comes sooner than min_on or min_off allows is held until the first record at or after the time; if the
 *   conditions have taken it back by then, nothing happens. Time is the records' own.
 */
#include <errno.h>

#include "weir/keyed.h"

struct decision {
	int64_t since;   /**< time of the last change */
	bool wanted;     /**< what hysteresis alone would say */
	bool is_on;      /**< what has been said */
	bool has_spoken; /**< the first decision is out */
	bool has_changed;
};

struct decide {
	const struct weir_expr *on, *off;
	int64_t min_on, min_off;
	struct decision one; /**< without `key=` */
	struct weir_keyed *keyed;
	uint32_t field; /**< `on`, behind the key */
	struct weir_block *out;
	uint8_t turns_on[WEIR_BLOCK_MAX], turns_off[WEIR_BLOCK_MAX];
};

static int switch_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct decide *decide = weir_state(node);

	int err = weir_keyed_open(&decide->keyed, node, sizeof(struct decision));

	if (err)
		return err;
	weir_schema_init(out, in->clock);
	err = weir_keyed_add_fields(decide->keyed, in, out, &decide->field);
	if (!err)
		err = weir_schema_add(out, "on", WEIR_BOOL, "", 0);
	if (err == -EEXIST)
		return weir_fail_arg(node, "key", "rename that one before", "a key cannot be called 'on' here");
	if (err < 0)
		return weir_fail_arg(node, NULL, NULL, "no room for the field 'on'");
	return weir_block_open(&decide->out, weir_out(node));
}

static bool may_change(const struct decide *decide, const struct decision *last, int64_t t)
{
	int64_t least = last->is_on ? decide->min_on : decide->min_off;

	/* Unsigned, since the distance of two times may not fit in a signed integer. */
	return !last->has_changed || !least ||
	       (t >= last->since && (uint64_t)t - (uint64_t)last->since >= (uint64_t)least);
}

static void say(struct decide *decide, struct decision *last, int64_t t)
{
	struct weir_block *out = decide->out;
	uint32_t row;

	last->has_spoken = true;
	out->t[out->n] = t;
	row = weir_block_add(out);
	out->column[decide->field].integer[row] = last->is_on;
	if (decide->keyed)
		weir_keyed_put(decide->keyed, out, row);
}

static void consider(struct decide *decide, struct decision *last, int64_t t, bool turns_on, bool turns_off)
{
	last->wanted = !turns_off && (turns_on || last->wanted);
	if (last->wanted != last->is_on && may_change(decide, last, t)) {
		last->is_on = last->wanted;
		last->has_changed = true;
		last->since = t;
		say(decide, last, t);
	} else if (!last->has_spoken) {
		say(decide, last, t);
	}
}

static int switch_push(struct weir_node *node, const struct weir_block *in)
{
	struct decide *decide = weir_state(node);

	weir_expr_test(decide->on, in, decide->turns_on);
	weir_expr_test(decide->off, in, decide->turns_off);
	decide->out->n = 0;
	for (uint32_t i = 0; i < in->n; i++)
		consider(decide, decide->keyed ? weir_keyed_at(decide->keyed, in, i) : &decide->one, in->t[i],
			 decide->turns_on[i], decide->turns_off[i]);
	return weir_emit(node, decide->out);
}

static void switch_close(struct weir_node *node)
{
	struct decide *decide = weir_state(node);

	weir_keyed_close(decide->keyed);
	weir_block_close(decide->out);
}

static const struct weir_param params[] = {
	WEIR_P_EXPR("on", struct decide, on, "the condition that turns on", .style = WEIR_KEYWORD, .required = true,
		    .must_be_bool = true),
	WEIR_P_EXPR("off", struct decide, off, "the condition that turns off; it wins where both hold",
		    .style = WEIR_KEYWORD, .required = true, .must_be_bool = true),
	WEIR_P_DURATION("min_on", struct decide, min_on, "0s", "shortest time on, by the records' time"),
	WEIR_P_DURATION("min_off", struct decide, min_off, "0s", "shortest time off, by the records' time"),
	WEIR_KEYED_PARAMS,
	{ 0 }
};

static const struct weir_operator_ops switch_ops = {
	.state_bytes = sizeof(struct decide),
	.open = switch_open,
	.push = switch_push,
	.close = switch_close,
	.is_brief = true,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_switch = {
	.name = "switch",
	.doc = "decide on or off with hysteresis and least times",
	.operator_params = params,
	.stage = &switch_ops,
};
