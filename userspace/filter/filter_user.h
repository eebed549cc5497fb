/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file filter_user.h
 * @brief The user tier: a predicate compiled to passes over the rows of a chunk. For filter.c and its tests.
 */
#ifndef WEIR_FILTER_FILTER_USER_H
#define WEIR_FILTER_FILTER_USER_H

#include "filter/filter.h"

struct weir_user_filter;

/** @return 0 or -ENOMEM. Neither schema nor predicate is needed afterwards. */
int weir_user_filter_open(struct weir_user_filter **out, const struct weir_predicate *predicate,
			  const struct weir_schema *schema) WEIR_MUST_CHECK;
void weir_user_filter_close(struct weir_user_filter *filter);
/** @brief What it remembers: WEIR_STATE_WORDS words. */
uint64_t *weir_user_filter_state(struct weir_user_filter *filter);

/** @brief Move the passing rows of `rows[0..n)` to the front, in order. @return how many. One thread. */
uint32_t weir_user_filter_rows(struct weir_user_filter *filter, void *rows, uint32_t n);

#endif
