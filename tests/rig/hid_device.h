/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A HID sensor hub with one sensor, on /dev/uhid. The kernel's hid-sensor-*
 * drivers make a real IIO device of it.
 *
 * The kernel sets features (reporting state, power state, sampling interval)
 * and asks for the current values in requests that a thread of its own answers;
 * input reports, which are the samples, may be written by any thread.
 */
#ifndef WEIR_RIG_HID_DEVICE_H
#define WEIR_RIG_HID_DEVICE_H

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/input.h>
#include <linux/uhid.h>

#include "clock.h"

#define HID_AXES 3
#define HID_REPORT_ID 1
#define HID_ALL_EVENTS 2 /* the second reporting state, usage 0841 */

struct hid_kind {
	const char *name;        /* on the command line */
	const char *iio_name;    /* what the kernel calls the IIO device */
	uint16_t usage;          /* of the sensor */
	uint16_t sensitivity;    /* usage that the sensitivity refers to */
	uint16_t axis[HID_AXES]; /* usages, 0 ends */
	int8_t exponent;         /* of ten, of the raw unit */
};

/* Raw units: mg, mdeg/s, lux, 0.01 degrees Celsius. */
static const struct hid_kind hid_kinds[] = {
	{ "accel", "accel_3d", 0x73, 0x0452, { 0x0453, 0x0454, 0x0455 }, -3 },
	{ "gyro", "gyro_3d", 0x76, 0x0456, { 0x0457, 0x0458, 0x0459 }, -3 },
	{ "als", "als", 0x41, 0x04d1, { 0x04d1 }, 0 },
	{ "temp", "temperature", 0x33, 0x0434, { 0x0434 }, -2 },
};

struct hid_features {
	uint8_t id, reporting, power, state;
	uint32_t interval_ms;
	uint32_t sensitivity;
} __attribute__((packed));

struct hid_report {
	uint8_t id, state, event;
	int32_t value[HID_AXES];
} __attribute__((packed));

struct hid_device {
	int fd;
	int n_axes;
	const struct hid_kind *kind;
	struct hid_features features;       /* written by the answering thread */
	atomic_uint reporting, interval_ms; /* copies for other threads */
	atomic_ullong answered_ns;          /* when the driver last read a report; 0: it has written one since */
	/* Called on that thread when a single reading is asked for. */
	void (*poll)(void *data, int32_t value[HID_AXES]);
	void *data;
};

struct hid_descriptor {
	uint8_t bytes[512];
	int len;
};

/* One item; @size is of its value, in bytes. */
static void hid_item(struct hid_descriptor *d, uint8_t tag, int size, uint32_t value)
{
	d->bytes[d->len++] = tag | (size == 4 ? 3 : size);
	for (; size > 0; size--, value >>= 8)
		d->bytes[d->len++] = value & 0xff;
}

enum {
	HID_USAGE_PAGE = 0x04,
	HID_USAGE = 0x08,
	HID_LOGICAL_MIN = 0x14,
	HID_LOGICAL_MAX = 0x24,
	HID_UNIT_EXPONENT = 0x54,
	HID_REPORT_SIZE = 0x74,
	HID_INPUT = 0x80,
	HID_REPORT_ID_ITEM = 0x84,
	HID_REPORT_COUNT = 0x94,
	HID_COLLECTION = 0xa0,
	HID_FEATURE = 0xb0,
	HID_END = 0xc0,
};

/* A byte that selects one of @count states, counted from 1 as the kernel does. */
static void hid_selector(struct hid_descriptor *d, uint8_t main, uint16_t usage, uint16_t first, int count)
{
	hid_item(d, HID_USAGE, 2, usage);
	hid_item(d, HID_LOGICAL_MIN, 1, 1);
	hid_item(d, HID_LOGICAL_MAX, 1, count);
	hid_item(d, HID_REPORT_SIZE, 1, 8);
	hid_item(d, HID_REPORT_COUNT, 1, 1);
	hid_item(d, HID_COLLECTION, 1, 2);
	for (int i = 0; i < count; i++)
		hid_item(d, HID_USAGE, 2, first + i);
	hid_item(d, main, 1, 0); /* data, array */
	hid_item(d, HID_END, 0, 0);
}

static void hid_number(struct hid_descriptor *d, uint8_t main, uint16_t usage, int exponent)
{
	hid_item(d, HID_USAGE, 2, usage);
	hid_item(d, HID_LOGICAL_MIN, 4, main == HID_INPUT ? INT32_MIN : 0);
	hid_item(d, HID_LOGICAL_MAX, 4, INT32_MAX);
	hid_item(d, HID_REPORT_SIZE, 1, 32);
	hid_item(d, HID_REPORT_COUNT, 1, 1);
	hid_item(d, HID_UNIT_EXPONENT, 1, exponent & 0xf);
	hid_item(d, main, 1, 2); /* data, variable, absolute */
}

/* The fields in the order of struct hid_features, then of hid_report. */
static void hid_describe(struct hid_descriptor *d, const struct hid_kind *kind)
{
	hid_item(d, HID_USAGE_PAGE, 1, 0x20);
	hid_item(d, HID_USAGE, 1, 0x01);
	hid_item(d, HID_COLLECTION, 1, 1);
	hid_item(d, HID_REPORT_ID_ITEM, 1, HID_REPORT_ID);
	hid_item(d, HID_USAGE, 1, kind->usage);
	hid_item(d, HID_COLLECTION, 1, 0);

	hid_selector(d, HID_FEATURE, 0x0316, 0x0840, 6);
	hid_selector(d, HID_FEATURE, 0x0319, 0x0850, 6);
	hid_selector(d, HID_FEATURE, 0x0201, 0x0800, 7);
	hid_number(d, HID_FEATURE, 0x030e, 0);
	hid_number(d, HID_FEATURE, 0x1000 | kind->sensitivity, kind->exponent);

	hid_selector(d, HID_INPUT, 0x0201, 0x0800, 7);
	hid_selector(d, HID_INPUT, 0x0202, 0x0810, 6);
	for (int i = 0; i < HID_AXES && kind->axis[i]; i++)
		hid_number(d, HID_INPUT, kind->axis[i], kind->exponent);

	hid_item(d, HID_END, 0, 0);
	hid_item(d, HID_END, 0, 0);
}

static size_t hid_fill_report(const struct hid_device *dev, struct hid_report *report, const int32_t value[HID_AXES])
{
	report->id = HID_REPORT_ID;
	report->state = 2; /* ready */
	report->event = 4; /* data updated */
	memcpy(report->value, value, sizeof(report->value));
	return offsetof(struct hid_report, value) + dev->n_axes * sizeof(report->value[0]);
}

/* Sends one sample. Returns 0 or -errno. */
static int hid_send(struct hid_device *dev, const int32_t value[HID_AXES])
{
	struct {
		uint32_t type;
		uint16_t size;
		struct hid_report report;
	} __attribute__((packed)) event = { .type = UHID_INPUT2 };
	ssize_t len;

	event.size = hid_fill_report(dev, &event.report, value);
	len = offsetof(typeof(event), report) + event.size;
	return write(dev->fd, &event, len) == len ? 0 : -errno;
}

static void hid_answer_get(struct hid_device *dev, struct uhid_event *event)
{
	struct uhid_event reply = { .type = UHID_GET_REPORT_REPLY };
	struct uhid_get_report_reply_req *r = &reply.u.get_report_reply;
	int32_t value[HID_AXES] = { 0 };

	r->id = event->u.get_report.id;
	if (event->u.get_report.rtype == UHID_FEATURE_REPORT) {
		r->size = sizeof(dev->features);
		memcpy(r->data, &dev->features, sizeof(dev->features));
	} else {
		dev->poll(dev->data, value);
		r->size = hid_fill_report(dev, (void *)r->data, value);
	}
	if (write(dev->fd, &reply, sizeof(reply)) < 0)
		perror("uhid: get report");
	dev->answered_ns = clock_now_ns();
}

static void hid_answer_set(struct hid_device *dev, struct uhid_event *event)
{
	struct uhid_event reply = { .type = UHID_SET_REPORT_REPLY };
	struct uhid_set_report_req *set = &event->u.set_report;

	dev->answered_ns = 0;
	if (set->size >= sizeof(dev->features)) {
		memcpy(&dev->features, set->data, sizeof(dev->features));
		dev->features.id = HID_REPORT_ID;
		dev->interval_ms = dev->features.interval_ms;
		dev->reporting = dev->features.reporting;
	}
	reply.u.set_report_reply.id = set->id;
	if (write(dev->fd, &reply, sizeof(reply)) < 0)
		perror("uhid: set report");
}

static void *hid_answer(void *arg)
{
	struct hid_device *dev = arg;
	struct uhid_event event;

	while (read(dev->fd, &event, sizeof(event)) > 0) {
		if (event.type == UHID_GET_REPORT)
			hid_answer_get(dev, &event);
		else if (event.type == UHID_SET_REPORT)
			hid_answer_set(dev, &event);
	}
	return NULL;
}

/* The process's number as the product's tells this device from others. */
static unsigned int hid_product(void)
{
	return getpid() & 0xffff;
}

static int hid_create(struct hid_device *dev)
{
	struct uhid_event event = { .type = UHID_CREATE2 };
	struct uhid_create2_req *c = &event.u.create2;
	struct hid_descriptor d = { .len = 0 };

	hid_describe(&d, dev->kind);
	snprintf((char *)c->name, sizeof(c->name), "weir rig %s", dev->kind->name);
	memcpy(c->rd_data, d.bytes, d.len);
	c->rd_size = d.len;
	c->bus = BUS_VIRTUAL;
	c->vendor = 0x1209;
	c->product = hid_product();
	return write(dev->fd, &event, sizeof(event)) < 0 ? -errno : 0;
}

/*
 * Plugs the sensor in; it is unplugged when the process ends, however it does.
 * The caller has set kind, poll and data. Returns 0 or -errno.
 */
static int hid_plug(struct hid_device *dev)
{
	pthread_t thread;
	int ret;

	while (dev->n_axes < HID_AXES && dev->kind->axis[dev->n_axes])
		dev->n_axes++;
	dev->features = (struct hid_features){
		.id = HID_REPORT_ID,
		.reporting = 1,
		.power = 1,
		.state = 2,
		.interval_ms = 10,
	};
	dev->interval_ms = dev->features.interval_ms;
	dev->fd = open("/dev/uhid", O_RDWR | O_CLOEXEC);
	if (dev->fd < 0)
		return -errno;
	ret = hid_create(dev);
	return ret ? ret : -pthread_create(&thread, NULL, hid_answer, dev);
}

/* Finds the IIO device's directory in sysfs. Returns 0 or -ENODEV. */
static int hid_find_iio(char *path, size_t size)
{
	char pattern[128];
	glob_t found;
	int ret;

	snprintf(pattern, sizeof(pattern), "/sys/devices/virtual/misc/uhid/*:1209:%04X.*/HID-SENSOR-*/iio:device*",
		 hid_product());
	ret = glob(pattern, 0, NULL, &found);
	if (!ret)
		snprintf(path, size, "%s", found.gl_pathv[0]);
	globfree(&found);
	return ret ? -ENODEV : 0;
}

#endif
