/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Expressions: ns for a record, beside the loop that one would write by hand for the same block. */
#include <math.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "lang/lang.h"

#define ROUNDS 200  /* of which the best counts: the machine has other things to do as well */
#define REPEATS 50u /* blocks in a round */

#define ROOM_BYTES 16
#define NAME_BYTES 32

enum { X, Y, Z, ROOM, NAME };

typedef void (*native_fn)(const struct weir_block *block, void *out);

static void native_threshold(const struct weir_block *block, void *out)
{
	const double *x = block->column[X].real, *y = block->column[Y].real;
	uint8_t *restrict pass = out;

	for (uint32_t i = 0; i < block->n; i++)
		pass[i] = x[i] > 900 && y[i] < 3;
}

static void native_norm(const struct weir_block *block, void *out)
{
	const double *x = block->column[X].real, *y = block->column[Y].real, *z = block->column[Z].real;
	double *restrict norm = out;

	for (uint32_t i = 0; i < block->n; i++)
		norm[i] = sqrt(x[i] * x[i] + y[i] * y[i] + z[i] * z[i]);
}

static void native_band(const struct weir_block *block, void *out)
{
	const double *x = block->column[X].real;
	uint8_t *restrict pass = out;

	for (uint32_t i = 0; i < block->n; i++)
		pass[i] = x[i] >= 100 && x[i] <= 200;
}

static void native_sum(const struct weir_block *block, void *out)
{
	const double *x = block->column[X].real, *y = block->column[Y].real;
	double *restrict sum = out;

	for (uint32_t i = 0; i < block->n; i++)
		sum[i] = 0.5 * x[i] + y[i] / 3 - 1;
}

static void native_step(const struct weir_block *block, void *out)
{
	const double *x = block->column[X].real;
	uint8_t *restrict pass = out;

	pass[0] = 0;
	for (uint32_t i = 1; i < block->n; i++)
		pass[i] = fabs(x[i] - x[i - 1]) > 500;
}

static void native_room(const struct weir_block *block, void *out)
{
	const char *room = block->column[ROOM].text;
	const double *x = block->column[X].real;
	uint8_t *restrict pass = out;

	for (uint32_t i = 0; i < block->n; i++)
		pass[i] = !strcmp(room + (size_t)i * ROOM_BYTES, "kitchen") && x[i] > 500;
}

static void native_part(const struct weir_block *block, void *out)
{
	const char *name = block->column[NAME].text;
	uint8_t *restrict pass = out;

	for (uint32_t i = 0; i < block->n; i++)
		pass[i] = strstr(name + (size_t)i * NAME_BYTES, "-42") != NULL;
}

static void native_lower(const struct weir_block *block, void *out)
{
	const char *name = block->column[NAME].text;
	uint8_t *restrict pass = out;

	for (uint32_t i = 0; i < block->n; i++)
		pass[i] = !strcasecmp(name + (size_t)i * NAME_BYTES, "sensor-7");
}

static regex_t ends_in_7;

/* What there is without a library. */
static void native_regex(const struct weir_block *block, void *out)
{
	const char *name = block->column[NAME].text;
	uint8_t *restrict pass = out;

	for (uint32_t i = 0; i < block->n; i++)
		pass[i] = !regexec(&ends_in_7, name + (size_t)i * NAME_BYTES, 0, NULL, 0);
}

static const struct {
	const char *text;
	native_fn native;
} cases[] = {
	{ "x > 900 and y < 3", native_threshold },        { "between(x, 100, 200)", native_band },
	{ "sqrt(x*x + y*y + z*z)", native_norm },         { "0.5 * x + y / 3 - 1", native_sum },
	{ "abs(delta(x)) > 500", native_step },           { "room == 'kitchen' and x > 500", native_room },
	{ "contains(name, '-42')", native_part },         { "lower(name) == 'sensor-7'", native_lower },
	{ "matches(name, '^s.*[0-9]7$')", native_regex },
};

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void run_expr(const struct weir_expr *expr, const struct weir_block *block, void *out)
{
	if (weir_expr_is_bool(expr))
		weir_expr_test(expr, block, out);
	else
		weir_expr_eval(expr, block, out);
}

/* ns for a record; `expr` NULL runs the native loop. Through a volatile pointer, so that no round is optimised away. */
static double measure(const struct weir_expr *expr, native_fn native, const struct weir_block *block)
{
	static double out[WEIR_BLOCK_MAX];
	volatile native_fn call = native;
	double best = HUGE_VAL;

	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns();

		for (uint32_t k = 0; k < REPEATS; k++) {
			if (expr)
				run_expr(expr, block, out);
			else
				call(block, out);
		}
		best = fmin(best, (now_ns() - start) / REPEATS / block->n);
	}
	return best;
}

static int bench(const char *text, native_fn native, const struct weir_schema *schema, const struct weir_block *block)
{
	struct weir_tree_expr *tree_expr;
	struct weir_report *report;
	struct weir_tree *tree;
	struct weir_expr *expr;
	double ours, by_hand;

	if (weir_report_open(&report, "bench", text) || weir_parse_expr(&tree, &tree_expr, report) ||
	    weir_expr_open(&expr, tree_expr, schema, report))
		return 1;
	ours = measure(expr, NULL, block);
	by_hand = measure(NULL, native, block);
	printf("%-32s %8.2f %8.2f %8.2fx\n", text, ours, by_hand, ours / by_hand);
	weir_expr_close(expr);
	weir_tree_close(tree);
	weir_report_close(report);
	return 0;
}

int main(void)
{
	static const char *const rooms[] = { "kitchen", "hall", "cellar", "bath" };
	struct weir_schema schema;
	struct weir_block *block;
	int status = 0;

	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 8);
	weir_schema_add(&schema, "y", WEIR_REAL, "", 8);
	weir_schema_add(&schema, "z", WEIR_REAL, "", 8);
	weir_schema_add(&schema, "room", WEIR_TEXT, "", ROOM_BYTES);
	weir_schema_add(&schema, "name", WEIR_TEXT, "", NAME_BYTES);
	if (weir_block_open(&block, &schema) || regcomp(&ends_in_7, "^s.*[0-9]7$", REG_EXTENDED | REG_NOSUB))
		return 1;
	block->n = WEIR_BLOCK_MAX;
	srand(1);
	for (uint32_t i = 0; i < block->n; i++) {
		snprintf(block->column[ROOM].text + (size_t)i * ROOM_BYTES, ROOM_BYTES, "%s", rooms[rand() % 4]);
		snprintf(block->column[NAME].text + (size_t)i * NAME_BYTES, NAME_BYTES, "sensor-%d", rand() % 1000);
	}
	for (uint32_t i = 0; i < block->n; i++)
		for (int field = X; field <= Z; field++)
			block->column[field].real[i] = field == Y ? rand() % 6 : rand() % 1000;
	printf("Blocks of %d records in the first-level cache, beside the loop written for the one expression; best of "
	       "%d.\n"
	       "Its limits: loading and storing columns, 16 bytes at a time; where there is one, the "
	       "square root.\n",
	       WEIR_BLOCK_MAX, ROUNDS);
	printf("%-32s %8s %8s %9s\n", "expression, ns/record", "weir", "by hand", "ratio");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		status |= bench(cases[i].text, cases[i].native, &schema, block);
	regfree(&ends_in_7);
	weir_block_close(block);
	return status;
}
