/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pass a record when a field has moved far enough from where it was in the last record passed; the first record passes.
 *
 * Where a value came from a raw integer it is that integer which is compared, |raw - last| * scale >= by, as the kernel does
 * it: the verdict is then the same to the bit in every tier. The raw integer is found from the value and the field's scale
 * and offset; rounding takes that back exactly as long as it has no more than 50 bits, which covers every converter made.
 * Texts are compared by their bytes.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weir/driver.h"

struct changed {
	const char *name;
	int field;
	bool is_integer; /**< the column's type */
	bool has_raw;    /**< a REAL that was made from an integer */
	bool any;        /**< no `by`: whatever differs passes */
	double by, scale, offset;
	bool has_passed;
	double last; /**< of the last one passed: raw integer or value */
	char *text;  /**< its cell, where the field is a text; owned */
	struct weir_block *out;
	uint32_t index[WEIR_BLOCK_MAX];
};

static int changed_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct changed *changed = weir_state(node);
	const char *name = changed->name;
	const struct weir_field *field;

	*out = *in;
	changed->field = weir_schema_find(in, name);
	if (changed->field < 0)
		return weir_fail_arg(node, "field", NULL, "unknown field '%s' in this stream", name);
	field = &in->field[changed->field];
	if (field->kind == WEIR_TEXT && weir_arg_given(node, "by"))
		return weir_fail_arg(node, "by", "leave 'by' out", "'%s' is text, and texts have no distance", name);
	if (field->kind == WEIR_TEXT && !(changed->text = calloc(1, field->bytes)))
		return -ENOMEM;
	changed->is_integer = field->kind != WEIR_REAL;
	changed->has_raw = !changed->is_integer && (!field->is_float || field->scale != 1 || field->offset != 0);
	changed->scale = changed->has_raw ? fabs(field->scale) : 1;
	changed->offset = field->offset;
	changed->any = !weir_given(node, &changed->by);
	return weir_block_open(&changed->out, weir_out(node));
}

static double comparable(const struct changed *changed, const struct weir_block *in, uint32_t i)
{
	union weir_column column = in->column[changed->field];
	const struct weir_field *field = &in->schema->field[changed->field];

	if (changed->is_integer)
		return (double)column.integer[i];
	return changed->has_raw ? rint(column.real[i] / field->scale - changed->offset) : column.real[i];
}

static bool passes(const struct changed *changed, double value)
{
	if (!changed->has_passed)
		return true;
	/* To become unknown is a change, and so is to become known again: else one NaN would pass and then nothing. */
	if (isnan(value) || isnan(changed->last))
		return isnan(value) != isnan(changed->last);
	if (changed->any)
		return value != changed->last;
	return fabs(value - changed->last) * changed->scale >= changed->by;
}

static uint32_t pick_numbers(struct changed *changed, const struct weir_block *in)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n; i++) {
		double value = comparable(changed, in, i);

		if (!passes(changed, value))
			continue;
		changed->has_passed = true;
		changed->last = value;
		changed->index[n++] = i;
	}
	return n;
}

static uint32_t pick_texts(struct changed *changed, const struct weir_block *in)
{
	uint32_t bytes = in->schema->field[changed->field].bytes, n = 0;
	const char *cell = in->column[changed->field].text;

	for (uint32_t i = 0; i < in->n; i++, cell += bytes) {
		if (changed->has_passed && !strcmp(cell, changed->text))
			continue;
		changed->has_passed = true;
		memcpy(changed->text, cell, bytes);
		changed->index[n++] = i;
	}
	return n;
}

static int changed_push(struct weir_node *node, const struct weir_block *in)
{
	struct changed *changed = weir_state(node);
	uint32_t n = changed->text ? pick_texts(changed, in) : pick_numbers(changed, in);

	changed->out->n = 0;
	weir_block_gather(changed->out, in, changed->index, n);
	return weir_emit(node, changed->out);
}

static void changed_close(struct weir_node *node)
{
	struct changed *changed = weir_state(node);

	weir_block_close(changed->out);
	free(changed->text);
}

static const struct weir_param params[] = {
	WEIR_P_TEXT("field", struct changed, name, NULL, "the field to watch", .style = WEIR_POSITIONAL,
		    .required = true),
	WEIR_P_REAL("by", struct changed, by, NULL,
		    "least distance from the last record passed, in the field's unit; default: any other value",
		    .style = WEIR_KEYWORD, .min = 0, .max = 1e300),
	{ 0 }
};

static const struct weir_operator_ops changed_ops = {
	.state_bytes = sizeof(struct changed),
	.open = changed_open,
	.push = changed_push,
	.close = changed_close,
	.is_brief = true,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_changed = {
	.name = "changed",
	.doc = "pass a record when a field has changed enough",
	.operator_params = params,
	.stage = &changed_ops,
};
