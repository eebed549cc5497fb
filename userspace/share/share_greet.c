/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a publisher says and hears on its socket. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "share/share_internal.h"

/* One message, never waited for: a peer that does not listen is of no use. */
static int say(int fd, const void *head, size_t head_bytes, const char *text, size_t text_bytes, const int *fds)
{
	struct iovec parts[] = { { (void *)head, head_bytes }, { (void *)text, text_bytes } };
	union {
		char bytes[CMSG_SPACE(WEIR_SHARE_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	if (fds) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		*CMSG_FIRSTHDR(&message) = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
							     .cmsg_type = SCM_RIGHTS,
							     .cmsg_len = CMSG_LEN(WEIR_SHARE_FDS * sizeof(int)) };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, WEIR_SHARE_FDS * sizeof(int));
	}
	return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int share_refuse(int fd, int error, const char *why)
{
	struct weir_share_welcome welcome = {
		.magic = WEIR_SHARE_MAGIC,
		.version = WEIR_SHARE_VERSION,
		.refused = error,
		.text_bytes = (uint32_t)strlen(why),
	};

	say(fd, &welcome, sizeof(welcome), why, welcome.text_bytes, NULL);
	return -error;
}

int share_welcome(const struct weir_share *share, int fd, int seat_fd, unsigned place, uint64_t read_from)
{
	struct weir_share_welcome welcome = {
		.magic = WEIR_SHARE_MAGIC,
		.version = WEIR_SHARE_VERSION,
		.policy = share->reader[place].policy,
		.text_bytes = (uint32_t)strlen(share->text),
		.row_bytes = share->schema.row_bytes,
		.capacity = share->capacity,
		.rows_at = share->page,
		.start_at = share->config.start_at,
		.read_from = read_from,
	};
	int fds[WEIR_SHARE_FDS] = { share->memory_fd, seat_fd };

	return say(fd, &welcome, sizeof(welcome), share->text, welcome.text_bytes, fds);
}

static struct weir_share_guest guest_at(const struct weir_share *share, unsigned i)
{
	const struct weir_share_seat *seat = share_seat(share, i);

	return (struct weir_share_guest){
		.pid = share->reader[i].pid,
		.uid = share->reader[i].uid,
		.policy = share->reader[i].policy,
		.behind = atomic_load(&share->front->head) - atomic_load(&seat->position),
		.lost = atomic_load(&seat->lost),
	};
}

static int show(const struct weir_share *share, int fd)
{
	struct weir_share_view view = {
		.magic = WEIR_SHARE_MAGIC,
		.version = WEIR_SHARE_VERSION,
		.text_bytes = (uint32_t)strlen(share->text),
		.pid = (uint32_t)getpid(),
		.rows = atomic_load(&share->front->head) - share->config.start_at,
		.lost = share->lost_before,
		.now_ns = weir_now(WEIR_CLOCK_MONOTONIC),
		.since_ns = share->since_ns,
	};

	for (uint64_t left = atomic_load(&share->used); left; left &= left - 1)
		view.guest[view.n_guests++] = guest_at(share, (unsigned)__builtin_ctzll(left));
	return say(fd, &view, sizeof(view), share->text, view.text_bytes, NULL);
}

int share_hear(struct weir_share *share, int fd, struct weir_share_hello *hello)
{
	/* Larger, so that what is too long shows. */
	char bytes[sizeof(*hello) + 1];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n != sizeof(*hello))
		return -EPROTO;
	memcpy(hello, bytes, sizeof(*hello));
	if (hello->magic != WEIR_SHARE_MAGIC)
		return -EPROTO;
	if (hello->version != WEIR_SHARE_VERSION)
		return share_refuse(fd, EPROTO, "the publisher is of another version of weir");
	if (hello->ask == WEIR_SHARE_LOOK)
		return show(share, fd);
	return hello->ask == WEIR_SHARE_SUBSCRIBE && hello->policy <= WEIR_SHARE_BLOCK ? 1 : -EPROTO;
}
