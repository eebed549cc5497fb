/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A CSV file as a sensor. Times count from 0, or are a column's; with a rate or such a column records come at their time,
 * unless speed=max.
 */
#include <math.h>

#include "weir/table.h"

#define NOMINAL_HZ 1000

struct csv {
	struct weir_table *table;
};

static int64_t unit_ns(int64_t word)
{
	static const int64_t ns[] = { 1, 1000, 1000000, 1000000000 };

	return ns[word];
}

static int csv_open(struct weir_node *node, struct weir_schema *out)
{
	struct csv *csv = weir_state(node);
	double rate = weir_arg_real(node, "rate");
	bool has_rate = weir_arg_given(node, "rate") && isfinite(rate);
	struct weir_table_config config = {
		.path = weir_target(node),
		.text_bytes = (uint32_t)weir_arg_int(node, "width"),
		.time = weir_arg_text(node, "time"),
		.time_unit_ns = unit_ns(weir_arg_int(node, "unit")),
		.raster = weir_raster_of(has_rate ? rate : NOMINAL_HZ),
		.is_paced = (has_rate || weir_arg_given(node, "time")) && weir_arg_int(node, "speed") == 0,
		.skips_bad = weir_arg_int(node, "on_error") == 1,
	};

	if (!*config.path)
		return weir_fail_arg(node, NULL, "as in csv:FILE[x,y]", "csv needs the name of a file");
	if (has_rate && config.time)
		return weir_fail_arg(node, "rate", NULL, "time= already says when the records come");
	config.columns = weir_columns(node, &config.n_columns);
	return weir_table_open(&csv->table, node, &config, out);
}

static int csv_produce(struct weir_node *node, void *rows, uint32_t max, struct weir_wait *wait)
{
	struct csv *csv = weir_state(node);

	return weir_table_produce(csv->table, rows, max, wait);
}

static void csv_close(struct weir_node *node)
{
	struct csv *csv = weir_state(node);

	weir_table_close(csv->table);
}

static const char *const rate_words[] = { "max", NULL };
static const char *const unit_words[] = { "ns", "us", "ms", "s", NULL };
static const char *const speed_words[] = { "1", "max", NULL };

static const struct weir_param params[] = {
	{ .name = "rate",
	  .style = WEIR_KEY,
	  .value = WEIR_V_RATE,
	  .min = 1e-6,
	  .max = 1e9,
	  .words = rate_words,
	  .help = "records a second; without it and without time=, as fast as they are taken, one nominal millisecond "
		  "apart" },
	{ .name = "time", .style = WEIR_KEY, .value = WEIR_V_TEXT, .help = "the column that holds each record's time" },
	{ .name = "unit",
	  .style = WEIR_KEY,
	  .value = WEIR_V_WORD,
	  .fallback = "ns",
	  .words = unit_words,
	  .help = "of that column" },
	{ .name = "speed",
	  .style = WEIR_KEY,
	  .value = WEIR_V_WORD,
	  .fallback = "1",
	  .words = speed_words,
	  .help = "1: records come at their time, counted from the first; max: as fast as they are taken" },
	WEIR_PARAM_ON_ERROR("at a malformed line, stop the run, or skip the line and count it"),
	WEIR_PARAM_WIDTH("bytes of a text cell; longer text is cut at a character, and counted"),
	{ .name = "filter",
	  .style = WEIR_KEY,
	  .value = WEIR_V_TEXT,
	  .help = "an eBPF object made with weir/custom.h, to be tried on records of a file" },
	{ 0 }
};

static const char *csv_custom_filter(const struct weir_node *node)
{
	return weir_arg_text(node, "filter");
}

static const struct weir_source_ops csv_ops = {
	.state_bytes = sizeof(struct csv),
	.open = csv_open,
	.produce = csv_produce,
	.close = csv_close,
	.custom_filter = csv_custom_filter,
};

const struct weir_driver weir_sensor_csv = {
	.name = "csv",
	.doc = "records from a CSV file with a header line; [a,b:s16] chooses columns, and raw integers",
	.target = "FILE",
	.source_params = params,
	.source = &csv_ops,
};
