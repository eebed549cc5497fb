/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "guard/protocol.h"

int weir_wire_send(int socket, const void *packet, size_t bytes, const int *fds, uint32_t n_fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(WEIR_WIRE_FDS * sizeof(int))] = { 0 };
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

void weir_wire_drop(const int *fds, uint32_t n_fds)
{
	for (uint32_t i = 0; i < n_fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* A buffer for three has room for a fourth by its padding: `most` are kept, and the others closed. How many came. */
static uint32_t take_fds(struct msghdr *message, int *fds, uint32_t most)
{
	uint32_t came = 0;

	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		size_t n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++, came++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
			if (came < most)
				fds[came] = fd;
			else
				close(fd);
		}
	}
	return came;
}

static int judge(const struct msghdr *message, size_t got, size_t bytes)
{
	uint32_t magic = 0;

	memcpy(&magic, message->msg_iov->iov_base, got < sizeof(magic) ? got : sizeof(magic));
	if (got >= sizeof(magic) && magic != WEIR_GUARD_MAGIC)
		return -EPROTONOSUPPORT;
	return got != bytes || message->msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : 0;
}

int weir_wire_receive(int socket, void *packet, size_t bytes, int *fds, uint32_t most, uint32_t *n_fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(WEIR_WIRE_FDS * sizeof(int))];
	struct iovec iov = { .iov_base = packet, .iov_len = bytes };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	uint32_t came;
	ssize_t n;
	int err;

	/* With a timeout of its own, a socket is interrupted by each signal, whatever SA_RESTART says. */
	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	came = n >= 0 ? take_fds(&message, fds, most) : 0;
	*n_fds = 0;
	if (n <= 0) {
		err = n == 0 || errno == ECONNRESET ? -EPIPE : -errno;
		weir_wire_drop(fds, came < most ? came : most);
		return err;
	}
	err = judge(&message, (size_t)n, bytes);
	if (!err && came > most)
		err = -EPROTO;
	if (err)
		weir_wire_drop(fds, came < most ? came : most);
	else
		*n_fds = came;
	return err;
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
	do
		err = connect(fd, (struct sockaddr *)&address, sizeof(address)) ? errno : 0;
	while (err == EINTR);
	if (!err)
		return fd;
	close(fd);
	return -err;
}
