/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Texts that are new. Each step has a buffer in which the texts of a strip stand one behind the other, with room for the longest of
 * all, so that only as much of it is touched as there is text.
 */
#include "expr/expr_text.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "expr/utf8.h"

#define LOOP(name) WEIR_TEXT_LOOP(name)

/* A text that is being made. */
struct making {
	const struct weir_text_memory *memory;
	char *at; /* where the next one begins */
	uint32_t n;
	bool is_cut;
};

static struct making make_begin(const struct weir_step *step)
{
	const struct weir_text_memory *memory = step->memory;

	return (struct making){ .memory = memory, .at = memory->buffer };
}

static void make_append(struct making *making, const char *text, uint32_t n)
{
	uint32_t fits = making->is_cut ? 0 : weir_utf8_fit(text, n, making->memory->most - making->n);

	memcpy(making->at + making->n, text, fits);
	making->n += fits;
	making->is_cut |= fits < n;
}

static struct weir_slice make_end(struct making *making, uint32_t i)
{
	struct weir_slice made = { making->at, making->n };
	struct weir_faults *faults = making->memory->faults;

	if (making->is_cut) {
		faults->of[faults->at + i] |= WEIR_FAULT_CUT;
		faults->any = true;
	}
	making->at += making->n;
	making->n = 0;
	making->is_cut = false;
	return made;
}

/* ---------------------------------------------------------------------- case */

/* Most letters are of ASCII, and as long in the other case. @return how many there are at the beginning, or fit. */
static uint32_t make_plain_case(struct making *making, const char *text, uint32_t n, char first)
{
	uint32_t room = making->is_cut ? 0 : making->memory->most - making->n;
	char *to = making->at + making->n;
	uint32_t i = 0;

	for (n = n < room ? n : room; i < n && !(text[i] & 0x80); i++)
		to[i] = (char)(text[i] ^ (text[i] >= first && text[i] < first + 26 ? 0x20 : 0));
	making->n += i;
	return i;
}

/* `first`: the letter of ASCII that changes, from A or from a on. */
static void make_case(struct making *making, struct weir_slice text, uint32_t (*to)(uint32_t), char first)
{
	char changed[WEIR_UTF8_MAX];
	uint32_t length;

	for (uint32_t at = 0; at < text.n; at += length) {
		at += make_plain_case(making, text.at + at, text.n - at, first);
		if (at == text.n)
			return;
		make_append(making, changed,
			    weir_utf8_put(changed, to(weir_utf8_next(text.at + at, text.at + text.n, &length))));
	}
}

static void make_cases(const struct weir_step *step, void *const *slot, uint32_t n, uint32_t (*to)(uint32_t),
		       char first)
{
	struct weir_slice *restrict out = slot[step->out];
	const struct weir_slice *a = slot[step->a];
	struct making making = make_begin(step);

	for (uint32_t i = 0; i < n; i++) {
		make_case(&making, a[i], to, first);
		out[i] = make_end(&making, i);
	}
}

LOOP(weir_loop_text_lower)
{
	make_cases(step, slot, n, weir_to_lower, 'A');
}

LOOP(weir_loop_text_upper)
{
	make_cases(step, slot, n, weir_to_upper, 'a');
}

/* -------------------------------------------------------------------- pieces */

static void make_replaced(struct making *making, struct weir_slice text, struct weir_slice from, struct weir_slice to)
{
	const char *at = text.at, *end = text.at + text.n, *next;

	while (from.n && (next = weir_slice_find(at, (size_t)(end - at), from))) {
		make_append(making, at, (uint32_t)(next - at));
		make_append(making, to.at, to.n);
		at = next + from.n;
	}
	make_append(making, at, (uint32_t)(end - at));
}

LOOP(weir_loop_text_replace)
{
	struct weir_slice *restrict out = slot[step->out];
	const struct weir_slice *a = slot[step->a], *b = slot[step->b], *c = slot[step->c];
	struct making making = make_begin(step);

	for (uint32_t i = 0; i < n; i++) {
		make_replaced(&making, a[i], b[i], c[i]);
		out[i] = make_end(&making, i);
	}
}

LOOP(weir_loop_text_concat)
{
	const struct weir_text_memory *memory = step->memory;
	struct weir_slice *restrict out = slot[step->out];
	struct making making = make_begin(step);

	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t k = 0; k < memory->n; k++) {
			const struct weir_slice *operand = slot[memory->operand[k]];

			make_append(&making, operand[i].at, operand[i].n);
		}
		out[i] = make_end(&making, i);
	}
}

/* -------------------------------------------------------------------- format */

#define DIGITS_MAX 400u /* of a number, with 40 behind the point: see FORMAT_MOST */
#define FORMAT_DIGITS 40
#define FORMAT_WIDTH 80

static void make_formatted(struct making *making, const char *digits, int n, uint32_t i, struct weir_slice *out)
{
	const struct weir_conversion *format = &making->memory->format;

	make_append(making, format->before.at, format->before.n);
	make_append(making, digits, (uint32_t)n);
	make_append(making, format->after.at, format->after.n);
	*out = make_end(making, i);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
/* Beyond the integers of 64 bits, and of what is none, %d writes what %.0f does. */
static int format_whole(char *digits, const struct weir_conversion *format, double value)
{
	char form[sizeof(format->form) + 8];
	double whole = round(value);

	if (whole >= -0x1p63 && whole < 0x1p63)
		return snprintf(digits, DIGITS_MAX, format->form, (long long)whole);
	snprintf(form, sizeof(form), "%.*s.0f", (int)strcspn(format->form, ".l"), format->form);
	return snprintf(digits, DIGITS_MAX, form, value);
}

static int format_real(char *digits, const struct weir_conversion *format, double value)
{
	return snprintf(digits, DIGITS_MAX, format->form, value);
}

static int format_integer(char *digits, const struct weir_conversion *format, int64_t value)
{
	return snprintf(digits, DIGITS_MAX, format->form, (long long)value);
}
#pragma GCC diagnostic pop

LOOP(weir_loop_text_format)
{
	const struct weir_text_memory *memory = step->memory;
	struct weir_slice *restrict out = slot[step->out];
	const double *a = slot[step->a];
	struct making making = make_begin(step);
	locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(plain);
	char digits[DIGITS_MAX];

	for (uint32_t i = 0; i < n; i++) {
		double value = isnan(a[i]) ? NAN : a[i]; /* its sign is the processor's choice */
		int length = memory->format.is_integer ? format_whole(digits, &memory->format, value)
						       : format_real(digits, &memory->format, value);

		make_formatted(&making, digits, length, i, &out[i]);
	}
	uselocale(before);
	freelocale(plain);
}

LOOP(weir_loop_text_format_integer)
{
	const struct weir_text_memory *memory = step->memory;
	struct weir_slice *restrict out = slot[step->out];
	const int64_t *a = slot[step->a];
	struct making making = make_begin(step);
	char digits[DIGITS_MAX];

	for (uint32_t i = 0; i < n; i++)
		make_formatted(&making, digits, format_integer(digits, &memory->format, a[i]), i, &out[i]);
}

/* `%%` is one percent sign. In place: the text is the expression's own. */
static struct weir_slice format_plain(char *text, size_t n)
{
	uint32_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		text[kept++] = text[i];
		i += text[i] == '%';
	}
	return (struct weir_slice){ text, kept };
}

static size_t format_number(const char *text, int most, bool *good)
{
	size_t n = strspn(text, "0123456789");
	int value = 0;

	for (size_t i = 0; i < n && value <= most; i++)
		value = value * 10 + (text[i] - '0');
	*good &= value <= most;
	return n;
}

static const char *format_conversion(struct weir_conversion *out, const char *text, size_t *length)
{
	bool good = true;
	size_t n = 1;

	n += strspn(text + n, "-+ 0#");
	n += format_number(text + n, FORMAT_WIDTH, &good);
	if (text[n] == '.')
		n += 1 + format_number(text + n + 1, FORMAT_DIGITS, &good);
	if (!text[n] || !strchr("dfeg", text[n]))
		return "a conversion is one of %d %f %e %g";
	if (!good || n + 4 > sizeof(out->form))
		return "a number has a width of at most 80 and at most 40 digits behind the point";
	out->is_integer = text[n] == 'd';
	snprintf(out->form, sizeof(out->form), "%.*s%s%c", (int)n, text, out->is_integer ? "ll" : "", text[n]);
	*length = n + 1;
	return NULL;
}

const char *weir_format_read(struct weir_conversion *out, char *text, uint32_t *most)
{
	size_t at = 0, n = strlen(text), length = 0, found = n;
	const char *why;

	for (; at < n; at++) {
		if (text[at] != '%')
			continue;
		if (text[at + 1] == '%') {
			at++;
			continue;
		}
		if (found < n)
			return "a format has one conversion, and this one has several";
		why = format_conversion(out, text + at, &length);
		if (why)
			return why;
		found = at;
		at += length - 1;
	}
	if (found == n)
		return "a format has one conversion, such as %.1f";
	out->before = format_plain(text, found);
	out->after = format_plain(text + found + length, n - found - length);
	*most = out->before.n + out->after.n + DIGITS_MAX;
	return NULL;
}
