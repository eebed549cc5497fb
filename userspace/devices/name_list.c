/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devices/name_list.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/report.h"

void weir_text_append(char *text, size_t bytes, const char *format, ...)
{
	size_t length = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + length, bytes - length, format, arguments);
	va_end(arguments);
}

void weir_text_append_names(char *text, size_t bytes, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		weir_text_append(text, bytes, "%s %s", i ? "," : "", names[i]);
}

bool weir_text_append_nearest(char *text, size_t bytes, const char *word, const char *const *names, size_t n)
{
	const char *nearest = weir_nearest(word, strlen(word), names, n);

	if (nearest)
		weir_text_append(text, bytes, "; did you mean '%s'?", nearest);
	return nearest;
}
