/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file gpio_line.h
 * @brief A GPIO line of this machine: found, requested and released with libgpiod, for the sensor and the actuator alike.
 */
#ifndef WEIR_DEVICES_GPIO_LINE_H
#define WEIR_DEVICES_GPIO_LINE_H

#include <gpiod.h>
#include <sys/types.h>

#include "devices/gpio_names.h"
#include "weir/driver.h"

/** A resolved line; `request` is NULL until it is taken. */
struct weir_gpio {
	struct weir_gpio_line line;
	char title[2 * WEIR_GPIO_NAME]; /**< what messages call it: its name, or CHIP/OFFSET */
	ino_t inode;                    /**< of the chip's device file: another chip of the same name has another */
	struct gpiod_line_request *request;
};

/** @brief Tell of each line of each chip that may be opened. */
void weir_gpio_tell_devices(weir_tell_device *tell, void *context);

/**
 * @brief Find the line that the node's target names. Takes nothing.
 * @return 0, or -errno after weir_fail_arg() or weir_fail_device().
 */
int weir_gpio_open(struct weir_gpio *out, struct weir_node *node) WEIR_MUST_CHECK;

/** @brief As weir_gpio_open(), for the line that `word` names: one of several. */
int weir_gpio_open_word(struct weir_gpio *out, struct weir_node *node, const char *word) WEIR_MUST_CHECK;

/**
 * @brief Take `n` lines of the chip of `gpio` in one request, by their offsets. Otherwise as weir_gpio_request().
 */
int weir_gpio_request_lines(struct weir_gpio *gpio, struct weir_node *node, struct gpiod_line_settings *settings,
			    size_t events, const unsigned int *offset, size_t n) WEIR_MUST_CHECK;

/**
 * @brief Take the line.
 * @param settings what the line shall be; stays the caller's. NULL: no memory for them, which is reported as such.
 * @param events room for edge events in the kernel; 0: its default.
 * @return 0, or -errno after weir_fail_device(): EBUSY names the line's present consumer.
 */
int weir_gpio_request(struct weir_gpio *gpio, struct weir_node *node, struct gpiod_line_settings *settings,
		      size_t events) WEIR_MUST_CHECK;

/** @brief Give the line back, if it was taken. */
void weir_gpio_release(struct weir_gpio *gpio);

/** @brief Is the chip still there, and still the same? 0, or what weir_fail_device() returned. */
int weir_gpio_alive(const struct weir_gpio *gpio, struct weir_node *node);

/** Words of `bias=`, and what libgpiod calls them, by index. */
extern const char *const weir_gpio_bias_words[];
enum gpiod_line_bias weir_gpio_bias(int word);

#endif
