/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices/input_device.h"
#include "devices/name_list.h"
#include "devices/sysfs.h"

#define CLASS_DIR "/sys/class/input"
#define ENTRIES_MAX 128
#define LIST_BYTES 1024
#define CODES_SHOWN 32
#define ACCESS "run as root, or join the group of the device file: usermod -aG input $USER, and log in again"

#define LONG_BITS (sizeof(unsigned long) * CHAR_BIT)
#define LONGS(bits) (((bits) + LONG_BITS - 1) / LONG_BITS)

static bool input_has_bit(const unsigned long *bits, unsigned int bit)
{
	return bits[bit / LONG_BITS] >> bit % LONG_BITS & 1;
}

/* ---------------------------------------------------------------------- names */

struct input_entry {
	char id[16];                /* "event3" */
	char name[WEIR_INPUT_NAME]; /* "gpio-keys" */
};

static int input_is_event(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "event", 5) && strlen(entry->d_name) < 16;
}

static int input_read_entries(struct input_entry entries[ENTRIES_MAX])
{
	struct dirent **entry;
	int n = scandir(CLASS_DIR, &entry, input_is_event, versionsort), found = 0;
	char dir[WEIR_SYSFS_PATH];

	for (int i = 0; i < n; i++) {
		if (found < ENTRIES_MAX) {
			snprintf(entries[found].id, sizeof(entries[found].id), "%.15s", entry[i]->d_name);
			snprintf(dir, sizeof(dir), "%s/%s/device", CLASS_DIR, entries[found].id);
			weir_sysfs_read(dir, "name", entries[found].name, sizeof(entries[found].name));
			found++;
		}
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	return found;
}

static bool input_fits(const struct input_entry *entry, const char *word)
{
	return !strcmp(entry->name, word) || !strcmp(entry->id, word);
}

static int input_fail_unknown(struct weir_node *node, const char *word, const struct input_entry *entries, int n)
{
	const char *names[ENTRIES_MAX];
	char advice[LIST_BYTES] = "";

	weir_text_append(advice, LIST_BYTES, n ? "there are:" : "this machine has no input device");
	for (int i = 0; i < n; i++) {
		names[i] = entries[i].name;
		weir_text_append(advice, LIST_BYTES, "%s input:\"%s\"", i ? "," : "", names[i]);
	}
	weir_text_append_nearest(advice, LIST_BYTES, word, names, (size_t)n);
	return weir_fail_device(node, word, "find the input device", ENOENT, advice);
}

static int input_fail_ambiguous(struct weir_node *node, const char *word, const struct input_entry *entries, int n)
{
	char list[LIST_BYTES] = "write a path of /dev/input/by-path, or one of";

	for (int i = 0; i < n; i++)
		if (input_fits(&entries[i], word))
			weir_text_append(list, LIST_BYTES, " input:%s", entries[i].id);
	return weir_fail_arg(node, NULL, list, "several input devices are called '%s'", word);
}

static int input_find(struct weir_input_device *device, struct weir_node *node, const char *word)
{
	struct input_entry entries[ENTRIES_MAX];
	int n, found = -1;

	if (*word == '/') {
		snprintf(device->path, sizeof(device->path), "%s", word);
		return 0;
	}
	n = input_read_entries(entries);
	for (int i = 0; i < n; i++) {
		if (!input_fits(&entries[i], word))
			continue;
		if (found >= 0)
			return input_fail_ambiguous(node, word, entries, n);
		found = i;
	}
	if (found < 0)
		return input_fail_unknown(node, word, entries, n);
	snprintf(device->path, sizeof(device->path), "/dev/input/%s", entries[found].id);
	return 0;
}

/* --------------------------------------------------------------------- device */

int weir_input_device_open(struct weir_input_device *device, struct weir_node *node)
{
	const char *word = weir_target(node);
	int version, err;

	device->fd = -1;
	if (!*word)
		return weir_fail_arg(node, NULL, "write input:NAME; weir list devices shows the names",
				     "which input device?");
	snprintf(device->title, sizeof(device->title), "%s", word);
	err = input_find(device, node, word);
	if (err)
		return err;
	device->fd = open(device->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (device->fd < 0)
		return weir_fail_device(node, device->title, "open", errno, errno == EACCES ? ACCESS : device->path);
	if (ioctl(device->fd, EVIOCGVERSION, &version))
		return weir_fail_device(node, device->title, "read as an input device", errno,
					"a path of an event device is /dev/input/event0");
	return 0;
}

void weir_input_device_close(struct weir_input_device *device)
{
	if (device->fd >= 0)
		close(device->fd);
	device->fd = -1;
}

static void input_read_codes(int fd, uint16_t type, unsigned long bits[LONGS(KEY_CNT)])
{
	memset(bits, 0, LONGS(KEY_CNT) * sizeof(*bits));
	if (ioctl(fd, EVIOCGBIT(type, LONGS(KEY_CNT) * sizeof(*bits)), bits) < 0)
		memset(bits, 0, LONGS(KEY_CNT) * sizeof(*bits));
}

bool weir_input_device_has(const struct weir_input_device *device, struct weir_input_code code)
{
	unsigned long bits[LONGS(KEY_CNT)];

	input_read_codes(device->fd, code.type, bits);
	return code.code < weir_input_codes(code.type) && input_has_bit(bits, code.code);
}

/* The first codes of a device, as names; how many it has. */
static uint32_t input_list_codes(int fd, const char *separator, uint32_t most, char list[LIST_BYTES])
{
	static const uint16_t types[] = { EV_ABS, EV_REL, EV_SW, EV_MSC, EV_KEY };
	unsigned long bits[LONGS(KEY_CNT)];
	char name[WEIR_INPUT_CODE_NAME];
	uint32_t n = 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		input_read_codes(fd, types[i], bits);
		for (uint16_t code = 0; code < weir_input_codes(types[i]); code++) {
			if (!input_has_bit(bits, code))
				continue;
			weir_input_print_code((struct weir_input_code){ types[i], code }, name, sizeof(name));
			if (n < most)
				weir_text_append(list, LIST_BYTES, "%s%s", n ? separator : "", name);
			n++;
		}
	}
	return n;
}

int weir_input_fail_code(struct weir_node *node, const struct weir_input_device *device, const char *word)
{
	char hint[LIST_BYTES] = "its codes are ";
	uint32_t n = input_list_codes(device->fd, ", ", CODES_SHOWN, hint);

	if (n > CODES_SHOWN)
		weir_text_append(hint, LIST_BYTES, " and %u more", n - CODES_SHOWN);
	return weir_fail_arg(node, NULL, n ? hint : "it has no codes", "'%s' has no code '%s'", device->title, word);
}

static int input_read_axes(const struct weir_input_device *device, int32_t *values)
{
	unsigned long bits[LONGS(KEY_CNT)];
	struct input_absinfo axis;

	input_read_codes(device->fd, EV_ABS, bits);
	for (unsigned int code = 0; code < ABS_MT_SLOT; code++) {
		if (!input_has_bit(bits, code))
			continue;
		if (ioctl(device->fd, EVIOCGABS(code), &axis))
			return -errno;
		values[code] = axis.value;
	}
	return 0;
}

int weir_input_device_read(const struct weir_input_device *device, struct weir_input_values *values)
{
	unsigned long keys[LONGS(KEY_CNT)] = { 0 }, switches[LONGS(SW_CNT)] = { 0 };

	*values = (struct weir_input_values){ { 0 } };
	if (ioctl(device->fd, EVIOCGKEY(sizeof(keys)), keys) < 0 ||
	    ioctl(device->fd, EVIOCGSW(sizeof(switches)), switches) < 0)
		return -errno;
	for (unsigned int i = 0; i < KEY_CNT; i++)
		values->of[i] = input_has_bit(keys, i);
	for (unsigned int i = 0; i < SW_CNT; i++)
		values->of[KEY_CNT + i] = input_has_bit(switches, i);
	return input_read_axes(device, values->of + KEY_CNT + SW_CNT);
}

/* ----------------------------------------------------------------------- list */

static void input_tell(const struct input_entry *entry, const char *title, weir_tell_device *tell, void *context)
{
	char path[32], what[WEIR_INPUT_NAME + 32], program[WEIR_INPUT_NAME + 32], codes[LIST_BYTES] = "";
	const char *quote = strpbrk(title, " [|;#") ? "\"" : "";
	struct weir_device_fact facts[] = { { "channel", codes }, { "program", program } };
	uint32_t n;
	int fd;

	snprintf(path, sizeof(path), "/dev/input/%.15s", entry->id);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	n = fd < 0 ? 0 : input_list_codes(fd, " ", CODES_SHOWN, codes);
	if (n > CODES_SHOWN)
		weir_text_append(codes, LIST_BYTES, " and %u more", n - CODES_SHOWN);
	if (fd < 0)
		weir_text_append(codes, LIST_BYTES, "cannot be opened: %s; %s", strerror(errno), ACCESS);
	else
		close(fd);
	snprintf(what, sizeof(what), "%.15s, \"%.127s\", %u codes", entry->id, entry->name, n);
	snprintf(program, sizeof(program), "input:%s%.127s%s | print", quote, title, quote);
	tell(context, title, what, facts, 2);
}

void weir_input_tell_devices(weir_tell_device *tell, void *context)
{
	struct input_entry entries[ENTRIES_MAX];
	int n = input_read_entries(entries);

	for (int i = 0; i < n; i++) {
		int same = 0;

		for (int j = 0; j < n; j++)
			same += input_fits(&entries[j], entries[i].name);
		input_tell(&entries[i], same == 1 && *entries[i].name ? entries[i].name : entries[i].id, tell, context);
	}
}
