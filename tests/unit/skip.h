/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file skip.h
 * @brief How a cmocka test that cannot run here says why.
 */
#ifndef WEIR_TESTS_SKIP_H
#define WEIR_TESTS_SKIP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/**
 * @brief End the running test as skipped.
 * @param reason A printf format. Of the result, the first line of at most 255 bytes is shown beside the test's name.
 *
 * cmocka's own skip() has no place for a reason, and tests/run counts a skip without one as a failure. Does not return.
 */
__attribute__((format(printf, 1, 2))) static inline void skip_because(const char *reason, ...)
{
	char text[256];
	va_list args;

	va_start(args, reason);
	vsnprintf(text, sizeof(text), reason, args);
	va_end(args);
	text[strcspn(text, "\n")] = '\0';
	print_message("# skip: %s\n", text);
	skip();
}

/** @brief Is this a program for another processor, run by scripts/emulate? */
static inline bool is_emulated(void)
{
	return getenv("QEMU_LD_PREFIX") != NULL;
}

#endif
