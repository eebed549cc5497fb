/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

static void complain(const char *word)
{
	static const char *const kinds[] = { "sensors", "stages", "sinks", "actuators", "devices", "streams" };

	fprintf(stderr,
		"weir: '%s' is neither a kind (sensors, stages, sinks, actuators, devices, streams) nor a driver\n",
		word);
	cli_suggest(word, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

static void print(FILE *to, char **text, enum weir_format format)
{
	if (!fclose(to) && format == WEIR_FORMAT_TEXT)
		cli_print_wrapped(*text, stdout);
	else if (*text)
		fputs(*text, stdout);
	free(*text);
}

/* The parameters of a program in a file. */
static int list_program(const char *path, FILE *to, char **text, enum weir_format format)
{
	struct program program = { 0 };
	int status = cli_program(&program, path, stderr);

	if (!status)
		status = weir_list_parameters(program.text, program.name, to, stderr, format);
	free(program.text);
	print(to, text, format);
	return status;
}

int cmd_list(int argc, char **argv)
{
	struct cli_query query = cli_query(
		argc, argv, "[sensors|stages|sinks|actuators|devices|streams|DRIVER|FILE]",
		"List drivers by kind, one driver with its parameters, the devices of this machine that sources can "
		"read, the streams that are published here, or the parameters of a program.");
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);
	int status;

	if (!to)
		return 1;
	status = weir_list(query.word, to, query.format);
	if (status)
		status = weir_describe(query.word, to, query.format);
	/* Last, because a directory may be called as a kind is: this project's is. */
	if (status && cli_is_file(query.word))
		return list_program(query.word, to, &text, query.format);
	if (status)
		complain(query.word);
	print(to, &text, query.format);
	return status;
}
