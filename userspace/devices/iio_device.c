/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <iio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/report.h"
#include "devices/iio_device.h"
#include "devices/iio_names.h"

#define NAMES_MAX 128
#define LIST_MAX 400 /* bytes of a list in a message */

/* Triggers are devices to libiio; they give no samples. */
static bool is_sensor(const struct iio_device *device)
{
	return !iio_device_is_trigger(device) && !strncmp(iio_device_get_id(device), "iio:device", 10);
}

static const char *name_of(const struct iio_device *device)
{
	const char *name = iio_device_get_label(device);

	if (!name)
		name = iio_device_get_name(device);
	return name ? name : iio_device_get_id(device);
}

int weir_iio_find_device(const struct iio_context *context, const char *word, const struct iio_device **out)
{
	*out = NULL;
	for (unsigned int i = 0; i < iio_context_get_devices_count(context); i++) {
		const struct iio_device *device = iio_context_get_device(context, i);

		if (!is_sensor(device) || !weir_iio_fits_device(iio_device_get_id(device), iio_device_get_name(device),
								iio_device_get_label(device), word))
			continue;
		if (*out)
			return -ENOTUNIQ;
		*out = device;
	}
	return *out ? 0 : -ENOENT;
}

void weir_iio_tell_devices(weir_tell_device *tell, void *context)
{
	struct iio_context *here = iio_create_local_context();

	for (unsigned int i = 0; here && i < iio_context_get_devices_count(here); i++) {
		const struct iio_device *device = iio_context_get_device(here, i);
		char what[64];

		snprintf(what, sizeof(what), "%s, %u channels", iio_device_get_id(device),
			 iio_device_get_channels_count(device));
		if (is_sensor(device))
			tell(context, name_of(device), what);
	}
	if (here)
		iio_context_destroy(here);
}

static enum weir_fit fit_channel(const struct iio_channel *channel, const char *word)
{
	char label[WEIR_NAME_MAX];

	if (iio_channel_attr_read(channel, "label", label, sizeof(label)) > 0 && !strcmp(label, word))
		return WEIR_FIT_WHOLE;
	return weir_iio_fit_channel(iio_channel_get_id(channel), word);
}

int weir_iio_find_channel(const struct iio_device *device, const char *word,
			  bool (*usable)(const struct iio_channel *channel), const struct iio_channel **out)
{
	enum weir_fit best = WEIR_FIT_NONE;
	unsigned int rivals = 0;

	for (unsigned int i = 0; i < iio_device_get_channels_count(device); i++) {
		const struct iio_channel *channel = iio_device_get_channel(device, i);
		enum weir_fit fit = usable(channel) ? fit_channel(channel, word) : WEIR_FIT_NONE;

		if (fit == WEIR_FIT_NONE || fit < best)
			continue;
		rivals = fit > best ? 1 : rivals + 1;
		best = fit;
		*out = channel;
	}
	return rivals == 1 ? 0 : rivals ? -ENOTUNIQ : -ENOENT;
}

static bool is_timestamp(const struct iio_channel *channel)
{
	return iio_channel_is_scan_element(channel) && !strcmp(iio_channel_get_id(channel), "timestamp");
}

bool weir_iio_is_scanned(const struct iio_channel *channel)
{
	return iio_channel_is_scan_element(channel) && !iio_channel_is_output(channel) && !is_timestamp(channel);
}

const struct iio_channel *weir_iio_timestamp(const struct iio_device *device)
{
	for (unsigned int i = 0; i < iio_device_get_channels_count(device); i++)
		if (is_timestamp(iio_device_get_channel(device, i)))
			return iio_device_get_channel(device, i);
	return NULL;
}

double weir_iio_channel_number(const struct iio_channel *channel, const char *attribute, double fallback)
{
	double value;

	return iio_channel_attr_read_double(channel, attribute, &value) < 0 ? fallback : value;
}

void weir_iio_element(const struct iio_channel *channel, struct weir_iio_element *out)
{
	const struct iio_data_format *format = iio_channel_get_data_format(channel);

	*out = (struct weir_iio_element){
		.index = iio_channel_get_index(channel),
		.bits = format->bits,
		.storage = format->length,
		.shift = format->shift,
		.repeat = format->repeat ? format->repeat : 1,
		.is_signed = format->is_signed,
		.is_big_endian = format->is_be,
		.scale = weir_iio_channel_number(channel, "scale", format->with_scale ? format->scale : 1),
		.offset = weir_iio_channel_number(channel, "offset", 0),
	};
	snprintf(out->unit, sizeof(out->unit), "%s", weir_iio_unit(iio_channel_get_id(channel)));
}

static size_t names_of(const struct iio_context *context, const char **name)
{
	size_t n = 0;

	for (unsigned int i = 0; i < iio_context_get_devices_count(context) && n < NAMES_MAX; i++)
		if (is_sensor(iio_context_get_device(context, i)))
			name[n++] = name_of(iio_context_get_device(context, i));
	return n;
}

static void append(char *list, const char *format, const char *name)
{
	size_t length = strlen(list);

	snprintf(list + length, LIST_MAX - length, format, name);
}

static int fail_unknown(struct weir_node *node, const struct iio_context *context)
{
	const char *word = weir_target(node), *name[NAMES_MAX], *nearest;
	size_t n = context ? names_of(context, name) : 0;
	char advice[LIST_MAX] = "there are no IIO devices on this machine";

	if (n)
		strcpy(advice, "there are:");
	for (size_t i = 0; i < n; i++)
		append(advice, i ? ", %s" : " %s", name[i]);
	nearest = weir_nearest(word, strlen(word), name, n);
	if (nearest)
		append(advice, "; did you mean '%s'?", nearest);
	return weir_fail_device(node, word, "find the device", ENOENT, advice);
}

static int fail_ambiguous(struct weir_node *node, const struct iio_context *context)
{
	const char *word = weir_target(node);
	char ids[LIST_MAX] = "say which:";

	for (unsigned int i = 0; i < iio_context_get_devices_count(context); i++) {
		const struct iio_device *device = iio_context_get_device(context, i);

		if (is_sensor(device) && weir_iio_fits_device(iio_device_get_id(device), iio_device_get_name(device),
							      iio_device_get_label(device), word))
			append(ids, " %s", iio_device_get_id(device));
	}
	return weir_fail_arg(node, NULL, ids, "several IIO devices are called '%s'", word);
}

static int identify(struct weir_iio_device *out, struct weir_node *node)
{
	const char *id = iio_device_get_id(out->device);
	struct stat status;

	out->number = atoi(id + strlen("iio:device"));
	snprintf(out->name, sizeof(out->name), "%s", name_of(out->device));
	snprintf(out->dir, sizeof(out->dir), WEIR_IIO_DIR "/%s", id);
	if (stat(out->dir, &status))
		return weir_fail_device(node, out->name, "find the device", errno, NULL);
	out->inode = status.st_ino;
	return 0;
}

int weir_iio_device_open(struct weir_iio_device *out, struct weir_node *node)
{
	int err;

	if (!*weir_target(node))
		return weir_fail_arg(node, NULL, "write iio:NAME", "which IIO device?");
	out->context = iio_create_local_context();
	err = out->context ? weir_iio_find_device(out->context, weir_target(node), &out->device) : -ENOENT;
	if (err == -ENOTUNIQ)
		return fail_ambiguous(node, out->context);
	if (err)
		return fail_unknown(node, out->context);
	return identify(out, node);
}

void weir_iio_device_close(struct weir_iio_device *device)
{
	if (device->context)
		iio_context_destroy(device->context);
	device->context = NULL;
}

int weir_iio_device_alive(const struct weir_iio_device *device, struct weir_node *node)
{
	struct stat status;

	if (!stat(device->dir, &status) && status.st_ino == device->inode)
		return 0;
	return weir_fail_device(node, device->name, "go on", ENODEV, "it was unplugged, or its driver unloaded");
}

static size_t channel_names(const struct iio_device *device, bool (*usable)(const struct iio_channel *),
			    const char **name)
{
	size_t n = 0;

	for (unsigned int i = 0; i < iio_device_get_channels_count(device) && n < NAMES_MAX; i++)
		if (usable(iio_device_get_channel(device, i)))
			name[n++] = iio_channel_get_id(iio_device_get_channel(device, i));
	return n;
}

static int fail_channel(const struct weir_iio_device *device, struct weir_node *node, const char *word,
			bool (*usable)(const struct iio_channel *), int err)
{
	const char *name[NAMES_MAX];
	size_t n = channel_names(device->device, usable, name);
	const char *nearest = weir_nearest(word, strlen(word), name, n);
	char hint[LIST_MAX] = "its channels are";

	for (size_t i = 0; i < n; i++)
		append(hint, i ? ", %s" : " %s", name[i]);
	if (nearest)
		append(hint, "; did you mean '%s'?", nearest);
	return weir_fail_arg(node, NULL, hint,
			     err == -ENOTUNIQ ? "several channels of '%s' end in '%s'"
					      : "'%s' has no such channel to read: '%s'",
			     device->name, word);
}

static int pick_named(const struct weir_iio_device *device, struct weir_node *node,
		      bool (*usable)(const struct iio_channel *), struct weir_iio_pick *pick)
{
	uint32_t n;
	const char *const *word = weir_columns(node, &n);

	if (n > WEIR_FIELDS_MAX)
		return weir_fail_arg(node, NULL, NULL, "more than %d channels", WEIR_FIELDS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		int err = weir_iio_find_channel(device->device, word[i], usable, &pick[i].channel);

		if (err)
			return fail_channel(device, node, word[i], usable, err);
		for (uint32_t j = 0; j < i; j++)
			if (pick[j].channel == pick[i].channel)
				return weir_fail_arg(node, NULL, NULL, "'%s' and '%s' are the same channel", word[j],
						     word[i]);
		weir_iio_field_name(word[i], pick[i].field, sizeof(pick[i].field));
	}
	return (int)n;
}

static int pick_all(const struct weir_iio_device *device, struct weir_node *node,
		    bool (*usable)(const struct iio_channel *), struct weir_iio_pick *pick)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < iio_device_get_channels_count(device->device); i++) {
		const struct iio_channel *channel = iio_device_get_channel(device->device, i);

		if (!usable(channel))
			continue;
		if (n == WEIR_FIELDS_MAX)
			return weir_fail_arg(node, NULL, "name the wanted ones: iio:DEVICE[a,b]",
					     "'%s' has more than %d channels", device->name, WEIR_FIELDS_MAX);
		pick[n].channel = channel;
		weir_iio_field_name(iio_channel_get_id(channel), pick[n].field, sizeof(pick[n].field));
		n++;
	}
	return (int)n;
}

int weir_iio_pick_channels(const struct weir_iio_device *device, struct weir_node *node,
			   bool (*usable)(const struct iio_channel *channel), struct weir_iio_pick *pick)
{
	uint32_t n;

	weir_columns(node, &n);
	return n ? pick_named(device, node, usable, pick) : pick_all(device, node, usable, pick);
}

int weir_iio_rate_attribute(const struct weir_iio_device *device, char *name, size_t size)
{
	*name = '\0';
	if (iio_device_find_attr(device->device, "sampling_frequency")) {
		snprintf(name, size, "sampling_frequency");
		return 0;
	}
	for (unsigned int i = 0; i < iio_device_get_channels_count(device->device); i++) {
		const struct iio_channel *channel = iio_device_get_channel(device->device, i);
		const char *attribute = iio_channel_find_attr(channel, "sampling_frequency");

		if (!attribute || iio_channel_is_output(channel))
			continue;
		snprintf(name, size, "%s", iio_channel_attr_get_filename(channel, attribute));
		return 0;
	}
	return -ENOENT;
}
