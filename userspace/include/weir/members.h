/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file members.h
 * @brief For operators that need the records of a window and not a sum of them: `exec … window=100`, `call … window=1s`.
 *
 * Windows are those of the stage `window`: see weir/layout.h. By count a window is complete with its last record and has that record's time; by time it is complete
 * when the stream's time has come to its end, and has that end as its time. Windows without records are passed over.
 *
 * An operator calls weir_members_ask() whenever it has taken records, and from its tick weir_members_pass().
 */
#ifndef WEIR_MEMBERS_H
#define WEIR_MEMBERS_H

#include "weir/layout.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_MEMBERS_MAX 65536u /**< records of one window; by time, those beyond are counted as poison and left out */

struct weir_members;

/** A window that is complete. */
struct weir_members_window {
	struct weir_block block; /**< its records, perhaps more than WEIR_BLOCK_MAX; until the next call */
	int64_t t;
};

/** The arguments of such a driver: a member of its state. */
struct weir_windows_args {
	struct weir_layout_args layout; /**< `window`, `step`, `align`, `tz`, `partial`, `whole` */
	int64_t gap_ns;                 /**< `gap` */
};

/**
 * @brief Open the windows that the arguments of a node ask for.
 * @param args in the state of the node.
 * @return 0, -ENOMEM, or what weir_fail_arg() returned. Free with weir_members_close(), which takes NULL.
 */
int weir_members_open(struct weir_members **out, struct weir_node *node, const struct weir_windows_args *args,
		      const struct weir_schema *schema) WEIR_MUST_CHECK;
void weir_members_close(struct weir_members *members);

/**
 * @brief Take records of `in` from number `*from` on, and advance that, until a window is complete. Call it until it is false.
 *
 * By time, a record that is older than the one before is counted as poison and left out.
 */
bool weir_members_next(struct weir_members *members, const struct weir_block *in, uint32_t *from,
		       struct weir_members_window *window);

/** @brief Have the node ticked when the oldest window that has records is complete by time, whether or not another record comes. NULL: no. */
void weir_members_ask(struct weir_node *node, const struct weir_members *members);
/** @brief By time: every record up to `now_ns` has been taken. True: a window is complete by that; call it until it is false. */
bool weir_members_pass(struct weir_members *members, int64_t now_ns, struct weir_members_window *window);

/** @brief At the end of the stream: the oldest open window, if it has records that none has shown and the layout shows it; by
 *  count at the time of the end. Then false. From flush(). */
bool weir_members_last(struct weir_members *members, struct weir_members_window *window);

#ifdef __cplusplus
}
#endif
#endif
