/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/written.h"

#include <stdatomic.h>
#include <sys/stat.h>

#define CHECK_NS INT64_C(1000000000)

static const char *const what[] = {
	[WEIR_WRITTEN_MOVED] =
		"the file was renamed or replaced while it was written: records are in the one that was opened",
	[WEIR_WRITTEN_CUT] = "the file was made shorter by another program while it was written",
	[WEIR_WRITTEN_DELETED] = "the file was deleted while it was written: its records are lost",
};

void weir_written_begin(struct weir_written *written, const char *path, int fd)
{
	struct stat stat;

	written->path = path;
	written->fd = fd;
	/* Memory without a name (memfd) cannot lose its name. */
	written->is_file = !fstat(fd, &stat) && S_ISREG(stat.st_mode) && stat.st_nlink;
	written->checked_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	written->size = 0;
}

static enum weir_written_state look(struct weir_written *written)
{
	struct stat file, named;
	int64_t before = written->size;

	if (fstat(written->fd, &file) < 0)
		return WEIR_WRITTEN_THERE;
	written->size = file.st_size;
	if (!file.st_nlink)
		return WEIR_WRITTEN_DELETED;
	if (stat(written->path, &named) < 0 || named.st_dev != file.st_dev || named.st_ino != file.st_ino)
		return WEIR_WRITTEN_MOVED;
	return file.st_size < before ? WEIR_WRITTEN_CUT : WEIR_WRITTEN_THERE;
}

static void change(struct weir_written *written, struct weir_node *node, enum weir_written_state state)
{
	if (state <= atomic_load(&written->state))
		return;
	atomic_store(&written->state, state);
	weir_warn(node, "%s", what[state]);
}

void weir_written_check(struct weir_written *written, struct weir_node *node, uint32_t n, bool is_end)
{
	int64_t now;

	if (!written->is_file)
		return;
	written->n_since += n;
	now = weir_now(WEIR_CLOCK_MONOTONIC);
	if (!is_end && now - written->checked_ns < CHECK_NS)
		return;
	written->checked_ns = now;
	change(written, node, look(written));
	if (atomic_load(&written->state) == WEIR_WRITTEN_DELETED)
		weir_lost(node, WEIR_LOST_UNSENT, written->n_since);
	written->n_since = 0;
}

const char *weir_written_how(const struct weir_written *written)
{
	return what[atomic_load(&written->state)];
}
