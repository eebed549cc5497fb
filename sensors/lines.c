/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines of text from a file, a pipe or a terminal. A line's time is its arrival; lines that arrived together have the same.
 * A last line needs no newline, and a carriage return before a newline is not part of the line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/input.h"
#include "weir/text.h"

struct lines {
	struct weir_input *input;
	uint32_t width;
	bool is_skipping; /**< inside a line that is longer than the buffer and has been delivered, cut */
	int64_t arrival;
};

static int lines_open(struct weir_node *node, struct weir_schema *out)
{
	struct lines *lines = weir_state(node);

	if (!*weir_target(node))
		return weir_fail_arg(node, NULL, "as in lines:FILE, or lines:- for standard input",
				     "lines needs the name of a file");
	lines->width = (uint32_t)weir_arg_int(node, "width");
	weir_schema_init(out, WEIR_CLOCK_MONOTONIC);
	if (weir_schema_add(out, "text", WEIR_TEXT, "", lines->width) < 0)
		return weir_fail_arg(node, "width", NULL, "a line of %u bytes does not fit in one record",
				     lines->width);
	return weir_input_open(&lines->input, node, weir_target(node));
}

static int lines_start(struct weir_node *node, bool unread)
{
	struct lines *lines = weir_state(node);

	(void)unread;
	lines->arrival = weir_now(WEIR_CLOCK_MONOTONIC);
	return 0;
}

static void deliver(struct weir_node *node, const char *text, size_t length, void *row)
{
	const struct lines *lines = weir_state(node);
	const struct weir_schema *out = weir_out(node);

	if (length && text[length - 1] == '\r')
		length--;
	memset(row, 0, out->row_bytes);
	memcpy((char *)row + out->t.at, &lines->arrival, sizeof(lines->arrival));
	if (weir_text_put((char *)row + out->field[0].at, lines->width, text, length))
		weir_lost(node, WEIR_LOST_CUT, 1);
}

/* What is left of a line that was delivered before its end had come. */
static void drop_tail(struct lines *lines)
{
	size_t n;
	const char *text = weir_input_unread(lines->input, &n), *newline = memchr(text, '\n', n);

	lines->is_skipping = !newline;
	weir_input_consume(lines->input, newline ? (size_t)(newline - text) + 1 : n);
}

/* One line from what is unread, if there is one; with `all`, whatever is there is a line. */
static bool take_line(struct weir_node *node, bool all, void *row)
{
	struct lines *lines = weir_state(node);
	const char *text, *newline;
	size_t n;

	if (lines->is_skipping)
		drop_tail(lines);
	text = weir_input_unread(lines->input, &n);
	newline = memchr(text, '\n', n);
	if (!newline && (!all || !n))
		return false;
	deliver(node, text, newline ? (size_t)(newline - text) : n, row);
	weir_input_consume(lines->input, newline ? (size_t)(newline - text) + 1 : n);
	lines->is_skipping = !newline;
	return true;
}

static int lines_produce(struct weir_node *node, void *rows, uint32_t max, struct weir_wait *wait)
{
	struct lines *lines = weir_state(node);
	uint32_t stride = weir_out(node)->row_bytes, n = 0;
	bool all = weir_input_at_end(lines->input);

	for (;;) {
		int got;

		while (n < max && take_line(node, all, (char *)rows + (size_t)n * stride))
			n++;
		if (n || weir_input_at_end(lines->input))
			return (int)n;
		got = weir_input_more(lines->input);
		if (got == -EAGAIN) {
			*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = weir_input_fd(lines->input) };
			return -EAGAIN;
		}
		if (got < 0 && got != -ENOBUFS)
			return weir_fail_device(node, weir_target(node), "read", -got, NULL);
		/* A line that fills the buffer, and a last one without a newline, are taken as they are. */
		all = got <= 0;
		if (got > 0)
			lines->arrival = weir_now(WEIR_CLOCK_MONOTONIC);
	}
}

static void lines_close(struct weir_node *node)
{
	struct lines *lines = weir_state(node);

	weir_input_close(lines->input);
}

static const struct weir_param params[] = {
	WEIR_PARAM_WIDTH("bytes of a text cell; longer lines are cut at a character, and counted"), { 0 }
};

static const struct weir_source_ops lines_ops = {
	.state_bytes = sizeof(struct lines),
	.open = lines_open,
	.start = lines_start,
	.produce = lines_produce,
	.close = lines_close,
};

const struct weir_driver weir_sensor_lines = {
	.name = "lines",
	.doc = "lines of text, as field text",
	.target = "FILE|-",
	.source_params = params,
	.source = &lines_ops,
};
