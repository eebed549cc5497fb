/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"

static struct top_spark *spark_find(const struct top *top, int node, const char *field)
{
	for (size_t i = 0; i < top->n_sparks; i++)
		if (top->spark[i].node == node && !strcmp(top->spark[i].field, field))
			return &top->spark[i];
	return NULL;
}

static struct top_spark *spark_make(struct top *top, int node, const char *field)
{
	struct top_spark *all = realloc(top->spark, (top->n_sparks + 1) * sizeof(*all));

	if (!all)
		return NULL;
	top->spark = all;
	all = &top->spark[top->n_sparks++];
	*all = (struct top_spark){ .node = node };
	snprintf(all->field, sizeof(all->field), "%s", field);
	return all;
}

static void spark_add_node(struct top *top, const json_t *node)
{
	int id = (int)json_integer_value(json_object_get(node, "id"));
	const json_t *field;
	size_t i;

	json_array_foreach(json_object_get(node, "fields"), i, field)
	{
		const json_t *value = json_object_get(field, "value");
		const char *name = json_string_value(json_object_get(field, "name"));
		struct top_spark *spark = name ? spark_find(top, id, name) : NULL;

		if (!name || !(json_is_number(value) || json_is_boolean(value)))
			continue;
		if (!spark)
			spark = spark_make(top, id, name);
		if (spark)
			spark->value[spark->n++ % TOP_POINTS] = json_is_boolean(value) ? json_is_true(value)
										       : json_number_value(value);
	}
}

void top_spark_add(struct top *top, const json_t *pipeline)
{
	const json_t *node;
	size_t i;

	json_array_foreach(json_object_get(pipeline, "nodes"), i, node) spark_add_node(top, node);
}

void top_spark_text(const struct top *top, int node, const char *field, char *out, size_t bytes)
{
	static const char *const fine[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const plain[] = { "_", ".", "-", "=", "+", "*", "%", "#" };
	const struct top_spark *spark = spark_find(top, node, field);
	unsigned long n = spark ? spark->n < TOP_POINTS ? spark->n : TOP_POINTS : 0;
	double low = INFINITY, high = -INFINITY;
	size_t at = 0;

	*out = '\0';
	for (unsigned long i = 0; i < n; i++) {
		low = fmin(low, spark->value[i]);
		high = fmax(high, spark->value[i]);
	}
	for (unsigned long i = 0; n > 1 && i < n && at + 4 < bytes; i++) {
		double value = spark->value[(spark->n - n + i) % TOP_POINTS];
		int level = high > low ? (int)((value - low) / (high - low) * 7.999) : 0;

		at += (size_t)snprintf(out + at, bytes - at, "%s", (top->is_plain ? plain : fine)[level]);
	}
}

void top_spark_close(struct top *top)
{
	free(top->spark);
	top->spark = NULL;
	top->n_sparks = 0;
}
