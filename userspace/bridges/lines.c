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

#define WIDTH_MAX 4080 /* that width= may be */

struct lines {
	struct weir_input *input;
	uint32_t width;
	bool has_begun;   /**< the mark of UTF-8 is behind us, if there was one */
	bool has_warned;  /**< that lines are cut */
	bool is_skipping; /**< inside a line that is longer than the buffer and has been delivered, cut */
	int64_t arrival;
};

/* Bytes of the longest line of those that are unread. */
static size_t longest_line(struct weir_input *input)
{
	size_t n, longest = 0;
	const char *text = weir_input_unread(input, &n), *end = text + n, *newline;

	for (; text < end; text = newline + 1) {
		newline = memchr(text, '\n', (size_t)(end - text));
		newline = newline ? newline : end;
		longest = (size_t)(newline - text) > longest ? (size_t)(newline - text) : longest;
	}
	return longest;
}

/* A cell that is wide enough, of a file, which is there already, for its first 64 KiB. A wide cell costs time and memory for each
 * record, and few sizes let recordings of one file be continued. */
static uint32_t find_width(const struct weir_node *node, const struct lines *lines)
{
	static const uint32_t widths[] = { 1024, WIDTH_MAX };
	struct weir_input *input = lines->input;
	uint32_t width = lines->width;
	size_t longest;

	if (weir_given(node, &lines->width) || !weir_input_is_file(input))
		return width;
	while (weir_input_more(input) > 0)
		;
	longest = longest_line(input);
	for (size_t i = 0; i < 2 && longest >= width; i++)
		width = widths[i];
	return width;
}

static int lines_open(struct weir_node *node, struct weir_schema *out)
{
	struct lines *lines = weir_state(node);
	int err;

	if (!*weir_target(node))
		return weir_fail_arg(node, NULL, "as in lines:FILE, or lines:- for standard input",
				     "lines needs the name of a file");
	err = weir_input_open(&lines->input, node, weir_target(node));
	if (err < 0)
		return err;
	lines->width = find_width(node, lines);
	weir_schema_init(out, WEIR_CLOCK_MONOTONIC);
	if (weir_schema_add(out, "text", WEIR_TEXT, "", lines->width) < 0)
		return weir_fail_arg(node, "width", NULL, "a line of %u bytes does not fit in one record",
				     lines->width);
	return 0;
}

static int lines_start(struct weir_node *node, bool unread)
{
	struct lines *lines = weir_state(node);

	(void)unread;
	lines->arrival = weir_now(WEIR_CLOCK_MONOTONIC);
	return 0;
}

/* Counted, and the first time said. */
static void tell_cut(struct weir_node *node)
{
	struct lines *lines = weir_state(node);

	weir_lost(node, WEIR_LOST_CUT, 1);
	if (!lines->has_warned)
		weir_warn(node, "lines of more than %u bytes are cut: width= says how long they may be, up to %u",
			  lines->width - 1, WIDTH_MAX);
	lines->has_warned = true;
}

static void deliver(struct weir_node *node, const char *text, size_t length, void *row)
{
	struct lines *lines = weir_state(node);
	const struct weir_schema *out = weir_out(node);
	const char *zero = weir_input_has_zero(lines->input) ? memchr(text, 0, length) : NULL;

	if (!lines->has_begun && length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		length -= 3;
	}
	lines->has_begun = true;
	if (length && text[length - 1] == '\r')
		length--;
	/* Text ends at a byte of zero. */
	if (zero) {
		weir_lost(node, WEIR_LOST_CUT, 1);
		length = (size_t)(zero - text);
	}
	memset(row, 0, out->row_bytes);
	memcpy((char *)row + out->t.at, &lines->arrival, sizeof(lines->arrival));
	if (weir_text_put((char *)row + out->field[0].at, lines->width, text, length) && !zero)
		tell_cut(node);
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

static int lines_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct lines *lines = weir_state(node);
	bool all = weir_input_at_end(lines->input);

	for (;;) {
		int got;

		while (weir_rows_next(rows) && take_line(node, all, weir_rows_next(rows)))
			weir_rows_add(rows);
		if (rows->n || weir_input_at_end(lines->input))
			return rows->n != 0;
		got = weir_input_more(lines->input);
		if (got == -EAGAIN) {
			*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = weir_input_fd(lines->input) };
			return -EAGAIN;
		}
		if (got < 0 && got != -ENOBUFS)
			return weir_fail_device(node, weir_target(node), "read", -got,
						got == -ENODEV ? "the device has gone; its unfinished line is left out"
							       : NULL);
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

static const struct weir_param params[] = { WEIR_PARAM_WIDTH(
						    struct lines, width,
						    "bytes of a text cell; longer lines are cut at a character, and "
						    "counted. Of a file that has longer ones, 1024 or 4080"),
					    { 0 } };

static const struct weir_source_ops lines_ops = {
	.state_bytes = sizeof(struct lines),
	.open = lines_open,
	.start = lines_start,
	.produce = lines_produce,
	.close = lines_close,
};

const struct weir_driver weir_bridge_lines = {
	.name = "lines",
	.doc = "lines of text, as field text",
	.target = "FILE|-",
	.source_params = params,
	.source = &lines_ops,
};
