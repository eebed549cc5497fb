/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#define OUTPUTS_MAX 64

struct arguments {
	bool release;
	const char *output[OUTPUTS_MAX];
	unsigned n;
};

enum { KEY_RELEASE = 256 };

static const struct argp_option options[] = {
	{ "release", KEY_RELEASE, NULL, 0, "and let go of them, so that other programs may have the lines", 0 },
	{ 0 },
};

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case KEY_RELEASE:
		arguments->release = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->n == OUTPUTS_MAX)
			argp_error(state, "at most %d outputs", OUTPUTS_MAX);
		arguments->output[arguments->n++] = value;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_park(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		parse,
		"[OUTPUT...]",
		"Drive outputs to their safe state and hold them there: those named, or all that the guard holds, and "
		"that it held when it was killed. A pipeline that has one of them loses it and ends.",
		NULL,
		NULL,
		NULL,
	};
	struct arguments arguments = { .n = 0 };
	int status = 0, worst = 0;

	cli_parse(&argp, argc, argv, &arguments);
	if (!arguments.n)
		return weir_park(NULL, arguments.release, stderr);
	/* One that cannot be parked does not keep the others from it. */
	for (unsigned i = 0; i < arguments.n; i++) {
		status = weir_park(arguments.output[i], arguments.release, stderr);
		worst = status > worst ? status : worst;
	}
	return worst;
}
