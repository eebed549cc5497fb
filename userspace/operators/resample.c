/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Put a stream on an even raster: one record at the first record's time and one each 1 / rate after it, to the nanosecond,
 * however uneven the records come. Every field is resampled.
 *
 * - `linear` draws a line between the records on both sides: numbers become REAL, truth values and text are those of the
 *   earlier record. A NaN spoils what lies beside it and nothing more.
 * - `last` holds each record until the next, and changes no value.
 *
 * A record of the raster comes out once what decides it is there, none comes after the last record's time, and none within a
 * silence longer than `gap`; the raster itself goes on through it. A record that is no later than the one before is counted as
 * poison and left out.
 */
#include <errno.h>
#include <string.h>

#include "weir/channels.h"
#include "weir/raster.h"

#define DISTANCE_MAX (UINT64_MAX / 8) /* 73 years of ns from the first record: what is further out is a mistake */
#define SECOND_NS UINT64_C(1000000000)

/* A record: row i of a block. */
struct place {
	const struct weir_block *block;
	uint32_t i;
};

struct resample {
	struct weir_raster raster;
	bool linear, has_begun;
	uint64_t gap;
	int64_t origin, last_t; /**< times of the first record and of the newest */
	uint64_t k;             /**< number of the next record of the raster */
	struct place newest;
	struct weir_block *held; /**< the newest record, between two blocks */
	struct weir_block *out;
};

/* --------------------------------------------------------------------- open */

static int add_field(struct weir_node *node, const struct weir_field *from, bool linear, struct weir_schema *out)
{
	bool is_line = linear && (from->kind == WEIR_REAL || from->kind == WEIR_INT);
	/* From which raw integers a value came says nothing of values in between. */
	int to = is_line ? weir_schema_add(out, from->name, WEIR_REAL, from->unit, 0) : weir_schema_pass(out, from);

	return to < 0 ? weir_fail_arg(node, NULL, NULL, "'%s' does not fit in one record", from->name) : 0;
}

static int resample_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct resample *resample = weir_state(node);
	int err = 0;

	resample->linear = weir_arg_int(node, "method") == 0;
	resample->raster = weir_raster_of(weir_arg_real(node, "rate"));
	resample->gap = (uint64_t)weir_arg_int(node, "gap");
	/* What lies between two records comes out with the second. */
	weir_lags(node, weir_arg_int(node, "gap"));
	weir_schema_init(out, in->clock);
	for (uint32_t i = 0; i < in->n_fields && !err; i++)
		err = add_field(node, &in->field[i], resample->linear, out);
	if (!err)
		err = weir_block_open(&resample->held, weir_in(node));
	return err ? err : weir_block_open(&resample->out, weir_out(node));
}

static void resample_close(struct weir_node *node)
{
	struct resample *resample = weir_state(node);

	weir_block_close(resample->held);
	weir_block_close(resample->out);
}

/* ------------------------------------------------------------------- raster */

static uint64_t distance(int64_t from, int64_t to)
{
	/* Unsigned, since the distance of two times may not fit in a signed integer. */
	return (uint64_t)to - (uint64_t)from;
}

/* From the first record to the next one of the raster. */
static uint64_t next_distance(const struct resample *resample)
{
	return (uint64_t)weir_raster_at(&resample->raster, resample->k);
}

/* Go to the first record of the raster that is not before a distance. */
static void skip_to(struct resample *resample, uint64_t to)
{
	uint64_t hz = resample->raster.hz;
	uint64_t k = hz ? to / SECOND_NS * hz + to % SECOND_NS * hz / SECOND_NS
			: to / (uint64_t)resample->raster.period_ns;

	if (k > resample->k)
		resample->k = k;
	while (next_distance(resample) < to)
		resample->k++;
}

/* ------------------------------------------------------------------- values */

static double number(struct place place, uint32_t field)
{
	union weir_column column = place.block->column[field];

	return place.block->schema->field[field].kind == WEIR_REAL ? column.real[place.i]
								   : (double)column.integer[place.i];
}

static void copy_cell(struct weir_block *out, struct place from, uint32_t field)
{
	size_t bytes = out->schema->field[field].kind == WEIR_TEXT ? out->schema->field[field].bytes : 8;

	memcpy(out->column[field].text + out->n * bytes, from.block->column[field].text + from.i * bytes, bytes);
}

/* A record at `share` of the way from a to b; b is not looked at where that is 0. */
static void interpolate(const struct resample *resample, struct place a, struct place b, double share)
{
	struct weir_block *out = resample->out;

	for (uint32_t i = 0; i < out->schema->n_fields; i++) {
		bool is_line = resample->linear && out->schema->field[i].kind == WEIR_REAL;

		if (!is_line)
			copy_cell(out, a, i);
		else if (share == 0)
			out->column[i].real[out->n] = number(a, i);
		else
			out->column[i].real[out->n] = (1 - share) * number(a, i) + share * number(b, i);
	}
}

static int emit(struct weir_node *node, struct resample *resample)
{
	int err = weir_emit(node, resample->out);

	resample->out->n = 0;
	return err;
}

/* The next record of the raster comes out. */
static int show(struct weir_node *node, struct resample *resample, struct place a, struct place b, double share)
{
	struct weir_block *out = resample->out;

	interpolate(resample, a, b, share);
	out->t[out->n++] = (int64_t)((uint64_t)resample->origin + next_distance(resample));
	resample->k++;
	return out->n == WEIR_BLOCK_MAX ? emit(node, resample) : 0;
}

/* -------------------------------------------------------------------- input */

/* All of the raster between the newest record and the one at `now`, this one's own time included when lines are drawn. */
static int fill(struct weir_node *node, struct resample *resample, struct place now, uint64_t to)
{
	uint64_t from = distance(resample->origin, resample->last_t), next = next_distance(resample);
	int err = 0;

	if (next == from && !resample->linear)
		err = show(node, resample, resample->newest, now, 0);
	if (to - from > resample->gap)
		skip_to(resample, to);
	for (next = next_distance(resample); next < to && !err; next = next_distance(resample))
		err = show(node, resample, resample->newest, now, (double)(next - from) / (double)(to - from));
	if (next == to && resample->linear && !err)
		err = show(node, resample, now, now, 0);
	return err;
}

static int take(struct weir_node *node, struct resample *resample, struct place now)
{
	int64_t t = now.block->t[now.i];
	int err = 0;

	if (!resample->has_begun) {
		resample->has_begun = true;
		resample->origin = t;
		if (resample->linear)
			err = show(node, resample, now, now, 0);
	} else if (t <= resample->last_t || distance(resample->origin, t) > DISTANCE_MAX) {
		weir_lost(node, WEIR_LOST_POISON, 1);
		return 0;
	} else {
		err = fill(node, resample, now, distance(resample->origin, t));
	}
	resample->newest = now;
	resample->last_t = t;
	return err;
}

/* The block is gone when push returns. */
static void hold(struct resample *resample)
{
	if (resample->newest.block == resample->held)
		return;
	resample->held->n = 0;
	weir_block_append(resample->held, resample->newest.block, resample->newest.i);
	resample->newest = (struct place){ resample->held, 0 };
}

static int resample_push(struct weir_node *node, const struct weir_block *in)
{
	struct resample *resample = weir_state(node);

	for (uint32_t i = 0; i < in->n; i++) {
		int err = take(node, resample, (struct place){ in, i });

		if (err)
			return err;
	}
	if (in->n)
		hold(resample);
	return emit(node, resample);
}

static int resample_flush(struct weir_node *node)
{
	struct resample *resample = weir_state(node);
	int err = 0;

	if (resample->has_begun && next_distance(resample) == distance(resample->origin, resample->last_t))
		err = show(node, resample, resample->newest, resample->newest, 0);
	return err ? err : emit(node, resample);
}

/* ------------------------------------------------------------------- driver */

static const char *const methods[] = { "linear", "last", NULL };

static const struct weir_param params[] = {
	{ .name = "rate",
	  .style = WEIR_KEY,
	  .value = WEIR_V_RATE,
	  .required = true,
	  .min = 1e-6,
	  .max = 1e9,
	  .help = "records a second that come out" },
	{ .name = "method",
	  .style = WEIR_KEY,
	  .value = WEIR_V_WORD,
	  .fallback = "linear",
	  .words = methods,
	  .help = "between two records: a line from one to the other, or the last value" },
	{ .name = "gap",
	  .style = WEIR_KEY,
	  .value = WEIR_V_DURATION,
	  .fallback = "1h",
	  .min = 0,
	  .max = 1e9,
	  .help = "a silence longer than this is not filled" },
	{ 0 },
};

static const struct weir_operator_ops resample_ops = {
	.state_bytes = sizeof(struct resample),
	.open = resample_open,
	.push = resample_push,
	.flush = resample_flush,
	.close = resample_close,
};

const struct weir_driver weir_operator_resample = {
	.name = "resample",
	.doc = "put records on an even raster of times",
	.operator_params = params,
	.stage = &resample_ops,
};
