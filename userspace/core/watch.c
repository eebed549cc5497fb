/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/watch.h"

#include <math.h>

static int find_only(struct weir_node *node, const struct weir_schema *in)
{
	int only = -1;

	for (uint32_t i = 0; i < in->n_fields; i++) {
		if (in->field[i].kind == WEIR_TEXT)
			continue;
		if (only >= 0)
			return weir_fail_arg(node, NULL, "name the field to watch", "'%s' or '%s' could be meant",
					     in->field[only].name, in->field[i].name);
		only = (int)i;
	}
	return only < 0 ? weir_fail_arg(node, NULL, NULL, "this stream has no field that could be watched") : only;
}

int weir_watch_find(struct weir_node *node, const char *name, const struct weir_schema *in)
{
	int field;

	if (!name)
		return find_only(node, in);
	field = weir_schema_find(in, name);
	if (field < 0)
		return weir_fail_arg(node, "field", NULL, "unknown field '%s' in this stream", name);
	if (in->field[field].kind == WEIR_TEXT)
		return weir_fail_arg(node, "field", "name a field that is a number", "'%s' is text", name);
	return field;
}

double weir_watch_value(const struct weir_block *block, uint32_t field, uint32_t row)
{
	union weir_column column = block->column[field];

	return block->schema->field[field].kind == WEIR_REAL ? column.real[row] : (double)column.integer[row];
}

bool weir_watch_same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

int64_t weir_watch_later(int64_t t, int64_t span)
{
	int64_t later;

	return __builtin_add_overflow(t, span, &later) ? INT64_MAX : later;
}
