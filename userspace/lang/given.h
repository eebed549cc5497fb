/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file given.h
 * @brief The values that a program is given from outside.
 */
#ifndef WEIR_LANG_GIVEN_H
#define WEIR_LANG_GIVEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_given {
	const char *const *values; /**< "NAME=VALUE", NULL-terminated, the later one counts; NULL: none */
	uint32_t n_shared;         /**< the first ones: a name of capitals need not be a parameter's */
	bool may_lack;             /**< parameters without a value are no error: the program is only described */
};

#endif
