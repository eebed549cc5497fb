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
 * silence longer than `gap`; the raster itself goes on through it, and begins anew only behind one of decades. Of records of equal
 * time the newest counts. A record that is older than the one before is counted as poison and left out.
 */
#include <errno.h>
#include <string.h>

#include "weir/channels.h"
#include "weir/raster.h"

#define DISTANCE_MAX (UINT64_MAX / 8) /* 73 years of ns from the first record of a raster */
#define SECOND_NS UINT64_C(1000000000)

/* A record: row i of a block. */
struct place {
	const struct weir_block *block;
	uint32_t i;
};

struct resample {
	struct weir_raster raster;
	double rate;
	enum { LINEAR, LAST } method;
	bool linear, has_begun;
	uint64_t gap;
	int64_t origin; /**< time of the first record */
	uint64_t k;     /**< number of the next record of the raster */
	struct place before, newest;
	int64_t before_t, newest_t;
	bool has_before;
	bool is_settled;            /**< the newest has been shown: time is beyond it */
	struct weir_block *held[2]; /**< the one before and the newest, between two blocks */
	struct weir_block *out;
};

/* --------------------------------------------------------------------- open */

static int add_field(struct weir_node *node, const struct weir_field *from, bool linear, struct weir_schema *out)
{
	bool is_line = linear && (from->kind == WEIR_REAL || from->kind == WEIR_INT);
	/* From which raw integers a value came says nothing of values in between. */
	int to = is_line ? weir_schema_add(out, from->name, WEIR_REAL, from->unit, 0) : weir_schema_pass(out, from);

	return to < 0 ? weir_fail_arg(node, NULL, NULL, "'%s' does not fit in one record: %s", from->name,
				      weir_schema_limit(out->n_fields, strlen(from->name)))
		      : 0;
}

static int resample_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct resample *resample = weir_state(node);
	int err = 0;

	resample->linear = resample->method == LINEAR;
	resample->raster = weir_raster_of(resample->rate);
	/* What lies between two records comes out with the second. */
	weir_lags(node, (int64_t)resample->gap);
	weir_schema_init(out, in->clock);
	for (uint32_t i = 0; i < in->n_fields && !err; i++)
		err = add_field(node, &in->field[i], resample->linear, out);
	for (int i = 0; i < 2 && !err; i++)
		err = weir_block_open(&resample->held[i], weir_in(node));
	return err ? err : weir_block_open(&resample->out, weir_out(node));
}

static void resample_close(struct weir_node *node)
{
	struct resample *resample = weir_state(node);

	weir_block_close(resample->held[0]);
	weir_block_close(resample->held[1]);
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
	out->t[weir_block_add(out)] = (int64_t)((uint64_t)resample->origin + next_distance(resample));
	resample->k++;
	return out->n == WEIR_BLOCK_MAX ? emit(node, resample) : 0;
}

/* -------------------------------------------------------------------- input */

/* The raster between the two newest records, without their own times. */
static int fill(struct weir_node *node, struct resample *resample)
{
	uint64_t from = distance(resample->origin, resample->before_t), next;
	uint64_t to = distance(resample->origin, resample->newest_t);
	int err = 0;

	if (to - from > resample->gap) {
		weir_hole(node, (int64_t)resample->gap, "no records there");
		skip_to(resample, to);
	}
	for (next = next_distance(resample); next < to && !err; next = next_distance(resample))
		err = show(node, resample, resample->before, resample->newest,
			   (double)(next - from) / (double)(to - from));
	return err;
}

/* No more records of the newest one's time come: what it decides comes out. */
static int settle(struct weir_node *node, struct resample *resample)
{
	int err = 0;

	if (resample->is_settled)
		return 0;
	resample->is_settled = true;
	if (resample->linear && resample->has_before)
		err = fill(node, resample);
	if (!err && next_distance(resample) == distance(resample->origin, resample->newest_t))
		err = show(node, resample, resample->newest, resample->newest, 0);
	return err;
}

static void begin(struct resample *resample, int64_t t)
{
	resample->has_begun = true;
	resample->has_before = false;
	resample->origin = t;
	resample->k = 0;
}

static int go_on(struct weir_node *node, struct resample *resample, struct place now, int64_t t)
{
	int err = resample->has_begun ? settle(node, resample) : 0;

	resample->before = resample->newest;
	resample->before_t = resample->newest_t;
	resample->has_before = true;
	if (resample->has_begun && distance(resample->origin, t) > DISTANCE_MAX)
		weir_hole(node, (int64_t)resample->gap, "no records there");
	if (!resample->has_begun || distance(resample->origin, t) > DISTANCE_MAX)
		begin(resample, t);
	resample->newest = now;
	resample->newest_t = t;
	resample->is_settled = false;
	return err || resample->linear || !resample->has_before ? err : fill(node, resample);
}

static int take(struct weir_node *node, struct resample *resample, struct place now)
{
	int64_t t = now.block->t[now.i];

	if (!resample->has_begun || t > resample->newest_t)
		return go_on(node, resample, now, t);
	if (t < resample->newest_t)
		weir_lost(node, WEIR_LOST_POISON, 1);
	else
		resample->newest = now;
	return 0;
}

/* The block is gone when push returns. */
static void hold(struct place *place, struct weir_block *held)
{
	if (place->block == held)
		return;
	held->n = 0;
	weir_block_append(held, place->block, place->i);
	*place = (struct place){ held, 0 };
}

static int resample_push(struct weir_node *node, const struct weir_block *in)
{
	struct resample *resample = weir_state(node);

	for (uint32_t i = 0; i < in->n; i++) {
		int err = take(node, resample, (struct place){ in, i });

		if (err)
			return err;
	}
	/* In this order: what was the newest may have become the one before. */
	if (resample->has_before)
		hold(&resample->before, resample->held[0]);
	hold(&resample->newest, resample->held[1]);
	weir_tick_at(node, resample->is_settled ? INT64_MAX : resample->newest_t);
	return emit(node, resample);
}

static int resample_tick(struct weir_node *node, int64_t now_ns)
{
	struct resample *resample = weir_state(node);
	int err = settle(node, resample);

	(void)now_ns;
	return err ? err : emit(node, resample);
}

static int resample_flush(struct weir_node *node)
{
	struct resample *resample = weir_state(node);
	int err = resample->has_begun ? settle(node, resample) : 0;

	return err ? err : emit(node, resample);
}

/* ------------------------------------------------------------------- driver */

static const char *const methods[] = { "linear", "last", NULL };

static const struct weir_param params[] = {
	WEIR_P_RATE("rate", struct resample, rate, NULL, "records per second of the output", .required = true,
		    .min = 1e-6, .max = 1e9),
	WEIR_P_WORD("method", struct resample, method, "linear", methods,
		    "between two records: a line from one to the other, or the last value"),
	WEIR_PARAM_GAP(struct resample, gap, "a silence longer than this is not filled"),
	WEIR_PARAM_LATENESS,
	{ 0 },
};

static const struct weir_operator_ops resample_ops = {
	.state_bytes = sizeof(struct resample),
	.open = resample_open,
	.push = resample_push,
	.tick = resample_tick,
	.flush = resample_flush,
	.close = resample_close,
};

const struct weir_driver weir_operator_resample = {
	.name = "resample",
	.doc = "records on an even grid of times",
	.operator_params = params,
	.stage = &resample_ops,
};
