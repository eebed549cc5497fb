/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wherever a program is waited for: with a deadline, and with an eye on the end of the run. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program/program_internal.h"

#define HALT_NS INT64_C(800000000)
#define KILLED_NS INT64_C(1000000000) /* after SIGKILL: a process that hangs in the kernel is left behind */

void weir_program_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ------------------------------------------------------------------- exchange */

/* A reader that has gone is no reason to die, whatever the process does with SIGPIPE. */
static ssize_t write_quietly(int fd, const void *bytes, size_t n)
{
	sigset_t pipe_signal, before, pending;
	ssize_t done;
	int error;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
	done = write(fd, bytes, n);
	error = errno;
	if (done < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE))
		sigtimedwait(&pipe_signal, NULL, &(struct timespec){ 0 });
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return done;
}

static bool give(struct weir_program *program, struct weir_exchange *exchange)
{
	ssize_t n = write_quietly(program->in, exchange->in, exchange->n_in);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0) {
		weir_program_close_fd(&program->in);
		exchange->refused = true;
		exchange->n_in = 0;
		return true;
	}
	exchange->in += n;
	exchange->n_in -= (size_t)n;
	return true;
}

/* 1: something came; 0: nothing will any more; -EAGAIN: nothing just now. */
static int take(struct weir_program *program, struct weir_exchange *exchange)
{
	ssize_t n = read(program->out, exchange->out + exchange->n_out, exchange->room - exchange->n_out);

	if (n > 0) {
		exchange->n_out += (size_t)n;
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	weir_program_close_fd(&program->out);
	return 0;
}

/* Milliseconds for poll(), rounded up; -1: for ever. */
static int milliseconds_to(int64_t until_ns)
{
	int64_t left;

	if (until_ns == INT64_MAX)
		return -1;
	left = (until_ns - weir_now(WEIR_CLOCK_MONOTONIC) + 999999) / 1000000;
	return left < 0 ? 0 : left > 1000000 ? 1000000 : (int)left;
}

/* When patience ends: at a deadline, or sooner when the run is to end. */
static int64_t sooner(const struct weir_program *program, int64_t until_ns)
{
	return program->halt_ns && program->halt_ns < until_ns ? program->halt_ns : until_ns;
}

/* After a wait in vain: whose patience is at its end? */
static int run_out(const struct weir_program *program, int64_t until_ns)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);

	if (program->halt_ns && now >= program->halt_ns)
		return -ECANCELED;
	return now >= until_ns ? -ETIMEDOUT : -EAGAIN;
}

/* The descriptor that says that the run is to end stays readable: it is heeded once, and then there is a deadline. */
static void heed_halt(struct weir_program *program, const struct pollfd *halt)
{
	if (halt->revents && !program->halt_ns)
		program->halt_ns = weir_now(WEIR_CLOCK_MONOTONIC) + HALT_NS;
}

static int step(struct weir_program *program, struct weir_exchange *exchange, int64_t until_ns)
{
	bool gives = program->in >= 0 && exchange->n_in, takes = program->out >= 0 && exchange->n_out < exchange->room;
	struct pollfd fds[] = {
		{ .fd = takes ? program->out : -1, .events = POLLIN },
		{ .fd = gives ? program->in : -1, .events = POLLOUT },
		{ .fd = program->pidfd, .events = POLLIN },
		{ .fd = program->halt_ns ? -1 : weir_halt_fd(program->node), .events = POLLIN },
	};
	int ready = poll(fds, sizeof(fds) / sizeof(fds[0]), milliseconds_to(sooner(program, until_ns))), got;

	if (ready <= 0)
		return ready < 0 && errno != EINTR ? -errno : run_out(program, until_ns);
	heed_halt(program, &fds[3]);
	got = fds[0].revents ? take(program, exchange) : -EAGAIN;
	if (got >= 0)
		return got;
	if (fds[1].revents && give(program, exchange))
		return 1;
	/* It has ended, and what it wrote has been read; a child of its own may hold the pipe open for ever. */
	if (fds[2].revents && !fds[0].revents)
		return 0;
	return run_out(program, until_ns);
}

int weir_program_exchange(struct weir_program *program, struct weir_exchange *exchange, int64_t until_ns)
{
	int result;

	if (program->is_read && program->out < 0)
		return 0;
	do {
		result = step(program, exchange, until_ns);
	} while (result == -EAGAIN);
	return result;
}

size_t weir_exchange_room(struct weir_exchange *exchange)
{
	if (exchange->begin) {
		exchange->n_out -= exchange->begin;
		memmove(exchange->out, exchange->out + exchange->begin, exchange->n_out);
		exchange->begin = 0;
	}
	return exchange->room - exchange->n_out;
}

char *weir_exchange_line(struct weir_exchange *exchange, bool all, size_t *n)
{
	for (;;) {
		char *line = exchange->out + exchange->begin;
		size_t unread = exchange->n_out - exchange->begin;
		char *newline = memchr(line, '\n', unread);
		bool was_skipping = exchange->skips;

		if (!newline && !(all && unread) && unread < exchange->room)
			return NULL;
		*n = newline ? (size_t)(newline - line) : unread;
		exchange->begin += *n + (newline != NULL);
		exchange->skips = !newline;
		if (!was_skipping)
			return line;
	}
}

/* ------------------------------------------------------------------------ end */

void weir_program_finish(struct weir_program *program)
{
	weir_program_close_fd(&program->in);
}

/* 0 when it has ended; -ETIMEDOUT, -ECANCELED. */
static int await_end(struct weir_program *program, int64_t until_ns)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = program->pidfd, .events = POLLIN },
			{ .fd = program->halt_ns ? -1 : weir_halt_fd(program->node), .events = POLLIN },
		};
		int ready = poll(fds, 2, milliseconds_to(sooner(program, until_ns))), err;

		if (ready > 0 && fds[0].revents)
			return 0;
		if (ready > 0)
			heed_halt(program, &fds[1]);
		err = run_out(program, until_ns);
		if (err != -EAGAIN)
			return err;
	}
}

/* The same, whatever the run is about to do: somebody has been told to end already. */
static bool has_ended_by(const struct weir_program *program, int64_t until_ns)
{
	struct pollfd pidfd = { .fd = program->pidfd, .events = POLLIN };
	int ready;

	do {
		ready = poll(&pidfd, 1, milliseconds_to(until_ns));
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* What is left of its group goes with it, as long as the number of the group is surely ours: before it is reaped. */
static int reap(struct weir_program *program)
{
	int status = 0;

	kill(-program->pid, SIGKILL);
	if (waitpid(program->pid, &status, program->pidfd < 0 ? 0 : WNOHANG) <= 0)
		status = -EBUSY;
	program->pid = 0;
	weir_program_close_fd(&program->pidfd);
	weir_program_close_fd(&program->in);
	weir_program_close_fd(&program->out);
	return status;
}

uint64_t weir_program_unread(const struct weir_program *program)
{
	int bytes = 0;

	return program->in >= 0 && !ioctl(program->in, FIONREAD, &bytes) && bytes > 0 ? (uint64_t)bytes : 0;
}

int weir_program_end(struct weir_program *program, int64_t until_ns)
{
	int err;

	weir_program_finish(program);
	err = await_end(program, until_ns);
	if (!err)
		return reap(program);
	weir_program_kill(program, 0);
	return err;
}

void weir_program_kill(struct weir_program *program, int64_t grace_ns)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);

	if (program->pid <= 0)
		return;
	weir_program_finish(program);
	if (grace_ns) {
		kill(-program->pid, SIGTERM);
		kill(-program->pid, SIGCONT);
	}
	if (!grace_ns || program->pidfd < 0 || !has_ended_by(program, now + grace_ns)) {
		kill(-program->pid, SIGKILL);
		if (program->pidfd >= 0 && !has_ended_by(program, now + grace_ns + KILLED_NS))
			weir_warn(program->node, "process %d does not end", (int)program->pid);
	}
	reap(program);
}

/* ------------------------------------------------------------------- failures */

bool weir_program_is_halted(const struct weir_program *program)
{
	return program->halt_ns && weir_now(WEIR_CLOCK_MONOTONIC) >= program->halt_ns;
}

void weir_program_describe(int result, char *text)
{
	if (result == -ETIMEDOUT)
		snprintf(text, WEIR_PROGRAM_FATE, "did not end by its deadline and was killed");
	else if (result < 0)
		snprintf(text, WEIR_PROGRAM_FATE, "cannot be run: %s", strerror(-result));
	else if (WIFSIGNALED(result))
		snprintf(text, WEIR_PROGRAM_FATE, "was ended by signal %d (%s)", WTERMSIG(result),
			 strsignal(WTERMSIG(result)));
	else
		snprintf(text, WEIR_PROGRAM_FATE, "ended with status %d", WEXITSTATUS(result));
}

int weir_program_failed(struct weir_program *program, int result, uint64_t lost, bool skips)
{
	char fate[WEIR_PROGRAM_FATE];

	weir_lost(program->node, WEIR_LOST_POISON, lost);
	if (result == -ECANCELED)
		return 0;
	weir_program_describe(result, fate);
	if (!skips)
		return weir_fail(program->node, result < 0 ? -result : EINVAL, "the program %s", fate);
	if (!program->has_warned)
		weir_warn(program->node, "the program %s; skipped, and so are failures that follow", fate);
	program->has_warned = true;
	return 0;
}
