/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file run_options.h
 * @brief The options of commands that run, check or explain a program, wherever they stand among the operands.
 */
#ifndef WEIR_CLI_RUN_OPTIONS_H
#define WEIR_CLI_RUN_OPTIONS_H

#include "cli.h"

#define CLI_OPERANDS_MAX 2

enum cli_summary { CLI_SUMMARY_TEXT, CLI_SUMMARY_JSON, CLI_SUMMARY_NONE };

/** The operands of a command, and what a user is told of them. */
struct cli_operands {
	const char *usage, *doc;
	const char *missing; /**< the message where there are fewer than `least` */
	const char *excess;  /**< where there are more than `most` */
	unsigned least, most;
};

/** Where values for the parameters of a program come from. */
struct cli_parameters {
	const char *file;  /**< --params; NULL: none. With a `-` before it, it need not exist */
	const char **word; /**< NAME=VALUE of the command line, `n` of them; owned, the words themselves are argv's */
	unsigned n;
};

struct run_arguments {
	struct weir_options options;
	enum cli_summary summary;
	bool has_summary;       /**< --stats was given */
	const char *stats_file; /**< NULL: standard error */
	bool json, verbose;
	const char *http, *http_token; /**< NULL: none */
	const char *name;              /**< --name; NULL: from the program's file */
	bool is_made;                  /**< the program is its text, whatever it looks like */
	const struct cli_operands *operands;
	const char *operand[CLI_OPERANDS_MAX];
	unsigned n;
	struct cli_parameters parameters;
};

extern const struct argp_option cli_run_options[], cli_explain_options[], cli_check_options[];

/** @brief Parse as cli_parse(). `operands` and the defaults are set by the caller. */
void cli_parse_run(struct run_arguments *arguments, const struct argp_option *options, int argc, char **argv);

/** @brief Is the operand NAME=VALUE, and not the text of a program? */
bool cli_is_value(const char *operand);
/** @brief Add one of the command line. A message, or NULL: it was added. */
const char *cli_add_value(struct cli_parameters *parameters, const char *operand);
/**
 * @brief Read the file and join it with the command line, which comes last and so counts.
 * @return 0 and values in `out`, to be freed with cli_free_values(); CLI_USAGE or 1 after a message.
 */
int cli_read_values(const struct cli_parameters *parameters, struct program *out, FILE *messages);
void cli_free_values(char **values);

/** @brief Run a program to its end. It is read again on SIGHUP where `program` names a file. An exit status. */
int cli_run(const char *program, struct run_arguments *arguments);

/** @brief `weir run` of a program that is made from the operands: make() writes it. */
int cli_run_made(int argc, char **argv, struct run_arguments *arguments,
		 void (*make)(FILE *to, const struct run_arguments *arguments));

#endif
