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
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/output.h"
#include "weir/reading.h"
#include "weir/text.h"
#include "weir/written.h"

#define LOCK_TRIES 1000 /* a millisecond apart */

struct csv_file {
	struct weir_output_config config;
	const char *separator, *decimal;
	bool appends, header;
	struct weir_output *output;
	struct weir_written written;
	int fd;
	bool has_begun;
};

static int read_form(struct weir_node *node, struct csv_file *csv)
{
	struct weir_output_config *config = &csv->config;
	const char *decimal = csv->decimal, *wrong;
	bool has_separator = weir_given(node, &csv->separator);

	config->mark = decimal[0];
	if (strcmp(decimal, ".") && strcmp(decimal, ","))
		return weir_fail_arg(node, "decimal", "as in decimal=\",\"", "a decimal mark is a point or a comma");
	wrong = weir_read_separator(csv->separator, config->mark, &config->separator);
	if (!wrong && config->separator == ':' && config->time == WEIR_TIME_ISO)
		wrong = "times of day have this character in them";
	return wrong ? weir_fail_arg(node, has_separator ? "separator" : "decimal",
				     "as in separator=\";\" or separator=tab", "%s", wrong)
		     : 0;
}

static bool is_file(const struct weir_node *node)
{
	struct stat file;

	return !stat(weir_target(node), &file) && S_ISREG(file.st_mode);
}

/* Before anything is started: what the file holds must be of the same form. */
static int check_file(struct weir_node *node, const struct csv_file *csv)
{
	int fd = is_file(node) ? open(weir_target(node), O_RDONLY | O_CLOEXEC) : -1, fits;
	char why[WEIR_CSV_WHY];

	/* Not there yet, or not to be read; whether it can be written will show when it is. */
	if (fd < 0)
		return 0;
	fits = weir_csv_continues(csv->output, fd, why);
	close(fd);
	if (fits < 0)
		return weir_fail_device(node, weir_target(node), "read", -fits, NULL);
	return fits ? 0
		    : weir_fail_arg(node, "append", "choose another name, or remove the file",
				    "'%s' cannot be continued with these records: %s", weir_target(node), why);
}

static int csv_open(struct weir_node *node, const struct weir_schema *in)
{
	struct csv_file *csv = weir_state(node);
	int err;

	csv->config.layout = WEIR_CSV;
	csv->config.no_header = !csv->header;
	csv->fd = -1;
	if (!*weir_target(node))
		return weir_fail_arg(node, NULL, "as in csv:out.csv", "csv needs the name of a file");
	if (!strcmp(weir_target(node), "-"))
		return weir_fail_arg(node, NULL, "write print format=csv; a file of that name is csv:./-",
				     "csv writes to files");
	if (read_form(node, csv) < 0)
		return -EINVAL;
	err = weir_output_open_as(&csv->output, in, &csv->config);
	return err < 0 || !csv->appends ? err : check_file(node, csv);
}

static int told(struct weir_node *node, int err)
{
	return err < 0 ? weir_fail(node, -err, "cannot write '%s': %s", weir_target(node), strerror(-err)) : 0;
}

/* Those that append share the file. Where there are no locks, nobody is kept out. */
static int lock(struct weir_node *node, int fd)
{
	const struct csv_file *csv = weir_state(node);
	int how = csv->appends ? LOCK_SH : LOCK_EX;
	struct stat file;

	if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode))
		return 0;
	if (!flock(fd, how | LOCK_NB) || errno != EWOULDBLOCK)
		return 0;
	return weir_fail_device(node, weir_target(node), "lock", errno, "another process is writing this file");
}

/* O_APPEND, so that nobody who empties the file leaves a hole in it; to continue one, its end must be read. A FIFO opened for both has a
 * reader that reads nothing. */
static int csv_start(struct weir_node *node)
{
	struct csv_file *csv = weir_state(node);
	bool is_new = access(weir_target(node), F_OK) < 0;
	int how = csv->appends && (is_new || is_file(node)) ? O_RDWR : O_WRONLY;

	csv->fd = open(weir_target(node), how | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (csv->fd < 0)
		return weir_fail_device(node, weir_target(node), "open", errno, NULL);
	if (weir_is_read(csv->fd))
		return weir_fail(node, EBUSY, "'%s' is read by the program that would write it", weir_target(node));
	weir_written_begin(&csv->written, weir_target(node), csv->fd);
	return lock(node, csv->fd);
}

/* Others that append may have written to the file meanwhile, its header say; and its end may have been torn. */
static int mend(struct weir_node *node, struct csv_file *csv)
{
	char why[WEIR_CSV_WHY];
	const char *behind;
	uint64_t torn;
	int err = weir_csv_continues(csv->output, csv->fd, why);

	if (!err)
		return weir_fail(node, EEXIST, "'%s' cannot be continued with these records: %s", weir_target(node),
				 why);
	if (err > 0)
		err = weir_csv_torn(csv->output, csv->fd, &behind, &torn);
	if (err < 0)
		return told(node, err);
	if (!*behind)
		return 0;
	weir_warn(node,
		  "the file ends in the middle of a line: its %" PRIu64 " bytes stay, and records begin on a new line",
		  torn);
	return told(node, write(csv->fd, behind, strlen(behind)) < 0 ? -errno : 0);
}

/* A new file has a header; what is there already is not given another. */
static int begin_append(struct weir_node *node, struct csv_file *csv)
{
	struct stat file;
	int err;

	if (fstat(csv->fd, &file) < 0)
		return told(node, -errno);
	if (!S_ISREG(file.st_mode) || !file.st_size)
		return told(node, weir_output_start(csv->output, csv->fd));
	err = mend(node, csv);
	return err < 0 ? err : weir_output_continue(csv->output, csv->fd);
}

/* One at a time, or two that append to a new file would both give it a header. Where there are no locks, or where they are those that
 * all who write the file hold (NFS), nobody is kept out. */
static int begin_append_alone(struct weir_node *node, struct csv_file *csv)
{
	struct flock alone = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	int err;

	for (int i = 0; i < LOCK_TRIES && fcntl(csv->fd, F_OFD_SETLK, &alone) < 0; i++) {
		if (errno != EAGAIN && errno != EACCES)
			break;
		poll(NULL, 0, 1);
	}
	err = begin_append(node, csv);
	alone.l_type = F_UNLCK;
	fcntl(csv->fd, F_OFD_SETLK, &alone);
	return err;
}

/* What is no file cannot be emptied, and need not be. */
static int begin(struct weir_node *node, struct csv_file *csv)
{
	if (csv->has_begun)
		return 0;
	csv->has_begun = true;
	if (csv->appends)
		return begin_append_alone(node, csv);
	if (ftruncate(csv->fd, 0) < 0 && errno != EINVAL)
		return told(node, -errno);
	return told(node, weir_output_start(csv->output, csv->fd));
}

static int account(struct weir_node *node, struct csv_file *csv, int err)
{
	weir_lost(node, WEIR_LOST_UNSENT, weir_output_unsent(csv->output));
	return told(node, err);
}

static int csv_push(struct weir_node *node, const struct weir_block *in)
{
	struct csv_file *csv = weir_state(node);
	int err = begin(node, csv);

	if (!err)
		err = account(node, csv, weir_output_block(csv->output, in));
	weir_written_check(&csv->written, node, in->n, false);
	return err;
}

static int csv_flush(struct weir_node *node)
{
	struct csv_file *csv = weir_state(node);
	int err = begin(node, csv);

	if (!err)
		err = account(node, csv, weir_output_flush(csv->output));
	weir_written_check(&csv->written, node, 0, false);
	return err;
}

static int csv_end(struct weir_node *node)
{
	struct csv_file *csv = weir_state(node);

	weir_written_check(&csv->written, node, 0, true);
	return 0;
}

static const char *csv_how(const struct weir_node *node)
{
	const struct csv_file *csv = weir_state(node);

	return weir_written_how(&csv->written);
}

static void csv_close(struct weir_node *node)
{
	struct csv_file *csv = weir_state(node);

	if (csv->fd >= 0 && close(csv->fd) < 0)
		weir_warn(node, "the end of the file may not have been written: %s", strerror(errno));
	weir_output_close(csv->output);
}

static const struct weir_param params[] = {
	WEIR_P_BOOL("append", struct csv_file, appends, "no",
		    "keep the content of the file, which must have the same header; no second header"),
	WEIR_P_BOOL("header", struct csv_file, header, "yes", "header line with names"),
	WEIR_P_TEXT("separator", struct csv_file, separator, "\",\"", "one character, or tab"),
	WEIR_P_TEXT("decimal", struct csv_file, decimal, "\".\"", "decimal mark of numbers, a point or a comma"),
	WEIR_OUTPUT_PARAM_TIME(struct csv_file, config.time),
	WEIR_OUTPUT_PARAM_FLUSH(struct csv_file, config.flush, "idle"),
	{ 0 }
};

static const struct weir_sink_ops csv_ops = {
	.state_bytes = sizeof(struct csv_file),
	.open = csv_open,
	.start = csv_start,
	.push = csv_push,
	.flush = csv_flush,
	.end = csv_end,
	.how = csv_how,
	.may_share = true,
	.close = csv_close,
};

const struct weir_driver weir_bridge_csv_sink = {
	.name = "csv",
	.doc = "CSV file of the records",
	.target = "FILE",
	.sink_params = params,
	.sink = &csv_ops,
};
