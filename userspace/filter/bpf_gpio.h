/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf_gpio.h
 * @brief Edges of a GPIO line counted or filtered inside the kernel, by bpf/gpio.bpf.c. For devices/.
 *
 * All functions on one thread at a time, except that the line is requested on the thread that called weir_gpio_tap_aim().
 */
#ifndef WEIR_FILTER_BPF_GPIO_H
#define WEIR_FILTER_BPF_GPIO_H

#include "weir/driver.h"
#include "weir/gpio.h"

struct weir_gpio_tap;

/** What is done with the edges. */
struct weir_gpio_job {
	bool counts;       /**< only how many there are is wanted */
	bool filters;      /**< by `rule`; if not, every edge counts */
	bool is_debounced; /**< by the kernel, behind the interrupt: then no hook sees what it makes of the edges */
	struct weir_pulse_rule rule;
};

/**
 * @brief Load the programs and hook them. Nothing happens to any line.
 * @param why 256 bytes: what was tried, and what would mend it.
 * @return 0 and *out; -WEIR_DISPROVED, -ENOTSUP or another -errno, and *out is NULL.
 */
int weir_gpio_tap_open(struct weir_gpio_tap **out, const struct weir_gpio_job *job, char why[256]) WEIR_MUST_CHECK;
/** @brief Unhook. NULL is fine. The line should have been released by then. */
void weir_gpio_tap_close(struct weir_gpio_tap *tap);

/** @brief "fentry" or "kprobe". */
const char *weir_gpio_tap_hook(const struct weir_gpio_tap *tap);

/** @brief The line that this thread requests next, with edge detection, is ours. */
void weir_gpio_tap_aim(struct weir_gpio_tap *tap);
/** @brief It has been requested. @return false: the hook did not see it, and will not see its edges. */
bool weir_gpio_tap_settle(struct weir_gpio_tap *tap) WEIR_MUST_CHECK;

/** @brief Edges counted since the request: interrupts, or with a filter edges that passed. */
uint64_t weir_gpio_tap_count(const struct weir_gpio_tap *tap);

/** @brief Filter: readable when edges passed, or one waits to be decided. */
int weir_gpio_tap_fd(const struct weir_gpio_tap *tap);
/**
 * @brief Filter: hand what passed, in order, to `each`, until it returns a negative number; then it has taken that edge still.
 * @return edges handed over, or what `each` returned, or -errno.
 */
int weir_gpio_tap_consume(struct weir_gpio_tap *tap, int (*each)(void *context, const struct gpio_v2_line_event *edge),
			  void *context);
/** @brief Filter: the memory, for weir_pulse_take(). What it gives comes behind all that can be consumed after it. */
struct weir_pulse_memory *weir_gpio_tap_memory(struct weir_gpio_tap *tap);
/** @brief Filter: nobody waits for an edge's time any more: the next edge that has to wait makes the descriptor readable. */
void weir_gpio_tap_sleep(struct weir_gpio_tap *tap);
/** @brief Filter: the direction of the line's first edge, GPIO_V2_LINE_EVENT_…; 0: none has come. */
uint32_t weir_gpio_tap_first(const struct weir_gpio_tap *tap);
/** @brief Filter: edges lost so far, because they were not seen or found no room. */
uint64_t weir_gpio_tap_lost(const struct weir_gpio_tap *tap);

#endif
