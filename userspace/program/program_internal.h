/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file program_internal.h
 * @brief What program.c, which starts programs, and program_talk.c, which talks with them, share.
 */
#ifndef WEIR_PROGRAM_PROGRAM_INTERNAL_H
#define WEIR_PROGRAM_PROGRAM_INTERNAL_H

#include <sys/types.h>

#include "weir/program.h"

struct weir_program {
	struct weir_node *node;
	char *words; /**< what argv points into */
	char **argv;
	pid_t pid; /**< 0: none */
	int pidfd, in, out;
	bool is_read, has_warned;
	int64_t halt_ns; /**< when the patience with programs ends; 0: the run is not to end */
};

/** @brief Close it unless it is -1, which it then becomes. */
void weir_program_close_fd(int *fd);

#endif
