/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file checkpoint.h
 * @brief Has everything that was made of a source's records been answered for?
 *
 * A checkpoint is a position in the stream of a source. It spreads down the graph: an agent has passed it when all records before
 * that position have gone down its chain; the end of its output ring is then the checkpoint of that ring, and what its sink or
 * output has taken until then is the checkpoint of that. The source's checkpoint is passed when all agents have passed and all
 * sinks have answered.
 *
 * A stage with memory (a window, a join) has a record when it was pushed into the stage; where the source awaits windows
 * (kept.c), a window has it when its last result with that record is out. Agents that close a feedback loop are not followed:
 * what circulates there is such memory.
 *
 * All state belongs to the thread that asks. The agents only publish counters that grow, so a checkpoint costs the data path
 * nothing.
 */
#ifndef WEIR_CORE_CHECKPOINT_H
#define WEIR_CORE_CHECKPOINT_H

#include "core/run.h"

struct weir_checkpoint;

/** @brief For the records of `source`, once the plan is made. @return 0 or -ENOMEM. Free with weir_checkpoint_close(), which takes
 *  NULL. */
int weir_checkpoint_open(struct weir_checkpoint **out, const struct weir_node *source) WEIR_MUST_CHECK;
void weir_checkpoint_close(struct weir_checkpoint *checkpoint);

/** @brief Set it to a position that weir_stream_head() had. On the thread that gives the records, as the next one. */
void weir_checkpoint_set(struct weir_checkpoint *checkpoint, uint64_t position);
/** @brief Has it been passed? Each call follows it as far as it has come. */
bool weir_checkpoint_is_passed(struct weir_checkpoint *checkpoint);
/** @brief False: an agent has dropped records or failed, so that it will not be passed. */
bool weir_checkpoint_can_pass(const struct weir_checkpoint *checkpoint);
/** @brief Does a stage below the source work off records one by one? */
bool weir_checkpoint_is_slow(const struct weir_checkpoint *checkpoint);
/** @brief Have all agents ended that work on records of this source? */
bool weir_checkpoint_is_over(const struct weir_checkpoint *checkpoint);

#endif
