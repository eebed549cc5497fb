/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Netlink protocol: lib/kobject_uevent.c in the kernel; a message is "ACTION@DEVPATH" and NUL-separated pairs. */
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/uevent.h"

#define KERNEL_GROUP 1

int weir_uevent_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	int err;

	if (fd < 0)
		return -errno;
	if (!bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

bool weir_uevent_removed(int fd)
{
	bool removed = false;
	char message[4096];
	ssize_t n;

	while ((n = recv(fd, message, sizeof(message) - 1, 0)) != 0) {
		if (n < 0 && errno != ENOBUFS)
			break;
		message[n < 0 ? 0 : n] = '\0';
		removed |= n < 0 || !strncmp(message, "remove@", 7);
	}
	return removed;
}
