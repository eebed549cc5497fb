/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as an expression: read, compiled and computed over values of every kind. A record's value must not depend on the
 * block that it came in.
 */
#include "standalone.h"

#include <math.h>

#include "lang/lang.h"

#define N 300u /* more than one strip */

static void make_schema(struct weir_schema *schema)
{
	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 8);
	weir_schema_add(schema, "y", WEIR_REAL, "", 8);
	weir_schema_add(schema, "n", WEIR_INT, "", 8);
	weir_schema_add(schema, "level", WEIR_BOOL, "", 8);
	weir_schema_add(schema, "label", WEIR_TEXT, "", 16);
	schema->field[1].scale = 0.01;
	schema->field[1].offset = 3;
}

static void fill(struct weir_block *block, uint32_t from, uint32_t n)
{
	static const double special[] = { 0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 1e308, 5e-324, 0.5, 900, 3 };

	block->n = n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = from + i;

		block->t[i] = (int64_t)k * INT64_C(1000003) << (k % 20);
		block->column[0].real[i] = special[k % 12];
		block->column[1].real[i] = special[k / 12 % 12];
		block->column[2].integer[i] = (int64_t)((uint64_t)k << (k % 64));
		block->column[3].integer[i] = k & 1;
	}
}

static void check_values(const struct weir_expr *expr, const struct weir_schema *schema)
{
	double all[WEIR_BLOCK_MAX], one[1];
	uint8_t truth[WEIR_BLOCK_MAX];
	struct weir_block *block;

	if (weir_block_open(&block, schema))
		return;
	fill(block, 0, N);
	weir_expr_eval(expr, block, all);
	weir_expr_test(expr, block, truth);
	for (uint32_t k = 0; k < N; k += 37) {
		fill(block, k, 1);
		weir_expr_eval(expr, block, one);
		if (!(isnan(one[0]) && isnan(all[k])) && memcmp(one, &all[k], sizeof(one)))
			abort();
		if (truth[k] != (all[k] != 0))
			abort();
	}
	weir_block_close(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct weir_schema schema;
	struct weir_tree_expr *tree_expr;
	struct weir_report *report;
	struct weir_tree *tree;
	struct weir_expr *expr;

	make_schema(&schema);
	if (weir_report_open(&report, "<fuzz>", text))
		abort();
	if (!weir_parse_expr(&tree, &tree_expr, report) && !weir_expr_open(&expr, tree_expr, &schema, report)) {
		check_values(expr, &schema);
		weir_expr_close(expr);
	} else if (!weir_report_count(report)) {
		abort();
	}
	weir_tree_close(tree);
	weir_report_close(report);
	free(text);
	return 0;
}

#ifndef WEIR_LIBFUZZER
/* clang-format off */
static const char *const words[] = {
	"x", "y", "n", "level", "label", "t", "1", "0.5", "-", "-", "3", "1e308", "10ms", "and", "or", "not", "true",
	"false", "(", "(", ")", ")", ",", "<", "<=", ">", ">=", "==", "!=", "=", "+", "*", "/", "%", "abs(x)",
	"min(x, y)", "max(", "sqrt(", "round(y)", "raw(y)", "raw(n)", "between(x, 1, 2)", "pow(x, y)", "exp(", "log(",
	"bit(n, 3)", "isnan(x)", "&&",
};
/* clang-format on */

int main(int argc, char **argv)
{
	return run_standalone(argc, argv, words, sizeof(words) / sizeof(words[0]));
}
#endif
