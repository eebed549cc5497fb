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
	struct weir_output_config config;
	bool header;
	struct weir_output *output;
};

static int print_open(struct weir_node *node, const struct weir_schema *in)
{
	struct print *print = weir_state(node);
	int err;

	if (!weir_given(node, &print->config.layout))
		print->config.layout = weir_output_default(node);
	print->config.no_header = !print->header;
	err = weir_output_share_standard(node, &print->config);
	return err < 0 ? err : weir_output_open_as(&print->output, in, &print->config);
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
	int err = weir_output_start(print->output, STDOUT_FILENO);

	if (err == -ENOTSUP)
		return weir_fail(node, -err, "raw records are bytes, and standard output is a terminal; write > FILE");
	return told(node, err);
}

/* What a reader that has gone did not read, it did not want. */
static int account(struct weir_node *node, struct print *print, int err)
{
	uint64_t unsent = weir_output_unsent(print->output);

	if (err != -EPIPE)
		weir_lost(node, WEIR_LOST_UNSENT, unsent);
	return told(node, err);
}

static int print_flush(struct weir_node *node)
{
	struct print *print = weir_state(node);

	return account(node, print, weir_output_flush(print->output));
}

static int print_push(struct weir_node *node, const struct weir_block *in)
{
	struct print *print = weir_state(node);
	int err = weir_output_block(print->output, in);

	weir_lost(node, WEIR_LOST_POISON, weir_output_left_out(print->output));
	return account(node, print, err);
}

static void print_close(struct weir_node *node)
{
	struct print *print = weir_state(node);

	weir_output_close(print->output);
}

static const struct weir_param params[] = {
	WEIR_P_WORD(
		"format", struct print, config.layout, NULL, weir_layout_words,
		"jsonl, one JSON object a line, unless --format says otherwise; csv: a header line, then one line a "
		"record; influx: line protocol; raw: bytes"),
	WEIR_OUTPUT_PARAM_TIME(struct print, config.time),
	WEIR_P_BOOL("header", struct print, header, "yes", "of csv"),
	WEIR_P_TEXT("name", struct print, config.measurement, "weir", "of influx: the measurement"),
	WEIR_OUTPUT_PARAM_FLUSH(struct print, config.flush, "block"),
	{ 0 }
};

static const struct weir_sink_ops print_ops = {
	.state_bytes = sizeof(struct print),
	.open = print_open,
	.start = print_start,
	.push = print_push,
	.flush = print_flush,
	.may_share = true,
	.close = print_close,
};

const struct weir_driver weir_bridge_print = {
	.name = "print",
	.doc = "standard output",
	.sink_params = params,
	.sink = &print_ops,
};
