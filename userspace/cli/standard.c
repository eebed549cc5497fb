/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Standard input, output and error: there from the start, and what was written to output has arrived in the end. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "guard/standard.h"

/* What has failed some time before is asked for again: stdio remembers that, not why. */
static int output_error(void)
{
	bool has_failed = ferror(stdout);

	if (fflush(stdout))
		return errno;
	if (!has_failed)
		return 0;
	return write(STDOUT_FILENO, "\n", 1) < 0 ? errno : EIO;
}

/* A reader that has had enough is no failure. At exit(), so that argp's ways out are covered too. */
static void finish_output(void)
{
	int error = output_error();

	if (!error || error == EPIPE)
		return;
	fprintf(stderr, "weir: cannot write to standard output: %s\n", strerror(error));
	_exit(1);
}

void cli_begin(void)
{
	if (!weir_open_standard())
		_exit(1);
	atexit(finish_output);
}
