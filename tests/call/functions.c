/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions for the tests of `call`: one of each kind, and some that are wrong. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "weir/call.h"

static int twice(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)state;
	out[0].real = 2 * in[0].real;
	return 1;
}
WEIR_CALL(twice, .in = "x", .out = "y", .element = twice);

/* Gives nothing for an odd number, and one record for each of its twos for an even one, three at most. */
static int twos(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	int64_t i = in[0].integer;
	int n = 0;

	(void)state;
	for (; i && i % 2 == 0 && n < 3; i /= 2) {
		out[2 * n].integer = i;
		out[2 * n + 1].integer = n == 0;
		n++;
	}
	return n;
}
WEIR_CALL(twos, .in = "i:int", .out = "half:int, is_first:bool", .element = twos, .most = 3);

static int age(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	struct timespec now;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &now);
	out[0].integer = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - in[0].integer;
	return 1;
}
WEIR_CALL(age, .in = "due:int", .out = "age:int", .element = age);

struct sum {
	double value;
	int ends;
};

static int sum_begin(void *state, const char *argument)
{
	char *end;

	((struct sum *)state)->value = strtod(argument, &end);
	return *end ? -1 : 0;
}

static int sum(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	struct sum *s = state;

	out[0].real = s->value += in[0].real;
	return 1;
}

static int sum_end(struct weir_call_list *out, void *state)
{
	out->n = 1;
	out->column[0][0].real = -((struct sum *)state)->value;
	return 0;
}
WEIR_CALL(sum, .in = "x", .out = "sum", .element = sum, .state_bytes = sizeof(struct sum), .begin = sum_begin,
	  .end = sum_end);

static int shout(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	char *text = state;

	for (size_t i = 0; i < 16; i++)
		text[i] = (char)toupper((unsigned char)in[0].text[i < strlen(in[0].text) ? i : strlen(in[0].text)]);
	out[0].text = text;
	return 1;
}
WEIR_CALL(shout, .in = "s:text", .out = "loud:text:6", .element = shout, .state_bytes = 32);

/* A list in, as many out, with times of its own. */
static int square(const struct weir_call_list *in, struct weir_call_list *out, void *state)
{
	(void)state;
	out->n = in->n;
	for (uint32_t i = 0; i < in->n; i++) {
		out->column[0][i].real = in->column[0][i].real * in->column[0][i].real;
		out->t[i] = in->t[i] + 1;
	}
	return 0;
}
WEIR_CALL(square, .in = "x", .out = "square", .list = square);

static int mean(const struct weir_call_list *in, struct weir_call_list *out, void *state)
{
	double total = 0;

	(void)state;
	for (uint32_t i = 0; i < in->n; i++)
		total += in->column[0][i].real;
	out->n = 1;
	out->column[0][0].real = total / in->n;
	out->column[1][0].integer = in->n;
	return 0;
}
WEIR_CALL(mean, .in = "x", .out = "mean, n:int", .list = mean);

static int picky(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)state;
	out[0].real = in[0].real;
	return in[0].real < 0 ? -7 : 1;
}
WEIR_CALL(picky, .in = "x", .out = "x", .element = picky);

static int liar(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)in;
	(void)out;
	(void)state;
	return 5;
}
WEIR_CALL(liar, .out = "x", .element = liar);
/* Three thousand records, seven at a time, and then no more. */
static int stock(const struct weir_call_list *in, struct weir_call_list *out, void *state)
{
	int64_t *n = state;

	(void)in;
	for (out->n = 0; out->n < 7 && *n < 3000; out->n++)
		out->column[0][out->n].integer = ++*n;
	return out->n ? 0 : -ENODATA;
}
WEIR_CALL(stock, .out = "n:int", .list = stock, .most = 7, .state_bytes = sizeof(int64_t));

static int absorb(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)out;
	*(double *)state += in[0].real;
	return 1;
}
WEIR_CALL(absorb, .in = "x", .element = absorb, .state_bytes = sizeof(double));

WEIR_CALL(nothing, .in = "x", .out = "y");
WEIR_CALL(badly, .in = "x", .out = "y:number", .element = twice);

extern const struct weir_call weir_call_newer;
const struct weir_call weir_call_newer = { WEIR_CALL_VERSION + 1, sizeof(struct weir_call), "x", "y", twice };

int undescribed(void);
int undescribed(void)
{
	return 0;
}
