/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts, numbers and conditions: which of them an operation takes, and whether a pattern or a format is good. */
#include <errno.h>
#include <string.h>

#include "expr/expr_bind.h"
#include "expr/expr_text.h"

bool weir_bind_wrong(struct weir_binder *b, struct weir_span where, const char *hint, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	weir_report_vadd(b->report, WEIR_EXIT_USAGE, where, hint, format, arguments);
	va_end(arguments);
	return false;
}

static bool is_text(const struct weir_binder *b, const struct weir_tree_expr *expr)
{
	return weir_expr_type(expr, b->schema) == WEIR_T_TEXT;
}

static const char *kind_of(const struct weir_binder *b, const struct weir_tree_expr *expr)
{
	enum weir_type type = weir_expr_type(expr, b->schema);

	return type == WEIR_T_TEXT ? "text" : type & WEIR_T_NUMBER ? "number" : "condition";
}

/* A condition counts as 0 or 1. */
bool weir_bind_check_number(struct weir_binder *b, const struct weir_tree_expr *expr, const char *what)
{
	bool is_sum = !strcmp(what, "+");
	char hint[WEIR_NAME_MAX + 64];

	if (!is_text(b, expr))
		return true;
	if (expr->op == WEIR_E_FIELD)
		snprintf(hint, sizeof(hint),
			 is_sum ? "write number(%s), or concat(a, b) to join texts" : "write number(%s)", expr->name);
	return weir_bind_wrong(b, expr->where,
			       expr->op == WEIR_E_FIELD ? hint
			       : is_sum                 ? "concat(a, b) joins texts"
							: NULL,
			       "'%s' works on numbers, and this is a text", what);
}

bool weir_bind_check_truth(struct weir_binder *b, const struct weir_tree_expr *expr, const char *what)
{
	if (weir_expr_type(expr, b->schema) & WEIR_T_BOOL)
		return true;
	return weir_bind_wrong(b, expr->where,
			       is_text(b, expr) ? "compare it, as in s == \"on\"" : "compare it, as in 'x > 0'",
			       "'%s' works on conditions, and this is a %s", what, kind_of(b, expr));
}

static bool check_text(struct weir_binder *b, const struct weir_tree_expr *expr, const char *what)
{
	if (is_text(b, expr))
		return true;
	return weir_bind_wrong(b, expr->where, "format(\"%g\", x) makes a text of a number",
			       "'%s' works on texts, and this is a %s", what, kind_of(b, expr));
}

static bool check_literal(struct weir_binder *b, const struct weir_tree_expr *expr, const char *usage)
{
	char hint[64];

	if (expr->op == WEIR_E_TEXT)
		return true;
	snprintf(hint, sizeof(hint), "as in %s", usage);
	return weir_bind_wrong(b, expr->where, hint, "a text in quotes must stand here");
}

/* All texts, or none. */
static bool check_same(struct weir_binder *b, const struct weir_tree_expr *first, const struct weir_tree_expr *other)
{
	if (is_text(b, first) == is_text(b, other))
		return true;
	return weir_bind_wrong(b, other->where,
			       "number(s) makes a number of a text, format(\"%g\", x) a text of a number",
			       "this is a %s, and what it goes with is a %s", kind_of(b, other), kind_of(b, first));
}

/* ------------------------------------------------------------------- literals */

/* Where byte `at` of a text in quotes is written. Within double quotes \" and \\ are one byte. */
static struct weir_span place_in(const struct weir_binder *b, struct weir_span where, uint32_t at)
{
	const char *text = weir_report_text(b->report);
	uint32_t from = where.at + 1, last = where.at + where.length - 1;

	if (where.length < 2 || strlen(text) < where.at + where.length ||
	    (text[where.at] != '"' && text[where.at] != '\''))
		return where;
	for (; at && from < last; at--)
		from += text[where.at] == '"' && text[from] == '\\' && (text[from + 1] == '"' || text[from + 1] == '\\')
				? 2
				: 1;
	return (struct weir_span){ from < last ? from : last, 1 };
}

static bool check_pattern(struct weir_binder *b, const struct weir_tree_expr *call)
{
	const struct weir_tree_expr *pattern = call->argument[1];
	struct weir_regex *regex;
	char why[WEIR_REGEX_WHY] = "";
	uint32_t at = 0;
	bool has_group;
	int err = weir_regex_open(&regex, pattern->name, false, why, &at);

	if (err == -ENOMEM)
		b->arena->failed = true;
	if (err == -EINVAL)
		weir_bind_wrong(b, place_in(b, pattern->where, at), NULL, "a bad regular expression: %s", why);
	if (err)
		return false;
	has_group = weir_regex_has_group(regex);
	weir_regex_close(regex);
	return has_group || call->function != WEIR_F_EXTRACT ||
	       weir_bind_wrong(b, pattern->where, "as in extract(s, \"id=([0-9]+)\")",
			       "extract() gives the first group, and this pattern has none");
}

static bool check_format(struct weir_binder *b, const struct weir_tree_expr *format)
{
	char *copy = weir_arena_copy(b->arena, format->name, strlen(format->name));
	struct weir_conversion read;
	const char *why;
	uint32_t most;

	if (!copy)
		return false;
	why = weir_format_read(&read, copy, &most);
	return !why || weir_bind_wrong(b, format->where, "as in format(\"%.1f °C\", x)", "%s", why);
}

/* ------------------------------------------------------------------ operations */

static bool check_argument(struct weir_binder *b, const struct weir_tree_expr *call, uint32_t i, char kind)
{
	const struct weir_function *function = &weir_functions[call->function];
	const struct weir_tree_expr *argument = call->argument[i];

	switch (kind) {
	case 'b':
		return weir_bind_check_truth(b, argument, call->name);
	case 't':
		return check_text(b, argument, call->name);
	case 'l':
		return check_literal(b, argument, function->usage);
	case 'x':
		return check_same(b, call->argument[call->function == WEIR_F_IF], argument);
	default:
		return weir_bind_check_number(b, argument, call->name);
	}
}

bool weir_bind_check_arguments(struct weir_binder *b, const struct weir_tree_expr *expr)
{
	const char *takes = weir_functions[expr->function].takes ? weir_functions[expr->function].takes : "n";
	bool good = true;

	for (uint32_t i = 0; i < expr->n; i++) {
		good &= check_argument(b, expr, i, *takes);
		takes += takes[1] != 0;
	}
	if (!good)
		return false;
	if (expr->function == WEIR_F_MATCHES || expr->function == WEIR_F_EXTRACT)
		return check_pattern(b, expr);
	return expr->function != WEIR_F_FORMAT || check_format(b, expr->argument[0]);
}

/* Two conditions can be compared with each other, and so can two numbers or two texts. */
bool weir_bind_check_comparison(struct weir_binder *b, const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *left = expr->argument[0], *right = expr->argument[1];
	unsigned common = weir_expr_type(left, b->schema) & weir_expr_type(right, b->schema);
	bool is_order = expr->op != WEIR_E_EQ && expr->op != WEIR_E_NE,
	     has_text = is_text(b, left) || is_text(b, right);

	if (common & (WEIR_T_TEXT | WEIR_T_NUMBER) || (common && !is_order))
		return true;
	if (common)
		return weir_bind_wrong(b, left->where, NULL, "'%s' works on numbers, and this is a condition",
				       weir_operator_word(expr->op));
	return weir_bind_wrong(b, expr->where,
			       has_text ? "number(s) makes a number of a text, format(\"%g\", x) a text of a number"
					: NULL,
			       "this compares a %s with a %s", kind_of(b, left), kind_of(b, right));
}
