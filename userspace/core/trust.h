/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file trust.h
 * @brief Code that is loaded by a process which has more rights than its user: setcap or setuid, which the kernel tells by AT_SECURE.
 */
#ifndef WEIR_CORE_TRUST_H
#define WEIR_CORE_TRUST_H

#include <stdbool.h>

#include "weir/driver.h"

#define WEIR_TRUST_WHY 512

/** @brief Has this process rights that its user has not? */
bool weir_is_secure(void);

/**
 * @brief Can root alone change which file this is, and what is in it? The file, and every directory and symbolic link on the way to it, must
 * be root's and closed to writing by others.
 * @return 0; -EPERM: no; -errno: it cannot be looked at. Then `why` names the place.
 */
int weir_trust_file(const char *path, char why[WEIR_TRUST_WHY]) WEIR_MUST_CHECK;

#endif
