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

#include "weir/keyed.h"

/* Of the last record passed; zero before the first. */
struct passed {
	double last; /**< raw integer or value */
	bool has_passed;
	char text[]; /**< its cell, where the field is a text */
};

struct changed {
	const char *name;
	int field;
	bool is_integer; /**< the column's type */
	bool has_raw;    /**< a REAL that was made from an integer */
	bool any;        /**< no `by`: whatever differs passes */
	double by, scale, offset;
	bool is_text;
	struct passed *passed; /**< without `key=`; owned */
	struct weir_keyed *keyed;
	struct weir_block *out;
	uint32_t index[WEIR_BLOCK_MAX];
};

static int changed_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct changed *changed = weir_state(node);
	const char *name = changed->name;
	const struct weir_field *field;
	size_t bytes;
	int err;

	*out = *in;
	changed->field = weir_schema_find(in, name);
	if (changed->field < 0)
		return weir_fail_arg(node, "field", NULL, "unknown field '%s' in this stream", name);
	field = &in->field[changed->field];
	if (field->kind == WEIR_TEXT && weir_arg_given(node, "by"))
		return weir_fail_arg(node, "by", "leave 'by' out", "'%s' is text, and texts have no distance", name);
	changed->is_text = field->kind == WEIR_TEXT;
	bytes = sizeof(struct passed) + (changed->is_text ? field->bytes : 0);
	changed->passed = calloc(1, bytes);
	if (!changed->passed)
		return -ENOMEM;
	err = weir_keyed_open(&changed->keyed, node, bytes);
	if (err)
		return err;
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

static bool passes(const struct changed *changed, const struct passed *passed, double value)
{
	if (!passed->has_passed)
		return true;
	/* To become unknown is a change, and so is to become known again: else one NaN would pass and then nothing. */
	if (isnan(value) || isnan(passed->last))
		return isnan(value) != isnan(passed->last);
	if (changed->any)
		return value != passed->last;
	return fabs(value - passed->last) * changed->scale >= changed->by;
}

/* The records of [from, to) that pass are appended to `n` others. Returns how many there are then. */
static uint32_t pick_numbers(struct changed *changed, struct passed *passed, const struct weir_block *in, uint32_t from,
			     uint32_t to, uint32_t n)
{
	for (uint32_t i = from; i < to; i++) {
		double value = comparable(changed, in, i);

		if (!passes(changed, passed, value))
			continue;
		passed->has_passed = true;
		passed->last = value;
		changed->index[n++] = i;
	}
	return n;
}

static uint32_t pick_texts(struct changed *changed, struct passed *passed, const struct weir_block *in, uint32_t from,
			   uint32_t to, uint32_t n)
{
	uint32_t bytes = in->schema->field[changed->field].bytes;
	const char *cell = in->column[changed->field].text + (size_t)from * bytes;

	for (uint32_t i = from; i < to; i++, cell += bytes) {
		if (passed->has_passed && !strcmp(cell, passed->text))
			continue;
		passed->has_passed = true;
		memcpy(passed->text, cell, bytes);
		changed->index[n++] = i;
	}
	return n;
}

static uint32_t pick(struct changed *changed, struct passed *passed, const struct weir_block *in, uint32_t from,
		     uint32_t to, uint32_t n)
{
	return changed->is_text ? pick_texts(changed, passed, in, from, to, n)
				: pick_numbers(changed, passed, in, from, to, n);
}

static uint32_t pick_keyed(struct changed *changed, const struct weir_block *in)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n; i++)
		n = pick(changed, weir_keyed_at(changed->keyed, in, i), in, i, i + 1, n);
	return n;
}

static int changed_push(struct weir_node *node, const struct weir_block *in)
{
	struct changed *changed = weir_state(node);
	uint32_t n = changed->keyed ? pick_keyed(changed, in) : pick(changed, changed->passed, in, 0, in->n, 0);

	changed->out->n = 0;
	weir_block_gather(changed->out, in, changed->index, n);
	return weir_emit(node, changed->out);
}

static void changed_close(struct weir_node *node)
{
	struct changed *changed = weir_state(node);

	weir_block_close(changed->out);
	weir_keyed_close(changed->keyed);
	free(changed->passed);
}

static const struct weir_param params[] = {
	WEIR_P_TEXT("field", struct changed, name, NULL, "the field to watch", .style = WEIR_POSITIONAL,
		    .required = true),
	WEIR_P_REAL("by", struct changed, by, NULL,
		    "least distance from the last record passed, in the field's unit; default: any other value",
		    .style = WEIR_KEYWORD, .min = 0, .max = 1e300),
	WEIR_KEYED_PARAMS,
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
