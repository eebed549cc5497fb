/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "devices/iio_whole.h"

/*
 * Converters that take one channel after the other, so that each more makes all slower, and whose drivers (6.12) push what is
 * enabled and nothing else.
 */
static const char *const sequencers[] = {
	"TI-am335x-adc", "ad4130",           "ad4695",     "ad7124",     "ad7173",  "ad7192",
	"ad7298",        "ad7606",           "ad7793",     "ad7923",     "ad799x",  "adc108s102",
	"ads124s08",     "ads1298",          "ads131e08",  "ads7950",    "ads8688", "at91_adc",
	"dln2-adc",      "at91-sama5d2_adc", "hx711-gpio", "ina2xx-adc", "mcp3911", "pac1921",
	"stm32-adc",     "rockchip-saradc",  "xadc",
};

bool weir_iio_release_cuts_wrong(const char *release)
{
	unsigned major, minor;

	if (sscanf(release, "%u.%u", &major, &minor) != 2)
		return true;
	return major < 6 || (major == 6 && minor < 17);
}

static void read_driver(const struct weir_iio_device *device, char *driver, size_t size)
{
	char link[WEIR_SYSFS_PATH + 16], target[WEIR_SYSFS_PATH];
	ssize_t n;

	snprintf(link, sizeof(link), "%s/../driver", device->dir);
	n = readlink(link, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	snprintf(driver, size, "%s", n < 0 || !strrchr(target, '/') ? "" : strrchr(target, '/') + 1);
}

static bool is_sequencer(const char *driver)
{
	for (size_t i = 0; i < sizeof(sequencers) / sizeof(*sequencers); i++)
		if (!strcmp(driver, sequencers[i]))
			return true;
	return false;
}

static bool is_picked(const struct weir_iio_pick *pick, uint32_t n, const struct weir_iio_channel *channel)
{
	for (uint32_t i = 0; i < n; i++)
		if (pick[i].channel == channel)
			return true;
	return false;
}

static int element_set(const struct weir_iio_device *device, const struct weir_iio_channel *channel, const char *value,
		       struct weir_sysfs_undo *undo)
{
	char file[WEIR_IIO_FILE_MAX + 32];

	snprintf(file, sizeof(file), "scan_elements/%s_%s_en", channel->is_output ? "out" : "in", channel->id);
	return weir_sysfs_set(undo, device->dir, file, value);
}

/* Exactly the picked ones. */
static int enable_picked(const struct weir_iio_device *device, const struct weir_iio_pick *pick, uint32_t n,
			 struct weir_sysfs_undo *undo)
{
	int err = 0;

	for (uint32_t i = 0; i < device->n_channels && !err; i++)
		if (weir_iio_is_scanned(&device->channel[i]) && !is_picked(pick, n, &device->channel[i]))
			err = element_set(device, &device->channel[i], "0", undo);
	for (uint32_t i = 0; i < n && !err; i++)
		err = element_set(device, pick[i].channel, "1", undo);
	return err;
}

/* A program that died with the buffer on had found a set that the driver takes: what is enabled, if it has what is wanted. */
static bool take_enabled(const struct weir_iio_device *device, const struct weir_iio_pick *pick, uint32_t n,
			 bool *along)
{
	bool has_all = true;

	for (uint32_t i = 0; i < device->n_channels; i++) {
		char file[WEIR_IIO_FILE_MAX + 32];
		double is_on;

		if (!weir_iio_is_scanned(&device->channel[i]))
			continue;
		snprintf(file, sizeof(file), "scan_elements/in_%s_en", device->channel[i].id);
		if (weir_sysfs_number(device->dir, file, &is_on))
			return false;
		along[i] = is_on != 0 && !is_picked(pick, n, &device->channel[i]);
		has_all &= is_on != 0 || !is_picked(pick, n, &device->channel[i]);
	}
	return has_all;
}

static void take_all(const struct weir_iio_device *device, const struct weir_iio_pick *pick, uint32_t n, bool *along)
{
	for (uint32_t i = 0; i < device->n_channels; i++)
		along[i] = weir_iio_is_scanned(&device->channel[i]) && !is_picked(pick, n, &device->channel[i]);
}

/* Those that the driver takes beside the picked ones, one after the other. False: it could not be tried. */
static bool try_more(const struct weir_iio_device *device, const struct weir_iio_pick *pick, uint32_t n, bool *along)
{
	struct weir_sysfs_undo undo = { 0 };
	int err = enable_picked(device, pick, n, &undo);
	bool was_tried = !err || err == -EINVAL;

	for (uint32_t i = 0; i < device->n_channels; i++) {
		const struct weir_iio_channel *channel = &device->channel[i];

		along[i] = false;
		if (!err && weir_iio_is_scanned(channel) && !is_picked(pick, n, channel))
			along[i] = !element_set(device, channel, "1", &undo);
	}
	weir_sysfs_restore(&undo);
	if (err == -EBUSY)
		was_tried = take_enabled(device, pick, n, along);
	return was_tried;
}

static bool try_if_free(const struct weir_iio_device *device, const struct weir_iio_pick *pick, uint32_t n, bool *along)
{
	char path[64];
	bool was_tried;
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", device->id);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	was_tried = try_more(device, pick, n, along);
	close(fd);
	return was_tried;
}

void weir_iio_whole_scan(const struct weir_iio_device *device, const struct weir_iio_pick *pick, uint32_t n,
			 bool *along)
{
	char driver[WEIR_IIO_NAME_MAX];
	struct utsname kernel;
	bool is_more = false;

	take_all(device, pick, n, along);
	read_driver(device, driver, sizeof(driver));
	/* The drivers of HID sensors have no masks by which the kernel could cut their scans: one would read another's values. */
	if (!strncmp(driver, "hid_sensor_", strlen("hid_sensor_")))
		return;
	for (uint32_t i = 0; i < device->n_channels; i++)
		is_more |= along[i];
	if (!is_more)
		return;
	if (is_sequencer(driver) || (!uname(&kernel) && !weir_iio_release_cuts_wrong(kernel.release)))
		memset(along, 0, device->n_channels * sizeof(*along));
	else if (!try_if_free(device, pick, n, along))
		take_all(device, pick, n, along);
}
