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

/* Sums of times must not overflow, whatever somebody sends. */
static bool is_time(int64_t ns)
{
	return ns >= 0 && ns <= INT64_MAX / 4;
}

static bool is_sound(const struct weir_guard_request *request)
{
	const struct weir_rule *rule = &request->rule;

	return guard_is_sound(&request->what) && is_time(request->deadline_ns) && is_time(request->stale_ns) &&
	       is_time(rule->max_on) && is_time(rule->min_on) && is_time(rule->min_off) && is_time(rule->gap) &&
	       is_time(rule->per) && rule->starts <= WEIR_STARTS_MAX;
}

/* Its holder has looked at them, but it is the guard that keeps them. */
static bool has_good_rules(const struct weir_guard_request *request, char *text)
{
	for (uint32_t i = 0; i < request->what.n; i++) {
		struct weir_rule rule = request->rule;
		const char *problem;

		rule.group[WEIR_GROUP_NAME - 1] = '\0';
		rule.park = request->what.park[i];
		problem = weir_rule_problem(&rule);
		if (problem) {
			snprintf(text, WEIR_GUARD_TEXT, "%s", problem);
			return false;
		}
	}
	return true;
}

static int refuse(int file, int error)
{
	if (file >= 0)
		close(file);
	return error;
}

static int take(struct guard *guard, uint32_t number, const struct weir_guard_request *request, int file,
		struct weir_guard_reply *reply)
{
	struct guard_session *session = &guard->session[number];
	int slot = free_slot(session), lease, error;
	struct guard_holding *holding;

	if (slot < 0)
		return refuse(file, ENOSPC);
	if (!session->tells || !is_sound(request) || !has_good_rules(request, reply->text))
		return refuse(file, EINVAL);
	lease = guard_lease_find(guard, &request->what, reply->text);
	if (lease < 0)
		return refuse(file, -lease);
	holding = &guard->holding[lease];
	set_rules(guard, (uint32_t)lease, request);
	error = guard_lease_take_output(guard, (uint32_t)lease, &request->what, file, reply->text);
	if (error)
		return error;
	holding->session = (int)number;
	holding->slot = (uint32_t)slot;
	holding->is_direct = request->direct;
	holding->is_kept = false;
	holding->left_by = 0;
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

static void leave(struct guard *guard, struct guard_session *session, enum weir_cause cause, uint32_t how)
{
	for (int i = 0; i < WEIR_GUARD_SLOTS; i++) {
		int lease = session->lease[i];

		if (lease < 0)
			continue;
		guard->holding[lease].is_kept = how != WEIR_LEAVE_RELEASES;
		guard->holding[lease].left_by = how == WEIR_LEAVE_TO_NEXT ? (uint32_t)(session - guard->session) + 1
									  : 0;
		weir_bank_park(&guard->bank, (uint32_t)lease, cause, true, guard_now());
		guard_settle(guard);
		guard->holding[lease].session = -1;
		session->lease[i] = -1;
		guard_remember(guard, (uint32_t)lease);
		if (guard->holding[lease].is_direct)
			guard_share(guard, (uint32_t)lease, true);
	}
}

/* Outputs of the last program that the next one has not taken. */
static void end_left(struct guard *guard, const struct guard_session *session, bool keep)
{
	for (uint32_t i = 0; i < guard->bank.n_leases; i++) {
		struct guard_holding *holding = &guard->holding[i];

		if (!guard->bank.lease[i].n || holding->left_by != (uint32_t)(session - guard->session) + 1)
			continue;
		holding->left_by = 0;
		holding->is_kept = keep;
		guard_remember(guard, i);
	}
}

/* What is released is free when its holder gets the answer: it may be about to read the line itself, as a program does that was
 * loaded again and has an input where an output was. */
static void end_session_outputs(struct guard *guard, struct guard_session *session, uint32_t how)
{
	int64_t next = INT64_MAX;

	leave(guard, session, WEIR_LEFT, how);
	if (how != WEIR_LEAVE_RELEASES)
		return;
	end_left(guard, session, false);
	(void)guard_lease_tidy(guard, guard_now(), &next);
}

/* --- requests ----------------------------------------------------------------- */

/* A descriptor is of use to three of the verbs, which take it over. */
static int keep_for(uint32_t verb, int file)
{
	if (verb == WEIR_GUARD_TAKE || verb == WEIR_GUARD_SET || verb == WEIR_GUARD_PARK)
		return file;
	refuse(file, 0);
	return -1;
}

static void answer(struct guard *guard, uint32_t number, const struct weir_guard_request *request, int file)
{
	struct guard_session *session = &guard->session[number];
	struct weir_guard_reply reply = { .magic = WEIR_GUARD_MAGIC };
	int fds[WEIR_WIRE_FDS] = { -1, -1, -1 }, error = EINVAL;
	uint32_t n_fds = 0;

	file = keep_for(request->verb, file);
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
		end_session_outputs(guard, session, request->index);
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
	/* The pages stay mapped. */
	if (request->verb == WEIR_GUARD_HELLO)
		weir_wire_drop(fds, 2);
	if (request->verb == WEIR_GUARD_STAND_BY)
		guard_share_all(guard, session);
}

/* One of another version is told so, as far as it understands this one's answers. */
static void answer_stranger(const struct guard_session *session)
{
	struct weir_guard_reply reply = { .magic = WEIR_GUARD_MAGIC, .error = EPROTONOSUPPORT };

	snprintf(reply.text, sizeof(reply.text), "this guard is of another version of weir");
	weir_wire_send(session->fd, &reply, sizeof(reply), NULL, 0);
}

static void end(struct guard *guard, struct guard_session *session)
{
	leave(guard, session, WEIR_DIED, WEIR_LEAVE_KEEPS);
	end_left(guard, session, true);
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
	int file = -1;
	uint32_t n_fds = 0;
	int err = weir_wire_receive(session->fd, &request, sizeof(request), &file, 1, &n_fds);

	if (err == -EAGAIN || err == -EINTR)
		return;
	if (err == -EPROTONOSUPPORT)
		answer_stranger(session);
	if (err < 0)
		end(guard, session);
	else
		answer(guard, number, &request, n_fds ? file : -1);
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
