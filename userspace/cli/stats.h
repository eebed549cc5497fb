/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file stats.h
 * @brief Where the summary of a run goes, and with it the messages where standard error must be JSON and nothing else.
 */
#ifndef WEIR_CLI_STATS_H
#define WEIR_CLI_STATS_H

#include "run_options.h"

struct cli_stats {
	FILE *to;                    /**< NULL: no summary */
	struct cli_journal *journal; /**< messages that are members of the document; NULL: they go to standard error */
	enum weir_format format;
	bool is_file, has_printed;
	const char *path;
};

/** @brief Sets options.messages where messages are collected. @return 0, or an exit status after a message. */
int cli_stats_open(struct cli_stats *stats, struct run_arguments *arguments);

/** @brief Print what a run has done, and its exit status. `pipeline` NULL: it could not be opened. */
void cli_stats_print(struct cli_stats *stats, const struct weir_pipeline *pipeline, int status);

/** @return `status`, or 1 after a message when the file could not be written. */
int cli_stats_close(struct cli_stats *stats, int status);

#endif
