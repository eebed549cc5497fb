/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "message/property.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "weir/text.h"

/* ----------------------------------------------------------------------- open */

static const char *const blanks = " \t\n";

static void list_names(const struct weir_inbox_property *table, char *to, size_t room)
{
	size_t n = (size_t)snprintf(to, room, "there are");

	for (; table->name && n < room; table++)
		n += (size_t)snprintf(to + n, room - n, " %s%s", table->name,
				      table->name[strlen(table->name) - 1] == '.' ? "NAME" : "");
}

/* An entry that ends in a dot is the beginning of many names. */
static const struct weir_inbox_property *find(const struct weir_inbox_property *table, const char *name, size_t n)
{
	for (; table->name; table++) {
		size_t length = strlen(table->name);
		bool is_prefix = table->name[length - 1] == '.';

		if (is_prefix ? n > length && n - length < WEIR_PROPERTY_NAME && !strncmp(name, table->name, length)
			      : n == length && !strncmp(name, table->name, length))
			return table;
	}
	return NULL;
}

static bool is_field_name(const char *text, size_t n)
{
	if (!n || n >= WEIR_NAME_MAX || isdigit((unsigned char)*text))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '_')
			return false;
	return true;
}

static int add_field(struct weir_node *node, struct weir_schema *schema, const struct weir_inbox_property *kind,
		     const char *name, size_t n, uint32_t width)
{
	char field[WEIR_NAME_MAX] = "";
	int number;

	if (!is_field_name(name, n))
		return weir_fail_arg(node, "properties", "as in user.Content-Id as id", "'%.*s' is not a field name",
				     (int)n, name);
	memcpy(field, name, n);
	number = weir_schema_add(schema, field, kind->kind, kind->unit, kind->kind == WEIR_TEXT ? width : 8);
	if (number == -EEXIST)
		return weir_fail_arg(node, "properties", NULL, "'%s' is the name of another field, or of the time",
				     field);
	if (number < 0)
		return weir_fail_arg(node, "properties", NULL, "a field '%s' does not fit in one record: %s", field,
				     weir_schema_limit(schema->n_fields, n));
	return number;
}

/* What stands behind the name: nothing, or `as FIELD`. @return the field's name, NULL: neither. */
static const char *take_alias(const char *rest, const char *end, size_t *n)
{
	const char *at = rest + strspn(rest, blanks), *name;

	if (end - at < 4 || strncmp(at, "as", 2) || !strchr(blanks, at[2]))
		return NULL;
	name = at + 2 + strspn(at + 2, blanks);
	*n = strcspn(name, " \t\n,");
	at = name + *n;
	return at + strspn(at, blanks) >= end ? name : NULL;
}

/* One item, from `at` up to `end`. */
static int open_one(struct weir_properties *properties, struct weir_node *node, struct weir_schema *schema,
		    const struct weir_inbox_property *table, const char *at, const char *end, uint32_t width)
{
	struct weir_property *property = &properties->wanted[properties->n];
	size_t n = strcspn(at, " \t\n,"), n_alias = 0, prefix;
	const struct weir_inbox_property *kind = find(table, at, n);
	const char *alias = at + n;
	char hint[300];
	int field;

	if (!kind) {
		list_names(table, hint, sizeof(hint));
		return weir_fail_arg(node, "properties", hint, "messages have no property '%.*s'", (int)n, at);
	}
	prefix = strlen(kind->name) < n ? strlen(kind->name) : 0;
	if (alias + strspn(alias, blanks) < end) {
		alias = take_alias(alias, end, &n_alias);
	} else {
		alias = at + prefix;
		n_alias = n - prefix;
	}
	if (!alias || properties->n == WEIR_PROPERTIES_MAX)
		return weir_fail_arg(node, "properties", "as in content_type, user.room as room", "%s",
				     alias ? "there are too many properties"
					   : "a property stands alone, or with 'as' and the name of its field");
	field = add_field(node, schema, kind, alias, n_alias, width);
	if (field < 0)
		return field;
	*property = (struct weir_property){ .kind = kind, .field = (uint32_t)field };
	if (prefix)
		snprintf(property->name, sizeof(property->name), "%.*s", (int)(n - prefix), at + prefix);
	properties->n++;
	return 0;
}

int weir_properties_open(struct weir_properties *properties, struct weir_node *node, const char *at,
			 struct weir_schema *schema, const struct weir_inbox_property *table, uint32_t width)
{
	int err = 0;

	while (table && at && !err) {
		const char *end = at + strcspn(at, ",");

		at += strspn(at, blanks);
		err = open_one(properties, node, schema, table, at, end, width);
		at = *end ? end + 1 : NULL;
	}
	return err;
}

/* --------------------------------------------------------------------- values */

static struct weir_inbox_value value_of(const struct weir_property *property, const struct weir_inbox_message *message)
{
	struct weir_inbox_value value = { .text = "", .real = property->kind->kind == WEIR_REAL ? NAN : 0 };

	if (message->get)
		message->get(message->context, property->kind, property->name, &value);
	return value;
}

size_t weir_properties_bytes(const struct weir_properties *properties, const struct weir_inbox_message *message)
{
	size_t n = 0;

	for (uint32_t i = 0; i < properties->n; i++) {
		const struct weir_property *property = &properties->wanted[i];

		n += property->kind->kind == WEIR_TEXT ? 4 + value_of(property, message).n : 8;
	}
	return n;
}

char *weir_properties_pack(const struct weir_properties *properties, const struct weir_inbox_message *message, char *to)
{
	for (uint32_t i = 0; i < properties->n; i++) {
		struct weir_inbox_value value = value_of(&properties->wanted[i], message);
		uint32_t n = (uint32_t)value.n;

		switch (properties->wanted[i].kind->kind) {
		case WEIR_TEXT:
			memcpy(to, &n, 4);
			if (n)
				memcpy(to + 4, value.text, n);
			to += 4 + n;
			break;
		case WEIR_REAL:
			memcpy(to, &value.real, 8);
			to += 8;
			break;
		default:
			memcpy(to, &value.integer, 8);
			to += 8;
		}
	}
	return to;
}

/* @return was a text cut? */
static bool unpack_one(const struct weir_property *property, const char **from, struct weir_block *block)
{
	union weir_column column = block->column[property->field];
	uint32_t row = block->n - 1, bytes = block->schema->field[property->field].bytes, n;
	const char *at = *from;

	*from += 8;
	if (property->kind->kind == WEIR_REAL)
		memcpy(&column.real[row], at, 8);
	else if (property->kind->kind != WEIR_TEXT)
		memcpy(&column.integer[row], at, 8);
	if (property->kind->kind != WEIR_TEXT)
		return false;
	memcpy(&n, at, 4);
	*from = at + 4 + n;
	return weir_text_put(column.text + (size_t)row * bytes, bytes, at + 4, n);
}

uint32_t weir_properties_unpack(const struct weir_properties *properties, const char *from, struct weir_block *block)
{
	uint32_t cut = 0;

	for (uint32_t i = 0; i < properties->n; i++)
		cut += unpack_one(&properties->wanted[i], &from, block);
	return cut;
}
