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

/**
 * @brief What to write instead of a word that fits no line: first what was perhaps meant, then the names that there are, as far as
 * there is room. Nothing is cut within a name.
 */
void weir_gpio_advise(const struct weir_gpio_line *line, size_t n, const char *word, char *text, size_t bytes);

/** @brief "say which: CHIP/OFFSET …", of all lines that fit the word, as far as there is room. */
void weir_gpio_list_fitting(const struct weir_gpio_line *line, size_t n, const char *word, char *text, size_t bytes);

#endif
