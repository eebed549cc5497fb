/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define PROGRAM_MAX (1 << 20) /* bytes: more is no program that anybody wrote */
#define MARK_BYTES 3

void cli_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	static char name[64];

	snprintf(name, sizeof(name), "weir %s", argv[0]);
	argv[0] = name;
	argp_parse(argp, argc, argv, 0, NULL, input);
}

static const struct argp_option query_options[] = {
	{ "json", 'j', NULL, 0, "print JSON", 0 },
	{ 0 },
};

struct query {
	struct cli_query asked;
	bool takes_word;
};

bool cli_suggest(const char *word, const char *const *words, size_t n)
{
	const char *nearest = weir_nearest(word, strlen(word), words, n);

	if (nearest)
		fprintf(stderr, "    did you mean '%s'?\n", nearest);
	return nearest;
}

static error_t parse_query(int key, char *value, struct argp_state *state)
{
	struct query *query = state->input;

	switch (key) {
	case 'j':
		query->asked.format = WEIR_FORMAT_JSON;
		return 0;
	case ARGP_KEY_ARG:
		if (!query->takes_word)
			return ARGP_ERR_UNKNOWN;
		if (query->asked.word)
			argp_error(state, "one word only");
		query->asked.word = value;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

struct cli_query cli_query(int argc, char **argv, const char *words, const char *doc)
{
	struct argp argp = { .options = query_options, .parser = parse_query, .args_doc = words, .doc = doc };
	struct query query = { .asked.format = WEIR_FORMAT_TEXT, .takes_word = words };

	cli_parse(&argp, argc, argv, &query);
	return query.asked;
}

/* Where the byte at `at` is, as an editor counts. */
static void complain_of_nul(const char *name, const char *text, size_t at)
{
	size_t line = 1, begin = 0;

	for (size_t i = 0; i < at; i++) {
		if (text[i] != '\n')
			continue;
		line++;
		begin = i + 1;
	}
	fprintf(stderr, "%s:%zu:%zu: error: a NUL byte; this is no program but some other file\n", name, line,
		at - begin + 1);
}

/* Is it text? Says why not. */
static bool is_program(const char *name, const char *text, size_t n)
{
	const char *nul = memchr(text, '\0', n);

	if (n > PROGRAM_MAX)
		fprintf(stderr, "%s: error: a program has at most %d bytes\n", name, PROGRAM_MAX);
	else if (nul)
		complain_of_nul(name, text, (size_t)(nul - text));
	return n <= PROGRAM_MAX && !nul;
}

/* Some editors begin a file with a byte order mark. */
static void drop_mark(char *text, size_t n)
{
	if (n >= MARK_BYTES && !memcmp(text, "\xef\xbb\xbf", MARK_BYTES))
		memmove(text, text + MARK_BYTES, n + 1 - MARK_BYTES);
}

/* NULL after a message. */
static char *read_all(FILE *file, const char *name)
{
	char *text = malloc(PROGRAM_MAX + 2);
	size_t n = text ? fread(text, 1, PROGRAM_MAX + 1, file) : 0;

	if (!text || ferror(file))
		fprintf(stderr, "weir: cannot read '%s': %s\n", name, strerror(errno));
	if (text && !ferror(file) && is_program(name, text, n)) {
		text[n] = '\0';
		drop_mark(text, n);
		return text;
	}
	free(text);
	return NULL;
}

bool cli_is_file(const char *argument)
{
	size_t length = strlen(argument);

	return (length > 5 && !strcmp(argument + length - 5, ".weir")) || !access(argument, F_OK);
}

static int read_file(struct program *out, const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;

	if (!file) {
		fprintf(stderr, "weir: cannot open '%s': %s\n", path, strerror(errno));
		return CLI_USAGE;
	}
	out->name = strcmp(path, "-") ? path : "<stdin>";
	out->text = read_all(file, out->name);
	if (file != stdin)
		fclose(file);
	return out->text ? 0 : CLI_USAGE;
}

int cli_program(struct program *out, const char *argument)
{
	if (!strcmp(argument, "-") || cli_is_file(argument))
		return read_file(out, argument);
	out->text = strdup(argument);
	out->name = "<argument>";
	return out->text ? 0 : 1;
}

static long long scaled(double number, double factor)
{
	double value = number * factor;

	return value >= 0 && value < 9e18 ? llround(value) : -1;
}

struct cli_unit {
	const char *suffix;
	double factor;
};

/* -1: it is no number, or followed by something else. */
static long long in_units(const char *text, const struct cli_unit *units, size_t n)
{
	char *end;
	double number = strtod(text, &end);

	for (size_t i = 0; end != text && i < n; i++)
		if (!strcmp(end, units[i].suffix))
			return scaled(number, units[i].factor);
	return -1;
}

long long cli_count(const char *text)
{
	static const struct cli_unit units[] = { { "", 1 }, { "k", 1e3 }, { "M", 1e6 }, { "G", 1e9 } };

	return in_units(text, units, sizeof(units) / sizeof(units[0]));
}

long long cli_duration(const char *text)
{
	static const struct cli_unit units[] = {
		{ "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 }
	};

	return in_units(text, units, sizeof(units) / sizeof(units[0]));
}
