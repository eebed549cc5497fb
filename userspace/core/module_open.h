/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file module_open.h
 * @brief The modules of drivers with a library: where they are, and how they are opened.
 *
 * A module is a part of this program (libweir.a, STATIC=1), or the file NAME.so in the directory that the build gave, or in
 * WEIR_DRIVERS. A process with more rights than its user (AT_SECURE) ignores WEIR_DRIVERS, and opens only files that root alone
 * can change. A module stays open until the process ends.
 */
#ifndef WEIR_CORE_MODULE_OPEN_H
#define WEIR_CORE_MODULE_OPEN_H

#include "core/internal.h"

#define WEIR_MODULE_WHY 1024

/**
 * @brief The driver with its operations: `driver` itself where it needs no module. Any thread.
 * @param why the reason, where there is one: a fact, and in `hint` what to do.
 * @return 0; -ENOENT: there is no such file; -ELIBBAD: it cannot be opened, or is of another build; -EPERM: others than root can
 * change it; -ENOMEM.
 */
int weir_module_open(const struct weir_driver **out, const struct weir_driver *driver, char why[WEIR_MODULE_WHY],
		     char hint[WEIR_MODULE_WHY]) WEIR_MUST_CHECK;

/** @brief Is there no file of this driver's module? Then `why` and `hint` are as above. */
bool weir_module_is_missing(const struct weir_driver *driver, char why[WEIR_MODULE_WHY], char hint[WEIR_MODULE_WHY]);

#endif
