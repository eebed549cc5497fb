/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a custom filter may declare as its row. The structure that weir suggests is laid out here as a C compiler would, so
 * that what is suggested is always accepted; and each way of being wrong is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filter/custom_row.h"
#include "random_filter.h"

struct layout {
	char names[WEIR_FIELDS_MAX + 8][WEIR_NAME_MAX];
	struct weir_custom_member member[WEIR_FIELDS_MAX + 8];
	uint32_t n, bytes;
};

/* " __be32 name[3]": one member behind those before it, aligned to its size. */
static void lay_out(struct layout *layout, const char *text, uint32_t *unit)
{
	struct weir_custom_member *member = &layout->member[layout->n];
	char *name = layout->names[layout->n++], type[8];
	unsigned bits, count = 1;

	assert_true(sscanf(text, " __%7[a-z]%u %47[^[][%u]", type, &bits, name, &count) >= 3);
	*member = (struct weir_custom_member){
		.name = name,
		.bytes = bits / 8 * count,
		.is_integer = count == 1,
		.is_signed = *type == 's',
		.is_big_endian = !strcmp(type, "be"),
	};
	layout->bytes = (layout->bytes + bits / 8 - 1) / (bits / 8) * (bits / 8);
	member->bit = 8 * layout->bytes;
	layout->bytes += member->bytes;
	*unit = bits / 8 > *unit ? bits / 8 : *unit;
}

static void read_suggestion(const struct weir_schema *schema, struct layout *layout)
{
	char *text = NULL, *rest, *word;
	uint32_t unit = 1;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	weir_custom_print_row(schema, stream);
	fclose(stream);
	*layout = (struct layout){ 0 };
	assert_int_equal(strncmp(text, "struct row {", 12), 0);
	for (word = strtok_r(text + 12, ";", &rest); word && strcmp(word, " }"); word = strtok_r(NULL, ";", &rest))
		lay_out(layout, word, &unit);
	layout->bytes = (layout->bytes + unit - 1) / unit * unit;
	free(text);
}

/* Some fields are not in the row that the user sees, as with devices that push more channels than were asked for. */
static void hide_some(struct dice *dice, struct weir_schema *schema)
{
	while (schema->n_fields > 1 && !roll_below(dice, 3)) {
		uint32_t gone = roll_below(dice, schema->n_fields);

		schema->field[gone] = schema->field[--schema->n_fields];
	}
	schema->row_bytes += 8 * roll_below(dice, 2);
}

/* What is suggested for a random schema has its fields where they are, and its size. */
static void test_suggestion_fits(void **state)
{
	struct dice dice = { 21 };

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct weir_schema schema;
		struct layout layout;
		char why[WEIR_CUSTOM_WHY_MAX];

		random_schema(&dice, &schema);
		hide_some(&dice, &schema);
		read_suggestion(&schema, &layout);
		assert_true(layout.n > schema.n_fields);
		for (uint32_t k = 0; k < layout.n; k++)
			assert_int_equal(weir_custom_check_member(&layout.member[k], &schema, why), 0);
		assert_int_equal(weir_custom_check_size(layout.bytes, &schema, why), 0);
	}
}

static const struct weir_schema accel = {
	.row_bytes = 24,
	.n_fields = 3,
	.t = { .name = "t", .at = 16, .bytes = 8, .bits = 64, .is_signed = true },
	.field = { { .name = "x", .kind = WEIR_REAL, .at = 0, .bytes = 4, .bits = 32, .is_signed = true },
		   { .name = "y", .kind = WEIR_REAL, .at = 4, .bytes = 4, .bits = 12, .shift = 4, .is_signed = true },
		   { .name = "f", .kind = WEIR_REAL, .at = 8, .bytes = 8, .bits = 64, .is_float = true } },
};

static const struct weir_custom_member x = { .name = "x", .bytes = 4, .is_integer = true, .is_signed = true };

static bool is_refused(struct weir_custom_member member, const char *words)
{
	char why[WEIR_CUSTOM_WHY_MAX] = "";

	return weir_custom_check_member(&member, &accel, why) == -EINVAL && strstr(why, words);
}

/* Each property of a member counts, and the message says which one is wrong. */
static void test_wrong_members(void **state)
{
	struct weir_custom_member wrong;
	char why[WEIR_CUSTOM_WHY_MAX];

	(void)state;
	assert_int_equal(weir_custom_check_member(&x, &accel, why), 0);
	wrong = x, wrong.name = "X";
	assert_true(is_refused(wrong, "'X' is no field"));
	wrong = x, wrong.bit = 32;
	assert_true(is_refused(wrong, "4 bytes from byte 4 of the row on, and here 4 from byte 0"));
	wrong = x, wrong.bytes = 8;
	assert_true(is_refused(wrong, "'x' has 8 bytes"));
	wrong = x, wrong.is_signed = false;
	assert_true(is_refused(wrong, "'x' is signed"));
	wrong = x, wrong.is_big_endian = true;
	assert_true(is_refused(wrong, "byte order"));
	wrong = x, wrong.is_integer = false;
	assert_true(is_refused(wrong, "plain integer"));
	assert_int_equal(weir_custom_check_size(32, &accel, why), -EINVAL);
	assert_non_null(strstr(why, "32 bytes, and here they have 24"));
}

/* Bits that do not fill their storage have the sign that the filter gives them, floats are bits, padding is anything. */
static void test_free_members(void **state)
{
	const struct weir_custom_member members[] = {
		{ .name = "y", .bit = 32, .bytes = 4, .is_integer = true },
		{ .name = "y", .bit = 32, .bytes = 4, .is_integer = true, .is_signed = true },
		{ .name = "f", .bit = 64, .bytes = 8, .is_integer = true },
		{ .name = "t", .bit = 128, .bytes = 8, .is_integer = true, .is_signed = true },
		{ .name = "_rest", .bit = 7, .bytes = 99 },
	};
	char why[WEIR_CUSTOM_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		assert_int_equal(weir_custom_check_member(&members[i], &accel, why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suggestion_fits),
		cmocka_unit_test(test_wrong_members),
		cmocka_unit_test(test_free_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
