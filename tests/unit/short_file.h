/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file short_file.h @brief Files that last for one test, and sources that read them. */
#ifndef SHORT_FILE_H
#define SHORT_FILE_H

#include "harness.h"

struct file {
	char path[64];
};

/** @brief A file of its own in /tmp. The caller unlinks it. */
struct file make_file(const char *text);
/** @brief The same of bytes that may be zero. */
struct file make_file_of(const void *bytes, size_t n);
/** @brief Open and start a source; `format` has a %s for the path. What fails, fails the test. */
void open_source(struct harness *h, const char *format, const char *path);
/** @brief The same, refused with a message that contains `text`. */
void expect_refusal(const char *format, const char *path, const char *text);

#endif
