/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON in a text field becomes fields (`json text out="x, n:int"`), or a record becomes JSON in a text field (`json as=text`): for
 * text from anywhere, lines, programs and messages, and for those who want it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/answer.h"
#include "weir/payload.h"
#include "weir/text.h"

#define UTF8_MAX 4 /* bytes of a character, of which the last may not have fitted */

struct json {
	const char *field, *as;
	struct weir_answer_args answers; /* without a form */
	enum weir_time_form time;
	/* Decoding. */
	struct weir_answer *answer;
	uint32_t from;                    /* the field that is JSON */
	uint32_t origin[WEIR_FIELDS_MAX]; /* of an output field that stays: the input's */
	uint32_t n_kept;
	bool skips, has_warned;
	char *line;
	/* Encoding. */
	struct weir_payload_writer *writer;
	char *message;
	struct weir_block *out;
};

/* ----------------------------------------------------------------------- open */

/* The field that is named, or the only text there is. */
static int find_text(struct weir_node *node, const struct weir_schema *in)
{
	const struct json *json = weir_state(node);
	const char *name = json->field;
	int found = name ? weir_schema_find(in, name) : -ENOENT;
	uint32_t n = 0;

	if (name && found < 0)
		return weir_fail_arg(node, "field", NULL, "unknown field '%s'", name);
	if (name && in->field[found].kind != WEIR_TEXT)
		return weir_fail_arg(node, "field", NULL, "'%s' is not text", name);
	for (uint32_t i = 0; i < in->n_fields && !name; i++) {
		if (in->field[i].kind != WEIR_TEXT)
			continue;
		found = (int)i;
		n++;
	}
	if (!name && n != 1)
		return weir_fail_arg(node, NULL, "as in json text out=\"x, n:int\"",
				     "which field is JSON? There are %u texts", n);
	return found;
}

/* All fields but the JSON; those of a device become native ones, as an operator's are. */
static int keep_others(struct json *json, const struct weir_schema *in, struct weir_schema *out)
{
	weir_schema_init(out, in->clock);
	for (uint32_t i = 0; i < in->n_fields; i++) {
		const struct weir_field *field = &in->field[i];
		int at;

		if (i == json->from)
			continue;
		at = weir_schema_add(out, field->name, field->kind, field->unit, field->bytes);
		if (at < 0)
			return at;
		json->origin[json->n_kept++] = i;
	}
	return 0;
}

static int open_decoder(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct json *json = weir_state(node);
	int from = find_text(node, in), err;

	if (from < 0)
		return from;
	if (json->as)
		return weir_fail_arg(node, "as", "out= decodes, as= encodes", "there is an out= already");
	json->from = (uint32_t)from;
	json->line = malloc(in->field[from].bytes + 1);
	if (!json->line)
		return -ENOMEM;
	err = keep_others(json, in, out);
	return err < 0 ? err : weir_answer_open_after(&json->answer, node, &json->answers, out);
}

static int open_encoder(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct json *json = weir_state(node);
	const char *as = json->as;
	int err;

	if (json->field)
		return weir_fail_arg(node, "field", "as in json text out=\"x, n:int\"",
				     "out= must say which fields the JSON has");
	weir_schema_init(out, in->clock);
	err = weir_schema_add(out, as ? as : "text", WEIR_TEXT, "", json->answers.width);
	if (err < 0)
		return weir_fail_arg(node, as ? "as" : "width", NULL, "this cannot be a field");
	err = weir_payload_writer_open_json(&json->writer, weir_in(node), json->time);
	if (err < 0)
		return err;
	json->message = malloc(weir_payload_max(json->writer));
	return json->message ? 0 : -ENOMEM;
}

static int json_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct json *json = weir_state(node);
	int err = json->answers.out ? open_decoder(node, in, out) : open_encoder(node, in, out);

	return err < 0 ? err : weir_block_open(&json->out, weir_out(node));
}

/* --------------------------------------------------------------------- decode */

static void copy_cell(union weir_column to, uint32_t at, union weir_column from, uint32_t row,
		      const struct weir_field *field)
{
	if (field->kind == WEIR_TEXT)
		memcpy(to.text + (size_t)at * field->bytes, from.text + (size_t)row * field->bytes, field->bytes);
	else if (field->kind == WEIR_REAL)
		to.real[at] = from.real[row];
	else
		to.integer[at] = from.integer[row];
}

/* A text that fills its cell has most probably been cut, at a character. */
static bool seems_cut(const struct weir_field *field, size_t n)
{
	return n + UTF8_MAX >= field->bytes;
}

static int refuse(struct weir_node *node, struct json *json, size_t n)
{
	const struct weir_field *field = &weir_in(node)->field[json->from];
	const char *why = weir_answer_why(json->answer);
	char cut[160] = "";

	if (seems_cut(field, n))
		snprintf(cut, sizeof(cut), "; '%s' was cut to %zu bytes: width= where it comes from lets it be longer",
			 field->name, n);
	if (!json->skips)
		return weir_fail(node, EINVAL, "JSON in field '%s': %s%s", field->name, why, cut);
	if (!json->has_warned)
		weir_warn(node, "%s%s; the record is left out, and so are others like it", why, cut);
	json->has_warned = true;
	weir_lost(node, WEIR_LOST_POISON, 1);
	return 0;
}

static int decode(struct weir_node *node, struct json *json, const struct weir_block *in, uint32_t row)
{
	const struct weir_field *field = &in->schema->field[json->from];
	const char *text = in->column[json->from].text + (size_t)row * field->bytes;
	size_t n = strlen(text);
	int got;

	memcpy(json->line, text, n);
	for (uint32_t i = 0; i < json->n_kept; i++)
		copy_cell(json->out->column[i], json->out->n, in->column[json->origin[i]], row,
			  &in->schema->field[json->origin[i]]);
	got = weir_answer_line(json->answer, json->line, n, json->out, in->t[row]);
	if (!got)
		weir_lost(node, WEIR_LOST_POISON, 1); /* nothing is no object */
	return got < 0 ? refuse(node, json, n) : 0;
}

/* --------------------------------------------------------------------- encode */

static int encode(struct weir_node *node, struct json *json, const struct weir_block *in, uint32_t row)
{
	uint32_t bytes = json->out->schema->field[0].bytes, at = weir_block_add(json->out);
	char *cell = json->out->column[0].text + (size_t)at * bytes;
	size_t n = weir_payload_write(json->writer, json->message, in, row);

	/* Half an object is of no use to anybody. */
	if (n >= bytes) {
		weir_lost(node, WEIR_LOST_CUT, 1);
		if (!json->has_warned)
			weir_warn(node, "objects of %u bytes and more are left out: width= says how long they may be",
				  bytes);
		json->has_warned = true;
		json->out->n--;
		return 0;
	}
	json->out->t[at] = in->t[row];
	memcpy(cell, json->message, n);
	memset(cell + n, 0, bytes - n);
	return 0;
}

static int json_push(struct weir_node *node, const struct weir_block *in)
{
	struct json *json = weir_state(node);
	int err = 0, after;

	json->out->n = 0;
	for (uint32_t row = 0; row < in->n && !err; row++)
		err = json->answer ? decode(node, json, in, row) : encode(node, json, in, row);
	after = weir_emit(node, json->out);
	return err ? err : after;
}

static void json_close(struct weir_node *node)
{
	struct json *json = weir_state(node);

	weir_answer_close(json->answer);
	weir_payload_writer_close(json->writer);
	weir_block_close(json->out);
	free(json->line);
	free(json->message);
}

static const struct weir_param params[] = {
	WEIR_P_TEXT("field", struct json, field, NULL,
		    "to decode: the text field with JSON, replaced by its members; default: the only text",
		    .style = WEIR_POSITIONAL),
	WEIR_P_TEXT("out", struct json, answers.out, NULL,
		    "to decode: members of the object that become fields: \"label:text, score, n:int=samples[0].n\"; "
		    "kinds real (default), int, bool, text"),
	WEIR_P_TEXT("as", struct json, as, NULL, "to encode: name of the resulting text field; default: text"),
	WEIR_P_WORD("time", struct json, time, "ns", weir_time_words,
		    "to encode: form of the record's time; none: left out"),
	WEIR_PARAM_WIDTH(struct json, answers.width,
			 "bytes of a text cell that does not say; an object that does not fit is left out and counted"),
	WEIR_PARAM_ON_ERROR(struct json, skips,
			    "at text that is not such an object, stop the run, or skip the record and count it"),
	{ 0 }
};

static const struct weir_operator_ops json_ops = {
	.state_bytes = sizeof(struct json),
	.open = json_open,
	.push = json_push,
	.close = json_close,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_json = {
	.name = "json",
	.doc = "JSON in a text field to fields, or a record to JSON in a text field",
	.operator_params = params,
	.stage = &json_ops,
};
