/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records as a file that describes itself and survives a crash; `replay:FILE` plays it back. A file that is there already is
 * continued, never overwritten. Written when a block is full, when the stream pauses, and at its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "weir/reading.h"
#include "weir/record_file.h"
#include "weir/written.h"

struct record {
	struct weir_record_writer *writer;
	struct weir_written written;
	int fd;
	int64_t sync_ns;   /**< at most so much is not on the disk yet; 0: the kernel decides */
	int64_t synced_ns; /**< when it last was */
};

static bool same_fields(const struct weir_schema *a, const struct weir_schema *b)
{
	bool same = a->clock == b->clock && a->n_fields == b->n_fields;

	for (uint32_t i = 0; same && i < a->n_fields; i++) {
		const struct weir_field *x = &a->field[i], *y = &b->field[i];

		same = !strcmp(x->name, y->name) && !strcmp(x->unit, y->unit) && x->kind == y->kind &&
		       (x->kind == WEIR_TEXT
				? x->bytes == y->bytes
				: x->kind != WEIR_REAL || (x->scale == y->scale && x->offset == y->offset));
	}
	return same;
}

/* What is in the file must not be made unreadable by what is added to it. */
static int check_content(struct weir_node *node, int fd)
{
	struct weir_record_reader *reader;
	struct weir_schema there;
	int err = weir_record_reader_open(&reader, fd, &there);

	weir_record_reader_close(reader);
	if (err == -ENOMSG || err == -EBADMSG || err == -EPROTO)
		return weir_fail_arg(node, NULL, "choose another name, or remove the file",
				     "'%s' exists, and is not a recording that can be continued", weir_target(node));
	if (err < 0)
		return weir_fail_device(node, weir_target(node), "read", -err, NULL);
	if (!same_fields(&there, weir_in(node)))
		return weir_fail_arg(node, NULL, "choose another name, or remove the file",
				     "'%s' is a recording of other fields or of another clock", weir_target(node));
	return 0;
}

static int check_file(struct weir_node *node)
{
	int fd = open(weir_target(node), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

	if (size > 0)
		return check_content(node, fd);
	/* Not there yet, or empty; whether it can be made will show when it is. */
	if (fd >= 0)
		close(fd);
	return 0;
}

static int record_open(struct weir_node *node, const struct weir_schema *in)
{
	struct record *record = weir_state(node);

	record->fd = -1;
	if (check_file(node) < 0)
		return -EINVAL;
	return weir_record_writer_open(&record->writer, in);
}

static int told(struct weir_node *node, int err)
{
	return err < 0 ? weir_fail(node, -err, "cannot write '%s': %s", weir_target(node), strerror(-err)) : 0;
}

static int record_start(struct weir_node *node)
{
	struct record *record = weir_state(node);

	record->fd = open(weir_target(node), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (record->fd < 0)
		return weir_fail_device(node, weir_target(node), "open", errno, NULL);
	if (weir_is_read(record->fd))
		return weir_fail(node, EBUSY, "'%s' is read by the program that would write it", weir_target(node));
	/* The blocks of two writers would not follow each other. */
	if (flock(record->fd, LOCK_EX | LOCK_NB) < 0)
		return weir_fail_device(node, weir_target(node), "lock", errno,
					"another process is recording to this file");
	record->synced_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	weir_written_begin(&record->written, weir_target(node), record->fd);
	return told(node, weir_record_writer_start(record->writer, record->fd));
}

/* Seldom, and only where it was asked for: it may take as long as the disk likes. */
static int sync_if_due(struct weir_node *node, struct record *record)
{
	int64_t now;

	if (!record->sync_ns)
		return 0;
	now = weir_now(WEIR_CLOCK_MONOTONIC);
	if (now - record->synced_ns < record->sync_ns)
		return 0;
	record->synced_ns = now;
	return told(node, fdatasync(record->fd) < 0 && errno != EINVAL ? -errno : 0);
}

static int account(struct weir_node *node, struct record *record, int err)
{
	weir_lost(node, WEIR_LOST_UNSENT, weir_record_writer_unsent(record->writer));
	return told(node, err);
}

static int record_push(struct weir_node *node, const struct weir_block *in)
{
	struct record *record = weir_state(node);
	int err = account(node, record, weir_record_writer_push(record->writer, in));

	weir_written_check(&record->written, node, in->n, false);
	return err < 0 ? err : sync_if_due(node, record);
}

static int record_flush(struct weir_node *node)
{
	struct record *record = weir_state(node);
	int err = account(node, record, weir_record_writer_flush(record->writer));

	weir_written_check(&record->written, node, 0, false);
	return err < 0 ? err : sync_if_due(node, record);
}

/* Its times need not follow on those before. */
static int record_session(struct weir_node *node)
{
	struct record *record = weir_state(node);

	return told(node, weir_record_writer_start(record->writer, record->fd));
}

static int record_end(struct weir_node *node)
{
	struct record *record = weir_state(node);

	weir_written_check(&record->written, node, 0, true);
	return 0;
}

static const char *record_how(const struct weir_node *node)
{
	const struct record *record = weir_state(node);

	return weir_written_how(&record->written);
}

static void record_close(struct weir_node *node)
{
	struct record *record = weir_state(node);

	if (record->fd >= 0 && record->sync_ns)
		fdatasync(record->fd);
	if (record->fd >= 0 && close(record->fd) < 0)
		weir_warn(node, "the end of the file may not have been written: %s", strerror(errno));
	weir_record_writer_close(record->writer);
}

static const struct weir_param params[] = {
	WEIR_P_DURATION("sync", struct record, sync_ns, "0",
			"period of fdatasync, against loss of power; 0: left to the kernel", .min = 0, .max = 86400),
	{ 0 }
};

static const struct weir_sink_ops record_ops = {
	.state_bytes = sizeof(struct record),
	.open = record_open,
	.start = record_start,
	.push = record_push,
	.flush = record_flush,
	.end = record_end,
	.session = record_session,
	.how = record_how,
	.close = record_close,
};

const struct weir_driver weir_bridge_record_sink = {
	.name = "record",
	.doc = "file that describes itself and survives a crash; an existing file is continued",
	.target = "FILE",
	.sink_params = params,
	.sink = &record_ops,
};
