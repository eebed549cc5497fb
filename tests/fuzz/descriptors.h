/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file descriptors.h @brief How many descriptors are open, for fuzzers of what opens and receives some. */
#ifndef WEIR_TESTS_FUZZ_DESCRIPTORS_H
#define WEIR_TESTS_FUZZ_DESCRIPTORS_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define DESCRIPTORS 256 /* those above are not looked at */

static inline int count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < DESCRIPTORS; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Ends the fuzzer where an input has left more descriptors open than there were before it. */
static inline void expect_descriptors(int before)
{
	int now = count_descriptors();

	if (now <= before)
		return;
	fprintf(stderr, "%d descriptors were left open\n", now - before);
	abort();
}

#endif
