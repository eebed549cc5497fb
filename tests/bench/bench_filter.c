/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The early filter: ns for a record of 24 bytes (four channels and the time), for the same conditions in each tier that
 * this machine has, beside the loop that one would write by hand for the same rows; and the stage `where` on decoded columns,
 * beside the loop for these.
 *
 * The inline tier needs a device: WEIR_BENCH_IIO=N is the number of one whose rows are these, and that takes what is written to
 * FEED; tests/bench/inline.sh makes it. What it costs is what a sample's way into the buffer takes longer with the filter
 * on it, hook and all.
 */
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lang/lang.h"
#include "stream/record.h"

#define ROUNDS 500 /* of which the best counts: the machine has other things to do as well */
#define ROWS WEIR_BLOCK_MAX
#define FEED "/dev/iio-play"
#define SCAN_BYTES 80 /* as FEED wants them */

struct row {
	int32_t x, y, z, w;
	int64_t t;
};

_Static_assert(sizeof(struct row) == 24, "the record of the target");

#define DEFINE_CASE(name, condition)                                                      \
	static int rows_##name(struct row *rows)                                          \
	{                                                                                 \
		uint32_t kept = 0;                                                        \
                                                                                          \
		for (uint32_t i = 0; i < ROWS; i++) {                                     \
			int32_t x = rows[i].x, y = rows[i].y;                             \
                                                                                          \
			(void)y;                                                          \
			if (condition)                                                    \
				rows[kept++] = rows[i];                                   \
		}                                                                         \
		return (int)kept;                                                         \
	}                                                                                 \
	static void columns_##name(const struct weir_block *block, uint8_t *restrict out) \
	{                                                                                 \
		const double *xs = block->column[0].real, *ys = block->column[1].real;    \
                                                                                          \
		for (uint32_t i = 0; i < block->n; i++) {                                 \
			double x = xs[i], y = ys[i];                                      \
                                                                                          \
			(void)y;                                                          \
			out[i] = (condition);                                             \
		}                                                                         \
	}

DEFINE_CASE(none, x >= 2000)
DEFINE_CASE(few, x >= 900)
DEFINE_CASE(half, x >= 0)
DEFINE_CASE(all, x >= -2000)
DEFINE_CASE(pair, (x > 900) & (y < 0))

static const struct {
	const char *text, *passes;
	int (*rows)(struct row *rows);
	void (*columns)(const struct weir_block *block, uint8_t *out);
} cases[] = {
	{ "x >= 2000", "none", rows_none, columns_none },
	{ "x >= 900", "5 %", rows_few, columns_few },
	{ "x >= 0", "half", rows_half, columns_half },
	{ "x >= -2000", "all", rows_all, columns_all },
	{ "x > 900 and y < 0", "2.5 %", rows_pair, columns_pair },
};

struct bench {
	struct weir_schema schema;
	struct weir_predicate predicate;
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	struct weir_filter_config config;
	struct weir_block *block;
	struct row *rows; /* in a ring, slot 0 */
	int device, feed; /* for the inline tier; -1: none */
};

/* What a sample costs; NaN: not here. */
struct costs {
	double hand, user, batch, fentry, kprobe;
};

static void make_schema(struct weir_schema *schema)
{
	weir_schema_init(schema, WEIR_CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < 4; i++) {
		schema->field[i] =
			(struct weir_field){ .at = 4 * i, .bytes = 4, .bits = 32, .is_signed = true, .scale = 1 };
		snprintf(schema->field[i].name, sizeof(schema->field[i].name), "%c", "xyzw"[i]);
	}
	schema->n_fields = 4;
	schema->row_bytes = sizeof(struct row);
	schema->t.at = 16;
}

static int32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return (int32_t)((*seed >> 16) % 2000) - 1000;
}

/* From -1000 to 999, the same in each round. */
static void fill(struct row *rows)
{
	uint32_t seed = 1;

	for (uint32_t i = 0; i < ROWS; i++) {
		rows[i].x = next(&seed);
		rows[i].y = next(&seed);
		rows[i].t = i;
	}
}

static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* ------------------------------------------------------------------------ rows */

static double measure_rows(struct bench *bench, struct weir_filter *filter, int (*by_hand)(struct row *))
{
	double best = HUGE_VAL;

	for (int i = 0; i < ROUNDS; i++) {
		double start;

		fill(bench->rows);
		start = now_ns();
		if ((filter ? weir_filter_rows(filter, bench->rows, 0, ROWS) : by_hand(bench->rows)) < 0)
			exit(1);
		best = fmin(best, now_ns() - start);
	}
	return best / ROWS;
}

static struct weir_filter *open_filter(struct bench *bench, enum weir_tier tier, char why[256])
{
	struct weir_filter *filter;

	bench->config = (struct weir_filter_config){
		.tier = tier,
		.schema = &bench->schema,
		.predicate = &bench->predicate,
		.code = bench->code,
		.n_code = (uint32_t)weir_codegen(&bench->predicate, &bench->schema, bench->code, NULL,
						 WEIR_FILTER_CODE_MAX),
		.ring_rows = ROWS,
		.iio_device = bench->device,
	};
	return weir_filter_open(&filter, &bench->config, why) ? NULL : filter;
}

/* AUTO stands for the loop by hand. NaN: there is no such tier here. */
static double run_rows(struct bench *bench, enum weir_tier tier, int (*by_hand)(struct row *), char why[256])
{
	struct weir_filter *filter = tier == WEIR_TIER_AUTO ? NULL : open_filter(bench, tier, why);
	struct weir_ring_config config = { .row_bytes = sizeof(struct row),
					   .rows = ROWS,
					   .fd = filter ? weir_filter_ring_fd(filter) : -1 };
	struct weir_ring *ring;
	double best;
	size_t bytes;

	if (tier != WEIR_TIER_AUTO && !filter)
		return NAN;
	if (weir_ring_open(&ring, &config))
		exit(1);
	bench->rows = weir_ring_memory(ring, &bytes);
	best = measure_rows(bench, filter, by_hand);
	weir_ring_close(ring);
	weir_filter_close(filter);
	return best;
}

/* ---------------------------------------------------------------------- inline */

/* The bench's channels are the device's numbers 8, 14, 15 and 16. */
static void fill_scans(unsigned char *scans)
{
	static const uint32_t at[] = { 20, 60, 64, 68 };
	static struct row rows[ROWS];

	fill(rows);
	memset(scans, 0, ROWS * SCAN_BYTES);
	for (uint32_t i = 0; i < ROWS; i++, scans += SCAN_BYTES) {
		memcpy(scans + at[0], &rows[i].x, sizeof(int32_t));
		memcpy(scans + at[1], &rows[i].y, sizeof(int32_t));
		memcpy(scans + 72, &rows[i].t, sizeof(int64_t));
	}
}

/* Through the driver into its buffer, which nobody reads; ns a sample. */
static double push(const struct bench *bench, struct weir_filter *filter, struct weir_ring *ring)
{
	static unsigned char scans[ROWS * SCAN_BYTES];
	double best = HUGE_VAL;

	fill_scans(scans);
	for (int i = 0; i < ROUNDS / 10; i++) {
		double start = now_ns();

		if (write(bench->feed, scans, sizeof(scans)) != sizeof(scans))
			exit(1);
		best = fmin(best, now_ns() - start);
		if (filter && weir_filter_consume(filter, ring) < 0)
			exit(1);
	}
	return best / ROWS;
}

static double run_inline(struct bench *bench, const char *hook, double without, char why[256])
{
	struct weir_ring_config config = { .row_bytes = sizeof(struct row), .rows = ROWS, .fd = -1 };
	struct weir_filter *filter;
	struct weir_ring *ring;
	double with;

	if (bench->feed < 0)
		return NAN;
	setenv("WEIR_INLINE_HOOK", hook, 1);
	filter = open_filter(bench, WEIR_TIER_INLINE, why);
	if (!filter)
		return NAN;
	if (weir_ring_open(&ring, &config) || weir_filter_attach(filter))
		exit(1);
	with = push(bench, filter, ring);
	weir_filter_close(filter);
	weir_ring_close(ring);
	return with - without;
}

static void open_feed(struct bench *bench)
{
	const char *device = getenv("WEIR_BENCH_IIO");

	bench->device = device ? atoi(device) : -1;
	bench->feed = device ? open(FEED, O_WRONLY | O_CLOEXEC) : -1;
}

/* --------------------------------------------------------------------- columns */

static double measure_columns(const struct weir_block *block, const struct weir_expr *expr,
			      void (*by_hand)(const struct weir_block *, uint8_t *))
{
	static uint8_t out[WEIR_BLOCK_MAX];
	void (*volatile call)(const struct weir_block *, uint8_t *) = by_hand; /* or no round but one would be made */
	double best = HUGE_VAL;

	for (int i = 0; i < ROUNDS; i++) {
		double start = now_ns();

		for (int k = 0; k < 50; k++) {
			if (expr)
				weir_expr_test(expr, block, out);
			else
				call(block, out);
		}
		best = fmin(best, (now_ns() - start) / 50);
	}
	return best / block->n;
}

static void decode(struct bench *bench)
{
	static struct row rows[ROWS];

	fill(rows);
	weir_rows_decode(&bench->schema, rows, ROWS, bench->block);
}

/* ------------------------------------------------------------------------- all */

static struct costs measure(struct bench *bench, size_t i, char why[256])
{
	double without = bench->feed < 0 ? NAN : push(bench, NULL, NULL);

	return (struct costs){
		.hand = run_rows(bench, WEIR_TIER_AUTO, cases[i].rows, why),
		.user = run_rows(bench, WEIR_TIER_USER, NULL, why),
		.batch = run_rows(bench, WEIR_TIER_BATCH, NULL, why),
		.fentry = run_inline(bench, "fentry", without, why),
		.kprobe = run_inline(bench, "kprobe", without, why),
	};
}

static void print_cost(double ns, int decimals)
{
	if (isnan(ns))
		printf(" %8s", "-");
	else
		printf(" %8.*f", decimals, ns);
}

static void print_case(struct bench *bench, size_t i, const struct weir_expr *expr, char why[256])
{
	struct costs costs = measure(bench, i, why);
	double where = measure_columns(bench->block, expr, NULL);
	double columns = measure_columns(bench->block, NULL, cases[i].columns);

	printf("%-18s %6s", cases[i].text, cases[i].passes);
	print_cost(costs.hand, 2);
	print_cost(costs.user, 2);
	print_cost(costs.batch, 2);
	print_cost(costs.fentry, 0);
	print_cost(costs.kprobe, 0);
	printf("   %8.3f %8.3f %6.2fx\n", columns, where, where / columns);
}

static int run_case(struct bench *bench, size_t i, char why[256])
{
	struct weir_tree_expr *tree_expr;
	struct weir_report *report;
	struct weir_tree *tree;
	struct weir_expr *expr;
	char unused[256];

	if (weir_report_open(&report, "bench", cases[i].text) || weir_parse_expr(&tree, &tree_expr, report) ||
	    weir_expr_open(&expr, tree_expr, &bench->schema, report))
		return 1;
	weir_predicate_init(&bench->predicate);
	if (weir_predicate_add_where(&bench->predicate, expr, &bench->schema, unused))
		return 1;
	print_case(bench, i, expr, why);
	weir_expr_close(expr);
	weir_tree_close(tree);
	weir_report_close(report);
	return 0;
}

int main(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	char why[256] = "";
	int status = 0;

	if (!bench)
		return 1;
	make_schema(&bench->schema);
	if (weir_block_open(&bench->block, &bench->schema))
		return 1;
	decode(bench);
	open_feed(bench);
	printf("Best of %d. The C loops' limits: a branch that the data decide, and copying what passes; on columns, "
	       "loading them.\n",
	       ROUNDS);
	printf("%-25s  %-26s  %-17s   %s\n", "", "raw rows", "inline, by", "decoded columns");
	printf("%-18s %6s %8s %8s %8s %8s %8s   %8s %8s %7s\n", "ns/record", "passes", "C loop", "user", "batch",
	       "fentry", "kprobe", "C loop", "where", "ratio");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		status |= run_case(bench, i, why);
	if (*why)
		printf("not here: %s\n", why);
	if (bench->feed < 0)
		printf("inline: no device here; below, in the rig\n");
	weir_block_close(bench->block);
	free(bench);
	return status;
}
