/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file derived.h
 * @brief A condition in text, bound to a schema, with the predicate over raw integers that is derived from it.
 */
#ifndef WEIR_TESTS_DERIVED_H
#define WEIR_TESTS_DERIVED_H

#include <stdbool.h>

#include "filter/filter.h"
#include "lang/lang.h"

struct derived {
	struct weir_report *report;
	struct weir_tree *tree;
	struct weir_expr *expr;
	struct weir_predicate predicate;
	char why[256]; /**< it cannot be derived */
};

/** @brief Fails the test where it is no condition. @return as weir_predicate_add_where(). Always forget() it. */
int derive(struct derived *derived, const char *condition, const struct weir_schema *schema);
void forget(struct derived *derived);

/** @brief Fail the test unless a condition's predicate reads as `expected`, and is as exact as that. */
void expect_derived(const char *condition, const struct weir_schema *schema, const char *expected, bool is_exact);

#endif
