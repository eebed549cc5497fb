/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run, check and explain: the three commands that take a program. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

enum summary { SUMMARY_TEXT, SUMMARY_JSON, SUMMARY_NONE };

struct arguments {
	struct weir_options options;
	enum summary summary;
	bool json, verbose;
	const char *program;
};

enum {
	KEY_FOR = 256,
	KEY_DRY_RUN,
	KEY_STRICT,
	KEY_TIER,
	KEY_IO,
	KEY_RING,
	KEY_STATS,
	KEY_JSON,
	KEY_BPF,
	KEY_FORMAT,
	KEY_THREADS,
	KEY_NO_GUARD
};

static const struct argp_option run_options[] = {
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
	{ "format", KEY_FORMAT, "FORM", 0, "what `print` writes where it is not told: jsonl, csv, influx, raw", 0 },
	{ "quiet", 'q', NULL, 0, "no warnings and no summary", 0 },
	{ "verbose", 'v', NULL, 0, "print the plan first, on standard error", 0 },
	{ 0 },
};

static const struct argp_option explain_options[] = {
	{ "json", KEY_JSON, NULL, 0, "print JSON", 0 },
	{ "bpf", KEY_BPF, NULL, 0, "list the eBPF that was generated, with the conditions beside it", 0 },
	{ "filter-tier", KEY_TIER, "TIER", 0, "plan for this tier: auto, inline, batch, user", 0 },
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

static void parse_tier(struct argp_state *state, struct weir_options *options, const char *word)
{
	static const char *const tiers[] = { "auto", "inline", "batch", "user", NULL };

	options->tier = (enum weir_filter_tier)choice(state, "--filter-tier", word, tiers);
}

static error_t parse_run(int key, char *value, struct argp_state *state)
{
	static const char *const backends[] = { "auto", "uring", "poll", NULL };
	static const char *const forms[] = { "text", "json", "none", NULL };
	static const char *const formats[] = { "jsonl", "csv", "influx", "raw", NULL };
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
	case KEY_THREADS:
		options->threads = (uint32_t)positive(state, "--threads", value, cli_count(value));
		return 0;
	case KEY_STATS:
		arguments->summary = (enum summary)choice(state, "--stats", value, forms);
		return 0;
	case KEY_FORMAT:
		options->records = (enum weir_records)choice(state, "--format", value, formats);
		return 0;
	case 'v':
		arguments->verbose = true;
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

/* From the command line to a pipeline: what all three begin with. */
static int open_program(struct weir_pipeline **out, struct arguments *arguments, const struct argp *argp, int argc,
			char **argv)
{
	struct program program;
	int status;

	*out = NULL;
	cli_parse(argp, argc, argv, arguments);
	status = cli_program(&program, arguments->program);
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

/* A terminal that goes away sends SIGHUP too; what has one is not a service that is asked to read its program again. */
static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* What --for leaves; at least a moment, for 0 would be without end. */
static void shorten(struct weir_options *options, long long elapsed_ns)
{
	if (options->for_ns)
		options->for_ns = elapsed_ns < options->for_ns ? options->for_ns - elapsed_ns : 1;
}

/* The new text, or the old one where the new one is wrong: what runs must not end because of a slip of the pen. */
static int reopen(struct weir_pipeline **out, struct program *program, const struct arguments *arguments)
{
	struct program next = { 0 };
	int status = cli_program(&next, arguments->program);

	*out = NULL;
	if (!status)
		status = weir_open(out, next.text, next.name, &arguments->options);
	if (status) {
		free(next.text);
		fputs("weir: the program cannot be read again; the old one goes on\n", stderr);
		return weir_open(out, program->text, program->name, &arguments->options);
	}
	free(program->text);
	*program = next;
	return 0;
}

/* The old pipeline is gone before the new one looks at the devices. */
static int reload(struct weir_pipeline **pipeline, struct program *program, const struct arguments *arguments)
{
	struct weir_memories *memories;
	int status = weir_memories_take(&memories, *pipeline);

	weir_close(*pipeline);
	*pipeline = NULL;
	if (!status)
		status = reopen(pipeline, program, arguments);
	if (status)
		weir_memories_close(memories);
	else
		weir_memories_give(memories, *pipeline);
	return status;
}

static int run_program(struct program *program, struct arguments *arguments)
{
	struct weir_pipeline *pipeline;
	int status = weir_open(&pipeline, program->text, program->name, &arguments->options);

	if (!status && arguments->verbose)
		weir_explain(pipeline, stderr, WEIR_FORMAT_TEXT);
	while (!status) {
		long long began_ns = now_ns();

		status = weir_run(pipeline);
		print_summary(pipeline, arguments->summary);
		if (status || !weir_wants_reload(pipeline))
			break;
		shorten(&arguments->options, now_ns() - began_ns);
		status = reload(&pipeline, program, arguments);
	}
	weir_close(pipeline);
	return status;
}

int cmd_run(int argc, char **argv)
{
	static const struct argp argp = {
		run_options, parse_run, "FILE\n'PROGRAM'", "Run a program until its sources end, or a signal.", NULL,
		NULL,        NULL,
	};
	struct arguments arguments = { .options = { .handle_signals = true } };
	struct program program;
	int status;

	cli_parse(&argp, argc, argv, &arguments);
	status = cli_program(&program, arguments.program);
	if (status)
		return status;
	arguments.options.reload = cli_is_file(arguments.program) && !has_terminal();
	status = run_program(&program, &arguments);
	free(program.text);
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
	int status = open_program(&pipeline, &arguments, &argp, argc, argv);

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
	int status = open_program(&pipeline, &arguments, &argp, argc, argv);

	if (status)
		return status;
	weir_explain(pipeline, stdout, arguments.json ? WEIR_FORMAT_JSON : WEIR_FORMAT_TEXT);
	weir_close(pipeline);
	return 0;
}
