/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sample a stream whenever another has a record: the latest record of the one, at the time of the other's. One of exactly that
 * time counts. Before the first record there is nothing to sample. With several streams the last named one triggers, and the
 * others are sampled side by side.
 */
#include "weir/tributary.h"

struct sample {
	uint32_t trigger;
	uint32_t first[WEIR_FIELDS_MAX + 1]; /**< by input: where its fields are */
	bool has[WEIR_FIELDS_MAX];
	uint32_t n_had;
	struct weir_block *latest; /**< one record */
	struct weir_block *out;
};

static int on_open(struct weir_node *node, const struct weir_tributary *in, uint32_t n, struct weir_schema *out)
{
	struct sample *sample = weir_state(node);
	int err;

	if (n > WEIR_FIELDS_MAX)
		return weir_fail_arg(node, NULL, NULL, "no record has room for %u streams", n);
	sample->trigger = n - 1;
	weir_sorts(node);
	for (uint32_t i = 0; i < n - 1; i++)
		sample->first[i + 1] = sample->first[i] + in[i].schema->n_fields;
	weir_schema_init(out, in[0].schema->clock);
	err = weir_tributaries_add(node, in, n - 1, false, out);
	if (err >= 0)
		err = weir_block_open(&sample->latest, weir_out(node));
	if (err >= 0)
		err = weir_block_open(&sample->out, weir_out(node));
	if (err >= 0)
		sample->latest->n = 1;
	return err;
}

static int on_settle(struct weir_node *node)
{
	struct sample *sample = weir_state(node);
	int err = weir_emit(node, sample->out);

	sample->out->n = 0;
	return err;
}

static int trigger(struct weir_node *node, const struct weir_block *in)
{
	struct sample *sample = weir_state(node);
	int err = 0;

	for (uint32_t i = 0; i < in->n && !err && sample->n_had == sample->trigger; i++) {
		sample->latest->t[0] = in->t[i];
		weir_block_append(sample->out, sample->latest, 0);
		if (sample->out->n == WEIR_BLOCK_MAX)
			err = on_settle(node);
	}
	return err;
}

static int on_push(struct weir_node *node, uint32_t input, const struct weir_block *in)
{
	struct sample *sample = weir_state(node);

	if (input == sample->trigger)
		return trigger(node, in);
	for (uint32_t i = sample->first[input]; i < sample->first[input + 1]; i++)
		weir_cell_copy(sample->latest, i, 0, in, i - sample->first[input], in->n - 1);
	sample->n_had += !sample->has[input];
	sample->has[input] = true;
	return 0;
}

/* Without the trigger nothing comes out any more. */
static int on_ended(struct weir_node *node, uint32_t input)
{
	const struct sample *sample = weir_state(node);

	return input == sample->trigger ? WEIR_ENOUGH : 0;
}

static void on_close(struct weir_node *node)
{
	struct sample *sample = weir_state(node);

	weir_block_close(sample->latest);
	weir_block_close(sample->out);
}

static const struct weir_param params[] = { WEIR_PARAM_LATENESS, { 0 } };

static const struct weir_combiner_ops on_ops = {
	.state_bytes = sizeof(struct sample),
	.open = on_open,
	.push = on_push,
	.settle = on_settle,
	.ended = on_ended,
	.close = on_close,
};

const struct weir_driver weir_operator_on = {
	.name = "on",
	.doc = "sample the latest record whenever another stream has one: a on b",
	.operator_params = params,
	.combiner = &on_ops,
};
