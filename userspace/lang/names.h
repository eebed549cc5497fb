/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file names.h
 * @brief Names and the number that each stands for: a hash table, since a program may have tens of thousands.
 */
#ifndef WEIR_LANG_NAMES_H
#define WEIR_LANG_NAMES_H

#include <stdint.h>

#define WEIR_NO_NAME UINT32_MAX

/** Zeroed, it is empty. */
struct weir_names {
	struct weir_named *slot;
	uint32_t n, capacity; /**< a power of two */
};

/** @brief Add a name, which must outlive the table; one that is there already keeps its number. 0 or -ENOMEM. */
int weir_names_add(struct weir_names *names, const char *name, uint32_t number);
/** @brief The number of a name, or WEIR_NO_NAME. */
uint32_t weir_names_find(const struct weir_names *names, const char *name);
void weir_names_close(struct weir_names *names);

#endif
