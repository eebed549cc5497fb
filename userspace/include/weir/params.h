/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file params.h
 * @brief For tables of drivers (weir/driver.h, which includes this): parameters that mean the same wherever they are found.
 */
#ifndef WEIR_PARAMS_H
#define WEIR_PARAMS_H

/** For the table of an operator whose ticks have a meaning to the user: how long a live tick waits for records still under way.
 *  Without it or when not given: 2 s behind a device that gathers samples, 100 ms behind any other. With weir_sorts() records that
 *  are late by no more than that are put in their place as well. */
#define WEIR_PARAM_LATENESS                                                                                        \
	{                                                                                                          \
		.name = "lateness", .style = WEIR_KEY, .value = WEIR_V_DURATION,                                   \
		.help = "live: how long to wait for records that are still under way before time counts as passed" \
	}

/** For the table of a driver that may come upon what it cannot use: `on_error`, of which weir_arg_int() is 0 to stop the run, 1 to skip
 *  and count it. `when` is a string literal: the line of help. */
#define WEIR_PARAM_ON_ERROR(when)                                                                \
	{                                                                                        \
		.name = "on_error", .style = WEIR_KEY, .value = WEIR_V_WORD, .fallback = "stop", \
		.words = weir_on_error_words, .help = when                                       \
	}
extern const char *const weir_on_error_words[];

/** For the table of a driver that makes text: `width`, bytes of a cell. `what` is a string literal: the line of help. */
#define WEIR_PARAM_WIDTH(what)                                                                                     \
	{                                                                                                          \
		.name = "width", .style = WEIR_KEY, .value = WEIR_V_INT, .fallback = "240", .min = 2, .max = 4080, \
		.help = what                                                                                       \
	}

#endif
