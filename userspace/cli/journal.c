/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal.h"

#include <stdlib.h>
#include <string.h>

#define JOURNAL_BYTES (256u << 10) /* of a service that warns for weeks, the beginning */

struct cli_journal {
	FILE *stream;
	size_t n, left_out;
	char text[JOURNAL_BYTES];
};

/* Under the lock of the stream. What does not fit is counted: a stream that fails would lose the rest silently. */
static ssize_t keep(void *cookie, const char *text, size_t n)
{
	struct cli_journal *journal = cookie;
	size_t room = sizeof(journal->text) - journal->n, fits = n < room ? n : room;

	memcpy(journal->text + journal->n, text, fits);
	journal->n += fits;
	journal->left_out += n - fits;
	return (ssize_t)n;
}

struct cli_journal *cli_journal_open(FILE **to)
{
	struct cli_journal *journal = calloc(1, sizeof(*journal));

	if (journal)
		journal->stream = fopencookie(journal, "w", (cookie_io_functions_t){ .write = keep });
	if (!journal || !journal->stream) {
		free(journal);
		return NULL;
	}
	setvbuf(journal->stream, NULL, _IONBF, 0);
	*to = journal->stream;
	return journal;
}

void cli_journal_close(struct cli_journal *journal)
{
	if (!journal)
		return;
	fclose(journal->stream);
	free(journal);
}

/* JSON is UTF-8: a line that is none keeps its ASCII. */
static json_t *line_json(char *line, size_t n)
{
	json_t *text = json_stringn(line, n);

	for (size_t i = 0; !text && i < n; i++)
		if ((unsigned char)line[i] >= 0x80)
			line[i] = '?';
	return text ? text : json_stringn(line, n);
}

json_t *cli_journal_take(struct cli_journal *journal)
{
	json_t *lines = json_array();

	flockfile(journal->stream);
	for (size_t at = 0, n; at < journal->n; at += n + 1) {
		const char *end = memchr(journal->text + at, '\n', journal->n - at);

		n = end ? (size_t)(end - (journal->text + at)) : journal->n - at;
		json_array_append_new(lines, line_json(journal->text + at, n));
	}
	if (journal->left_out)
		json_array_append_new(
			lines, json_sprintf("weir: %zu more bytes of messages are not shown", journal->left_out));
	journal->n = journal->left_out = 0;
	funlockfile(journal->stream);
	return lines;
}
