/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run, check and explain: the three commands that take a program. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stats.h"
#include "weir/display.h"

#define ONE_PROGRAM                                                                                                   \
	.usage = "FILE [NAME=VALUE...]\n'PROGRAM' [NAME=VALUE...]",                                                   \
	.missing = "a program is missing: a FILE, or the text itself in quotes, as in 'synth:sine rate=1Hz | print'", \
	.excess = "one program only; quote it: weir run 'source | sink'", .least = 1, .most = 1

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

static FILE *messages(const struct run_arguments *arguments)
{
	return arguments->options.messages ? arguments->options.messages : stderr;
}

/* The text, and the values of its parameters. */
static int read_program(struct program *out, const char *argument, const struct run_arguments *arguments)
{
	int status = cli_program(out, argument, messages(arguments));

	return status ? status : cli_read_values(&arguments->parameters, out, messages(arguments));
}

static int open_with_values(struct weir_pipeline **out, const struct program *program,
			    const struct run_arguments *arguments)
{
	struct weir_options options = arguments->options;

	options.parameters = (const char *const *)program->values;
	options.n_shared_parameters = program->n_shared;
	return weir_open(out, program->text, program->name, &options);
}

static void free_program(struct program *program)
{
	free(program->text);
	cli_free_values(program->values);
}

/* The new text, or the old one where the new one is wrong: what runs must not end because of a slip of the pen. */
static int reopen(struct weir_pipeline **out, struct program *program, const char *argument,
		  const struct run_arguments *arguments)
{
	struct program next = { 0 };
	int status = read_program(&next, argument, arguments);

	*out = NULL;
	if (!status)
		status = open_with_values(out, &next, arguments);
	if (status) {
		free_program(&next);
		fputs("weir: the program cannot be read again; the old one goes on\n", messages(arguments));
		return open_with_values(out, program, arguments);
	}
	free_program(program);
	*program = next;
	return 0;
}

/* The old pipeline is gone before the new one looks at the devices. */
static int reload(struct weir_pipeline **pipeline, struct program *program, const char *argument,
		  const struct run_arguments *arguments)
{
	struct weir_memories *memories;
	int status = weir_memories_take(&memories, *pipeline);

	weir_close(*pipeline);
	*pipeline = NULL;
	if (!status)
		status = reopen(pipeline, program, argument, arguments);
	if (status)
		weir_memories_close(memories);
	else
		weir_memories_give(memories, *pipeline);
	return status;
}

/* "/etc/weir/pump.weir" is "pump"; a program that is no file has the name "program". */
static void name_of(char name[64], const struct run_arguments *arguments, const char *argument)
{
	const char *slash = strrchr(argument, '/'), *base = slash ? slash + 1 : argument;
	size_t n = strlen(base);

	if (n > 5 && !strcmp(base + n - 5, ".weir"))
		n -= 5;
	if (arguments->name)
		snprintf(name, 64, "%s", arguments->name);
	else if (!arguments->is_made && cli_is_file(argument))
		snprintf(name, 64, "%.*s", (int)n, base);
	else
		snprintf(name, 64, "program");
}

static int open_display(struct weir_display **out, const struct run_arguments *arguments, const char *argument)
{
	char name[64];
	struct weir_display_options options = { .name = name,
						.http = arguments->http,
						.token_file = arguments->http_token,
						.quiet = arguments->options.quiet,
						.messages = arguments->options.messages };

	name_of(name, arguments, argument);
	return weir_display_open(out, &options);
}

static int run_shown(struct weir_pipeline *pipeline, struct weir_display *display)
{
	int status;

	weir_display_begin(display, pipeline);
	status = weir_run(pipeline);
	weir_display_end(display);
	return status;
}

/* Every run, and an attempt that does not come to one, has a summary. */
static int run_and_reload(struct weir_pipeline **pipeline, struct weir_display *display, struct program *program,
			  const char *argument, struct run_arguments *arguments, struct cli_stats *stats)
{
	int status = 0;

	while (!status) {
		long long began_ns = now_ns();

		status = run_shown(*pipeline, display);
		cli_stats_print(stats, *pipeline, status);
		if (status || !weir_wants_reload(*pipeline))
			return status;
		weir_notify_reload();
		shorten(&arguments->options, now_ns() - began_ns);
		status = reload(pipeline, program, argument, arguments);
	}
	cli_stats_print(stats, NULL, status);
	return status;
}

static int run_program(struct program *program, const char *argument, struct run_arguments *arguments,
		       struct cli_stats *stats)
{
	struct weir_pipeline *pipeline;
	struct weir_display *display = NULL;
	int status = open_with_values(&pipeline, program, arguments);

	if (!status && arguments->verbose)
		weir_explain(pipeline, messages(arguments), WEIR_FORMAT_TEXT);
	/* After weir_open(), which may fork, and gives up rights. */
	if (!status)
		status = open_display(&display, arguments, argument);
	if (status)
		cli_stats_print(stats, NULL, status);
	else
		status = run_and_reload(&pipeline, display, program, argument, arguments, stats);
	weir_display_close(display);
	weir_close(pipeline);
	return status;
}

static int make_program(struct program *out, const char *text, const struct run_arguments *arguments)
{
	out->text = strdup(text);
	out->name = "<argument>";
	return out->text ? cli_read_values(&arguments->parameters, out, messages(arguments)) : 1;
}

int cli_run(const char *argument, struct run_arguments *arguments)
{
	struct program program = { 0 };
	struct cli_stats stats;
	int status = cli_stats_open(&stats, arguments);

	if (status)
		return status;
	status = arguments->is_made ? make_program(&program, argument, arguments)
				    : read_program(&program, argument, arguments);
	if (status) {
		free_program(&program);
		cli_stats_print(&stats, NULL, status);
		return cli_stats_close(&stats, status);
	}
	arguments->options.handle_signals = true;
	arguments->options.keep_rings = arguments->http;
	arguments->options.drop_privileges = true;
	arguments->options.notify = true;
	arguments->options.reload = !arguments->is_made && cli_is_file(argument) && !has_terminal();
	arguments->options.no_input = !strcmp(argument, "-");
	status = run_program(&program, argument, arguments, &stats);
	free_program(&program);
	return cli_stats_close(&stats, status);
}

int cli_run_made(int argc, char **argv, struct run_arguments *arguments,
		 void (*make)(FILE *to, const struct run_arguments *arguments))
{
	char *program = NULL;
	FILE *stream;
	int status;
	size_t n;

	cli_parse_run(arguments, cli_run_options, argc, argv);
	stream = open_memstream(&program, &n);
	if (!stream)
		return 1;
	make(stream, arguments);
	arguments->is_made = true;
	status = fclose(stream) ? 1 : cli_run(program, arguments);
	free(program);
	free(arguments->parameters.word);
	return status;
}

int cmd_run(int argc, char **argv)
{
	static const struct cli_operands operands = { ONE_PROGRAM,
						      .doc = "Run a program until its sources end, or a signal." };
	struct run_arguments arguments = { .operands = &operands };
	int status;

	cli_parse_run(&arguments, cli_run_options, argc, argv);
	status = cli_run(arguments.operand[0], &arguments);
	free(arguments.parameters.word);
	return status;
}

/* What check and explain begin with: from the command line to a pipeline that is not run. */
static int open_program(struct weir_pipeline **out, struct run_arguments *arguments, const struct argp_option *options,
			int argc, char **argv)
{
	struct program program = { 0 };
	int status;

	*out = NULL;
	arguments->options.check_only = true;
	cli_parse_run(arguments, options, argc, argv);
	status = read_program(&program, arguments->operand[0], arguments);
	arguments->options.no_input = !strcmp(arguments->operand[0], "-");
	if (!status)
		status = open_with_values(out, &program, arguments);
	free_program(&program);
	free(arguments->parameters.word);
	return status;
}

int cmd_check(int argc, char **argv)
{
	static const struct cli_operands operands = {
		ONE_PROGRAM, .doc = "Parse a program and resolve its devices; touch no output."
	};
	struct run_arguments arguments = { .operands = &operands };
	struct weir_pipeline *pipeline;
	int status = open_program(&pipeline, &arguments, cli_check_options, argc, argv);

	weir_close(pipeline);
	return status;
}

int cmd_explain(int argc, char **argv)
{
	static const struct cli_operands operands = { ONE_PROGRAM,
						      .doc = "Print the plan of a program: threads, rings, stages in "
							     "the kernel, and the reason for each limit." };
	struct run_arguments arguments = { .operands = &operands };
	struct weir_pipeline *pipeline;
	int status = open_program(&pipeline, &arguments, cli_explain_options, argc, argv);

	if (status)
		return status;
	weir_explain(pipeline, stdout, arguments.json ? WEIR_FORMAT_JSON : WEIR_FORMAT_TEXT);
	weir_close(pipeline);
	return 0;
}
