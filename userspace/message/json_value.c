/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "message/json_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXACT 9007199254740992.0 /* 2^53: from here on a real is not every integer */

json_t *weir_json_load(const char *text, size_t n, size_t flags, json_error_t *error)
{
	json_t *value = json_loadb(text, n, flags, error);

	if (!value && json_error_code(error) == json_error_numeric_overflow)
		value = json_loadb(text, n, flags | JSON_DECODE_INT_AS_REAL, error);
	if (!value && json_error_code(error) == json_error_null_character)
		strcpy(error->text, "a text has a zero in it");
	return value;
}

bool weir_json_integer(const json_t *value, int64_t *to)
{
	double real = json_real_value(value);

	if (json_is_integer(value)) {
		*to = json_integer_value(value);
		return true;
	}
	if (!json_is_real(value) || !(fabs(real) <= EXACT) || real != floor(real))
		return false;
	*to = (int64_t)real;
	return true;
}

const json_t *weir_json_find(const json_t *object, const char *place, uint32_t n)
{
	const char *end = place + n;

	while (object && place < end) {
		size_t length = 0;

		if (*place == '[') {
			object = json_array_get(object, strtoul(place + 1, NULL, 10));
			place = (const char *)memchr(place, ']', (size_t)(end - place)) + 1;
			continue;
		}
		place += *place == '.';
		while (place + length < end && place[length] != '.' && place[length] != '[')
			length++;
		object = json_object_getn(object, place, length);
		place += length;
	}
	return object;
}
