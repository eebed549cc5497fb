/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A CSV file as a sensor. Times count from 0, or are a column's. It is read as fast as records are taken, but for a rate, or speed=1,
 * with which they come at their time.
 */
#include <errno.h>
#include <math.h>

#include "weir/table.h"

#define NOMINAL_HZ 1000

enum { SPEED_1, SPEED_MAX };

struct csv {
	struct weir_table_args args;
	double rate;
	const char *time, *filter;
	enum weir_time_unit unit;
	int speed;
	bool skips;
	int64_t gap_ns;
	struct weir_table *table;
};

static int csv_open(struct weir_node *node, struct weir_schema *out)
{
	struct csv *csv = weir_state(node);
	bool has_rate = weir_given(node, &csv->rate) && isfinite(csv->rate);
	/* A rate is there to be kept; a file that has times is read, not played. */
	bool is_paced = weir_given(node, &csv->speed) ? csv->speed == SPEED_1 : has_rate;
	struct weir_table_config config = {
		.time = csv->time,
		.unit = weir_given(node, &csv->unit) ? csv->unit : WEIR_UNIT_GUESS,
		.raster = weir_raster_of(has_rate ? csv->rate : NOMINAL_HZ),
		.is_paced = is_paced,
		.gap_ns = csv->gap_ns,
		.skips_bad = csv->skips,
	};

	if (weir_table_form(node, &csv->args, &config) < 0)
		return -EINVAL;
	if (!*config.path)
		return weir_fail_arg(node, NULL, "as in csv:FILE[x,y]", "csv needs the name of a file");
	if (has_rate && config.time)
		return weir_fail_arg(node, "rate", NULL, "time= already says when the records come");
	if (weir_given(node, &csv->unit) && !config.time)
		return weir_fail_arg(node, "unit", "as in time=t unit=s", "unit= needs time=, a column in this unit");
	return weir_table_open(&csv->table, node, &config, out);
}

static int csv_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct csv *csv = weir_state(node);

	return weir_table_produce(csv->table, rows, wait);
}

static void csv_close(struct weir_node *node)
{
	struct csv *csv = weir_state(node);

	weir_table_close(csv->table);
}

static const char *const rate_words[] = { "max", NULL };
static const char *const speed_words[] = { [SPEED_1] = "1", [SPEED_MAX] = "max", NULL };

static const struct weir_param params[] = {
	WEIR_P_RATE("rate", struct csv, rate, NULL,
		    "records per second; default without time=: full speed, one nominal millisecond apart", .min = 1e-6,
		    .max = 1e9, .words = rate_words),
	WEIR_P_TEXT("time", struct csv, time, NULL, "column of each record's time"),
	WEIR_P_WORD("unit", struct csv, unit, NULL, weir_time_unit_words,
		    "unit of that column; default by the first time: whole numbers are ns, nine decimals s, dates iso"),
	WEIR_P_WORD("speed", struct csv, speed, NULL, speed_words,
		    "1: records at their time, counted from the first, as with rate=; max: full speed"),
	WEIR_PARAM_GAP(struct csv, gap_ns, "with speed=1: records that are further apart come without a pause"),
	WEIR_TABLE_PARAMS(struct csv, args),
	WEIR_PARAM_ON_ERROR(struct csv, skips, "at a malformed line, stop the run, or skip the line and count it"),
	WEIR_PARAM_WIDTH(struct csv, args.width,
			 "bytes of a text cell; longer text is cut at a character, and counted"),
	WEIR_P_TEXT("filter", struct csv, filter, NULL,
		    "eBPF object made with weir/custom.h, for a trial on records of a file"),
	{ 0 }
};

static const char *csv_custom_filter(const struct weir_node *node)
{
	const struct csv *csv = weir_state(node);

	return csv->filter;
}

static const struct weir_source_ops csv_ops = {
	.state_bytes = sizeof(struct csv),
	.open = csv_open,
	.produce = csv_produce,
	.close = csv_close,
	.custom_filter = csv_custom_filter,
};

const struct weir_driver weir_bridge_csv_source = {
	.name = "csv",
	.doc = "records from a CSV file; [a,b:int,c:text:32] chooses columns and their kinds",
	.target = "FILE",
	.source_params = params,
	.source = &csv_ops,
};
