/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/output.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/internal.h"

#define BUFFER_BYTES (256u << 10)

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
	output->epoch_ns = epoch_of(schema, config);
	weir_output_prepare(output);
	output->capacity = BUFFER_BYTES + output->line_max;
	output->buffer = malloc(output->capacity);
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

int weir_output_start(struct weir_output *output, int fd)
{
	output->fd = fd;
	if (output->config.layout != WEIR_CSV || output->config.no_header)
		return 0;
	output->n += weir_output_header(output, output->buffer + output->n);
	return weir_output_flush(output);
}

int weir_output_flush(struct weir_output *output)
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
	output->n = 0;
	return err;
}

int weir_output_block(struct weir_output *output, const struct weir_block *block)
{
	bool by_line = output->config.flush == WEIR_FLUSH_LINE;

	for (uint32_t row = 0; row < block->n; row++) {
		bool is_full = output->capacity - output->n < output->line_max;
		int err = is_full || (by_line && output->n) ? weir_output_flush(output) : 0;
		size_t n;

		if (err < 0)
			return err;
		n = weir_output_record(output, output->buffer + output->n, block, row);
		output->left_out += !n;
		output->n += n;
	}
	return output->config.flush == WEIR_FLUSH_IDLE ? 0 : weir_output_flush(output);
}

uint64_t weir_output_left_out(struct weir_output *output)
{
	uint64_t n = output->left_out;

	output->left_out = 0;
	return n;
}

enum weir_layout weir_output_default(const struct weir_node *node)
{
	return (enum weir_layout)node->pipeline->options.records;
}
