/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal.h"

#define FILE_STATUS 3 /* a file is missing or refused */

/* What an earlier run has left stays until there is something to write. */
static int open_file(struct cli_stats *stats, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	stats->path = path;
	stats->is_file = true;
	stats->to = fd < 0 ? NULL : fdopen(fd, "w");
	if (stats->to)
		return 0;
	fprintf(stderr, "weir: --stats-file: cannot open '%s': %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return FILE_STATUS;
}

int cli_stats_open(struct cli_stats *stats, struct run_arguments *arguments)
{
	bool is_json = arguments->summary == CLI_SUMMARY_JSON;

	*stats = (struct cli_stats){ .format = is_json ? WEIR_FORMAT_JSON : WEIR_FORMAT_TEXT };
	if (arguments->summary == CLI_SUMMARY_NONE)
		return 0;
	if (arguments->stats_file)
		return open_file(stats, arguments->stats_file);
	stats->to = stderr;
	if (!is_json)
		return 0;
	stats->journal = cli_journal_open(&arguments->options.messages);
	if (!stats->journal)
		fputs("weir: out of memory\n", stderr);
	return stats->journal ? 0 : 1;
}

/* An object; empty where there is nothing to tell of. */
static json_t *summary(const struct weir_pipeline *pipeline)
{
	char *text = NULL;
	json_t *document;
	size_t n;
	FILE *stream = pipeline ? open_memstream(&text, &n) : NULL;

	if (!stream)
		return json_object();
	weir_summary(pipeline, stream, WEIR_FORMAT_JSON);
	document = fclose(stream) ? NULL : json_loadb(text, n, 0, NULL);
	free(text);
	return document ? document : json_object();
}

static void print_json(struct cli_stats *stats, const struct weir_pipeline *pipeline, int status)
{
	json_t *document = summary(pipeline);

	json_object_set_new(document, "status", json_integer(status));
	if (stats->journal)
		json_object_set_new(document, "messages", cli_journal_take(stats->journal));
	json_dumpf(document, stats->to, JSON_INDENT(2));
	fputc('\n', stats->to);
	json_decref(document);
}

/* A pipe or a terminal cannot be emptied, and need not be. */
static void empty_file(struct cli_stats *stats)
{
	if (stats->is_file && !stats->has_printed && ftruncate(fileno(stats->to), 0) < 0 && errno != EINVAL)
		fprintf(stderr, "weir: cannot empty '%s': %s\n", stats->path, strerror(errno));
	stats->has_printed = true;
}

void cli_stats_print(struct cli_stats *stats, const struct weir_pipeline *pipeline, int status)
{
	if (!stats->to)
		return;
	empty_file(stats);
	if (stats->format == WEIR_FORMAT_JSON)
		print_json(stats, pipeline, status);
	else if (pipeline)
		weir_summary(pipeline, stats->to, WEIR_FORMAT_TEXT);
	fflush(stats->to);
}

int cli_stats_close(struct cli_stats *stats, int status)
{
	bool has_failed = stats->is_file && stats->to && (ferror(stats->to) || fclose(stats->to));

	cli_journal_close(stats->journal);
	if (!has_failed)
		return status;
	fprintf(stderr, "weir: cannot write '%s': %s\n", stats->path, strerror(errno));
	return status ? status : 1;
}
