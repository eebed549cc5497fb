/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Setting a device up for capture and switching it on: what iio_capture.c decided. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "devices/holder.h"
#include "devices/iio_capture.h"

#define LENGTH_LEAST 1024
#define LENGTH_BYTES_MOST (2u << 20)
#define LATENCY_NS INT64_C(1000000000)

static int fail(struct weir_iio_capture *capture, struct weir_node *node, const char *operation, int err)
{
	const char *advice = NULL;

	if (err == -EACCES || err == -EPERM)
		advice = WEIR_IIO_ACCESS;
	else if (err == -ENOMEM)
		advice = "a smaller buffer= may fit";
	else if (err == -EINVAL)
		advice = "the device does not take that combination of channels, trigger and rate";
	return weir_fail_device(node, capture->device->title, operation, -err, advice);
}

static int open_chardev(struct weir_iio_capture *capture, struct weir_node *node)
{
	char path[64], holder[128], advice[256];

	snprintf(path, sizeof(path), "/dev/iio:device%d", capture->device->number);
	capture->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (capture->fd >= 0)
		return 0;
	if (errno != EBUSY)
		return fail(capture, node, "open the buffer of", -errno);
	if (!weir_holder(path, holder, sizeof(holder)))
		strcpy(holder, "another program");
	snprintf(advice, sizeof(advice), "%s is reading it; a device gives its buffer to one program at a time",
		 holder);
	return weir_fail_device(node, capture->device->title, "open the buffer of", EBUSY, advice);
}

/* Nobody has the character device, yet the buffer is on: who switched it on has died. */
static int take_over(struct weir_iio_capture *capture, struct weir_node *node)
{
	double is_on;
	int err;

	if (weir_sysfs_number(capture->device->dir, "buffer/enable", &is_on) || is_on == 0)
		return 0;
	weir_warn(node, "the buffer of '%s' was left on by a program that has ended: taking it over",
		  capture->device->title);
	err = weir_sysfs_write(capture->device->dir, "buffer/enable", "0");
	return err ? fail(capture, node, "switch off the buffer of", err) : 0;
}

static int set_clock(struct weir_iio_capture *capture, struct weir_node *node)
{
	const char *name = weir_out(node)->clock == WEIR_CLOCK_REALTIME ? "realtime" : "monotonic";
	int err = weir_sysfs_set(&capture->undo, capture->device->dir, "current_timestamp_clock", name);

	return err ? fail(capture, node, "choose the clock of", err) : 0;
}

static bool is_captured(const struct weir_iio_capture *capture, long index)
{
	for (uint32_t i = 0; i < capture->n_indexes; i++)
		if (capture->index[i] == index)
			return true;
	return false;
}

/* `name` is NAME_en; its index is in NAME_index. */
static bool wants_element(const struct weir_iio_capture *capture, const char *dir, const char *name)
{
	char file[WEIR_SYSFS_PATH];
	double index;

	snprintf(file, sizeof(file), "%.*s_index", (int)strlen(name) - 3, name);
	return !weir_sysfs_number(dir, file, &index) && is_captured(capture, lrint(index));
}

/* Files are found by index: their names are the driver's affair. */
static int switch_elements(struct weir_iio_capture *capture, bool on)
{
	char dir[WEIR_SYSFS_PATH + 16];
	DIR *elements;
	int err = 0;

	snprintf(dir, sizeof(dir), "%s/scan_elements", capture->device->dir);
	elements = opendir(dir);
	if (!elements)
		return -errno;
	for (struct dirent *entry; !err && (entry = readdir(elements));) {
		size_t length = strlen(entry->d_name);

		if (length > 3 && !strcmp(entry->d_name + length - 3, "_en") &&
		    wants_element(capture, dir, entry->d_name) == on)
			err = weir_sysfs_set(&capture->undo, dir, entry->d_name, on ? "1" : "0");
	}
	closedir(elements);
	return err;
}

/* Off before on: some devices take only one channel at a time. */
static int choose_channels(struct weir_iio_capture *capture, struct weir_node *node)
{
	int err = switch_elements(capture, false);

	if (!err)
		err = switch_elements(capture, true);
	return err ? fail(capture, node, "choose the channels of", err) : 0;
}

/* A timer that was to be made has its directory only now. */
static int set_rate(struct weir_iio_capture *capture, struct weir_node *node)
{
	if (capture->trigger.is_timer)
		weir_iio_rates_of_trigger(&capture->rates, capture->trigger.dir);
	if (!capture->args->rate_hz)
		return 0;
	return weir_iio_rates_set(&capture->rates, capture->args->rate_hz, node, capture->device->title,
				  &capture->undo);
}

static uint32_t power_of_two(double least)
{
	uint32_t value = 2;

	while (value < least && value < 1u << 31)
		value *= 2;
	return value;
}

struct weir_iio_sizes weir_iio_sizes(double hz, uint32_t row_bytes, uint32_t length, uint32_t watermark)
{
	struct weir_iio_sizes sizes = { length, watermark };

	if (!watermark)
		sizes.watermark = (uint32_t)fmin(fmax(1, round(hz / 50)), 1 << 16);
	if (!length) {
		sizes.length = power_of_two(fmax(fmax(hz, 8.0 * sizes.watermark), LENGTH_LEAST));
		while (sizes.length > LENGTH_LEAST && (uint64_t)sizes.length * row_bytes > LENGTH_BYTES_MOST &&
		       sizes.length / 2 >= watermark)
			sizes.length /= 2;
	}
	if (!watermark && sizes.watermark > sizes.length / 2)
		sizes.watermark = sizes.length > 1 ? sizes.length / 2 : 1;
	return sizes;
}

uint32_t weir_iio_latency_watermark(double hz, uint32_t row_bytes, int64_t latency_ns, uint32_t watermark)
{
	double rows = hz > 0 ? hz * (double)latency_ns / 1e9 : LENGTH_LEAST / 2;
	double most = watermark ? watermark : LENGTH_BYTES_MOST / 2.0 / row_bytes;

	return (uint32_t)fmax(1, fmin(round(rows), floor(most)));
}

static int set_number(struct weir_iio_capture *capture, const char *name, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32, value);
	return weir_sysfs_write(capture->device->dir, name, text);
}

static struct weir_iio_sizes choose_sizes(const struct weir_iio_capture_args *args, uint32_t row_bytes, double hz)
{
	uint32_t watermark = args->watermark;

	if (args->latency_ns)
		watermark = weir_iio_latency_watermark(hz, row_bytes, args->latency_ns,
						       watermark ? watermark : args->buffer);
	return weir_iio_sizes(hz, row_bytes, args->buffer, watermark);
}

/* A device with a FIFO in hardware sends it over its bus for each read below the watermark. */
static bool has_hardware_fifo(const struct weir_iio_capture *capture)
{
	char path[WEIR_SYSFS_PATH + 16];
	bool has_any = false;
	DIR *buffer;

	snprintf(path, sizeof(path), "%s/buffer", capture->device->dir);
	buffer = opendir(path);
	if (!buffer)
		return false;
	for (struct dirent *entry; !has_any && (entry = readdir(buffer));)
		has_any = !strncmp(entry->d_name, "hwfifo_", 7);
	closedir(buffer);
	return has_any;
}

static struct weir_collected collected(const struct weir_iio_capture *capture, const struct weir_iio_sizes *sizes,
				       double hz)
{
	return (struct weir_collected){
		.watermark = sizes->watermark,
		.capacity = sizes->length,
		.row_ns = hz > 0 ? (int64_t)(1e9 / hz) : 0,
		.latency_ns = capture->args->latency_ns ? capture->args->latency_ns : LATENCY_NS,
		.by_time = !has_hardware_fifo(capture),
	};
}

/*
 * Always both: the kernel's defaults are a length of 2 and whatever the last user left. A device that is read by time wakes us for
 * the first row after a silence: what it would hold back until then would come when something else comes.
 */
static int set_sizes(struct weir_iio_capture *capture, struct weir_node *node, bool unread)
{
	double hz = weir_iio_rates_now(&capture->rates);
	struct weir_iio_sizes sizes = { .length = 2, .watermark = 1 };
	bool on_raster;
	int err;

	if (!unread)
		sizes = choose_sizes(capture->args, weir_out(node)->row_bytes, hz);
	capture->collected = collected(capture, &sizes, hz);
	err = set_number(capture, "buffer/length", sizes.length);
	if (!err)
		err = set_number(capture, "buffer/watermark", capture->collected.by_time ? 1 : sizes.watermark);
	if (err)
		return fail(capture, node, "size the buffer of", err);
	/* A wall clock may be set: its jumps are no ticks that were missed. */
	on_raster = capture->trigger.is_timer && weir_out(node)->clock == WEIR_CLOCK_MONOTONIC;
	if (weir_iio_gaps_open(&capture->gaps, sizes.length, hz > 0 ? 1e9 / hz : 0, on_raster))
		return weir_fail(node, ENOMEM, "no memory");
	return 0;
}

static int switch_on(struct weir_iio_capture *capture, struct weir_node *node)
{
	int err = weir_sysfs_write(capture->device->dir, "buffer/enable", "1");

	if (err)
		return fail(capture, node, "switch on the buffer of", err);
	capture->is_on = true;
	return 0;
}

static int follow_scales(struct weir_iio_capture *capture, struct weir_node *node, bool unread)
{
	int err = weir_iio_follow_start(&capture->follow, node, capture->device->title, unread);

	if (err && err != -ENOTSUP)
		return weir_fail(node, -err, "cannot start a thread: %s", strerror(-err));
	return err;
}

int weir_iio_capture_start(struct weir_iio_capture *capture, struct weir_node *node, bool unread)
{
	int err = open_chardev(capture, node);

	if (unread)
		weir_iio_capture_ignore_loss(capture);
	if (!err)
		err = take_over(capture, node);
	if (!err)
		err = set_clock(capture, node);
	if (!err)
		err = choose_channels(capture, node);
	if (!err)
		err = weir_iio_trigger_start(&capture->trigger, capture->device, node, &capture->undo);
	if (!err)
		err = set_rate(capture, node);
	if (!err)
		err = set_sizes(capture, node, unread);
	if (!err)
		err = follow_scales(capture, node, unread);
	return err ? err : switch_on(capture, node);
}
