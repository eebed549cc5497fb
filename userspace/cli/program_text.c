/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a command gets its program from: a file, standard input, or the argument itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define PROGRAM_MAX (1 << 20) /* bytes: more is no program that anybody wrote */
#define MARK_BYTES 3

/* Where the byte at `at` is, as an editor counts. */
static void complain_of_nul(const char *name, const char *text, size_t at, FILE *messages)
{
	size_t line = 1, begin = 0;

	for (size_t i = 0; i < at; i++) {
		if (text[i] != '\n')
			continue;
		line++;
		begin = i + 1;
	}
	fprintf(messages, "%s:%zu:%zu: error: a NUL byte; this is no program but some other file\n", name, line,
		at - begin + 1);
}

/* Is it text? Says why not. */
static bool is_program(const char *name, const char *text, size_t n, FILE *messages)
{
	const char *nul = memchr(text, '\0', n);

	if (n > PROGRAM_MAX)
		fprintf(messages, "%s: error: a program has at most %d bytes\n", name, PROGRAM_MAX);
	else if (nul)
		complain_of_nul(name, text, (size_t)(nul - text), messages);
	return n <= PROGRAM_MAX && !nul;
}

/* Some editors begin a file with a byte order mark. */
static void drop_mark(char *text, size_t n)
{
	if (n >= MARK_BYTES && !memcmp(text, "\xef\xbb\xbf", MARK_BYTES))
		memmove(text, text + MARK_BYTES, n + 1 - MARK_BYTES);
}

/* NULL after a message. */
static char *read_all(FILE *file, const char *name, FILE *messages)
{
	char *text = malloc(PROGRAM_MAX + 2);
	size_t n = text ? fread(text, 1, PROGRAM_MAX + 1, file) : 0;

	if (!text || ferror(file))
		fprintf(messages, "weir: cannot read '%s': %s\n", name, strerror(errno));
	if (text && !ferror(file) && is_program(name, text, n, messages)) {
		text[n] = '\0';
		drop_mark(text, n);
		return text;
	}
	free(text);
	return NULL;
}

static bool has_ending(const char *argument)
{
	size_t length = strlen(argument);

	return length > 5 && !strcmp(argument + length - 5, ".weir");
}

/* A program has at least one bar; a name with a bar in it has to be that of a file that is there. */
bool cli_is_file(const char *argument)
{
	return !access(argument, F_OK) || (has_ending(argument) && !strchr(argument, '|'));
}

/*
 * Is it meant as a path? A single word can be no program, and neither can what begins like a path and has no bar. Words with a
 * colon or an equals sign, such as synth:sine, may be the beginning of one: the parser tells what is missing.
 */
static bool is_path(const char *argument)
{
	bool begins_so = *argument == '/' || *argument == '~' || !strncmp(argument, "./", 2) ||
			 !strncmp(argument, "../", 3);

	if (!*argument || strpbrk(argument, "|\n;"))
		return false;
	return begins_so || (!strpbrk(argument, ":=(#\"'") && (strpbrk(argument, "/.") || !strpbrk(argument, " \t")));
}

static int read_file(struct program *out, const char *path, FILE *messages)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
	int error = errno;

	if (!file) {
		fprintf(messages, "weir: cannot open '%s': %s\n", path, strerror(error));
		if (error == ENOENT)
			fputs("    a program is a FILE that exists, or its text in quotes: 'source | sink'\n",
			      messages);
		return CLI_USAGE;
	}
	out->name = strcmp(path, "-") ? path : "<stdin>";
	out->text = read_all(file, out->name, messages);
	if (file != stdin)
		fclose(file);
	return out->text ? 0 : CLI_USAGE;
}

int cli_program(struct program *out, const char *argument, FILE *messages)
{
	if (!strcmp(argument, "-") || cli_is_file(argument) || is_path(argument))
		return read_file(out, argument, messages);
	out->text = strdup(argument);
	out->name = "<argument>";
	return out->text ? 0 : 1;
}
