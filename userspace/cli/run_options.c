/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "run_options.h"

enum {
	KEY_FOR = 256,
	KEY_DRY_RUN,
	KEY_STRICT,
	KEY_TIER,
	KEY_IO,
	KEY_RING,
	KEY_STATS,
	KEY_STATS_FILE,
	KEY_JSON,
	KEY_BPF,
	KEY_FORMAT,
	KEY_THREADS,
	KEY_NO_GUARD,
	KEY_NAME,
	KEY_PARAMS,
	KEY_HTTP,
	KEY_HTTP_TOKEN
};

#define PARAMS_OPTION                                                                                  \
	{                                                                                              \
		"params", KEY_PARAMS, "FILE", 0,                                                       \
			"values of parameters, a NAME=VALUE on each line; -FILE: it need not exist", 0 \
	}

const struct argp_option cli_run_options[] = {
	{ NULL, 'n', "N", 0, "take N records from each source, then drain and end (k, M, G understood)", 0 },
	{ "for", KEY_FOR, "TIME", 0, "run for this long: 10s, 5m", 0 },
	{ "dry-run", KEY_DRY_RUN, NULL, 0, "actuators say what they would do, and do nothing", 0 },
	{ "no-guard", KEY_NO_GUARD, NULL, 0, "drive outputs from this process: nobody parks them if it is killed", 0 },
	{ "strict", KEY_STRICT, NULL, 0, "exit 4 when any record was lost", 0 },
	{ "filter-tier", KEY_TIER, "TIER", 0, "where a leading `where` runs: auto, inline, batch, user", 0 },
	{ "io", KEY_IO, "BACKEND", 0, "how bytes are moved: auto, uring, poll", 0 },
	{ "ring", KEY_RING, "N", 0, "records that a ring holds at least (default 65536)", 0 },
	{ "threads", KEY_THREADS, "N", 0,
	  "threads that run stages, beside those of sources (default: as the plan sees fit)", 0 },
	{ "stats", KEY_STATS, "FORM", 0, "the summary at the end, on standard error: text, json, none", 0 },
	{ "stats-file", KEY_STATS_FILE, "FILE", 0, "write the summary to this file, apart from messages", 0 },
	{ "format", KEY_FORMAT, "FORM", 0, "what `print` writes where it is not told: jsonl, csv, influx, raw", 0 },
	{ "http", KEY_HTTP, "ADDRESS:PORT", 0, "serve a page, /metrics and /health, as at 127.0.0.1:8080", 0 },
	{ "http-token", KEY_HTTP_TOKEN, "FILE", 0, "file with the token that HTTP clients must have", 0 },
	{ "name", KEY_NAME, "NAME", 0, "name in `weir ps` and `weir top` (default: that of the program's file)", 0 },
	PARAMS_OPTION,
	{ "quiet", 'q', NULL, 0, "no warnings and no summary", 0 },
	{ "verbose", 'v', NULL, 0, "print the plan first, on standard error", 0 },
	{ 0 },
};

const struct argp_option cli_explain_options[] = {
	{ "json", KEY_JSON, NULL, 0, "print JSON", 0 },
	{ "bpf", KEY_BPF, NULL, 0, "list the eBPF that was generated, with the conditions beside it", 0 },
	{ "filter-tier", KEY_TIER, "TIER", 0, "plan for this tier: auto, inline, batch, user", 0 },
	PARAMS_OPTION,
	{ 0 },
};

const struct argp_option cli_check_options[] = {
	PARAMS_OPTION,
	{ 0 },
};

static void refuse_word(struct argp_state *state, const char *option, const char *word, const char *const *words)
{
	char list[128] = "";

	for (int i = 0; words[i]; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "", words[i]);
	argp_error(state, "%s: '%s' is not one of %s", option, word, list);
}

static int choice(struct argp_state *state, const char *option, const char *word, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(word, words[i]))
			return i;
	refuse_word(state, option, word, words);
	return 0;
}

static long long positive(struct argp_state *state, const char *option, const char *text, long long value)
{
	if (value <= 0)
		argp_error(state, "%s: '%s' is not a positive %s", option, text,
			   strcmp(option, "--for") ? "count" : "time (10s, 5m)");
	return value;
}

/* Of a member of 32 bits. */
static uint32_t count(struct argp_state *state, const char *option, const char *text)
{
	long long value = positive(state, option, text, cli_count(text));

	if (value > INT32_MAX)
		argp_error(state, "%s: '%s' is more than %d", option, text, INT32_MAX);
	return (uint32_t)value;
}

static void parse_tier(struct argp_state *state, struct weir_options *options, const char *word)
{
	static const char *const tiers[] = { "auto", "inline", "batch", "user", NULL };

	options->tier = (enum weir_filter_tier)choice(state, "--filter-tier", word, tiers);
}

static void parse_stats(struct argp_state *state, struct run_arguments *arguments, const char *word)
{
	static const char *const forms[] = { "text", "json", "none", NULL };

	arguments->summary = (enum cli_summary)choice(state, "--stats", word, forms);
	arguments->has_summary = true;
}

static void parse_stats_file(struct argp_state *state, struct run_arguments *arguments, const char *path)
{
	if (!*path || !strcmp(path, "-"))
		argp_error(state, "--stats-file: '%s' is not the name of a file", path);
	arguments->stats_file = path;
}

static void add_operand(struct argp_state *state, struct run_arguments *arguments, const char *word)
{
	if (arguments->n >= arguments->operands->least && cli_is_value(word)) {
		const char *wrong = cli_add_value(&arguments->parameters, word);

		if (wrong)
			argp_error(state, "'%s': %s", word, wrong);
		return;
	}
	if (arguments->n == arguments->operands->most)
		argp_error(state, "%s", arguments->operands->excess);
	arguments->operand[arguments->n++] = word;
}

/* Whatever the order in which they were given. */
static void conclude(struct argp_state *state, struct run_arguments *arguments)
{
	if (arguments->n < arguments->operands->least)
		argp_error(state, "%s", arguments->operands->missing);
	if (arguments->http_token && !arguments->http)
		argp_error(state, "--http-token is of no use without --http=ADDRESS:PORT");
	if (arguments->options.quiet && !arguments->has_summary && !arguments->stats_file)
		arguments->summary = CLI_SUMMARY_NONE;
}

static error_t parse_flag(int key, struct run_arguments *arguments)
{
	switch (key) {
	case KEY_DRY_RUN:
		arguments->options.dry_run = true;
		return 0;
	case KEY_NO_GUARD:
		arguments->options.no_guard = true;
		return 0;
	case KEY_STRICT:
		arguments->options.strict = true;
		return 0;
	case KEY_BPF:
		arguments->options.show_code = true;
		return 0;
	case KEY_JSON:
		arguments->json = true;
		return 0;
	case 'v':
		arguments->verbose = true;
		return 0;
	case 'q':
		arguments->options.quiet = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* It is shown as it is. */
static void parse_name(struct argp_state *state, struct run_arguments *arguments, const char *name)
{
	size_t n = strlen(name);

	if (!n || n > 63 || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != n)
		argp_error(state, "--name: '%s' is not 1 to 63 letters, digits, '_', '-' and '.'", name);
	arguments->name = name;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	static const char *const backends[] = { "auto", "uring", "poll", NULL };
	static const char *const formats[] = { "jsonl", "csv", "influx", "raw", NULL };
	struct run_arguments *arguments = state->input;
	struct weir_options *options = &arguments->options;

	switch (key) {
	case 'n':
		options->limit = (uint64_t)positive(state, "-n", value, cli_count(value));
		return 0;
	case KEY_FOR:
		options->for_ns = positive(state, "--for", value, cli_duration(value));
		return 0;
	case KEY_TIER:
		parse_tier(state, options, value);
		return 0;
	case KEY_IO:
		options->io = (enum weir_io)choice(state, "--io", value, backends);
		return 0;
	case KEY_RING:
		options->ring_rows = count(state, "--ring", value);
		return 0;
	case KEY_THREADS:
		options->threads = count(state, "--threads", value);
		return 0;
	case KEY_STATS:
		parse_stats(state, arguments, value);
		return 0;
	case KEY_STATS_FILE:
		parse_stats_file(state, arguments, value);
		return 0;
	case KEY_NAME:
		parse_name(state, arguments, value);
		return 0;
	case KEY_HTTP:
		arguments->http = value;
		return 0;
	case KEY_HTTP_TOKEN:
		arguments->http_token = value;
		return 0;
	case KEY_FORMAT:
		options->records = (enum weir_records)choice(state, "--format", value, formats);
		return 0;
	case KEY_PARAMS:
		arguments->parameters.file = value;
		return 0;
	case ARGP_KEY_ARG:
		add_operand(state, arguments, value);
		return 0;
	case ARGP_KEY_END:
		conclude(state, arguments);
		return 0;
	}
	return parse_flag(key, arguments);
}

void cli_parse_run(struct run_arguments *arguments, const struct argp_option *options, int argc, char **argv)
{
	struct argp argp = { .options = options,
			     .parser = parse,
			     .args_doc = arguments->operands->usage,
			     .doc = arguments->operands->doc };

	cli_parse(&argp, argc, argv, arguments);
}
