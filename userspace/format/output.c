/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/output_internal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/internal.h"

#define BUFFER_BYTES (256u << 10)
#define DISARM_BYTES 4 /* zeros behind the text that weir_text_disarm() reads */

const char *const weir_layout_words[] = { "jsonl", "csv", "influx", "raw", NULL };
const char *const weir_time_words[] = { "ns", "s", "iso", "none", NULL };
const char *const weir_flush_words[] = { "idle", "block", "line", NULL };

static int64_t epoch_of(const struct weir_schema *schema, const struct weir_output_config *config)
{
	bool is_wanted = config->layout == WEIR_INFLUX || config->time == WEIR_TIME_ISO;

	if (!is_wanted || schema->clock != WEIR_CLOCK_MONOTONIC)
		return 0;
	return weir_now(WEIR_CLOCK_REALTIME) - weir_now(WEIR_CLOCK_MONOTONIC);
}

int weir_output_open_as(struct weir_output **out, const struct weir_schema *schema,
			const struct weir_output_config *config)
{
	struct weir_output *output = calloc(1, sizeof(*output));

	*out = output;
	if (!output)
		return -ENOMEM;
	*output = (struct weir_output){ .schema = schema, .config = *config, .fd = -1 };
	if (!output->config.separator)
		output->config.separator = ',';
	if (!output->config.mark)
		output->config.mark = '.';
	output->epoch_ns = epoch_of(schema, config);
	weir_output_prepare(output);
	output->capacity = BUFFER_BYTES + output->line_max;
	output->buffer = malloc(output->capacity + DISARM_BYTES);
	if (output->buffer)
		return 0;
	free(output);
	*out = NULL;
	return -ENOMEM;
}

int weir_output_open(struct weir_output **out, const struct weir_schema *schema, enum weir_layout layout)
{
	return weir_output_open_as(out, schema, &(struct weir_output_config){ .layout = layout });
}

void weir_output_close(struct weir_output *output)
{
	if (output)
		free(output->buffer);
	free(output);
}

static int write_to(struct weir_output *output, int fd)
{
	output->fd = fd;
	output->is_shown = isatty(fd);
	return output->is_shown && output->config.layout == WEIR_RAW ? -ENOTSUP : 0;
}

int weir_output_start(struct weir_output *output, int fd)
{
	int err = write_to(output, fd);

	if (err < 0)
		return err;
	if (output->config.layout != WEIR_CSV || output->config.no_header)
		return 0;
	output->n += weir_output_header(output, output->buffer + output->n);
	output->header_bytes = output->n;
	return weir_output_flush(output);
}

int weir_output_continue(struct weir_output *output, int fd)
{
	return write_to(output, fd);
}

/* Bytes of the buffer's record from `at` on. A line of CSV may have ends of lines in quotes. */
static size_t record_bytes(const struct weir_output *output, size_t at)
{
	bool is_quoted = false;
	size_t end = at;

	if (output->config.layout == WEIR_RAW)
		return output->raw_bytes;
	while (end < output->n && (is_quoted || output->buffer[end] != '\n')) {
		is_quoted ^= output->config.layout == WEIR_CSV && output->buffer[end] == '"';
		end++;
	}
	return end + 1 - at;
}

/* Records in the buffer that end behind `done`. */
static uint64_t count_unsent(const struct weir_output *output, size_t done)
{
	uint64_t n = 0;

	for (size_t at = output->header_bytes; at < output->n;) {
		at += record_bytes(output, at);
		n += at > done;
	}
	return n;
}

/* Several sinks of a program may share standard output: what one writes at a time is whole records, and stays in one piece. */
static pthread_mutex_t standard_lock = PTHREAD_MUTEX_INITIALIZER;

static int write_out(struct weir_output *output)
{
	size_t done = 0;
	int err = 0;

	while (done < output->n && !err) {
		ssize_t n = write(output->fd, output->buffer + done, output->n - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EAGAIN) /* somebody else made it non-blocking; it is as shared as a terminal */
			poll(&(struct pollfd){ .fd = output->fd, .events = POLLOUT }, 1, -1);
		else if (errno != EINTR)
			err = -errno;
	}
	if (err)
		output->unsent += count_unsent(output, done);
	output->n = output->header_bytes = 0;
	return err;
}

int weir_output_flush(struct weir_output *output)
{
	int err;

	if (!output->n)
		return 0;
	if (output->is_shown) {
		memset(output->buffer + output->n, 0, DISARM_BYTES);
		weir_text_disarm(output->buffer, output->n);
	}
	if (output->fd != STDOUT_FILENO)
		return write_out(output);
	pthread_mutex_lock(&standard_lock);
	err = write_out(output);
	pthread_mutex_unlock(&standard_lock);
	return err;
}

int weir_output_block(struct weir_output *output, const struct weir_block *block)
{
	bool by_line = output->config.flush == WEIR_FLUSH_LINE;

	for (uint32_t row = 0; row < block->n; row++) {
		bool is_full = output->capacity - output->n < output->line_max;
		int err = is_full || (by_line && output->n) ? weir_output_flush(output) : 0;
		size_t n;

		if (err < 0) {
			output->unsent += block->n - row;
			return err;
		}
		n = weir_output_record(output, output->buffer + output->n, block, row);
		output->left_out += !n;
		if (n)
			output->raw_bytes = n;
		output->n += n;
	}
	return output->config.flush == WEIR_FLUSH_IDLE ? 0 : weir_output_flush(output);
}

uint64_t weir_output_unsent(struct weir_output *output)
{
	uint64_t n = output->unsent;

	output->unsent = 0;
	return n;
}

uint64_t weir_output_left_out(struct weir_output *output)
{
	uint64_t n = output->left_out;

	output->left_out = 0;
	return n;
}

int weir_output_share_standard(struct weir_node *node, const struct weir_output_config *config)
{
	struct weir_pipeline *pipeline = node->pipeline;
	unsigned layout = 1u << config->layout;
	bool has_header = config->layout == WEIR_CSV && !config->no_header;
	const char *hint = "lines of one kind may be mixed; give one of the sinks a file: csv:FILE";

	if (pipeline->printed && pipeline->printed != layout)
		return weir_fail_arg(node, "format", hint, "standard output has records of another format already");
	if (pipeline->printed && (config->layout == WEIR_RAW || (has_header && pipeline->has_printed_header)))
		return weir_fail_arg(node, "format", hint, "standard output has %s already",
				     has_header ? "a CSV with its header" : "raw records");
	pipeline->printed = layout;
	pipeline->has_printed_header |= has_header;
	return 0;
}

enum weir_layout weir_output_default(const struct weir_node *node)
{
	return (enum weir_layout)node->pipeline->options.records;
}
