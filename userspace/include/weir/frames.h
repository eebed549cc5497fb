/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file frames.h
 * @brief For authors of operators that look at whole windows of records: the last N values of each channel, side by side.
 *
 *     for (uint32_t i = 0; i < block.n;) {
 *             i += weir_frames_add(&frames, channels, &block, i);
 *             if (weir_frames_full(&frames)) {
 *                     look at weir_frames_values(&frames, c)
 *                     weir_frames_advance(&frames);
 *             }
 *     }
 */
#ifndef WEIR_FRAMES_H
#define WEIR_FRAMES_H

#include "weir/channels.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A row of the parameter table. */
#define WEIR_FRAMES_PARAM_STEP(type, member)                                                           \
	WEIR_P_INT("step", type, member, NULL,                                                         \
		   "records from the start of a window to the start of the next; by default its size", \
		   .style = WEIR_KEYWORD, .min = 1, .max = 1e9)

/** Windows of `size` records, each `step` after the one before. */
struct weir_frames {
	uint32_t size, step, channels;
	uint32_t n;     /**< records in the window so far */
	uint32_t skip;  /**< records to pass over before the next belongs to a window: where step is above size */
	uint32_t fresh; /**< of the n, those that no window before had */
	int64_t *t;     /**< of the records in the window */
	double *value;
};

/** @param size,step 1 or more. @return 0 or -ENOMEM. Free with weir_frames_close(), which takes a zeroed one too. */
int weir_frames_open(struct weir_frames *frames, uint32_t channels, uint32_t size, uint32_t step) WEIR_MUST_CHECK;
void weir_frames_close(struct weir_frames *frames);

/** @brief Take records from number `from` on, until the window is full. @return how many, 1 or more where there are any. */
uint32_t weir_frames_add(struct weir_frames *frames, const struct weir_channels *channels,
			 const struct weir_block *block, uint32_t from);
bool weir_frames_full(const struct weir_frames *frames);
/** @brief A channel's values in the window, oldest first: `frames->n` of them. */
const double *weir_frames_values(const struct weir_frames *frames, uint32_t channel);
/** @brief Go on to the next window. */
void weir_frames_advance(struct weir_frames *frames);

#ifdef __cplusplus
}
#endif
#endif
