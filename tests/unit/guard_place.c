/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "build_path.h"
#include "guard_place.h"

#define LOOKS 2500

int64_t place_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

void place_nap(void)
{
	const struct timespec time = { .tv_nsec = 2 * PLACE_MS };

	nanosleep(&time, NULL);
}

/* --- the process ------------------------------------------------------------------- */

pid_t place_run(const char *option)
{
	char program[600];
	pid_t pid;

	build_path(program, sizeof(program), "weir-guard");
	pid = fork();
	if (!pid) {
		execl(program, program, option, getenv("WEIR_GUARD"), NULL);
		_exit(127);
	}
	return pid;
}

void place_start(struct guard_place *place)
{
	place->guard = place_run("--stay");
}

int place_status(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void place_await_end(pid_t pid)
{
	int gone = 0;

	for (int i = 0; i < LOOKS && !gone; i++) {
		waitpid(pid, NULL, WNOHANG);
		gone = kill(pid, 0) < 0 && errno == ESRCH;
		if (!gone)
			place_nap();
	}
	assert_true(gone);
}

void place_kill(struct guard_place *place, int signal)
{
	kill(place->guard, signal);
	place_await_end(place->guard);
}

int place_make(struct guard_place *place)
{
	char socket[96];

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	snprintf(place->directory, sizeof(place->directory), "/tmp/weir-guard-XXXXXX");
	if (!mkdtemp(place->directory))
		return -1;
	snprintf(place->output, sizeof(place->output), "%s/output", place->directory);
	snprintf(socket, sizeof(socket), "%s/socket", place->directory);
	setenv("WEIR_GUARD", socket, 1);
	place_start(place);
	return 0;
}

int place_drop(struct guard_place *place)
{
	static const char *const left[] = { "output", "socket.lock", "socket.next", "socket.held" };
	char path[128];

	place_kill(place, SIGTERM);
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", place->directory, left[i]);
		unlink(path);
	}
	return rmdir(place->directory);
}

/* --- requests ---------------------------------------------------------------------- */

void place_connect(struct weir_guard_link *link)
{
	int err = -ENOENT;

	for (int i = 0; i < LOOKS && err == -ENOENT; i++) {
		err = weir_guard_link_open(link, false);
		if (err == -ENOENT)
			place_nap();
	}
	assert_int_equal(err, 0);
}

int place_call(struct weir_guard_link *link, enum weir_guard_verb verb, uint32_t index)
{
	struct weir_guard_request request = { .verb = verb, .index = index };

	return weir_guard_link_call(link, &request, -1);
}

int place_held(struct weir_guard_reply *reply)
{
	struct weir_guard_link link;
	int err;

	place_connect(&link);
	err = place_call(&link, WEIR_GUARD_LIST, 0);
	*reply = link.reply;
	weir_guard_link_close(&link);
	return err;
}

struct weir_guard_request place_wanted(const struct guard_place *place)
{
	struct weir_guard_request request = { .deadline_ns = 100 * PLACE_MS };

	request.what =
		(struct weir_physical){ .n = 1, .is_file = 1, .factor = 1, .most = 1000, .park = { PLACE_PARK } };
	strcpy(request.what.title, "dac");
	snprintf(request.what.device, sizeof(request.what.device), "%s", place->output);
	return request;
}

int place_take(struct weir_guard_link *link, struct weir_guard_request *request, struct weir_guard_grip *grip,
	       const char *title)
{
	int file = open(request->what.device, O_WRONLY | O_CREAT, 0600), err;

	place_connect(link);
	assert_int_equal(weir_guard_link_hello(link, title), 0);
	err = weir_guard_link_take(link, request, file, grip);
	close(file);
	return err;
}

void place_ask(struct weir_guard_link *link, const struct weir_guard_grip *grip, double value, uint32_t how)
{
	assert_int_equal(weir_guard_link_ask(link, grip, &value, 0, how), 0);
}

void place_drive(const struct guard_place *place, struct weir_guard_link *link, struct weir_guard_grip *grip,
		 int64_t deadline_ns)
{
	struct weir_guard_request request = place_wanted(place);

	request.deadline_ns = deadline_ns;
	assert_int_equal(place_take(link, &request, grip, "one"), 0);
	weir_guard_link_beat(link, grip, place_now(), place_now());
	place_ask(link, grip, 42, 0);
	while (atomic_load(&weir_guard_link_told(link, grip)->done) == 0)
		place_nap();
}

/* --- the output -------------------------------------------------------------------- */

long place_value(const struct guard_place *place)
{
	char text[32] = "";
	int fd = open(place->output, O_RDONLY);

	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	return strtol(text, NULL, 10);
}

void place_await(const struct guard_place *place, long value)
{
	long now = place_value(place);

	/* What was there may have gone again a moment later. */
	for (int i = 0; i < LOOKS && now != value; i++) {
		place_nap();
		now = place_value(place);
	}
	assert_int_equal(now, value);
}
