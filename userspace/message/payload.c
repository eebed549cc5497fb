/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text goes through what prints and reads text elsewhere, so that a message looks like a line of a file. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/output_internal.h"
#include "message/answer_internal.h"
#include "message/json_value.h"
#include "message/payload_internal.h"
#include "stream/record.h"
#include "weir/payload.h"

enum written { WRITE_JSON, WRITE_CSV, WRITE_INFLUX, WRITE_TEXT, WRITE_BINARY };
enum read { READ_JSON, READ_CSV, READ_TEXT, READ_BINARY };

const char *const weir_payload_written_words[] = {
	[WRITE_JSON] = "json", [WRITE_CSV] = "csv",       [WRITE_INFLUX] = "influx",
	[WRITE_TEXT] = "text", [WRITE_BINARY] = "binary", NULL
};
const char *const weir_payload_read_words[] = {
	[READ_JSON] = "json", [READ_CSV] = "csv", [READ_TEXT] = "text", [READ_BINARY] = "binary", NULL
};
const char *const weir_payload_time_words[] = { "arrival", "own", NULL };
const char *const weir_payload_error_words[] = { "skip", "stop", NULL };

/* -------------------------------------------------------------------- writing */

struct weir_payload_writer {
	enum written form;
	struct weir_output *output; /* of json, csv, influx */
	struct weir_compact compact;
	uint32_t text; /* the field that is one */
};

static int open_output(struct weir_payload_writer *writer, struct weir_node *node, enum weir_time_form time)
{
	static const enum weir_layout layout[] = {
		[WRITE_JSON] = WEIR_JSONL, [WRITE_CSV] = WEIR_CSV, [WRITE_INFLUX] = WEIR_INFLUX
	};
	struct weir_output_config config = {
		.layout = layout[writer->form],
		.time = time,
	};

	return weir_output_open_as(&writer->output, weir_in(node), &config);
}

static int find_text(struct weir_payload_writer *writer, struct weir_node *node)
{
	const struct weir_schema *in = weir_in(node);
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n_fields; i++) {
		if (in->field[i].kind != WEIR_TEXT)
			continue;
		writer->text = i;
		n++;
	}
	if (n != 1)
		return weir_fail_arg(node, "format", "choose it with 'select' before",
				     "there are %u text fields, not one", n);
	return 0;
}

int weir_payload_writer_open(struct weir_payload_writer **out, struct weir_node *node,
			     const struct weir_payload_writer_args *args)
{
	struct weir_payload_writer *writer = calloc(1, sizeof(*writer));

	*out = writer;
	if (!writer)
		return -ENOMEM;
	writer->form = (enum written)args->format;
	weir_compact_init(&writer->compact, weir_in(node));
	if (writer->form == WRITE_TEXT)
		return find_text(writer, node);
	return writer->form == WRITE_BINARY ? 0 : open_output(writer, node, args->time);
}

int weir_payload_writer_open_json(struct weir_payload_writer **out, const struct weir_schema *schema,
				  enum weir_time_form time)
{
	struct weir_output_config config = { .layout = WEIR_JSONL, .time = time };
	struct weir_payload_writer *writer = calloc(1, sizeof(*writer));

	*out = writer;
	if (!writer)
		return -ENOMEM;
	writer->form = WRITE_JSON;
	return weir_output_open_as(&writer->output, schema, &config);
}

void weir_payload_writer_close(struct weir_payload_writer *writer)
{
	if (!writer)
		return;
	weir_output_close(writer->output);
	free(writer);
}

size_t weir_payload_max(const struct weir_payload_writer *writer)
{
	if (writer->form == WRITE_BINARY)
		return weir_compact_max(&writer->compact);
	return writer->output ? writer->output->line_max : WEIR_ROW_MAX;
}

size_t weir_payload_write(struct weir_payload_writer *writer, char *to, const struct weir_block *block, uint32_t row)
{
	const char *text;
	size_t n;

	if (writer->form == WRITE_BINARY)
		return weir_compact_write(&writer->compact, to, block, row);
	if (writer->form == WRITE_TEXT) {
		text = block->column[writer->text].text + (size_t)row * block->schema->field[writer->text].bytes;
		n = strlen(text);
		memcpy(to, text, n);
		return n;
	}
	n = weir_output_record(writer->output, to, block, row);
	return n ? n - 1 : 0; /* without the newline */
}

/* -------------------------------------------------------------------- reading */

struct weir_payload_reader {
	struct weir_node *node;
	const struct weir_payload_reader_args *args; /* in its state */
	enum read form;
	bool has_own_time;
	const struct weir_schema *schema;
	struct weir_answer *answer;
	struct weir_compact compact;
	/* The message at hand. */
	char *at, *end;
	const char *rest; /* of a binary one; NULL: its head has not been read */
	bool is_done;
	json_t *array; /* NULL: it is none */
	size_t item;
	int64_t t;
	char why[160];
};

static int check_form(struct weir_payload_reader *reader, const struct weir_schema *schema)
{
	struct weir_node *node = reader->node;

	if (reader->form == READ_BINARY && !reader->args->out)
		return weir_fail_arg(node, "format", "as in out=\"label:text, score, n:int\"",
				     "out= must say which fields messages have");
	weir_compact_init(&reader->compact, schema);
	reader->compact.schema = weir_out(node);
	reader->compact.has_time = reader->has_own_time;
	return 0;
}

int weir_payload_reader_open(struct weir_payload_reader **out, struct weir_node *node,
			     const struct weir_payload_reader_args *args, struct weir_schema *schema)
{
	static const enum weir_answer_form form[] = { [READ_JSON] = WEIR_ANSWER_JSONL,
						      [READ_CSV] = WEIR_ANSWER_CSV,
						      [READ_TEXT] = WEIR_ANSWER_LINES,
						      [READ_BINARY] = WEIR_ANSWER_CSV };
	struct weir_payload_reader *reader = calloc(1, sizeof(*reader));
	struct weir_answer_config config = { .form_argument = "format", .may_begin_with_time = true };
	int err;

	*out = reader;
	if (!reader)
		return -ENOMEM;
	reader->node = node;
	reader->args = args;
	reader->schema = weir_out(node);
	reader->form = args->out ? READ_JSON : READ_TEXT;
	if (weir_given(node, &args->format))
		reader->form = (enum read)args->format;
	reader->has_own_time = args->has_own_time;
	config.args = (struct weir_answer_args){ .out = args->out, .form = form[reader->form], .width = args->width };
	config.has_own_time = reader->has_own_time;
	/* Times of another machine's clock order the records; they are not ours to compare with. */
	config.clock = reader->has_own_time ? WEIR_CLOCK_DATED : WEIR_CLOCK_MONOTONIC;
	err = weir_answer_open_as(&reader->answer, node, schema, &config);
	return err < 0 ? err : check_form(reader, schema);
}

static void end_message(struct weir_payload_reader *reader)
{
	json_decref(reader->array);
	reader->array = NULL;
	reader->is_done = true;
}

void weir_payload_reader_close(struct weir_payload_reader *reader)
{
	if (!reader)
		return;
	end_message(reader);
	weir_answer_close(reader->answer);
	free(reader);
}

void weir_payload_begin(struct weir_payload_reader *reader, char *bytes, size_t n, int64_t t)
{
	end_message(reader);
	weir_answer_begin(reader->answer);
	reader->at = bytes;
	reader->end = bytes + n;
	reader->rest = NULL;
	reader->is_done = false;
	reader->t = t;
}

static int answer_failed(struct weir_payload_reader *reader)
{
	snprintf(reader->why, sizeof(reader->why), "%s", weir_answer_why(reader->answer));
	return -EINVAL;
}

static int take_item(struct weir_payload_reader *reader, struct weir_block *block)
{
	if (reader->item == json_array_size(reader->array))
		return 0;
	return weir_answer_object(reader->answer, json_array_get(reader->array, reader->item++), block, reader->t) < 0
		       ? answer_failed(reader)
		       : 1;
}

static bool skip_blanks(struct weir_payload_reader *reader)
{
	while (reader->at < reader->end && strchr(" \t\r\n", *reader->at))
		reader->at++;
	return reader->at < reader->end;
}

static int next_json(struct weir_payload_reader *reader, struct weir_block *block)
{
	json_error_t error;
	json_t *value;
	int got;

	if (reader->array)
		return take_item(reader, block);
	if (!skip_blanks(reader))
		return 0;
	if (weir_answer_scan(reader->answer, reader->at, (size_t)(reader->end - reader->at), block, reader->t)) {
		reader->at = reader->end;
		return 1;
	}
	value = weir_json_load(reader->at, (size_t)(reader->end - reader->at), JSON_DISABLE_EOF_CHECK, &error);
	if (!value) {
		snprintf(reader->why, sizeof(reader->why), "it is not JSON: %.120s", error.text);
		return -EINVAL;
	}
	reader->at += error.position;
	if (json_is_array(value)) {
		reader->array = value;
		reader->item = 0;
		reader->at = reader->end;
		return take_item(reader, block);
	}
	got = weir_answer_object(reader->answer, value, block, reader->t);
	json_decref(value);
	return got < 0 ? answer_failed(reader) : got;
}

static int next_line(struct weir_payload_reader *reader, struct weir_block *block)
{
	int got = 0;

	while (!got && reader->at < reader->end) {
		char *line = reader->at, *newline = memchr(line, '\n', (size_t)(reader->end - line));
		char *end = newline ? newline : reader->end;

		reader->at = newline ? newline + 1 : reader->end;
		got = weir_answer_line(reader->answer, line, (size_t)(end - line), block, reader->t);
	}
	return got < 0 ? answer_failed(reader) : got;
}

static int next_text(struct weir_payload_reader *reader, struct weir_block *block)
{
	char *text = reader->at;

	if (!text)
		return 0;
	reader->at = NULL;
	return weir_answer_line(reader->answer, text, (size_t)(reader->end - text), block, reader->t) < 0
		       ? answer_failed(reader)
		       : 1;
}

static int next_compact(struct weir_payload_reader *reader, struct weir_block *block)
{
	uint32_t cut = 0;

	if (!reader->rest)
		reader->rest = weir_compact_begin(&reader->compact, reader->at, reader->end, reader->why);
	if (!reader->rest)
		return -EINVAL;
	if (reader->rest == reader->end)
		return 0;
	assert(!weir_block_is_full(block));
	block->t[block->n] = reader->t;
	reader->rest = weir_compact_next(&reader->compact, reader->rest, reader->end, block, &cut, reader->why);
	if (!reader->rest)
		return -EINVAL;
	weir_lost(reader->node, WEIR_LOST_CUT, cut);
	weir_block_add(block);
	return 1;
}

int weir_payload_next(struct weir_payload_reader *reader, struct weir_block *block)
{
	static int (*const next[])(struct weir_payload_reader *, struct weir_block *) = {
		[READ_JSON] = next_json,
		[READ_CSV] = next_line,
		[READ_TEXT] = next_text,
		[READ_BINARY] = next_compact,
	};
	int got = reader->is_done ? 0 : next[reader->form](reader, block);

	if (got <= 0)
		end_message(reader);
	return got;
}

bool weir_payload_at_end(struct weir_payload_reader *reader)
{
	if (reader->is_done)
		return true;
	switch (reader->form) {
	case READ_JSON:
		return reader->array ? reader->item == json_array_size(reader->array) : !skip_blanks(reader);
	case READ_CSV:
		return reader->at >= reader->end;
	case READ_TEXT:
		return !reader->at;
	case READ_BINARY:
		break;
	}
	return reader->rest == reader->end;
}

const char *weir_payload_why(const struct weir_payload_reader *reader)
{
	return reader->why;
}

bool weir_payload_stops(const struct weir_payload_reader *reader)
{
	return reader->args->stops;
}
