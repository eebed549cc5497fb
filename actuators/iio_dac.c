/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An output channel of an IIO device, a DAC say: one file, `out_…_raw`, which takes the raw value. Values are in IIO's units, mV
 * for a voltage: raw = value / scale - offset.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "devices/iio_device.h"
#include "devices/iio_names.h"
#include "devices/sysfs.h"
#include "guard/attribute.h"
#include "weir/output_rules.h"

struct dac {
	struct weir_output_args output_args;
	double park;
	char path[128], title[64];
	char directory[WEIR_SYSFS_PATH], powerdown[64]; /* its power switch's file; empty: it has none */
	double scale, offset;
	double raw_least, raw_most;
	int file; /* open when is_open */
	bool is_open;
};

static bool is_output(const struct weir_iio_channel *channel)
{
	return channel->is_output && channel->has_raw;
}

/* A file of sysfs is taken for its channel: out_voltage0_raw. */
static int find_channel(struct weir_node *node, const struct weir_iio_device *device, const char *word)
{
	char channel[WEIR_IIO_FILE_MAX];
	int found = weir_iio_find_channel(device, word, is_output);

	if (found == -ENOENT && !strcmp(weir_iio_split_attribute(word, channel, sizeof(channel)), "raw"))
		found = weir_iio_find_channel(device, channel, is_output);
	if (found == -ENOTUNIQ)
		return weir_fail_arg(node, NULL, "see /sys/bus/iio/devices/*/out_*_raw",
				     "'%s' has several output channels that '%s' may mean", device->title, word);
	if (found < 0)
		return weir_fail_arg(node, NULL, "see /sys/bus/iio/devices/*/out_*_raw",
				     "'%s' is not an output channel of that device", word);
	return found;
}

/* `out_voltage0_SUFFIX` of `out_voltage0_raw`; empty where there is no such file. */
static void find_sibling(const struct dac *dac, const char *raw, const char *suffix, char *out, size_t bytes)
{
	size_t length = strlen(raw);

	snprintf(out, bytes, "%.*s%s", length > 3 ? (int)length - 3 : 0, raw, suffix);
	if (!weir_sysfs_has(dac->directory, out))
		*out = '\0';
}

/* "[least step most]", where the driver says it; else what the kernel reads as a number. */
static void find_range(struct dac *dac, const char *raw)
{
	char name[96], text[WEIR_SYSFS_TEXT];
	double least, step, most;

	dac->raw_least = INT32_MIN;
	dac->raw_most = INT32_MAX;
	find_sibling(dac, raw, "raw_available", name, sizeof(name));
	if (!*name || weir_sysfs_read(dac->directory, name, text, sizeof(text)) < 0)
		return;
	if (sscanf(text, "[%lf %lf %lf]", &least, &step, &most) != 3 || least > most)
		return;
	dac->raw_least = least;
	dac->raw_most = most;
}

static double value_of(const struct dac *dac, double raw)
{
	return (raw + dac->offset) * dac->scale;
}

static int check_park(struct weir_node *node)
{
	const struct dac *dac = weir_state(node);
	double a = value_of(dac, dac->raw_least), b = value_of(dac, dac->raw_most), park = dac->park;

	if (park >= fmin(a, b) && park <= fmax(a, b))
		return 0;
	return weir_fail_arg(node, weir_given(node, &dac->park) ? "park" : NULL, "give park= a value that it has",
			     "its values go from %g to %g; the park value %g is none of them", fmin(a, b), fmax(a, b),
			     park);
}

/* A scale that is there and cannot be read is not 1. */
static int read_number(struct weir_node *node, const struct weir_iio_device *device,
		       const struct weir_iio_channel *channel, const char *attribute, double *out)
{
	int err = weir_iio_channel_number(device->dir, channel, attribute, out);
	char operation[64];

	if (!err || err == -ENOENT)
		return 0;
	snprintf(operation, sizeof(operation), "read the %s of a channel of", attribute);
	return weir_fail_device(node, device->title, operation, -err, NULL);
}

static int resolve(struct weir_node *node, const struct weir_iio_device *device, const char *word)
{
	struct dac *dac = weir_state(node);
	int found = find_channel(node, device, word), err;
	char raw[WEIR_IIO_ID_MAX + 16];

	if (found < 0)
		return found;
	snprintf(raw, sizeof(raw), "out_%s_raw", device->channel[found].id);
	snprintf(dac->directory, sizeof(dac->directory), WEIR_IIO_DIR "/%s", device->id);
	snprintf(dac->path, sizeof(dac->path), WEIR_IIO_DIR "/%s/%s", device->id, raw);
	dac->scale = 1;
	dac->offset = 0;
	err = read_number(node, device, &device->channel[found], "scale", &dac->scale);
	if (!err)
		err = read_number(node, device, &device->channel[found], "offset", &dac->offset);
	if (err)
		return err;
	if (dac->scale == 0)
		return weir_fail_device(node, device->title, "use its scale, which is 0", EINVAL, NULL);
	find_sibling(dac, raw, "powerdown", dac->powerdown, sizeof(dac->powerdown));
	find_range(dac, raw);
	return check_park(node);
}

static int dac_open(struct weir_node *node, const struct weir_schema *in)
{
	struct dac *dac = weir_state(node);
	const char *slash = strrchr(weir_target(node), '/');
	struct weir_iio_device device = { 0 };
	char name[WEIR_SYSFS_PATH];
	int err;

	(void)in;
	if (!slash || !slash[1])
		return weir_fail_arg(node, NULL, "write iio:DEVICE/out_voltage0", "which output channel?");
	snprintf(dac->title, sizeof(dac->title), "%.63s", weir_target(node));
	snprintf(name, sizeof(name), "%.*s", (int)(slash - weir_target(node)), weir_target(node));
	if (weir_is_rehearsal(node))
		return 0;
	err = weir_iio_device_open(&device, node, name);
	if (!err)
		err = resolve(node, &device, slash + 1);
	weir_iio_device_close(&device);
	return err;
}

static double dac_parked(const struct weir_node *node)
{
	const struct dac *dac = weir_state(node);

	return dac->park;
}

static int open_file(const struct weir_node *node)
{
	const struct dac *dac = weir_state(node);
	int fd = open(dac->path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return weir_fail_device((struct weir_node *)node, dac->title, "open the channel", errno, WEIR_IIO_ACCESS);
}

static void describe(const struct weir_node *node, struct weir_physical *out)
{
	const struct dac *dac = weir_state(node);
	double a = value_of(dac, dac->raw_least), b = value_of(dac, dac->raw_most);

	*out = (struct weir_physical){
		.n = 1,
		.is_file = 1,
		.park = { dac_parked(node) },
		.factor = 1 / dac->scale,
		.add = -dac->offset,
		.least = fmin(a, b),
		.most = fmax(a, b),
	};
	memcpy(out->title, dac->title, sizeof(out->title));
	memcpy(out->device, dac->path, sizeof(out->device));
}

static int set(const struct weir_node *node, int file, double value)
{
	const struct dac *dac = weir_state(node);
	struct weir_physical what;
	int err;

	describe(node, &what);
	err = weir_attribute_set(file, &what, value, NULL);
	return err < 0 ? weir_fail_device((struct weir_node *)node, dac->title, "set the channel", -err, NULL) : 0;
}

/* Whoever had it may have left it without power, and then no value does anything. It gets power at its park value. */
static int power_up(const struct weir_node *node, int file)
{
	const struct dac *dac = weir_state(node);
	char text[WEIR_SYSFS_TEXT];
	int err;

	if (!*dac->powerdown || weir_sysfs_read(dac->directory, dac->powerdown, text, sizeof(text)) < 0 || *text != '1')
		return 0;
	err = set(node, file, dac_parked(node));
	if (err < 0)
		return err;
	err = weir_sysfs_write(dac->directory, dac->powerdown, "0");
	if (err >= 0)
		return 0;
	return weir_fail_device((struct weir_node *)node, dac->title, "switch the channel on", -err,
				"run as root, or have a udev rule give your group its files");
}

static int take(const struct weir_node *node)
{
	int file = open_file(node);
	int err = file < 0 ? file : power_up(node, file);

	if (err >= 0)
		return file;
	if (file >= 0)
		close(file);
	return err;
}

static int dac_apply(struct weir_node *node, double value)
{
	const struct dac *dac = weir_state(node);

	return set(node, dac->file, value);
}

static int dac_park(struct weir_node *node)
{
	const struct dac *dac = weir_state(node);

	return dac->is_open ? dac_apply(node, dac_parked(node)) : 0;
}

static int dac_start(struct weir_node *node)
{
	struct dac *dac = weir_state(node);

	dac->file = take(node);
	dac->is_open = dac->file >= 0;
	return dac->is_open ? dac_park(node) : dac->file;
}

static void dac_close(struct weir_node *node)
{
	struct dac *dac = weir_state(node);

	if (!dac->is_open)
		return;
	dac_park(node);
	close(dac->file);
}

static int dac_describe(const struct weir_node *node, struct weir_physical *out, int *fd)
{
	describe(node, out);
	if (!fd)
		return 0;
	*fd = take(node);
	return *fd < 0 ? *fd : 0;
}

static const struct weir_param params[] = {
	WEIR_P_REAL("park", struct dac, park, "0",
		    "the safe value, in IIO's unit: before the first command, and whenever weir ends"),
	WEIR_GUARD_PARAMS(struct dac, output_args),
};

static const struct weir_actuator_ops actuator = {
	.state_bytes = sizeof(struct dac),
	.open = dac_open,
	.start = dac_start,
	.apply = dac_apply,
	.park = dac_park,
	.close = dac_close,
	.parked = dac_parked,
	.describe = dac_describe,
	.output_args = offsetof(struct dac, output_args),
};

const struct weir_driver weir_actuator_iio_dac = {
	.name = "iio",
	.doc = "output channel of an IIO device, such as a DAC's out_voltage0",
	.target = "DEVICE/CHANNEL",
	.actuator_params = params,
	.actuator = &actuator,
};
