/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file gpio_names.h
 * @brief Which GPIO line a word in a program means. No library, no device: text alone.
 */
#ifndef WEIR_DEVICES_GPIO_NAMES_H
#define WEIR_DEVICES_GPIO_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_GPIO_NAME 64

/** A line that exists. */
struct weir_gpio_line {
	char chip[WEIR_GPIO_NAME];  /**< "gpiochip0" */
	char label[WEIR_GPIO_NAME]; /**< of the chip; may be empty */
	char name[WEIR_GPIO_NAME];  /**< of the line; may be empty */
	uint32_t offset;
};

/**
 * @brief Find the line that `word` means: its name, or CHIP/OFFSET where CHIP is the chip's name, label or device file. A
 * name comes before an offset.
 * @return its index; -ENOENT; -ENOTUNIQ: several lines have that name, or several chips that label.
 */
int weir_gpio_find(const struct weir_gpio_line *line, size_t n, const char *word);

/** @brief Does the line fit the word? For lists of what is meant when several do. */
bool weir_gpio_fits(const struct weir_gpio_line *line, const char *word);

#endif
