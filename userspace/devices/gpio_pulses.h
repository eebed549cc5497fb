/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file gpio_pulses.h
 * @brief Edges of a GPIO line that are counted (`count=`) or filtered (`glitch=`, `pulse_min=`, `pulse_max=`): inside the
 * kernel where it has hooks for that, else here. The pulled form of `gpio:`.
 *
 * Which edges pass is the same either way, and decided by the same text: bpf/weir/gpio.h.
 */
#ifndef WEIR_DEVICES_GPIO_PULSES_H
#define WEIR_DEVICES_GPIO_PULSES_H

#include "devices/gpio_line.h"
#include "filter/bpf_gpio.h"

#define WEIR_GPIO_READ 64 /**< events that are read at once */
#define WEIR_GPIO_QUEUE (WEIR_PULSE_OUT_MAX * (WEIR_GPIO_READ + 1))

/** The arguments, in the state of the node. In ns. */
struct weir_gpio_pulses_args {
	int64_t debounce_ns, count_ns, glitch_ns, pulse_min_ns, pulse_max_ns; /**< 0: not given */
};

struct weir_gpio_pulses {
	struct weir_gpio *gpio; /**< borrowed */
	struct weir_gpio_job job;
	struct weir_gpio_tap *tap; /**< NULL: user space does it */
	char how[320];
	int fd;       /**< of the request; -1 before start; borrowed */
	int watch_fd; /**< tap that filters: readable when there is something to do; else -1 */
	uint64_t lost;
	bool is_gone; /* the line: nothing more can be read */
	/* Counting. */
	int64_t interval_ns, next_ns, since_ns; /**< CLOCK_MONOTONIC */
	uint64_t counted;                       /**< told in records so far */
	uint64_t passed;                        /**< edges that passed and that the tap did not count */
	uint64_t seqno;                         /**< of the last event, as if it did not wrap */
	/* Filtering. */
	struct weir_pulse_memory memory;
	struct gpio_v2_line_event queue[WEIR_GPIO_QUEUE]; /**< from `first` to `last`, then empty again */
	uint32_t first, last;
	struct gpio_v2_line_event taken[WEIR_PULSE_OUT_MAX]; /**< by time; what the tap gives may belong before them */
	uint32_t n_taken;
	uint64_t held;       /**< the edge that waited when it was last looked */
	int64_t patience_ns; /**< grows while one edge after the other waits: noise need not wake us for each */
};

/** @brief Do the arguments ask for this form? */
bool weir_gpio_pulses_wanted(const struct weir_gpio_pulses_args *args);

/**
 * @brief Look at the arguments, find out who will do it. Takes no line.
 * @param edges which make a record or are counted: WEIR_PULSE_RISING, WEIR_PULSE_FALLING or both.
 * @param out filled in only when it counts: fields `count` and `hz`.
 * @return 0, or -errno after a message. Close also after an error.
 */
int weir_gpio_pulses_open(struct weir_gpio_pulses *pulses, struct weir_gpio *gpio, struct weir_node *node,
			  const struct weir_gpio_pulses_args *args, uint32_t edges,
			  struct weir_schema *out) WEIR_MUST_CHECK;

/** @brief Take the line, as weir_gpio_request() does; its descriptor becomes non-blocking. */
int weir_gpio_pulses_start(struct weir_gpio_pulses *pulses, struct weir_node *node,
			   struct gpiod_line_settings *settings, size_t events) WEIR_MUST_CHECK;

/** @brief As produce() of a source: rows are events, or when it counts rows of the schema that open made. */
int weir_gpio_pulses_produce(struct weir_gpio_pulses *pulses, struct weir_node *node, struct weir_rows *rows,
			     struct weir_wait *wait);

/**
 * @brief After start: an edge that the line has already seen, or sees within `most_ms`. It goes its way as all others do.
 * @return GPIO_V2_LINE_EVENT_…; 0: there is none; -errno after a message.
 */
int weir_gpio_pulses_first(struct weir_gpio_pulses *pulses, struct weir_node *node, int most_ms);

/** @brief The last row of a count: edges since the row before. @return 1; 0: there were none, or it does not count; -errno. */
int weir_gpio_pulses_finish(struct weir_gpio_pulses *pulses, struct weir_node *node, void *row);

/** @brief Let go of the kernel's hooks. The line stays the caller's to release, before. */
void weir_gpio_pulses_close(struct weir_gpio_pulses *pulses);

#endif
