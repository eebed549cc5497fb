/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "running.h"

#include <stdlib.h>
#include <string.h>

#include "weir/display.h"

json_t *running_load(const char *which)
{
	char *text = weir_running(which);
	json_t *all = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	if (!all)
		fputs("weir: out of memory\n", stderr);
	return all;
}

double running_number(const json_t *object, const char *member)
{
	return json_number_value(json_object_get(object, member));
}

struct running_totals running_totals(const json_t *pipeline)
{
	struct running_totals totals = { 0 };
	const json_t *node;
	size_t i;

	json_array_foreach(json_object_get(pipeline, "nodes"), i, node)
	{
		const char *role = json_string_value(json_object_get(node, "role"));

		if (role && !strcmp(role, "source"))
			totals.in_rate += running_number(node, "in_rate");
		if (role && !strcmp(role, "sink"))
			totals.out_rate += running_number(node, "in_rate");
	}
	totals.lost = json_integer_value(json_object_get(json_object_get(pipeline, "lost"), "total"));
	return totals;
}

const char *running_name(const json_t *pipeline)
{
	static char name[64];

	running_plain(name, sizeof(name), json_string_value(json_object_get(pipeline, "name")));
	return name;
}

void running_duration(char *out, size_t bytes, double seconds)
{
	unsigned long long s = seconds > 0 ? (unsigned long long)seconds : 0;

	if (s < 60)
		snprintf(out, bytes, "%llus", s);
	else if (s < 3600)
		snprintf(out, bytes, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, bytes, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(out, bytes, "%llud%02lluh", s / 86400, s / 3600 % 24);
}

void running_plain(char *out, size_t bytes, const char *text)
{
	size_t n = 0;

	for (; text && *text && n + 1 < bytes; text++) {
		unsigned char c = (unsigned char)*text;

		/* C1 controls, which begin with C2 in UTF-8, too. */
		if (c == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0) {
			out[n++] = '?';
			text++;
		} else if (c == '\n' || c == '\t') {
			out[n++] = ' ';
		} else {
			out[n++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
		}
	}
	/* Not in the middle of a character. */
	if (text && *text)
		while (n && ((unsigned char)*text & 0xc0) == 0x80) {
			text--;
			n--;
		}
	out[n] = '\0';
}
