/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

static error_t parse(int key, char *value, struct argp_state *state)
{
	const char **next = state->input;

	(void)value;
	if (key != ARGP_KEY_ARGS)
		return ARGP_ERR_UNKNOWN;
	*next = state->argv[state->next];
	return 0;
}

int cmd_park(int argc, char **argv)
{
	static const struct argp argp = {
		NULL,
		parse,
		"[OUTPUT...]",
		"Drive outputs to their safe state and hold them there: those named, or all that the guard holds, and "
		"that it "
		"held when it was killed. A pipeline that has one of them loses it and ends.",
		NULL,
		NULL,
		NULL,
	};
	const char *first = NULL;
	int status = 0, worst = 0;

	cli_parse(&argp, argc, argv, &first);
	if (!first)
		return weir_park(NULL, stderr);
	/* One that cannot be parked does not keep the others from it. */
	for (int i = 1; i < argc; i++) {
		status = weir_park(argv[i], stderr);
		worst = status > worst ? status : worst;
	}
	return worst;
}
