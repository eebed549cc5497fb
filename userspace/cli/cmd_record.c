/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* record and replay: `weir run` with the one end of the chain filled in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

void cli_put_string(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
	fputc('"', to);
}

/* `weir run PROGRAM OPTION…` */
static int run(char *program, int n_options, char **options)
{
	static char name[] = "run";
	char **argv = calloc((size_t)n_options + 3, sizeof(char *));
	int status = 1;

	if (argv) {
		argv[0] = name;
		argv[1] = program;
		memcpy(argv + 2, options, (size_t)n_options * sizeof(char *));
		status = cmd_run(n_options + 2, argv);
	}
	free(argv);
	return status;
}

static int wrong_usage(const char *usage)
{
	fprintf(stderr, "Usage: weir %s\nThe options are those of `weir run`.\n", usage);
	return CLI_USAGE;
}

static bool asks_for_help(int argc, char **argv)
{
	return argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
}

/* What can be the name of a file, and what comes after it, if that is no option. */
static bool is_word(int argc, char **argv, int i)
{
	return i < argc && argv[i][0] != '-';
}

static int run_program(FILE *stream, char **program, int n_options, char **options)
{
	int status;

	if (fclose(stream)) {
		free(*program);
		return 1;
	}
	status = run(*program, n_options, options);
	free(*program);
	return status;
}

int cmd_record(int argc, char **argv)
{
	static const char usage[] = "record FILE 'SOURCE | STAGE ...' [OPTION...]";
	char *program = NULL;
	FILE *stream;
	size_t n;

	if (asks_for_help(argc, argv))
		return printf("Usage: weir %s\nRecord a chain to a file; one that is there is continued. The options "
			      "are "
			      "those of `weir run`.\n",
			      usage) < 0;
	if (!is_word(argc, argv, 1) || !is_word(argc, argv, 2))
		return wrong_usage(usage);
	stream = open_memstream(&program, &n);
	if (!stream)
		return 1;
	fprintf(stream, "%s | record:", argv[2]);
	cli_put_string(stream, argv[1]);
	return run_program(stream, &program, argc - 3, argv + 3);
}

int cmd_replay(int argc, char **argv)
{
	static const char usage[] = "replay FILE ['STAGE | ... | SINK'] [OPTION...]";
	bool has_chain = is_word(argc, argv, 2);
	char *program = NULL;
	FILE *stream;
	size_t n;

	if (asks_for_help(argc, argv))
		return printf("Usage: weir %s\nPlay a recording or a CSV file back into a chain, as fast as it goes; "
			      "without "
			      "one, print it. The options are those of `weir run`.\n",
			      usage) < 0;
	if (!is_word(argc, argv, 1))
		return wrong_usage(usage);
	stream = open_memstream(&program, &n);
	if (!stream)
		return 1;
	fputs("replay:", stream);
	cli_put_string(stream, argv[1]);
	fprintf(stream, " speed=max | %s", has_chain ? argv[2] : "print");
	return run_program(stream, &program, argc - 2 - has_chain, argv + 2 + has_chain);
}
