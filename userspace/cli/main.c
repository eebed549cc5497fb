/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

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
	{ "ps", "list the pipelines that run on this machine", cmd_ps },
	{ "top", "show a running pipeline live in the terminal", cmd_top },
	{ "list", "list sensors, stages, sinks, actuators and streams", cmd_list },
	{ "tap", "print what another process publishes", cmd_tap },
	{ "complete", NULL, cmd_complete },
	{ "doctor", "look at this machine and say what would mend it", cmd_doctor },
	{ "setup", "show how to set up a sensor: overlay, driver, device, program", cmd_setup },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int usage(FILE *stream, int status)
{
	fputs("Usage: weir COMMAND [OPTION...] [FILE | 'PROGRAM']\n"
	      "From sensor to relay in one line: weir run 'gpio:DOOR edges=both | gpio:LAMP park=off'\n\n",
	      stream);
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (commands[i].doc)
			fprintf(stream, "  %-9s %s\n", commands[i].name, commands[i].doc);
	fputs("\n`weir help COMMAND` tells its options. Exit status: 0 ok, 1 runtime error, 2 usage or wrong "
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

static const struct command *find(const char *word)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(word, commands[i].name))
			return &commands[i];
	return NULL;
}

/* `weir help`, `weir help COMMAND`. */
static int help(const char *word)
{
	static char name[16], option[] = "--help";
	const struct command *command = word ? find(word) : NULL;

	if (!word)
		return usage(stdout, 0);
	if (!command)
		return unknown(word);
	snprintf(name, sizeof(name), "%s", command->name);
	return command->run(2, (char *[]){ name, option, NULL });
}

static int misplaced(const char *option)
{
	fprintf(stderr, "weir: '%s' stands before the command; write it behind: weir COMMAND %s\n", option, option);
	return usage(stderr, CLI_USAGE);
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
	return !strcmp(word, a) || !strcmp(word, b) || !strcmp(word, c);
}

/* With more rights than its user (setcap, setuid), weir looks for programs where the system has them. */
static void distrust_path(void)
{
	if (getauxval(AT_SECURE))
		setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
}

int main(int argc, char **argv)
{
	const struct command *command;

	cli_begin();
	distrust_path();
	argp_err_exit_status = CLI_USAGE;
	if (argc < 2)
		return usage(stderr, CLI_USAGE);
	if (is_one_of(argv[1], "help", "--help", "-h"))
		return help(argv[2]);
	if (is_one_of(argv[1], "version", "--version", "-V"))
		return printf("weir %s\n", weir_version()) < 0;
	command = find(argv[1]);
	if (command)
		return command->run(argc - 1, argv + 1);
	return *argv[1] == '-' ? misplaced(argv[1]) : unknown(argv[1]);
}
