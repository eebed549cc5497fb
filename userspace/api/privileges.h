/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file privileges.h
 * @brief What a pipeline keeps of its rights.
 */
#ifndef WEIR_API_PRIVILEGES_H
#define WEIR_API_PRIVILEGES_H

#include "weir/weir.h"

/** @brief Before a program's filters are loaded: start the loader where a reload will need it. */
void weir_privileges_split(const struct weir_options *options);
/** @brief After they are loaded, and before any thread: keep what outputs and devices need. */
void weir_privileges_drop(void);

#endif
