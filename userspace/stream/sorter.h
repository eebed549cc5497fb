/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file sorter.h
 * @brief Puts the records of a stream into the order of their times, as far as they are no later than a bound.
 *
 * A record waits until nothing older can come: until the newest one is later than it by the bound, or until it is promised. What is
 * older than that when it comes is late and is left out. Records of equal time keep their order. Whether a record is late follows from
 * the records before it alone, however they were cut into blocks. One thread.
 *
 *     weir_sorter_add(…)  or  weir_sorter_promise(…)     then weir_sorter_take(…) until it gives nothing
 */
#ifndef WEIR_STREAM_SORTER_H
#define WEIR_STREAM_SORTER_H

#include "weir/driver.h"

/** Records that wait at one time. Where more would have to, the oldest goes on before its time. */
#define WEIR_SORTER_MAX 65536

struct weir_sorter;

/** @brief `schema` must outlive it. @return 0 or -ENOMEM. Free with weir_sorter_close(), which takes NULL. */
int weir_sorter_open(struct weir_sorter **out, const struct weir_schema *schema, int64_t lateness_ns) WEIR_MUST_CHECK;
void weir_sorter_close(struct weir_sorter *sorter);

/** @brief Take in a block, once weir_sorter_take() gave nothing. @return how many of its records were late. */
uint32_t weir_sorter_add(struct weir_sorter *sorter, const struct weir_block *in);
/** @brief The stream has come to `t_ns`, as if a record of that time had been added. */
void weir_sorter_reach(struct weir_sorter *sorter, int64_t t_ns);
/** @brief Nothing before `t_ns` will come, and what comes all the same is late. INT64_MAX: nothing at all. */
void weir_sorter_promise(struct weir_sorter *sorter, int64_t t_ns);
/** @brief Append up to `most` records, in order, to a block that has room for them. @return how many. */
uint32_t weir_sorter_take(struct weir_sorter *sorter, struct weir_block *out, uint32_t most);

/** @brief Nothing before this will be taken any more; INT64_MIN at first. */
uint32_t weir_sorter_count(const struct weir_sorter *sorter); /**< records in it */
int64_t weir_sorter_time(const struct weir_sorter *sorter);
/** @brief The time of the oldest record that waits; INT64_MAX: none does. */
int64_t weir_sorter_oldest(const struct weir_sorter *sorter);

#endif
