/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "lang/parser.h"

/* Binary operators from the loosest to the tightest. `not` stands between LEVEL_AND and LEVEL_COMPARISON. */
enum level { LEVEL_OR, LEVEL_AND, LEVEL_COMPARISON, LEVEL_SUM, LEVEL_PRODUCT, LEVELS };

static const struct {
	enum level level;
	enum weir_expr_op op;
	const char *word;
} binaries[] = {
	{ LEVEL_OR, WEIR_E_OR, "or" },         { LEVEL_AND, WEIR_E_AND, "and" },
	{ LEVEL_COMPARISON, WEIR_E_LT, "<" },  { LEVEL_COMPARISON, WEIR_E_LE, "<=" },
	{ LEVEL_COMPARISON, WEIR_E_GT, ">" },  { LEVEL_COMPARISON, WEIR_E_GE, ">=" },
	{ LEVEL_COMPARISON, WEIR_E_EQ, "==" }, { LEVEL_COMPARISON, WEIR_E_NE, "!=" },
	{ LEVEL_SUM, WEIR_E_ADD, "+" },        { LEVEL_SUM, WEIR_E_SUB, "-" },
	{ LEVEL_PRODUCT, WEIR_E_MUL, "*" },    { LEVEL_PRODUCT, WEIR_E_DIV, "/" },
	{ LEVEL_PRODUCT, WEIR_E_MOD, "%" },
};
#define N_BINARIES (sizeof(binaries) / sizeof(binaries[0]))

/* What other languages call them. */
static const struct {
	const char *word, *hint;
} foreign[] = {
	{ "=", "use '==' to compare" }, { "<>", "use '!='" },
	{ "=>", "use '>='" },           { "=<", "use '<='" },
	{ "&&", "use 'and'" },          { "||", "use 'or'; between two stages stands a single '|'" },
	{ "!", "use 'not'" },           { "**", "use pow(x, y)" },
	{ "^", "use pow(x, y)" },       { "&", "use 'and', or bit(x, n) for one bit of a number" },
	{ "~", "use 'not'" },           { "!~", "use not matches(s, \"regex\")" },
};

static struct weir_tree_expr *loose(struct weir_parser *parser, enum level level);

static struct weir_tree_expr *make(struct weir_parser *parser, enum weir_expr_op op, uint32_t from, uint32_t n)
{
	struct weir_tree_expr *expr;

	if (++parser->terms > WEIR_EXPR_TERMS_MAX) {
		weir_wrong(parser, weir_span_since(parser, from), NULL, "this expression has more than %d terms",
			   WEIR_EXPR_TERMS_MAX);
		return NULL;
	}
	expr = weir_arena_take(parser->arena, sizeof(*expr));
	if (!expr)
		return NULL;
	expr->op = op;
	expr->where = weir_span_since(parser, from);
	expr->function = expr->field = -1;
	expr->n = n;
	expr->argument = weir_arena_take(parser->arena, n * sizeof(struct weir_tree_expr *));
	return expr->argument ? expr : NULL;
}

static bool enter(struct weir_parser *parser, struct weir_span where)
{
	if (++parser->depth <= WEIR_EXPR_DEPTH_MAX)
		return true;
	weir_wrong(parser, where, NULL, "this expression is nested more than %d deep", WEIR_EXPR_DEPTH_MAX);
	return false;
}

/* Whatever stands within parentheses, at any level of nesting. */
static struct weir_tree_expr *nested(struct weir_parser *parser)
{
	struct weir_tree_expr *expr;

	if (!enter(parser, weir_peek(parser).where))
		return NULL;
	expr = loose(parser, LEVEL_OR);
	parser->depth--;
	return expr;
}

/* True when there is one of another language's operators, which then was reported. */
/* No token of its own: in `path=~/x` these are two. */
static bool at_match(struct weir_parser *parser)
{
	struct weir_span where = weir_peek(parser).where;

	if (!weir_at(parser, "=") || parser->lexer.text[where.at + 1] != '~')
		return false;
	where.length = 2;
	weir_wrong(parser, where, "use matches(s, \"regex\")", "expressions have no operator '=~'");
	return true;
}

static bool at_foreign(struct weir_parser *parser)
{
	if (at_match(parser))
		return true;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		if (!weir_at(parser, foreign[i].word))
			continue;
		weir_wrong(parser, weir_peek(parser).where, foreign[i].hint, "expressions have no operator '%s'",
			   foreign[i].word);
		return true;
	}
	return false;
}

/* What stands on a later line was hardly meant to be in the same parentheses. */
static bool is_line_between(struct weir_parser *parser, struct weir_span open)
{
	struct weir_token token = weir_peek(parser);

	return token.word != WEIR_W_BAD && memchr(parser->lexer.text + open.at, '\n', token.where.at - open.at);
}

/* The parenthesis at `open` must end here. */
static bool close_parenthesis(struct weir_parser *parser, struct weir_span open, const char *expected)
{
	if (weir_accept(parser, ")"))
		return true;
	if (at_foreign(parser))
		return false;
	if (weir_at_end(parser) || is_line_between(parser, open))
		weir_wrong(parser, open, NULL, "this '(' is never closed");
	else
		weir_expected(parser, expected, NULL);
	return false;
}

static struct weir_tree_expr *call(struct weir_parser *parser, struct weir_token name)
{
	struct weir_span open = weir_take(parser).where;
	struct weir_tree_expr **arguments = NULL, *expr;
	uint32_t n = 0;

	if (!weir_at(parser, ")")) {
		do {
			arguments = weir_arena_grow(parser->arena, arguments, n, sizeof(struct weir_tree_expr *));
			if (!arguments)
				return NULL;
			arguments[n] = nested(parser);
			if (!arguments[n++])
				return NULL;
		} while (weir_accept(parser, ","));
	}
	if (!close_parenthesis(parser, open, "',' or ')'"))
		return NULL;
	expr = make(parser, WEIR_E_CALL, name.where.at, 0);
	if (!expr)
		return NULL;
	expr->name = weir_token_copy(parser, name);
	expr->argument = arguments;
	expr->n = n;
	return expr->name ? expr : NULL;
}

static struct weir_tree_expr *name_or_call(struct weir_parser *parser)
{
	struct weir_token name = weir_take(parser);
	bool is_true = weir_token_is(&parser->lexer, name, "true");
	struct weir_tree_expr *expr;

	if (weir_at(parser, "("))
		return call(parser, name);
	if (is_true || weir_token_is(&parser->lexer, name, "false"))
		expr = make(parser, WEIR_E_NUMBER, name.where.at, 0);
	else
		expr = make(parser, WEIR_E_FIELD, name.where.at, 0);
	if (!expr)
		return NULL;
	expr->number = is_true;
	expr->name = weir_token_copy(parser, name);
	return expr->name ? expr : NULL;
}

static struct weir_tree_expr *parenthesis(struct weir_parser *parser)
{
	struct weir_span open = weir_take(parser).where;
	struct weir_tree_expr *expr = nested(parser);

	if (!expr || !close_parenthesis(parser, open, "')'"))
		return NULL;
	expr->where = weir_span_since(parser, open.at);
	return expr;
}

static struct weir_tree_expr *number(struct weir_parser *parser)
{
	struct weir_token token = weir_take(parser);
	struct weir_tree_expr *expr = make(parser, WEIR_E_NUMBER, token.where.at, 0);

	if (token.unit && weir_unit_is_week(token.unit)) {
		weir_wrong(parser, token.where, "write 7d", "only the size of windows is in weeks");
		return NULL;
	}
	if (expr) {
		expr->number = token.written;
		expr->unit = token.unit;
	}
	return expr;
}

/* In small letters or in capitals. */
static bool at_either(struct weir_parser *parser, const char *word)
{
	char capitals[16];
	size_t n = 0;

	for (; word[n] && n + 1 < sizeof(capitals); n++)
		capitals[n] = (char)(word[n] >= 'a' && word[n] <= 'z' ? word[n] - 'a' + 'A' : word[n]);
	capitals[n] = 0;
	return weir_at(parser, word) || weir_at(parser, capitals);
}

static bool is_reserved(struct weir_parser *parser)
{
	return at_either(parser, "and") || at_either(parser, "or") || at_either(parser, "not");
}

static struct weir_tree_expr *text(struct weir_parser *parser)
{
	struct weir_token token = weir_take(parser);
	struct weir_tree_expr *expr = make(parser, WEIR_E_TEXT, token.where.at, 0);

	if (expr)
		expr->name = parser->lexer.text[token.where.at] == '$' ? weir_token_fill(parser, token)
								       : weir_token_copy(parser, token);
	return expr && expr->name ? expr : NULL;
}

/* `50 %` at the end of something was hardly meant as a remainder, and `select *` is what is there anyhow. */
static const char *share_hint(struct weir_parser *parser)
{
	if (parser->last_end && parser->lexer.text[parser->last_end - 1] == '%')
		return "a unit stands right behind its number, as in 50%";
	return weir_at(parser, "*") ? "without a select, every field goes on" : NULL;
}

static struct weir_tree_expr *primary(struct weir_parser *parser)
{
	struct weir_token token = weir_peek(parser);

	if (token.word == WEIR_W_NUMBER)
		return number(parser);
	if (token.word == WEIR_W_NAME && !is_reserved(parser))
		return name_or_call(parser);
	if (weir_at(parser, "("))
		return parenthesis(parser);
	if (token.word == WEIR_W_STRING)
		return text(parser);
	if (!at_foreign(parser))
		weir_expected(parser, "a number, a field or '('", share_hint(parser));
	return NULL;
}

/* A sign or a `not`, before what `operand` reads. */
static struct weir_tree_expr *prefix(struct weir_parser *parser, enum weir_expr_op op,
				     struct weir_tree_expr *(*operand)(struct weir_parser *))
{
	struct weir_span where = weir_take(parser).where;
	struct weir_tree_expr *inner, *expr;

	if (!enter(parser, where))
		return NULL;
	inner = operand(parser);
	parser->depth--;
	expr = inner ? make(parser, op, where.at, 1) : NULL;
	if (expr)
		expr->argument[0] = inner;
	return expr;
}

static struct weir_tree_expr *sign(struct weir_parser *parser)
{
	return weir_at(parser, "-") ? prefix(parser, WEIR_E_NEG, sign) : primary(parser);
}

static struct weir_tree_expr *negation(struct weir_parser *parser)
{
	return at_either(parser, "not") ? prefix(parser, WEIR_E_NOT, negation) : loose(parser, LEVEL_COMPARISON);
}

static struct weir_tree_expr *tighter(struct weir_parser *parser, enum level level)
{
	if (level == LEVEL_AND)
		return negation(parser);
	return level + 1 == LEVELS ? sign(parser) : loose(parser, level + 1);
}

/* The index in `binaries` of the next token at this level, or N_BINARIES. */
static size_t find_binary(struct weir_parser *parser, enum level level)
{
	size_t i = 0;

	while (i < N_BINARIES && (binaries[i].level != level || !at_either(parser, binaries[i].word)))
		i++;
	return i;
}

static bool at_membership(struct weir_parser *parser)
{
	return at_either(parser, "in") || at_either(parser, "between");
}

static bool is_chained(struct weir_parser *parser, enum level level)
{
	if (level != LEVEL_COMPARISON ||
	    (find_binary(parser, level) == N_BINARIES && !at_membership(parser) && !at_either(parser, "not")))
		return false;
	weir_wrong(parser, weir_peek(parser).where, "write 'a < b and b < c', or between(b, a, c)",
		   "comparisons cannot be chained");
	return true;
}

/* "in" "(" sum { "," sum } ")", behind a sum */
static struct weir_tree_expr *membership(struct weir_parser *parser, struct weir_tree_expr *left)
{
	struct weir_tree_expr **items = weir_arena_grow(parser->arena, NULL, 0, sizeof(struct weir_tree_expr *)), *expr;
	struct weir_span open;
	uint32_t n = 1;

	if (!items)
		return NULL;
	items[0] = left;
	weir_take(parser);
	open = weir_peek(parser).where;
	if (!weir_accept(parser, "(")) {
		weir_expected(parser, "'(' behind 'in'", "as in: in (\"on\", \"open\")");
		return NULL;
	}
	do {
		items = weir_arena_grow(parser->arena, items, n, sizeof(struct weir_tree_expr *));
		if (!items)
			return NULL;
		items[n] = nested(parser);
		if (!items[n++])
			return NULL;
	} while (weir_accept(parser, ","));
	if (!close_parenthesis(parser, open, "',' or ')'"))
		return NULL;
	expr = make(parser, WEIR_E_IN, left->where.at, 0);
	if (!expr)
		return NULL;
	expr->argument = items;
	expr->n = n;
	return expr;
}

/* "between" sum "and" sum, behind a sum */
static struct weir_tree_expr *range(struct weir_parser *parser, struct weir_tree_expr *left)
{
	struct weir_tree_expr *low, *high, *expr;

	weir_take(parser);
	low = loose(parser, LEVEL_SUM);
	if (!low)
		return NULL;
	if (!at_either(parser, "and")) {
		weir_expected(parser, "'and'", "as in: x between 1 and 2");
		return NULL;
	}
	weir_take(parser);
	high = loose(parser, LEVEL_SUM);
	expr = high ? make(parser, WEIR_E_CALL, left->where.at, 3) : NULL;
	if (!expr)
		return NULL;
	expr->name = weir_arena_copy(parser->arena, "between", strlen("between"));
	expr->argument[0] = left;
	expr->argument[1] = low;
	expr->argument[2] = high;
	return expr->name ? expr : NULL;
}

/* [ "not" ] ( "in" … | "between" … ), behind a sum; the sum itself where there is neither. */
static struct weir_tree_expr *behind_sum(struct weir_parser *parser, struct weir_tree_expr *left)
{
	bool is_negated = at_either(parser, "not");
	struct weir_tree_expr *expr, *negation;

	if (!is_negated && !at_membership(parser))
		return left;
	if (is_negated)
		weir_take(parser);
	if (!at_membership(parser)) {
		weir_expected(parser, "'in' or 'between' behind 'not'", NULL);
		return NULL;
	}
	expr = at_either(parser, "in") ? membership(parser, left) : range(parser, left);
	if (!expr || is_chained(parser, LEVEL_COMPARISON))
		return NULL;
	if (!is_negated)
		return expr;
	negation = make(parser, WEIR_E_NOT, left->where.at, 1);
	if (negation)
		negation->argument[0] = expr;
	return negation;
}

static struct weir_tree_expr *loose(struct weir_parser *parser, enum level level)
{
	struct weir_tree_expr *left = tighter(parser, level);
	size_t i;

	if (left && level == LEVEL_COMPARISON)
		left = behind_sum(parser, left);

	while (left && (i = find_binary(parser, level)) < N_BINARIES) {
		struct weir_tree_expr *right, *expr;

		weir_take(parser);
		right = tighter(parser, level);
		if (!right || is_chained(parser, level))
			return NULL;
		expr = make(parser, binaries[i].op, left->where.at, 2);
		if (!expr)
			return NULL;
		expr->argument[0] = left;
		expr->argument[1] = right;
		left = expr;
	}
	return left;
}

struct weir_tree_expr *weir_read_expr(struct weir_parser *parser)
{
	struct weir_tree_expr *expr;

	parser->depth = parser->terms = 0;
	expr = nested(parser);
	if (expr && (weir_peek(parser).word == WEIR_W_BAD || at_foreign(parser)))
		return NULL;
	return expr;
}
