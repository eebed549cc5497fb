/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file standard.h
 * @brief The standard descriptors of a process, whatever it was started with. For the first lines of main().
 */
#ifndef WEIR_GUARD_STANDARD_H
#define WEIR_GUARD_STANDARD_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

/**
 * @brief Open /dev/null for each of the descriptors 0 to 2 that is closed. Otherwise the first file that the process opens, a
 * device or a socket, becomes its standard output, and messages go into it.
 * @return false: one of them stays closed.
 */
static inline bool weir_open_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		/* open() takes the least free descriptor, and all below this one are open. */
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd)
			return false;
	return true;
}

#endif
