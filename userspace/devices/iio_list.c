/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/iio_list.h"
#include "devices/iio_names.h"
#include "devices/iio_rate.h"

#define CHANNELS_SHOWN 8 /* in the program: enough for a pattern */
#define TEXT_MAX 640

/* The lines about one device; `text` is theirs. */
struct facts {
	struct weir_device_fact *fact;
	char (*text)[TEXT_MAX];
	size_t n, room;
};

static void add_fact(struct facts *facts, const char *key, const char *format, ...) WEIR_PRINTF(3, 4);

static void add_fact(struct facts *facts, const char *key, const char *format, ...)
{
	va_list arguments;

	if (facts->n == facts->room)
		return;
	va_start(arguments, format);
	vsnprintf(facts->text[facts->n], TEXT_MAX, format, arguments);
	va_end(arguments);
	facts->fact[facts->n] = (struct weir_device_fact){ key, facts->text[facts->n] };
	facts->n++;
}

static bool is_shown(const struct weir_iio_channel *channel)
{
	return weir_iio_is_scanned(channel) || weir_iio_is_readable(channel);
}

static void add_channel(struct facts *facts, const struct weir_iio_channel *channel)
{
	const char *unit = weir_iio_unit(channel->id), *way = "buffer and poll=";

	if (!is_shown(channel))
		return;
	if (!weir_iio_is_readable(channel))
		way = "buffer";
	else if (!weir_iio_is_scanned(channel))
		way = "poll=";
	add_fact(facts, "channel", "%s%s%s%s%s%s%s by %s", channel->id, *channel->label ? " \"" : "", channel->label,
		 *channel->label ? "\"" : "", *unit ? " in " : "", unit, *unit ? "," : ", no unit,", way);
}

/* One line for each attribute that sets a rate. */
static void add_rates(struct facts *facts, const struct weir_iio_device *device)
{
	struct weir_iio_rates rates = { .n = 0 };

	for (uint32_t i = 0; i < device->n_channels; i++)
		if (is_shown(&device->channel[i]))
			weir_iio_rates_add(&rates, device->dir, &device->channel[i]);
	for (uint32_t i = 0; i < rates.n; i++) {
		char now[64], available[512] = "";

		weir_sysfs_read(device->dir, rates.rate[i].file, now, sizeof(now));
		if (*rates.rate[i].available)
			weir_sysfs_read(device->dir, rates.rate[i].available, available, sizeof(available));
		add_fact(facts, "rate", "%s Hz now%s%s (%s)", now, *available ? ", available: " : "", available,
			 rates.rate[i].file);
	}
}

/* Triggers that a device may have: all of the machine. The one that its driver made is called NAME-devN. */
static bool add_triggers(struct facts *facts, const char *root, const struct weir_iio_device *device)
{
	char dir[WEIR_SYSFS_PATH], name[WEIR_IIO_NAME_MAX], own[WEIR_IIO_NAME_MAX + 32], current[WEIR_IIO_NAME_MAX];
	DIR *devices = opendir(root);
	bool is_paced;

	snprintf(own, sizeof(own), "%s-dev%d", device->name, device->number);
	weir_sysfs_read(device->dir, "trigger/current_trigger", current, sizeof(current));
	is_paced = *current;
	for (struct dirent *entry; devices && (entry = readdir(devices));) {
		snprintf(dir, sizeof(dir), "%.128s/%.64s", root, entry->d_name);
		if (strncmp(entry->d_name, "trigger", 7) || weir_sysfs_read(dir, "name", name, sizeof(name)))
			continue;
		is_paced |= !strcmp(name, own);
		add_fact(facts, "trigger", "%s%s%s", name, strcmp(name, current) ? "" : ", which it has now",
			 strcmp(name, own) ? "" : ", made by its driver");
	}
	if (devices)
		closedir(devices);
	add_fact(facts, "trigger", "rate=100Hz makes a timer");
	return is_paced;
}

/* x, y and z of one quantity: what every driver takes at once. */
static bool is_same_vector(const struct weir_iio_channel *a, const struct weir_iio_channel *b)
{
	const char *end = strrchr(a->id, '_');
	size_t length = end ? (size_t)(end - a->id) + 1 : 0;

	return length && !strncmp(a->id, b->id, length) && !strchr(b->id + length, '_');
}

/* With channels named, so that one sees how: those that are polled, or what fits into one scan of any driver. */
static void add_program(struct facts *facts, const struct weir_iio_device *device, const char *name, bool is_buffered)
{
	bool (*usable)(const struct weir_iio_channel *) = is_buffered ? weir_iio_is_scanned : weir_iio_is_readable;
	const char *quote = strpbrk(name, " [|;#") ? "\"" : "";
	char columns[WEIR_NAME_MAX * CHANNELS_SHOWN + 1] = "";
	const struct weir_iio_channel *first = NULL;

	for (uint32_t i = 0, n = 0; i < device->n_channels && n < CHANNELS_SHOWN; i++) {
		const struct weir_iio_channel *channel = &device->channel[i];
		char field[WEIR_NAME_MAX];

		if (!usable(channel) || (first && is_buffered && !is_same_vector(first, channel)))
			continue;
		first = first ? first : channel;
		weir_iio_field_name(channel->id, field, sizeof(field));
		snprintf(columns + strlen(columns), sizeof(columns) - strlen(columns), "%s%s", n++ ? "," : "", field);
	}
	if (first)
		add_fact(facts, "program", "iio:%s%s%s[%s]%s | print", quote, name, quote, columns,
			 is_buffered ? "" : " poll=1s");
}

/* A buffer is offered where something fills it, else the attributes. */
static void add_facts(struct facts *facts, const char *root, const struct weir_iio_devices *devices, uint32_t which)
{
	const struct weir_iio_device *device = &devices->device[which];
	char names[WEIR_IIO_STABLE_MAX][2 * WEIR_IIO_NAME_MAX];
	uint32_t n = weir_iio_stable_names(devices, which, names), n_scanned = 0, n_readable = 0;
	bool is_paced = true;

	for (uint32_t i = 0; i < n; i++)
		add_fact(facts, "name", "iio:%s", names[i]);
	for (uint32_t i = 0; i < device->n_channels; i++) {
		add_channel(facts, &device->channel[i]);
		n_scanned += weir_iio_is_scanned(&device->channel[i]);
		n_readable += weir_iio_is_readable(&device->channel[i]);
	}
	add_rates(facts, device);
	if (weir_sysfs_has(device->dir, "trigger/current_trigger"))
		is_paced = add_triggers(facts, root, device);
	n_scanned = weir_iio_timestamp(device) ? n_scanned : 0;
	if (n_scanned || n_readable)
		add_program(facts, device, names[0], n_scanned && (is_paced || !n_readable));
}

static void tell_device(const char *root, const struct weir_iio_devices *devices, uint32_t which,
			weir_tell_device *tell, void *context)
{
	const struct weir_iio_device *device = &devices->device[which];
	struct facts facts = { .room = device->n_channels + WEIR_IIO_RATES_MAX + 64 };
	char what[2 * WEIR_IIO_NAME_MAX + 64];
	uint32_t n_shown = 0;

	for (uint32_t i = 0; i < device->n_channels; i++)
		n_shown += is_shown(&device->channel[i]);
	facts.fact = calloc(facts.room, sizeof(*facts.fact));
	facts.text = calloc(facts.room, sizeof(*facts.text));
	if (facts.fact && facts.text)
		add_facts(&facts, root, devices, which);
	snprintf(what, sizeof(what), "%s%s%s%s%s, %u channels", device->id, *device->chip || *device->name ? ", " : "",
		 *device->chip ? device->chip : device->name, *device->address ? " at " : "", device->address, n_shown);
	tell(context, device->title, what, facts.fact, facts.n);
	free(facts.fact);
	free(facts.text);
}

void weir_iio_tell_devices_of(const char *root, weir_tell_device *tell, void *context)
{
	struct weir_iio_devices devices;
	int err = weir_iio_devices_read(root, &devices);

	for (uint32_t i = 0; i < devices.n && !err; i++)
		tell_device(root, &devices, i, tell, context);
	weir_iio_devices_close(&devices);
}

void weir_iio_tell_devices(weir_tell_device *tell, void *context)
{
	weir_iio_tell_devices_of(WEIR_IIO_DIR, tell, context);
}
