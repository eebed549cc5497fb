/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text_model.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { A, B_TEXT, NUMBER_X };

/* What texts are made of, with its other case; a blank counts to trim(). */
static const struct {
	const char *text, *upper, *lower;
	int is_blank, characters;
} pieces[] = {
	{ "a", "A", "a", 0, 1 },
	{ "A", "A", "a", 0, 1 },
	{ "k", "K", "k", 0, 1 },
	{ "z", "Z", "z", 0, 1 },
	{ "7", "7", "7", 0, 1 },
	{ "-", "-", "-", 0, 1 },
	{ ",", ",", ",", 0, 1 },
	{ ".", ".", ".", 0, 1 },
	{ " ", " ", " ", 1, 1 },
	{ "\t", "\t", "\t", 1, 1 },
	{ "\u00a0", "\u00a0", "\u00a0", 1, 1 },
	{ "\u3000", "\u3000", "\u3000", 1, 1 },
	{ "\u00e4", "\u00c4", "\u00e4", 0, 1 },
	{ "\u00c4", "\u00c4", "\u00e4", 0, 1 },
	{ "\u00df", "\u00df", "\u00df", 0, 1 },
	{ "\u0131", "I", "\u0131", 0, 1 },
	{ "\u0130", "\u0130", "i", 0, 1 },
	{ "\u01c5", "\u01c4", "\u01c6", 0, 1 },
	{ "\u2160", "\u2160", "\u2170", 0, 1 },
	{ "\u212a", "\u212a", "k", 0, 1 },
	{ "\u2c65", "\u023a", "\u2c65", 0, 1 },
	{ "\u023a", "\u023a", "\u2c65", 0, 1 },
	{ "\u044f", "\u042f", "\u044f", 0, 1 },
	{ "\u6f22", "\u6f22", "\u6f22", 0, 1 },
	{ "\U00010428", "\U00010400", "\U00010428", 0, 1 },
	{ "\U0001f600", "\U0001f600", "\U0001f600", 0, 1 },
	/* No UTF-8, also in whatever company of the others: each byte is a character. */
	{ "\xff", "\xff", "\xff", 0, 1 },
	{ "\xc3", "\xc3", "\xc3", 0, 1 },
	{ "\xc0\x80", "\xc0\x80", "\xc0\x80", 0, 2 },
	{ "\xed\xa0\x80", "\xed\xa0\x80", "\xed\xa0\x80", 0, 3 },
	{ "\xf4\x90\x80\x80", "\xf4\x90\x80\x80", "\xf4\x90\x80\x80", 0, 4 },
	{ "\xf0\x9f\x98", "\xf0\x9f\x98", "\xf0\x9f\x98", 0, 3 },
};
#define PIECES (sizeof(pieces) / sizeof(pieces[0]))

void text_schema(struct weir_schema *schema)
{
	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "a", WEIR_TEXT, "", 16);
	weir_schema_add(schema, "b", WEIR_TEXT, "", 40);
	weir_schema_add(schema, "x", WEIR_REAL, "", 8);
}

static void add(struct text *text, const char *bytes, uint32_t n)
{
	assert(text->n + n < TEXT_MOST);
	memcpy(text->byte + text->n, bytes, n);
	text->n += n;
}

void random_text(struct text *out, uint32_t most)
{
	uint32_t wanted = below(most + 1);
	/* Few letters, so that one text is often in the other. */
	uint32_t kinds = below(2) ? 9 : PIECES;

	out->n = 0;
	for (int tries = 0; tries < 40; tries++) {
		const char *piece = pieces[below(kinds)].text;
		uint32_t n = (uint32_t)strlen(piece);

		if (out->n + n <= wanted)
			add(out, piece, n);
	}
}

/* ----------------------------------------------------------------------- nodes */

enum text_kind {
	TEXT_FIELD,
	TEXT_LITERAL,
	UPPER,
	LOWER,
	TRIM,
	SUBSTR,
	REPLACE,
	SPLIT,
	CONCAT,
	IF,
	COALESCE,
	FORMAT,
	TEXT_KINDS,
	COMPARE = TEXT_KINDS,
	CONTAINS,
	STARTS,
	ENDS,
	IN,
	NOT_IN,
	BETWEEN,
	LENGTH,
	CONDITION_KINDS,
};

struct text_node {
	enum text_kind kind;
	int which, from, n;
	struct text literal;
	struct text_node *arg[3];
};

static struct text_node pool[512];
static unsigned used;

static struct text_node *make(enum text_kind kind)
{
	struct text_node *node = &pool[used++];

	assert(used <= sizeof(pool) / sizeof(pool[0]));
	memset(node, 0, sizeof(*node));
	node->kind = kind;
	return node;
}

void forget_texts(void)
{
	used = 0;
}

static struct text_node *literal(uint32_t most)
{
	struct text_node *node = make(TEXT_LITERAL);

	random_text(&node->literal, most);
	return node;
}

static unsigned n_arguments(enum text_kind kind)
{
	static const unsigned n[] = {
		[UPPER] = 1,  [LOWER] = 1, [TRIM] = 1,     [SUBSTR] = 1,  [REPLACE] = 3,  [SPLIT] = 2,
		[CONCAT] = 2, [IF] = 3,    [COALESCE] = 2, [COMPARE] = 2, [CONTAINS] = 2, [STARTS] = 2,
		[ENDS] = 2,   [IN] = 3,    [NOT_IN] = 3,   [BETWEEN] = 3, [LENGTH] = 1
	};

	return n[kind];
}

struct text_node *random_text_expr(int depth)
{
	struct text_node *node;

	if (!depth || !below(5)) {
		if (!below(3))
			return literal(6);
		node = make(TEXT_FIELD);
		node->which = (int)below(2);
		return node;
	}
	node = make((enum text_kind)(UPPER + below(TEXT_KINDS - UPPER)));
	node->from = (int)below(9) - 2;
	node->n = (int)below(9) - 1;
	for (unsigned i = 0; i < n_arguments(node->kind); i++)
		node->arg[i] = node->kind == IF && !i ? random_text_condition(depth - 1) : random_text_expr(depth - 1);
	/* So that no text gets longer than there may be. */
	if (node->kind == REPLACE) {
		node->arg[1] = literal(2);
		node->arg[2] = literal(4);
	}
	return node;
}

struct text_node *random_text_condition(int depth)
{
	struct text_node *node = make((enum text_kind)(COMPARE + below(CONDITION_KINDS - COMPARE)));

	node->which = (int)below(6);
	node->n = (int)below(6);
	for (unsigned i = 0; i < n_arguments(node->kind); i++)
		node->arg[i] = i && below(2) ? literal(3) : random_text_expr(depth > 0 ? depth - 1 : 0);
	return node;
}

static const char *const compared[] = { "<", "<=", ">", ">=", "==", "!=" };

static void print_call(FILE *out, const char *name, const struct text_node *node)
{
	fprintf(out, "%s(", name);
	for (unsigned i = 0; i < n_arguments(node->kind); i++) {
		fputs(i ? ", " : "", out);
		print_text_node(out, node->arg[i]);
	}
}

static void print_infix(FILE *out, const struct text_node *node, const char *before, const char *between,
			const char *end)
{
	print_text_node(out, node->arg[0]);
	fputs(before, out);
	print_text_node(out, node->arg[1]);
	fputs(between, out);
	if (node->arg[2])
		print_text_node(out, node->arg[2]);
	fputs(end, out);
}

void print_text_node(FILE *out, const struct text_node *node)
{
	static const char *const names[] = {
		[UPPER] = "upper",       [LOWER] = "lower",       [TRIM] = "trim",     [SUBSTR] = "substr",
		[REPLACE] = "replace",   [SPLIT] = "split",       [CONCAT] = "concat", [IF] = "if",
		[COALESCE] = "coalesce", [CONTAINS] = "contains", [STARTS] = "starts", [ENDS] = "ends",
		[LENGTH] = "length"
	};
	char before[16];

	switch (node->kind) {
	case TEXT_FIELD:
		fputs(node->which == A ? "a" : "`b`", out);
		return;
	case TEXT_LITERAL:
		fputc('"', out);
		fwrite(node->literal.byte, 1, node->literal.n, out);
		fputc('"', out);
		return;
	case FORMAT:
		fprintf(out, "format('<%%d>', x)");
		return;
	case COMPARE:
		snprintf(before, sizeof(before), " %s ", compared[node->which]);
		print_infix(out, node, before, "", "");
		return;
	case IN:
		print_infix(out, node, " in (", ", ", ")");
		return;
	case NOT_IN:
		print_infix(out, node, " not in (", ", ", ")");
		return;
	case BETWEEN:
		print_infix(out, node, " between ", " and ", "");
		return;
	default:
		print_call(out, names[node->kind], node);
		if (node->kind == SUBSTR)
			fprintf(out, ", %d, %d", node->from, node->n);
		if (node->kind == SPLIT)
			fprintf(out, ", %d", node->n);
		fputc(')', out);
		if (node->kind == LENGTH)
			fprintf(out, " > %d", node->n);
	}
}

/* ------------------------------------------------------------------ characters */

static int is_tail(unsigned char byte)
{
	return byte >= 0x80 && byte < 0xc0;
}

/* Bytes of the character at `at`, 1 where it is no character. */
static uint32_t character(const struct text *text, uint32_t at)
{
	const unsigned char *s = (const unsigned char *)text->byte + at;
	uint32_t left = text->n - at, n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t value = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));

	if (n == 1 || s[0] < 0xc0 || s[0] > 0xf7 || n > left)
		return 1;
	for (uint32_t i = 1; i < n; i++) {
		if (!is_tail(s[i]))
			return 1;
		value = value << 6 | (s[i] & 0x3f);
	}
	if (value < (n == 2   ? 0x80u
		     : n == 3 ? 0x800u
			      : 0x10000u) ||
	    value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 1;
	return n;
}

static int find_piece(const struct text *text, uint32_t at, uint32_t n)
{
	for (size_t i = 0; i < PIECES; i++)
		if (strlen(pieces[i].text) == n && !memcmp(pieces[i].text, text->byte + at, n))
			return (int)i;
	return -1;
}

/* Also what only the other case of a piece is. */
static void add_in_case(struct text *out, const struct text *text, uint32_t at, uint32_t n, int upper)
{
	char one[5] = { 0 };

	memcpy(one, text->byte + at, n);
	for (size_t i = 0; i < PIECES; i++) {
		const char *other = upper ? pieces[i].upper : pieces[i].lower;

		if (!strcmp(one, pieces[i].text) ||
		    (!strcmp(one, upper ? pieces[i].lower : pieces[i].upper) && pieces[i].text[0] != '\xc4' &&
		     strcmp(pieces[i].text, "\u212a") && strcmp(pieces[i].text, "\u01c5"))) {
			add(out, other, (uint32_t)strlen(other));
			return;
		}
	}
	if (n == 1 && (one[0] == 'i' || one[0] == 'I'))
		one[0] = upper ? 'I' : 'i';
	if (!strcmp(one, "\u01c4") || !strcmp(one, "\u01c6"))
		strcpy(one, upper ? "\u01c4" : "\u01c6");
	add(out, one, n);
}

static void change_case(struct text *out, const struct text *text, int upper)
{
	for (uint32_t at = 0, n; at < text->n; at += n) {
		n = character(text, at);
		add_in_case(out, text, at, n, upper);
	}
}

static int is_blank_at(const struct text *text, uint32_t at, uint32_t n)
{
	int piece = find_piece(text, at, n);

	return piece >= 0 && pieces[piece].is_blank;
}

static void trim(struct text *out, const struct text *text)
{
	uint32_t from = text->n, to = 0;

	for (uint32_t at = 0, n; at < text->n; at += n) {
		n = character(text, at);
		if (is_blank_at(text, at, n))
			continue;
		from = at < from ? at : from;
		to = at + n;
	}
	if (to > from)
		add(out, text->byte + from, to - from);
}

static void substr(struct text *out, const struct text *text, int from, int count)
{
	int position = 0;

	for (uint32_t at = 0, n; at < text->n; at += n, position++) {
		n = character(text, at);
		if (position >= from && position < from + count)
			add(out, text->byte + at, n);
	}
}

static int is_at(const struct text *text, uint32_t at, const struct text *part)
{
	return text->n - at >= part->n && !memcmp(text->byte + at, part->byte, part->n);
}

static void replace(struct text *out, const struct text *text, const struct text *from, const struct text *to)
{
	for (uint32_t at = 0; at < text->n;) {
		if (from->n && is_at(text, at, from)) {
			add(out, to->byte, to->n);
			at += from->n;
		} else {
			add(out, text->byte + at++, 1);
		}
	}
}

static void split(struct text *out, const struct text *text, const struct text *by, int k)
{
	int part = 0;

	for (uint32_t at = 0; at < text->n;) {
		if (by->n && is_at(text, at, by)) {
			part++;
			at += by->n;
		} else {
			if (part == k)
				add(out, text->byte + at, 1);
			at++;
		}
	}
}

/* ------------------------------------------------------------------------ walks */

void walk_text(const struct text_node *node, const struct weir_block *block, uint32_t k, struct text *out)
{
	struct text *argument = calloc(3, sizeof(*argument));
	char digits[40];

	out->n = 0;
	for (unsigned i = node->kind == IF; i < n_arguments(node->kind); i++)
		walk_text(node->arg[i], block, k, &argument[i]);
	switch (node->kind) {
	case TEXT_FIELD: {
		uint32_t bytes = block->schema->field[node->which].bytes;
		const char *cell = block->column[node->which].text + (size_t)k * bytes;

		add(out, cell, (uint32_t)strlen(cell));
		break;
	}
	case TEXT_LITERAL:
		add(out, node->literal.byte, node->literal.n);
		break;
	case UPPER:
	case LOWER:
		change_case(out, argument, node->kind == UPPER);
		break;
	case TRIM:
		trim(out, argument);
		break;
	case SUBSTR:
		substr(out, argument, node->from, node->n);
		break;
	case REPLACE:
		replace(out, &argument[0], &argument[1], &argument[2]);
		break;
	case SPLIT:
		split(out, &argument[0], &argument[1], node->n);
		break;
	case CONCAT:
		add(out, argument[0].byte, argument[0].n);
		add(out, argument[1].byte, argument[1].n);
		break;
	case IF:
		*out = argument[walk_text_condition(node->arg[0], block, k) ? 1 : 2];
		break;
	case COALESCE:
		*out = argument[argument[0].n ? 0 : 1];
		break;
	default:
		snprintf(digits, sizeof(digits), "<%lld>", (long long)block->column[NUMBER_X].real[k]);
		add(out, digits, (uint32_t)strlen(digits));
	}
	free(argument);
}

static int order(const struct text *a, const struct text *b)
{
	for (uint32_t i = 0; i < a->n && i < b->n; i++)
		if (a->byte[i] != b->byte[i])
			return (unsigned char)a->byte[i] < (unsigned char)b->byte[i] ? -1 : 1;
	return a->n < b->n ? -1 : a->n > b->n;
}

static int compare(int which, int sign)
{
	const int holds[] = { sign<0, sign <= 0, sign> 0, sign >= 0, sign == 0, sign != 0 };

	return holds[which];
}

static int contains(const struct text *text, const struct text *part)
{
	for (uint32_t at = 0; at <= text->n; at++)
		if (is_at(text, at, part))
			return 1;
	return 0;
}

static int count(const struct text *text)
{
	int n = 0;

	for (uint32_t at = 0; at < text->n; at += character(text, at))
		n++;
	return n;
}

static int holds(const struct text_node *node, const struct text *a, const struct text *b, const struct text *c)
{
	switch (node->kind) {
	case COMPARE:
		return compare(node->which, order(a, b));
	case CONTAINS:
		return contains(a, b);
	case STARTS:
		return is_at(a, 0, b);
	case ENDS:
		return a->n >= b->n && is_at(a, a->n - b->n, b);
	case IN:
		return !order(a, b) || !order(a, c);
	case NOT_IN:
		return order(a, b) && order(a, c);
	case BETWEEN:
		return order(a, b) >= 0 && order(a, c) <= 0;
	default:
		return count(a) > node->n;
	}
}

int walk_text_condition(const struct text_node *node, const struct weir_block *block, uint32_t k)
{
	struct text *argument = calloc(3, sizeof(*argument));
	int result;

	for (unsigned i = 0; i < n_arguments(node->kind); i++)
		walk_text(node->arg[i], block, k, &argument[i]);
	result = holds(node, &argument[0], &argument[1], &argument[2]);
	free(argument);
	return result;
}
