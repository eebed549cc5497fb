/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a condition says about a raw value is asked of the code that would say it in user space: a row with that value is
 * decoded and the compiled condition evaluated. Scale, sign, offset, rounding, infinities and NaN need no thought anywhere
 * else.
 */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "pushdown/predicate.h"
#include "stream/record.h"

#define FINITE UINT64_C(0x7ff0000000000000) /* as many doubles with either sign are finite */

int weir_probe_open(struct weir_probe *probe, const struct weir_schema *schema)
{
	int err;

	probe->schema = schema;
	probe->block = NULL;
	probe->report = NULL;
	err = weir_report_open(&probe->report, "", "");
	return err ? err : weir_block_open(&probe->block, schema);
}

void weir_probe_close(struct weir_probe *probe)
{
	weir_block_close(probe->block);
	weir_report_close(probe->report);
}

void weir_probe_choose(struct weir_probe *probe, int index)
{
	probe->index = index;
	probe->field = &probe->schema->field[index];
	probe->span = probe->field->is_float ? 2 * FINITE - 1 : UINT64_MAX >> (64 - probe->field->bits);
	weir_schema_init(&probe->one, probe->schema->clock);
	probe->one.row_bytes = sizeof(probe->rows[0]);
	probe->one.t.at = 8;
	probe->one.n_fields = 1;
	probe->one.field[0] = *probe->field;
	probe->one.field[0].at = 0;
	memset(probe->rows, 0, sizeof(probe->rows));
}

int64_t weir_raw_of_key(const struct weir_field *field, uint64_t key)
{
	int64_t lo, hi;

	weir_raw_bounds(field, &lo, &hi);
	return (int64_t)((uint64_t)lo + key);
}

double weir_double_of_key(uint64_t key)
{
	uint64_t bits = key < FINITE ? FINITE - 1 - key : key - FINITE;
	double magnitude;

	memcpy(&magnitude, &bits, sizeof(magnitude));
	return key < FINITE ? -magnitude : magnitude;
}

/* The opposite of weir_field_raw(). All eight bytes are written, of which those of the field come first. */
static void store(const struct weir_field *field, int64_t raw, unsigned char *at)
{
	uint64_t value = ((uint64_t)raw & UINT64_MAX >> (64 - field->bits)) << field->shift;

	value = field->is_big_endian ? htobe64(value << (64 - 8 * field->bytes)) : htole64(value);
	memcpy(at, &value, sizeof(value));
}

static void decode_doubles(struct weir_probe *probe, uint64_t key, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		probe->block->column[probe->index].real[i] = weir_double_of_key(key + i);
	probe->block->n = n;
}

static void decode(struct weir_probe *probe, uint64_t key, uint32_t n)
{
	struct weir_block view = { .schema = &probe->one, .t = probe->block->t };
	uint64_t raw = (uint64_t)weir_raw_of_key(probe->field, key);

	if (probe->field->is_float) {
		decode_doubles(probe, key, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		store(probe->field, (int64_t)(raw + i), probe->rows[i]);
	view.column[0] = probe->block->column[probe->index];
	weir_rows_decode(&probe->one, probe->rows, n, &view);
	probe->block->n = n;
}

int weir_probe_compile(struct weir_probe *probe, struct weir_expr **out, const struct weir_tree_expr *tree)
{
	return weir_expr_open(out, tree, probe->schema, probe->report);
}

double weir_probe_eval(struct weir_probe *probe, const struct weir_expr *expr, uint64_t key)
{
	double value;

	decode(probe, key, 1);
	weir_expr_eval(expr, probe->block, &value);
	return value;
}

bool weir_probe_test(struct weir_probe *probe, const struct weir_expr *expr, uint64_t key)
{
	uint8_t passes;

	weir_probe_test_many(probe, expr, key, 1, &passes);
	return passes;
}

void weir_probe_test_many(struct weir_probe *probe, const struct weir_expr *expr, uint64_t key, uint32_t n,
			  uint8_t *passes)
{
	decode(probe, key, n);
	weir_expr_test(expr, probe->block, passes);
}

/*
 * operators/changed.c and raw() compute the integer back from the value, as rint((raw + offset) * scale / scale - offset) in doubles.
 * Three roundings of something at most as large as |raw| + |offset|, each by a factor of 1 +- 2^-53, and one of the difference
 * are less than half an integer while that is at most 2^49; the scale must keep the products clear of overflow and of what
 * denormals lose. Within these bounds it is raw, for certain.
 */
bool weir_raw_is_recovered(const struct weir_field *field)
{
	double largest = ldexp(1, field->bits) + fabs(field->offset), scale = fabs(field->scale);

	return largest <= 0x1p49 && scale >= 1e-300 && scale <= 1e290;
}
