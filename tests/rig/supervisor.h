/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a service manager does with the units in examples/systemd, line by line: guards are started again, a stop hook is run. */
#ifndef WEIR_RIG_SUPERVISOR_H
#define WEIR_RIG_SUPERVISOR_H

#include "clock.h"
#include "process.h"
#include "unit_file.h"

#define SUPERVISOR_SOCKET "/run/weir/guard.sock"
#define SUPERVISOR_UNITS "examples/systemd/"
#define SUPERVISOR_GUARDS 2
#define SUPERVISOR_HOOK_LINES 4

struct supervisor {
	unsigned n_guards; /* that are to run; the second one stands by */
	int restarts;      /* guards, when they end */
	int has_hook;      /* of the pipeline */
	int is_quiet;
	pid_t guard[SUPERVISOR_GUARDS], hook;
	int guard_fd[SUPERVISOR_GUARDS]; /* pidfds */
	struct unit_command serve, stop[SUPERVISOR_HOOK_LINES];
	unsigned n_stop, hook_line;
};

/* -1 if a unit or a line is missing. */
static inline int supervisor_read(struct supervisor *s)
{
	s->guard_fd[0] = s->guard_fd[1] = -1;
	s->n_stop = unit_commands(SUPERVISOR_UNITS "weir@.service", "ExecStopPost", s->stop, SUPERVISOR_HOOK_LINES);
	return unit_commands(SUPERVISOR_UNITS "weir-guard@.service", "ExecStart", &s->serve, 1) && s->n_stop ? 0 : -1;
}

static inline void supervisor_start_guard(struct supervisor *s, unsigned i)
{
	s->guard[i] = process_start(s->serve.word, s->is_quiet);
	let_go(&s->guard_fd[i]);
	s->guard_fd[i] = pidfd_of(s->guard[i]);
}

/* Those that are to run, the first one first. */
static inline void supervisor_start_guards(struct supervisor *s)
{
	if (s->guard[0] <= 0) {
		unlink(SUPERVISOR_SOCKET);
		supervisor_start_guard(s, 0);
	}
	while (access(SUPERVISOR_SOCKET, F_OK))
		clock_nap_ns(1000000);
	if (s->n_guards > 1 && s->guard[1] <= 0)
		supervisor_start_guard(s, 1);
}

static inline void supervisor_end_guard(struct supervisor *s, unsigned i)
{
	process_end(&s->guard[i]);
	let_go(&s->guard_fd[i]);
}

/* Is the second one ready to take over lines? */
static inline int supervisor_is_followed(const struct supervisor *s)
{
	return s->n_guards < 2 || process_has_open(s->guard[1], "anon_inode:gpio-line");
}

/* The main process has ended: one line after the other. 0: they are done. */
static inline int supervisor_run_hook(struct supervisor *s)
{
	if (s->hook > 0 && waitpid(s->hook, NULL, WNOHANG) == 0)
		return 1;
	s->hook = 0;
	if (s->hook_line == s->n_stop)
		return 0;
	s->hook = process_start(s->stop[s->hook_line++].word, s->is_quiet);
	return 1;
}

static inline void supervisor_restart(struct supervisor *s)
{
	for (unsigned i = 0; s->restarts && i < s->n_guards; i++)
		if (s->guard[i] > 0 && is_gone(s->guard_fd[i])) {
			waitpid(s->guard[i], NULL, 0);
			supervisor_start_guard(s, i);
		}
}

#endif
