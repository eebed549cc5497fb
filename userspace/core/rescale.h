/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file rescale.h
 * @brief Scales of a source's fields that change while it runs: from the thread that finds out to those that decode.
 *
 * A sequence lock: the count is odd while the numbers are being written, and a reader takes them over when the count is another
 * than the one it has seen, at the beginning of a block.
 */
#ifndef WEIR_CORE_RESCALE_H
#define WEIR_CORE_RESCALE_H

#include <stdatomic.h>

#include "weir/driver.h"

struct weir_rescale {
	_Atomic uint32_t count;
	_Atomic double scale[WEIR_FIELDS_MAX], offset[WEIR_FIELDS_MAX];
};

/** @brief Publish the numbers of `n` fields. One writer at a time. */
void weir_rescale_write(struct weir_rescale *rescale, const double *scale, const double *offset, uint32_t n);

/** @brief Bring a reader's copy of the schema up to date. `*seen` is 0 at first. */
void weir_rescale_read(struct weir_rescale *rescale, uint32_t *seen, struct weir_schema *schema);

#endif
