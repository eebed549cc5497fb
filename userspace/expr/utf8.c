/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "expr/utf8.h"

#include <string.h>

static bool utf8_is_tail(const unsigned char *at)
{
	return (*at & 0xc0) == 0x80;
}

static uint32_t utf8_bad(const unsigned char *at, uint32_t *length)
{
	*length = 1;
	return WEIR_UTF8_BAD + *at;
}

uint32_t weir_utf8_next(const char *text, const char *end, uint32_t *length)
{
	const unsigned char *at = (const unsigned char *)text;
	uint32_t left = (uint32_t)(end - text);

	*length = 1;
	if (at[0] < 0x80)
		return at[0];
	if (at[0] < 0xc2 || at[0] > 0xf4 || left < 2 || !utf8_is_tail(at + 1))
		return utf8_bad(at, length);
	*length = 2;
	if (at[0] < 0xe0)
		return (at[0] & 0x1fu) << 6 | (at[1] & 0x3fu);
	/* No overlong form, no half of a UTF-16 pair, nothing beyond U+10FFFF. */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
	    (at[0] == 0xf4 && at[1] > 0x8f) || left < 3 || !utf8_is_tail(at + 2))
		return utf8_bad(at, length);
	*length = 3;
	if (at[0] < 0xf0)
		return (at[0] & 0xfu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
	if (left < 4 || !utf8_is_tail(at + 3))
		return utf8_bad(at, length);
	*length = 4;
	return (at[0] & 7u) << 18 | (at[1] & 0x3fu) << 12 | (at[2] & 0x3fu) << 6 | (at[3] & 0x3fu);
}

uint32_t weir_utf8_put(char *to, uint32_t c)
{
	if (c < 0x80 || c >= WEIR_UTF8_BAD) {
		*to = (char)(c < 0x80 ? c : c - WEIR_UTF8_BAD);
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

uint32_t weir_utf8_skip(const char *text, uint32_t bytes, uint64_t n)
{
	uint32_t at = 0, length;

	for (; n && at < bytes; n--, at += length)
		weir_utf8_next(text + at, text + bytes, &length);
	return at;
}

uint32_t weir_utf8_count(const char *text, uint32_t bytes)
{
	uint32_t n = 0, length;

	for (uint32_t at = 0; at < bytes; at += length, n++)
		weir_utf8_next(text + at, text + bytes, &length);
	return n;
}

uint32_t weir_utf8_fit(const char *text, uint32_t bytes, uint32_t room)
{
	uint32_t at = room;

	if (bytes <= room)
		return bytes;
	while (at && room - at < WEIR_UTF8_MAX - 1 && utf8_is_tail((const unsigned char *)text + at))
		at--;
	return utf8_is_tail((const unsigned char *)text + at) ? room : at;
}

bool weir_utf8_is_blank(uint32_t c)
{
	return (c >= '\t' && c <= '\r') || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}
