/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records as text on standard output. Each block is written as soon as it has come, so that whoever reads a pipe sees its
 * records at once.
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

	return weir_output_open(&print->output, in, (enum weir_layout)weir_arg_int(node, "format"));
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

	return err < 0 ? told(node, err) : print_flush(node);
}

static void print_close(struct weir_node *node)
{
	struct print *print = weir_state(node);

	weir_output_close(print->output);
}

static const char *const formats[] = { [WEIR_JSONL] = "jsonl", [WEIR_CSV] = "csv", NULL };

static const struct weir_param params[] = {
	{ .name = "format",
	  .style = WEIR_KEY,
	  .value = WEIR_V_WORD,
	  .fallback = "jsonl",
	  .words = formats,
	  .help = "jsonl: one JSON object a line; csv: a header line, then one line a record" },
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
