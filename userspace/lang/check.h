/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file check.h
 * @brief What the files of the checker share with each other and with nobody else.
 */
#ifndef WEIR_LANG_CHECK_H
#define WEIR_LANG_CHECK_H

#include "lang/lang.h"

/** Where what is wrong with a value is said, and what its expressions are bound to. */
struct weir_checking {
	struct weir_report *report;
	const struct weir_schema
		*schema; /**< NULL: not known, as something upstream failed; expressions are then passed over */
};

/** @brief Report an error of the program. @return false. */
bool weir_check_wrong(const struct weir_checking *c, struct weir_span where, const char *hint, const char *format, ...)
	WEIR_PRINTF(4, 5);

/* check_args.c */

/** @brief All arguments of a part, defaults included. NULL after a report. */
struct weir_args *weir_check_args(const struct weir_checking *c, const struct weir_tree_part *part);

/* check_value.c */

/** @brief Convert one written value by its parameter. False after a report. */
bool weir_check_value(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_arg *tree,
		      struct weir_arg *arg);
/** @brief The index of a word in a list, or -1 after a report that offers the nearest. */
int weir_check_word(const struct weir_checking *c, const struct weir_tree_arg *tree, const char *name,
		    const char *const *words);

/* check_number.c */

/** @brief As weir_check_value(), for all kinds of numbers. */
bool weir_check_number(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_arg *tree,
		       struct weir_arg *arg);

/* check_items.c */

/** @brief As weir_check_value(), for WEIR_V_FIELDS and WEIR_V_AGGREGATES. */
bool weir_check_items(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_arg *tree,
		      struct weir_arg *arg);

#endif
