/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file journal.h
 * @brief Messages that are kept until they are put into a JSON document.
 */
#ifndef WEIR_CLI_JOURNAL_H
#define WEIR_CLI_JOURNAL_H

#include <jansson.h>
#include <stdio.h>

struct cli_journal;

/** @brief `*to` keeps what is written to it, up to a bound. NULL: out of memory. */
struct cli_journal *cli_journal_open(FILE **to);
void cli_journal_close(struct cli_journal *journal);

/** @brief The lines so far, which are then forgotten; where some did not fit, a last line says so. */
json_t *cli_journal_take(struct cli_journal *journal);

#endif
