/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows to columns and back, against a model that looks at one bit at a time. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "stream/record.h"
#include "weir/whole.h"

#define ROWS 100

/* Bit `i` of a stored integer, counted from its least significant. */
static unsigned stored_bit(const struct weir_field *field, const unsigned char *row, unsigned i)
{
	unsigned byte = field->is_big_endian ? field->bytes - 1 - i / 8 : i / 8;

	return row[field->at + byte] >> i % 8 & 1;
}

static int64_t model_raw(const struct weir_field *field, const unsigned char *row)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 64; i++) {
		/* Above the highest bit a signed number repeats it. */
		unsigned from = i < field->bits ? i : field->bits - 1u;

		if (i < field->bits || field->is_signed)
			value |= (uint64_t)stored_bit(field, row, field->shift + from) << i;
	}
	return (int64_t)value;
}

static struct weir_field random_field(uint64_t *random)
{
	struct weir_field field = { .kind = WEIR_REAL, .scale = 1 };
	unsigned total;

	field.bytes = 1u << harness_below(random, 4);
	total = field.bytes * 8;
	field.bits = (uint8_t)(harness_below(random, 2) ? total : 1 + harness_below(random, total));
	field.shift = (uint8_t)harness_below(random, total - field.bits + 1);
	field.is_signed = harness_below(random, 2);
	field.is_big_endian = harness_below(random, 2);
	field.at = harness_below(random, 57); /* not aligned to anything */
	if (harness_below(random, 2)) {
		field.scale = harness_uniform(random) * 10;
		field.offset = harness_uniform(random) * 1000;
	}
	return field;
}

static void randomise(void *memory, size_t bytes, uint64_t *random)
{
	for (size_t i = 0; i < bytes; i++)
		((unsigned char *)memory)[i] = (unsigned char)harness_random(random);
}

/* Every layout that IIO's ABI can describe gives the raw integer that its bits say, whatever lies around them. */
static void raw_follows_the_bits(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct weir_field field = random_field(&random);
		unsigned char row[64];

		randomise(row, sizeof(row), &random);
		assert_int_equal(weir_field_raw(&field, row), model_raw(&field, row));
	}
}

/* The physical value is (raw + offset) * scale in exactly that order, and 64 bits without a sign are not negative. */
static void physical_is_offset_then_scale(void **state)
{
	struct weir_field field = { .bytes = 8, .bits = 64, .scale = 0.1, .offset = 0.3 };
	volatile double sum = 7 + 0.3;

	(void)state;
	assert_true(weir_field_physical(&field, 7) == sum * 0.1);
	field.scale = 1;
	field.offset = 0;
	assert_true(weir_field_physical(&field, -1) == 0x1p64);
	field.is_signed = true;
	assert_true(weir_field_physical(&field, -1) == -1);
}

/* A schema of one field, at a random place of a row of 64 bytes. */
static struct weir_schema schema_of(const struct weir_field *field)
{
	struct weir_schema schema;

	weir_schema_init(&schema, WEIR_CLOCK_MONOTONIC);
	schema.row_bytes = 72;
	schema.t.at = 64;
	schema.n_fields = 1;
	schema.field[0] = *field;
	strcpy(schema.field[0].name, "x");
	return schema;
}

static int64_t model_integer(double value)
{
	if (value != value)
		return 0;
	if (value >= 0x1p63)
		return INT64_MAX;
	return value < -0x1p63 ? INT64_MIN : llrint(value);
}

static void expect_decoded(const struct weir_field *field, const unsigned char *row, union weir_column column,
			   uint32_t i)
{
	int64_t raw = model_raw(field, row);
	double value = weir_field_physical(field, raw);
	int64_t integer = field->scale == 1 && field->offset == 0 ? raw : model_integer(value);

	if (field->kind == WEIR_REAL)
		assert_memory_equal(&column.real[i], &value, sizeof(value));
	else if (field->kind == WEIR_INT)
		assert_int_equal(column.integer[i], integer);
	else
		assert_int_equal(column.integer[i], integer != 0);
}

/* Decoding a block gives for each row what decoding that row alone gives, in the fast loops and in the general one. */
static void decode_follows_the_model(void **state)
{
	uint64_t random = 2;
	unsigned char rows[ROWS * 72];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct weir_field field = random_field(&random);
		struct weir_schema schema;
		struct weir_block *block;
		uint32_t n = harness_below(&random, ROWS + 1);

		field.kind = (enum weir_kind)harness_below(&random, 3);
		schema = schema_of(&field);
		assert_int_equal(weir_schema_check(&schema), 0);
		assert_int_equal(weir_block_open(&block, &schema), 0);
		randomise(rows, sizeof(rows), &random);
		weir_rows_decode(&schema, rows, n, block);
		assert_int_equal(block->n, n);
		for (uint32_t k = 0; k < n; k++) {
			expect_decoded(&field, rows + k * 72, block->column[0], k);
			assert_int_equal(block->t[k], model_raw(&schema.t, rows + k * 72));
		}
		weir_block_close(block);
	}
}

/* Floats of both sizes and both byte orders keep their value, NaN and infinity too. */
static void floats_are_kept(void **state)
{
	static const double values[] = { 0, -0.0, 1.5, -3e38, INFINITY, -INFINITY, NAN };

	(void)state;
	for (unsigned v = 0; v < 7; v++)
		for (unsigned variant = 0; variant < 4; variant++) {
			struct weir_field field = { .kind = WEIR_REAL,
						    .bytes = variant & 1 ? 4 : 8,
						    .is_float = true,
						    .is_big_endian = variant & 2,
						    .at = 3,
						    .scale = 1 };
			struct weir_schema schema = schema_of(&field);
			float single = (float)values[v];
			unsigned char row[72] = { 0 }, *bits = variant & 1 ? (void *)&single : (void *)&values[v];
			struct weir_block *block;

			for (unsigned i = 0; i < field.bytes; i++)
				row[3 + i] = bits[field.is_big_endian ? field.bytes - 1 - i : i];
			assert_int_equal(weir_block_open(&block, &schema), 0);
			weir_rows_decode(&schema, row, 1, block);
			if (isnan(values[v]))
				assert_true(isnan(block->column[0].real[0]));
			else
				assert_true(block->column[0].real[0] == (variant & 1 ? single : values[v]));
			weir_block_close(block);
		}
}

static void random_native_schema(struct weir_schema *schema, uint64_t *random)
{
	uint32_t n = harness_below(random, 12);

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	for (uint32_t i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(weir_schema_add(schema, name, (enum weir_kind)harness_below(random, 4), "V",
						 1 + harness_below(random, 50)),
				 (int)i);
	}
}

static void random_column(const struct weir_field *field, union weir_column column, uint64_t *random)
{
	for (uint32_t k = 0; k < ROWS; k++) {
		if (field->kind == WEIR_REAL)
			column.real[k] = harness_uniform(random);
		else if (field->kind == WEIR_TEXT)
			snprintf(column.text + (size_t)k * field->bytes, field->bytes, "%u",
				 harness_below(random, 100000));
		else
			column.integer[k] = field->kind == WEIR_BOOL ? harness_below(random, 2)
								     : (int64_t)harness_random(random);
	}
}

static void expect_same_cells(const struct weir_field *field, union weir_column a, union weir_column b, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++)
		if (field->kind == WEIR_TEXT)
			assert_string_equal(a.text + (size_t)k * field->bytes, b.text + (size_t)k * field->bytes);
		else
			assert_int_equal(a.integer[k], b.integer[k]);
}

/* What an operator writes into a ring is what the next agent reads out of it, from any record of the block on. */
static void native_round_trip(void **state)
{
	uint64_t random = 3;
	static unsigned char rows[ROWS * WEIR_ROW_MAX];

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct weir_schema schema;
		struct weir_block *out, *in, part;
		uint32_t from = harness_below(&random, ROWS);

		random_native_schema(&schema, &random);
		assert_int_equal(weir_schema_check(&schema), 0);
		assert_int_equal(weir_block_open(&out, &schema), 0);
		assert_int_equal(weir_block_open(&in, &schema), 0);
		for (uint32_t f = 0; f < schema.n_fields; f++)
			random_column(&schema.field[f], out->column[f], &random);
		for (uint32_t k = 0; k < ROWS; k++)
			out->t[k] = (int64_t)harness_random(&random);
		out->n = ROWS;
		weir_rows_encode(&schema, out, from, ROWS - from, rows);
		weir_rows_decode(&schema, rows, ROWS - from, in);
		weir_block_slice(&part, out, from, ROWS - from);
		assert_memory_equal(part.t, in->t, in->n * sizeof(*in->t));
		for (uint32_t f = 0; f < schema.n_fields; f++)
			expect_same_cells(&schema.field[f], part.column[f], in->column[f], in->n);
		weir_block_close(in);
		weir_block_close(out);
	}
}

/* Text from a row that was being overwritten still ends within its cell. */
static void text_always_ends(void **state)
{
	struct weir_schema schema;
	struct weir_block *block;
	char rows[3 * 16];

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	assert_int_equal(weir_schema_add(&schema, "text", WEIR_TEXT, "", 5), 0);
	assert_int_equal(schema.row_bytes, 16);
	memset(rows, 'a', sizeof(rows));
	assert_int_equal(weir_block_open(&block, &schema), 0);
	weir_rows_decode(&schema, rows, 3, block);
	for (int i = 0; i < 3; i++)
		assert_string_equal(block->column[0].text + i * 5, "aaaa");
	weir_block_close(block);
}

/* The native form of a schema has the same fields, and still knows from what raw integers its values came. */
static void native_schema_keeps_scale(void **state)
{
	struct weir_field field = {
		.kind = WEIR_REAL, .at = 2, .bytes = 2, .bits = 12, .shift = 4, .scale = 0.5, .offset = 3
	};
	struct weir_schema schema = schema_of(&field), native;

	(void)state;
	weir_schema_native(&schema, &native);
	assert_int_equal(native.n_fields, 1);
	assert_int_equal(native.row_bytes, 16);
	assert_string_equal(native.field[0].name, "x");
	assert_true(native.field[0].is_float);
	assert_true(native.field[0].scale == 0.5 && native.field[0].offset == 3);
	assert_int_equal(weir_schema_check(&native), 0);
}

/* Names are taken once, `t` never, and neither fields nor bytes go beyond their bounds. */
static void schema_has_bounds(void **state)
{
	struct weir_schema schema;
	char name[16];

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	assert_int_equal(weir_schema_add(&schema, "x", WEIR_REAL, NULL, 0), 0);
	assert_int_equal(weir_schema_add(&schema, "x", WEIR_INT, NULL, 0), -EEXIST);
	assert_int_equal(weir_schema_add(&schema, "t", WEIR_INT, NULL, 0), -EEXIST);
	assert_int_equal(weir_schema_add(&schema, "text", WEIR_TEXT, NULL, WEIR_ROW_MAX), -E2BIG);
	assert_int_equal(
		weir_schema_add(&schema, "a_name_that_is_longer_than_any_name_is_allowed_to_be", WEIR_INT, NULL, 0),
		-E2BIG);
	for (int i = 1; i < WEIR_FIELDS_MAX; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(weir_schema_add(&schema, name, WEIR_INT, NULL, 0), i);
	}
	assert_int_equal(weir_schema_add(&schema, "one_more", WEIR_INT, NULL, 0), -E2BIG);
	assert_int_equal(weir_schema_find(&schema, "f5"), 5);
	assert_int_equal(weir_schema_find(&schema, "f"), -ENOENT);
}

static void expect_unsound(struct weir_field field)
{
	struct weir_schema schema = schema_of(&field);

	assert_int_equal(weir_schema_check(&schema), -EINVAL);
}

/* A field that does not lie in its row, or whose bits do not lie in its bytes, is refused. */
static void unsound_schemas_are_refused(void **state)
{
	struct weir_field good = { .kind = WEIR_REAL, .at = 0, .bytes = 2, .bits = 12, .shift = 4, .scale = 1 }, field;
	struct weir_schema schema = schema_of(&good);

	(void)state;
	assert_int_equal(weir_schema_check(&schema), 0);
	field = good, field.at = 71, expect_unsound(field);
	field = good, field.at = UINT32_MAX, expect_unsound(field);
	field = good, field.bytes = 3, expect_unsound(field);
	field = good, field.bits = 0, expect_unsound(field);
	field = good, field.shift = 5, expect_unsound(field);
	field = good, field.scale = 0, expect_unsound(field);
	field = good, field.offset = NAN, expect_unsound(field);
	field = good, field.is_float = true, expect_unsound(field);
	schema.n_fields = 2;
	schema.field[1] = schema.field[0];
	assert_int_equal(weir_schema_check(&schema), -EINVAL);
	schema = schema_of(&good);
	schema.row_bytes = 0;
	assert_int_equal(weir_schema_check(&schema), -EINVAL);
}

/* Gathering copies the listed records behind what is there, text and all; appending is gathering one. */
static void gather_appends(void **state)
{
	struct weir_schema schema;
	struct weir_block *from, *to;
	const uint32_t index[] = { 4, 0, 7 };

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "x", WEIR_REAL, NULL, 0);
	weir_schema_add(&schema, "s", WEIR_TEXT, NULL, 6);
	assert_int_equal(weir_block_open(&from, &schema), 0);
	assert_int_equal(weir_block_open(&to, &schema), 0);
	for (int i = 0; i < 8; i++) {
		from->t[i] = i * 10;
		from->column[0].real[i] = i + 0.5;
		snprintf(from->column[1].text + i * 6, 6, "s%d", i);
	}
	from->n = 8;
	weir_block_append(to, from, 2);
	weir_block_gather(to, from, index, 3);
	assert_int_equal(to->n, 4);
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t was = i ? index[i - 1] : 2;

		assert_int_equal(to->t[i], was * 10);
		assert_true(to->column[0].real[i] == was + 0.5);
		assert_string_equal(to->column[1].text + i * 6, from->column[1].text + was * 6);
	}
	weir_block_close(to);
	weir_block_close(from);
}

/* A double becomes an integer in one way, whatever it is. */
static void whole_numbers_saturate(void **state)
{
	static const struct {
		double from;
		int64_t to;
	} known[] = {
		{ 0.4, 0 },           { -0.6, -1 },           { 0x1p62, INT64_C(1) << 62 }, { 0x1p63, INT64_MAX },
		{ 1e300, INT64_MAX }, { -1e300, INT64_MIN },  { INFINITY, INT64_MAX },      { -INFINITY, INT64_MIN },
		{ NAN, 0 },           { -0x1p63, INT64_MIN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		assert_int_equal(weir_whole(known[i].from), known[i].to);
		assert_int_equal(weir_whole_count(known[i].from), known[i].to < 0 ? 0 : known[i].to);
	}
}

/* What a delay begins with is a value that its field can have. */
static void a_delay_begins_with_a_value_of_its_field(void **state)
{
	static const char *const wrong[] = { "delay 2 i=0.5", "delay 2 i=1e300", "delay 2 i=0/0",
					     "delay 2 i=1/0", "delay 2 b=2",     "delay 2 b=-1" };
	struct weir_schema schema;
	struct harness h;

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "i", WEIR_INT, "", 0);
	weir_schema_add(&schema, "b", WEIR_BOOL, "", 0);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		harness_expect_refusal(wrong[i], &schema, "must begin with");
	assert_true(harness_open(&h, "delay 2 i=-7, b=1, x=0/0", &schema));
	harness_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_follows_the_bits),
		cmocka_unit_test(physical_is_offset_then_scale),
		cmocka_unit_test(decode_follows_the_model),
		cmocka_unit_test(floats_are_kept),
		cmocka_unit_test(native_round_trip),
		cmocka_unit_test(text_always_ends),
		cmocka_unit_test(native_schema_keeps_scale),
		cmocka_unit_test(schema_has_bounds),
		cmocka_unit_test(unsound_schemas_are_refused),
		cmocka_unit_test(gather_appends),
		cmocka_unit_test(whole_numbers_saturate),
		cmocka_unit_test(a_delay_begins_with_a_value_of_its_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
