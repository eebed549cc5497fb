/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file parameter.h
 * @brief The parameters of a program: their statements, their values, and their places in tokens.
 *
 * A place is `$name` or `${name}` within one token. The token is cut from the text before a value is put in, so a value is never
 * read as syntax.
 */
#ifndef WEIR_LANG_PARAMETER_H
#define WEIR_LANG_PARAMETER_H

#include "expr/arena.h"
#include "expr/unit.h"
#include "lang/given.h"

/** One `param` statement. Texts are in the tree's arena. */
struct weir_parameter {
	const char *name;
	const char *help;             /**< "": none */
	const char *fallback;         /**< the default as it is written, without quotes; NULL: a value must be given */
	const char *text;             /**< the value, without quotes; NULL: none was given */
	bool is_number;               /**< and then, of `text`: */
	double written;               /**< the number as it stands there */
	double number;                /**< in base units */
	const struct weir_unit *unit; /**< as it stands there; NULL: none */
	uint32_t at, length;          /**< of the name, in the text of the report */
};

struct weir_parameters {
	struct weir_parameter *parameter;
	uint32_t n;
	struct weir_given given;
};

/** @brief The parameter of that name; NULL: none was declared so far. */
const struct weir_parameter *weir_parameter_find(const struct weir_parameters *parameters, const char *name,
						 size_t length);

/**
 * @brief Is this the place of a parameter: `$name` or `${name}`?
 * @param name its name, `*length` bytes, within `text`.
 * @return the bytes of the place; 0: it is none.
 */
uint32_t weir_parameter_place(const char *text, const char **name, uint32_t *length);

/** @brief The value of a number with or without sign and unit, if the whole text is one. Sets written, number and unit. */
bool weir_parameter_number(struct weir_parameter *parameter, const char *text);

#endif
