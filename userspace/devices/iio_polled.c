/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/iio_names.h"
#include "devices/iio_polled.h"

#define FAILURES_MAX 10
#define NUMBERS_MAX 16

uint32_t weir_iio_parse_numbers(const char *text, double *number, uint32_t max)
{
	uint32_t n = 0;
	char *end;

	for (; n < max; n++, text = end) {
		number[n] = strtod(text, &end);
		if (end == text || (*end && !strchr(" \t\n", *end)))
			break;
	}
	return n;
}

/* The text of an attribute: how many numbers, or -errno. */
static int polled_read_numbers(int fd, double number[NUMBERS_MAX], bool *is_whole)
{
	char text[512];
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
	uint32_t n;

	if (got < 0)
		return -errno;
	text[got] = '\0';
	n = weir_iio_parse_numbers(text, number, NUMBERS_MAX);
	*is_whole = !strpbrk(text, ".eEnN");
	return n ? (int)n : -EBADMSG;
}

/* Fields keep what makes raw integers of their values, so that raw() and `changed` see what the device gave. */
static int polled_add_field(const struct weir_iio_polled *polled, const struct weir_iio_polled_channel *channel,
			    struct weir_schema *out, const char *name, const char *unit, bool is_whole)
{
	int field = weir_schema_add(out, name, WEIR_REAL, unit, 8);

	if (field >= 0 && channel->scale >= 0 && is_whole) {
		out->field[field].scale = polled->scales.scale[channel->scale].scale;
		out->field[field].offset = polled->scales.scale[channel->scale].offset;
	}
	return field;
}

static int polled_add_fields(const struct weir_iio_polled *polled, struct weir_iio_polled_channel *channel,
			     struct weir_schema *out, const char *unit, bool is_whole)
{
	int field = 0;

	channel->first = out->n_fields;
	if (channel->n == 1)
		field = polled_add_field(polled, channel, out, channel->name, unit, is_whole);
	for (uint32_t i = 0; channel->n > 1 && i < channel->n && field >= 0; i++) {
		char name[WEIR_NAME_MAX + 16];

		snprintf(name, sizeof(name), "%s_%u", channel->name, i);
		field = polled_add_field(polled, channel, out, name, unit, is_whole);
	}
	return field < 0 ? field : 0;
}

/* Processed values first: where a driver has both, its conversion is better than a scale. */
static const char *value_attribute(const struct weir_iio_pick *pick)
{
	if (*pick->attribute)
		return pick->attribute;
	return pick->channel->has_input ? "input" : "raw";
}

static int polled_add_channel(struct weir_iio_polled *polled, struct weir_schema *out, const struct weir_iio_pick *pick)
{
	struct weir_iio_polled_channel *channel = &polled->channel[polled->n++];
	const char *attribute = value_attribute(pick);
	char path[WEIR_SYSFS_PATH + WEIR_IIO_FILE_MAX];
	double number[NUMBERS_MAX];
	bool is_whole = true;
	int n;

	channel->scale = -1;
	memcpy(channel->name, pick->field, sizeof(channel->name));
	snprintf(channel->file, sizeof(channel->file), "in_%s_%s", pick->channel->id, attribute);
	snprintf(path, sizeof(path), "%s/%s", polled->device->dir, channel->file);
	channel->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!strcmp(attribute, "raw"))
		channel->scale = (int)weir_iio_scales_add(&polled->scales, polled->device->dir, pick->channel);
	n = channel->fd < 0 ? -errno : polled_read_numbers(channel->fd, number, &is_whole);
	/* One that cannot be read just now may be read later. */
	channel->n = n > 0 ? (uint32_t)n : strstr(pick->channel->id, "quaternion") ? 4 : 1;
	return polled_add_fields(polled, channel, out, weir_iio_unit(pick->channel->id), is_whole);
}

int weir_iio_polled_open(struct weir_iio_polled *polled, const struct weir_iio_device *device, struct weir_node *node,
			 enum weir_clock clock, struct weir_schema *out)
{
	struct weir_iio_pick pick[WEIR_FIELDS_MAX];
	int n = weir_iio_pick_channels(device, node, weir_iio_is_readable, pick);

	if (n <= 0)
		return n ? n : weir_fail_arg(node, NULL, NULL, "'%s' has no channel to read", device->title);
	polled->device = device;
	weir_schema_init(out, clock);
	for (int i = 0; i < n; i++) {
		int err = polled_add_channel(polled, out, &pick[i]);

		if (err)
			return weir_fail_arg(node, NULL, NULL, "channel '%s': %s", pick[i].field, strerror(-err));
	}
	return 0;
}

int weir_iio_polled_start(struct weir_iio_polled *polled, struct weir_node *node, int64_t period_ns, uint32_t retry)
{
	for (uint32_t i = 0; i < polled->n; i++) {
		char path[WEIR_SYSFS_PATH + WEIR_IIO_FILE_MAX];

		if (polled->channel[i].fd >= 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", polled->device->dir, polled->channel[i].file);
		polled->channel[i].fd = open(path, O_RDONLY | O_CLOEXEC);
		if (polled->channel[i].fd < 0)
			return weir_fail_device(node, polled->device->title, "open a channel of", errno, path);
	}
	weir_schedule_begin(&polled->schedule, weir_now(WEIR_CLOCK_MONOTONIC), period_ns, retry);
	return 0;
}

/* A channel's values of the present row, else NaN. 0 or -errno. */
static int polled_read_channel(struct weir_iio_polled *polled, const struct weir_iio_polled_channel *channel)
{
	const struct weir_iio_scale *scale = channel->scale < 0 ? NULL : &polled->scales.scale[channel->scale];
	double number[NUMBERS_MAX];
	bool is_whole;
	int err = polled_read_numbers(channel->fd, number, &is_whole);

	if (err >= 0)
		err = scale && scale->err ? scale->err : (uint32_t)err == channel->n ? 0 : -EBADMSG;
	for (uint32_t i = 0; i < channel->n; i++)
		polled->value[channel->first + i] = err     ? NAN
						    : scale ? (number[i] + scale->offset) * scale->scale
							    : number[i];
	return err;
}

static void polled_note_failure(struct weir_iio_polled *polled, struct weir_node *node,
				struct weir_iio_polled_channel *channel, int err)
{
	atomic_store_explicit(&channel->err, -err, memory_order_relaxed);
	atomic_fetch_add_explicit(&channel->failed, 1, memory_order_relaxed);
	if (!channel->has_warned)
		weir_warn(node, "channel '%s' of '%s' (%s) could not be read: %s", channel->name, polled->device->title,
			  channel->file, strerror(-err));
	channel->has_warned = true;
}

/* One attempt at the channels of the row that are not read yet. How many still are not. */
static uint32_t polled_attempt(struct weir_iio_polled *polled)
{
	uint32_t open = 0;

	weir_iio_scales_read(&polled->scales);
	for (uint32_t i = 0; i < polled->n; i++) {
		struct weir_iio_polled_channel *channel = &polled->channel[i];

		if (channel->is_read)
			continue;
		channel->failure = polled_read_channel(polled, channel);
		channel->is_read = !channel->failure;
		open += !channel->is_read;
	}
	return open;
}

static void polled_begin_row(struct weir_iio_polled *polled)
{
	polled->rows++;
	for (uint32_t i = 0; i < polled->n; i++)
		polled->channel[i].is_read = false;
}

/* What is not read by now has no value. `*err` is the last failure. */
static void polled_end_row(struct weir_iio_polled *polled, struct weir_node *node, int *err)
{
	for (uint32_t i = 0; i < polled->n; i++)
		if (!polled->channel[i].is_read)
			polled_note_failure(polled, node, &polled->channel[i], *err = polled->channel[i].failure);
}

static void polled_write(const struct weir_iio_polled *polled, const struct weir_schema *schema, int64_t t, char *row)
{
	memcpy(row + schema->t.at, &t, sizeof(t));
	for (uint32_t i = 0; i < schema->n_fields; i++)
		memcpy(row + schema->field[i].at, &polled->value[i], sizeof(polled->value[i]));
}

static bool polled_is_gone(const struct weir_iio_polled *polled)
{
	struct stat status;

	return stat(polled->device->dir, &status) || status.st_ino != polled->device->inode;
}

/* A row without any value. */
static int polled_bear(struct weir_iio_polled *polled, struct weir_node *node, int err)
{
	char advice[600];

	if (polled_is_gone(polled))
		return weir_fail_device(node, polled->device->title, "go on reading", ENODEV,
					"it was unplugged, or its driver unloaded");
	if (++polled->failures < FAILURES_MAX)
		return -EAGAIN;
	snprintf(advice, sizeof(advice), "%s", weir_iio_polled_how(polled));
	return weir_fail_device(node, polled->device->title, "go on reading", -err, advice);
}

/* A row of which `open` channels have no value. 1; -EAGAIN: there is none; -errno. */
static int polled_finish_row(struct weir_iio_polled *polled, struct weir_node *node, struct weir_rows *rows, int64_t t,
			     uint32_t open)
{
	int err = 0;

	polled_end_row(polled, node, &err);
	/* A row without any value is one record that is lost, each other failure a value. */
	if (open)
		weir_lost(node, WEIR_LOST_DEVICE, open < polled->n ? open : 1);
	if (open == polled->n)
		return polled_bear(polled, node, err);
	polled_write(polled, weir_out(node), t, weir_rows_next(rows));
	weir_rows_add(rows);
	polled->failures = 0;
	return 1;
}

int weir_iio_polled_produce(struct weir_iio_polled *polled, struct weir_node *node, struct weir_rows *rows,
			    struct weir_wait *wait)
{
	struct weir_schedule *schedule = &polled->schedule;
	uint64_t missed;
	uint32_t open;
	int64_t t;
	int got;

	*wait = (struct weir_wait){ .until_ns = schedule->next_ns, .fd = -1 };
	if (!weir_rows_next(rows) || !weir_schedule_is_due(schedule, weir_now(WEIR_CLOCK_MONOTONIC), &missed))
		return -EAGAIN;
	if (missed)
		weir_lost(node, WEIR_LOST_DEVICE, missed);
	if (!schedule->attempt)
		polled_begin_row(polled);
	t = weir_now(weir_out(node)->clock);
	open = polled_attempt(polled);
	if (open && weir_schedule_again(schedule)) {
		atomic_fetch_add_explicit(&polled->again, open, memory_order_relaxed);
		wait->until_ns = schedule->next_ns;
		return -EAGAIN;
	}
	got = polled_finish_row(polled, node, rows, t, open);
	weir_schedule_done(schedule);
	wait->until_ns = schedule->next_ns;
	return got;
}

const char *weir_iio_polled_how(struct weir_iio_polled *polled)
{
	uint64_t again = atomic_load_explicit(&polled->again, memory_order_relaxed);
	size_t length = 0;

	for (uint32_t i = 0; i < polled->n && length < sizeof(polled->how); i++) {
		uint64_t failed = atomic_load_explicit(&polled->channel[i].failed, memory_order_relaxed);
		int err = atomic_load_explicit(&polled->channel[i].err, memory_order_relaxed);

		if (failed)
			length += (size_t)snprintf(polled->how + length, sizeof(polled->how) - length,
						   "%schannel '%s': %llu of %llu readings failed (%s)",
						   length ? "; " : "", polled->channel[i].name,
						   (unsigned long long)failed, (unsigned long long)polled->rows,
						   strerror(err));
	}
	if (again && length < sizeof(polled->how))
		length += (size_t)snprintf(polled->how + length, sizeof(polled->how) - length,
					   "%s%llu failed readings were tried again", length ? "; " : "",
					   (unsigned long long)again);
	return length ? polled->how : NULL;
}

void weir_iio_polled_close(struct weir_iio_polled *polled)
{
	for (uint32_t i = 0; i < polled->n; i++)
		if (polled->channel[i].fd >= 0)
			close(polled->channel[i].fd);
	polled->n = 0;
	weir_iio_scales_close(&polled->scales);
}
