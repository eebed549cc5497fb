/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format/output_internal.h"

#define TIME_MAX 40

static size_t put(char *to, const char *text)
{
	size_t n = strlen(text);

	memcpy(to, text, n);
	return n;
}

/* ------------------------------------------------------------------- times */

static size_t write_padded(char *to, uint64_t value, unsigned digits)
{
	for (unsigned i = digits; i-- > 0; value /= 10)
		to[i] = (char)('0' + value % 10);
	return digits;
}

static size_t write_seconds(char *to, int64_t t, char mark)
{
	uint64_t ns = t < 0 ? -(uint64_t)t : (uint64_t)t;
	char *end = to;

	if (t < 0)
		*end++ = '-';
	end += weir_write_integer(end, (int64_t)(ns / 1000000000));
	*end++ = mark;
	end += write_padded(end, ns % 1000000000, 9);
	return (size_t)(end - to);
}

struct date {
	int64_t year;
	unsigned month, day;
};

/*
 * The Gregorian calendar repeats after 400 years, which have 146097 days. Years that begin in March have their leap day last,
 * and months of 31 30 31 30 31 days in turn from then on: 153 days in five.
 */
static struct date date_of(int64_t days_since_1970)
{
	int64_t days = days_since_1970 + 719468; /* from 1 March of the year 0 */
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned in_era = (unsigned)(days - era * 146097);
	unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * in_year + 2) / 153;

	return (struct date){
		.year = era * 400 + year + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = in_year - (153 * month + 2) / 5 + 1,
	};
}

static size_t write_iso(char *to, int64_t t)
{
	int64_t second = t / 1000000000, ns = t % 1000000000, day;
	struct date date;
	unsigned rest;
	char *end = to;

	second -= ns < 0;
	ns += ns < 0 ? 1000000000 : 0;
	day = second / 86400 - (second % 86400 < 0);
	rest = (unsigned)(second - day * 86400);
	date = date_of(day);
	end += write_padded(end, (uint64_t)date.year, 4);
	*end++ = '-';
	end += write_padded(end, date.month, 2);
	*end++ = '-';
	end += write_padded(end, date.day, 2);
	*end++ = 'T';
	end += write_padded(end, rest / 3600, 2);
	*end++ = ':';
	end += write_padded(end, rest / 60 % 60, 2);
	*end++ = ':';
	end += write_padded(end, rest % 60, 2);
	*end++ = '.';
	end += write_padded(end, (uint64_t)ns, 9);
	*end++ = 'Z';
	return (size_t)(end - to);
}

static size_t write_time(const struct weir_output *output, char *to, int64_t t)
{
	/* Unsigned: a time at the end of the clock's range wraps, and does nothing worse. */
	t = (int64_t)((uint64_t)t + (uint64_t)output->epoch_ns);
	switch (output->config.time) {
	case WEIR_TIME_NS:
		return weir_write_integer(to, t);
	case WEIR_TIME_S:
		return write_seconds(to, t, output->config.layout == WEIR_CSV ? output->config.mark : '.');
	case WEIR_TIME_ISO:
		return write_iso(to, t);
	case WEIR_TIME_NONE:
		break;
	}
	return 0;
}

/* -------------------------------------------------------------- preparations */

/* Influx's names have a backslash before what would end them. */
static size_t write_influx_name(char *to, const char *name, const char *special)
{
	size_t n = 0;

	for (; *name; name++) {
		if (strchr(special, *name))
			to[n++] = '\\';
		to[n++] = *name;
	}
	return n;
}

static void prepare_head(struct weir_output *output)
{
	static const char *const json[] = {
		[WEIR_TIME_NS] = "{\"t\":",
		[WEIR_TIME_S] = "{\"t\":",
		[WEIR_TIME_ISO] = "{\"t\":\"",
		[WEIR_TIME_NONE] = "{",
	};
	const struct weir_output_config *config = &output->config;
	char measurement[WEIR_NAME_MAX] = "weir";

	if (config->measurement)
		snprintf(measurement, sizeof(measurement), "%s", config->measurement);
	if (config->layout == WEIR_JSONL)
		output->head_bytes = put(output->head, json[config->time]);
	else if (config->layout == WEIR_INFLUX)
		output->head_bytes = write_influx_name(output->head, measurement, ", ");
}

static void prepare_key(struct weir_output *output, uint32_t i)
{
	const char *name = output->schema->field[i].name;
	bool is_first = !i && output->config.time == WEIR_TIME_NONE;
	char *key = output->key[i], *end = key;

	switch (output->config.layout) {
	case WEIR_JSONL:
		end += put(end, i || output->config.time != WEIR_TIME_ISO ? "," : "\",");
		end += weir_write_json_text(end, name);
		*end++ = ':';
		break;
	case WEIR_CSV:
		*end++ = output->config.separator;
		break;
	case WEIR_INFLUX:
		*end++ = ',';
		end += write_influx_name(end, name, ", =");
		*end++ = '=';
		break;
	case WEIR_RAW:
		break;
	}
	output->key_bytes[i] = (size_t)(end - key);
	if (is_first && output->config.layout <= WEIR_CSV)
		memmove(key, key + 1, --output->key_bytes[i]);
}

static size_t value_max(const struct weir_field *field)
{
	return field->kind == WEIR_TEXT ? 6 * (size_t)field->bytes + 16 : WEIR_NUMBER_MAX;
}

void weir_output_prepare(struct weir_output *output)
{
	prepare_head(output);
	output->line_max = sizeof(output->head) + TIME_MAX + 8;
	for (uint32_t i = 0; i < output->schema->n_fields; i++) {
		prepare_key(output, i);
		output->line_max += WEIR_KEY_MAX + value_max(&output->schema->field[i]);
	}
}

size_t weir_output_header(const struct weir_output *output, char *to)
{
	char *end = to;

	if (output->config.time != WEIR_TIME_NONE)
		*end++ = 't';
	for (uint32_t i = 0; i < output->schema->n_fields; i++) {
		if (end != to)
			*end++ = output->config.separator;
		end += weir_write_cell(end, output->schema->field[i].name, output->config.separator);
	}
	*end++ = '\n';
	return (size_t)(end - to);
}

/* ------------------------------------------------------------------- records */

static const char *cell(const struct weir_field *field, union weir_column column, uint32_t row)
{
	return column.text + (size_t)row * field->bytes;
}

static size_t write_json_value(char *to, const struct weir_field *field, union weir_column column, uint32_t row)
{
	if (field->kind == WEIR_TEXT)
		return weir_write_json_text(to, cell(field, column, row));
	if (field->kind != WEIR_REAL)
		return weir_write_integer(to, column.integer[row]);
	return isfinite(column.real[row]) ? weir_write_real(to, column.real[row]) : put(to, "null");
}

static size_t write_csv_value(const struct weir_output *output, char *to, const struct weir_field *field,
			      union weir_column column, uint32_t row)
{
	char *point;
	size_t n;

	if (field->kind == WEIR_TEXT)
		return weir_write_cell(to, cell(field, column, row), output->config.separator);
	if (field->kind != WEIR_REAL)
		return weir_write_integer(to, column.integer[row]);
	n = weir_write_real(to, column.real[row]);
	point = output->config.mark == '.' ? NULL : memchr(to, '.', n);
	if (point)
		*point = output->config.mark;
	return n;
}

static size_t write_influx_text(char *to, const char *text)
{
	char *end = to;

	*end++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\' || *text == '\n')
			*end++ = '\\';
		*end++ = *text == '\n' ? 'n' : *text;
	}
	*end++ = '"';
	return (size_t)(end - to);
}

static size_t write_influx_value(char *to, const struct weir_field *field, union weir_column column, uint32_t row)
{
	size_t n;

	switch (field->kind) {
	case WEIR_REAL:
		return weir_write_real(to, column.real[row]);
	case WEIR_BOOL:
		return put(to, column.integer[row] ? "true" : "false");
	case WEIR_TEXT:
		return write_influx_text(to, cell(field, column, row));
	case WEIR_INT:
		break;
	}
	n = weir_write_integer(to, column.integer[row]);
	to[n] = 'i';
	return n + 1;
}

static size_t write_json(const struct weir_output *output, char *to, const struct weir_block *block, uint32_t row)
{
	char *end = to;

	memcpy(end, output->head, output->head_bytes);
	end += output->head_bytes;
	end += write_time(output, end, block->t[row]);
	for (uint32_t i = 0; i < output->schema->n_fields; i++) {
		memcpy(end, output->key[i], output->key_bytes[i]);
		end += output->key_bytes[i];
		end += write_json_value(end, &output->schema->field[i], block->column[i], row);
	}
	if (!output->schema->n_fields && output->config.time == WEIR_TIME_ISO)
		*end++ = '"';
	return (size_t)(end - to) + put(end, "}\n");
}

static size_t write_csv(const struct weir_output *output, char *to, const struct weir_block *block, uint32_t row)
{
	char *end = to + write_time(output, to, block->t[row]);

	for (uint32_t i = 0; i < output->schema->n_fields; i++) {
		memcpy(end, output->key[i], output->key_bytes[i]);
		end += output->key_bytes[i];
		end += write_csv_value(output, end, &output->schema->field[i], block->column[i], row);
	}
	/* A line with nothing in it is none. */
	if (end == to)
		end += put(end, "\"\"");
	*end++ = '\n';
	return (size_t)(end - to);
}

/* A field that is no number cannot be said, nor a record that has no field. The first one follows a blank and no comma. */
static size_t write_influx(const struct weir_output *output, char *to, const struct weir_block *block, uint32_t row)
{
	char *end = to + output->head_bytes, *fields = end;

	memcpy(to, output->head, output->head_bytes);
	for (uint32_t i = 0; i < output->schema->n_fields; i++) {
		const struct weir_field *field = &output->schema->field[i];

		if (field->kind == WEIR_REAL && !isfinite(block->column[i].real[row]))
			continue;
		memcpy(end, output->key[i], output->key_bytes[i]);
		end += output->key_bytes[i];
		end += write_influx_value(end, field, block->column[i], row);
	}
	if (end == fields)
		return 0;
	*fields = ' ';
	if (output->config.time != WEIR_TIME_NONE) {
		*end++ = ' ';
		end += weir_write_integer(end, (int64_t)((uint64_t)block->t[row] + (uint64_t)output->epoch_ns));
	}
	*end++ = '\n';
	return (size_t)(end - to);
}

static size_t write_raw(const struct weir_output *output, char *to, const struct weir_block *block, uint32_t row)
{
	char *end = to;

	if (output->config.time != WEIR_TIME_NONE) {
		memcpy(end, &block->t[row], 8);
		end += 8;
	}
	for (uint32_t i = 0; i < output->schema->n_fields; i++) {
		const struct weir_field *field = &output->schema->field[i];
		size_t bytes = field->kind == WEIR_TEXT ? field->bytes : 8, pad = -bytes & 7;

		memcpy(end, block->column[i].text + row * bytes, bytes);
		memset(end + bytes, 0, pad);
		end += bytes + pad;
	}
	return (size_t)(end - to);
}

size_t weir_output_record(const struct weir_output *output, char *to, const struct weir_block *block, uint32_t row)
{
	switch (output->config.layout) {
	case WEIR_JSONL:
		return write_json(output, to, block, row);
	case WEIR_CSV:
		return write_csv(output, to, block, row);
	case WEIR_INFLUX:
		return write_influx(output, to, block, row);
	case WEIR_RAW:
		break;
	}
	return write_raw(output, to, block, row);
}
