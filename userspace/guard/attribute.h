/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file attribute.h
 * @brief An output that is a file of sysfs: what a value is there, and what becomes of one that its driver refuses.
 */
#ifndef WEIR_GUARD_ATTRIBUTE_H
#define WEIR_GUARD_ATTRIBUTE_H

#include "weir/driver.h"

/**
 * @brief Set an attribute. A value outside of `least` to `most` becomes the nearer of them. One that the driver refuses (EINVAL,
 * ERANGE …) becomes the nearest that it takes: values farther and farther off are tried, the side of the park value first, then those
 * between; where none of them is taken, those between the park value, or 0, and the wanted one. A refused write changes nothing, so the output is only ever at values that were taken on the way there.
 * @param done the value that it has now, exactly `value` where that was possible; may be NULL.
 * @return 0; -errno: it takes nothing, or cannot be written.
 */
int weir_attribute_set(int file, const struct weir_physical *what, double value, double *done);

#endif
