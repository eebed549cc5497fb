/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records on standard output. Each block is written as soon as it has come, so that whoever reads a pipe sees its records at
 * once; `flush` says whether sooner or later.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "weir/output.h"

struct print {
	struct weir_output *output;
};

static int print_open(struct weir_node *node, const struct weir_schema *in)
{
	struct print *print = weir_state(node);
	struct weir_output_config config = {
		.layout = weir_arg_given(node, "format") ? (enum weir_layout)weir_arg_int(node, "format")
							 : weir_output_default(node),
		.time = (enum weir_time_form)weir_arg_int(node, "time"),
		.flush = (enum weir_flush)weir_arg_int(node, "flush"),
		.no_header = !weir_arg_int(node, "header"),
		.measurement = weir_arg_text(node, "name"),
	};

	return weir_output_open_as(&print->output, in, &config);
}

/* A reader that has had enough is no failure: -EPIPE ends the chain in good order, and nobody is told. */
static int told(struct weir_node *node, int err)
{
	return err < 0 && err != -EPIPE ? weir_fail(node, -err, "cannot write to standard output: %s", strerror(-err))
					: err;
}

static int print_start(struct weir_node *node)
{
	struct print *print = weir_state(node);

	return told(node, weir_output_start(print->output, STDOUT_FILENO));
}

static int print_flush(struct weir_node *node)
{
	struct print *print = weir_state(node);

	return told(node, weir_output_flush(print->output));
}

static int print_push(struct weir_node *node, const struct weir_block *in)
{
	struct print *print = weir_state(node);
	int err = weir_output_block(print->output, in);

	weir_lost(node, WEIR_LOST_POISON, weir_output_left_out(print->output));
	return told(node, err);
}

static void print_close(struct weir_node *node)
{
	struct print *print = weir_state(node);

	weir_output_close(print->output);
}

static const struct weir_param params[] = {
	{ .name = "format",
	  .style = WEIR_KEY,
	  .value = WEIR_V_WORD,
	  .words = weir_layout_words,
	  .help = "jsonl, one JSON object a line, unless --format says otherwise; csv: a header line, then one line a "
		  "record; influx: line protocol; raw: bytes" },
	WEIR_OUTPUT_PARAM_TIME,
	{ .name = "header", .style = WEIR_KEY, .value = WEIR_V_BOOL, .fallback = "yes", .help = "of csv" },
	{ .name = "name",
	  .style = WEIR_KEY,
	  .value = WEIR_V_TEXT,
	  .fallback = "weir",
	  .help = "of influx: the measurement" },
	WEIR_OUTPUT_PARAM_FLUSH("block"),
	{ 0 }
};

static const struct weir_sink_ops print_ops = {
	.state_bytes = sizeof(struct print),
	.open = print_open,
	.start = print_start,
	.push = print_push,
	.flush = print_flush,
	.close = print_close,
};

const struct weir_driver weir_bridge_print = {
	.name = "print",
	.doc = "write records to standard output",
	.sink_params = params,
	.sink = &print_ops,
};
