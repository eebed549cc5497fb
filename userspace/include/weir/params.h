/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file params.h
 * @brief For tables of drivers (weir/driver.h, which includes this): the rows of a table, and parameters that mean the same wherever
 * they are found.
 *
 *     static const struct weir_param params[] = {
 *             WEIR_P_DURATION("keepalive", struct mqtt, keepalive_ns, "60s", "longest time without a packet", .min = 1, .max = 3600),
 *             WEIR_P_TEXT("id", struct mqtt, id, NULL, "client identifier"),
 *             { 0 }
 *     };
 *
 * A row names a member of the driver's state. The value is in that member before open() is called. A name that the state does not
 * have and a member of another type do not compile. Arguments after the help text are members of struct weir_param: `.style`,
 * `.required`, `.min`, `.max`. The default is written as in a program; NULL: none. A member without an argument and without a default
 * stays zero; see weir_given().
 */
#ifndef WEIR_PARAMS_H
#define WEIR_PARAMS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct weir_expr;

/** The member of WEIR_P_SPAN. */
struct weir_length {
	int64_t n;     /**< records or ns */
	bool is_time;  /**< ns */
	bool is_weeks; /**< written in weeks, which begin on Monday */
};

/** What stands for `t`, the record's time, which is no field of the schema, in place of a field's index. */
#define WEIR_FIELD_TIME (-2)

/** One item of WEIR_V_FIELDS or WEIR_V_AGGREGATES. */
struct weir_binding {
	const char *name; /**< of the resulting field */
	int function;     /**< aggregates: index into `words`; -1 for plain fields */
	int field; /**< index of the input field, or WEIR_FIELD_TIME, when the expression is just that; else -1 */
	const struct weir_expr *expr;   /**< NULL for `count()` */
	const struct weir_expr *second; /**< aggregates: the x of `max_by(y, x)`; NULL: there is none */
	double parameter;               /**< aggregates: the number in `quantile(x, 0.95)`; NaN: there is none */
};

/** The member of WEIR_P_FIELDS and WEIR_P_AGGREGATES. */
struct weir_bindings {
	const struct weir_binding *at; /**< n of them, until close(); NULL without an argument */
	uint32_t n;
};

/** An integer, a duration (ns), a size (bytes), a truth value or the index of a word: the greatest value that the member holds. */
/* clang-format off */
#define WEIR_MEMBER_INTEGER(member) \
	_Generic((member), bool: 1.0, \
		 signed char: (double)SCHAR_MAX, unsigned char: (double)UCHAR_MAX, \
		 short: (double)SHRT_MAX, unsigned short: (double)USHRT_MAX, \
		 int: (double)INT_MAX, unsigned int: (double)UINT_MAX, \
		 long: (double)LONG_MAX, unsigned long: (double)ULONG_MAX, \
		 long long: (double)LLONG_MAX, unsigned long long: (double)ULLONG_MAX)
#define WEIR_MEMBER_REAL(member) _Generic((member), double: 0.0)
#define WEIR_MEMBER_TEXT(member) _Generic((member), const char *: 0.0)
#define WEIR_MEMBER_SPAN(member) _Generic((member), struct weir_length: 0.0)
#define WEIR_MEMBER_EXPR(member) _Generic((member), const struct weir_expr *: 0.0)
#define WEIR_MEMBER_BINDINGS(member) _Generic((member), struct weir_bindings: 0.0)
/* clang-format on */

/** A row, of which the macros below fill in `value` and the type of the member. */
#define WEIR_P(kind, form, parameter, type, member, preset, text, ...)                                       \
	{                                                                                                    \
		.name = (parameter), .value = (kind), .fallback = (preset), .help = text, .is_placed = true, \
		.offset = offsetof(type, member), .bytes = sizeof(((type *)0)->member),                      \
		.member_max = WEIR_MEMBER_##form(((type *)0)->member), __VA_ARGS__                           \
	}

/* (name, struct type, member, default, help, …): the member is an integer of any width … */
#define WEIR_P_INT(...) WEIR_P(WEIR_V_INT, INTEGER, __VA_ARGS__)
#define WEIR_P_DURATION(...) WEIR_P(WEIR_V_DURATION, INTEGER, __VA_ARGS__) /* … in ns … */
#define WEIR_P_SIZE(...) WEIR_P(WEIR_V_SIZE, INTEGER, __VA_ARGS__)         /* … in bytes … */
#define WEIR_P_BOOL(...) WEIR_P(WEIR_V_BOOL, INTEGER, __VA_ARGS__)         /* … 0 or 1: a bool. */
#define WEIR_P_REAL(...) WEIR_P(WEIR_V_REAL, REAL, __VA_ARGS__)            /* The member is a double … */
#define WEIR_P_RATE(...) WEIR_P(WEIR_V_RATE, REAL, __VA_ARGS__)            /* … in Hz. */
#define WEIR_P_TEXT(...) WEIR_P(WEIR_V_TEXT, TEXT, __VA_ARGS__)            /* A const char *, NULL without a value. */
#define WEIR_P_SPAN(...) WEIR_P(WEIR_V_SPAN, SPAN, __VA_ARGS__)            /* A struct weir_length. */
/** (name, struct type, member, default, words, help, …): an integer or an enum, the index in `words`; a bool where there are two. */
#define WEIR_P_WORD(parameter, type, member, preset, list, ...) \
	WEIR_P(WEIR_V_WORD, INTEGER, parameter, type, member, preset, __VA_ARGS__, .words = (list))
/* (name, struct type, member, help, …): a const struct weir_expr *, a struct weir_bindings. They have no defaults. */
#define WEIR_P_EXPR(parameter, type, member, ...) WEIR_P(WEIR_V_EXPR, EXPR, parameter, type, member, NULL, __VA_ARGS__)
#define WEIR_P_FIELDS(parameter, type, member, ...) \
	WEIR_P(WEIR_V_FIELDS, BINDINGS, parameter, type, member, NULL, __VA_ARGS__)
/** (name, struct type, member, functions, help, …) */
#define WEIR_P_AGGREGATES(parameter, type, member, list, ...) \
	WEIR_P(WEIR_V_AGGREGATES, BINDINGS, parameter, type, member, NULL, __VA_ARGS__, .words = (list))

/** For the table of an operator whose ticks have a meaning to the user: how long a live tick waits for records still under way.
 *  Without it or when not given: 2 s behind a device that gathers samples, 100 ms behind any other. With weir_sorts() records that
 *  are late by no more than that are put in their place as well. */
#define WEIR_PARAM_LATENESS                                                                                   \
	{                                                                                                     \
		.name = "lateness", .style = WEIR_KEY, .value = WEIR_V_DURATION,                              \
		.help = "lateness: live, the time to wait for records under way before time counts as passed" \
	}

/** For the table of an operator that has a table of keys: the bounds of that table. See weir_keys_open_args(). */
#define WEIR_KEYS_BOUND_PARAMS                                                                               \
	{ .name = "keys",                                                                                    \
	  .style = WEIR_KEY,                                                                                 \
	  .value = WEIR_V_INT,                                                                               \
	  .fallback = "10000",                                                                               \
	  .min = 1,                                                                                          \
	  .max = 1e7,                                                                                        \
	  .help = "greatest number of keys; of more, the key that was silent longest goes and is counted" }, \
	{                                                                                                    \
		.name = "forget", .style = WEIR_KEY, .value = WEIR_V_DURATION,                               \
		.help = "silence that ends the state of a key; default: none", .min = 1e-9, .max = 1e9       \
	}

/** For the table of a driver that fills the time between records, or waits for it: `gap`, in ns. `what` is a string literal: the line
 *  of help. See weir_hole(). */
#define WEIR_PARAM_GAP(type, member, what) WEIR_P_DURATION("gap", type, member, "1h", what, .min = 0, .max = 1e9)

/** The same, of windows. */
#define WEIR_WINDOW_GAP_PARAM(type, member) \
	WEIR_PARAM_GAP(type, member,        \
		       "by time: when no record has come for longer than this, no windows that show nothing new")

/** For the table of a driver that may come upon what it cannot use: `on_error`. The member is a bool: false to stop the run, true to
 *  skip and count it. `when` is a string literal: the line of help. */
#define WEIR_PARAM_ON_ERROR(type, member, when) WEIR_P_WORD("on_error", type, member, "stop", weir_on_error_words, when)
extern const char *const weir_on_error_words[];

/** For the table of a driver that makes text: `width`, bytes of a cell. `what` is a string literal: the line of help. */
#define WEIR_PARAM_WIDTH(type, member, what) WEIR_P_INT("width", type, member, "240", what, .min = 2, .max = 4080)

#endif
