/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Play back what a `csv:FILE` sink recorded: the same fields, the same times. A second format is a second way to fill
 * `struct replay`, chosen in open() by how the file begins.
 */
#include "weir/table.h"

struct replay {
	struct weir_table *table;
};

static int replay_open(struct weir_node *node, struct weir_schema *out)
{
	struct replay *replay = weir_state(node);
	struct weir_table_config config = {
		.path = weir_target(node),
		.text_bytes = (uint32_t)weir_arg_int(node, "width"),
		.time = "t",
		.time_unit_ns = 1,
		.is_paced = weir_arg_int(node, "speed") == 0,
	};

	if (!*config.path)
		return weir_fail_arg(node, NULL, "as in replay:FILE", "replay needs the name of a file");
	config.columns = weir_columns(node, &config.n_columns);
	return weir_table_open(&replay->table, node, &config, out);
}

static int replay_produce(struct weir_node *node, void *rows, uint32_t max, struct weir_wait *wait)
{
	struct replay *replay = weir_state(node);

	return weir_table_produce(replay->table, rows, max, wait);
}

static void replay_close(struct weir_node *node)
{
	struct replay *replay = weir_state(node);

	weir_table_close(replay->table);
}

static const char *const speed_words[] = { "1", "max", NULL };

static const struct weir_param params[] = {
	{ .name = "speed",
	  .style = WEIR_KEY,
	  .value = WEIR_V_WORD,
	  .fallback = "1",
	  .words = speed_words,
	  .help = "1: records come at the distances at which they were recorded; max: as fast as they are taken" },
	{ .name = "width",
	  .style = WEIR_KEY,
	  .value = WEIR_V_INT,
	  .fallback = "240",
	  .min = 2,
	  .max = 4080,
	  .help = "bytes of a text cell; longer text is cut at a character, and counted" },
	{ 0 }
};

static const struct weir_source_ops replay_ops = {
	.state_bytes = sizeof(struct replay),
	.open = replay_open,
	.produce = replay_produce,
	.close = replay_close,
};

const struct weir_driver weir_sensor_replay = {
	.name = "replay",
	.doc = "play back what csv:FILE recorded, with its times",
	.target = "FILE",
	.source_params = params,
	.source = &replay_ops,
};
