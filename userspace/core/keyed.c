/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A state for each key, in one array by slot. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"
#include "weir/keyed.h"

#define ALIGNMENT 16

struct weir_keyed {
	struct weir_node *node;
	struct weir_keys *keys;
	char *state;
	size_t stride;
	uint32_t slot; /* of the last record */
	uint32_t n_fields;
	uint32_t field[WEIR_FIELDS_MAX];
};

static int keyed_refuse_bounds(struct weir_node *node)
{
	static const char *const names[] = { "keys", "forget" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (weir_arg_given(node, names[i]))
			return weir_fail_arg(node, names[i], "as in key=id", "'%s' needs 'key'", names[i]);
	return 0;
}

int weir_keyed_open(struct weir_keyed **out, struct weir_node *node, size_t bytes)
{
	size_t stride = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct weir_keyed *keyed;
	int err;

	*out = NULL;
	if (!weir_arg_given(node, "key"))
		return keyed_refuse_bounds(node);
	err = weir_keys_check_memory(node, "key", stride);
	if (err)
		return err;
	keyed = *out = calloc(1, sizeof(*keyed));
	if (!keyed)
		return -ENOMEM;
	keyed->node = node;
	keyed->stride = stride;
	err = weir_keys_open_args(&keyed->keys, node, "key", keyed->field, &keyed->n_fields);
	if (err)
		return err;
	keyed->state = calloc(weir_is_check(node) ? 1 : (size_t)weir_arg_int(node, "keys"), stride);
	return keyed->state ? 0 : -ENOMEM;
}

void weir_keyed_close(struct weir_keyed *keyed)
{
	if (!keyed)
		return;
	weir_keys_close(keyed->keys);
	free(keyed->state);
	free(keyed);
}

void *weir_keyed_at(struct weir_keyed *keyed, const struct weir_block *in, uint32_t row)
{
	enum weir_key_is is;
	char *state;

	keyed->slot = weir_keys_find(keyed->keys, in, row, &is);
	state = keyed->state + keyed->slot * keyed->stride;
	if (is == WEIR_KEY_EVICTED)
		weir_evicted(keyed->node);
	if (is != WEIR_KEY_KNOWN)
		memset(state, 0, keyed->stride);
	return state;
}

int weir_keyed_add_fields(const struct weir_keyed *keyed, const struct weir_schema *in, struct weir_schema *out,
			  uint32_t *n)
{
	*n = 0;
	for (uint32_t k = 0; keyed && k < keyed->n_fields; k++) {
		const struct weir_field *from = &in->field[keyed->field[k]];
		int at = weir_schema_add(out, from->name, from->kind, from->unit,
					 from->kind == WEIR_TEXT ? from->bytes : 0);

		if (at < 0)
			return at;
		*n = (uint32_t)at + 1;
	}
	return 0;
}

void weir_keyed_put(const struct weir_keyed *keyed, struct weir_block *out, uint32_t row)
{
	for (uint32_t k = 0; k < keyed->n_fields; k++)
		weir_keys_put(keyed->keys, keyed->slot, k, out->column[k], row);
}
