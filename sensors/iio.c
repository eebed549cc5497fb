/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sensors of Linux's Industrial I/O: the kernel's own buffers as rows, or attributes of sysfs read at a period. How each
 * is driven and why: docs/devices.md.
 */
#include <errno.h>
#include <math.h>

#include "devices/iio_capture.h"
#include "devices/iio_list.h"
#include "devices/iio_polled.h"
#include "weir/driver.h"
#include "weir/paced.h"

struct iio {
	struct weir_iio_capture_args args;
	bool realtime;
	int64_t poll_ns; /**< 0: not given */
	uint32_t retry;
	const char *filter;
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
	WEIR_P_RATE("rate", struct iio, args.rate_hz, NULL,
		    "sampling frequency; the nearest that the device has is taken", .min = 1e-3, .max = 1e9),
	WEIR_P_TEXT("trigger", struct iio, args.trigger, NULL,
		    "trigger of the samples: an existing one, or with rate= the name for a new timer"),
	WEIR_P_INT("watermark", struct iio, args.watermark, NULL,
		   "samples that the kernel collects before it wakes weir; default: 20 ms", .min = 1, .max = 1 << 20),
	WEIR_P_DURATION("latency", struct iio, args.latency_ns, NULL,
			"longest time that a sample waits in the kernel's buffer; default: 1 s", .min = 1e-3,
			.max = 3600),
	WEIR_P_INT("buffer", struct iio, args.buffer, NULL,
		   "samples that the kernel's buffer holds; default: one second", .min = 2, .max = 1 << 20),
	WEIR_P_DURATION("poll", struct iio, poll_ns, NULL, "period of reading the attributes, in place of the buffer",
			.min = 1e-6, .max = 86400),
	WEIR_P_INT("retry", struct iio, retry, "0",
		   "with poll=, further attempts after a failed reading, evenly spaced within its period", .min = 0,
		   .max = WEIR_RETRY_MAX),
	WEIR_P_WORD("clock", struct iio, realtime, "monotonic", clocks, "clock of the time stamps"),
	WEIR_P_TEXT("filter", struct iio, filter, NULL,
		    "eBPF object made with weir/custom.h: only its passing samples leave the kernel"),
	WEIR_P_WORD("loss", struct iio, args.loss, "auto", losses,
		    "losses of a full buffer: counted in the kernel, or inferred from timestamps"),
	{ .name = NULL },
};

static int refuse_buffered_only(struct weir_node *node)
{
	const struct iio *iio = weir_state(node);
	const struct {
		const char *name;
		const void *member;
	} of_buffer[] = {
		{ "rate", &iio->args.rate_hz },        { "trigger", &iio->args.trigger },
		{ "watermark", &iio->args.watermark }, { "latency", &iio->args.latency_ns },
		{ "buffer", &iio->args.buffer },       { "loss", &iio->args.loss },
	};

	for (size_t i = 0; i < sizeof(of_buffer) / sizeof(*of_buffer); i++)
		if (weir_given(node, of_buffer[i].member))
			return weir_fail_arg(node, of_buffer[i].name, "leave one of the two away",
					     "%s= is about the buffer, which poll= does not use", of_buffer[i].name);
	return 0;
}

static int refuse_polled_only(struct weir_node *node)
{
	const struct iio *iio = weir_state(node);

	if (!weir_given(node, &iio->retry))
		return 0;
	return weir_fail_arg(node, "retry", "add poll=, or leave retry= away",
			     "retry= is about poll=, and the buffer has no failed readings");
}

static int iio_open(struct weir_node *node, struct weir_schema *out)
{
	struct iio *iio = weir_state(node);
	int err = iio->poll_ns ? refuse_buffered_only(node) : refuse_polled_only(node);

	if (!err && !*weir_target(node))
		err = weir_fail_arg(node, NULL, "write iio:NAME; weir list devices shows the names",
				    "which IIO device?");
	if (!err)
		err = weir_iio_device_open(&iio->device, node, weir_target(node));
	if (err)
		return err;
	iio->args.clock = iio->realtime ? WEIR_CLOCK_REALTIME : WEIR_CLOCK_MONOTONIC;
	iio->is_polled = iio->poll_ns;
	iio->is_captured = !iio->is_polled;
	weir_is_paced(node, iio->is_polled ? 1e9 / (double)iio->poll_ns : INFINITY);
	return iio->is_polled ? weir_iio_polled_open(&iio->polled, &iio->device, node, iio->args.clock, out)
			      : weir_iio_capture_open(&iio->capture, &iio->device, node, &iio->args, out);
}

static int iio_start(struct weir_node *node, bool unread)
{
	struct iio *iio = weir_state(node);

	return iio->is_polled ? weir_iio_polled_start(&iio->polled, node, iio->poll_ns, iio->retry)
			      : weir_iio_capture_start(&iio->capture, node, unread);
}

static int iio_fd(const struct weir_node *node)
{
	const struct iio *iio = weir_state(node);

	if (iio->is_polled)
		return -ENOTSUP;
	return iio->capture.fd >= 0 ? iio->capture.fd : -EAGAIN;
}

static void iio_collects(const struct weir_node *node, struct weir_collected *out)
{
	const struct iio *iio = weir_state(node);

	*out = iio->capture.collected;
}

static int iio_landed(struct weir_node *node, const void *rows, uint32_t n)
{
	struct iio *iio = weir_state(node);

	return weir_iio_capture_landed(&iio->capture, node, rows, n);
}

static int iio_alive(struct weir_node *node)
{
	struct iio *iio = weir_state(node);

	return weir_iio_device_alive(&iio->device, node);
}

static int iio_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct iio *iio = weir_state(node);

	return weir_iio_polled_produce(&iio->polled, node, rows, wait);
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
	const struct iio *iio = weir_state(node);

	return iio->filter;
}

static const char *iio_how(const struct weir_node *node)
{
	struct iio *iio = weir_state(node);

	if (iio->is_polled)
		return weir_iio_polled_how(&iio->polled);
	return iio->is_captured ? iio->capture.how : NULL;
}

static const struct weir_source_ops source = {
	.state_bytes = sizeof(struct iio),
	.open = iio_open,
	.start = iio_start,
	.fd = iio_fd,
	.collects = iio_collects,
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
	.doc = "sensor of Linux's Industrial I/O, by name, label, NAME@ADDRESS, path or iio:deviceN",
	.target = "DEVICE[CHANNEL,…]",
	.source_params = params,
	.source = &source,
};
