/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/iio_trigger.h"

#define TIMERS_DIR "/sys/kernel/config/iio/triggers/hrtimer"
#define SLOT "trigger/current_trigger"

/* The next of a kind ("trigger", "iio:device") in a listing, and what its attribute says; `dir` is empty after the last. */
static bool next_entry(DIR *devices, const char *kind, const char *attribute, char dir[WEIR_SYSFS_PATH],
		       char text[WEIR_IIO_TRIGGER_NAME])
{
	for (struct dirent *entry; (entry = readdir(devices));) {
		snprintf(dir, WEIR_SYSFS_PATH, WEIR_IIO_DIR "/%.64s", entry->d_name);
		if (!strncmp(entry->d_name, kind, strlen(kind)) &&
		    !weir_sysfs_read(dir, attribute, text, WEIR_IIO_TRIGGER_NAME))
			return true;
	}
	*dir = '\0';
	return false;
}

/* The first of a kind whose attribute is the trigger's name. */
static bool find_entry(const struct weir_iio_trigger *trigger, const char *kind, const char *attribute,
		       char dir[WEIR_SYSFS_PATH])
{
	DIR *devices = opendir(WEIR_IIO_DIR);
	char text[WEIR_IIO_TRIGGER_NAME];

	if (!devices)
		return false;
	while (next_entry(devices, kind, attribute, dir, text) && strcmp(text, trigger->name))
		;
	closedir(devices);
	return *dir;
}

static bool find_trigger(struct weir_iio_trigger *trigger)
{
	bool found = find_entry(trigger, "trigger", "name", trigger->dir);

	trigger->is_timer = found && weir_sysfs_has(trigger->dir, "sampling_frequency");
	return found;
}

/* Does a device have it, whoever gave it to it? */
static bool is_attached(const struct weir_iio_trigger *trigger)
{
	char dir[WEIR_SYSFS_PATH];

	return find_entry(trigger, "iio:device", SLOT, dir);
}

static void list_triggers(char *list, size_t size)
{
	DIR *devices = opendir(WEIR_IIO_DIR);
	char dir[WEIR_SYSFS_PATH], name[WEIR_IIO_TRIGGER_NAME];

	if (!devices)
		return;
	while (next_entry(devices, "trigger", "name", dir, name))
		snprintf(list + strlen(list), size - strlen(list), " %s", name);
	closedir(devices);
}

static int plan_named(struct weir_iio_trigger *out, const char *name, double rate_hz, struct weir_node *node)
{
	char advice[WEIR_SYSFS_TEXT] = "rate= makes it a timer of that name; there are:";

	if (strlen(name) >= sizeof(out->name) || strchr(name, '/'))
		return weir_fail_arg(node, "trigger", NULL, "'%s' cannot be the name of a trigger", name);
	strcpy(out->name, name);
	if (find_trigger(out))
		return 0;
	if (rate_hz) {
		out->make = out->is_timer = true;
		return 0;
	}
	list_triggers(advice, sizeof(advice));
	return weir_fail_device(node, name, "find the trigger", ENOENT, advice);
}

/* No trigger is named and none is set: the device's own one if its driver made one, else a timer. */
static int plan_default(struct weir_iio_trigger *out, const struct weir_iio_device *device, double rate_hz,
			struct weir_node *node)
{
	char name[WEIR_SYSFS_TEXT];

	if (!weir_sysfs_read(device->dir, "name", name, sizeof(name))) {
		snprintf(out->name, sizeof(out->name), "%.40s-dev%d", name, device->number);
		if (find_trigger(out))
			return 0;
	}
	if (!rate_hz)
		return weir_fail_arg(node, NULL,
				     "rate=100Hz makes a timer that does, trigger=NAME takes an existing trigger, "
				     "poll=100ms reads its attributes instead",
				     "nothing makes '%s' take samples", device->title);
	snprintf(out->name, sizeof(out->name), "weir-dev%d", device->number);
	/* What a weir that was killed left behind would be taken over. */
	find_trigger(out);
	out->make = out->is_own = out->is_timer = true;
	return 0;
}

int weir_iio_trigger_plan(struct weir_iio_trigger *out, const struct weir_iio_device *device, struct weir_node *node,
			  const char *trigger, double rate_hz)
{
	char current[sizeof(out->name)], own[sizeof(out->name)];

	*out = (struct weir_iio_trigger){ 0 };
	if (weir_sysfs_read(device->dir, SLOT, current, sizeof(current)))
		return trigger ? weir_fail_arg(node, "trigger", "leave trigger= away", "'%s' paces itself",
					       device->title)
			       : 0;
	if (trigger)
		return plan_named(out, trigger, rate_hz, node);
	if (!*current)
		return plan_default(out, device, rate_hz, node);
	snprintf(own, sizeof(own), "weir-dev%d", device->number);
	strcpy(out->name, current);
	out->make = out->is_own = !strcmp(current, own);
	find_trigger(out);
	return 0;
}

static int make_timer(struct weir_iio_trigger *trigger, struct weir_node *node)
{
	char path[sizeof(TIMERS_DIR) + sizeof(trigger->name)];

	snprintf(path, sizeof(path), TIMERS_DIR "/%s", trigger->name);
	if (mkdir(path, 0755) && errno != EEXIST)
		return weir_fail_device(node, trigger->name, "make the timer trigger", errno,
					errno == ENOENT
						? "modprobe iio-trig-hrtimer, and mount configfs on /sys/kernel/config"
						: "making one needs root");
	trigger->is_held = true;
	if (!find_trigger(trigger))
		return weir_fail_device(node, trigger->name, "find the timer trigger just made", ENOENT, NULL);
	return 0;
}

int weir_iio_trigger_start(struct weir_iio_trigger *trigger, const struct weir_iio_device *device,
			   struct weir_node *node, struct weir_sysfs_undo *undo)
{
	int err = trigger->make ? make_timer(trigger, node) : 0;

	if (err || !*trigger->name)
		return err;
	/* So that restoring detaches it, even if a weir that was killed left it attached. */
	if (trigger->is_own)
		weir_sysfs_write(device->dir, SLOT, "");
	err = weir_sysfs_set(undo, device->dir, SLOT, trigger->name);
	if (err)
		return weir_fail_device(node, device->title, "set the trigger", -err,
					err == -EINVAL ? "the device does not work with that trigger" : NULL);
	return 0;
}

void weir_iio_trigger_close(struct weir_iio_trigger *trigger)
{
	char path[sizeof(TIMERS_DIR) + sizeof(trigger->name)];

	if (!trigger->is_held)
		return;
	snprintf(path, sizeof(path), TIMERS_DIR "/%s", trigger->name);
	if (!is_attached(trigger))
		rmdir(path);
	trigger->is_held = false;
}
