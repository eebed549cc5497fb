/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows to columns and back: ns for a record, beside memcpy of the same bytes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stream/record.h"

#define ROUNDS 200  /* of which the best counts: the machine has other things to do as well */
#define REPEATS 50u /* blocks in a round */

struct bench {
	struct weir_schema schema, native;
	struct weir_block *block;
	unsigned char *rows, *copy;
};

static void copy(struct bench *bench)
{
	memcpy(bench->copy, bench->rows, (size_t)bench->schema.row_bytes * WEIR_BLOCK_MAX);
	__asm__ volatile("" : : "r"(bench->copy) : "memory");
}

static void decode(struct bench *bench)
{
	weir_rows_decode(&bench->schema, bench->rows, WEIR_BLOCK_MAX, bench->block);
}

static void encode(struct bench *bench)
{
	weir_rows_encode(&bench->native, bench->block, 0, WEIR_BLOCK_MAX, bench->copy);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double best_ns(struct bench *bench, void (*run)(struct bench *))
{
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		double start = seconds(), taken;

		for (unsigned i = 0; i < REPEATS; i++)
			run(bench);
		taken = (seconds() - start) * 1e9 / REPEATS / WEIR_BLOCK_MAX;
		best = taken < best ? taken : best;
	}
	return best;
}

/* Three channels and a time, as an accelerometer gives them: x, y, z of `bytes` each, then the time at a multiple of 8. */
static void make_schema(struct weir_schema *schema, uint32_t bytes, bool is_big_endian)
{
	static const char *const names[] = { "x", "y", "z" };

	weir_schema_init(schema, WEIR_CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < 3; i++) {
		weir_schema_add(schema, names[i], WEIR_REAL, "m/s^2", 0);
		schema->field[i].at = i * bytes;
		schema->field[i].bytes = bytes;
		schema->field[i].bits = (uint8_t)(bytes * 8);
		schema->field[i].is_float = false;
		schema->field[i].is_signed = true;
		schema->field[i].is_big_endian = is_big_endian;
		schema->field[i].scale = 0.0098;
	}
	schema->t.at = (3 * bytes + 7) & ~7u;
	schema->row_bytes = schema->t.at + 8;
}

static void measure(uint32_t bytes, bool is_big_endian)
{
	struct bench bench;

	make_schema(&bench.schema, bytes, is_big_endian);
	weir_schema_native(&bench.schema, &bench.native);
	bench.rows = calloc(WEIR_BLOCK_MAX, WEIR_ROW_MAX);
	bench.copy = calloc(WEIR_BLOCK_MAX, WEIR_ROW_MAX);
	if (!bench.rows || !bench.copy || weir_block_open(&bench.block, &bench.schema))
		exit(1);
	printf("3 x %cs%-2u and a time   memcpy %5.2f   decode %5.2f   encode native %5.2f   ns a record\n",
	       is_big_endian ? 'b' : 'l', bytes * 8, best_ns(&bench, copy), best_ns(&bench, decode),
	       best_ns(&bench, encode));
	weir_block_close(bench.block);
	free(bench.copy);
	free(bench.rows);
}

int main(void)
{
	printf("Rows to columns and back, in the caches, beside memcpy of the rows, which no conversion "
	       "can beat; best of\n"
	       "%d. A number that is alone in its row is loaded alone: a load for each is what bounds them.\n",
	       ROUNDS);
	measure(2, false);
	measure(4, false);
	measure(2, true);
	return 0;
}
