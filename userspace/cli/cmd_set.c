/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define OUTPUTS_MAX 64

struct arguments {
	long long for_ns;
	char *output[OUTPUTS_MAX];
	unsigned n;
};

enum { KEY_FOR = 256 };

static const struct argp_option options[] = {
	{ "for", KEY_FOR, "TIME", 0, "park it again after this long: 10s, 5m", 0 },
	{ 0 },
};

static void add(struct argp_state *state, struct arguments *arguments, char *word)
{
	if (!strchr(word, '='))
		argp_error(state, "'%s': write LINE=on, LINE=off or LINE=NUMBER", word);
	if (arguments->n == OUTPUTS_MAX)
		argp_error(state, "at most %d outputs", OUTPUTS_MAX);
	arguments->output[arguments->n++] = word;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case KEY_FOR:
		arguments->for_ns = cli_duration(value);
		if (arguments->for_ns <= 0)
			argp_error(state, "--for: '%s' is not a positive time (10s, 5m)", value);
		return 0;
	case ARGP_KEY_ARG:
		add(state, arguments, value);
		return 0;
	case ARGP_KEY_END:
		if (!arguments->n)
			argp_error(state, "which output? write LINE=on");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_set(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		parse,
		"OUTPUT=on|off|NUMBER...",
		"Set outputs by hand. OUTPUT is a line's name, or as in a program: 'gpio:LAMP active_low'. "
		"The guard holds it, by its rules, until weir park, or until a pipeline takes it.",
		NULL,
		NULL,
		NULL,
	};
	struct arguments arguments = { 0 };
	int status = 0;

	cli_parse(&argp, argc, argv, &arguments);
	for (unsigned i = 0; i < arguments.n && !status; i++) {
		char *equals = strrchr(arguments.output[i], '=');

		*equals = '\0';
		status = weir_set(arguments.output[i], equals + 1, arguments.for_ns, stderr);
	}
	return status;
}
