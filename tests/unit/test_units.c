/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of the factors of a product changes neither its value nor its unit, whichever of them are fields with or without a unit,
 * numbers with or without one, or times, and however it is put in parentheses; and where all units cancel, the value is the one that
 * physics knows. What cannot be added is refused with its place.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expr/expr_internal.h"
#include "expr_model.h"

#define FACTORS_MAX 9
#define ROUNDS 2000

enum { TIME, METRE, AMPERE, VOLT, FURLONG, DIMENSIONS };

/* Each leaf, what it is in base units when the test's record is at hand, and its dimensions. */
static const struct leaf {
	const char *text;
	double base;
	int power[DIMENSIONS];
	bool is_unknown;
} leaves[] = {
	{ "v", 1.5, { [VOLT] = 1 }, false },
	{ "kv", 2000, { [VOLT] = 1 }, false },
	{ "w", 3, { [VOLT] = 1, [AMPERE] = 1 }, false },
	{ "i", 0.25, { [AMPERE] = 1 }, false },
	{ "tau", 7, { [TIME] = 1 }, false },
	{ "hz", 50, { [TIME] = -1 }, false },
	{ "speed", 10, { [METRE] = 1, [TIME] = -1 }, false },
	{ "f", 4, { [FURLONG] = 1 }, false },
	{ "p", 11, { 0 }, true },
	{ "q", 13, { 0 }, true },
	{ "t", 5, { [TIME] = 1 }, false },
	{ "t", 5, { [TIME] = 1 }, false },
	{ "1h", 3600, { [TIME] = 1 }, false },
	{ "250ms", 0.25, { [TIME] = 1 }, false },
	{ "20m", 1200, { [TIME] = 1 }, false },
	{ "3V", 3, { [VOLT] = 1 }, false },
	{ "20mV", 0.02, { [VOLT] = 1 }, false },
	{ "2kWh", 7.2e6, { [VOLT] = 1, [AMPERE] = 1, [TIME] = 1 }, false },
	{ "5mA", 0.005, { [AMPERE] = 1 }, false },
	{ "2kHz", 2000, { [TIME] = -1 }, false },
	{ "36km/h", 10, { [METRE] = 1, [TIME] = -1 }, false },
	{ "50cm", 0.5, { [METRE] = 1 }, false },
	{ "0.3", 0.3, { 0 }, false },
	{ "1000", 1000, { 0 }, false },
};
#define N_LEAVES (sizeof(leaves) / sizeof(leaves[0]))

struct factor {
	const struct leaf *leaf;
	int sign; /* 1, or -1 for one that is divided by */
};

struct product {
	struct factor factor[FACTORS_MAX];
	uint32_t n;
};

static struct weir_block *open_record(struct weir_schema *schema)
{
	static const struct {
		const char *name, *unit;
		double value;
	} fields[] = { { "v", "mV", 1500 }, { "kv", "kV", 2 },  { "w", "W", 3 },         { "i", "mA", 250 },
		       { "tau", "s", 7 },   { "hz", "Hz", 50 }, { "speed", "km/h", 36 }, { "f", "furlong", 4 },
		       { "p", "", 11 },     { "q", "", 13 } };
	struct weir_block *block;

	weir_schema_init(schema, WEIR_CLOCK_MONOTONIC);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		weir_schema_add(schema, fields[i].name, WEIR_REAL, fields[i].unit, 8);
	assert_int_equal(weir_block_open(&block, schema), 0);
	block->n = 1;
	*block->t = 5000000000;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		*block->column[i].real = fields[i].value;
	return block;
}

static void make_product(struct product *product)
{
	product->n = 2 + below(FACTORS_MAX - 1);
	for (uint32_t i = 0; i < product->n; i++)
		product->factor[i] = (struct factor){ &leaves[below(N_LEAVES)], below(2) ? 1 : -1 };
}

static void shuffle(struct product *product)
{
	for (uint32_t i = product->n; i > 1; i--) {
		uint32_t k = below(i);
		struct factor swap = product->factor[k];

		product->factor[k] = product->factor[i - 1];
		product->factor[i - 1] = swap;
	}
}

/* The factors from `from` to `to`, at random in parentheses, as a product to the power of `sign`. */
static void print(FILE *out, const struct product *product, uint32_t from, uint32_t to, int sign)
{
	uint32_t middle = to - from > 1 ? from + 1 + below(to - from - 1) : to;
	int right;

	if (to - from == 1 && product->factor[from].sign == sign) {
		fputs(product->factor[from].leaf->text, out);
		return;
	}
	if (to - from == 1) {
		fprintf(out, "(1 / %s)", product->factor[from].leaf->text);
		return;
	}
	right = below(2) ? 1 : -1;
	fputs("(", out);
	print(out, product, from, middle, sign);
	fputs(right > 0 ? " * " : " / ", out);
	print(out, product, middle, to, sign * right);
	fputs(")", out);
}

static void print_at_random(struct product *product, char *text, size_t bytes)
{
	FILE *out = fmemopen(text, bytes, "w");

	shuffle(product);
	print(out, product, 0, product->n, 1);
	fclose(out);
}

static double evaluate(const char *text, const struct weir_schema *schema, const struct weir_block *block,
		       char unit[32])
{
	unsigned errors;
	struct weir_expr *expr = open_expr(text, schema, &errors);
	double value;

	if (!expr)
		fail_msg("%s is refused", text);
	weir_expr_eval(expr, block, &value);
	snprintf(unit, 32, "%s", weir_expr_unit(expr));
	weir_expr_close(expr);
	return value;
}

static bool is_near(double a, double b)
{
	return fabs(a - b) <= 1e-12 * fabs(b);
}

/* What cancels is what physics says; of letters the number itself counts. */
static bool is_pure(const struct product *product, double *value)
{
	int power[DIMENSIONS] = { 0 };

	*value = 1;
	for (uint32_t i = 0; i < product->n; i++) {
		const struct factor *factor = &product->factor[i];

		*value = factor->sign > 0 ? *value * factor->leaf->base : *value / factor->leaf->base;
		for (int d = 0; d < DIMENSIONS; d++)
			power[d] += factor->sign * factor->leaf->power[d];
	}
	for (int d = 0; d < DIMENSIONS; d++)
		if (power[d])
			return false;
	return true;
}

static void order_changes_nothing(void **state)
{
	struct weir_schema schema;
	struct weir_block *block = open_record(&schema);
	uint32_t n_pure = 0, n_named = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct product product;
		char first[400], again[400], sum[900], unit[32], unit_again[32];
		double value, expected;

		make_product(&product);
		print_at_random(&product, first, sizeof(first));
		value = evaluate(first, &schema, block, unit);
		n_named += *unit != 0;
		for (int i = 0; i < 4; i++) {
			print_at_random(&product, again, sizeof(again));
			if (!is_near(evaluate(again, &schema, block, unit_again), value))
				fail_msg("%s is %.17g, and %s is not", first, value, again);
			if (strcmp(unit, unit_again))
				fail_msg("%s is in '%s', and %s in '%s'", first, unit, again, unit_again);
		}
		snprintf(sum, sizeof(sum), "%s + %s", first, again);
		if (!is_near(evaluate(sum, &schema, block, unit_again), 2 * value))
			fail_msg("%s is not twice %.17g", sum, value);
		if (is_pure(&product, &expected)) {
			n_pure++;
			if (!is_near(value, expected))
				fail_msg("%s is %.17g, and should be %.17g", first, value, expected);
		}
	}
	assert_in_range(n_pure, ROUNDS / 40, ROUNDS);
	assert_in_range(n_named, ROUNDS / 40, ROUNDS);
	weir_block_close(block);
}

/* Products that people write. */
static void known_products(void **state)
{
	static const struct {
		const char *text, *unit;
		double value;
	} cases[] = {
		{ "p * t / 1h", "", 11 * 5 / 3600.0 },
		{ "t / 1h * p", "", 11 * 5 / 3600.0 },
		{ "t * p / 1h", "", 11 * 5 / 3600.0 },
		{ "p / 1h * t", "", 11 * 5 / 3600.0 },
		{ "p / (1h / t)", "", 11 * 5 / 3600.0 },
		{ "w * t / 1h", "W", 3 * 5 / 3600.0 },
		{ "t / 1h * w", "W", 3 * 5 / 3600.0 },
		{ "-t * p / 1h", "", -11 * 5 / 3600.0 },
		{ "v * i", "uW", 375000 },
		{ "w * t > 10J and w * t < 0.0000042kWh", "", 1 },
		{ "kv / v", "", 4000 / 3.0 },
		{ "1 / t < 0.3Hz and 1 / t > 0.1Hz", "", 1 },
		{ "hz * t", "", 250 },
		{ "p * t > 54s and p * t < 56s", "", 1 },
		{ "(p + 1) * t / 1h", "", 12 * 5 / 3600.0 },
		{ "abs(p * t) / 1h", "", 11 * 5 / 3600.0 },
		{ "speed * t / 1km * 1", "", 0.05 },
		{ "f * t / 1s", "furlong", 20 },
	};
	struct weir_schema schema;
	struct weir_block *block = open_record(&schema);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char unit[32];
		double value;

		value = evaluate(cases[i].text, &schema, block, unit);
		if (!is_near(value, cases[i].value))
			fail_msg("%s is %.17g", cases[i].text, value);
		if (strcmp(unit, cases[i].unit))
			fail_msg("%s is in '%s'", cases[i].text, unit);
	}
	weir_block_close(block);
}

/* Sums of different dimensions are refused, once and at their place, also where neither has a name. */
static void sums_of_different_things_are_refused(void **state)
{
	static const char *const cases[] = { "v * t + v",      "w > v",         "w * t > 3V",   "v * i + v * v",
					     "t * t > 5s",     "1 / t > 5s",    "f * v + v",    "min(v * v, v)",
					     "kv * i + v * i", "f * v + t * v", "w * 1h > 10W", "speed * t > 5s" };
	struct weir_schema schema;
	struct weir_block *block = open_record(&schema);
	unsigned errors;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (open_expr(cases[i], &schema, &errors) || errors != 1)
			fail_msg("'%s' is not refused", cases[i]);
	weir_block_close(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_changes_nothing),
		cmocka_unit_test(known_products),
		cmocka_unit_test(sums_of_different_things_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
