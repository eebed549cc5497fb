/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An input device whose events are lines of standard input, through /dev/uinput:
 *
 *     uinput_feed NAME
 *
 *     TYPE CODE VALUE    one event, three numbers of linux/input-event-codes.h
 *     burst N            N packets of ABS_X, as fast as possible, with the values 1 to N
 *
 * Each event that is not of type 0 is followed by SYN_REPORT, unless its line ends with `+`. The device has all keys, the axes X, Y
 * and Z, the dial and REL_X, the lid, and MSC_SCAN. It prints `ready`, and answers `done` to each line. At the end of its input the
 * device goes away.
 */
#include <fcntl.h>
#include <linux/uinput.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void set_bit(int fd, unsigned long request, int bit)
{
	if (ioctl(fd, request, bit))
		die("uinput: set a bit");
}

static void set_bits(int fd)
{
	static const int types[] = { EV_KEY, EV_ABS, EV_REL, EV_SW, EV_MSC };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		set_bit(fd, UI_SET_EVBIT, types[i]);
	for (int key = 1; key < KEY_MAX; key++)
		set_bit(fd, UI_SET_KEYBIT, key);
	for (int axis = ABS_X; axis <= ABS_Z; axis++) {
		struct uinput_abs_setup setup = { .code = (__u16)axis,
						  .absinfo = { .minimum = -100000, .maximum = 100000 } };

		if (ioctl(fd, UI_ABS_SETUP, &setup))
			die("uinput: set up an axis");
	}
	set_bit(fd, UI_SET_RELBIT, REL_X);
	set_bit(fd, UI_SET_RELBIT, REL_DIAL);
	set_bit(fd, UI_SET_SWBIT, SW_LID);
	set_bit(fd, UI_SET_MSCBIT, MSC_SCAN);
}

static void make_device(int fd, const char *name)
{
	struct uinput_setup setup = { .id = { .bustype = BUS_VIRTUAL } };

	snprintf(setup.name, sizeof(setup.name), "%s", name);
	set_bits(fd);
	if (ioctl(fd, UI_DEV_SETUP, &setup) || ioctl(fd, UI_DEV_CREATE))
		die("uinput: make the device");
}

static void put(int fd, int type, int code, int value)
{
	struct input_event event = { .type = (__u16)type, .code = (__u16)code, .value = value };

	if (write(fd, &event, sizeof(event)) != sizeof(event))
		die("uinput: write an event");
}

static void take_line(int fd, const char *line)
{
	int type, code, value;

	if (sscanf(line, "burst %d", &value) == 1) {
		for (int i = 1; i <= value; i++) {
			put(fd, EV_ABS, ABS_X, i);
			put(fd, EV_SYN, SYN_REPORT, 0);
		}
	} else if (sscanf(line, "%d %d %d", &type, &code, &value) == 3) {
		put(fd, type, code, value);
		if (type != EV_SYN && !strchr(line, '+'))
			put(fd, EV_SYN, SYN_REPORT, 0);
	} else {
		fprintf(stderr, "uinput_feed: not a command: %s", line);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	char line[128];
	int fd = open("/dev/uinput", O_WRONLY | O_CLOEXEC);

	if (argc != 2 || fd < 0)
		die("usage: uinput_feed NAME, with /dev/uinput");
	make_device(fd, argv[1]);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		take_line(fd, line);
		puts("done");
		fflush(stdout);
	}
	return 0;
}
