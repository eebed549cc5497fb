/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <iio.h>

#include "devices/iio_capture.h"

/*
 * The drivers of HID sensors push the whole scan whatever was asked for and have no scan masks for the core to cut it
 * by: with a part of the channels enabled, one would read another's values.
 */
static bool pushes_whole_scans(const struct weir_iio_device *device)
{
	char link[2 * WEIR_SYSFS_PATH], driver[WEIR_SYSFS_PATH];
	const char *name;
	ssize_t n;

	snprintf(link, sizeof(link), "%s/../driver", device->dir);
	n = readlink(link, driver, sizeof(driver) - 1);
	driver[n < 0 ? 0 : n] = '\0';
	name = strrchr(driver, '/');
	return name && !strncmp(name, "/hid_sensor_", strlen("/hid_sensor_"));
}

static bool is_picked(const struct weir_iio_pick *pick, int n, const struct iio_channel *channel)
{
	for (int i = 0; i < n; i++)
		if (pick[i].channel == channel)
			return true;
	return false;
}

/* The wanted channels first, in the order of the program, then those that come along. */
static uint32_t collect(struct weir_iio_capture *capture, const struct weir_iio_pick *pick, int n,
			struct weir_iio_element *element)
{
	const struct iio_device *device = capture->device->device;
	uint32_t count = 0;

	for (; count < (uint32_t)n; count++) {
		weir_iio_element(pick[count].channel, &element[count]);
		element[count].shown = true;
		memcpy(element[count].name, pick[count].field, sizeof(element[count].name));
	}
	if (!pushes_whole_scans(capture->device))
		return count;
	for (unsigned int i = 0; i < iio_device_get_channels_count(device); i++) {
		const struct iio_channel *channel = iio_device_get_channel(device, i);

		if (weir_iio_is_scanned(channel) && !is_picked(pick, n, channel) && count < WEIR_FIELDS_MAX)
			weir_iio_element(channel, &element[count++]);
	}
	return count;
}

static int lay_out(struct weir_iio_capture *capture, struct weir_node *node, struct weir_schema *out)
{
	const struct iio_channel *timestamp = weir_iio_timestamp(capture->device->device);
	struct weir_iio_element element[WEIR_FIELDS_MAX], time;
	struct weir_iio_pick pick[WEIR_FIELDS_MAX];
	int n = weir_iio_pick_channels(capture->device, node, weir_iio_is_scanned, pick);
	enum weir_clock clock = weir_arg_int(node, "clock") ? WEIR_CLOCK_REALTIME : WEIR_CLOCK_MONOTONIC;
	int err;

	if (n < 0)
		return n;
	if (!n || !timestamp)
		return weir_fail_arg(node, NULL, "poll=100ms reads its attributes instead",
				     n ? "'%s' does not stamp its samples" : "'%s' has no buffer",
				     capture->device->name);
	capture->n_indexes = collect(capture, pick, n, element);
	for (uint32_t i = 0; i < capture->n_indexes; i++)
		capture->index[i] = element[i].index;
	weir_iio_element(timestamp, &time);
	capture->index[capture->n_indexes] = time.index;
	err = weir_iio_layout(out, clock, element, capture->n_indexes++, &time);
	if (err)
		return weir_fail(node, -err, "the scan of '%s' has a layout that weir cannot read: %s",
				 capture->device->name, strerror(-err));
	return 0;
}

static int plan_rate(struct weir_iio_capture *capture, struct weir_node *node)
{
	if (capture->trigger.is_timer) {
		strcpy(capture->rate_name, "sampling_frequency");
		return 0;
	}
	if (weir_iio_rate_attribute(capture->device, capture->rate_name, sizeof(capture->rate_name)) &&
	    weir_arg_given(node, "rate"))
		return weir_fail_arg(node, "rate", "leave rate= away", "the rate of '%s' cannot be set",
				     capture->device->name);
	return 0;
}

/* A timer's raster shows every tick that was missed, wherever: more than the FIFO knows. */
static bool is_on_raster(const struct weir_iio_capture *capture, enum weir_clock clock)
{
	return capture->trigger.is_timer && clock == WEIR_CLOCK_MONOTONIC;
}

static int plan_loss(struct weir_iio_capture *capture, struct weir_node *node)
{
	int64_t wanted = weir_arg_int(node, "loss");
	char *why = capture->why;
	int err = -ENOTSUP;

	strcpy(why, "loss=infer");
	if (is_on_raster(capture, weir_arg_int(node, "clock") ? WEIR_CLOCK_REALTIME : WEIR_CLOCK_MONOTONIC))
		strcpy(why, "the timer's raster shows every tick");
	else if (wanted != WEIR_IIO_LOSS_INFER)
		err = weir_loss_tap_open(&capture->tap, capture->device->number, why);
	if (err && wanted == WEIR_IIO_LOSS_COUNT)
		return weir_fail_arg(node, "loss", "loss=infer goes by the timestamps",
				     "what '%s' loses cannot be counted: %s", capture->device->name, why);
	if (capture->tap)
		snprintf(capture->how, sizeof(capture->how), "losses counted in the kernel (%s)",
			 weir_loss_tap_hook(capture->tap));
	else
		snprintf(capture->how, sizeof(capture->how), "losses inferred from timestamps: %s", why);
	return 0;
}

int weir_iio_capture_open(struct weir_iio_capture *capture, struct weir_iio_device *device, struct weir_node *node,
			  struct weir_schema *out)
{
	int64_t length = weir_arg_int(node, "buffer"), watermark = weir_arg_int(node, "watermark");
	int err;

	capture->device = device;
	capture->fd = -1;
	if (length && watermark > length)
		return weir_fail_arg(node, "watermark", NULL,
				     "a watermark of %" PRId64 " is never reached in a buffer of %" PRId64, watermark,
				     length);
	err = lay_out(capture, node, out);
	if (!err)
		err = weir_iio_trigger_plan(&capture->trigger, device, node);
	if (!err)
		err = plan_rate(capture, node);
	return err ? err : plan_loss(capture, node);
}

static void count_lost(struct weir_iio_capture *capture, struct weir_node *node, uint64_t lost)
{
	if (!lost)
		return;
	weir_lost(node, WEIR_LOST_DEVICE, lost);
	if (!capture->has_warned)
		weir_warn(node,
			  "'%s' lost samples before weir could read them; a larger buffer= or a lower rate= helps",
			  capture->device->name);
	capture->has_warned = true;
}

void weir_iio_capture_ignore_loss(struct weir_iio_capture *capture)
{
	weir_loss_tap_close(capture->tap);
	capture->tap = NULL;
}

static uint64_t lost_by_tap(struct weir_iio_capture *capture)
{
	uint64_t before = capture->told;

	capture->told = weir_loss_tap_lost(capture->tap);
	return capture->told - before;
}

void weir_iio_capture_landed(struct weir_iio_capture *capture, struct weir_node *node, const void *rows, uint32_t n)
{
	const struct weir_schema *schema = weir_out(node);

	if (capture->tap)
		count_lost(capture, node, lost_by_tap(capture));
	else
		count_lost(capture, node,
			   weir_iio_gaps_landed(&capture->gaps, schema, rows, n, weir_now(schema->clock)));
}

static void switch_off(struct weir_iio_capture *capture)
{
	if (capture->is_on)
		weir_sysfs_write(capture->device->dir, "buffer/enable", "0");
	capture->is_on = false;
}

void weir_iio_capture_stop(struct weir_iio_capture *capture, struct weir_node *node)
{
	switch_off(capture);
	if (capture->tap) {
		count_lost(capture, node, lost_by_tap(capture));
		return;
	}
	count_lost(capture, node, weir_iio_gaps_finish(&capture->gaps));
	if (capture->gaps.lost && capture->gaps.is_rough)
		snprintf(capture->how, sizeof(capture->how), "losses estimated from timestamps, roughly: %s",
			 capture->why);
}

void weir_iio_capture_close(struct weir_iio_capture *capture)
{
	switch_off(capture);
	weir_sysfs_restore(&capture->undo);
	weir_iio_trigger_close(&capture->trigger);
	weir_iio_gaps_close(&capture->gaps);
	weir_iio_capture_ignore_loss(capture);
	if (capture->fd >= 0)
		close(capture->fd);
	capture->fd = -1;
}
