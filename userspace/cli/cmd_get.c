/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

struct arguments {
	const char *output;
	bool json;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "print JSON", 0 },
	{ 0 },
};

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'j':
		arguments->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->output)
			argp_error(state, "one output only, or none for all");
		arguments->output = value;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_get(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, "[OUTPUT]", "Show the outputs that the guard holds: value, state, holder.",
		NULL,    NULL,  NULL,
	};
	struct arguments arguments = { 0 };

	cli_parse(&argp, argc, argv, &arguments);
	return weir_get(arguments.output, stdout, stderr, arguments.json ? WEIR_FORMAT_JSON : WEIR_FORMAT_TEXT);
}
