/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Netlink protocol: lib/kobject_uevent.c in the kernel; a message is "ACTION@DEVPATH" and NUL-separated pairs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/uevent.h"

#define KERNEL_GROUP 1
#define FIRST_USER_NAMESPACE 0xEFFFFFFDu /* PROC_USER_INIT_INO, include/linux/proc_ns.h */

/* The kernel tells network namespaces of the first user namespace alone (uevent_net_init()). */
static bool is_told(void)
{
	int net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), user = net < 0 ? -1 : ioctl(net, NS_GET_USERNS);
	struct stat of;
	bool is_first = user >= 0 && !fstat(user, &of) && of.st_ino == FIRST_USER_NAMESPACE;

	if (user >= 0)
		close(user);
	if (net >= 0)
		close(net);
	return is_first;
}

int weir_uevent_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	int fd, err;

	if (!is_told())
		return -ENOTSUP;
	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
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
