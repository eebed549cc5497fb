/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "cli.h"

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "print JSON", 0 },
	{ 0 },
};

static error_t parse(int key, char *value, struct argp_state *state)
{
	(void)value;
	if (key != 'j')
		return ARGP_ERR_UNKNOWN;
	*(bool *)state->input = true;
	return 0;
}

int cmd_doctor(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL, "Try what weir needs from this machine, and say what would mend each lack.",
		NULL,    NULL,  NULL,
	};
	bool json = false;

	cli_parse(&argp, argc, argv, &json);
	return weir_doctor(stdout, json ? WEIR_FORMAT_JSON : WEIR_FORMAT_TEXT);
}
