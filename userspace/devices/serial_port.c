/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/serial.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices/serial_port.h"

#define BY_ID "/dev/serial/by-id"
#define LOOK_NS INT64_C(1000000000) /* between two looks at the counters */

static const struct {
	uint32_t baud;
	speed_t speed;
} serial_speeds[] = {
	{ 50, B50 },           { 75, B75 },           { 110, B110 },         { 134, B134 },
	{ 150, B150 },         { 200, B200 },         { 300, B300 },         { 600, B600 },
	{ 1200, B1200 },       { 1800, B1800 },       { 2400, B2400 },       { 4800, B4800 },
	{ 9600, B9600 },       { 19200, B19200 },     { 38400, B38400 },     { 57600, B57600 },
	{ 115200, B115200 },   { 230400, B230400 },   { 460800, B460800 },   { 500000, B500000 },
	{ 576000, B576000 },   { 921600, B921600 },   { 1000000, B1000000 }, { 1152000, B1152000 },
	{ 1500000, B1500000 }, { 2000000, B2000000 }, { 2500000, B2500000 }, { 3000000, B3000000 },
	{ 3500000, B3500000 }, { 4000000, B4000000 },
};

static speed_t serial_speed(uint32_t baud)
{
	for (size_t i = 0; i < sizeof(serial_speeds) / sizeof(*serial_speeds); i++)
		if (serial_speeds[i].baud == baud)
			return serial_speeds[i].speed;
	return B0;
}

/* ---------------------------------------------------------------------- find */

int weir_serial_find(struct weir_serial_port *port, struct weir_node *node)
{
	const char *word = weir_target(node);

	port->fd = -1;
	if (!*word)
		return weir_fail_arg(node, NULL, "as in serial:/dev/ttyUSB0; weir list devices shows the ports",
				     "which serial port?");
	if (serial_speed(port->baud) == B0)
		return weir_fail_arg(node, "baud", "common ones are 9600, 38400 and 115200",
				     "%u is not a standard rate", port->baud);
	if (strlen(word) + sizeof(BY_ID) >= sizeof(port->path))
		return weir_fail_arg(node, NULL, NULL, "the name is too long");
	snprintf(port->path, sizeof(port->path), "%s%s", *word == '/' ? "" : BY_ID "/", word);
	if (access(port->path, F_OK) && *word != '/')
		snprintf(port->path, sizeof(port->path), "/dev/%s", word);
	if (access(port->path, F_OK))
		return weir_fail_device(node, word, "find the serial port", errno,
					"is its adapter plugged in? weir list devices shows the ports");
	return 0;
}

int weir_serial_fail_open(const struct weir_serial_port *port, struct weir_node *node, int err)
{
	const char *advice = NULL;

	if (err == -EACCES)
		advice = "join the group of the device file: usermod -aG dialout $USER, and log in again";
	else if (err == -EBUSY)
		advice = "another program has it; end that";
	else if (err == -ENOTTY)
		advice = "it is not a serial port; lines:FILE reads files and pipes";
	else if (err == -EINVAL)
		advice = "its driver refused baud=, bits=, parity= or stop=";
	return weir_fail_device(node, port->path, "open", -err, advice);
}

/* ---------------------------------------------------------------------- open */

/* A byte with a wrong parity or frame is read as zero, which no text has and no checksum survives. */
static void serial_fill(const struct weir_serial_port *port, struct termios *set)
{
	static const tcflag_t sizes[] = { CS5, CS6, CS7, CS8 };

	cfmakeraw(set);
	set->c_iflag |= INPCK;
	set->c_iflag &= ~(tcflag_t)(IGNPAR | PARMRK | IXON | IXOFF | IXANY);
	set->c_cflag &= ~(tcflag_t)(CSIZE | PARENB | PARODD | CSTOPB | CRTSCTS);
	set->c_cflag |= CREAD | CLOCAL | sizes[port->bits - 5];
	set->c_cflag |= port->parity ? PARENB : 0;
	set->c_cflag |= port->parity == WEIR_SERIAL_ODD ? PARODD : 0;
	set->c_cflag |= port->stop == 2 ? CSTOPB : 0;
	set->c_cc[VMIN] = 1;
	set->c_cc[VTIME] = 0;
	cfsetispeed(set, serial_speed(port->baud));
	cfsetospeed(set, serial_speed(port->baud));
}

/* tcsetattr() succeeds when any of the settings was made. */
static int serial_set(struct weir_serial_port *port)
{
	const tcflag_t checked = CSIZE | PARENB | PARODD | CSTOPB;
	struct termios set, got;

	if (tcgetattr(port->fd, &port->before))
		return -errno;
	set = port->before;
	serial_fill(port, &set);
	if (tcsetattr(port->fd, TCSANOW, &set) || tcgetattr(port->fd, &got))
		return -errno;
	if ((set.c_cflag ^ got.c_cflag) & checked || cfgetospeed(&got) != cfgetospeed(&set))
		return -EINVAL;
	return 0;
}

static uint64_t serial_overruns(const struct weir_serial_port *port)
{
	struct serial_icounter_struct counts;

	/* Not every driver counts. */
	if (ioctl(port->fd, TIOCGICOUNT, &counts))
		return 0;
	return (uint64_t)(unsigned int)counts.overrun + (unsigned int)counts.buf_overrun;
}

int weir_serial_open(struct weir_serial_port *port)
{
	int err;

	port->fd = open(port->path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (port->fd < 0)
		return -errno;
	/* Two readers of one port would each get a part of the bytes. */
	err = ioctl(port->fd, TIOCEXCL) ? -errno : serial_set(port);
	if (err) {
		close(port->fd);
		port->fd = -1;
		return err;
	}
	tcflush(port->fd, TCIFLUSH);
	port->opened_ns = port->counted_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	port->overruns = serial_overruns(port);
	return 0;
}

void weir_serial_close(struct weir_serial_port *port)
{
	if (port->fd < 0)
		return;
	tcsetattr(port->fd, TCSANOW, &port->before);
	ioctl(port->fd, TIOCNXCL);
	close(port->fd);
	port->fd = -1;
}

/* ---------------------------------------------------------------------- read */

ssize_t weir_serial_read(struct weir_serial_port *port, void *to, size_t room)
{
	ssize_t got = read(port->fd, to, room);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	/* A port that was unplugged reads as its end, or as EIO. */
	return got > 0 ? got : -ENODEV;
}

uint64_t weir_serial_lost(struct weir_serial_port *port, int64_t now_ns)
{
	uint64_t now, lost;

	if (port->fd < 0 || now_ns - port->counted_ns < LOOK_NS)
		return 0;
	now = serial_overruns(port);
	lost = now > port->overruns ? now - port->overruns : 0;
	port->overruns = now;
	port->counted_ns = now_ns;
	return lost;
}

/* ---------------------------------------------------------------------- list */

static int serial_is_port(const struct dirent *entry)
{
	static const char *const kinds[] = { "ttyUSB", "ttyACM", "ttyAMA", "ttySC", "ttymxc", "ttyTHS" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strncmp(entry->d_name, kinds[i], strlen(kinds[i])))
			return 1;
	return 0;
}

static int serial_is_name(const struct dirent *entry)
{
	return *entry->d_name != '.';
}

static void serial_tell(const char *title, const char *what, weir_tell_device *tell, void *context)
{
	char program[WEIR_SERIAL_PATH + 40];
	struct weir_device_fact fact = { "program", program };

	snprintf(program, sizeof(program), "serial:%.255s baud=9600 | print", title);
	tell(context, title, what, &fact, 1);
}

/* The names that persist, and ports that have none. */
void weir_serial_tell_devices(weir_tell_device *tell, void *context)
{
	struct dirent **entry;
	char path[WEIR_SERIAL_PATH + 32], target[PATH_MAX], seen[1024] = " ";
	int n = scandir(BY_ID, &entry, serial_is_name, alphasort);

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%.240s", BY_ID, entry[i]->d_name);
		if (realpath(path, target)) {
			size_t length = strlen(seen);

			snprintf(seen + length, sizeof(seen) - length, "%.64s ", target);
			serial_tell(entry[i]->d_name, target, tell, context);
		}
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	n = scandir("/dev", &entry, serial_is_port, versionsort);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), " /dev/%.64s ", entry[i]->d_name);
		snprintf(target, sizeof(target), "/dev/%.64s", entry[i]->d_name);
		if (!strstr(seen, path))
			serial_tell(target, "serial port", tell, context);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}
