/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records as a CSV file: a header line with `t` and the fields' names, then a line a record. Written when the buffer is full,
 * when the stream pauses, and at its end. `replay:FILE` plays it back.
 *
 * A run that cannot start leaves the file as it was, and the one that writes it is not disturbed: so the file is locked when it
 * is opened, and emptied when the first records could come.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/output.h"

struct csv_file {
	struct weir_output *output;
	int fd;
	bool has_begun;
};

/* Is there something in the file that records are to follow? */
static bool has_header(const struct weir_node *node)
{
	struct stat file;

	return weir_arg_int(node, "append") && !stat(weir_target(node), &file) && file.st_size;
}

static int read_separator(struct weir_node *node, char *separator)
{
	const char *text = weir_arg_text(node, "separator");

	*separator = !strcmp(text, "tab") ? '\t' : text[0];
	if ((*separator != '\t' && text[1]) || !*separator || strchr("\"\r\n", *separator))
		return weir_fail_arg(node, "separator", "as in separator=\";\" or separator=tab",
				     "one character stands between cells, and no quote");
	return 0;
}

static int csv_open(struct weir_node *node, const struct weir_schema *in)
{
	struct csv_file *csv = weir_state(node);
	struct weir_output_config config = {
		.layout = WEIR_CSV,
		.time = (enum weir_time_form)weir_arg_int(node, "time"),
		.flush = (enum weir_flush)weir_arg_int(node, "flush"),
		.no_header = !weir_arg_int(node, "header") || has_header(node),
	};

	csv->fd = -1;
	if (!*weir_target(node))
		return weir_fail_arg(node, NULL, "as in csv:out.csv", "csv needs the name of a file");
	if (!strcmp(weir_target(node), "-"))
		return weir_fail_arg(node, NULL, "write print format=csv; a file of that name is csv:./-",
				     "csv writes to files");
	if (read_separator(node, &config.separator) < 0)
		return -EINVAL;
	return weir_output_open_as(&csv->output, in, &config);
}

static int told(struct weir_node *node, int err)
{
	return err < 0 ? weir_fail(node, -err, "cannot write '%s': %s", weir_target(node), strerror(-err)) : 0;
}

/* Those that append share the file. Where there are no locks, nobody is kept out. */
static int lock(struct weir_node *node, int fd)
{
	int how = weir_arg_int(node, "append") ? LOCK_SH : LOCK_EX;
	struct stat file;

	if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode))
		return 0;
	if (!flock(fd, how | LOCK_NB) || errno != EWOULDBLOCK)
		return 0;
	return weir_fail_device(node, weir_target(node), "lock", errno, "somebody else is writing this file");
}

static int csv_start(struct weir_node *node)
{
	struct csv_file *csv = weir_state(node);
	int how = weir_arg_int(node, "append") ? O_APPEND : 0;

	csv->fd = open(weir_target(node), O_WRONLY | O_CREAT | O_CLOEXEC | how, 0666);
	if (csv->fd < 0)
		return weir_fail_device(node, weir_target(node), "open", errno, NULL);
	return lock(node, csv->fd);
}

/* What is no file cannot be emptied, and need not be. */
static int begin(struct weir_node *node, struct csv_file *csv)
{
	if (csv->has_begun)
		return 0;
	csv->has_begun = true;
	if (!weir_arg_int(node, "append") && ftruncate(csv->fd, 0) < 0 && errno != EINVAL)
		return -errno;
	return weir_output_start(csv->output, csv->fd);
}

static int csv_push(struct weir_node *node, const struct weir_block *in)
{
	struct csv_file *csv = weir_state(node);
	int err = begin(node, csv);

	return told(node, err < 0 ? err : weir_output_block(csv->output, in));
}

static int csv_flush(struct weir_node *node)
{
	struct csv_file *csv = weir_state(node);
	int err = begin(node, csv);

	return told(node, err < 0 ? err : weir_output_flush(csv->output));
}

static void csv_close(struct weir_node *node)
{
	struct csv_file *csv = weir_state(node);

	if (csv->fd >= 0 && close(csv->fd) < 0)
		weir_warn(node, "the end of the file may not have been written: %s", strerror(errno));
	weir_output_close(csv->output);
}

static const struct weir_param params[] = {
	{ .name = "append",
	  .style = WEIR_KEY,
	  .value = WEIR_V_BOOL,
	  .fallback = "no",
	  .help = "keep what the file holds and write no second header" },
	{ .name = "header", .style = WEIR_KEY, .value = WEIR_V_BOOL, .fallback = "yes", .help = "begin with names" },
	{ .name = "separator",
	  .style = WEIR_KEY,
	  .value = WEIR_V_TEXT,
	  .fallback = "\",\"",
	  .help = "one character, or tab" },
	WEIR_OUTPUT_PARAM_TIME,
	WEIR_OUTPUT_PARAM_FLUSH("idle"),
	{ 0 }
};

static const struct weir_sink_ops csv_ops = {
	.state_bytes = sizeof(struct csv_file),
	.open = csv_open,
	.start = csv_start,
	.push = csv_push,
	.flush = csv_flush,
	.close = csv_close,
};

const struct weir_driver weir_bridge_csv = {
	.name = "csv",
	.doc = "write records to a CSV file",
	.target = "FILE",
	.sink_params = params,
	.sink = &csv_ops,
};
