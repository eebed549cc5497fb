/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of keys that the arguments of an operator ask for. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/internal.h"
#include "weir/keys.h"

#define TABLE_BYTES 96 /* of weir_keys for each key, at most, without the key itself */

static int key_fields_add(struct weir_node *node, const char *parameter, const struct weir_binding *binding,
			  uint32_t *field, uint32_t n)
{
	if (binding->field < 0 || strcmp(weir_in(node)->field[binding->field].name, binding->name))
		return weir_fail_arg(node, parameter, "compute it before: … | select …, id = EXPR | …",
				     "a key is a field of the record; '%s' is computed", binding->name);
	for (uint32_t i = 0; i < n; i++)
		if (field[i] == (uint32_t)binding->field)
			return weir_fail_arg(node, parameter, NULL, "'%s' is named twice", binding->name);
	field[n] = (uint32_t)binding->field;
	return 0;
}

static uint64_t key_fields_bytes(const struct weir_node *node, const char *parameter)
{
	uint32_t n;
	const struct weir_binding *binding = weir_arg_bindings(node, parameter, &n);
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++)
		if (binding[i].field >= 0)
			bytes += weir_in(node)->field[binding[i].field].bytes + 8;
	return bytes;
}

/* Linux grants memory that the machine does not have, and would kill the run later. */
int weir_keys_check_memory(struct weir_node *node, const char *parameter, size_t state_bytes)
{
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t each = state_bytes + TABLE_BYTES + key_fields_bytes(node, parameter);
	int64_t keys = weir_arg_int(node, "keys");

	if (weir_is_check(node) || (uint64_t)keys <= machine / each)
		return 0;
	return weir_fail_arg(node, "keys", "a smaller keys=", "%lld keys need more memory than this machine has",
			     (long long)keys);
}

int weir_keys_open_args(struct weir_keys **out, struct weir_node *node, const char *parameter, uint32_t *field,
			uint32_t *n)
{
	uint32_t n_bindings, max = weir_is_check(node) ? 1 : (uint32_t)weir_arg_int(node, "keys");
	const struct weir_binding *binding = weir_arg_bindings(node, parameter, &n_bindings);
	int64_t forget_ns = weir_arg_given(node, "forget") ? weir_arg_int(node, "forget") : INT64_MAX;
	int err = 0;

	if (n_bindings > WEIR_FIELDS_MAX)
		return weir_fail_arg(node, parameter, NULL, "more than %d fields", WEIR_FIELDS_MAX);
	for (*n = 0; *n < n_bindings && !err; ++*n)
		err = key_fields_add(node, parameter, &binding[*n], field, *n);
	if (!err)
		err = weir_keys_check_memory(node, parameter, 0);
	if (err)
		return err;
	err = weir_keys_open(out, weir_in(node), field, *n, max, forget_ns);
	if (err)
		return weir_fail_arg(node, "keys", "a smaller keys=", "no memory for %u keys", max);
	return 0;
}

void weir_evicted(struct weir_node *node)
{
	atomic_fetch_add_explicit(&node->evicted, 1, memory_order_relaxed);
}
