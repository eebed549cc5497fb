/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "guard/protocol.h"

#define FDS_MAX 3

int weir_wire_send(int socket, const void *packet, size_t bytes, const int *fds, uint32_t n_fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)packet, .iov_len = bytes };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		struct cmsghdr *header = (struct cmsghdr *)control;

		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static uint32_t take_fds(struct msghdr *message, int *fds)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	uint32_t n = 0;

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
		n = (uint32_t)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(header), n * sizeof(int));
	}
	return n;
}

int weir_wire_receive(int socket, void *packet, size_t bytes, int *fds, uint32_t *n_fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct iovec iov = { .iov_base = packet, .iov_len = bytes };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int came[FDS_MAX];
	ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	uint32_t magic, n_came = n > 0 ? take_fds(&message, came) : 0;

	*n_fds = 0;
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	memcpy(&magic, packet, sizeof(magic));
	if ((size_t)n == bytes && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && magic == WEIR_GUARD_MAGIC) {
		memcpy(fds, came, n_came * sizeof(int));
		*n_fds = n_came;
		return 0;
	}
	for (uint32_t i = 0; i < n_came; i++)
		close(came[i]);
	return -EPROTO;
}

int weir_wire_connect(const char *path, unsigned patience_s)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = patience_s };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	err = errno;
	close(fd);
	return -err;
}

/* A guard of the machine's before one of the user's own; $WEIR_GUARD before both. */
bool weir_wire_path(unsigned index, char *path, size_t bytes)
{
	const char *given = getenv("WEIR_GUARD"), *home = getenv("XDG_RUNTIME_DIR");

	if (given && *given) {
		snprintf(path, bytes, "%s", given);
		return index == 0;
	}
	if (index == 0)
		snprintf(path, bytes, "/run/weir/guard.sock");
	else
		snprintf(path, bytes, "%s/weir-guard.sock", home && *home ? home : "/tmp");
	return index == 0 || (index == 1 && home && *home);
}
