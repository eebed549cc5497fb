/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "devices/iio_follow.h"

#define LOOK_MS 500         /* where no event tells that an attribute was written */
#define LOOK_SELDOM_MS 5000 /* where one does: drivers may change a gain themselves */
#define QUIET_MS 1000       /* without rows, and the thread sleeps until some come */
#define WARNINGS_MAX 10

int weir_iio_follow_add(struct weir_iio_follow *follow, const char *dir, const struct weir_iio_channel *channel,
			uint32_t n)
{
	uint32_t scale = weir_iio_scales_add(&follow->scales, dir, channel);

	follow->dir = dir;
	follow->told[scale] = follow->scales.scale[scale];
	for (uint32_t i = 0; i < n && follow->n_fields < WEIR_FIELDS_MAX; i++)
		follow->field[follow->n_fields++] = scale;
	return follow->scales.scale[scale].err;
}

static void follow_warn(struct weir_iio_follow *follow, uint32_t which)
{
	const struct weir_iio_scale *now = &follow->scales.scale[which], *before = &follow->told[which];

	if (now->scale != before->scale && follow->n_warnings++ < WARNINGS_MAX)
		weir_warn(follow->node, "%s of '%s' is now %.9g, after %.9g", now->scale_file, follow->title,
			  now->scale, before->scale);
	if (now->offset != before->offset && follow->n_warnings++ < WARNINGS_MAX)
		weir_warn(follow->node, "%s of '%s' is now %.9g, after %.9g", now->offset_file, follow->title,
			  now->offset, before->offset);
}

static int follow_apply(struct weir_iio_follow *follow)
{
	double scale[WEIR_FIELDS_MAX], offset[WEIR_FIELDS_MAX];

	for (uint32_t i = 0; i < follow->scales.n; i++) {
		follow_warn(follow, i);
		follow->told[i] = follow->scales.scale[i];
	}
	for (uint32_t i = 0; i < follow->n_fields; i++) {
		scale[i] = follow->told[follow->field[i]].scale;
		offset[i] = follow->told[follow->field[i]].offset;
	}
	return weir_rescale(follow->node, follow->title, scale, offset);
}

static bool follow_is_stale(const struct weir_iio_follow *follow)
{
	const struct weir_schema *schema = weir_out(follow->node);
	bool is_stale = false;

	for (uint32_t i = 0; i < follow->n_fields; i++) {
		const struct weir_iio_scale *scale = &follow->scales.scale[follow->field[i]];

		is_stale |= scale->scale != schema->field[i].scale || scale->offset != schema->field[i].offset;
	}
	return is_stale;
}

static int follow_look(struct weir_iio_follow *follow)
{
	return weir_iio_scales_read(&follow->scales) ? follow_apply(follow) : 0;
}

static void follow_drain(int fd)
{
	char events[4096];

	while (fd >= 0 && read(fd, events, sizeof(events)) > 0)
		;
}

static void follow_wait(struct weir_iio_follow *follow, int notify_fd, int ms)
{
	struct pollfd fds[] = {
		{ .fd = follow->wake_fd, .events = POLLIN },
		{ .fd = notify_fd, .events = POLLIN },
	};

	if (poll(fds, 2, ms) <= 0)
		return;
	follow_drain(fds[0].revents ? follow->wake_fd : -1);
	follow_drain(fds[1].revents ? notify_fd : -1);
}

/* Rows that land before `sleeps` is set are seen here, later ones see it. */
static void follow_sleep(struct weir_iio_follow *follow)
{
	atomic_store(&follow->sleeps, true);
	if (atomic_load(&follow->has_rows) && atomic_exchange(&follow->sleeps, false))
		return;
	follow_wait(follow, -1, -1);
}

static void *follow_run(void *context)
{
	struct weir_iio_follow *follow = context;
	int look_ms = follow->notify_fd < 0 ? LOOK_MS : LOOK_SELDOM_MS;
	int err = 0, quiet_ms = 0;

	while (!err && !atomic_load(&follow->is_over)) {
		follow_wait(follow, follow->notify_fd, look_ms);
		if (atomic_load(&follow->is_over))
			break;
		err = follow_look(follow);
		quiet_ms = atomic_exchange(&follow->has_rows, false) ? 0 : quiet_ms + look_ms;
		if (err || quiet_ms <= QUIET_MS)
			continue;
		follow_sleep(follow);
		quiet_ms = 0;
	}
	return NULL;
}

static void follow_wake(struct weir_iio_follow *follow)
{
	uint64_t one = 1;

	if (write(follow->wake_fd, &one, sizeof(one)) < 0)
		return; /* it is awake: only a count of 2^64 is refused */
}

int weir_iio_follow_landed(struct weir_iio_follow *follow)
{
	int err;

	if (follow->wake_fd < 0)
		return 0;
	atomic_store(&follow->has_rows, true);
	if (!atomic_load(&follow->sleeps) || !atomic_exchange(&follow->sleeps, false))
		return 0;
	err = follow_look(follow);
	follow_wake(follow);
	return err;
}

/* Another program sets a gain by writing an attribute, of this channel or of another. Not seen: through another mount of sysfs. */
static int follow_watch(const struct weir_iio_follow *follow)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0 || inotify_add_watch(fd, follow->dir, IN_MODIFY) >= 0)
		return fd;
	close(fd);
	return -1;
}

static void follow_close_fds(struct weir_iio_follow *follow)
{
	if (follow->notify_fd >= 0)
		close(follow->notify_fd);
	close(follow->wake_fd);
	follow->wake_fd = follow->notify_fd = -1;
}

int weir_iio_follow_start(struct weir_iio_follow *follow, struct weir_node *node, const char *title, bool sleeps)
{
	bool has_any = false;
	int err;

	for (uint32_t i = 0; i < follow->scales.n; i++)
		has_any |= follow->scales.scale[i].scale_fd >= 0 || follow->scales.scale[i].offset_fd >= 0;
	if (!has_any)
		return 0;
	follow->node = node;
	follow->title = title;
	follow->looks_at_end = sleeps;
	/* Between open and now the gain may have been set. */
	weir_iio_scales_read(&follow->scales);
	err = follow_is_stale(follow) ? follow_apply(follow) : 0;
	if (err || sleeps)
		return err;
	follow->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (follow->wake_fd < 0)
		return -errno;
	follow->notify_fd = follow_watch(follow);
	atomic_store(&follow->is_over, false);
	err = -pthread_create(&follow->thread, NULL, follow_run, follow);
	if (err)
		follow_close_fds(follow);
	return err;
}

void weir_iio_follow_stop(struct weir_iio_follow *follow)
{
	if (follow->looks_at_end && weir_iio_scales_read(&follow->scales))
		(void)follow_apply(follow);
	follow->looks_at_end = false;
	if (follow->wake_fd < 0)
		return;
	atomic_store(&follow->is_over, true);
	follow_wake(follow);
	pthread_join(follow->thread, NULL);
	follow_close_fds(follow);
}

void weir_iio_follow_close(struct weir_iio_follow *follow)
{
	weir_iio_follow_stop(follow);
	weir_iio_scales_close(&follow->scales);
}
