/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tap: look at what another process publishes, without holding it up. A shorthand of `run`, whose options it takes. */
#include <stdio.h>
#include <string.h>

#include "run_options.h"

#define LENGTH_MAX 64

/* A name that is none would be read as more of a program. */
static bool is_name(const char *name)
{
	size_t n = strlen(name);

	return n && n <= LENGTH_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == n;
}

int cmd_tap(int argc, char **argv)
{
	static const struct cli_operands operands = {
		.usage = "NAME",
		.doc = "Print the records of a stream that another process publishes; `weir list streams` lists them. "
		       "The options are those of `weir run`.",
		.missing = "the NAME of a stream is missing; `weir list streams` tells which there are",
		.excess = "one NAME only",
		.least = 1,
		.most = 1,
	};
	struct run_arguments arguments = { .operands = &operands, .summary = CLI_SUMMARY_NONE, .is_made = true };
	char program[LENGTH_MAX + 64];

	cli_parse_run(&arguments, cli_run_options, argc, argv);
	if (!is_name(arguments.operand[0])) {
		fprintf(stderr, "weir: no stream can be called '%s'\n", arguments.operand[0]);
		return CLI_USAGE;
	}
	if (arguments.stats_file && !arguments.has_summary)
		arguments.summary = CLI_SUMMARY_TEXT;
	snprintf(program, sizeof(program), "weir:%s policy=drop_oldest wait=0 | print", arguments.operand[0]);
	return cli_run(program, &arguments);
}
