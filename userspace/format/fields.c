/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/fields.h"

#define INDEX_DIGITS 6

/* A part of a declaration, without blanks around it. */
struct part {
	const char *at;
	int n;
};

static struct part trimmed(const char *from, const char *to)
{
	while (from < to && isspace((unsigned char)*from))
		from++;
	while (from < to && isspace((unsigned char)to[-1]))
		to--;
	return (struct part){ from, (int)(to - from) };
}

/* The part up to one of `stops`, and `*text` behind that. */
static struct part take_part(const char **text, const char *stops)
{
	const char *from = *text, *to = from + strcspn(from, stops);

	*text = to;
	return trimmed(from, to);
}

static bool is_name(struct part part)
{
	if (!part.n || part.n >= WEIR_NAME_MAX || isdigit((unsigned char)part.at[0]))
		return false;
	for (int i = 0; i < part.n; i++)
		if (!isalnum((unsigned char)part.at[i]) && part.at[i] != '_')
			return false;
	return true;
}

static int find_kind(struct part part)
{
	static const struct {
		const char *word;
		enum weir_kind kind;
	} kinds[] = {
		{ "real", WEIR_REAL }, { "f64", WEIR_REAL },  { "int", WEIR_INT },   { "s64", WEIR_INT },
		{ "i64", WEIR_INT },   { "bool", WEIR_BOOL }, { "text", WEIR_TEXT },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((size_t)part.n == strlen(kinds[i].word) && !memcmp(part.at, kinds[i].word, (size_t)part.n))
			return (int)kinds[i].kind;
	return -EINVAL;
}

static int wrong(char *why, const char *format, struct part part)
{
	snprintf(why, WEIR_FIELDS_WHY, format, part.n < 40 ? part.n : 40, part.at);
	return -EINVAL;
}

/* `:KIND[:BYTES]`, if it is there. */
static int take_kind(const char **text, uint32_t *bytes, char *why)
{
	struct part part;
	char *end;
	int kind;

	if (**text != ':')
		return WEIR_REAL;
	++*text;
	part = take_part(text, ":,=");
	kind = find_kind(part);
	if (kind < 0)
		return wrong(why, "'%.*s' is no kind of field: real, int, bool or text", part);
	if (**text != ':')
		return kind;
	++*text;
	part = take_part(text, ":,=");
	*bytes = (uint32_t)strtoul(part.at, &end, 10);
	if (kind != WEIR_TEXT || !part.n || end != part.at + part.n || *bytes < 2 || *bytes > WEIR_ROW_MAX)
		return wrong(why, "'%.*s' is no size of a text in bytes", part);
	return kind;
}

/* Names of members with dots between them, and indices in brackets behind them. */
static bool is_place(struct part part)
{
	const char *at = part.at, *end = part.at + part.n;

	while (at < end) {
		size_t n = strcspn(at, ".[] \t,");

		at += n;
		while (n && at < end && *at == '[') {
			n = strspn(at + 1, "0123456789");
			at += n + 1;
			n = n && n <= INDEX_DIGITS && at < end && *at == ']';
			at += n;
		}
		if (!n || (at < end && *at != '.') || at + 1 == end)
			return false;
		at += at < end;
	}
	return part.n && at == end;
}

/* `=PLACE`, if it is there. */
static int take_place(const char **text, struct weir_place *place, char *why)
{
	struct part part;

	if (place)
		*place = (struct weir_place){ 0 };
	if (**text != '=')
		return 0;
	++*text;
	part = take_part(text, ",");
	if (!place)
		return wrong(why, "'%.*s' is a place in JSON, and nothing here is JSON", part);
	if (!is_place(part))
		return wrong(why, "'%.*s' is no place in an object, as a.b[0] is", part);
	*place = (struct weir_place){ part.at, (uint32_t)part.n };
	return 0;
}

static int add_one(struct weir_schema *schema, const char **text, uint32_t bytes, struct weir_place *place, char *why)
{
	struct part part = take_part(text, ":,=");
	char name[WEIR_NAME_MAX] = "";
	int kind, err;

	if (!is_name(part) && place && is_place(part))
		return wrong(why, "'%.*s' is a place and needs a name, as in x=a.b", part);
	if (!is_name(part))
		return wrong(why, "'%.*s' cannot name a field", part);
	memcpy(name, part.at, (size_t)part.n);
	kind = take_kind(text, &bytes, why);
	if (kind < 0)
		return kind;
	if (**text == ':')
		return wrong(why, "'%.*s' says more than a kind and a size", part);
	err = take_place(text, place ? &place[schema->n_fields] : NULL, why);
	if (err < 0)
		return err;
	err = weir_schema_add(schema, name, (enum weir_kind)kind, "", bytes);
	if (err == -EEXIST)
		return wrong(why, "'%.*s' is the name of another field, or of the time", part);
	if (err < 0)
		snprintf(why, WEIR_FIELDS_WHY, "'%.40s' does not fit in one record: %s", name,
			 weir_schema_limit(schema->n_fields, strlen(name)));
	return err < 0 ? -EINVAL : 0;
}

int weir_fields_add(struct weir_schema *schema, const char *text, uint32_t text_bytes, struct weir_place *place,
		    char why[WEIR_FIELDS_WHY])
{
	for (;;) {
		int err = add_one(schema, &text, text_bytes, place, why);

		if (err < 0 || !*text)
			return err;
		text++;
	}
}
