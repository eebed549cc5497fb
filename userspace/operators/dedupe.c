/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Drop repeats: of the records with one value in the named fields, the first passes, and the next that is more than `within` later
 * than the last passed. So a value that repeats without end comes out once in that time, and is not silent for ever. A record that is
 * older than the last passed of its value came late, and never passes.
 */
#include <errno.h>
#include <stdlib.h>

#include "weir/keys.h"

struct dedupe {
	struct weir_bindings fields;
	int64_t within; /* INT64_MAX: for as long as the key is known */
	struct weir_keys *keys;
	int64_t *passed; /* by slot: time of the last that passed */
	struct weir_block *out;
	uint32_t index[WEIR_BLOCK_MAX];
};

static int dedupe_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct dedupe *dedupe = weir_state(node);
	uint32_t field[WEIR_FIELDS_MAX], n;
	int err = weir_keys_open_args(&dedupe->keys, node, "fields", field, &n);

	*out = *in;
	if (err)
		return err;
	if (!weir_given(node, &dedupe->within))
		dedupe->within = INT64_MAX;
	dedupe->passed = calloc((size_t)weir_arg_int(node, "keys"), sizeof(*dedupe->passed));
	return dedupe->passed ? weir_block_open(&dedupe->out, weir_out(node)) : -ENOMEM;
}

static bool is_repeat(const struct dedupe *dedupe, int64_t passed, int64_t t)
{
	/* Unsigned, since the distance of two times may not fit in a signed integer. */
	return t < passed || (uint64_t)t - (uint64_t)passed <= (uint64_t)dedupe->within;
}

static int dedupe_push(struct weir_node *node, const struct weir_block *in)
{
	struct dedupe *dedupe = weir_state(node);
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n; i++) {
		enum weir_key_is is;
		uint32_t slot = weir_keys_find(dedupe->keys, in, i, &is);

		if (is == WEIR_KEY_EVICTED)
			weir_evicted(node);
		if (is == WEIR_KEY_KNOWN && is_repeat(dedupe, dedupe->passed[slot], in->t[i]))
			continue;
		dedupe->passed[slot] = in->t[i];
		dedupe->index[n++] = i;
	}
	if (n == in->n)
		return weir_emit(node, in);
	dedupe->out->n = 0;
	weir_block_gather(dedupe->out, in, dedupe->index, n);
	return weir_emit(node, dedupe->out);
}

static void dedupe_close(struct weir_node *node)
{
	struct dedupe *dedupe = weir_state(node);

	weir_keys_close(dedupe->keys);
	weir_block_close(dedupe->out);
	free(dedupe->passed);
}

static const struct weir_param params[] = {
	WEIR_P_FIELDS("fields", struct dedupe, fields, "fields that together identify a record",
		      .style = WEIR_POSITIONAL, .required = true, .takes_text = true),
	WEIR_P_DURATION("within", struct dedupe, within, NULL,
			"time after a record in which others with its values are dropped; default: no bound", .min = 0,
			.max = 1e9),
	WEIR_KEYS_BOUND_PARAMS,
	{ 0 }
};

static const struct weir_operator_ops dedupe_ops = {
	.state_bytes = sizeof(struct dedupe),
	.open = dedupe_open,
	.push = dedupe_push,
	.close = dedupe_close,
	.is_brief = true,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_dedupe = {
	.name = "dedupe",
	.doc = "drop records whose values were there a short time ago",
	.operator_params = params,
	.stage = &dedupe_ops,
};
