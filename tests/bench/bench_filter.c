/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The early filter: ns for a record of 24 bytes (three channels and the time) in the batch and user tier, beside the loop
 * that one would write by hand for the same rows in memory. The condition is x >= T; what passes depends on T.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/filter.h"
#include "lang/lang.h"

#define ROUNDS 500 /* of which the best counts: the machine has other things to do as well */
#define ROWS 1024u

struct row {
	int32_t x, y, z, padding;
	int64_t t;
};

_Static_assert(sizeof(struct row) == 24, "the record of the target");

struct bench {
	struct weir_schema schema;
	struct weir_predicate predicate;
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	struct weir_filter_config config;
	struct row *rows; /* in a ring, slot 0 */
	int32_t threshold;
};

static void make_schema(struct weir_schema *schema)
{
	weir_schema_init(schema, WEIR_CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < 3; i++) {
		schema->field[i] =
			(struct weir_field){ .at = 4 * i, .bytes = 4, .bits = 32, .is_signed = true, .scale = 1 };
		snprintf(schema->field[i].name, sizeof(schema->field[i].name), "%c", (char)('x' + i));
	}
	schema->n_fields = 3;
	schema->row_bytes = sizeof(struct row);
	schema->t.at = 16;
}

/* x is anything from 0 to 999, the same in each round. */
static void fill(struct row *rows)
{
	uint32_t seed = 1;

	for (uint32_t i = 0; i < ROWS; i++) {
		seed = seed * 1664525 + 1013904223;
		rows[i] = (struct row){ .x = (int32_t)((seed >> 16) % 1000), .t = i };
	}
}

static int native(const struct bench *bench)
{
	struct row *rows = bench->rows;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < ROWS; i++)
		if (rows[i].x >= bench->threshold)
			rows[kept++] = rows[i];
	return (int)kept;
}

static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double measure(struct bench *bench, struct weir_filter *filter)
{
	double best = 1e18;

	for (int i = 0; i < ROUNDS; i++) {
		double start;

		fill(bench->rows);
		start = now_ns();
		if ((filter ? weir_filter_rows(filter, bench->rows, 0, ROWS) : native(bench)) < 0)
			exit(1);
		start = now_ns() - start;
		best = start < best ? start : best;
	}
	return best / ROWS;
}

static struct weir_filter *open_filter(struct bench *bench, enum weir_tier tier, char why[256])
{
	struct weir_filter *filter;

	bench->predicate = (struct weir_predicate){
		.n = 1, .node = { { .op = WEIR_PRED_RANGE, .lo = bench->threshold, .hi = INT32_MAX } }
	};
	bench->config = (struct weir_filter_config){
		.tier = tier,
		.schema = &bench->schema,
		.predicate = &bench->predicate,
		.code = bench->code,
		.n_code = (uint32_t)weir_codegen(&bench->predicate, &bench->schema, bench->code, NULL,
						 WEIR_FILTER_CODE_MAX),
		.ring_rows = ROWS,
		.iio_device = -1,
	};
	return weir_filter_open(&filter, &bench->config, why) ? NULL : filter;
}

static void run(struct bench *bench, const char *name, enum weir_tier tier)
{
	char why[256] = "";
	struct weir_filter *filter = tier == WEIR_TIER_AUTO ? NULL : open_filter(bench, tier, why);
	struct weir_ring_config config = { .row_bytes = sizeof(struct row),
					   .rows = ROWS,
					   .fd = filter ? weir_filter_ring_fd(filter) : -1 };
	struct weir_ring *ring;
	size_t bytes;

	if (*why && !filter) {
		printf("  %-10s not here: %s\n", name, why);
		return;
	}
	if (weir_ring_open(&ring, &config))
		exit(1);
	bench->rows = weir_ring_memory(ring, &bytes);
	printf("  %-10s %6.2f ns/record\n", name, measure(bench, filter));
	weir_ring_close(ring);
	weir_filter_close(filter);
}

int main(void)
{
	static const struct {
		const char *what;
		int32_t threshold;
	} cases[] = { { "none pass", 1000 }, { "5 % pass", 950 }, { "half pass, at random", 500 }, { "all pass", 0 } };
	struct bench *bench = calloc(1, sizeof(*bench));

	if (!bench)
		return 1;
	make_schema(&bench->schema);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bench->threshold = cases[i].threshold;
		printf("%s\n", cases[i].what);
		run(bench, "batch", WEIR_TIER_BATCH);
		run(bench, "user", WEIR_TIER_USER);
		run(bench, "native C", WEIR_TIER_AUTO);
	}
	free(bench);
	return 0;
}
