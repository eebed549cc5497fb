/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* -h is what other programs call it; argp has -?. */
static void spell_help(int argc, char **argv)
{
	static char help[] = "--help";

	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "-h"))
			argv[i] = help;
}

void cli_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	static char name[64];

	snprintf(name, sizeof(name), "weir %s", argv[0]);
	argv[0] = name;
	spell_help(argc, argv);
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
	static const struct cli_unit units[] = { { "us", 1e3 }, { "ms", 1e6 },   { "s", 1e9 },
						 { "m", 60e9 }, { "h", 3600e9 }, { "d", 86400e9 } };

	return in_units(text, units, sizeof(units) / sizeof(units[0]));
}
