/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts compared, searched and taken apart. What makes new ones is in expr_text_make.c. */
#include "expr/expr_text.h"

#include <math.h>
#include <string.h>

#include "expr/utf8.h"
#include "weir/text.h"

#define LOOP(name) WEIR_TEXT_LOOP(name)

LOOP(weir_loop_text_load)
{
	const struct weir_text_memory *memory = step->memory;
	struct weir_slice *restrict out = slot[step->out];
	const char *cell = slot[step->a];

	for (uint32_t i = 0; i < n; i++, cell += memory->bytes)
		out[i] = (struct weir_slice){ cell, (uint32_t)strnlen(cell, memory->bytes) };
}

LOOP(weir_loop_text_fill)
{
	const struct weir_text_memory *memory = step->memory;
	struct weir_slice *restrict out = slot[step->out];

	for (uint32_t i = 0; i < n; i++)
		out[i] = memory->literal;
}

LOOP(weir_loop_text_copy)
{
	memcpy(slot[step->out], slot[step->a], n * sizeof(struct weir_slice));
}

LOOP(weir_loop_text_first)
{
	struct weir_slice *restrict out = slot[step->out];
	const struct weir_slice *a = slot[step->a], *b = slot[step->b];

	for (uint32_t i = 0; i < n; i++)
		out[i] = a[i].n ? a[i] : b[i];
}

/* --------------------------------------------------------------- comparisons */

/* The zero behind the literal is compared too. */
static void text_compare_cells(const struct weir_step *step, void *const *slot, uint32_t n, uint8_t equal)
{
	const struct weir_text_memory *memory = step->memory;
	uint8_t *restrict out = slot[step->out];
	const char *cell = slot[step->a], *literal = memory->literal.at;
	size_t bytes = memory->literal.n + 1;

	if (bytes > memory->bytes) {
		memset(out, !equal, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++, cell += memory->bytes)
		out[i] = (*cell == *literal && !memcmp(cell, literal, bytes)) == equal;
}

LOOP(weir_loop_cell_is)
{
	text_compare_cells(step, slot, n, 1);
}

LOOP(weir_loop_cell_is_not)
{
	text_compare_cells(step, slot, n, 0);
}

static bool text_is_same(struct weir_slice a, struct weir_slice b)
{
	return a.n == b.n && !memcmp(a.at, b.at, a.n);
}

/* As strcmp(3). */
static int text_order(struct weir_slice a, struct weir_slice b)
{
	int order = memcmp(a.at, b.at, a.n < b.n ? a.n : b.n);

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

#define TWO(name, value)                                                        \
	static LOOP(name)                                                       \
	{                                                                       \
		uint8_t *restrict out = slot[step->out];                        \
		const struct weir_slice *a = slot[step->a], *b = slot[step->b]; \
                                                                                \
		for (uint32_t i = 0; i < n; i++)                                \
			out[i] = value;                                         \
	}

TWO(text_equal, text_is_same(a[i], b[i]))
TWO(text_not_equal, !text_is_same(a[i], b[i]))
TWO(text_less, text_order(a[i], b[i]) < 0)
TWO(text_less_equal, text_order(a[i], b[i]) <= 0)
TWO(text_greater, text_order(a[i], b[i]) > 0)
TWO(text_greater_equal, text_order(a[i], b[i]) >= 0)

weir_loop_fn weir_loop_text_compare(enum weir_expr_op op)
{
	static const weir_loop_fn loops[] = {
		[WEIR_E_LT] = text_less,          [WEIR_E_LE] = text_less_equal, [WEIR_E_GT] = text_greater,
		[WEIR_E_GE] = text_greater_equal, [WEIR_E_EQ] = text_equal,      [WEIR_E_NE] = text_not_equal,
	};

	return loops[op];
}

/* -------------------------------------------------------------------- search */

#define SHORT 256 /* bytes that are searched sooner than memmem() has prepared for them */

const char *weir_slice_find(const char *text, size_t n, struct weir_slice part)
{
	const char *end = text + n;

	if (n > SHORT || !part.n)
		return memmem(text, n, part.at, part.n);
	while ((size_t)(end - text) >= part.n) {
		text = memchr(text, *part.at, (size_t)(end - text) - part.n + 1);
		if (!text || !memcmp(text, part.at, part.n))
			return text;
		text++;
	}
	return NULL;
}

LOOP(weir_loop_text_contains)
{
	uint8_t *restrict out = slot[step->out];
	const struct weir_slice *a = slot[step->a], *b = slot[step->b];

	for (uint32_t i = 0; i < n; i++)
		out[i] = weir_slice_find(a[i].at, a[i].n, b[i]) != NULL;
}

LOOP(weir_loop_text_starts)
{
	uint8_t *restrict out = slot[step->out];
	const struct weir_slice *a = slot[step->a], *b = slot[step->b];

	for (uint32_t i = 0; i < n; i++)
		out[i] = a[i].n >= b[i].n && !memcmp(a[i].at, b[i].at, b[i].n);
}

LOOP(weir_loop_text_ends)
{
	uint8_t *restrict out = slot[step->out];
	const struct weir_slice *a = slot[step->a], *b = slot[step->b];

	for (uint32_t i = 0; i < n; i++)
		out[i] = a[i].n >= b[i].n && !memcmp(a[i].at + a[i].n - b[i].n, b[i].at, b[i].n);
}

static int text_match(const struct weir_text_memory *memory, struct weir_slice text, uint32_t i, uint32_t *from,
		      uint32_t *to)
{
	int got = weir_regex_match(memory->regex, text.at, text.n, from, to);

	if (got < 0) {
		memory->faults->of[memory->faults->at + i] |= WEIR_FAULT_INVALID;
		memory->faults->any = true;
	}
	return got > 0;
}

LOOP(weir_loop_text_matches)
{
	uint8_t *restrict out = slot[step->out];
	const struct weir_slice *a = slot[step->a];
	uint32_t from, to;

	for (uint32_t i = 0; i < n; i++)
		out[i] = (uint8_t)text_match(step->memory, a[i], i, &from, &to);
}

LOOP(weir_loop_text_extract)
{
	struct weir_slice *restrict out = slot[step->out];
	const struct weir_slice *a = slot[step->a];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t from = 0, to = 0;

		if (!text_match(step->memory, a[i], i, &from, &to))
			from = to = 0;
		out[i] = (struct weir_slice){ a[i].at + from, to - from };
	}
}

/* --------------------------------------------------------------------- parts */

LOOP(weir_loop_text_length)
{
	double *restrict out = slot[step->out];
	const struct weir_slice *a = slot[step->a];

	for (uint32_t i = 0; i < n; i++)
		out[i] = weir_utf8_count(a[i].at, a[i].n);
}

static struct weir_slice text_trim(struct weir_slice text)
{
	uint32_t length, end = 0, at;

	while (text.n && weir_utf8_is_blank(weir_utf8_next(text.at, text.at + text.n, &length))) {
		text.at += length;
		text.n -= length;
	}
	for (at = 0; at < text.n; at += length)
		if (!weir_utf8_is_blank(weir_utf8_next(text.at + at, text.at + text.n, &length)))
			end = at + length;
	text.n = end;
	return text;
}

LOOP(weir_loop_text_trim)
{
	struct weir_slice *restrict out = slot[step->out];
	const struct weir_slice *a = slot[step->a];

	for (uint32_t i = 0; i < n; i++)
		out[i] = text_trim(a[i]);
}

/* The characters whose positions are in [from, from + n). */
static struct weir_slice text_substr(struct weir_slice text, double from, double n)
{
	uint32_t start, end;
	double to;

	from = floor(from);
	to = fmin(from + floor(n), (double)WEIR_TEXT_MAX * WEIR_UTF8_MAX);
	if (!(to > 0) || !(to > from) || !(from < (double)text.n)) /* NaN too */
		return (struct weir_slice){ text.at, 0 };
	start = weir_utf8_skip(text.at, text.n, from > 0 ? (uint64_t)from : 0);
	end = start + weir_utf8_skip(text.at + start, text.n - start, (uint64_t)(to - fmax(from, 0)));
	return (struct weir_slice){ text.at + start, end - start };
}

LOOP(weir_loop_text_substr)
{
	struct weir_slice *restrict out = slot[step->out];
	const struct weir_slice *a = slot[step->a];
	const double *b = slot[step->b], *c = slot[step->c];

	for (uint32_t i = 0; i < n; i++)
		out[i] = text_substr(a[i], b[i], c[i]);
}

/* Part k between separators, from 0. */
static struct weir_slice text_split(struct weir_slice text, struct weir_slice separator, double k)
{
	const char *at = text.at, *end = text.at + text.n, *next;

	k = floor(k);
	if (!(k >= 0) || k > (double)text.n)
		return (struct weir_slice){ text.at, 0 };
	for (;; k--, at = next + separator.n) {
		next = separator.n ? weir_slice_find(at, (size_t)(end - at), separator) : NULL;
		if (k == 0)
			return (struct weir_slice){ at, (uint32_t)((next ? next : end) - at) };
		if (!next)
			return (struct weir_slice){ at, 0 };
	}
}

LOOP(weir_loop_text_split)
{
	struct weir_slice *restrict out = slot[step->out];
	const struct weir_slice *a = slot[step->a], *b = slot[step->b];
	const double *k = slot[step->c];

	for (uint32_t i = 0; i < n; i++)
		out[i] = text_split(a[i], b[i], k[i]);
}

/* ------------------------------------------------------------------- numbers */

/* No number that means one is longer: those digits do not count. */
#define DIGITS_MAX 512u

LOOP(weir_loop_text_number)
{
	double *restrict out = slot[step->out];
	const struct weir_slice *a = slot[step->a];
	char text[DIGITS_MAX];

	for (uint32_t i = 0; i < n; i++) {
		out[i] = NAN;
		if (a[i].n >= DIGITS_MAX)
			continue;
		memcpy(text, a[i].at, a[i].n);
		text[a[i].n] = 0;
		if (weir_read_real(text, &out[i]))
			out[i] = NAN;
	}
}
