/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_follow.h
 * @brief Looks at the scales of captured channels, on a thread of its own, and has changes applied.
 *
 * The rows of a buffer are raw integers, and a gain that is set changes what they mean. A write to an attribute
 * of the device is seen at once, by inotify. No event tells of it when the driver sets it itself, so there is a look each 5 s too (each
 * 500 ms without inotify). The look does not belong on the thread that reads: the attribute may be a register behind a slow bus. But while no rows
 * come the thread sleeps, and the first rows after that are looked at before anybody decodes them.
 */
#ifndef WEIR_DEVICES_IIO_FOLLOW_H
#define WEIR_DEVICES_IIO_FOLLOW_H

#include <pthread.h>
#include <stdatomic.h>

#include "devices/iio_scale.h"

struct weir_iio_follow {
	struct weir_node *node;
	const char *title; /**< of the device */
	const char *dir;   /**< of the device in sysfs; the caller's */
	struct weir_iio_scales scales;
	struct weir_iio_scale told[WEIR_FIELDS_MAX]; /**< as the fields have them */
	uint32_t field[WEIR_FIELDS_MAX];             /**< for each field: its scale */
	uint32_t n_fields;
	uint32_t n_warnings;
	pthread_t thread;
	int wake_fd;           /**< eventfd; -1: there is no thread */
	int notify_fd;         /**< inotify; -1: none */
	_Atomic bool is_over;  /**< the thread is to end */
	_Atomic bool has_rows; /**< some have landed since its last look */
	_Atomic bool sleeps;   /**< until some land; whoever clears it may use `scales` until it wakes the thread */
	bool looks_at_end;     /**< and only then */
};

/** @brief The next `n` fields are of this channel. `dir` is the device's, and lives until close. @return 0, or -errno of reading its scale or offset. */
int weir_iio_follow_add(struct weir_iio_follow *follow, const char *dir, const struct weir_iio_channel *channel,
			uint32_t n) WEIR_MUST_CHECK;

/**
 * @brief Begin to look; with `sleeps` only at the end: for a filter in the kernel, which lets the process sleep
 * while nothing passes. @return 0 or -errno. `title` lives until close.
 */
int weir_iio_follow_start(struct weir_iio_follow *follow, struct weir_node *node, const char *title,
			  bool sleeps) WEIR_MUST_CHECK;

/** @brief Rows have come, and nobody has decoded them. On one thread. @return 0, or -errno after a message. */
int weir_iio_follow_landed(struct weir_iio_follow *follow) WEIR_MUST_CHECK;

/** @brief The thread is gone when this returns. */
void weir_iio_follow_stop(struct weir_iio_follow *follow);
void weir_iio_follow_close(struct weir_iio_follow *follow);

#endif
