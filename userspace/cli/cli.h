/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file cli.h
 * @brief The commands of the program, one file each, and what they share.
 */
#ifndef WEIR_CLI_H
#define WEIR_CLI_H

#include <argp.h>
#include <stdio.h>

#include "weir/weir.h"

#define CLI_USAGE 2

/** A command, of which a user hears unless `doc` is NULL; run gets argv with the command's own name first and returns the exit status. */
struct command {
	const char *name, *doc;
	int (*run)(int argc, char **argv);
};

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_tap(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_setup(int argc, char **argv);
int cmd_complete(int argc, char **argv);
int cmd_set(int argc, char **argv);
int cmd_get(int argc, char **argv);
int cmd_park(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_top(int argc, char **argv);

/** @brief What main() begins with: no standard descriptor is closed, and an output that cannot be written ends in status 1. */
void cli_begin(void);

/** @brief Parse with argp under the name "weir COMMAND". Exits with CLI_USAGE on wrong usage, as argp does. */
void cli_parse(const struct argp *argp, int argc, char **argv, void *input);

/** @brief Say on standard error which of `words` was perhaps meant. @return was there one that is near? */
bool cli_suggest(const char *word, const char *const *words, size_t n);

/** What a command that shows something was asked: a word, or NULL, and in which form. */
struct cli_query {
	const char *word;
	enum weir_format format;
};

/** @brief Parse `[WORD] [--json]`, as cli_parse(). `words` stands for the word in the usage; NULL: there is none. */
struct cli_query cli_query(int argc, char **argv, const char *words, const char *doc);

/** The text of a program, and what messages call it. */
struct program {
	char *text;
	const char *name;
	char **values;     /**< of its parameters: "NAME=VALUE", NULL-terminated; NULL: none. cli_free_values() */
	uint32_t n_shared; /**< the first of them are of a file that is an environment as well */
};

/** @brief Does it name a file, or end in .weir as only a file's name would? */
bool cli_is_file(const char *argument);

/**
 * @brief Take an argument as a file when it names one or can be nothing else, as standard input when it is `-`, and as the program
 * itself otherwise.
 * @return 0, or CLI_USAGE after a message. Free text.
 */
int cli_program(struct program *out, const char *argument, FILE *messages);

/** @brief Print a listing, broken to the width of the terminal or of COLUMNS. wrap.c */
void cli_print_wrapped(const char *text, FILE *to);

/** @brief Write a text as a string of the language. */
void cli_put_string(FILE *to, const char *text);

/** @brief "100", "10k", "100M", "1G": -1 when it is not a count. */
long long cli_count(const char *text);
/** @brief "250us", "10s", "5m": ns, or -1. */
long long cli_duration(const char *text);

#endif
