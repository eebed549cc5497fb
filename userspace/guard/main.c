/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * weir-guard: holds outputs for pipelines, and parks them when one dies, hangs or leaves.
 *
 * It is meant to outlive everything else: its memory is locked, it asks for real-time priority and to be spared when memory
 * runs out (each of which it may be refused), it allocates nothing but while an output is being taken, and it waits for
 * nobody.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "guard/guard.h"

#define PATH_BYTES 108
#define POLLED_MAX (2 + 2 * GUARD_SESSIONS)

/* --- starting ----------------------------------------------------------------- */

static int fail(const char *what, const char *path)
{
	fprintf(stderr, "weir-guard: %s %s: %s\n", what, path, strerror(errno));
	return -1;
}

/* The lock says whether a guard lives; the socket's file alone may be a dead one's. */
static int lock(const char *path)
{
	char name[PATH_BYTES + 8];
	int fd;

	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail("cannot open", name);
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	errno = EADDRINUSE;
	fail("a guard already listens at", path);
	close(fd);
	return -1;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0117);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.*s", PATH_BYTES - 1, path);
	unlink(address.sun_path);
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, GUARD_SESSIONS))) {
		close(fd);
		fd = -1;
	}
	umask(mask);
	return fd < 0 ? fail("cannot listen at", path) : fd;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void outlive(void)
{
	const struct sched_param priority = { .sched_priority = 20 };
	struct rlimit limit;
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (write(fd, "-1000", 5) < 0 && errno != EACCES)
			fail("cannot be spared by", "the OOM killer");
		close(fd);
	}
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority);
	/* Future memory only where there is no limit: beyond one, taking an output would fail. */
	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur == RLIM_INFINITY)
		mlockall(MCL_CURRENT | MCL_FUTURE);
	else if (geteuid() == 0 || mlockall(MCL_CURRENT))
		mlockall(MCL_CURRENT | MCL_FUTURE);
}

/* --- running ------------------------------------------------------------------ */

static uint32_t watch(const struct guard *guard, struct pollfd *polled)
{
	uint32_t n = 0;

	polled[n++] = (struct pollfd){ .fd = guard->signals, .events = POLLIN };
	polled[n++] = (struct pollfd){ .fd = guard->listener, .events = POLLIN };
	for (uint32_t i = 0; i < GUARD_SESSIONS; i++) {
		polled[n++] = (struct pollfd){ .fd = guard->session[i].fd, .events = POLLIN };
		polled[n++] = (struct pollfd){
			.fd = guard->session[i].fd < 0 ? -1 : guard->session[i].bell,
			.events = POLLIN,
		};
	}
	return n;
}

static void wait_until(struct pollfd *polled, uint32_t n, int64_t next)
{
	int64_t left = next - guard_now();
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };

	if (left < 0)
		timeout = (struct timespec){ 0 };
	ppoll(polled, n, next == INT64_MAX ? NULL : &timeout, NULL);
}

static void welcome(struct guard *guard)
{
	int fd = accept4(guard->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		guard_session_open(guard, fd);
}

/* false: it is to end. */
static bool attend(struct guard *guard, const struct pollfd *polled)
{
	uint64_t rings;

	for (uint32_t i = 0; i < GUARD_SESSIONS; i++)
		if (polled[3 + 2 * i].revents && read(polled[3 + 2 * i].fd, &rings, sizeof(rings)) < 0)
			continue;
	/* The dead before the living: what one of them asked with its last breath is not to be done. */
	for (uint32_t i = 0; i < GUARD_SESSIONS; i++)
		if (polled[2 + 2 * i].fd >= 0 && polled[2 + 2 * i].revents & POLLHUP)
			guard_session_serve(guard, i);
	/* Then asks: they are what is in a hurry. */
	guard_work(guard);
	for (uint32_t i = 0; i < GUARD_SESSIONS; i++)
		if (polled[2 + 2 * i].fd >= 0 && (polled[2 + 2 * i].revents & (POLLIN | POLLHUP)) == POLLIN)
			guard_session_serve(guard, i);
	if (polled[1].revents)
		welcome(guard);
	return !polled[0].revents;
}

static bool is_alone(const struct guard *guard)
{
	for (uint32_t i = 0; i < GUARD_SESSIONS; i++)
		if (guard->session[i].fd >= 0)
			return false;
	return true;
}

static void run(struct guard *guard)
{
	struct pollfd polled[POLLED_MAX];
	/* Whoever started us is about to connect. */
	int64_t patience = guard_now() + INT64_C(3000000000);

	for (;;) {
		int64_t next = guard_work(guard), again = guard_recover_more(guard, guard_now());
		bool remains = guard_lease_tidy(guard, guard_now(), &next);
		uint32_t n = watch(guard, polled);

		next = again < next ? again : next;
		remains |= again != INT64_MAX;
		if (!remains && !guard->stays && is_alone(guard)) {
			if (guard_now() >= patience)
				return;
			next = patience < next ? patience : next;
		} else {
			patience = 0;
		}
		wait_until(polled, n, next);
		if (!attend(guard, polled))
			return;
	}
}

static void park_all(struct guard *guard)
{
	const struct weir_guard_request everything = { 0 };
	struct weir_guard_reply reply;

	guard_park(guard, &everything, -1, &reply);
}

static int usage(FILE *stream, int status)
{
	fputs("Usage: weir-guard [--stay] [SOCKET]\n"
	      "Holds the outputs of weir's pipelines and parks them when one dies or hangs. weir run starts it when "
	      "needed;\n"
	      "with --stay it does not end when it has nothing to hold. SOCKET: default $WEIR_GUARD, "
	      "/run/weir/guard.sock\n",
	      stream);
	return status;
}

/* One only, and not on the stack: the pages of what may grow later must be there from the start. */
static struct guard the_guard;

static void begin(struct guard *guard)
{
	guard->bank.decided = guard_decided;
	guard->bank.context = guard;
	for (uint32_t i = 0; i < GUARD_SESSIONS; i++)
		guard->session[i].fd = guard->session[i].bell = -1;
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++)
		guard->holding[i].file = guard->holding[i].session = -1;
}

static int serve(const char *path)
{
	struct guard *guard = &the_guard;
	char notes[PATH_BYTES + 8];
	int locked = lock(path);

	if (locked < 0)
		return 1;
	begin(guard);
	/* Before all else: it may be why we were started. */
	snprintf(notes, sizeof(notes), "%s.held", path);
	if (guard_recover(guard, notes))
		fail("cannot use", notes);
	guard->listener = listen_at(path);
	if (guard->listener < 0)
		return 1;
	guard->signals = open_signals();
	outlive();
	run(guard);
	park_all(guard);
	unlink(path);
	unlink(notes);
	close(locked);
	return 0;
}

int main(int argc, char **argv)
{
	char path[PATH_BYTES];
	int at = 1;

	weir_wire_path(geteuid() == 0 ? 0 : 1, path, sizeof(path));
	if (argc > at && (!strcmp(argv[at], "--help") || !strcmp(argv[at], "-h")))
		return usage(stdout, 0);
	if (argc > at && !strcmp(argv[at], "--stay")) {
		the_guard.stays = true;
		at++;
	}
	if (argc > at)
		snprintf(path, sizeof(path), "%s", argv[at++]);
	if (argc > at || *path == '-')
		return usage(stderr, 2);
	if (!strncmp(path, "/run/weir/", 10))
		mkdir("/run/weir", 0755);
	return serve(path);
}
