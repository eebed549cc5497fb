/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "cli.h"

enum { KEY_APPLY = 1000, KEY_CONFIG, KEY_ROOT };

struct setup_arguments {
	struct weir_setup_request request;
	enum weir_format format;
};

static const struct argp_option setup_options[] = {
	{ "apply", KEY_APPLY, NULL, 0, "put the line into config.txt, and keep the old file", 0 },
	{ "config", KEY_CONFIG, "FILE", 0, "this config.txt, not /boot/firmware/config.txt", 0 },
	{ "root", KEY_ROOT, "DIRECTORY", 0, "the system below this directory, such as a mounted SD card", 0 },
	{ "json", 'j', NULL, 0, "print JSON", 0 },
	{ 0 },
};

static error_t setup_parse(int key, char *value, struct argp_state *state)
{
	struct setup_arguments *arguments = state->input;

	switch (key) {
	case KEY_APPLY:
		arguments->request.is_applied = true;
		return 0;
	case KEY_CONFIG:
		arguments->request.config = value;
		return 0;
	case KEY_ROOT:
		arguments->request.root = value;
		return 0;
	case 'j':
		arguments->format = WEIR_FORMAT_JSON;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->request.word)
			argp_error(state, "one word only");
		arguments->request.word = value;
		return 0;
	case ARGP_KEY_END:
		if (arguments->request.is_applied && !arguments->request.word)
			argp_error(state, "--apply needs the name of a chip");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_setup(int argc, char **argv)
{
	static const struct argp argp = {
		.options = setup_options,
		.parser = setup_parse,
		.args_doc = "[CHIP|WORD]",
		.doc = "List the chips of the catalogue, search them for a word, or show how to "
		       "set one up. Nothing is changed without --apply."
	};
	struct setup_arguments arguments = { .format = WEIR_FORMAT_TEXT };
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);
	int status;

	if (!to)
		return 1;
	cli_parse(&argp, argc, argv, &arguments);
	status = weir_setup(&arguments.request, to, stderr, arguments.format);
	if (!fclose(to) && arguments.format == WEIR_FORMAT_TEXT)
		cli_print_wrapped(text, stdout);
	else if (text)
		fputs(text, stdout);
	free(text);
	return status;
}
