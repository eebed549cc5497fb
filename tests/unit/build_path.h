/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where things are that were built beside the test that runs, which is in BUILD/tests/unit. */
#ifndef WEIR_TESTS_BUILD_PATH_H
#define WEIR_TESTS_BUILD_PATH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The path of BUILD/NAME. */
static inline void build_path(char *path, size_t bytes, const char *name)
{
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *end;

	self[n > 0 ? n : 0] = '\0';
	end = strstr(self, "/tests/unit/");
	if (!end)
		fail_msg("this test is not in BUILD/tests/unit");
	*end = '\0';
	snprintf(path, bytes, "%s/%s", self, name);
}

#endif
