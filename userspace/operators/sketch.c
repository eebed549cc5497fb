/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be known of the values of one field, text or numbers, in a little memory that never grows.
 *
 * - `heavy`: the most frequent values. Records: `rank`, the value, `count` (at least so often), `error` (at most so many more).
 * - `distinct`: how many different values. Records: `records`, `distinct`.
 * - `reservoir`: `n` records, each as likely as any other to be among them (algorithm R; Vitter 1985), in their order. The
 *   records are the input's.
 * - `bloom`: every record passes, with `seen`: has its value been there before? No is certain.
 * - `count`: every record passes, with `count`: how often its value has come so far. Never too low.
 *
 * The first three speak at the end of the stream and, with `every`, after every so many records. All NaN are one value, and so
 * are 0 and -0.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <stdio.h>

#include "weir/channels.h"
#include "weir/random.h"
#include "weir/sketches.h"

enum kind { HEAVY, DISTINCT, RESERVOIR, BLOOM, COUNT };

struct sketch {
	const char *field_name;
	uint32_t top, bits;
	uint64_t capacity;
	double error;
	enum kind kind;
	struct weir_field field; /**< of the input; its name is empty for a reservoir */
	uint32_t column;
	uint64_t every, records; /**< every: 0 means only at the end */
	int64_t last_t;
	bool is_fresh; /**< there are records that have not been spoken of */
	struct weir_heavy *heavy;
	struct weir_distinct *distinct;
	struct weir_bloom *bloom;
	struct weir_tally *tally;
	uint32_t n; /**< reservoir: records to keep; heavy: counters */
	uint64_t random;
	uint64_t *number; /**< reservoir: by place, the record's number */
	uint32_t *order;  /**< reservoir: places in the order of the numbers */
	struct weir_block *kept;
	struct weir_block *out;
};

/* ------------------------------------------------------------------- schemas */

static int add(struct weir_node *node, struct weir_schema *out, const char *name, enum weir_kind kind, uint32_t bytes)
{
	int to = weir_schema_add(out, name, kind, "", bytes);
	char hint[128];

	snprintf(hint, sizeof(hint), "give that one another name before: … | rename first = %s | sketch …", name);
	if (to == -EEXIST)
		return weir_fail_arg(node, "field", hint, "this stage makes a field '%s', and there is one already",
				     name);
	return to < 0 ? weir_fail_arg(node, "field", NULL, "'%s' does not fit in one record: %s", name,
				      weir_schema_limit(out->n_fields, strlen(name)))
		      : 0;
}

static int make_schema(struct weir_node *node, const struct sketch *sketch, const struct weir_schema *in,
		       struct weir_schema *out)
{
	bool passes = sketch->kind != HEAVY && sketch->kind != DISTINCT;
	int err;

	weir_schema_init(out, in->clock);
	for (uint32_t i = 0; passes && i < in->n_fields; i++)
		if (weir_schema_pass(out, &in->field[i]) < 0)
			return weir_fail_arg(node, NULL, NULL, "'%s' does not fit in one record: %s", in->field[i].name,
					     weir_schema_limit(out->n_fields, strlen(in->field[i].name)));
	switch (sketch->kind) {
	case HEAVY:
		err = add(node, out, "rank", WEIR_INT, 0);
		if (!err)
			err = add(node, out, sketch->field.name, sketch->field.kind, sketch->field.bytes);
		if (!err)
			err = add(node, out, "count", WEIR_INT, 0);
		return err ? err : add(node, out, "error", WEIR_INT, 0);
	case DISTINCT:
		err = add(node, out, "records", WEIR_INT, 0);
		return err ? err : add(node, out, "distinct", WEIR_REAL, 0);
	case BLOOM:
		return add(node, out, "seen", WEIR_BOOL, 0);
	case COUNT:
		return add(node, out, "count", WEIR_INT, 0);
	case RESERVOIR:
		break;
	}
	return 0;
}

/* --------------------------------------------------------------------- open */

static int find_field(struct weir_node *node, struct sketch *sketch, const struct weir_schema *in)
{
	const char *name = sketch->field_name;
	int field = name ? weir_schema_find(in, name) : 0;

	if (sketch->kind == RESERVOIR)
		return name ? weir_fail_arg(node, "field", NULL, "a reservoir keeps whole records") : 0;
	if (!name && in->n_fields != 1)
		return weir_fail_arg(node, NULL, "as in sketch heavy word", "of which field?");
	if (field < 0)
		return weir_fail_arg(node, "field", NULL, "unknown field '%s' in this stream", name);
	sketch->column = (uint32_t)field;
	sketch->field = in->field[field];
	return 0;
}

static int open_reservoir(struct weir_node *node, struct sketch *sketch)
{
	if (sketch->n > WEIR_BLOCK_MAX)
		return weir_fail_arg(node, "n", NULL, "a reservoir keeps at most %u records", WEIR_BLOCK_MAX);
	sketch->number = malloc(sketch->n * sizeof(*sketch->number));
	sketch->order = malloc(sketch->n * sizeof(*sketch->order));
	return sketch->number && sketch->order ? weir_block_open(&sketch->kept, weir_out(node)) : -ENOMEM;
}

static int open_kind(struct weir_node *node, struct sketch *sketch)
{
	bool is_text = sketch->field.kind == WEIR_TEXT;

	switch (sketch->kind) {
	case HEAVY:
		return weir_heavy_open(&sketch->heavy, sketch->n, is_text ? sketch->field.bytes : 8);
	case DISTINCT:
		return weir_distinct_open(&sketch->distinct, sketch->bits);
	case RESERVOIR:
		return open_reservoir(node, sketch);
	case BLOOM:
		return weir_bloom_open(&sketch->bloom, sketch->capacity, sketch->error);
	case COUNT:
		return weir_tally_open(&sketch->tally, sketch->error, 0.01);
	}
	return -EINVAL;
}

static int sketch_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct sketch *sketch = weir_state(node);
	int err;

	/* A sample is of records as they were. */
	if (sketch->kind == RESERVOIR)
		weir_lags(node, INT64_MAX);
	err = find_field(node, sketch, in);
	if (!err)
		err = make_schema(node, sketch, in, out);
	if (!err)
		err = open_kind(node, sketch);
	return err ? err : weir_block_open(&sketch->out, weir_out(node));
}

static void sketch_close(struct weir_node *node)
{
	struct sketch *sketch = weir_state(node);

	weir_heavy_close(sketch->heavy);
	weir_distinct_close(sketch->distinct);
	weir_bloom_close(sketch->bloom);
	weir_tally_close(sketch->tally);
	weir_block_close(sketch->kept);
	weir_block_close(sketch->out);
	free(sketch->number);
	free(sketch->order);
}

/* -------------------------------------------------------------------- values */

/* One form for values that are the same. */
static double canonical(double x)
{
	return isnan(x) ? NAN : x + 0.0;
}

static uint64_t hash_of(const struct sketch *sketch, const struct weir_block *in, uint32_t i)
{
	union weir_column column = in->column[sketch->column];
	const char *cell;
	double real;

	switch (sketch->field.kind) {
	case WEIR_REAL:
		real = canonical(column.real[i]);
		return weir_hash(&real, sizeof(real));
	case WEIR_TEXT:
		cell = column.text + (size_t)i * sketch->field.bytes;
		return weir_hash(cell, strnlen(cell, sketch->field.bytes));
	default:
		return weir_hash(&column.integer[i], sizeof(column.integer[i]));
	}
}

static void count_value(struct sketch *sketch, const struct weir_block *in, uint32_t i)
{
	union weir_column column = in->column[sketch->column];
	double real;

	if (sketch->field.kind == WEIR_TEXT) {
		weir_heavy_add(sketch->heavy, column.text + (size_t)i * sketch->field.bytes);
	} else if (sketch->field.kind == WEIR_REAL) {
		real = canonical(column.real[i]);
		weir_heavy_add(sketch->heavy, (const char *)&real);
	} else {
		weir_heavy_add(sketch->heavy, (const char *)&column.integer[i]);
	}
}

/* Record number k, counted from 1, takes a place with the probability n / k: that of a random one. */
static void sample(struct sketch *sketch, const struct weir_block *in, uint32_t i)
{
	struct weir_block at;
	uint64_t place = sketch->records - 1;

	if (sketch->records > sketch->n)
		place = weir_random_below(&sketch->random, sketch->records);
	if (place >= sketch->n)
		return;
	sketch->number[place] = sketch->records;
	weir_block_slice(&at, sketch->kept, (uint32_t)place, 0);
	at.max = 1;
	weir_block_append(&at, in, i);
	if (sketch->kept->n <= place)
		sketch->kept->n = (uint32_t)place + 1;
}

/* -------------------------------------------------------------------- output */

static int show_heavy(struct weir_node *node, struct sketch *sketch)
{
	struct weir_block *out = sketch->out;
	const struct weir_heavy_item *item;
	uint32_t n = weir_heavy_list(sketch->heavy, &item), top = sketch->top;
	size_t bytes = sketch->field.kind == WEIR_TEXT ? sketch->field.bytes : 8;

	for (uint32_t i = 0; i < n && i < top; i++) {
		weir_block_add(out);
		out->t[i] = sketch->last_t;
		out->column[0].integer[i] = i + 1;
		memcpy(out->column[1].text + i * bytes, item[i].key, bytes);
		out->column[2].integer[i] = (int64_t)item[i].count;
		out->column[3].integer[i] = (int64_t)weir_heavy_error(sketch->heavy);
	}
	return weir_emit(node, out);
}

static int show_distinct(struct weir_node *node, struct sketch *sketch)
{
	struct weir_block *out = sketch->out;

	out->t[0] = sketch->last_t;
	out->column[0].integer[0] = (int64_t)sketch->records;
	out->column[1].real[0] = weir_distinct_estimate(sketch->distinct);
	out->n = 1;
	return weir_emit(node, out);
}

static int by_number(const void *a, const void *b, void *number)
{
	uint64_t x = ((uint64_t *)number)[*(const uint32_t *)a], y = ((uint64_t *)number)[*(const uint32_t *)b];

	return (x > y) - (x < y);
}

static int show_reservoir(struct weir_node *node, struct sketch *sketch)
{
	for (uint32_t i = 0; i < sketch->kept->n; i++)
		sketch->order[i] = i;
	qsort_r(sketch->order, sketch->kept->n, sizeof(*sketch->order), by_number, sketch->number);
	weir_block_gather(sketch->out, sketch->kept, sketch->order, sketch->kept->n);
	return weir_emit(node, sketch->out);
}

static int show(struct weir_node *node, struct sketch *sketch)
{
	sketch->is_fresh = false;
	sketch->out->n = 0;
	switch (sketch->kind) {
	case HEAVY:
		return show_heavy(node, sketch);
	case DISTINCT:
		return show_distinct(node, sketch);
	case RESERVOIR:
		return show_reservoir(node, sketch);
	default:
		return 0;
	}
}

/* --------------------------------------------------------------------- push */

static void take(struct sketch *sketch, const struct weir_block *in, uint32_t i)
{
	sketch->records++;
	sketch->is_fresh = true;
	sketch->last_t = in->t[i];
	if (sketch->kind == HEAVY)
		count_value(sketch, in, i);
	else if (sketch->kind == DISTINCT)
		weir_distinct_add(sketch->distinct, hash_of(sketch, in, i));
	else
		sample(sketch, in, i);
}

/* bloom and count: the records, and one field more. */
static int mark(struct weir_node *node, struct sketch *sketch, const struct weir_block *in)
{
	uint32_t own = in->schema->n_fields;
	struct weir_block out = *in;

	out.schema = weir_out(node);
	out.column[own] = sketch->out->column[own];
	for (uint32_t i = 0; i < in->n; i++) {
		uint64_t hash = hash_of(sketch, in, i);

		out.column[own].integer[i] = sketch->kind == BLOOM ? weir_bloom_add(sketch->bloom, hash)
								   : (int64_t)weir_tally_add(sketch->tally, hash);
	}
	return weir_emit(node, &out);
}

static int sketch_push(struct weir_node *node, const struct weir_block *in)
{
	struct sketch *sketch = weir_state(node);

	if (sketch->kind == BLOOM || sketch->kind == COUNT)
		return mark(node, sketch, in);
	for (uint32_t i = 0; i < in->n; i++) {
		int err = 0;

		take(sketch, in, i);
		if (sketch->every && sketch->records % sketch->every == 0)
			err = show(node, sketch);
		if (err)
			return err;
	}
	return 0;
}

static int sketch_flush(struct weir_node *node)
{
	struct sketch *sketch = weir_state(node);

	sketch->last_t = weir_time_at_end(node, sketch->last_t);
	return sketch->is_fresh ? show(node, sketch) : 0;
}

/* ------------------------------------------------------------------- driver */

static const char *const kinds[] = { "heavy", "distinct", "reservoir", "bloom", "count", NULL };

static const struct weir_param params[] = {
	WEIR_P_WORD("kind", struct sketch, kind, NULL, kinds, "kind of sketch", .style = WEIR_POSITIONAL,
		    .required = true),
	WEIR_P_TEXT("field", struct sketch, field_name, NULL, "field; not needed with a single field",
		    .style = WEIR_POSITIONAL),
	WEIR_P_INT("n", struct sketch, n, "100",
		   "heavy: counters, a value more frequent than 1 in n is never missed; reservoir: records to keep",
		   .min = 1, .max = 1 << 20),
	WEIR_P_INT("top", struct sketch, top, "10", "heavy: number of values to report", .min = 1,
		   .max = WEIR_BLOCK_MAX),
	WEIR_P_INT("every", struct sketch, every, NULL,
		   "heavy, distinct, reservoir: records between two reports; default: one report at the end", .min = 1,
		   .max = 1e15),
	WEIR_P_INT("bits", struct sketch, bits, "14",
		   "distinct: 2^bits bytes of memory; 14 makes a standard error of 0.8 %", .min = 4, .max = 18),
	WEIR_P_INT("capacity", struct sketch, capacity, "1000000", "bloom: different values for which error holds",
		   .min = 1, .max = 1e10),
	WEIR_P_REAL("error", struct sketch, error, "0.001",
		    "bloom: share of wrong yes; count: by which share of all records a count may be too high",
		    .min = 1e-7, .max = 0.5),
	WEIR_P_INT("seed", struct sketch, random, "1", "reservoir: the same seed keeps the same records"),
	{ 0 },
};

static const struct weir_operator_ops sketch_ops = {
	.state_bytes = sizeof(struct sketch),
	.open = sketch_open,
	.push = sketch_push,
	.flush = sketch_flush,
	.close = sketch_close,
};

const struct weir_driver weir_operator_sketch = {
	.name = "sketch",
	.doc = "statistics of many values in little memory: frequent, distinct, seen before, a sample",
	.operator_params = params,
	.stage = &sketch_ops,
};
