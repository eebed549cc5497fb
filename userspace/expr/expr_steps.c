/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loops that expressions are made of. They are written so that the compiler makes vector code of them at -O2 where the
 * machine has an instruction for the operation. Comparisons stay scalar on SSE2, unrolled, and are as fast: what they would
 * gain, the narrowing from eight bytes to one would cost.
 */
#if defined(__GNUC__) && !defined(__clang__)
/* Nobody looks at errno here, and without it sqrt() is one instruction. Values do not change. */
#pragma GCC optimize("no-math-errno")
#endif

#include <math.h>

#include "expr/expr_internal.h"
#include "expr/expr_text.h"

#define LOOP(name) static void name(const struct weir_step *step, void *const *slot, uint32_t n)

/* An operation of one number, x. */
#define ONE(name, type, value)                        \
	LOOP(name)                                    \
	{                                             \
		type *restrict out = slot[step->out]; \
		const double *a = slot[step->a];      \
                                                      \
		for (uint32_t i = 0; i < n; i++) {    \
			double x = a[i];              \
			out[i] = (type)(value);       \
		}                                     \
	}                                             \
	static const struct weir_operation op_##name = { .slots = name };

/* An operation of two numbers, x and y: the loop for two slots, and those for a constant on either side. */
#define TWO_LOOP(name, type, value, get_x, get_y)                        \
	LOOP(name)                                                       \
	{                                                                \
		type *restrict out = slot[step->out];                    \
		const double *a = slot[step->a], *b = slot[step->b];     \
		double k = step->k;                                      \
                                                                         \
		(void)a, (void)b, (void)k;                               \
		_Pragma("GCC unroll 4") for (uint32_t i = 0; i < n; i++) \
		{                                                        \
			double x = get_x, y = get_y;                     \
			out[i] = (type)(value);                          \
		}                                                        \
	}

#define TWO(name, type, value)                   \
	TWO_LOOP(name, type, value, a[i], b[i])  \
	TWO_LOOP(name##_k, type, value, a[i], k) \
	TWO_LOOP(k_##name, type, value, k, b[i]) \
	static const struct weir_operation op_##name = { name, name##_k, k_##name };

/* An operation of two truth values. */
#define TRUTHS(name, value)                                           \
	LOOP(name)                                                    \
	{                                                             \
		uint8_t *restrict out = slot[step->out];              \
		const uint8_t *a = slot[step->a], *b = slot[step->b]; \
                                                                      \
		for (uint32_t i = 0; i < n; i++)                      \
			out[i] = (uint8_t)(value);                    \
	}                                                             \
	static const struct weir_operation op_##name = { .slots = name };

TWO(add, double, x + y)
TWO(subtract, double, x - y)
TWO(multiply, double, (x * y))
TWO(divide, double, x / y)
TWO(modulo, double, fmod(x, y))
TWO(less, uint8_t, x < y)
TWO(less_equal, uint8_t, x <= y)
TWO(greater, uint8_t, x > y)
TWO(greater_equal, uint8_t, x >= y)
TWO(equal, uint8_t, x == y)
TWO(not_equal, uint8_t, x != y)
TWO(power, double, pow(x, y))
TWO(arc_tangent, double, atan2(x, y))
/* NaN wins, on either side. */
TWO(minimum, double, x < y || x != x ? x : y)
TWO(maximum, double, x > y || x != x ? x : y)

TWO(hypotenuse, double, hypot(x, y))
TWO_LOOP(first_number, double, x != x ? y : x, a[i], b[i])
TWO_LOOP(first_number_k, double, x != x ? y : x, a[i], k)
TWO_LOOP(k_first_number, double, x != x ? y : x, k, b[i])

ONE(negate, double, -x)
ONE(absolute, double, fabs(x))
ONE(square_root, double, sqrt(x))
ONE(nearest_integer, double, round(x))
ONE(round_down, double, floor(x))
ONE(round_up, double, ceil(x))
ONE(exponential, double, exp(x))
ONE(logarithm, double, log(x))
ONE(sine, double, sin(x))
ONE(cosine, double, cos(x))
ONE(logarithm_10, double, log10(x))
ONE(logarithm_2, double, log2(x))
ONE(tangent, double, tan(x))
ONE(arc_sine, double, asin(x))
ONE(arc_cosine, double, acos(x))
ONE(arc_tangent_1, double, atan(x))
/* Zeros and NaN stay what they are. */
ONE(sign, double, x > 0 ? 1 : x < 0 ? -1 : x)
ONE(is_nan, uint8_t, x != x)

const struct weir_operation weir_operation_coalesce = { first_number, first_number_k, k_first_number };

TRUTHS(both, a[i] & b[i])
TRUTHS(either, a[i] | b[i])
TRUTHS(differ, a[i] ^ b[i])
TRUTHS(agree, a[i] ^ b[i] ^ 1)

LOOP(invert)
{
	uint8_t *restrict out = slot[step->out];
	const uint8_t *a = slot[step->a];

	for (uint32_t i = 0; i < n; i++)
		out[i] = a[i] ^ 1;
}
static const struct weir_operation op_invert = { .slots = invert };

/* Bit y of the integer x, in two's complement; a number that is no 64-bit integer has no bits. */
static uint8_t bit_of(double x, double y)
{
	return x >= -0x1p63 && x < 0x1p63 ? (uint64_t)(int64_t)x >> (unsigned)y & 1 : 0;
}

TWO_LOOP(test_bit_k, uint8_t, bit_of(x, y), a[i], k)
static const struct weir_operation op_test_bit = { .second_constant = test_bit_k };

void weir_loop_fill(const struct weir_step *step, void *const *slot, uint32_t n)
{
	double *restrict out = slot[step->out];

	for (uint32_t i = 0; i < n; i++)
		out[i] = step->k;
}

void weir_loop_fill_truth(const struct weir_step *step, void *const *slot, uint32_t n)
{
	uint8_t *restrict out = slot[step->out];

	for (uint32_t i = 0; i < n; i++)
		out[i] = step->k != 0;
}

void weir_loop_copy(const struct weir_step *step, void *const *slot, uint32_t n)
{
	double *restrict out = slot[step->out];
	const double *a = slot[step->a];

	for (uint32_t i = 0; i < n; i++)
		out[i] = a[i];
}

void weir_loop_from_integer(const struct weir_step *step, void *const *slot, uint32_t n)
{
	double *restrict out = slot[step->out];
	const int64_t *a = slot[step->a];

	for (uint32_t i = 0; i < n; i++)
		out[i] = (double)a[i];
}

void weir_loop_integer_truth(const struct weir_step *step, void *const *slot, uint32_t n)
{
	uint8_t *restrict out = slot[step->out];
	const int64_t *a = slot[step->a];

	for (uint32_t i = 0; i < n; i++)
		out[i] = a[i] != 0;
}

void weir_loop_raw(const struct weir_step *step, void *const *slot, uint32_t n)
{
	double *restrict out = slot[step->out];
	const double *a = slot[step->a];

	for (uint32_t i = 0; i < n; i++)
		out[i] = round(a[i] / step->k - step->l);
}

void weir_loop_multiply_add(const struct weir_step *step, void *const *slot, uint32_t n)
{
	double *restrict out = slot[step->out];
	const double *a = slot[step->a], *b = slot[step->b], *c = slot[step->c];

	for (uint32_t i = 0; i < n; i++)
		out[i] = a[i] * b[i] + c[i];
}

void weir_loop_scale_add(const struct weir_step *step, void *const *slot, uint32_t n)
{
	double *restrict out = slot[step->out];
	const double *a = slot[step->a], *b = slot[step->b];
	double k = step->k, l = step->l;

	for (uint32_t i = 0; i < n; i++)
		out[i] = a[i] * k + b[i] + l;
}

#define CHOOSE(name, type)                                                     \
	void name(const struct weir_step *step, void *const *slot, uint32_t n) \
	{                                                                      \
		type *restrict out = slot[step->out];                          \
		const uint8_t *a = slot[step->a];                              \
		const type *b = slot[step->b], *c = slot[step->c];             \
                                                                               \
		for (uint32_t i = 0; i < n; i++)                               \
			out[i] = a[i] ? b[i] : c[i];                           \
	}

CHOOSE(weir_loop_choose, double)
CHOOSE(weir_loop_choose_truth, uint8_t)
CHOOSE(weir_loop_choose_text, struct weir_slice)

void weir_loop_from_truth(const struct weir_step *step, void *const *slot, uint32_t n)
{
	double *restrict out = slot[step->out];
	const uint8_t *a = slot[step->a];

	for (uint32_t i = 0; i < n; i++)
		out[i] = a[i];
}

void weir_loop_integer_bit(const struct weir_step *step, void *const *slot, uint32_t n)
{
	uint8_t *restrict out = slot[step->out];
	const int64_t *a = slot[step->a];
	unsigned shift = (unsigned)step->k;

	for (uint32_t i = 0; i < n; i++)
		out[i] = (uint64_t)a[i] >> shift & 1;
}

const struct weir_operation *weir_operation_of(enum weir_expr_op op)
{
	static const struct weir_operation *const operations[] = {
		[WEIR_E_NEG] = &op_negate,   [WEIR_E_NOT] = &op_invert,       [WEIR_E_ADD] = &op_add,
		[WEIR_E_SUB] = &op_subtract, [WEIR_E_MUL] = &op_multiply,     [WEIR_E_DIV] = &op_divide,
		[WEIR_E_MOD] = &op_modulo,   [WEIR_E_LT] = &op_less,          [WEIR_E_LE] = &op_less_equal,
		[WEIR_E_GT] = &op_greater,   [WEIR_E_GE] = &op_greater_equal, [WEIR_E_EQ] = &op_equal,
		[WEIR_E_NE] = &op_not_equal, [WEIR_E_AND] = &op_both,         [WEIR_E_OR] = &op_either,
		[WEIR_E_CALL] = NULL,
	};

	return operations[op];
}

const struct weir_operation *weir_operation_of_truths(enum weir_expr_op op)
{
	return op == WEIR_E_EQ ? &op_agree : &op_differ;
}

const struct weir_function weir_functions[] = {
	[WEIR_F_RAW] = { "raw", "raw(field)", 1, 1, WEIR_T_NUMBER, NULL, WEIR_U_FREE },
	[WEIR_F_BETWEEN] = { "between", "between(x, lo, hi)", 3, 3, WEIR_T_BOOL, NULL, WEIR_U_ALIKE, "x" },
	[WEIR_F_BIT] = { "bit", "bit(x, n)", 2, 2, WEIR_T_BOOL, &op_test_bit, WEIR_U_FREE },
	[WEIR_F_PREV] = { "prev", "prev(x)", 1, 1, WEIR_T_NUMBER, NULL, WEIR_U_KEPT },
	[WEIR_F_DELTA] = { "delta", "delta(x)", 1, 1, WEIR_T_NUMBER, NULL, WEIR_U_KEPT },
	[WEIR_F_HOUR] = { "hour", "hour(t)", 1, 1, WEIR_T_NUMBER, NULL, WEIR_U_FREE },
	[WEIR_F_MINUTE] = { "minute", "minute(t)", 1, 1, WEIR_T_NUMBER, NULL, WEIR_U_FREE },
	[WEIR_F_WEEKDAY] = { "weekday", "weekday(t)", 1, 1, WEIR_T_NUMBER, NULL, WEIR_U_FREE },
	[WEIR_F_IF] = { "if", "if(condition, a, b)", 3, 3, WEIR_T_NUMBER, NULL, WEIR_U_KEPT, "bx" },
	[WEIR_F_COALESCE] = { "coalesce", "coalesce(x, y, ...)", 2, WEIR_EXPR_TERMS_MAX, WEIR_T_NUMBER, NULL,
			      WEIR_U_KEPT, "x" },
	[WEIR_F_PI] = { "pi", "pi()", 0, 0, WEIR_T_NUMBER, NULL, WEIR_U_FREE },
	[WEIR_F_CONTAINS] = { "contains", "contains(s, \"part\")", 2, 2, WEIR_T_BOOL, NULL, WEIR_U_FREE, "t" },
	[WEIR_F_STARTS] = { "starts", "starts(s, \"part\")", 2, 2, WEIR_T_BOOL, NULL, WEIR_U_FREE, "t" },
	[WEIR_F_ENDS] = { "ends", "ends(s, \"part\")", 2, 2, WEIR_T_BOOL, NULL, WEIR_U_FREE, "t" },
	[WEIR_F_MATCHES] = { "matches", "matches(s, \"regex\")", 2, 2, WEIR_T_BOOL, NULL, WEIR_U_FREE, "tl" },
	[WEIR_F_EXTRACT] = { "extract", "extract(s, \"regex\")", 2, 2, WEIR_T_TEXT, NULL, WEIR_U_FREE, "tl" },
	[WEIR_F_LENGTH] = { "length", "length(s)", 1, 1, WEIR_T_NUMBER, NULL, WEIR_U_FREE, "t" },
	[WEIR_F_LOWER] = { "lower", "lower(s)", 1, 1, WEIR_T_TEXT, NULL, WEIR_U_FREE, "t" },
	[WEIR_F_UPPER] = { "upper", "upper(s)", 1, 1, WEIR_T_TEXT, NULL, WEIR_U_FREE, "t" },
	[WEIR_F_TRIM] = { "trim", "trim(s)", 1, 1, WEIR_T_TEXT, NULL, WEIR_U_FREE, "t" },
	[WEIR_F_SUBSTR] = { "substr", "substr(s, from, n)", 3, 3, WEIR_T_TEXT, NULL, WEIR_U_FREE, "tn" },
	[WEIR_F_REPLACE] = { "replace", "replace(s, \"a\", \"b\")", 3, 3, WEIR_T_TEXT, NULL, WEIR_U_FREE, "t" },
	[WEIR_F_SPLIT] = { "split", "split(s, \",\", k)", 3, 3, WEIR_T_TEXT, NULL, WEIR_U_FREE, "ttn" },
	[WEIR_F_CONCAT] = { "concat", "concat(a, b, ...)", 2, WEIR_EXPR_TERMS_MAX, WEIR_T_TEXT, NULL, WEIR_U_FREE,
			    "t" },
	[WEIR_F_NUMBER] = { "number", "number(s)", 1, 1, WEIR_T_NUMBER, NULL, WEIR_U_FREE, "t" },
	[WEIR_F_FORMAT] = { "format", "format(\"%.1f\", x)", 2, 2, WEIR_T_TEXT, NULL, WEIR_U_FREE, "ln" },
	{ "abs", "abs(x)", 1, 1, WEIR_T_NUMBER, &op_absolute, WEIR_U_KEPT },
	{ "min", "min(x, y, ...)", 2, WEIR_EXPR_TERMS_MAX, WEIR_T_NUMBER, &op_minimum, WEIR_U_KEPT },
	{ "max", "max(x, y, ...)", 2, WEIR_EXPR_TERMS_MAX, WEIR_T_NUMBER, &op_maximum, WEIR_U_KEPT },
	{ "sqrt", "sqrt(x)", 1, 1, WEIR_T_NUMBER, &op_square_root, WEIR_U_FREE },
	{ "round", "round(x)", 1, 1, WEIR_T_NUMBER, &op_nearest_integer, WEIR_U_KEPT },
	{ "floor", "floor(x)", 1, 1, WEIR_T_NUMBER, &op_round_down, WEIR_U_KEPT },
	{ "ceil", "ceil(x)", 1, 1, WEIR_T_NUMBER, &op_round_up, WEIR_U_KEPT },
	{ "pow", "pow(x, y)", 2, 2, WEIR_T_NUMBER, &op_power, WEIR_U_FREE },
	{ "exp", "exp(x)", 1, 1, WEIR_T_NUMBER, &op_exponential, WEIR_U_FREE },
	{ "log", "log(x)", 1, 1, WEIR_T_NUMBER, &op_logarithm, WEIR_U_FREE },
	{ "sin", "sin(x)", 1, 1, WEIR_T_NUMBER, &op_sine, WEIR_U_FREE },
	{ "cos", "cos(x)", 1, 1, WEIR_T_NUMBER, &op_cosine, WEIR_U_FREE },
	{ "atan2", "atan2(y, x)", 2, 2, WEIR_T_NUMBER, &op_arc_tangent, WEIR_U_ALIKE },
	{ "log10", "log10(x)", 1, 1, WEIR_T_NUMBER, &op_logarithm_10, WEIR_U_FREE },
	{ "log2", "log2(x)", 1, 1, WEIR_T_NUMBER, &op_logarithm_2, WEIR_U_FREE },
	{ "tan", "tan(x)", 1, 1, WEIR_T_NUMBER, &op_tangent, WEIR_U_FREE },
	{ "asin", "asin(x)", 1, 1, WEIR_T_NUMBER, &op_arc_sine, WEIR_U_FREE },
	{ "acos", "acos(x)", 1, 1, WEIR_T_NUMBER, &op_arc_cosine, WEIR_U_FREE },
	{ "atan", "atan(x)", 1, 1, WEIR_T_NUMBER, &op_arc_tangent_1, WEIR_U_FREE },
	{ "hypot", "hypot(x, y)", 2, 2, WEIR_T_NUMBER, &op_hypotenuse, WEIR_U_KEPT },
	{ "sign", "sign(x)", 1, 1, WEIR_T_NUMBER, &op_sign, WEIR_U_FREE },
	{ "isnan", "isnan(x)", 1, 1, WEIR_T_BOOL, &op_is_nan, WEIR_U_FREE },
};
const uint32_t weir_n_functions = sizeof(weir_functions) / sizeof(weir_functions[0]);
