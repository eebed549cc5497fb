/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parser: which tree a program has, and how it goes on behind a mistake. On drivers that touch nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expr/unit.h"
#include "fake_drivers.h"
#include "lang/lang.h"

#define MANY 20000u

static const char *const ops[] = {
	[WEIR_E_NEG] = "neg", [WEIR_E_NOT] = "not", [WEIR_E_ADD] = "+", [WEIR_E_SUB] = "-",   [WEIR_E_MUL] = "*",
	[WEIR_E_DIV] = "/",   [WEIR_E_MOD] = "%",   [WEIR_E_LT] = "<",  [WEIR_E_LE] = "<=",   [WEIR_E_GT] = ">",
	[WEIR_E_GE] = ">=",   [WEIR_E_EQ] = "==",   [WEIR_E_NE] = "!=", [WEIR_E_AND] = "and", [WEIR_E_OR] = "or",
};

static void print_expr(FILE *out, const struct weir_tree_expr *expr)
{
	if (!expr) {
		fputs("nothing", out);
		return;
	}
	if (!expr->n && expr->op != WEIR_E_CALL) {
		if (expr->name)
			fputs(expr->name, out);
		else
			fprintf(out, "%g%s", expr->number, expr->unit ? expr->unit->name : "");
		return;
	}
	fprintf(out, "(%s", expr->op == WEIR_E_CALL ? expr->name : ops[expr->op]);
	for (uint32_t i = 0; i < expr->n; i++) {
		fputc(' ', out);
		print_expr(out, expr->argument[i]);
	}
	fputc(')', out);
}

static void print_arg(FILE *out, const struct weir_tree_arg *arg)
{
	fprintf(out, " %s=", arg->param ? arg->param->name : "policy");
	if (arg->broken)
		fputs("BROKEN", out);
	else if (arg->expr)
		print_expr(out, arg->expr);
	else if (arg->text)
		fprintf(out, "'%s'", arg->text);
	else if (!arg->n_items)
		fprintf(out, "%g%s", arg->number, arg->dimension ? "u" : "");
	for (uint32_t i = 0; !arg->broken && i < arg->n_items; i++) {
		fprintf(out, "%s%s:", i ? "," : "", arg->items[i].name ? arg->items[i].name : "_");
		if (arg->items[i].function >= 0)
			fprintf(out, "%s:", arg->param->words[arg->items[i].function]);
		print_expr(out, arg->items[i].expr);
	}
}

static void print_part(FILE *out, const struct weir_tree_part *part)
{
	fputs(part->name ? part->name : "?", out);
	if (*part->target)
		fprintf(out, ":%s", part->target);
	for (uint32_t i = 0; i < part->n_columns; i++)
		fprintf(out, "[%s]", part->columns[i]);
	for (uint32_t i = 0; i < part->n_args; i++)
		print_arg(out, &part->args[i]);
	if (part->broken)
		fputs(" BROKEN", out);
}

static void print_tree(FILE *out, const struct weir_tree *tree)
{
	for (uint32_t i = 0; i < tree->n_chains; i++) {
		const struct weir_tree_chain *chain = &tree->chains[i];

		for (uint32_t k = 0; k < chain->n_names; k++)
			fprintf(out, "%s%s", chain->names[k].name, k + 1 < chain->n_names ? ", " : " = ");
		for (uint32_t k = 0; k < chain->n_parts; k++) {
			fputs(k ? " | " : "", out);
			print_part(out, &chain->parts[k]);
		}
		fputs(";", out);
	}
}

/* Parse, print the tree into `out`, and give the number of errors. */
static unsigned parse(const char *text, char out[4096])
{
	FILE *stream = fmemopen(out, 4096, "w");
	struct weir_report *report;
	struct weir_tree *tree;
	unsigned errors;

	assert_int_equal(weir_report_open(&report, "t", text), 0);
	assert_int_equal(weir_parse(&tree, report), 0);
	print_tree(stream, tree);
	fputc('\0', stream);
	fclose(stream);
	weir_tree_close(tree);
	errors = weir_report_count(report);
	weir_report_close(report);
	return errors;
}

static void expect(const char *text, unsigned errors, const char *tree)
{
	char out[4096];
	unsigned found = parse(text, out);

	assert_string_equal(out, tree);
	if (found != errors)
		fail_msg("%s: %u errors", text, found);
}

/* Statements and chains in the shapes of language.md. */
static void test_programs(void **state)
{
	(void)state;
	expect("", 0, "");
	expect("\n;; # nothing\n", 0, "");
	expect("sim:d | print", 0, "sim:d | print;");
	expect("a = sim:d[x,\"b c\"] rate=200Hz\nl = a | select m = x\nl | print; a | print", 0,
	       "a = sim:d[x][b c] rate=200u;l = a | select fields=m:x;l | print;a | print;");
	expect("sim:'a b'\n  | where x > 1 # so\n  | print policy=block", 0,
	       "sim:a b | where condition=(> x 1) | print policy='block';");
	expect("gpio:L | switch on level == 1 off level == 0 min_on=5s | gpio:OUT park=off", 0,
	       "gpio:L | switch on=(== level 1) off=(== level 0) min_on=5u | gpio:OUT park='off';");
	expect("sim:d | window 1s step 100ms count() as c, rms(x*x), mean(y) as m | print", 0,
	       "sim:d | window size=1u step=0.1u aggregates=c:count:nothing,_:rms:(* x x),m:mean:y | print;");
	expect("sim:d | window 8 mean(\n x\n) partial | print", 0,
	       "sim:d | window size=8 aggregates=_:mean:x partial='yes' | print;");
	expect("sim:mqtt://h:1/a#b a/b.c inverted path=/dev/x-1 n=-3 gain = 2 | print", 0,
	       "sim:mqtt://h:1/a#b kind='a/b.c' inverted='yes' path='/dev/x-1' n=-3 gain=2 | print;");
	expect("sim:d rate=max mode=fast inverted=no wait=0 | print", 0,
	       "sim:d rate='max' mode='fast' inverted='no' wait=0 | print;");
}

/* A word of a textual argument may begin with anything that a path begins with, though that begins no other token. */
static void test_words(void **state)
{
	static const char *const words[] = { "./x.so:f", "../x", "/x",  "9x.so:f", "5q",    "-",
					     "~/x",      "$5",   "?",   "@x",      "a-b+c", ".",
					     "0x",       "1e",   "\\x", "{a}/b",   "^",     "\303\244/x" };
	char text[128], tree[128];

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		snprintf(text, sizeof(text), "sim:d %s path=%s | print", words[i], words[i]);
		snprintf(tree, sizeof(tree), "sim:d kind='%s' path='%s' | print;", words[i], words[i]);
		expect(text, 0, tree);
	}
}

static void expect_expr(const char *text, const char *tree)
{
	char program[256], expected[256];

	snprintf(program, sizeof(program), "sim:d | where %s | print", text);
	snprintf(expected, sizeof(expected), "sim:d | where condition=%s | print;", tree);
	expect(program, 0, expected);
}

/* or, and, not, comparison, sum, product, sign, call: from the loosest to the tightest, left before right. */
static void test_precedence(void **state)
{
	(void)state;
	expect_expr("a or b and c", "(or a (and b c))");
	expect_expr("a and b or c", "(or (and a b) c)");
	expect_expr("not a == b", "(not (== a b))");
	expect_expr("not not a and b", "(and (not (not a)) b)");
	expect_expr("a + b < c * d", "(< (+ a b) (* c d))");
	expect_expr("a - b - c", "(- (- a b) c)");
	expect_expr("a - (b - c)", "(- a (- b c))");
	expect_expr("a / b * c % d", "(% (* (/ a b) c) d)");
	expect_expr("-a * -b", "(* (neg a) (neg b))");
	expect_expr("- -a", "(neg (neg a))");
	expect_expr("f(a, g(), -1)", "(f a (g) (neg 1))");
	expect_expr("x > 10ms", "(> x 10ms)");
}

/* Each mistake costs its own part and nothing else: what stands before and behind is still read, and reported. */
static void test_recovery(void **state)
{
	static const struct {
		const char *text;
		unsigned errors;
	} cases[] = {
		{ "sim:d | where | print", 0 }, /* what is missing is check's to say */
		{ "sim:d | where x > | print", 1 },
		{ "sim:d | where (x > 1 | print", 1 },
		{ "sim:d | where x > $ | where y < ) | print", 2 },
		{ "sim:d | wher x > 1 | print\nsim:d | prnt\nsmi:d | print", 3 },
		{ "sim:d rat=1Hz modde=fast rate=5q | print\nzip(a, b) | print", 4 },
		{ "a = sim:d | where sqrt(x > 1\nb = a | print", 2 },
		{ "a = sim:d | where sqrt(x\na | print", 1 },
		{ "| print", 1 },
		{ "sim:d |", 1 },
		{ "sim:d | | print", 1 },
		{ "sim:d || print", 1 },
		{ "sim:d | where x > 1 || print", 1 },
		{ "a = ", 1 },
		{ "= sim:d | print", 1 },
		{ "sim:d[x,y | print", 1 },
		{ "sim:d[ | print", 1 },
		{ "sim:d[x,] | print", 1 },
		{ "sim: | print", 1 },
		{ "sim | print", 1 },
		{ "sim:'' | print", 1 },
		{ "sim:d | print:x", 1 },
		{ "sim:d | gpio park=on", 1 },
		{ "sim:d", 1 },
		{ "sim:d | where x > 1", 1 },
		{ "a = sim:d | print", 1 },
		{ "sim:d | print | print", 1 },
		{ "sim:d | sim:e | print", 1 },
		{ "where x > 1 | print", 1 },
		{ "a | a on b | print", 1 },
		{ "a on b | print", 1 },
		{ "and = sim:d", 1 },
		{ "sim:d rate=1Hz rate=2Hz | print", 1 },
		{ "sim:d rate= | print", 1 },
		{ "sim:d rate= mode=fast | print", 1 },
		{ "sim:d rate=\"5\" mode=fast | print", 1 },
		{ "sim:d rate=1Hz plain | print", 1 },
		{ "sim:d rate=5msx mode=fast n=3 | print", 1 },
		{ "sim:d | window 1s avg(x) | print", 1 },
		{ "sim:d | window 1s mean(x as m | print", 1 },
		{ "sim:d | window 1s mean(x) as | print", 1 },
		{ "sim:d | window 1s step mean(x) | print", 1 },
		{ "sim:d | window 1s mean x | print", 1 },
		{ "sim:d | select a = | print", 1 },
		{ "sim:d | select a = x,, b | print", 1 },
		{ "sim:d | switch on x = 3 off y > 1 | print", 1 },
		{ "sim:d | print jsonl | print", 1 },
		{ "sim:\"open | print", 1 },
		{ "sim:d rate=1Hz | print x\n\001 | print", 2 },
		{ "5 | print", 1 },
		{ "'a' | print", 1 },
		{ "sim:d ] | print", 1 },
		{ "sim:d ./x ./y | print", 1 },
		{ "sim:d path=./x $ | print", 1 },
		{ "sim:d n=./x | print", 1 },
		{ "sim:d | where . | print", 1 },
		{ "sim:d | . | print", 1 },
		{ ". | print", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[4096];
		unsigned errors = parse(cases[i].text, out);

		if (errors != cases[i].errors)
			fail_msg("%s: %u errors: %s", cases[i].text, errors, out);
	}
}

/* What is left of a broken program is whole: the parts around the mistake are in the tree. */
static void test_remains(void **state)
{
	(void)state;
	expect("sim:d rat=5 n=2 | where x > | print policy=block\nsim:e | print", 2,
	       "sim:d n=2 BROKEN | where condition=BROKEN BROKEN | print policy='block';sim:e | print;");
	expect("sim:d | nope 5 /x [ ( | where y | print", 1, "sim:d | nope BROKEN | where condition=y | print;");
}

/* A value alone: how defaults are read. */
static void test_value(void **state)
{
	static const struct {
		const char *text;
		enum weir_value value;
		int err;
	} cases[] = {
		{ "10ms", WEIR_V_DURATION, 0 }, { "max", WEIR_V_RATE, 0 },        { "-5", WEIR_V_INT, 0 },
		{ "a/b", WEIR_V_TEXT, 0 },      { "", WEIR_V_TEXT, -22 },         { "10ms 5", WEIR_V_DURATION, -22 },
		{ "x > ", WEIR_V_EXPR, -22 },   { "x, m = y", WEIR_V_FIELDS, 0 }, { "10q", WEIR_V_REAL, -22 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_param param = { .name = "p", .value = cases[i].value, .words = fake_modes };
		struct weir_report *report;
		struct weir_tree_arg arg;
		struct weir_tree *tree;

		assert_int_equal(weir_report_open(&report, "t", cases[i].text), 0);
		assert_int_equal(weir_parse_value(&tree, &arg, &param, report), cases[i].err);
		assert_int_equal(weir_report_count(report), cases[i].err != 0);
		weir_tree_close(tree);
		weir_report_close(report);
	}
}

/* A piece 20 000 times between a beginning and an end. To be freed. */
static char *repeat(const char *begin, const char *piece, const char *end)
{
	size_t before = strlen(begin), length = strlen(piece);
	char *text = malloc(before + MANY * length + strlen(end) + 1);

	assert_non_null(text);
	strcpy(text, begin);
	for (size_t k = 0; k < MANY; k++)
		memcpy(text + before + k * length, piece, length);
	strcpy(text + before + MANY * length, end);
	return text;
}

/* What becomes of a long text: its errors; and of its first chain, the parts and what the second part has of the first argument. */
struct shape {
	unsigned errors;
	uint32_t chains, parts, items;
};

static struct shape measure(char *text)
{
	struct shape shape = { 0 };
	struct weir_report *report;
	struct weir_tree *tree;

	assert_int_equal(weir_report_open(&report, "t", text), 0);
	assert_int_equal(weir_parse(&tree, report), 0);
	shape.errors = weir_report_count(report);
	shape.chains = tree->n_chains;
	shape.parts = tree->n_chains ? tree->chains[0].n_parts : 0;
	if (shape.parts > 1 && tree->chains[0].parts[1].n_args)
		shape.items = tree->chains[0].parts[1].args[0].n_items;
	weir_tree_close(tree);
	weir_report_close(report);
	free(text);
	return shape;
}

/* A program of many chains, a chain of many stages and a stage of many fields are long but no trouble: nothing of them is missing. */
static void test_large(void **state)
{
	struct shape shape = measure(repeat("", "sim:d | print\n", ""));

	(void)state;
	assert_int_equal(shape.errors, 0);
	assert_int_equal(shape.chains, MANY);
	assert_int_equal(shape.parts, 2);
	shape = measure(repeat("sim:d", " | where x > 1", " | print"));
	assert_int_equal(shape.errors, 0);
	assert_int_equal(shape.chains, 1);
	assert_int_equal(shape.parts, MANY + 2);
	shape = measure(repeat("sim:d | select a = x", ", b = x", " | print"));
	assert_int_equal(shape.errors, 0);
	assert_int_equal(shape.parts, 3);
	assert_int_equal(shape.items, MANY + 1);
}

/* As long, and broken: that is said, and once for each token at most. */
static void test_large_and_broken(void **state)
{
	static const char *const pieces[] = { "sim:d | where x > 1 ", "sim:d[a,b,c", "select a = (x,\n", ";|" };

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct shape shape = measure(repeat("", pieces[i], ""));

		assert_in_range(shape.errors, 1, 2 * MANY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),   cmocka_unit_test(test_words),
		cmocka_unit_test(test_precedence), cmocka_unit_test(test_recovery),
		cmocka_unit_test(test_remains),    cmocka_unit_test(test_value),
		cmocka_unit_test(test_large),      cmocka_unit_test(test_large_and_broken),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
