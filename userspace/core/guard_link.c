/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/guard_link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define START_NS INT64_C(5000000000)
#define ASK_NS INT64_C(1000000000)
#define NAP_NS 200000
#define ANSWER_S 2 /* a guard that is well answers at once; one that is not must not keep us */

extern char **environ;

static void nap(void)
{
	const struct timespec while_it_starts = { .tv_nsec = NAP_NS };

	nanosleep(&while_it_starts, NULL);
}

/* --- connecting --------------------------------------------------------------- */

static int connect_any(void)
{
	char path[108];
	int fd = -ENOENT;

	for (unsigned i = 0; fd < 0 && weir_wire_path(i, path, sizeof(path)); i++)
		fd = weir_wire_connect(path, ANSWER_S);
	return fd == -ECONNREFUSED ? -ENOENT : fd;
}

/* --- starting ----------------------------------------------------------------- */

/* The one that was built or installed beside this program, else that of the path. */
static void find_program(char *path, size_t bytes)
{
	ssize_t n = readlink("/proc/self/exe", path, bytes - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash)
		snprintf(slash, bytes - (size_t)(slash - path), "/weir-guard");
	if (access(path, X_OK))
		snprintf(path, bytes, "weir-guard");
}

/* It must not hold our output open, be stopped with us at a terminal, or inherit our blocked signals. */
static int spawn(const char *path)
{
	static const char null[] = "/dev/null";
	char *const argv[] = { "weir-guard", NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none;
	pid_t pid;
	int error;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&how);
	posix_spawn_file_actions_addopen(&files, 0, null, O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&files, 0, 1);
	posix_spawn_file_actions_adddup2(&files, 0, 2);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	posix_spawn_file_actions_addchdir_np(&files, "/");
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
	error = posix_spawnp(&pid, path, &files, &how, argv, environ);
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	return error ? -ENOEXEC : 0;
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* If two start one at the same time, one of the guards finds the other's lock and ends: both users connect to that. */
static int start_one(void)
{
	char program[4096];
	int64_t deadline = now() + START_NS;
	int err, fd;

	find_program(program, sizeof(program));
	err = spawn(program);
	if (err < 0)
		return err;
	do {
		nap();
		fd = connect_any();
	} while (fd == -ENOENT && now() < deadline);
	return fd == -ENOENT ? -ENOEXEC : fd;
}

int weir_guard_link_open(struct weir_guard_link *link, bool start)
{
	struct ucred peer = { 0 };
	socklen_t length = sizeof(peer);

	*link = (struct weir_guard_link){ .bell = -1, .fds = { -1, -1, -1 } };
	link->fd = connect_any();
	if (link->fd == -ENOENT && start)
		link->fd = start_one();
	if (link->fd >= 0 && !getsockopt(link->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length))
		link->pid = (int)peer.pid;
	return link->fd < 0 ? link->fd : 0;
}

/* --- requests ----------------------------------------------------------------- */

static void drop_fds(struct weir_guard_link *link)
{
	for (int i = 0; i < 3; i++) {
		if (link->fds[i] >= 0)
			close(link->fds[i]);
		link->fds[i] = -1;
	}
}

int weir_guard_link_call(struct weir_guard_link *link, struct weir_guard_request *request, int file)
{
	uint32_t n;
	int err;

	drop_fds(link);
	request->magic = WEIR_GUARD_MAGIC;
	err = weir_wire_send(link->fd, request, sizeof(*request), &file, file >= 0);
	if (err >= 0)
		err = weir_wire_receive(link->fd, &link->reply, sizeof(link->reply), link->fds, &n);
	if (err == -EAGAIN)
		return -ETIMEDOUT;
	return err < 0 ? err : -link->reply.error;
}

int weir_guard_link_hello(struct weir_guard_link *link, const char *title)
{
	struct weir_guard_request request = { .verb = WEIR_GUARD_HELLO };
	void *page;
	int err;

	snprintf(request.what.title, sizeof(request.what.title), "%s", title);
	err = weir_guard_link_call(link, &request, -1);
	if (err < 0)
		return err;
	page = mmap(NULL, sizeof(*link->asks), PROT_READ | PROT_WRITE, MAP_SHARED, link->fds[0], 0);
	if (page == MAP_FAILED)
		return -errno;
	link->asks = page;
	page = mmap(NULL, sizeof(*link->tells), PROT_READ, MAP_SHARED, link->fds[1], 0);
	if (page == MAP_FAILED)
		return -errno;
	link->tells = page;
	link->bell = link->fds[2];
	link->fds[2] = -1;
	drop_fds(link);
	return 0;
}

int weir_guard_link_take(struct weir_guard_link *link, struct weir_guard_request *request, int file,
			 struct weir_guard_grip *grip)
{
	int err;

	request->verb = WEIR_GUARD_TAKE;
	err = weir_guard_link_call(link, request, file);
	if (err < 0)
		return err;
	*grip = (struct weir_guard_grip){
		.slot = link->reply.slot,
		.n = request->what.n,
		.epoch = link->reply.epoch,
		.lines = link->fds[0],
	};
	link->fds[0] = -1;
	return 0;
}

void weir_guard_link_close(struct weir_guard_link *link)
{
	if (link->fd <= 0 && !link->asks)
		return;
	drop_fds(link);
	if (link->asks)
		munmap(link->asks, sizeof(*link->asks));
	if (link->tells)
		munmap((void *)link->tells, sizeof(*link->tells));
	if (link->bell >= 0)
		close(link->bell);
	if (link->fd >= 0)
		close(link->fd);
	*link = (struct weir_guard_link){ .fd = -1, .bell = -1, .fds = { -1, -1, -1 } };
}

/* --- in haste ----------------------------------------------------------------- */

static void ring_bell(const struct weir_guard_link *link)
{
	const uint64_t one = 1;

	if (write(link->bell, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it is already ringing */
}

static int await_room(const struct weir_guard_link *link, const struct weir_guard_ask_slot *slot,
		      const struct weir_guard_tell_slot *told)
{
	uint64_t head = atomic_load_explicit(&slot->head, memory_order_relaxed);
	int64_t deadline = 0;

	while (head - atomic_load_explicit(&told->tail, memory_order_acquire) >= WEIR_GUARD_QUEUE) {
		if (!deadline)
			deadline = now() + ASK_NS;
		else if (now() > deadline)
			return -ETIMEDOUT;
		ring_bell(link);
		nap();
	}
	return 0;
}

/* Once on the way up: it goes up by one at a time. */
static bool is_half_full(uint64_t head, const struct weir_guard_tell_slot *told)
{
	return head - atomic_load_explicit(&told->tail, memory_order_relaxed) == WEIR_GUARD_QUEUE / 2;
}

int weir_guard_link_ask(struct weir_guard_link *link, const struct weir_guard_grip *grip, const double *value,
			int64_t record_t, uint32_t how)
{
	struct weir_guard_ask_slot *slot = &link->asks->slot[grip->slot];
	struct weir_guard_ask *ask;
	uint64_t head;
	int err = await_room(link, slot, weir_guard_link_told(link, grip));

	if (err < 0)
		return err;
	head = atomic_load_explicit(&slot->head, memory_order_relaxed);
	ask = &slot->ask[head % WEIR_GUARD_QUEUE];
	ask->epoch = grip->epoch;
	ask->record_t = record_t;
	ask->how = how;
	memcpy(ask->value, value, grip->n * sizeof(*value));
	atomic_store_explicit(&slot->head, head + 1, memory_order_release);
	/* What is done is taken note of when the guard next wakes by itself, or before there is no room for more. */
	if (!(how & WEIR_ASK_IS_DONE) || is_half_full(head + 1, weir_guard_link_told(link, grip)))
		ring_bell(link);
	return 0;
}

void weir_guard_link_beat(struct weir_guard_link *link, const struct weir_guard_grip *grip, int64_t now_ns,
			  int64_t fresh_ns)
{
	struct weir_guard_ask_slot *slot = &link->asks->slot[grip->slot];

	atomic_store_explicit(&slot->fresh_ns, fresh_ns, memory_order_relaxed);
	atomic_store_explicit(&slot->beat_ns, now_ns, memory_order_release);
}

int weir_grip_set(const struct weir_guard_grip *grip, const double *value)
{
	return weir_lines_set(grip->lines, grip->n, value);
}
