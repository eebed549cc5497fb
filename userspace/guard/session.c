/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard/guard.h"

#define KILL_MS 20 /* what a process may take to be gone; one that sleeps in a driver takes longer */

/* --- pages -------------------------------------------------------------------- */

/* Sealed once we have our own mapping: a tell page takes no other writable one. NULL and errno on failure. */
static void *make_page(const char *name, size_t bytes, int seals, int prot, int *fd)
{
	void *page = MAP_FAILED;

	*fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return NULL;
	if (!ftruncate(*fd, (off_t)bytes))
		page = mmap(NULL, bytes, prot, MAP_SHARED | MAP_POPULATE, *fd, 0);
	if (page != MAP_FAILED && !fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | seals))
		return page;
	if (page != MAP_FAILED)
		munmap(page, bytes);
	close(*fd);
	*fd = -1;
	return NULL;
}

static int hello(struct guard_session *session, const struct weir_guard_request *request, int fds[3])
{
	if (session->asks)
		return EALREADY;
	session->asks = make_page("weir-asks", sizeof(*session->asks), 0, PROT_READ, &fds[0]);
	if (!session->asks)
		return errno;
	session->tells = make_page("weir-tells", sizeof(*session->tells), F_SEAL_FUTURE_WRITE, PROT_READ | PROT_WRITE,
				   &fds[1]);
	if (!session->tells)
		return errno;
	session->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fds[2] = session->bell;
	snprintf(session->title, sizeof(session->title), "%.63s", request->what.title);
	atomic_store(&session->tells->beat_ns, guard_now());
	return session->bell < 0 ? errno : 0;
}

/* --- taking ------------------------------------------------------------------- */

static int free_slot(const struct guard_session *session)
{
	for (int i = 0; i < WEIR_GUARD_SLOTS; i++)
		if (session->lease[i] < 0)
			return i;
	return -1;
}

static void set_rules(struct guard *guard, uint32_t lease, const struct weir_guard_request *request)
{
	for (uint32_t i = 0; i < request->what.n; i++) {
		struct weir_line *line = &guard->bank.line[guard->bank.lease[lease].line[i]];

		line->rule = request->rule;
		line->rule.group[WEIR_GROUP_NAME - 1] = '\0';
		line->rule.park = request->what.park[i];
	}
	guard->bank.lease[lease].patience = weir_guard_patience(request->deadline_ns);
	guard->bank.lease[lease].stale = request->stale_ns;
}

static bool is_sound(const struct weir_guard_request *request)
{
	const struct weir_physical *what = &request->what;

	return what->n && what->n <= WEIR_LEASE_LINES && (what->n == 1 || !what->is_file) &&
	       request->deadline_ns >= 0 && request->stale_ns >= 0 && request->rule.starts <= WEIR_STARTS_MAX &&
	       memchr(what->device, '\0', sizeof(what->device)) && memchr(what->title, '\0', sizeof(what->title));
}

static int take(struct guard *guard, uint32_t number, const struct weir_guard_request *request, int file,
		struct weir_guard_reply *reply)
{
	struct guard_session *session = &guard->session[number];
	int slot = free_slot(session), lease, error;
	struct guard_holding *holding;

	if (!session->asks || slot < 0 || !is_sound(request))
		return slot < 0 ? ENOSPC : EINVAL;
	lease = guard_lease_find(guard, &request->what, reply->text);
	if (lease < 0)
		return -lease;
	holding = &guard->holding[lease];
	set_rules(guard, (uint32_t)lease, request);
	error = guard_lease_take_output(guard, (uint32_t)lease, &request->what, file, reply->text);
	if (error)
		return error;
	holding->session = (int)number;
	holding->slot = (uint32_t)slot;
	holding->is_direct = request->direct;
	holding->is_kept = false;
	holding->done = holding->refused = holding->parks = 0;
	session->lease[slot] = lease;
	weir_bank_take(&guard->bank, (uint32_t)lease, guard_now());
	guard_settle(guard);
	guard_remember(guard, (uint32_t)lease);
	guard_share(guard, (uint32_t)lease, true);
	reply->slot = (uint32_t)slot;
	reply->epoch = guard->bank.lease[lease].epoch;
	atomic_store(&session->tells->slot[slot].epoch, reply->epoch);
	return 0;
}

static void leave(struct guard *guard, struct guard_session *session, enum weir_cause cause, bool keep)
{
	for (int i = 0; i < WEIR_GUARD_SLOTS; i++) {
		int lease = session->lease[i];

		if (lease < 0)
			continue;
		guard->holding[lease].is_kept = keep;
		weir_bank_park(&guard->bank, (uint32_t)lease, cause, true, guard_now());
		guard_settle(guard);
		guard->holding[lease].session = -1;
		session->lease[i] = -1;
		guard_remember(guard, (uint32_t)lease);
		if (guard->holding[lease].is_direct)
			guard_share(guard, (uint32_t)lease, true);
	}
}

/* --- requests ----------------------------------------------------------------- */

static void answer(struct guard *guard, uint32_t number, const struct weir_guard_request *request, int file)
{
	struct guard_session *session = &guard->session[number];
	struct weir_guard_reply reply = { .magic = WEIR_GUARD_MAGIC };
	int fds[3] = { -1, -1, -1 }, error = EINVAL;
	uint32_t n_fds = 0;

	switch (request->verb) {
	case WEIR_GUARD_HELLO:
		error = hello(session, request, fds);
		n_fds = error ? 0 : 3;
		break;
	case WEIR_GUARD_TAKE:
		error = take(guard, number, request, file, &reply);
		fds[0] = error ? -1 : guard->holding[session->lease[reply.slot]].lines;
		n_fds = fds[0] >= 0;
		break;
	case WEIR_GUARD_LEAVE:
		guard_work(guard); /* what it asked before it left still counts */
		leave(guard, session, WEIR_LEFT, request->index);
		error = 0;
		break;
	case WEIR_GUARD_SET:
		error = guard_set(guard, request, file, &reply);
		break;
	case WEIR_GUARD_PARK:
		error = guard_park(guard, request, file, &reply);
		break;
	case WEIR_GUARD_LIST:
		error = guard_list(guard, request->index, &reply);
		break;
	case WEIR_GUARD_LISTEN:
		session->listens = true;
		error = 0;
		break;
	case WEIR_GUARD_STAND_BY:
		error = 0;
		break;
	}
	reply.error = error;
	weir_wire_send(session->fd, &reply, sizeof(reply), fds, n_fds);
	if (request->verb == WEIR_GUARD_HELLO && n_fds) {
		close(fds[0]);
		close(fds[1]);
	}
	if (request->verb == WEIR_GUARD_STAND_BY)
		guard_share_all(guard, session);
}

static void end(struct guard *guard, struct guard_session *session)
{
	leave(guard, session, WEIR_DIED, true);
	if (session->asks)
		munmap((void *)session->asks, sizeof(*session->asks));
	if (session->tells)
		munmap(session->tells, sizeof(*session->tells));
	if (session->bell >= 0)
		close(session->bell);
	if (session->pidfd >= 0)
		close(session->pidfd);
	close(session->fd);
	session->fd = -1;
}

void guard_session_serve(struct guard *guard, uint32_t number)
{
	struct guard_session *session = &guard->session[number];
	struct weir_guard_request request;
	int fds[3] = { -1, -1, -1 };
	uint32_t n_fds = 0;
	int err = weir_wire_receive(session->fd, &request, sizeof(request), fds, &n_fds);

	if (err == -EAGAIN || err == -EINTR)
		return;
	if (err < 0) {
		end(guard, session);
		return;
	}
	for (uint32_t i = 1; i < n_fds; i++)
		close(fds[i]);
	answer(guard, number, &request, n_fds ? fds[0] : -1);
}

int guard_session_open(struct guard *guard, int fd)
{
	struct ucred peer = { 0 };
	socklen_t length = sizeof(peer);
	uint32_t number = 0;
	struct guard_session *session;

	while (number < GUARD_SESSIONS && guard->session[number].fd >= 0)
		number++;
	if (number == GUARD_SESSIONS || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length)) {
		close(fd);
		return -EUSERS;
	}
	session = &guard->session[number];
	*session = (struct guard_session){ .fd = fd, .bell = -1, .pid = peer.pid };
	session->pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
	memset(session->lease, 0xff, sizeof(session->lease));
	snprintf(session->title, sizeof(session->title), "process %d", (int)peer.pid);
	return 0;
}

void guard_kill(int pidfd)
{
	struct pollfd gone = { .fd = pidfd, .events = POLLIN };

	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	poll(&gone, 1, KILL_MS);
}

void guard_session_kill(struct guard_session *session)
{
	if (session->pidfd >= 0)
		guard_kill(session->pidfd);
}
