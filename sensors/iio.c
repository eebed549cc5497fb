/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sensors of Linux's Industrial I/O: the kernel's own buffers as rows, or attributes of sysfs read at a period. How each
 * is driven and why: docs/devices.md.
 */
#include <errno.h>

#include "devices/iio_capture.h"
#include "devices/iio_polled.h"
#include "weir/driver.h"

struct iio {
	struct weir_iio_device device;
	bool is_polled, is_captured;
	union {
		struct weir_iio_capture capture;
		struct weir_iio_polled polled;
	};
};

static const char *const clocks[] = { "monotonic", "realtime", NULL };

static const char *const losses[] = {
	[WEIR_IIO_LOSS_AUTO] = "auto",
	[WEIR_IIO_LOSS_COUNT] = "count",
	[WEIR_IIO_LOSS_INFER] = "infer",
	NULL,
};

static const struct weir_param params[] = {
	{ .name = "rate",
	  .value = WEIR_V_RATE,
	  .min = 1e-3,
	  .max = 1e9,
	  .help = "sampling frequency; the nearest that the device has is taken" },
	{ .name = "trigger",
	  .value = WEIR_V_TEXT,
	  .help = "what makes the device sample: an existing trigger, or with rate= the name for a new timer" },
	{ .name = "watermark",
	  .value = WEIR_V_INT,
	  .min = 1,
	  .max = 1 << 20,
	  .help = "samples that the kernel collects before it wakes weir; 20 ms worth unless given" },
	{ .name = "buffer",
	  .value = WEIR_V_INT,
	  .min = 2,
	  .max = 1 << 20,
	  .help = "samples that the kernel's buffer holds; a second's worth unless given" },
	{ .name = "poll",
	  .value = WEIR_V_DURATION,
	  .min = 1e-6,
	  .max = 86400,
	  .help = "read the attributes at this period instead of the buffer" },
	{ .name = "clock",
	  .value = WEIR_V_WORD,
	  .fallback = "monotonic",
	  .words = clocks,
	  .help = "clock that stamps the samples" },
	{ .name = "filter",
	  .value = WEIR_V_TEXT,
	  .help = "an eBPF object made with weir/custom.h: only samples that it passes leave the kernel" },
	{ .name = "loss",
	  .value = WEIR_V_WORD,
	  .fallback = "auto",
	  .words = losses,
	  .help = "samples that the full buffer loses: count them in the kernel, or infer them from timestamps" },
	{ .name = NULL },
};

static int refuse_buffered_only(struct weir_node *node)
{
	static const char *const name[] = { "rate", "trigger", "watermark", "buffer", "loss" };

	for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++)
		if (weir_arg_given(node, name[i]))
			return weir_fail_arg(node, name[i], "leave one of the two away",
					     "%s= is about the buffer, which poll= does not use", name[i]);
	return 0;
}

static int iio_open(struct weir_node *node, struct weir_schema *out)
{
	struct iio *iio = weir_state(node);
	int err = weir_arg_given(node, "poll") ? refuse_buffered_only(node) : 0;

	if (!err)
		err = weir_iio_device_open(&iio->device, node);
	if (err)
		return err;
	iio->is_polled = weir_arg_given(node, "poll");
	iio->is_captured = !iio->is_polled;
	return iio->is_polled ? weir_iio_polled_open(&iio->polled, &iio->device, node, out)
			      : weir_iio_capture_open(&iio->capture, &iio->device, node, out);
}

static int iio_start(struct weir_node *node, bool unread)
{
	struct iio *iio = weir_state(node);

	return iio->is_polled ? weir_iio_polled_start(&iio->polled, node)
			      : weir_iio_capture_start(&iio->capture, node, unread);
}

static int iio_fd(const struct weir_node *node)
{
	const struct iio *iio = weir_state(node);

	if (iio->is_polled)
		return -ENOTSUP;
	return iio->capture.fd >= 0 ? iio->capture.fd : -EAGAIN;
}

static uint32_t iio_watermark(const struct weir_node *node)
{
	const struct iio *iio = weir_state(node);

	return iio->capture.watermark;
}

static int iio_landed(struct weir_node *node, const void *rows, uint32_t n)
{
	struct iio *iio = weir_state(node);

	weir_iio_capture_landed(&iio->capture, node, rows, n);
	return 0;
}

static int iio_alive(struct weir_node *node)
{
	struct iio *iio = weir_state(node);

	return weir_iio_device_alive(&iio->device, node);
}

static int iio_produce(struct weir_node *node, void *rows, uint32_t max, struct weir_wait *wait)
{
	struct iio *iio = weir_state(node);

	return max ? weir_iio_polled_produce(&iio->polled, node, rows, wait) : 0;
}

static void iio_stop(struct weir_node *node)
{
	struct iio *iio = weir_state(node);

	if (iio->is_captured)
		weir_iio_capture_stop(&iio->capture, node);
}

static void iio_close(struct weir_node *node)
{
	struct iio *iio = weir_state(node);

	if (iio->is_captured)
		weir_iio_capture_close(&iio->capture);
	if (iio->is_polled)
		weir_iio_polled_close(&iio->polled);
	weir_iio_device_close(&iio->device);
}

static int iio_number(const struct weir_node *node)
{
	const struct iio *iio = weir_state(node);

	return iio->is_captured ? iio->device.number : -1;
}

static const char *iio_custom_filter(const struct weir_node *node)
{
	return weir_arg_text(node, "filter");
}

static const char *iio_how(const struct weir_node *node)
{
	const struct iio *iio = weir_state(node);

	return iio->is_captured ? iio->capture.how : NULL;
}

static const struct weir_source_ops source = {
	.state_bytes = sizeof(struct iio),
	.open = iio_open,
	.start = iio_start,
	.fd = iio_fd,
	.watermark = iio_watermark,
	.landed = iio_landed,
	.alive = iio_alive,
	.produce = iio_produce,
	.stop = iio_stop,
	.close = iio_close,
	.iio_device = iio_number,
	.how = iio_how,
	.custom_filter = iio_custom_filter,
	.devices = weir_iio_tell_devices,
};

const struct weir_driver weir_sensor_iio = {
	.name = "iio",
	.doc = "a sensor of Linux's Industrial I/O, by name, label, iio:deviceN or N",
	.target = "DEVICE[CHANNEL,…]",
	.source_params = params,
	.source = &source,
};
