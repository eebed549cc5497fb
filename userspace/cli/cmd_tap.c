/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tap: look at what another process publishes, without holding it up. A shorthand of `run`, whose options it takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define LENGTH_MAX 64

static int usage(FILE *stream, int status)
{
	fputs("Usage: weir tap NAME [OPTION...]\n"
	      "Print the records of a stream that another process publishes; `weir list streams` tells which there "
	      "are.\n"
	      "The options are those of `weir run`.\n",
	      stream);
	return status;
}

/* A name that is none would be read as more of a program. */
static bool is_name(const char *name)
{
	size_t n = strlen(name);

	return n && n <= LENGTH_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == n;
}

int cmd_tap(int argc, char **argv)
{
	char program[LENGTH_MAX + 64], run[] = "run", no_summary[] = "--stats=none";
	char **arguments;
	int status;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return usage(stdout, 0);
	if (argc < 2 || argv[1][0] == '-')
		return usage(stderr, CLI_USAGE);
	if (!is_name(argv[1])) {
		fprintf(stderr, "weir: no stream can be called '%s'\n", argv[1]);
		return CLI_USAGE;
	}
	arguments = calloc((size_t)argc + 2, sizeof(*arguments));
	if (!arguments)
		return 1;
	snprintf(program, sizeof(program), "weir:%s policy=drop_oldest wait=0 | print", argv[1]);
	arguments[0] = run;
	arguments[1] = program;
	arguments[2] = no_summary;
	memcpy(arguments + 3, argv + 2, (size_t)(argc - 2) * sizeof(*arguments));
	status = cmd_run(argc + 1, arguments);
	free(arguments);
	return status;
}
