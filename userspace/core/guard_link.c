/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/guard_link.h"
#include "core/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

static int try_place(struct weir_guard_link *link, const char place[WEIR_PLACE_PATH])
{
	char why[WEIR_PLACE_WHY];
	int fd = weir_place_check(place, false, why);

	if (!fd)
		fd = weir_wire_connect(place, ANSWER_S);
	if (fd >= 0)
		strcpy(link->place, place);
	else if (fd == -EPERM && *why)
		strcpy(link->why, why);
	else if (fd == -EACCES)
		snprintf(link->why, sizeof(link->why),
			 "%.107s may not be opened; become a member of its group, or set WEIR_GUARD to another guard's "
			 "socket",
			 place);
	return fd;
}

/* A place that may not be used is worth telling of when there is no other guard. */
static int connect_any(struct weir_guard_link *link)
{
	char place[WEIR_PLACES_MAX][WEIR_PLACE_PATH];
	unsigned n = weir_places(place, link->why);
	int err = n ? -ENOENT : -EINVAL;

	for (unsigned i = 0; i < n; i++) {
		int fd = try_place(link, place[i]);

		if (fd >= 0)
			return fd;
		if (fd != -ENOENT && fd != -ECONNREFUSED && fd != -ENOTDIR && err == -ENOENT)
			err = fd;
	}
	return err;
}

/* --- starting ----------------------------------------------------------------- */

/* The one that was built or installed beside this program, else that of the path. A user who may link this file to another place has no say
 * in it where we have more rights. */
static void find_program(char *path, size_t bytes)
{
	char why[WEIR_TRUST_WHY];
	ssize_t n = readlink("/proc/self/exe", path, bytes - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash)
		snprintf(slash, bytes - (size_t)(slash - path), "/weir-guard");
	if (access(path, X_OK) || (weir_is_secure() && weir_trust_file(path, why)))
		snprintf(path, bytes, "weir-guard");
}

/* It must not hold our output open, be stopped with us at a terminal, or inherit our blocked signals. */
static int spawn(const char *path, char *place, int messages, pid_t *pid)
{
	static const char null[] = "/dev/null";
	char *const argv[] = { "weir-guard", place, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none;
	int error;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&how);
	posix_spawn_file_actions_adddup2(&files, messages, 2);
	posix_spawn_file_actions_addopen(&files, 0, null, O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&files, 0, 1);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	posix_spawn_file_actions_addchdir_np(&files, "/");
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
	error = posix_spawnp(pid, path, &files, &how, argv, environ);
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	return error ? -error : 0;
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* One that finds another guard's lock ends as well, and leaves the place to that. */
static bool has_failed(pid_t pid, bool *is_over)
{
	int status;

	if (*is_over || waitpid(pid, &status, WNOHANG) != pid)
		return false;
	*is_over = true;
	return !WIFEXITED(status) || WEXITSTATUS(status) != WEIR_GUARD_BUSY;
}

/* What it said before it ended, on one line. */
static void read_why(struct weir_guard_link *link, int messages)
{
	static const char name[] = "weir-guard: ";
	char text[WEIR_PLACE_WHY];
	ssize_t n = read(messages, text, sizeof(text) - 1);
	const char *from = text;

	text[n > 0 ? n : 0] = '\0';
	if (!strncmp(text, name, sizeof(name) - 1))
		from += sizeof(name) - 1;
	snprintf(link->why, sizeof(link->why), "%.*s", (int)strcspn(from, "\n"), from);
	if (!*link->why)
		strcpy(link->why, "weir-guard has failed without a message");
}

static int await(struct weir_guard_link *link, pid_t pid, int messages)
{
	int64_t deadline = now() + START_NS;
	bool is_over = false;
	int fd;

	do {
		bool failed = has_failed(pid, &is_over);

		fd = connect_any(link);
		if (fd < 0 && failed) {
			read_why(link, messages);
			return -ENOEXEC;
		}
		if (fd == -ENOENT)
			nap();
	} while (fd == -ENOENT && now() < deadline);
	if (fd != -ENOENT)
		return fd;
	snprintf(link->why, sizeof(link->why), "it does not answer after %d s", (int)(START_NS / 1000000000));
	return -ENOEXEC;
}

/* If two start one at the same time, one of the guards finds the other's lock and ends: both users connect to that. */
static int start_one(struct weir_guard_link *link)
{
	char program[4096], place[WEIR_PLACE_PATH];
	int messages[2], err = weir_place_to_listen(place, link->why);
	pid_t pid;

	if (err < 0)
		return -ENOEXEC;
	if (pipe2(messages, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	find_program(program, sizeof(program));
	err = spawn(program, place, messages[1], &pid);
	close(messages[1]);
	if (err < 0) {
		snprintf(link->why, sizeof(link->why), "weir-guard, beside this program or in the path: %s",
			 strerror(-err));
		err = -ENOEXEC;
	} else {
		err = await(link, pid, messages[0]);
	}
	close(messages[0]);
	return err;
}

int weir_guard_link_open(struct weir_guard_link *link, bool start)
{
	struct ucred peer = { 0 };
	socklen_t length = sizeof(peer);

	*link = (struct weir_guard_link){ .bell = -1, .fds = { -1, -1, -1 } };
	link->fd = connect_any(link);
	if (link->fd == -ENOENT && start)
		link->fd = start_one(link);
	if (link->fd >= 0 && !getsockopt(link->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length))
		link->pid = (int)peer.pid;
	return link->fd < 0 ? link->fd : 0;
}

/* --- requests ----------------------------------------------------------------- */

static void drop_fds(struct weir_guard_link *link)
{
	weir_wire_drop(link->fds, WEIR_WIRE_FDS);
	for (int i = 0; i < WEIR_WIRE_FDS; i++)
		link->fds[i] = -1;
}

int weir_guard_link_call(struct weir_guard_link *link, struct weir_guard_request *request, int file)
{
	int fds[WEIR_WIRE_FDS];
	uint32_t n;
	int err;

	drop_fds(link);
	request->magic = WEIR_GUARD_MAGIC;
	err = weir_wire_send(link->fd, request, sizeof(*request), &file, file >= 0);
	if (err >= 0)
		err = weir_wire_receive(link->fd, &link->reply, sizeof(link->reply), fds, WEIR_WIRE_FDS, &n);
	if (err == -EAGAIN)
		return -ETIMEDOUT;
	if (err < 0) {
		*link->reply.text = '\0';
		return err;
	}
	memcpy(link->fds, fds, n * sizeof(*fds));
	link->reply.text[WEIR_GUARD_TEXT - 1] = '\0';
	return -link->reply.error;
}

/* A page that is too short would end us at the first access. */
static void *map_page(int fd, size_t bytes, int prot)
{
	struct stat status;
	void *page;

	if (fd < 0 || fstat(fd, &status) || status.st_size < (off_t)bytes) {
		errno = EPROTO;
		return NULL;
	}
	page = mmap(NULL, bytes, prot, MAP_SHARED, fd, 0);
	return page == MAP_FAILED ? NULL : page;
}

static int map_pages(struct weir_guard_link *link)
{
	link->asks = map_page(link->fds[0], sizeof(*link->asks), PROT_READ | PROT_WRITE);
	if (!link->asks)
		return -errno;
	link->tells = map_page(link->fds[1], sizeof(*link->tells), PROT_READ);
	return link->tells ? 0 : -errno;
}

int weir_guard_link_hello(struct weir_guard_link *link, const char *title)
{
	struct weir_guard_request request = { .verb = WEIR_GUARD_HELLO };
	int err;

	snprintf(request.what.title, sizeof(request.what.title), "%s", title);
	err = weir_guard_link_call(link, &request, -1);
	if (err >= 0)
		err = map_pages(link);
	/* One that is of another version ends the connection, or its packets have another size. */
	if (err == -EPIPE || err == -EPROTO || err == -EPROTONOSUPPORT)
		snprintf(link->why, sizeof(link->why),
			 "the guard at %s, process %d, is of another version of weir: end it with kill %d, "
			 "which parks all that it holds, and run this again",
			 link->place, link->pid, link->pid);
	if (err < 0)
		return err;
	link->bell = link->fds[2];
	link->fds[2] = -1;
	drop_fds(link);
	return 0;
}

int weir_guard_link_look(struct weir_guard_link *link, const struct weir_physical *what)
{
	struct weir_guard_request request = { .verb = WEIR_GUARD_LIST };
	struct weir_guard_reply *reply = &link->reply;
	int err;

	for (; (err = weir_guard_link_call(link, &request, -1)) >= 0; request.index++) {
		char holder[64];

		if (reply->what.is_file != what->is_file || strcmp(reply->what.device, what->device))
			continue;
		if (!reply->pid)
			return 1;
		snprintf(holder, sizeof(holder), "%.63s", reply->text);
		snprintf(reply->text, sizeof(reply->text), "%s, process %d, has it", holder, (int)reply->pid);
		return -EBUSY;
	}
	return err == -ENOENT ? 0 : err;
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
