/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct command commands[] = {
	{ "run", "run a program until its sources end, or a signal", cmd_run },
	{ "check", "parse, resolve devices, touch no output", cmd_check },
	{ "explain", "print the plan: threads, rings, what runs in the kernel", cmd_explain },
	{ "record", "record a chain to a file", cmd_record },
	{ "replay", "play a recording back, as fast as it goes", cmd_replay },
	{ "plot", "draw the channels of a recording over time", cmd_plot },
	{ "set", "set outputs by hand: LINE=on", cmd_set },
	{ "get", "show the outputs that the guard holds", cmd_get },
	{ "park", "drive outputs to their safe state", cmd_park },
	{ "list", "list sensors, stages, sinks, actuators and streams", cmd_list },
	{ "tap", "print what another process publishes", cmd_tap },
	{ "doctor", "look at this machine and say what would mend it", cmd_doctor },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int usage(FILE *stream, int status)
{
	fputs("Usage: weir COMMAND [OPTION...] [FILE | 'PROGRAM']\n"
	      "From sensor to relay in one line: weir run 'gpio:DOOR edges=both | gpio:LAMP park=off'\n\n",
	      stream);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(stream, "  %-9s %s\n", commands[i].name, commands[i].doc);
	fputs("\n`weir COMMAND --help` tells its options. Exit status: 0 ok, 1 runtime error, 2 usage or wrong "
	      "program,\n"
	      "3 device missing, 4 data lost under --strict.\n",
	      stream);
	return status;
}

static int unknown(const char *word)
{
	const char *names[N_COMMANDS];

	for (size_t i = 0; i < N_COMMANDS; i++)
		names[i] = commands[i].name;
	fprintf(stderr, "weir: unknown command '%s'\n", word);
	return cli_suggest(word, names, N_COMMANDS) ? CLI_USAGE : usage(stderr, CLI_USAGE);
}

int main(int argc, char **argv)
{
	argp_err_exit_status = CLI_USAGE;
	if (argc < 2)
		return usage(stderr, CLI_USAGE);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return usage(stdout, 0);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		return printf("weir %s\n", weir_version()) < 0;
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	return unknown(argv[1]);
}
