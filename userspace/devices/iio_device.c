/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "devices/iio_device.h"
#include "devices/iio_names.h"

static struct weir_iio_names names_of(const struct weir_iio_device *device)
{
	return (struct weir_iio_names){ device->id, device->name, device->chip, device->label, device->address };
}

/* I2C has a file for it, SPI only "spi:mcp3008". A driver of a family may call all of its chips by the name of the first. */
static void read_chip(struct weir_iio_device *device, const char *parent)
{
	char alias[WEIR_SYSFS_TEXT];

	if (!weir_sysfs_read(parent, "name", device->chip, sizeof(device->chip)) && *device->chip)
		return;
	if (!weir_sysfs_read(parent, "modalias", alias, sizeof(alias)) && !strncmp(alias, "spi:", 4))
		snprintf(device->chip, sizeof(device->chip), "%.60s", alias + 4);
}

/* A device below another is on a bus: the parent's directory is its name there. /sys/devices itself is no device. */
static void read_address(struct weir_iio_device *device)
{
	char path[PATH_MAX], *last;

	if (!realpath(device->dir, path) || strlen(path) >= sizeof(device->path))
		return;
	strcpy(device->path, path);
	last = strrchr(path, '/');
	*last = '\0';
	last = strrchr(path, '/');
	if (!last || !weir_sysfs_has(path, "uevent"))
		return;
	snprintf(device->address, sizeof(device->address), "%s", last + 1);
	read_chip(device, path);
}

static int read_device(struct weir_iio_device *device, const char *root, const char *id)
{
	struct stat status;

	*device = (struct weir_iio_device){ .number = atoi(id + strlen("iio:device")) };
	snprintf(device->id, sizeof(device->id), "%.20s", id);
	snprintf(device->dir, sizeof(device->dir), "%.200s/%s", root, device->id);
	weir_sysfs_read(device->dir, "name", device->name, sizeof(device->name));
	weir_sysfs_read(device->dir, "label", device->label, sizeof(device->label));
	read_address(device);
	device->inode = stat(device->dir, &status) ? 0 : status.st_ino;
	return weir_iio_channels_read(device->dir, &device->channel, &device->n_channels);
}

static int is_device(const struct dirent *entry)
{
	const char *number = entry->d_name + strlen("iio:device");

	return !strncmp(entry->d_name, "iio:device", strlen("iio:device")) && *number && strlen(number) < 10 &&
	       !number[strspn(number, "0123456789")];
}

static bool is_name_of(const struct weir_iio_devices *devices, uint32_t which, const char *word)
{
	return weir_iio_find_device(devices, word) == (int)which;
}

/* The shortest name that means this device and no other; where all of them mean several, its place. */
static void entitle(const struct weir_iio_devices *devices, uint32_t which)
{
	struct weir_iio_device *device = &devices->device[which];
	const char *const names[] = { device->label, device->name, device->chip };
	char stable[WEIR_IIO_STABLE_MAX][2 * WEIR_IIO_NAME_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!is_name_of(devices, which, names[i]))
			continue;
		snprintf(device->title, sizeof(device->title), "%s", names[i]);
		return;
	}
	weir_iio_stable_names(devices, which, stable);
	memcpy(device->title, stable[0], sizeof(device->title));
}

int weir_iio_devices_read(const char *root, struct weir_iio_devices *out)
{
	struct dirent **entry;
	int n = scandir(root, &entry, is_device, versionsort), err = 0;

	*out = (struct weir_iio_devices){ 0 };
	if (n < 0)
		return errno == ENOMEM ? -ENOMEM : 0;
	out->device = calloc((size_t)n + 1, sizeof(*out->device));
	for (int i = 0; i < n; i++) {
		if (!out->device)
			err = -ENOMEM;
		/* One that goes away just now is not there. */
		else if (!err && !read_device(&out->device[out->n], root, entry[i]->d_name))
			out->n++;
		else
			weir_iio_device_close(&out->device[out->n]);
		free(entry[i]);
	}
	free(entry);
	for (uint32_t i = 0; i < out->n; i++)
		entitle(out, i);
	return err;
}

void weir_iio_devices_close(struct weir_iio_devices *devices)
{
	for (uint32_t i = 0; i < devices->n; i++)
		weir_iio_device_close(&devices->device[i]);
	free(devices->device);
	*devices = (struct weir_iio_devices){ 0 };
}

/* A path of the device, or of its parent; /dev/iio:device0 too. */
static bool is_path_of(const struct weir_iio_device *device, const char *word)
{
	char path[PATH_MAX];
	size_t length = strlen(device->path);

	if (*word != '/' || !length)
		return false;
	if (!strncmp(word, "/dev/", 5))
		return !strcmp(word + 5, device->id);
	if (!realpath(word, path))
		return false;
	if (!strcmp(path, device->path))
		return true;
	length = (size_t)(strrchr(device->path, '/') - device->path);
	return *device->address && strlen(path) == length && !strncmp(path, device->path, length);
}

int weir_iio_find_device(const struct weir_iio_devices *devices, const char *word)
{
	int found = -ENOENT;

	for (uint32_t i = 0; i < devices->n; i++) {
		struct weir_iio_names names = names_of(&devices->device[i]);

		if (!weir_iio_fits_device(&names, word) && !is_path_of(&devices->device[i], word))
			continue;
		if (found >= 0)
			return -ENOTUNIQ;
		found = (int)i;
	}
	return found;
}

/* A name is taken once, and only if it means this device alone. */
static uint32_t add_stable(const struct weir_iio_devices *devices, uint32_t which, const char *name, uint32_t n,
			   char names[WEIR_IIO_STABLE_MAX][2 * WEIR_IIO_NAME_MAX])
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return n;
	if (!is_name_of(devices, which, name))
		return n;
	snprintf(names[n], sizeof(names[n]), "%s", name);
	return n + 1;
}

uint32_t weir_iio_stable_names(const struct weir_iio_devices *devices, uint32_t which,
			       char names[WEIR_IIO_STABLE_MAX][2 * WEIR_IIO_NAME_MAX])
{
	const struct weir_iio_device *device = &devices->device[which];
	const char *const single[] = { device->label, device->name, device->chip, device->address };
	char placed[2 * WEIR_IIO_NAME_MAX];
	uint32_t n = 0;

	/* Nothing answers to "@1-0048", which a device without the name would have here. */
	snprintf(placed, sizeof(placed), "%s@%s", device->chip, device->address);
	n = add_stable(devices, which, placed, n, names);
	snprintf(placed, sizeof(placed), "%s@%s", device->name, device->address);
	n = add_stable(devices, which, placed, n, names);
	for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++)
		n = add_stable(devices, which, single[i], n, names);
	if (!n)
		snprintf(names[n++], sizeof(names[0]), "%s", device->id);
	return n;
}

int weir_iio_find_channel(const struct weir_iio_device *device, const char *word,
			  bool (*usable)(const struct weir_iio_channel *channel))
{
	enum weir_fit best = WEIR_FIT_NONE;
	unsigned int rivals = 0;
	int found = -ENOENT;

	for (uint32_t i = 0; i < device->n_channels; i++) {
		const struct weir_iio_channel *channel = &device->channel[i];
		enum weir_fit fit = usable(channel) ? weir_iio_fit_channel(channel->id, channel->label, word)
						    : WEIR_FIT_NONE;

		if (fit == WEIR_FIT_NONE || fit < best)
			continue;
		rivals = fit > best ? 1 : rivals + 1;
		best = fit;
		found = (int)i;
	}
	return rivals > 1 ? -ENOTUNIQ : found;
}

const struct weir_iio_channel *weir_iio_timestamp(const struct weir_iio_device *device)
{
	for (uint32_t i = 0; i < device->n_channels; i++)
		if (device->channel[i].is_scanned && device->channel[i].is_timestamp)
			return &device->channel[i];
	return NULL;
}

void weir_iio_device_close(struct weir_iio_device *device)
{
	free(device->channel);
	device->channel = NULL;
	device->n_channels = 0;
}
