/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "cli.h"

struct arguments {
	const char *what;
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
		if (arguments->what)
			argp_error(state, "one word only");
		arguments->what = value;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_list(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		parse,
		"[sensors|stages|sinks|actuators|devices|streams|DRIVER]",
		"List drivers by kind, one driver with its parameters, the devices of this machine that sources can "
		"read, or the streams that are published here.",
		NULL,
		NULL,
		NULL,
	};
	struct arguments arguments = { 0 };
	enum weir_format format;
	int status;

	cli_parse(&argp, argc, argv, &arguments);
	format = arguments.json ? WEIR_FORMAT_JSON : WEIR_FORMAT_TEXT;
	status = weir_list(arguments.what, stdout, format);
	if (status)
		status = weir_describe(arguments.what, stdout, format);
	if (status && !weir_tell_absent(arguments.what, stderr))
		fprintf(stderr,
			"weir: '%s' is neither a kind (sensors, stages, sinks, actuators, devices, streams) nor a "
			"driver\n",
			arguments.what);
	return status;
}
