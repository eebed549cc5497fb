/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An output channel of an IIO device, a DAC say. libiio finds it and its scale; then it is one file, `out_…_raw`, which takes
 * the raw value. Values are in IIO's units, mV for a voltage: raw = value / scale - offset.
 */
#include <errno.h>
#include <fcntl.h>
#include <iio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "devices/iio_device.h"
#include "weir/driver.h"

struct dac {
	char path[128], title[64];
	double scale, offset;
	int file; /* open when is_open */
	bool is_open;
};

static bool is_output(const struct iio_channel *channel)
{
	return iio_channel_is_output(channel) && iio_channel_attr_get_filename(channel, "raw");
}

/* As sysfs calls it, out_voltage0, or as libiio does, voltage0. */
static int find_channel(struct weir_node *node, const struct iio_device *device, const char *word,
			const struct iio_channel **out)
{
	int err = weir_iio_find_channel(device, strncmp(word, "out_", 4) ? word : word + 4, is_output, out);

	if (err < 0)
		return weir_fail_arg(node, NULL, "see /sys/bus/iio/devices/*/out_*_raw",
				     "'%s' is no output channel of that device", word);
	return 0;
}

static int resolve(struct weir_node *node, const struct iio_context *context, const char *name, const char *word)
{
	struct dac *dac = weir_state(node);
	const struct iio_device *device;
	const struct iio_channel *channel;
	int err = weir_iio_find_device(context, name, &device);

	if (err < 0)
		return weir_fail_device(node, name, "find the device", -err, "iio_info lists what there is");
	err = find_channel(node, device, word, &channel);
	if (err < 0)
		return err;
	snprintf(dac->path, sizeof(dac->path), "/sys/bus/iio/devices/%s/%s", iio_device_get_id(device),
		 iio_channel_attr_get_filename(channel, "raw"));
	dac->scale = weir_iio_channel_number(channel, "scale", 1);
	dac->offset = weir_iio_channel_number(channel, "offset", 0);
	if (dac->scale == 0)
		return weir_fail_device(node, name, "use its scale, which is 0", EINVAL, NULL);
	return 0;
}

static int dac_open(struct weir_node *node, const struct weir_schema *in)
{
	struct dac *dac = weir_state(node);
	const char *slash = strrchr(weir_target(node), '/');
	struct iio_context *context;
	char name[64];
	int err;

	(void)in;
	if (!slash || !slash[1])
		return weir_fail_arg(node, NULL, "write iio:DEVICE/out_voltage0", "which output channel?");
	snprintf(dac->title, sizeof(dac->title), "%.63s", weir_target(node));
	snprintf(name, sizeof(name), "%.*s", (int)(slash - weir_target(node)), weir_target(node));
	if (weir_is_rehearsal(node))
		return 0;
	context = iio_create_local_context();
	if (!context)
		return weir_fail_device(node, name, "look for IIO devices", errno, NULL);
	err = resolve(node, context, name, slash + 1);
	iio_context_destroy(context);
	return err;
}

static double dac_parked(const struct weir_node *node)
{
	return weir_arg_real(node, "park");
}

static int open_file(const struct weir_node *node)
{
	const struct dac *dac = weir_state(node);
	int fd = open(dac->path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return weir_fail_device((struct weir_node *)node, dac->title, "open the channel", errno,
				"run as root, or have a udev rule give your group its files");
}

static int dac_apply(struct weir_node *node, double value)
{
	const struct dac *dac = weir_state(node);
	char text[32];
	int length = snprintf(text, sizeof(text), "%.0f\n", value / dac->scale - dac->offset);

	if (pwrite(dac->file, text, (size_t)length, 0) < 0)
		return weir_fail_device(node, dac->title, "set the channel", errno, NULL);
	return 0;
}

static int dac_park(struct weir_node *node)
{
	const struct dac *dac = weir_state(node);

	return dac->is_open ? dac_apply(node, dac_parked(node)) : 0;
}

static int dac_start(struct weir_node *node)
{
	struct dac *dac = weir_state(node);

	dac->file = open_file(node);
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
	const struct dac *dac = weir_state(node);

	*out = (struct weir_physical){
		.n = 1,
		.is_file = 1,
		.park = { dac_parked(node) },
		.factor = 1 / dac->scale,
		.add = -dac->offset,
		.least = -1e12,
		.most = 1e12,
	};
	memcpy(out->title, dac->title, sizeof(out->title));
	memcpy(out->device, dac->path, sizeof(out->device));
	*fd = open_file(node);
	return *fd < 0 ? *fd : 0;
}

static const struct weir_param params[] = {
	{ .name = "park",
	  .value = WEIR_V_REAL,
	  .fallback = "0",
	  .help = "the safe value, in IIO's unit: before the first command, and whenever weir ends" },
	WEIR_GUARD_PARAMS,
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
};

const struct weir_driver weir_actuator_iio = {
	.name = "iio",
	.doc = "an output channel of an IIO device, such as a DAC's out_voltage0",
	.target = "DEVICE/CHANNEL",
	.actuator_params = params,
	.actuator = &actuator,
};
