/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file secret.h @brief Passwords that a program, a message or a target holds by mistake are shown to nobody. */
#ifndef WEIR_CORE_SECRET_H
#define WEIR_CORE_SECRET_H

#include <stddef.h>

/**
 * @brief Put `*` in place of each byte of a password: of `//USER:PASSWORD@`, of `SCHEME:USER:PASSWORD@`, of the value of
 * `password=` and other words that begin with `passw`, and of the headers `Authorization:` and `Cookie:`. The length stays, and so do the columns of what follows.
 * @param text of n bytes, changed in place. Any thread.
 */
void weir_secret_mask(char *text, size_t n);

#endif
