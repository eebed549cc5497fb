/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The records of several streams in the order of their times, those of equal time in the order in which the streams are named.
 * A record has the fields of all; what its own stream does not have is missing: NaN, or an empty text.
 */
#include <string.h>

#include "weir/tributary.h"

#define NOWHERE UINT32_MAX

struct merge {
	const char *tag_name;
	uint32_t n;
	int tag; /**< the field with the stream's name, or -1 */
	struct weir_block *out;
	char names[WEIR_FIELDS_MAX][WEIR_NAME_MAX];
	uint32_t from[WEIR_FIELDS_MAX]
		     [WEIR_FIELDS_MAX]; /**< by input, then by field of the output: the input's field */
};

/* The kind that a field of all streams with that name has; -1: they cannot agree. */
static int common_kind(const struct weir_tributary *in, uint32_t n, const char *name, uint32_t *bytes)
{
	int kind = -1;
	bool missing = false;

	*bytes = 0;
	for (uint32_t i = 0; i < n; i++) {
		int at = weir_schema_find(in[i].schema, name);
		const struct weir_field *field = &in[i].schema->field[at < 0 ? 0 : at];

		missing |= at < 0;
		if (at < 0)
			continue;
		if (kind >= 0 && (kind == WEIR_TEXT) != (field->kind == WEIR_TEXT))
			return -1;
		if (kind >= 0 && kind != (int)field->kind)
			kind = WEIR_REAL;
		else
			kind = (int)field->kind;
		if (field->bytes > *bytes)
			*bytes = field->bytes;
	}
	return missing && kind != WEIR_TEXT ? WEIR_REAL : kind;
}

static int add_field(struct weir_node *node, const struct weir_tributary *in, uint32_t n,
		     const struct weir_field *field, struct weir_schema *out)
{
	uint32_t bytes;
	int kind = common_kind(in, n, field->name, &bytes);

	if (weir_schema_find(out, field->name) >= 0)
		return 0;
	if (kind < 0)
		return weir_fail_arg(node, NULL, "rename one of them before",
				     "'%s' is text in one stream and a number in another", field->name);
	if (weir_schema_add(out, field->name, (enum weir_kind)kind, field->unit, bytes) < 0)
		return weir_fail_arg(node, NULL, "select fewer fields before", "'%s' does not fit in one record: %s",
				     field->name, weir_schema_limit(out->n_fields, strlen(field->name)));
	return 0;
}

static int add_tag(struct weir_node *node, struct merge *merge, struct weir_schema *out)
{
	const char *name = merge->tag_name;

	merge->tag = name ? weir_schema_add(out, name, WEIR_TEXT, "", WEIR_NAME_MAX) : -1;
	if (name && merge->tag < 0)
		return weir_fail_arg(node, "tag", "choose another name",
				     "there cannot be a field '%s' for the stream's name", name);
	return 0;
}

static void map_fields(struct merge *merge, const struct weir_tributary *in, const struct weir_schema *out)
{
	for (uint32_t i = 0; i < merge->n; i++) {
		strncpy(merge->names[i], in[i].name, WEIR_NAME_MAX - 1);
		for (uint32_t k = 0; k < out->n_fields; k++) {
			int at = weir_schema_find(in[i].schema, out->field[k].name);

			merge->from[i][k] = at < 0 ? NOWHERE : (uint32_t)at;
		}
	}
}

static int merge_open(struct weir_node *node, const struct weir_tributary *in, uint32_t n, struct weir_schema *out)
{
	struct merge *merge = weir_state(node);
	int err = 0;

	merge->n = n;
	weir_sorts(node);
	weir_schema_init(out, in[0].schema->clock);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < in[i].schema->n_fields && !err; k++)
			err = add_field(node, in, n, &in[i].schema->field[k], out);
	if (!err)
		err = add_tag(node, merge, out);
	if (err < 0)
		return err;
	map_fields(merge, in, out);
	return weir_block_open(&merge->out, weir_out(node));
}

static void append(struct merge *merge, uint32_t input, const struct weir_block *in, uint32_t row)
{
	struct weir_block *out = merge->out;
	uint32_t at = weir_block_add(out);

	out->t[at] = in->t[row];
	for (uint32_t k = 0; k < out->schema->n_fields; k++) {
		if (merge->from[input][k] != NOWHERE)
			weir_cell_copy(out, k, at, in, merge->from[input][k], row);
		else
			weir_cell_clear(out, k, at);
	}
	if (merge->tag >= 0)
		memcpy(out->column[merge->tag].text + (size_t)at * WEIR_NAME_MAX, merge->names[input], WEIR_NAME_MAX);
}

static int merge_settle(struct weir_node *node)
{
	struct merge *merge = weir_state(node);
	int err = weir_emit(node, merge->out);

	merge->out->n = 0;
	return err;
}

static int merge_push(struct weir_node *node, uint32_t input, const struct weir_block *in)
{
	struct merge *merge = weir_state(node);
	int err = 0;

	for (uint32_t row = 0; row < in->n && !err; row++) {
		append(merge, input, in, row);
		if (merge->out->n == WEIR_BLOCK_MAX)
			err = merge_settle(node);
	}
	return err;
}

static void merge_close(struct weir_node *node)
{
	struct merge *merge = weir_state(node);

	weir_block_close(merge->out);
}

static const struct weir_param params[] = {
	WEIR_P_TEXT("tag", struct merge, tag_name, NULL, "name of a field for the stream of each record"),
	WEIR_PARAM_LATENESS,
	{ 0 },
};

static const struct weir_combiner_ops merge_ops = {
	.state_bytes = sizeof(struct merge),
	.open = merge_open,
	.push = merge_push,
	.settle = merge_settle,
	.close = merge_close,
};

const struct weir_driver weir_operator_merge = {
	.name = "merge",
	.doc = "one stream from several, in the order of their times",
	.operator_params = params,
	.combiner = &merge_ops,
};
