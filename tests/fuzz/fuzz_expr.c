/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as an expression: read, compiled and computed over values of every kind. A record's value must not depend on the
 * block that it came in, nor on whether what was bound is bound once more, as the planner does.
 */
#include "standalone.h"

#include <math.h>

#include "lang/lang.h"

#define N 300u /* more than one strip */

static void make_schema(struct weir_schema *schema)
{
	weir_schema_init(schema, WEIR_CLOCK_REALTIME);
	weir_schema_add(schema, "x", WEIR_REAL, "", 8);
	weir_schema_add(schema, "y", WEIR_REAL, "", 8);
	weir_schema_add(schema, "n", WEIR_INT, "", 8);
	weir_schema_add(schema, "level", WEIR_BOOL, "", 8);
	weir_schema_add(schema, "label", WEIR_TEXT, "", 16);
	weir_schema_add(schema, "v", WEIR_REAL, "mV", 8);
	weir_schema_add(schema, "a", WEIR_REAL, "m/s^2", 8);
	schema->field[1].scale = 0.01;
	schema->field[1].offset = 3;
}

/* Words, numbers, and bytes that are not UTF-8. */
static void fill_text(char *cell, uint32_t k)
{
	static const char *const texts[] = {
		"", "on", "off", "a,b", "\303\204pfel", " 1e3 ", "\377\303x", "aaaaaaaaaaaaaa!"
	};

	memset(cell, 0, 16);
	snprintf(cell, 16, "%s%.*s", texts[k % 8], (int)(k / 8 % 3), texts[k / 24 % 8]);
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
		fill_text(block->column[4].text + (size_t)i * 16, k);
		block->column[5].real[i] = special[k / 5 % 12];
		block->column[6].real[i] = special[k / 7 % 12];
	}
}

/* The same records in blocks that get longer. */
static void eval_in_pieces(const struct weir_expr *expr, struct weir_block *block, double *out)
{
	for (uint32_t at = 0, n = 0; at < N; at += n, n = n * 2 + 1) {
		fill(block, at, n < N - at ? n : N - at);
		weir_expr_eval(expr, block, out + at);
	}
}

static void check_values(struct weir_expr *const expr[3], const struct weir_schema *schema)
{
	static double all[WEIR_BLOCK_MAX], pieces[WEIR_BLOCK_MAX];
	static uint8_t truth[WEIR_BLOCK_MAX];
	struct weir_block *block;

	if (weir_block_open(&block, schema))
		return;
	fill(block, 0, N);
	weir_expr_eval(expr[0], block, all);
	weir_expr_test(expr[1], block, truth);
	eval_in_pieces(expr[2], block, pieces);
	for (uint32_t k = 0; k < N; k++) {
		if (!(isnan(pieces[k]) && isnan(all[k])) && memcmp(&pieces[k], &all[k], sizeof(double)))
			abort();
		if (truth[k] != (all[k] != 0))
			abort();
	}
	weir_block_close(block);
}

#define CELL 64u

static void check_texts(struct weir_expr *const expr[3], const struct weir_schema *schema)
{
	static char all[N][CELL], pieces[N][CELL];
	struct weir_block *block;

	if (weir_block_open(&block, schema))
		return;
	fill(block, 0, N);
	weir_expr_write(expr[0], block, all[0], CELL);
	for (uint32_t at = 0, n = 0; at < N; at += n, n = n * 2 + 1) {
		fill(block, at, n < N - at ? n : N - at);
		weir_expr_write(expr[2], block, pieces[at], CELL);
	}
	for (uint32_t k = 0; k < N; k++)
		if (memcmp(all[k], pieces[k], CELL) || strlen(all[k]) >= weir_expr_text_bytes(expr[0]))
			abort();
	weir_block_close(block);
}

static void check(const struct weir_tree_expr *tree, const struct weir_schema *schema, struct weir_report *report)
{
	struct weir_expr *expr[3] = { NULL };

	if (weir_expr_open(&expr[0], tree, schema, report)) {
		if (!weir_report_count(report))
			abort();
		return;
	}
	if (weir_expr_open(&expr[1], tree, schema, report) ||
	    weir_expr_open(&expr[2], weir_expr_tree(expr[0]), schema, report))
		abort();
	if (weir_expr_is_text(expr[0]))
		check_texts(expr, schema);
	else
		check_values(expr, schema);
	for (int i = 0; i < 3; i++)
		weir_expr_close(expr[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct weir_schema schema;
	struct weir_tree_expr *tree_expr;
	struct weir_report *report;
	struct weir_tree *tree;

	make_schema(&schema);
	if (weir_report_open(&report, "<fuzz>", text))
		abort();
	if (!weir_parse_expr(&tree, &tree_expr, report))
		check(tree_expr, &schema, report);
	else if (!weir_report_count(report))
		abort();
	weir_tree_close(tree);
	weir_report_close(report);
	free(text);
	return 0;
}

/* clang-format off */
static const char *const words[] = {
	"x", "y", "n", "level", "label", "t", "1", "0.5", "-", "-", "3", "1e308", "10ms", "and", "or", "not", "true",
	"false", "(", "(", ")", ")", ",", "<", "<=", ">", ">=", "==", "!=", "=", "+", "*", "/", "%", "abs(x)",
	"min(x, y)", "max(", "sqrt(", "round(y)", "raw(y)", "raw(n)", "between(x, 1, 2)", "pow(x, y)", "exp(", "log(",
	"bit(n, 3)", "isnan(x)", "&&", "prev(", "delta(", "prev(x)", "delta(t)", "delta(n)", "hour(t)", "minute(t)",
	"weekday(t)", "label", "'on'", "\"a\"", " in (", " not in (", " between ", "AND", "OR", "NOT", "`label`", "lower(", "upper(",
	"trim(label)", "substr(label, 1, n)", "replace(label, 'a', ", "split(label, ',', n)", "concat(label, ", "length(label)",
	"number(label)", "format('%5.1f', x)", "format('%d', n)", "matches(label, '", "extract(label, '(a+)+b", "')",
	"contains(label, 'a')", "starts(", "ends(", "if(level, ", "coalesce(", "pi()", "hypot(x, y)", "sign(x)", "log10(x)",
	"v", "a", "5V", "500mV", "3m/s^2", "90deg", "50%", "5m", "2 *", "30\302\260C",
};
/* clang-format on */

FUZZER(words)
