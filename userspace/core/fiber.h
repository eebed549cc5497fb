/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file fiber.h
 * @brief A stack of its own for something that waits, so that several such things share one thread.
 */
#ifndef WEIR_CORE_FIBER_H
#define WEIR_CORE_FIBER_H

#include <stdbool.h>

#include "weir/driver.h"

struct weir_fiber;

/** @brief Make one that will call run(context). @return 0 or -ENOMEM. */
int weir_fiber_open(struct weir_fiber **out, void (*run)(void *context), void *context) WEIR_MUST_CHECK;
/** @brief Also one that has begun and not ended: what it holds stays. Takes NULL. */
void weir_fiber_close(struct weir_fiber *fiber);

/** @brief Begin it, or go on with it, until it yields or ends. Always on the same thread, never from within another. */
void weir_fiber_resume(struct weir_fiber *fiber);
/** @brief From within: go back to whoever resumed it. */
void weir_fiber_yield(struct weir_fiber *fiber);
/** @brief Has run() returned? */
bool weir_fiber_is_over(const struct weir_fiber *fiber);

#endif
