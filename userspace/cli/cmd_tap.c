/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tap: look at what another process publishes, without holding it up. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

#define LENGTH_MAX 64

struct arguments {
	struct weir_options options;
	bool ends;
	const char *name;
};

enum { KEY_FOR = 256, KEY_FORMAT };

static const struct argp_option options[] = {
	{ NULL, 'n', "N", 0, "print N records, then end (k, M, G understood)", 0 },
	{ "for", KEY_FOR, "TIME", 0, "print for this long: 10s, 5m", 0 },
	{ "format", KEY_FORMAT, "FORM", 0, "jsonl, csv, influx, raw", 0 },
	{ "end", 'e', NULL, 0, "end when the publisher goes, instead of waiting for the next", 0 },
	{ "quiet", 'q', NULL, 0, "no warnings", 0 },
	{ 0 },
};

static error_t parse_format(struct weir_options *to, const char *word, const struct argp_state *state)
{
	static const char *const formats[] = { "jsonl", "csv", "influx", "raw" };

	for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(word, formats[i]))
			continue;
		to->records = (enum weir_records)i;
		return 0;
	}
	argp_error(state, "--format: '%s' is not one of its words; see --help", word);
	return 0;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	long long number = 0;

	switch (key) {
	case 'n':
		number = cli_count(value);
		arguments->options.limit = number > 0 ? (uint64_t)number : 0;
		break;
	case KEY_FOR:
		number = cli_duration(value);
		arguments->options.for_ns = number;
		break;
	case KEY_FORMAT:
		return parse_format(&arguments->options, value, state);
	case 'e':
		arguments->ends = true;
		return 0;
	case 'q':
		arguments->options.quiet = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->name)
			argp_error(state, "one stream only");
		arguments->name = value;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->name)
			argp_error(state, "a stream is missing; `weir list streams` tells which there are");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (number <= 0)
		argp_error(state, "'%s' is not a positive number", value);
	return 0;
}

/* A name that is none would be read as more of a program. */
static bool is_name(const char *name)
{
	size_t n = strlen(name);

	return n && n <= LENGTH_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == n;
}

int cmd_tap(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, "NAME", "Print the records of a stream that another process publishes.",
		NULL,    NULL,  NULL,
	};
	struct arguments arguments = { .options = { .handle_signals = true } };
	struct weir_pipeline *pipeline;
	char program[LENGTH_MAX + 64];
	int status;

	cli_parse(&argp, argc, argv, &arguments);
	if (!is_name(arguments.name)) {
		fprintf(stderr, "weir: no stream can be called '%s'\n", arguments.name);
		return CLI_USAGE;
	}
	snprintf(program, sizeof(program), "weir:%s policy=drop_oldest wait=0%s | print", arguments.name,
		 arguments.ends ? " resume=no" : "");
	status = weir_open(&pipeline, program, "<tap>", &arguments.options);
	if (!status)
		status = weir_run(pipeline);
	weir_close(pipeline);
	return status;
}
