/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Thermometers of the 1-Wire bus: DS18B20 and its family, through the kernel's driver w1_therm.
 *
 * Reading one makes it convert, for up to 750 ms, during which the thread of this source waits. Several on a bus convert at once
 * where the kernel has therm_bulk_read (5.10).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/iio_names.h"
#include "devices/polled.h"
#include "devices/w1_therm.h"

#define W1_DIR "/sys/bus/w1/devices"
#define LIST_BYTES 1024
#define ID_BYTES 16 /* of "28-000005e2fdc3" with its zero */

struct w1 {
	struct weir_polled polled;
	int bulk_fd; /* -1: each converts by itself */
	bool has_failed;
	const char *conversion; /* a line for the summary */
};

/* ------------------------------------------------------------------- reading */

static int w1_read(struct weir_polled_channel *channel, double *value)
{
	char text[256];
	ssize_t got = weir_polled_text(channel->fd, text, sizeof(text));

	return got < 0 ? (int)-got : weir_w1_parse(text, channel->kind, value);
}

/* Returns when the conversions are over. What fails here is done one by one by the readings. */
static void w1_convert(struct weir_polled *polled, struct weir_node *node)
{
	struct w1 *w1 = weir_state(node);

	if (w1->bulk_fd < 0 || pwrite(w1->bulk_fd, "trigger\n", 8, 0) == 8 || w1->has_failed)
		return;
	weir_warn(node, "thermometers of '%s' convert one after the other: therm_bulk_read: %s", polled->title,
		  strerror(errno));
	w1->has_failed = true;
}

/* -------------------------------------------------------------------- names */

static int w1_is_thermometer(const struct dirent *entry)
{
	return weir_w1_family(entry->d_name) >= 0;
}

static int w1_is_bus(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "w1_bus_master", strlen("w1_bus_master"));
}

static void w1_append(char *list, const char *text)
{
	size_t length = strlen(list);

	snprintf(list + length, LIST_BYTES - length, "%s", text);
}

static void w1_free(struct dirent **entry, int n)
{
	for (int i = 0; i < n; i++)
		free(entry[i]);
	if (n >= 0)
		free(entry);
}

static int w1_fail_unknown(struct weir_node *node, const char *word)
{
	struct dirent **entry;
	int n = scandir(W1_DIR, &entry, w1_is_thermometer, alphasort);
	char list[LIST_BYTES] = "there are:";

	for (int i = 0; i < n; i++) {
		w1_append(list, i ? ", w1:" : " w1:");
		w1_append(list, entry[i]->d_name);
	}
	w1_free(entry, n);
	return weir_fail_device(node, word, "find the thermometer", ENOENT,
				n > 0 ? list
				      : "the bus has none; check wiring, the pull-up resistor and dtoverlay=w1-gpio");
}

/* A name below W1_DIR, or a path. */
static int w1_find(struct weir_node *node, char dir[WEIR_SYSFS_PATH])
{
	const char *word = weir_target(node);

	if (!*word)
		return weir_fail_arg(node, NULL, "write w1:28-000005e2fdc3; weir list devices shows the names",
				     "which thermometer?");
	if (strlen(word) >= WEIR_SYSFS_PATH - strlen(W1_DIR) - 1)
		return weir_fail_arg(node, NULL, NULL, "the name is too long");
	if (*word == '/')
		strcpy(dir, word);
	else
		snprintf(dir, WEIR_SYSFS_PATH, "%s/%s", W1_DIR, word);
	if (access(dir, F_OK))
		return w1_fail_unknown(node, word);
	return 0;
}

/* ---------------------------------------------------------------------- open */

static int w1_add(struct weir_node *node, struct weir_schema *out, const char *id, const char *name, const char *file)
{
	struct w1 *w1 = weir_state(node);
	struct weir_polled_channel *channel;
	int err;

	if (!weir_sysfs_has(w1->polled.dir, file))
		return weir_fail_device(node, id, "find w1_slave of", ENOENT,
					"is it a thermometer of this bus, and the driver w1_therm loaded?");
	err = weir_polled_add(&w1->polled, node, out, name, "m°C", file, &channel);
	if (err)
		return err;
	channel->read = w1_read;
	channel->kind = weir_w1_family(id);
	if (channel->kind < 0)
		return weir_fail_arg(node, NULL, "ids of thermometers begin with 10, 22, 28, 3b or 42",
				     "'%s' is not a thermometer", id);
	return 0;
}

static int w1_add_of_bus(struct weir_node *node, struct weir_schema *out, const char *id)
{
	char name[WEIR_NAME_MAX], file[64];

	if (strlen(id) >= ID_BYTES)
		return weir_fail_arg(node, NULL, "as in [28-000005e2fdc3]", "'%s' is not the id of a thermometer", id);
	weir_iio_field_name(id, name, sizeof(name));
	snprintf(file, sizeof(file), "%s/w1_slave", id);
	return w1_add(node, out, id, name, file);
}

static int w1_add_all(struct weir_node *node, struct weir_schema *out)
{
	struct w1 *w1 = weir_state(node);
	struct dirent **entry;
	int n = scandir(w1->polled.dir, &entry, w1_is_thermometer, alphasort), err = 0;

	for (int i = 0; i < n && !err; i++)
		err = w1_add_of_bus(node, out, entry[i]->d_name);
	w1_free(entry, n);
	return n > 0 ? err : weir_fail_device(node, w1->polled.title, "find a thermometer of", ENOENT, NULL);
}

static int w1_open_bus(struct weir_node *node, struct weir_schema *out)
{
	struct w1 *w1 = weir_state(node);
	uint32_t n;
	const char *const *id = weir_columns(node, &n);
	int err = n ? 0 : w1_add_all(node, out);

	for (uint32_t i = 0; i < n && !err; i++)
		err = w1_add_of_bus(node, out, id[i]);
	if (!err && w1->polled.n > 1)
		w1->conversion = weir_sysfs_has(w1->polled.dir, "therm_bulk_read")
					 ? "thermometers convert at once"
					 : "thermometers convert one after the other, up to 750 ms each";
	return err;
}

static int w1_open(struct weir_node *node, struct weir_schema *out)
{
	struct w1 *w1 = weir_state(node);
	char dir[WEIR_SYSFS_PATH];
	const char *id;
	uint32_t n;
	int err = w1_find(node, dir);

	w1->bulk_fd = -1;
	if (err)
		return err;
	err = weir_polled_open(&w1->polled, weir_target(node), dir, out);
	if (err)
		return weir_fail_device(node, weir_target(node), "open", -err, NULL);
	w1->polled.prepare = w1_convert;
	id = strrchr(dir, '/') + 1;
	weir_columns(node, &n);
	if (weir_w1_family(id) < 0)
		return w1_open_bus(node, out);
	if (n)
		return weir_fail_arg(node, NULL, "write w1:w1_bus_master1[28-000005e2fdc3] for several",
				     "a thermometer has no channels");
	return w1_add(node, out, id, "temp", "w1_slave");
}

static int w1_start(struct weir_node *node, bool unread)
{
	struct w1 *w1 = weir_state(node);
	char path[WEIR_POLLED_PATH];

	(void)unread;
	snprintf(path, sizeof(path), "%s/therm_bulk_read", w1->polled.dir);
	if (w1->polled.n > 1)
		w1->bulk_fd = open(path, O_WRONLY | O_CLOEXEC);
	if (w1->polled.n > 1 && w1->bulk_fd < 0) {
		w1->conversion = "thermometers convert one after the other, up to 750 ms each";
		if (errno != ENOENT)
			weir_warn(node, "%s: therm_bulk_read: %s; run as root to convert at once", w1->conversion,
				  strerror(errno));
	}
	return weir_polled_start(&w1->polled, node);
}

/* ---------------------------------------------------------------------- rest */

static int w1_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct w1 *w1 = weir_state(node);

	return weir_polled_produce(&w1->polled, node, rows, wait);
}

static const char *w1_how(const struct weir_node *node)
{
	struct w1 *w1 = weir_state(node);
	const char *failures = weir_polled_how(&w1->polled);

	return failures ? failures : w1->conversion;
}

static void w1_close(struct weir_node *node)
{
	struct w1 *w1 = weir_state(node);

	weir_polled_close(&w1->polled);
	/* Zeroed state, of an open() that was never called, has no descriptor. */
	if (w1->bulk_fd > 0)
		close(w1->bulk_fd);
}

static void w1_tell_bus(const char *bus, weir_tell_device *tell, void *context)
{
	char dir[WEIR_SYSFS_PATH], what[64], program[96];
	struct weir_device_fact facts[] = { { "channel", "temp in m°C" }, { "program", program } };
	struct dirent **entry;
	int n;

	snprintf(dir, sizeof(dir), "%s/%.64s", W1_DIR, bus);
	n = scandir(dir, &entry, w1_is_thermometer, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(what, sizeof(what), "%s on %.40s", weir_w1_chip(weir_w1_family(entry[i]->d_name)), bus);
		snprintf(program, sizeof(program), "w1:%.16s rate=0.1Hz | print", entry[i]->d_name);
		tell(context, entry[i]->d_name, what, facts, 2);
	}
	w1_free(entry, n);
	snprintf(what, sizeof(what), "1-Wire bus, %d thermometers", n);
	snprintf(program, sizeof(program), "w1:%.40s rate=0.1Hz | print", bus);
	if (n > 1)
		tell(context, bus, what, &facts[1], 1);
}

static void w1_tell_devices(weir_tell_device *tell, void *context)
{
	struct dirent **entry;
	int n = scandir(W1_DIR, &entry, w1_is_bus, versionsort);

	for (int i = 0; i < n; i++)
		w1_tell_bus(entry[i]->d_name, tell, context);
	w1_free(entry, n);
}

static const struct weir_param params[] = { WEIR_POLLED_PARAMS(struct w1, polled, "0.1Hz", "2"), { .name = NULL } };

static const struct weir_source_ops source = {
	.state_bytes = sizeof(struct w1),
	.open = w1_open,
	.start = w1_start,
	.produce = w1_produce,
	.close = w1_close,
	.how = w1_how,
	.devices = w1_tell_devices,
};

const struct weir_driver weir_sensor_w1 = {
	.name = "w1",
	.doc = "thermometer DS18B20 or like it on a 1-Wire bus, by id; or those of a bus",
	.target = "ID|BUS[ID,…]",
	.source_params = params,
	.source = &source,
};
