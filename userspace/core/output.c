/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/output.h"
#include "weir/text.h"

#define BUFFER_BYTES (256u << 10)
#define KEY_MAX (6 * WEIR_NAME_MAX + 8) /* `,"name":` with every byte escaped */

struct weir_output {
	const struct weir_schema *schema;
	enum weir_layout layout;
	int fd;
	size_t line_max; /**< bytes that a record may take */
	size_t n, capacity;
	char *buffer;
	size_t key_bytes[WEIR_FIELDS_MAX];
	char key[WEIR_FIELDS_MAX][KEY_MAX]; /**< what stands before each value */
};

static size_t value_max(const struct weir_field *field)
{
	return field->kind == WEIR_TEXT ? 6 * (size_t)field->bytes + 2 : WEIR_NUMBER_MAX;
}

static void prepare_key(struct weir_output *output, uint32_t i)
{
	char *key = output->key[i];
	size_t n = 0;

	key[n++] = ',';
	if (output->layout == WEIR_JSONL) {
		n += weir_write_json_text(key + n, output->schema->field[i].name);
		key[n++] = ':';
	}
	output->key_bytes[i] = n;
}

int weir_output_open(struct weir_output **out, const struct weir_schema *schema, enum weir_layout layout)
{
	struct weir_output *output = calloc(1, sizeof(*output));

	*out = output;
	if (!output)
		return -ENOMEM;
	*output = (struct weir_output){ .schema = schema, .layout = layout, .fd = -1 };
	output->line_max = sizeof("{\"t\":}\n") + WEIR_NUMBER_MAX;
	for (uint32_t i = 0; i < schema->n_fields; i++) {
		prepare_key(output, i);
		output->line_max += KEY_MAX + value_max(&schema->field[i]);
	}
	output->capacity = BUFFER_BYTES + output->line_max;
	output->buffer = malloc(output->capacity);
	if (output->buffer)
		return 0;
	free(output);
	*out = NULL;
	return -ENOMEM;
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
	if (output->layout != WEIR_CSV)
		return 0;
	output->buffer[output->n++] = 't';
	for (uint32_t i = 0; i < output->schema->n_fields; i++) {
		output->buffer[output->n++] = ',';
		output->n += weir_write_csv_text(output->buffer + output->n, output->schema->field[i].name);
	}
	output->buffer[output->n++] = '\n';
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

static size_t write_value(const struct weir_output *output, char *to, const struct weir_field *field,
			  union weir_column column, uint32_t row)
{
	bool is_json = output->layout == WEIR_JSONL;

	switch (field->kind) {
	case WEIR_REAL:
		if (!is_json || isfinite(column.real[row]))
			return weir_write_real(to, column.real[row]);
		memcpy(to, "null", 4);
		return 4;
	case WEIR_INT:
	case WEIR_BOOL:
		return weir_write_integer(to, column.integer[row]);
	case WEIR_TEXT:
		break;
	}
	return is_json ? weir_write_json_text(to, column.text + (size_t)row * field->bytes)
		       : weir_write_csv_text(to, column.text + (size_t)row * field->bytes);
}

static size_t write_record(const struct weir_output *output, char *to, const struct weir_block *block, uint32_t row)
{
	bool is_json = output->layout == WEIR_JSONL;
	char *end = to;

	if (is_json) {
		memcpy(end, "{\"t\":", 5);
		end += 5;
	}
	end += weir_write_integer(end, block->t[row]);
	for (uint32_t i = 0; i < output->schema->n_fields; i++) {
		memcpy(end, output->key[i], output->key_bytes[i]);
		end += output->key_bytes[i];
		end += write_value(output, end, &output->schema->field[i], block->column[i], row);
	}
	if (is_json)
		*end++ = '}';
	*end++ = '\n';
	return (size_t)(end - to);
}

int weir_output_block(struct weir_output *output, const struct weir_block *block)
{
	for (uint32_t row = 0; row < block->n; row++) {
		int err = output->capacity - output->n < output->line_max ? weir_output_flush(output) : 0;

		if (err < 0)
			return err;
		output->n += write_record(output, output->buffer + output->n, block, row);
	}
	return 0;
}
