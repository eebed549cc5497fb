/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The device and the channels that a program names, and what to say where there are none or several. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "devices/iio_device.h"
#include "devices/iio_names.h"
#include "devices/name_list.h"

#define NAMES_MAX 128
#define LIST_MAX 1024 /* bytes of a list in a message */

static int fail_unknown(struct weir_node *node, const char *word, const struct weir_iio_devices *devices)
{
	const char *name[NAMES_MAX];
	uint32_t n = devices->n < NAMES_MAX ? devices->n : NAMES_MAX;
	char advice[LIST_MAX] = "there are no IIO devices on this machine";

	if (n)
		strcpy(advice, "there are:");
	for (uint32_t i = 0; i < n; i++)
		name[i] = devices->device[i].title;
	weir_text_append_names(advice, sizeof(advice), name, n);
	weir_text_append_nearest(advice, sizeof(advice), word, name, n);
	return weir_fail_device(node, word, "find the device", ENOENT, advice);
}

/* Each that the word means, by the first of the names that stay. */
static int fail_ambiguous(struct weir_node *node, const char *word, const struct weir_iio_devices *devices)
{
	char list[LIST_MAX] = "say which:", names[WEIR_IIO_STABLE_MAX][2 * WEIR_IIO_NAME_MAX];
	const char *separator = " ";

	for (uint32_t i = 0; i < devices->n; i++) {
		struct weir_iio_devices one = { &devices->device[i], 1 };

		if (weir_iio_find_device(&one, word) < 0)
			continue;
		weir_iio_stable_names(devices, i, names);
		weir_text_append(list, sizeof(list), "%siio:%s", separator, names[0]);
		separator = ", ";
	}
	return weir_fail_arg(node, NULL, list, "several IIO devices are called '%s'", word);
}

int weir_iio_device_open(struct weir_iio_device *out, struct weir_node *node, const char *word)
{
	struct weir_iio_devices devices;
	int err = weir_iio_devices_read(WEIR_IIO_DIR, &devices);
	int found = err ? err : weir_iio_find_device(&devices, word);

	if (found >= 0) {
		*out = devices.device[found];
		devices.device[found].channel = NULL;
	} else if (found == -ENOTUNIQ) {
		err = fail_ambiguous(node, word, &devices);
	} else if (found == -ENOENT) {
		err = fail_unknown(node, word, &devices);
	} else {
		err = weir_fail(node, -err, "cannot look for IIO devices: %s", strerror(-err));
	}
	weir_iio_devices_close(&devices);
	return err;
}

int weir_iio_device_alive(const struct weir_iio_device *device, struct weir_node *node)
{
	struct stat status;

	if (!stat(device->dir, &status) && status.st_ino == device->inode)
		return 0;
	return weir_fail_device(node, device->title, "go on", ENODEV, "it was unplugged, or its driver unloaded");
}

static int fail_channel(const struct weir_iio_device *device, struct weir_node *node, const char *word,
			bool (*usable)(const struct weir_iio_channel *), int err)
{
	const char *name[NAMES_MAX];
	char hint[LIST_MAX] = "its channels are";
	size_t n = 0;

	for (uint32_t i = 0; i < device->n_channels && n < NAMES_MAX; i++)
		if (usable(&device->channel[i]))
			name[n++] = device->channel[i].id;
	weir_text_append_names(hint, sizeof(hint), name, n);
	if (!weir_text_append_nearest(hint, sizeof(hint), word, name, n) && err == -ENOENT &&
	    usable == weir_iio_is_scanned && weir_iio_find_channel(device, word, weir_iio_is_readable) >= 0)
		weir_text_append(hint, sizeof(hint), "; '%s' is not in the buffer, poll=100ms reads it", word);
	return weir_fail_arg(node, NULL, hint,
			     err == -ENOTUNIQ ? "'%s' has several channels that '%s' may mean"
					      : "'%s' has no such channel to read: '%s'",
			     device->title, word);
}

/* A file of sysfs is a channel and an attribute of it, which the channel must have. */
static int pick_word(const struct weir_iio_device *device, const char *word,
		     bool (*usable)(const struct weir_iio_channel *), struct weir_iio_pick *out)
{
	char channel[WEIR_IIO_FILE_MAX];
	int found = weir_iio_find_channel(device, word, usable);

	out->attribute = "";
	if (found < 0) {
		const char *attribute = weir_iio_split_attribute(word, channel, sizeof(channel));
		int without = *attribute ? weir_iio_find_channel(device, channel, usable) : -ENOENT;

		if (without < 0)
			return without == -ENOTUNIQ ? without : found;
		if (!strcmp(attribute, "raw") ? !device->channel[without].has_raw : !device->channel[without].has_input)
			return -ENOENT;
		out->attribute = attribute;
		found = without;
		word = channel;
	}
	out->channel = &device->channel[found];
	weir_iio_field_name(word, out->field, sizeof(out->field));
	return 0;
}

static int pick_named(const struct weir_iio_device *device, struct weir_node *node,
		      bool (*usable)(const struct weir_iio_channel *), struct weir_iio_pick *pick)
{
	uint32_t n;
	const char *const *word = weir_columns(node, &n);

	if (n > WEIR_FIELDS_MAX)
		return weir_fail_arg(node, NULL, NULL, "more than %d channels", WEIR_FIELDS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		int err = pick_word(device, word[i], usable, &pick[i]);

		if (err)
			return fail_channel(device, node, word[i], usable, err);
		for (uint32_t j = 0; j < i; j++)
			if (pick[j].channel == pick[i].channel)
				return weir_fail_arg(node, NULL, NULL, "'%s' and '%s' are the same channel", word[j],
						     word[i]);
	}
	return (int)n;
}

static int pick_all(const struct weir_iio_device *device, struct weir_node *node,
		    bool (*usable)(const struct weir_iio_channel *), struct weir_iio_pick *pick)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < device->n_channels; i++) {
		const struct weir_iio_channel *channel = &device->channel[i];

		if (!usable(channel))
			continue;
		if (n == WEIR_FIELDS_MAX)
			return weir_fail_arg(node, NULL, "choose channels: iio:DEVICE[a,b]",
					     "'%s' has more than %d channels", device->title, WEIR_FIELDS_MAX);
		pick[n] = (struct weir_iio_pick){ .channel = channel, .attribute = "" };
		weir_iio_field_name(channel->id, pick[n].field, sizeof(pick[n].field));
		n++;
	}
	return (int)n;
}

int weir_iio_pick_channels(const struct weir_iio_device *device, struct weir_node *node,
			   bool (*usable)(const struct weir_iio_channel *channel), struct weir_iio_pick *pick)
{
	uint32_t n;

	weir_columns(node, &n);
	return n ? pick_named(device, node, usable, pick) : pick_all(device, node, usable, pick);
}
