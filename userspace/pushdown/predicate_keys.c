/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "pushdown/predicate.h"

int weir_keys_append(struct weir_keys *keys, uint64_t key, bool inside)
{
	if (!key) {
		*keys = (struct weir_keys){ .starts_inside = inside };
		return 0;
	}
	if (inside == (keys->starts_inside != keys->n % 2))
		return 0;
	if (keys->n == WEIR_EDGES_MAX)
		return -E2BIG;
	keys->edge[keys->n++] = key;
	return 0;
}

int weir_keys_combine(struct weir_keys *out, const struct weir_keys *a, const struct weir_keys *b, bool both)
{
	bool in_a = a->starts_inside, in_b = b->starts_inside;
	uint64_t key = 0;

	for (uint32_t i = 0, j = 0;;) {
		int err = weir_keys_append(out, key, both ? in_a && in_b : in_a || in_b);

		if (err || (i == a->n && j == b->n))
			return err;
		key = j == b->n || (i < a->n && a->edge[i] < b->edge[j]) ? a->edge[i] : b->edge[j];
		for (; i < a->n && a->edge[i] == key; i++)
			in_a = !in_a;
		for (; j < b->n && b->edge[j] == key; j++)
			in_b = !in_b;
	}
}
