/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <iio.h>

#include "devices/iio_names.h"
#include "devices/iio_polled.h"

#define FAILURES_MAX 10

/* Processed values first: where a driver has both, its conversion is better than a scale. */
static const char *value_attribute(const struct iio_channel *channel)
{
	const char *attribute = iio_channel_find_attr(channel, "input");

	return attribute ? attribute : iio_channel_find_attr(channel, "raw");
}

static bool is_readable(const struct iio_channel *channel)
{
	return !iio_channel_is_output(channel) && value_attribute(channel);
}

/* A raw value stays an integer in the row, so that raw() and `changed` see what the device gave. */
static void make_raw(struct weir_field *field, const struct iio_channel *channel)
{
	field->is_float = false;
	field->is_signed = true;
	field->bits = 64;
	field->scale = weir_iio_channel_number(channel, "scale", 1);
	field->offset = weir_iio_channel_number(channel, "offset", 0);
}

static int add_channel(struct weir_iio_polled *polled, struct weir_schema *out, const struct weir_iio_pick *pick)
{
	struct weir_iio_polled_channel *channel = &polled->channel[polled->n];
	const char *attribute = value_attribute(pick->channel);
	int field = weir_schema_add(out, pick->field, WEIR_REAL, weir_iio_unit(iio_channel_get_id(pick->channel)), 8);

	if (field < 0)
		return field;
	channel->fd = -1;
	channel->is_raw = !strcmp(attribute, "raw");
	snprintf(channel->file, sizeof(channel->file), "%s", iio_channel_attr_get_filename(pick->channel, attribute));
	if (channel->is_raw)
		make_raw(&out->field[field], pick->channel);
	polled->n++;
	return 0;
}

int weir_iio_polled_open(struct weir_iio_polled *polled, const struct weir_iio_device *device, struct weir_node *node,
			 struct weir_schema *out)
{
	struct weir_iio_pick pick[WEIR_FIELDS_MAX];
	int n = weir_iio_pick_channels(device, node, is_readable, pick);

	if (n <= 0)
		return n ? n : weir_fail_arg(node, NULL, NULL, "'%s' has no channel to read", device->name);
	polled->device = device;
	polled->period_ns = weir_arg_int(node, "poll");
	weir_schema_init(out, weir_arg_int(node, "clock") ? WEIR_CLOCK_REALTIME : WEIR_CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++) {
		int err = add_channel(polled, out, &pick[i]);

		if (err)
			return weir_fail_arg(node, NULL, NULL, "channel '%s': %s", pick[i].field, strerror(-err));
	}
	return 0;
}

int weir_iio_polled_start(struct weir_iio_polled *polled, struct weir_node *node)
{
	for (uint32_t i = 0; i < polled->n; i++) {
		char path[2 * WEIR_SYSFS_PATH];

		snprintf(path, sizeof(path), "%s/%s", polled->device->dir, polled->channel[i].file);
		polled->channel[i].fd = open(path, O_RDONLY | O_CLOEXEC);
		if (polled->channel[i].fd < 0)
			return weir_fail_device(node, polled->device->name, "open a channel of", errno, path);
	}
	polled->next_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	return 0;
}

static int read_channel(const struct weir_iio_polled_channel *channel, void *cell)
{
	char text[64];
	ssize_t n = pread(channel->fd, text, sizeof(text) - 1, 0);
	long long raw;
	double value;

	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (channel->is_raw) {
		raw = strtoll(text, NULL, 10);
		memcpy(cell, &raw, sizeof(raw));
	} else {
		value = strtod(text, NULL);
		memcpy(cell, &value, sizeof(value));
	}
	return 0;
}

static int read_row(struct weir_iio_polled *polled, const struct weir_schema *schema, void *row)
{
	int64_t t = weir_now(schema->clock);
	int err = 0;

	memcpy((char *)row + schema->t.at, &t, sizeof(t));
	for (uint32_t i = 0; i < polled->n && !err; i++)
		err = read_channel(&polled->channel[i], (char *)row + schema->field[i].at);
	return err;
}

static int bear(struct weir_iio_polled *polled, struct weir_node *node, int err)
{
	weir_lost(node, WEIR_LOST_DEVICE, 1);
	if (!polled->failures++)
		weir_warn(node, "'%s' could not be read: %s", polled->device->name, strerror(-err));
	if (err != -ENODEV && err != -ENOENT && polled->failures < FAILURES_MAX)
		return -EAGAIN;
	return weir_fail_device(node, polled->device->name, "go on reading", -err,
				err == -ENODEV ? "it was unplugged, or its driver unloaded" : NULL);
}

int weir_iio_polled_produce(struct weir_iio_polled *polled, struct weir_node *node, void *row, struct weir_wait *wait)
{
	int64_t late = weir_now(WEIR_CLOCK_MONOTONIC) - polled->next_ns;
	int64_t missed = late < 0 ? 0 : late / polled->period_ns;
	int err;

	*wait = (struct weir_wait){ .until_ns = polled->next_ns, .fd = -1 };
	if (late < 0)
		return -EAGAIN;
	if (missed)
		weir_lost(node, WEIR_LOST_DEVICE, (uint64_t)missed);
	polled->next_ns += (missed + 1) * polled->period_ns;
	wait->until_ns = polled->next_ns;
	err = read_row(polled, weir_out(node), row);
	if (err)
		return bear(polled, node, err);
	polled->failures = 0;
	return 1;
}

void weir_iio_polled_close(struct weir_iio_polled *polled)
{
	for (uint32_t i = 0; i < polled->n; i++)
		if (polled->channel[i].fd >= 0)
			close(polled->channel[i].fd);
	polled->n = 0;
}
