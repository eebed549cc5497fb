/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/serial_frame.h"
#include "weir/text.h"

#define BLANKS " \t\n"

/* ------------------------------------------------------------------ description */

/* A decimal below WEIR_FRAME_MAX; what follows it, or NULL. */
static const char *frame_read_count(const char *text, uint32_t *out)
{
	char *end;
	unsigned long value;

	if (!isdigit((unsigned char)*text))
		return NULL;
	value = strtoul(text, &end, 10);
	*out = (uint32_t)value;
	return value < WEIR_FRAME_MAX ? end : NULL;
}

/* "u16be"; what follows it, or NULL. */
static const char *frame_read_type(const char *text, struct weir_frame_number *out)
{
	static const struct {
		const char *word;
		struct weir_frame_number number;
	} types[] = {
		{ "u8", { 1, .is_signed = false } },    { "s8", { 1, .is_signed = true } },
		{ "u16le", { 2, .is_signed = false } }, { "u16be", { 2, .is_big_endian = true } },
		{ "s16le", { 2, .is_signed = true } },  { "s16be", { 2, .is_signed = true, .is_big_endian = true } },
		{ "u32le", { 4, .is_signed = false } }, { "u32be", { 4, .is_big_endian = true } },
		{ "s32le", { 4, .is_signed = true } },  { "s32be", { 4, .is_signed = true, .is_big_endian = true } },
		{ "f32le", { 4, .is_float = true } },   { "f32be", { 4, .is_float = true, .is_big_endian = true } },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		size_t length = strlen(types[i].word);

		if (strncmp(text, types[i].word, length) || text[length] != '@')
			continue;
		*out = types[i].number;
		return text + length;
	}
	return NULL;
}

/* "u16be@6"; what follows it, or NULL. */
static const char *frame_read_number(const char *text, struct weir_frame_number *out)
{
	text = frame_read_type(text, out);
	return text ? frame_read_count(text + 1, &out->at) : NULL;
}

static void frame_need(struct weir_frame_format *format, uint32_t bytes)
{
	format->least = bytes > format->least ? bytes : format->least;
}

static bool frame_parse_header(struct weir_frame_format *format, const char *text, char why[WEIR_FRAME_WHY])
{
	snprintf(why, WEIR_FRAME_WHY, "frame is one to eight bytes in hex, as in \"42 4d\"");
	for (text += strspn(text, BLANKS); *text; text += strspn(text, BLANKS)) {
		char digits[3] = { text[0], text[1], '\0' };

		if (format->n_header == sizeof(format->header) || !isxdigit((unsigned char)digits[0]) ||
		    !isxdigit((unsigned char)digits[1]))
			return false;
		format->header[format->n_header++] = (uint8_t)strtoul(digits, NULL, 16);
		text += 2;
	}
	frame_need(format, format->n_header);
	return format->n_header;
}

static bool frame_parse_length(struct weir_frame_format *format, const char *text, char why[WEIR_FRAME_WHY])
{
	const char *rest = frame_read_count(text, &format->length);

	snprintf(why, WEIR_FRAME_WHY, "length is a number of bytes below %d, or a number in the frame as in u16be@2+4",
		 WEIR_FRAME_MAX);
	if (rest)
		return !*rest;
	rest = frame_read_number(text, &format->length_field);
	if (!rest || format->length_field.is_float || format->length_field.is_signed)
		return false;
	format->has_length_field = true;
	format->length = 0;
	frame_need(format, format->length_field.at + format->length_field.bytes);
	if (*rest == '+')
		rest = frame_read_count(rest + 1, &format->length);
	return rest && !*rest;
}

static uint32_t frame_checksum_bytes(const struct weir_frame_format *format)
{
	static const uint8_t bytes[] = {
		[WEIR_FRAME_NONE] = 0,  [WEIR_FRAME_SUM8] = 1,    [WEIR_FRAME_NEG8] = 1, [WEIR_FRAME_XOR8] = 1,
		[WEIR_FRAME_SUM16] = 2, [WEIR_FRAME_SUM16LE] = 2, [WEIR_FRAME_CRC16] = 2
	};

	return bytes[format->checksum];
}

static bool frame_parse_checksum(struct weir_frame_format *format, const char *text, char why[WEIR_FRAME_WHY])
{
	static const char *const kinds[] = { "none", "sum8", "neg8", "xor8", "sum16", "sum16le", "crc16" };
	size_t length = strcspn(text, "@"), kind = 0;
	const char *rest = text + length;

	snprintf(why, WEIR_FRAME_WHY,
		 "checksum is one of none, sum8, neg8, xor8, sum16, sum16le, crc16, with @AT or @AT:FROM behind it");
	while (kind < sizeof(kinds) / sizeof(*kinds) &&
	       (strlen(kinds[kind]) != length || strncmp(kinds[kind], text, length)))
		kind++;
	if (kind == sizeof(kinds) / sizeof(*kinds))
		return false;
	format->checksum = (enum weir_frame_checksum)kind;
	format->is_at_end = !*rest;
	if (*rest)
		rest = frame_read_count(rest + 1, &format->checksum_at);
	if (rest && *rest == ':')
		rest = frame_read_count(rest + 1, &format->checksum_from);
	if (!rest || *rest || (!format->is_at_end && format->checksum_from >= format->checksum_at))
		return false;
	frame_need(format, format->checksum_at + frame_checksum_bytes(format));
	return true;
}

/* One of "pm25 = u16be@6*0.1", without blanks around it. */
static bool frame_parse_field(struct weir_frame_format *format, struct weir_schema *schema, char *text)
{
	char *equals = strchr(text, '='), *name_end = equals;
	uint32_t i = format->n_fields;
	const char *rest;

	if (!equals || i == WEIR_FIELDS_MAX)
		return false;
	while (name_end > text && strchr(BLANKS, name_end[-1]))
		name_end--;
	*name_end = '\0';
	rest = frame_read_number(equals + 1 + strspn(equals + 1, BLANKS), &format->field[i]);
	if (!rest || !(isalpha((unsigned char)*text) || *text == '_'))
		return false;
	for (const char *at = text; *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '_')
			return false;
	format->scale[i] = format->field[i].is_float ? 1 : NAN;
	if (*rest == '*' && (weir_read_real(rest + 1, &format->scale[i]) || !isfinite(format->scale[i])))
		return false;
	if (*rest && *rest != '*')
		return false;
	frame_need(format, format->field[i].at + format->field[i].bytes);
	format->n_fields++;
	return weir_schema_add(schema, text, isnan(format->scale[i]) ? WEIR_INT : WEIR_REAL, "", 8) >= 0;
}

int weir_frame_parse_fields(struct weir_frame_format *format, struct weir_schema *schema, const char *text,
			    char why[WEIR_FRAME_WHY])
{
	char one[128];

	do {
		size_t n;

		text += strspn(text, BLANKS);
		n = strcspn(text, ",");
		snprintf(why, WEIR_FRAME_WHY, "'%.*s' is not a field as in \"pm25=u16be@6\" or \"volts=u8@9*0.1\"",
			 n < 60 ? (int)n : 60, text);
		if (n >= sizeof(one))
			return -EINVAL;
		memcpy(one, text, n);
		one[n] = '\0';
		while (n && strchr(BLANKS, one[n - 1]))
			one[--n] = '\0';
		if (!frame_parse_field(format, schema, one))
			return -EINVAL;
		text += strcspn(text, ",");
	} while (*text++);
	return 0;
}

/* The shortest frame must have all that is read of it, and its checksum behind that. */
static bool frame_fits(const struct weir_frame_format *format, char why[WEIR_FRAME_WHY])
{
	uint32_t least = format->least + (format->is_at_end ? frame_checksum_bytes(format) : 0);

	snprintf(why, WEIR_FRAME_WHY, "a frame with these fields and this checksum has at least %u bytes", least);
	return least <= WEIR_FRAME_MAX && (format->has_length_field || format->length >= least);
}

int weir_frame_parse(struct weir_frame_format *format, struct weir_schema *schema, const char *const texts[4],
		     const char **which, char why[WEIR_FRAME_WHY])
{
	static const char *const names[] = { "frame", "length", "checksum", "out" };
	int i;

	*format = (struct weir_frame_format){ 0 };
	for (i = 0; i < 4; i++) {
		*which = names[i];
		snprintf(why, WEIR_FRAME_WHY, "a frame needs frame=, length=, checksum= and out=");
		if (!texts[i])
			return -EINVAL;
	}
	*which = names[0];
	if (!frame_parse_header(format, texts[0], why))
		return -EINVAL;
	*which = names[1];
	if (!frame_parse_length(format, texts[1], why))
		return -EINVAL;
	*which = names[2];
	if (!frame_parse_checksum(format, texts[2], why))
		return -EINVAL;
	*which = names[3];
	if (weir_frame_parse_fields(format, schema, texts[3], why))
		return -EINVAL;
	*which = names[1];
	return frame_fits(format, why) ? 0 : -EINVAL;
}

/* --------------------------------------------------------------------- numbers */

static uint32_t frame_bits(const struct weir_frame_number *number, const uint8_t *frame)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < number->bytes; i++) {
		uint32_t at = number->is_big_endian ? i : number->bytes - 1 - i;

		bits = bits << 8 | frame[number->at + at];
	}
	return bits;
}

static int64_t frame_integer(const struct weir_frame_number *number, const uint8_t *frame)
{
	int64_t value = frame_bits(number, frame);

	if (number->is_signed && value >> (8 * number->bytes - 1))
		value -= INT64_C(1) << (8 * number->bytes);
	return value;
}

static double frame_real(const struct weir_frame_number *number, const uint8_t *frame)
{
	uint32_t bits = frame_bits(number, frame);
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

void weir_frame_write(const struct weir_frame_format *format, const struct weir_schema *schema, const uint8_t *frame,
		      char *row)
{
	for (uint32_t i = 0; i < format->n_fields; i++) {
		const struct weir_frame_number *number = &format->field[i];
		int64_t integer = number->is_float ? 0 : frame_integer(number, frame);
		double real = (number->is_float ? frame_real(number, frame) : (double)integer) * format->scale[i];

		if (isnan(format->scale[i]))
			memcpy(row + schema->field[i].at, &integer, sizeof(integer));
		else
			memcpy(row + schema->field[i].at, &real, sizeof(real));
	}
}

/* ---------------------------------------------------------------------- frames */

/* CRC-16/MODBUS: x^16 + x^15 + x^2 + 1, the lowest bit first, from ffff. Modbus over Serial Line 1.02, appendix B. */
static uint16_t frame_crc16(const uint8_t *bytes, size_t n)
{
	uint16_t crc = 0xffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? (uint16_t)(crc >> 1 ^ 0xa001) : (uint16_t)(crc >> 1);
	}
	return crc;
}

static bool frame_checksum_is_right(const struct weir_frame_format *format, const uint8_t *frame, size_t length)
{
	size_t at = format->is_at_end ? length - frame_checksum_bytes(format) : format->checksum_at;
	uint16_t sum = 0;
	uint8_t xor = 0;

	if (format->checksum == WEIR_FRAME_NONE)
		return true;
	for (size_t i = format->checksum_from; i < at; i++) {
		sum = (uint16_t)(sum + frame[i]);
		xor ^= frame[i];
	}
	switch (format->checksum) {
	case WEIR_FRAME_SUM8:
		return frame[at] == (uint8_t)sum;
	case WEIR_FRAME_NEG8:
		return frame[at] == (uint8_t)-sum;
	case WEIR_FRAME_XOR8:
		return frame[at] == xor;
	case WEIR_FRAME_SUM16:
		return (frame[at] << 8 | frame[at + 1]) == sum;
	case WEIR_FRAME_SUM16LE:
		return (frame[at + 1] << 8 | frame[at]) == sum;
	case WEIR_FRAME_CRC16:
		return (frame[at + 1] << 8 | frame[at]) ==
		       frame_crc16(frame + format->checksum_from, at - format->checksum_from);
	case WEIR_FRAME_NONE:
		break;
	}
	return true;
}

/* How many bytes of the header are at `bytes`; 0: it is something else. */
static size_t frame_match(const struct weir_frame_format *format, const uint8_t *bytes, size_t n)
{
	size_t there = n < format->n_header ? n : format->n_header;

	return memcmp(bytes, format->header, there) ? 0 : there;
}

/* Of a frame whose header is there. 0: more bytes are needed for that; SIZE_MAX: it cannot be. */
static size_t frame_length(const struct weir_frame_format *format, const uint8_t *frame, size_t n)
{
	const struct weir_frame_number *field = &format->length_field;
	uint32_t tail = format->is_at_end ? frame_checksum_bytes(format) : 0;
	size_t length = format->length;

	if (format->has_length_field && n < field->at + field->bytes)
		return 0;
	if (format->has_length_field)
		length += frame_bits(field, frame);
	return length < format->least + tail || length > WEIR_FRAME_MAX ? SIZE_MAX : length;
}

enum weir_frame_result weir_frame_find(const struct weir_frame_format *format, const uint8_t *bytes, size_t n,
				       size_t *skip, size_t *length)
{
	size_t at = 0, matched = 0, whole;

	while (at < n && !(matched = frame_match(format, bytes + at, n - at)))
		at++;
	*skip = at;
	*length = 0;
	if (at == n || matched < format->n_header)
		return WEIR_FRAME_PART;
	whole = frame_length(format, bytes + at, n - at);
	if (whole == SIZE_MAX) {
		*skip = at + 1;
		return WEIR_FRAME_LENGTH;
	}
	if (!whole || n - at < whole)
		return WEIR_FRAME_PART;
	if (!frame_checksum_is_right(format, bytes + at, whole)) {
		*skip = at + 1;
		return WEIR_FRAME_CHECKSUM;
	}
	*length = whole;
	return WEIR_FRAME_WHOLE;
}
