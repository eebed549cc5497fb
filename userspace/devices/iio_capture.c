/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "devices/iio_capture.h"
#include "devices/iio_whole.h"

/* What is wanted of a channel has a field, with its scale; what comes along has neither. */
static int shape_wanted(struct weir_iio_capture *capture, struct weir_node *node, const struct weir_iio_pick *pick,
			struct weir_iio_element *out)
{
	const struct weir_iio_device *device = capture->device;
	const struct weir_iio_scale *scale;
	int err;

	*out = pick->channel->element;
	out->shown = true;
	memcpy(out->name, pick->field, sizeof(out->name));
	err = weir_iio_follow_add(&capture->follow, device->dir, pick->channel, out->repeat);
	scale = &capture->follow.scales.scale[capture->follow.field[capture->follow.n_fields - 1]];
	out->scale = scale->scale;
	out->offset = scale->offset;
	if (err)
		return weir_fail_device(node, device->title, "read the scale and offset of a channel of", -err,
					*scale->scale_file ? scale->scale_file : scale->offset_file);
	return 0;
}

/* The wanted channels first, in the order of the program, then those that come along. How many, or -errno. */
static int collect(struct weir_iio_capture *capture, struct weir_node *node, const struct weir_iio_pick *pick,
		   uint32_t n, struct weir_iio_element *element)
{
	const struct weir_iio_device *device = capture->device;
	bool along[WEIR_FIELDS_MAX * 4] = { false };
	uint32_t count = 0;

	for (; count < n; count++) {
		int err = shape_wanted(capture, node, &pick[count], &element[count]);

		if (err)
			return err;
		weir_iio_rates_add(&capture->rates, device->dir, pick[count].channel);
	}
	if (device->n_channels <= sizeof(along) / sizeof(*along))
		weir_iio_whole_scan(device, pick, n, along);
	for (uint32_t i = 0; i < device->n_channels && count < WEIR_FIELDS_MAX; i++) {
		if (i >= sizeof(along) / sizeof(*along) || !along[i])
			continue;
		element[count] = device->channel[i].element;
		element[count++].scale = 1;
	}
	return (int)count;
}

static int lay_out(struct weir_iio_capture *capture, struct weir_node *node, struct weir_schema *out)
{
	const struct weir_iio_channel *timestamp = weir_iio_timestamp(capture->device);
	struct weir_iio_element element[WEIR_FIELDS_MAX], time;
	struct weir_iio_pick pick[WEIR_FIELDS_MAX];
	int n = weir_iio_pick_channels(capture->device, node, weir_iio_is_scanned, pick), count;
	enum weir_clock clock = capture->args->clock;
	int err;

	if (n < 0)
		return n;
	if (!n || !timestamp)
		return weir_fail_arg(node, NULL, "poll=100ms reads its attributes instead",
				     n ? "'%s' does not stamp its samples" : "'%s' has no buffer",
				     capture->device->title);
	count = collect(capture, node, pick, (uint32_t)n, element);
	if (count < 0)
		return count;
	capture->n_indexes = (uint32_t)count;
	for (uint32_t i = 0; i < capture->n_indexes; i++)
		capture->index[i] = element[i].index;
	time = timestamp->element;
	time.scale = 1;
	capture->index[capture->n_indexes] = time.index;
	err = weir_iio_layout(out, clock, element, capture->n_indexes++, &time);
	if (err)
		return weir_fail(node, -err, "the scan of '%s' has a layout that weir cannot read: %s",
				 capture->device->title, strerror(-err));
	weir_may_rescale(node);
	return 0;
}

static int plan_rate(struct weir_iio_capture *capture, struct weir_node *node)
{
	if (capture->trigger.is_timer)
		weir_iio_rates_of_trigger(&capture->rates, capture->trigger.dir);
	if (!capture->rates.n && capture->args->rate_hz)
		return weir_fail_arg(node, "rate", "leave rate= away", "the rate of '%s' cannot be set",
				     capture->device->title);
	return 0;
}

/* A timer's raster shows every tick that was missed, wherever: more than the FIFO knows. */
static bool is_on_raster(const struct weir_iio_capture *capture, enum weir_clock clock)
{
	return capture->trigger.is_timer && clock == WEIR_CLOCK_MONOTONIC;
}

static int plan_loss(struct weir_iio_capture *capture, struct weir_node *node)
{
	enum weir_iio_loss wanted = capture->args->loss;
	char *why = capture->why;
	int err = -ENOTSUP;

	strcpy(why, "loss=infer");
	if (is_on_raster(capture, capture->args->clock))
		strcpy(why, "the timer's raster shows every tick");
	else if (wanted != WEIR_IIO_LOSS_INFER)
		err = weir_loss_tap_open(&capture->tap, capture->device->number, why);
	if (err && wanted == WEIR_IIO_LOSS_COUNT)
		return weir_fail_arg(node, "loss", "loss=infer goes by the timestamps",
				     "losses of '%s' cannot be counted: %s", capture->device->title, why);
	if (capture->tap)
		snprintf(capture->how, sizeof(capture->how), "losses counted in the kernel (%s)",
			 weir_loss_tap_hook(capture->tap));
	else
		snprintf(capture->how, sizeof(capture->how), "losses inferred from timestamps: %s", why);
	return 0;
}

int weir_iio_capture_open(struct weir_iio_capture *capture, struct weir_iio_device *device, struct weir_node *node,
			  const struct weir_iio_capture_args *args, struct weir_schema *out)
{
	int err;

	capture->args = args;
	capture->device = device;
	capture->fd = capture->follow.wake_fd = -1;
	if (args->buffer && args->watermark > args->buffer)
		return weir_fail_arg(node, "watermark", NULL,
				     "a watermark of %" PRIu32 " is never reached in a buffer of %" PRIu32,
				     args->watermark, args->buffer);
	err = lay_out(capture, node, out);
	if (!err)
		err = weir_iio_trigger_plan(&capture->trigger, device, node, args->trigger, args->rate_hz);
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
			  capture->device->title);
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

int weir_iio_capture_landed(struct weir_iio_capture *capture, struct weir_node *node, const void *rows, uint32_t n)
{
	const struct weir_schema *schema = weir_out(node);

	if (capture->tap)
		count_lost(capture, node, lost_by_tap(capture));
	else
		count_lost(capture, node,
			   weir_iio_gaps_landed(&capture->gaps, schema, rows, n, weir_now(schema->clock)));
	return weir_iio_follow_landed(&capture->follow);
}

static void switch_off(struct weir_iio_capture *capture)
{
	if (capture->is_on)
		weir_sysfs_write(capture->device->dir, "buffer/enable", "0");
	capture->is_on = false;
}

void weir_iio_capture_stop(struct weir_iio_capture *capture, struct weir_node *node)
{
	weir_iio_follow_stop(&capture->follow);
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
	weir_iio_follow_close(&capture->follow);
	switch_off(capture);
	weir_sysfs_restore(&capture->undo);
	weir_iio_trigger_close(&capture->trigger);
	weir_iio_gaps_close(&capture->gaps);
	weir_iio_capture_ignore_loss(capture);
	if (capture->fd >= 0)
		close(capture->fd);
	capture->fd = -1;
}
