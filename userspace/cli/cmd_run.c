/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run, check and explain: the three commands that take a program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum summary { SUMMARY_TEXT, SUMMARY_JSON, SUMMARY_NONE };

struct arguments {
	struct weir_options options;
	enum summary summary;
	bool json;
	const char *program;
};

enum { KEY_FOR = 256, KEY_DRY_RUN, KEY_STRICT, KEY_TIER, KEY_IO, KEY_RING, KEY_STATS, KEY_JSON, KEY_BPF, KEY_NO_GUARD };

static const struct argp_option run_options[] = {
	{ NULL, 'n', "N", 0, "take N records from each source, then drain and end (k, M, G understood)", 0 },
	{ "for", KEY_FOR, "TIME", 0, "run for this long: 10s, 5m", 0 },
	{ "dry-run", KEY_DRY_RUN, NULL, 0, "actuators say what they would do, and do nothing", 0 },
	{ "no-guard", KEY_NO_GUARD, NULL, 0, "drive outputs from this process: nobody parks them if it is killed", 0 },
	{ "strict", KEY_STRICT, NULL, 0, "exit 4 when any record was lost", 0 },
	{ "filter-tier", KEY_TIER, "TIER", 0, "where a leading `where` runs: auto, inline, batch, user", 0 },
	{ "io", KEY_IO, "BACKEND", 0, "how bytes are moved: auto, uring, poll", 0 },
	{ "ring", KEY_RING, "N", 0, "records that a ring holds at least (default 65536)", 0 },
	{ "stats", KEY_STATS, "FORM", 0, "the summary at the end, on standard error: text, json, none", 0 },
	{ "quiet", 'q', NULL, 0, "no warnings and no summary", 0 },
	{ 0 },
};

static const struct argp_option explain_options[] = {
	{ "json", KEY_JSON, NULL, 0, "print JSON", 0 },
	{ "bpf", KEY_BPF, NULL, 0, "list the eBPF that was generated, with the conditions beside it", 0 },
	{ "filter-tier", KEY_TIER, "TIER", 0, "plan for this tier: auto, inline, batch, user", 0 },
	{ 0 },
};

static int choice(struct argp_state *state, const char *option, const char *word, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(word, words[i]))
			return i;
	argp_error(state, "%s: '%s' is not one of its words; see --help", option, word);
	return 0;
}

static long long positive(struct argp_state *state, const char *option, const char *text, long long value)
{
	if (value <= 0)
		argp_error(state, "%s: '%s' is not a positive %s", option, text,
			   strcmp(option, "--for") ? "count" : "time (10s, 5m)");
	return value;
}

static void parse_tier(struct argp_state *state, struct weir_options *options, const char *word)
{
	static const char *const tiers[] = { "auto", "inline", "batch", "user", NULL };

	options->tier = (enum weir_filter_tier)choice(state, "--filter-tier", word, tiers);
}

static error_t parse_run(int key, char *value, struct argp_state *state)
{
	static const char *const backends[] = { "auto", "uring", "poll", NULL };
	static const char *const forms[] = { "text", "json", "none", NULL };
	struct arguments *arguments = state->input;
	struct weir_options *options = &arguments->options;

	switch (key) {
	case 'n':
		options->limit = (uint64_t)positive(state, "-n", value, cli_count(value));
		return 0;
	case KEY_FOR:
		options->for_ns = positive(state, "--for", value, cli_duration(value));
		return 0;
	case KEY_DRY_RUN:
		options->dry_run = true;
		return 0;
	case KEY_NO_GUARD:
		options->no_guard = true;
		return 0;
	case KEY_STRICT:
		options->strict = true;
		return 0;
	case KEY_TIER:
		parse_tier(state, options, value);
		return 0;
	case KEY_IO:
		options->io = (enum weir_io)choice(state, "--io", value, backends);
		return 0;
	case KEY_RING:
		options->ring_rows = (uint32_t)positive(state, "--ring", value, cli_count(value));
		return 0;
	case KEY_STATS:
		arguments->summary = (enum summary)choice(state, "--stats", value, forms);
		return 0;
	case 'q':
		options->quiet = true;
		arguments->summary = SUMMARY_NONE;
		return 0;
	case KEY_JSON:
		arguments->json = true;
		return 0;
	case KEY_BPF:
		options->show_code = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->program)
			argp_error(state, "one program only; quote it: weir run 'source | sink'");
		arguments->program = value;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->program)
			argp_error(state, "a program is missing: a FILE, or 'source | stage | sink'");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static int open_program(struct weir_pipeline **out, const struct arguments *arguments)
{
	struct program program;
	int status = cli_program(&program, arguments->program);

	*out = NULL;
	if (status)
		return status;
	status = weir_open(out, program.text, program.name, &arguments->options);
	free(program.text);
	return status;
}

static void print_summary(const struct weir_pipeline *pipeline, enum summary summary)
{
	if (summary != SUMMARY_NONE)
		weir_summary(pipeline, stderr, summary == SUMMARY_JSON ? WEIR_FORMAT_JSON : WEIR_FORMAT_TEXT);
}

int cmd_run(int argc, char **argv)
{
	static const struct argp argp = {
		run_options, parse_run, "FILE\n'PROGRAM'", "Run a program until its sources end, or a signal.", NULL,
		NULL,        NULL,
	};
	struct arguments arguments = { .options = { .handle_signals = true } };
	struct weir_pipeline *pipeline;
	int status;

	cli_parse(&argp, argc, argv, &arguments);
	status = open_program(&pipeline, &arguments);
	if (status)
		return status;
	status = weir_run(pipeline);
	print_summary(pipeline, arguments.summary);
	weir_close(pipeline);
	return status;
}

int cmd_check(int argc, char **argv)
{
	static const struct argp_option none[] = { { 0 } };
	static const struct argp argp = {
		none, parse_run, "FILE\n'PROGRAM'", "Parse a program and resolve its devices; touch no output.", NULL,
		NULL, NULL,
	};
	struct arguments arguments = { .options = { .check_only = true } };
	struct weir_pipeline *pipeline;
	int status;

	cli_parse(&argp, argc, argv, &arguments);
	status = open_program(&pipeline, &arguments);
	weir_close(pipeline);
	return status;
}

int cmd_explain(int argc, char **argv)
{
	static const struct argp argp = {
		explain_options,
		parse_run,
		"FILE\n'PROGRAM'",
		"Print the plan of a program: threads, rings, what runs in the kernel and why not more.",
		NULL,
		NULL,
		NULL,
	};
	struct arguments arguments = { .options = { .check_only = true } };
	struct weir_pipeline *pipeline;
	int status;

	cli_parse(&argp, argc, argv, &arguments);
	status = open_program(&pipeline, &arguments);
	if (status)
		return status;
	weir_explain(pipeline, stdout, arguments.json ? WEIR_FORMAT_JSON : WEIR_FORMAT_TEXT);
	weir_close(pipeline);
	return 0;
}
