/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Conditions over channels of any shape, through the whole way into the kernel: what can be pushed down is derived,
 * generated, and compared, row by row, with what user space computes. Now and then it is loaded. The input is a list of
 * choices, so that any bytes make a condition.
 */
#define RUNS 5000 /* each is planned, compiled, and run in every tier */
#include "pushdown/pushdown.h"
#include "standalone.h"

#include <errno.h>
#include <math.h>

#include "../common/interpreter.h"
#include "lang/lang.h"
#include "stream/record.h"

#define ROWS 64u
#define ROW_BYTES 40u
#ifndef LOAD_ONE_IN
#define LOAD_ONE_IN 200 /* -DLOAD_ONE_IN=1 loads every program */
#endif

/* The choices that are left; then all are 0, which ends everything soon. */
struct choices {
	const uint8_t *data;
	size_t left;
};

static uint32_t choose(struct choices *choices, uint32_t n)
{
	if (!choices->left)
		return 0;
	choices->left--;
	return *choices->data++ % n;
}

static struct weir_field make_field(struct dice *dice, const char *name, uint32_t at)
{
	static const double scales[] = { 1, 1, 0.01, -0.5, 9.8e-3, 5e-324, 1e300 }, offsets[] = { 0, 0, -273.15, 1e12 };
	struct weir_field field = { .at = at, .bytes = 1u << roll(dice) % 4 };

	field.bits = (uint8_t)(1 + roll(dice) % (8 * field.bytes));
	/* That 65536 values are tried as 1024 are, need not be seen each time. */
	if (field.bits > 10 && field.bits <= 16 && roll(dice) % 16)
		field.bits -= 8;
	field.shift = (uint8_t)(roll(dice) % (8 * field.bytes - field.bits + 1));
	field.is_signed = roll(dice) % 2;
	field.is_big_endian = roll(dice) % 2;
	field.kind = roll(dice) % 4 ? WEIR_REAL : roll(dice) % 2 ? WEIR_INT : WEIR_BOOL;
	field.scale = scales[roll(dice) % 7];
	field.offset = offsets[roll(dice) % 4];
	strcpy(field.name, name);
	return field;
}

static void make_schema(struct weir_schema *schema, struct dice *dice)
{
	static const char *const names[] = { "x", "y", "z" };

	weir_schema_init(schema, WEIR_CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < 3; i++)
		schema->field[i] = make_field(dice, names[i], 8 * i);
	schema->field[3] = (struct weir_field){ .name = "s", .kind = WEIR_TEXT, .at = 32, .bytes = 8, .scale = 1 };
	schema->n_fields = 4;
	schema->t.at = 24;
	schema->row_bytes = ROW_BYTES;
}

/* Small and large numbers, and all ones. */
static void make_rows(unsigned char rows[ROWS * ROW_BYTES], struct dice *dice)
{
	for (uint32_t i = 0; i < ROWS * ROW_BYTES; i += 8) {
		uint64_t word = roll(dice) >> roll(dice) % 64;

		if (!(roll(dice) % 4))
			word = -word;
		memcpy(rows + i, &word, 8);
	}
}

/* What the verifier of this kernel says. Without the right to ask it, nothing. */
static void load_one(const struct weir_predicate *predicate, const struct weir_schema *schema,
		     const struct bpf_insn *code, int n)
{
	const struct weir_filter_config config = { .tier = WEIR_TIER_BATCH,
						   .schema = schema,
						   .predicate = predicate,
						   .code = code,
						   .n_code = (uint32_t)n,
						   .ring_rows = ROWS,
						   .iio_device = -1 };
	struct weir_filter *filter;
	char why[256];
	int err = weir_filter_open(&filter, &config, why);

	if (err && err != -EPERM && err != -ENOSYS) {
		fprintf(stderr, "%s\n", why);
		abort();
	}
	weir_filter_close(filter);
}

static void check_rows(const struct weir_expr *expr, const struct weir_schema *schema,
		       const struct weir_predicate *predicate, struct dice *dice)
{
	static struct weir_filter_memory memory;
	static struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	int n = weir_codegen(predicate, schema, code, NULL, WEIR_FILTER_CODE_MAX);
	unsigned char rows[ROWS * ROW_BYTES];
	uint8_t expected[ROWS];
	struct weir_block *block;

	if (n < 0 || weir_block_open(&block, schema))
		return;
	memcpy(memory.bits, predicate->bits, sizeof(memory.bits));
	make_rows(rows, dice);
	weir_rows_decode(schema, rows, ROWS, block);
	weir_expr_test(expr, block, expected);
	for (uint32_t i = 0; i < ROWS; i++) {
		bool passes = weir_predicate_test(predicate, schema, rows + i * ROW_BYTES, NULL);

		if (predicate->exact ? passes != expected[i] : expected[i] && !passes)
			abort();
		if (interpret(code, (uint32_t)n, rows + i * ROW_BYTES, ROW_BYTES, &memory) != passes)
			abort();
	}
	weir_block_close(block);
	if (!(roll(dice) % LOAD_ONE_IN))
		load_one(predicate, schema, code, n);
}

static void check_condition(const struct weir_expr *expr, const struct weir_schema *schema, struct dice *dice)
{
	static struct weir_predicate predicate;
	char why[256];
	int err;

	if (!weir_expr_is_bool(expr))
		return;
	weir_predicate_init(&predicate);
	err = weir_predicate_add_where(&predicate, expr, schema, why);
	if (!err)
		check_rows(expr, schema, &predicate, dice);
	else if (err != -ENOTSUP || !*why || predicate.n != 1)
		abort();
}

static void print_number(struct choices *choices, FILE *out)
{
	static const char *const numbers[] = { "0",   "1",    "-1",    "3.5",    "-0.01", "1e3",   "-273.15", "65535",
					       "1e9", "2e18", "1e308", "5e-324", "(0/0)", "(1/0)", "(-1/0)" };

	if (choose(choices, 3))
		fputs(numbers[choose(choices, sizeof(numbers) / sizeof(numbers[0]))], out);
	else
		fprintf(out, "%u.%u", choose(choices, 256) * choose(choices, 256), choose(choices, 256));
}

static void print_value(struct choices *choices, uint32_t depth, FILE *out)
{
	static const char *const one[] = {
		"-",    "abs(", "sqrt(",   "floor(",      "ceil(",     "round(",        "exp(",
		"log(", "sin(", "min(1, ", "max(-2, 9, ", "1 + (2 < ", "if(y > 1, z, ", "coalesce(sqrt(x), ",
		"sign("
	};
	static const char *const two[] = { " + ", " - ", " * ", " / ", " % " };
	static const char *const fields[] = { "x", "x", "x", "y", "z", "raw(x)", "t" };

	switch (depth ? choose(choices, 8) : choose(choices, 3)) {
	case 0:
	case 1:
		fputs(fields[choose(choices, 7)], out);
		return;
	case 2:
		print_number(choices, out);
		return;
	case 3:
	case 4:
	case 5: {
		uint32_t which = choose(choices, sizeof(one) / sizeof(one[0]));

		fputs(which ? one[which] : "(-", out);
		print_value(choices, depth - 1, out);
		fputc(')', out);
		return;
	}
	default:
		fputc('(', out);
		print_value(choices, depth - 1, out);
		fputs(two[choose(choices, 5)], out);
		print_value(choices, depth - 1, out);
		fputc(')', out);
	}
}

/* What the planner takes for a polynomial more often than not. */
static void print_polynomial(struct choices *choices, FILE *out)
{
	static const char *const factors[] = {
		"x", "y", "z", "x * x", "(y - 3)", "x * y", "raw(z)", "z / 7", "y * 0.1"
	};
	uint32_t n = 1 + choose(choices, 4);

	fputs(choose(choices, 4) ? "(" : "sqrt(", out);
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			fputs(choose(choices, 4) ? " + " : " - ", out);
		fprintf(out, "%s * %s", factors[choose(choices, 9)], factors[choose(choices, 9)]);
	}
	fputc(')', out);
}

/* What is never pushed down, and never keeps the rest from it. */
static void print_text(struct choices *choices, FILE *out)
{
	static const char *const conditions[] = {
		"s == 'a'",
		"s in ('', 'b')",
		"length(s) > x",
		"matches(s, '[a-z]')",
		"number(s) < y",
		"s != lower(s)",
		"s between 'a' and upper(s)",
		"if(x > 1, s, 'a') < 'b'",
		"(x > 1) + (y > 1) > length(s)",
	};

	fputs(conditions[choose(choices, 9)], out);
}

static void print_membership(struct choices *choices, FILE *out)
{
	fprintf(out, choose(choices, 2) ? "%c not in (" : "%c in (", 'x' + (int)choose(choices, 3));
	print_number(choices, out);
	fputs(", ", out);
	print_number(choices, out);
	fputc(')', out);
}

static void print_comparison(struct choices *choices, FILE *out)
{
	static const char *const signs[] = { " < ", " <= ", " > ", " >= ", " == ", " != " };

	if (!choose(choices, 12)) {
		print_text(choices, out);
		return;
	}
	if (!choose(choices, 10)) {
		fprintf(out, "bit(raw(%c), %u)", 'x' + (int)choose(choices, 3), choose(choices, 64));
		return;
	}
	if (!choose(choices, 10)) {
		print_membership(choices, out);
		return;
	}
	if (choose(choices, 3))
		print_value(choices, 3, out);
	else
		print_polynomial(choices, out);
	fputs(signs[choose(choices, 6)], out);
	if (choose(choices, 2))
		print_number(choices, out);
	else
		print_value(choices, 2, out);
}

static void print_condition(struct choices *choices, uint32_t depth, FILE *out)
{
	uint32_t which = depth ? choose(choices, 5) : 0;

	if (which < 2) {
		print_comparison(choices, out);
		return;
	}
	fputs(which == 4 ? "not (" : "(", out);
	print_condition(choices, depth - 1, out);
	if (which < 4) {
		fputs(which == 2 ? " and " : " or ", out);
		print_condition(choices, depth - 1, out);
	}
	fputc(')', out);
}

static void check_text(const char *text, const struct weir_schema *schema, struct dice *dice)
{
	struct weir_tree_expr *tree_expr;
	struct weir_report *report;
	struct weir_tree *tree;
	struct weir_expr *expr;

	if (weir_report_open(&report, "<fuzz>", text))
		abort();
	if (!weir_parse_expr(&tree, &tree_expr, report) && !weir_expr_open(&expr, tree_expr, schema, report)) {
		check_condition(expr, schema, dice);
		weir_expr_close(expr);
	}
	weir_tree_close(tree);
	weir_report_close(report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices choices = { data, size };
	struct weir_schema schema;
	struct dice dice = { 0 };
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	for (size_t i = 0; i < size; i++)
		dice.state = (dice.state ^ data[i]) * 0x100000001b3;
	make_schema(&schema, &dice);
	print_condition(&choices, 4, out);
	fclose(out);
	check_text(text, &schema, &dice);
	free(text);
	return 0;
}

static const char *const words[] = { "a", "b!", "Cw", "d7", "e", "f#", "gHi", "~",
				     "k", "lz", "mO", "p0", "q", "r5", "x2",  "9" };

FUZZER(words)
