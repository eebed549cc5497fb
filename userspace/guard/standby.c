/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two guards: one that holds the outputs, and one that stands by with descriptors of the same requests. When the first is gone,
 * however it went, the second parks at once: nothing has to be started, opened or waited for, and no line is ever let go of.
 * Further guards wait until the second has become the first.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guard/guard.h"

#define NAP_MS 2 /* until a guard that has the lock listens, or one that ends has let go of it */

/* --- the one that holds ----------------------------------------------------------- */

/* One that does not read would keep what is let go of: it has to begin again. */
static void hand(struct guard *guard, struct guard_session *session, uint32_t lease, bool is_held)
{
	const struct guard_holding *holding = &guard->holding[lease];
	struct weir_guard_handed handed = {
		.magic = WEIR_GUARD_MAGIC,
		.is_held = is_held,
		.what = holding->what,
	};
	int fds[2] = { holding->what.is_file ? holding->file : holding->lines, -1 };

	if (holding->is_direct && holding->session >= 0)
		fds[1] = guard->session[holding->session].pidfd;
	if (weir_wire_send(session->fd, &handed, sizeof(handed), fds, is_held ? 1 + (fds[1] >= 0) : 0) < 0) {
		session->stands_by = false;
		shutdown(session->fd, SHUT_RDWR);
	}
}

void guard_share(struct guard *guard, uint32_t lease, bool is_held)
{
	for (uint32_t i = 0; i < GUARD_SESSIONS; i++)
		if (guard->session[i].fd >= 0 && guard->session[i].stands_by)
			hand(guard, &guard->session[i], lease, is_held);
}

bool guard_is_followed(const struct guard *guard)
{
	for (uint32_t i = 0; i < GUARD_SESSIONS; i++)
		if (guard->session[i].fd >= 0 && guard->session[i].stands_by)
			return true;
	return false;
}

void guard_share_all(struct guard *guard, struct guard_session *session)
{
	session->stands_by = true;
	for (uint32_t i = 0; i < guard->bank.n_leases; i++)
		if (guard->bank.lease[i].n && guard->holding[i].what.n)
			hand(guard, session, i, true);
}

/* --- the one that stands by --------------------------------------------------------- */

static void drop(struct guard_handed *handed)
{
	if (!handed->what.n)
		return;
	close(handed->output);
	if (handed->holder >= 0)
		close(handed->holder);
	handed->what.n = 0;
}

static struct guard_handed *place_of(struct guard *guard, const struct weir_physical *what)
{
	struct guard_handed *unused = NULL;

	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++) {
		struct guard_handed *handed = &guard->handed[i];

		if (handed->what.n && guard_is_same_output(&handed->what, what))
			return handed;
		if (!unused && !handed->what.n)
			unused = handed;
	}
	return unused;
}

static void keep(struct guard *guard, const struct weir_guard_handed *came, const int *fds, uint32_t n)
{
	struct guard_handed *handed = guard_is_sound(&came->what) ? place_of(guard, &came->what) : NULL;

	if (handed)
		drop(handed);
	if (handed && came->is_held && n)
		*handed = (struct guard_handed){
			.what = came->what,
			.output = fds[0],
			.holder = n > 1 ? fds[1] : -1,
		};
	else
		weir_wire_drop(fds, n);
}

static int introduce(const char *path)
{
	const struct weir_guard_request request = { .magic = WEIR_GUARD_MAGIC, .verb = WEIR_GUARD_STAND_BY };
	struct weir_guard_reply reply;
	int fd = weir_wire_connect(path, 0);
	uint32_t n;

	if (fd >= 0 && !weir_wire_send(fd, &request, sizeof(request), NULL, 0) &&
	    !weir_wire_receive(fd, &reply, sizeof(reply), NULL, 0, &n) && !reply.error)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Until it is gone: what it sent before that is still to be read then. */
static void follow(struct guard *guard, const char *path)
{
	const struct timespec while_it_starts = { .tv_nsec = NAP_MS * 1000000 };
	struct weir_guard_handed came;
	int socket = introduce(path), fds[2];
	uint32_t n;

	if (socket < 0) {
		nanosleep(&while_it_starts, NULL);
		return;
	}
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++)
		drop(&guard->handed[i]);
	while (!weir_wire_receive(socket, &came, sizeof(came), fds, 2, &n))
		keep(guard, &came, fds, n);
	close(socket);
}

int guard_stand_by(struct guard *guard, const char *path)
{
	int next;

	guard_outlive();
	next = guard_lock_next(path, true);
	if (next < 0)
		return -1;
	while (guard_lock(path) < 0) {
		if (errno != EWOULDBLOCK)
			return -1;
		follow(guard, path);
	}
	close(next);
	return 0;
}
