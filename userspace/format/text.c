/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "weir/text.h"

static bool is_tail(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

size_t weir_text_fit(const char *text, size_t length, size_t room)
{
	if (length <= room)
		return length;
	while (room && is_tail((unsigned char)text[room]))
		room--;
	return room;
}

bool weir_text_put(char *cell, uint32_t bytes, const char *text, size_t length)
{
	size_t kept = weir_text_fit(text, length, bytes - 1);

	memcpy(cell, text, kept);
	memset(cell + kept, 0, bytes - kept);
	return kept < length;
}

/* How many bytes at `s`, which ends in a zero, are one well-formed character; 0: they are not UTF-8 (RFC 3629). */
static size_t utf8_length(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return is_tail(s[1]) ? 2 : 0;
	if ((s[0] & 0xf0) == 0xe0) {
		/* No overlong form, and no half of a UTF-16 pair. */
		bool is_allowed = s[0] == 0xe0 ? s[1] >= 0xa0 : s[0] != 0xed || s[1] < 0xa0;

		return is_tail(s[1]) && is_allowed && is_tail(s[2]) ? 3 : 0;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		bool is_allowed = s[0] == 0xf0 ? s[1] >= 0x90 : s[0] != 0xf4 || s[1] < 0x90;

		return is_tail(s[1]) && is_allowed && is_tail(s[2]) && is_tail(s[3]) ? 4 : 0;
	}
	return 0;
}

/* Also those of Latin 1, which UTF-8 writes as 0xc2 0x80 to 0xc2 0x9f. */
static bool is_control(const unsigned char *s, size_t length)
{
	if (length == 1)
		return (s[0] < ' ' && s[0] != '\n' && s[0] != '\t') || s[0] == 0x7f;
	return !length || (length == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

void weir_text_disarm(char *text, size_t n)
{
	for (size_t at = 0, length; at < n; at += length) {
		const unsigned char *s = (const unsigned char *)text + at;
		bool is_bad;

		length = utf8_length(s);
		is_bad = is_control(s, length);
		length = length ? length : 1;
		if (is_bad)
			memset(text + at, '?', length);
	}
}

void weir_text_line(char *to, size_t room, const char *text)
{
	size_t n = weir_text_fit(text, strlen(text), room - 4);

	memset(to, 0, room);
	memcpy(to, text, n);
	weir_text_disarm(to, n);
	while ((to = strpbrk(to, "\n\t")))
		*to = ' ';
}

static size_t write_control(char *to, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";
	static const char short_form[] = "btn_fr"; /* of 0x08 to 0x0d; 0x0b has none */

	to[0] = '\\';
	if (byte >= 0x08 && byte <= 0x0d && byte != 0x0b) {
		to[1] = short_form[byte - 0x08];
		return 2;
	}
	memcpy(to + 1, "u00", 3);
	to[4] = hex[byte >> 4];
	to[5] = hex[byte & 15];
	return 6;
}

size_t weir_write_json_text(char *to, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = 0;

	to[n++] = '"';
	while (*s) {
		size_t length = utf8_length(s);

		if (!length) {
			memcpy(to + n, "\xef\xbf\xbd", 3);
			n += 3;
		} else if (*s < 0x20 || *s == 0x7f) {
			n += write_control(to + n, *s);
		} else {
			if (*s == '"' || *s == '\\')
				to[n++] = '\\';
			memcpy(to + n, s, length);
			n += length;
		}
		s += length ? length : 1;
	}
	to[n++] = '"';
	return n;
}

size_t weir_write_csv_text(char *to, const char *text)
{
	return weir_write_cell(to, text, ',');
}

size_t weir_write_cell(char *to, const char *text, char separator)
{
	size_t n = strlen(text);
	char *end = to;

	/* Blanks at either end survive only in quotes with some readers, and so do the bytes that mark UTF-8 where a file begins. */
	if (!strchr(text, separator) && !strpbrk(text, "\"\r\n") && strncmp(text, "\xef\xbb\xbf", 3) &&
	    !(n && (text[0] == ' ' || text[n - 1] == ' '))) {
		memcpy(to, text, n);
		return n;
	}
	*end++ = '"';
	for (; *text; text++) {
		if (*text == '"')
			*end++ = '"';
		*end++ = *text;
	}
	*end++ = '"';
	return (size_t)(end - to);
}

const char *weir_read_separator(const char *text, char mark, char *separator)
{
	*separator = !strcmp(text, "tab") || !strcmp(text, "\\t") ? '\t' : text[0];
	if (!*separator || (*separator != '\t' && text[1]) || (unsigned char)*separator >= 0x80)
		return "one character of ASCII stands between cells";
	if (isalnum((unsigned char)*separator) || strchr("+-._", *separator))
		return "numbers and words have this character in them";
	if (strchr("\"'\r\n", *separator))
		return "quotes and ends of lines have their own meaning";
	if (*separator == mark)
		return "this is the decimal mark already";
	return NULL;
}
