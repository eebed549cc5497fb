/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What completion scripts of shells ask: the commands, or how the beginning of a program may go on. Not in the list of commands. */
#include <stdio.h>

#include "cli.h"

int cmd_complete(int argc, char **argv)
{
	if (argc == 2)
		return weir_complete(argv[1], stdout);
	fputs("Usage: weir complete 'PROGRAM'\n"
	      "Print the words that may stand at the end of a beginning of a program, one a line.\n",
	      argc > 2 ? stderr : stdout);
	return argc > 2 ? CLI_USAGE : 0;
}
