/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Readers that come and go: one thread, asleep unless somebody does. What it holds for them is bounded, and a connection that does
 * not say in time what it wants is closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "share/share_internal.h"
#include "stream/bell.h"

#define LOOK_MS 1000
#define QUIET_NS INT64_C(50000000) /* between two answers on one connection */
#define ACCEPT_MAX 64              /* connections in a row */

enum { POLL_STOP, POLL_HALT, POLL_LISTEN, POLL_OTHERS };
#define POLL_MAX (POLL_OTHERS + SHARE_PENDING_MAX + WEIR_SHARE_READERS_MAX)

static uint64_t bit_of(unsigned place)
{
	return UINT64_C(1) << place;
}

/* --------------------------------------------------------------------- seats */

static int make_seat(const struct weir_share *share)
{
	int fd = memfd_create("weir-seat", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)share->page) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

/* Moved to the place of what is there: the writer may look at this very moment, and finds one or the other. */
static int map_seat(struct weir_share *share, unsigned place, int fd)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE, error;
	void *page = mmap(NULL, share->page, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (page == MAP_FAILED)
		return -errno;
	if (mremap(page, share->page, share->page, MREMAP_MAYMOVE | MREMAP_FIXED, share_seat(share, place)) !=
	    MAP_FAILED)
		return 0;
	error = -errno;
	munmap(page, share->page);
	return error;
}

/* The same for the descriptor. Takes `fd`. */
static int set_line(struct weir_share *share, unsigned place, int fd)
{
	int error = 0;

	if (share->line[place] < 0) {
		share->line[place] = fd;
		return 0;
	}
	if (dup3(fd, share->line[place], O_CLOEXEC) < 0)
		error = -errno;
	close(fd);
	return error;
}

/* As a reader joins a ring: its position stands before the writer may see it, and is brought up to date after. [D] */
static uint64_t seat_reader(struct weir_share *share, unsigned place)
{
	struct weir_share_seat *seat = share_seat(share, place);
	uint64_t head;

	atomic_store(&seat->position, atomic_load(&share->front->head));
	atomic_fetch_or(&share->joining, bit_of(place));
	atomic_fetch_and(&share->unwanted, ~bit_of(place));
	if (share->reader[place].policy == WEIR_SHARE_BLOCK)
		atomic_fetch_or(&share->holding, bit_of(place));
	atomic_fetch_or(&share->used, bit_of(place));
	head = atomic_load(&share->front->head);
	atomic_store(&seat->position, head);
	atomic_fetch_and(&share->joining, ~bit_of(place));
	weir_bell_ring(&seat->space_bell); /* for a writer that has waited for just that */
	return head;
}

static void leave(struct weir_share *share, unsigned place)
{
	struct weir_share_seat *seat = share_seat(share, place);

	atomic_fetch_and(&share->holding, ~bit_of(place));
	atomic_fetch_and(&share->used, ~bit_of(place));
	weir_bell_ring(&seat->space_bell);
	share->lost_before += atomic_load(&seat->lost);
	/* Should either fail, the old one stays in place until another reader comes: it does no harm there. */
	shutdown(share->line[place], SHUT_RDWR);
	dup3(share->dead_fd, share->line[place], O_CLOEXEC);
	map_seat(share, place, -1);
}

/* ------------------------------------------------------------------- joining */

static bool may_hold(const struct weir_share *share, uid_t uid)
{
	if (!share->config.waits)
		return false;
	for (uint32_t i = 0; i < share->config.n_users; i++)
		if (share->config.user[i] == uid)
			return true;
	return !share->config.n_users || uid == 0 || uid == geteuid();
}

static int grant(const struct weir_share *share, const struct weir_share_hello *hello, struct share_reader *reader)
{
	bool may = may_hold(share, reader->uid);

	if (hello->policy == WEIR_SHARE_BLOCK && !may)
		return -EPERM;
	reader->policy = may && hello->policy != WEIR_SHARE_DROP_OLDEST ? WEIR_SHARE_BLOCK : WEIR_SHARE_DROP_OLDEST;
	return 0;
}

/* Takes `fd`, also on failure. */
static int seat_at(struct weir_share *share, unsigned place, int fd)
{
	int seat_fd = make_seat(share);
	int error = seat_fd < 0 ? seat_fd : map_seat(share, place, seat_fd);

	if (error) {
		share_refuse(fd, -error, strerror(-error));
		close(fd);
	} else {
		error = set_line(share, place, fd);
	}
	if (!error) {
		error = share_welcome(share, share->line[place], seat_fd, place, seat_reader(share, place));
		if (error)
			leave(share, place);
	}
	if (seat_fd >= 0)
		close(seat_fd);
	return error;
}

static const char *why_not(int error)
{
	return error == -EPERM ? "its publisher does not wait for this reader: policy=drop_oldest" : strerror(-error);
}

/* Takes `fd`. */
static void join(struct weir_share *share, const struct weir_share_hello *hello, int fd)
{
	struct ucred peer = { 0 };
	socklen_t length = sizeof(peer);
	struct share_reader reader;
	const char *why = NULL;
	unsigned place;
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		error = -errno;
	reader = (struct share_reader){ .pid = (uint32_t)peer.pid, .uid = peer.uid };
	if (!error)
		error = grant(share, hello, &reader);
	if (error)
		why = why_not(error);
	else if ((why = share_why_no_seat(share, peer.uid)))
		error = -EUSERS;
	if (error) {
		share_refuse(fd, -error, why);
		close(fd);
		return;
	}
	place = (unsigned)__builtin_ctzll(~atomic_load(&share->used));
	share->reader[place] = reader;
	if (!seat_at(share, place, fd))
		weir_bell_ring(&share->arrivals);
}

/* ------------------------------------------------------------------- serving */

/* All who knock, within bounds: so nobody is kept outside by others who do. */
static void accept_all(struct weir_share *share)
{
	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd = accept4(share->place.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			/* It still knocks: do not listen all the time. */
			share->deaf = errno != EAGAIN && errno != ECONNABORTED && errno != EINTR;
			return;
		}
		share_admit(share, fd);
	}
}

/* From the last to the first, since who is forgotten gives its place to the last. */
static void hear_pending(struct weir_share *share, const struct pollfd *polled)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);

	for (uint32_t i = share->n_pending; i-- > 0;) {
		struct share_pending *pending = &share->pending[i];
		struct weir_share_hello hello;
		int wants = 0, fd = pending->fd;

		if (polled[i].revents)
			wants = share_hear(share, fd, &hello);
		else if (now >= pending->deadline_ns)
			wants = -ETIMEDOUT;
		if (!wants) {
			pending->quiet_ns = polled[i].revents ? now + QUIET_NS : pending->quiet_ns;
			continue;
		}
		share_forget_pending(share, i);
		if (wants > 0)
			join(share, &hello, fd);
		else
			close(fd);
	}
}

/* A reader has nothing more to say: it has gone, or is no reader of ours. */
static void see_off(struct weir_share *share, const struct pollfd *polled, const unsigned *place, nfds_t n)
{
	uint64_t unwanted = atomic_exchange(&share->unwanted, 0);

	for (nfds_t i = 0; i < n; i++)
		if (polled[i].revents || unwanted & bit_of(place[i]))
			leave(share, place[i]);
}

static void heed_halt(struct weir_share *share)
{
	atomic_store(&share->halted_ns, weir_now(WEIR_CLOCK_MONOTONIC));
	weir_bell_ring(&share->arrivals);
	for (uint64_t left = atomic_load(&share->used); left; left &= left - 1)
		weir_bell_ring(&share_seat(share, (unsigned)__builtin_ctzll(left))->space_bell);
}

static nfds_t poll_set(const struct weir_share *share, struct pollfd fds[POLL_MAX], unsigned place[POLL_MAX])
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);
	nfds_t n = POLL_OTHERS;

	fds[POLL_STOP] = (struct pollfd){ .fd = share->stop_fd, .events = POLLIN };
	fds[POLL_HALT] = (struct pollfd){ .fd = atomic_load(&share->halted_ns) ? -1 : share->config.halt_fd,
					  .events = POLLIN };
	fds[POLL_LISTEN] = (struct pollfd){ .fd = share->deaf ? -1 : share->place.fd, .events = POLLIN };
	for (uint32_t i = 0; i < share->n_pending; i++)
		fds[n++] = (struct pollfd){ .fd = share->pending[i].quiet_ns > now ? -1 : share->pending[i].fd,
					    .events = POLLIN };
	for (uint64_t left = atomic_load(&share->used); left; left &= left - 1) {
		place[n] = (unsigned)__builtin_ctzll(left);
		fds[n] = (struct pollfd){ .fd = share->line[place[n]], .events = POLLIN };
		n++;
	}
	return n;
}

/* How long to sleep at most. */
static int look_ms(const struct weir_share *share)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC), left = LOOK_MS * INT64_C(1000000);

	if (!share->n_pending && !share->deaf)
		return -1;
	for (uint32_t i = 0; i < share->n_pending; i++)
		if (share->pending[i].quiet_ns > now && share->pending[i].quiet_ns - now < left)
			left = share->pending[i].quiet_ns - now;
	return (int)(left / 1000000) + 1;
}

void *share_serve(void *context)
{
	struct weir_share *share = context;
	struct pollfd fds[POLL_MAX];
	unsigned place[POLL_MAX];

	for (;;) {
		uint32_t pending = share->n_pending;
		nfds_t n = poll_set(share, fds, place), readers = POLL_OTHERS + pending;
		uint64_t why = 0;

		if (poll(fds, n, look_ms(share)) < 0)
			continue;
		share->deaf = false;
		if (fds[POLL_STOP].revents && read(share->stop_fd, &why, sizeof(why)) > 0 && why >= SHARE_STOP)
			return NULL;
		if (fds[POLL_HALT].revents)
			heed_halt(share);
		see_off(share, fds + readers, place + readers, n - readers);
		hear_pending(share, fds + POLL_OTHERS);
		if (fds[POLL_LISTEN].revents)
			accept_all(share);
	}
}

void share_dismiss(struct weir_share *share)
{
	while (share->n_pending)
		close(share->pending[--share->n_pending].fd);
	for (uint64_t left = atomic_load(&share->used); left; left &= left - 1)
		leave(share, (unsigned)__builtin_ctzll(left));
	for (unsigned i = 0; i < WEIR_SHARE_READERS_MAX; i++)
		if (share->line[i] >= 0)
			close(share->line[i]);
}
