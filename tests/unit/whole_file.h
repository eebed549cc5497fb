/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file whole_file.h @brief What a program under test has written. */
#ifndef WHOLE_FILE_H
#define WHOLE_FILE_H

/** @brief All of a file, as text, which the caller frees. Fails the test where it cannot be opened. */
char *whole_file(const char *path);

#endif
