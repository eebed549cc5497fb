/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * posix_spawn() and not fork(): other threads hold locks, and a process with a large mapping is slow to copy. A descriptor of the
 * process (pidfd) tells when it has ended, without signals.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/internal.h"
#include "program/program_internal.h"

#define SHELL_CHARACTERS "|&;<>()$`\\\"'*?[]#~={}!%\n"

extern char **environ;

/* -------------------------------------------------------------------- command */

static int split_words(struct weir_program *program)
{
	size_t n = 0, most = strlen(program->words) / 2 + 2;
	char *rest = program->words, *word;

	program->argv = calloc(most, sizeof(char *));
	if (!program->argv)
		return -ENOMEM;
	while ((word = strsep(&rest, " \t")))
		if (*word)
			program->argv[n++] = word;
	return 0;
}

static int use_shell(struct weir_program *program)
{
	static char shell[] = "/bin/sh", option[] = "-c";

	program->argv = calloc(4, sizeof(char *));
	if (!program->argv)
		return -ENOMEM;
	program->argv[0] = shell;
	program->argv[1] = option;
	program->argv[2] = program->words;
	return 0;
}

static bool is_found(const char *name)
{
	const char *path = getenv("PATH");
	char file[4096];

	if (strchr(name, '/'))
		return !access(name, X_OK);
	for (size_t n; path && *path; path += n + (path[n] == ':')) {
		n = strcspn(path, ":");
		snprintf(file, sizeof(file), "%.*s/%s", (int)n, path, name);
		if (!access(file, X_OK))
			return true;
	}
	return false;
}

/* Does a unit of systemd keep its service from running any program? A shell is on each system, with its mode in order. */
static bool is_kept_by_unit(void)
{
	struct stat status;

	return getenv("INVOCATION_ID") && !stat("/bin/sh", &status) && (status.st_mode & 0111) &&
	       access("/bin/sh", X_OK);
}

static int refuse_program(struct weir_node *node, const char *argument, const char *name)
{
	if (is_kept_by_unit())
		return weir_fail_arg(
			node, argument,
			"copy programs.conf of weir's systemd directory to weir@NAME.service.d, see weir(1)",
			"the unit of this service does not allow the program '%s' (NoExecPaths=)", name);
	return weir_fail_arg(node, argument, NULL, "cannot find the program '%s'", name);
}

int weir_program_open(struct weir_program **out, struct weir_node *node, const char *argument, const char *command)
{
	struct weir_program *program = calloc(1, sizeof(*program));
	int err;

	*out = program;
	if (!program)
		return -ENOMEM;
	program->node = node;
	program->pidfd = program->in = program->out = -1;
	program->words = strdup(command);
	if (!program->words)
		return -ENOMEM;
	err = strpbrk(command, SHELL_CHARACTERS) ? use_shell(program) : split_words(program);
	if (err < 0)
		return err;
	if (!program->argv[0])
		return weir_fail_arg(node, argument, NULL, "the command is empty");
	if (!is_found(program->argv[0]))
		return refuse_program(node, argument, program->argv[0]);
	return 0;
}

void weir_program_close(struct weir_program *program)
{
	if (!program)
		return;
	weir_program_kill(program, 0);
	free(program->argv);
	free(program->words);
	free(program);
}

/* ---------------------------------------------------------------------- start */

static size_t count_variables(char *const *variable)
{
	size_t n = 0;

	while (variable && variable[n])
		n++;
	return n;
}

/* What is added to our own environment comes first and so counts: of a record, then the pipeline's parameters. */
static char **join_environment(char *const *added, char *const *parameters)
{
	size_t n = count_variables(environ), m = count_variables(added), k = count_variables(parameters);
	char **all = calloc(n + m + k + 1, sizeof(char *));

	if (!all)
		return NULL;
	for (size_t i = 0; i < m + k + n; i++)
		all[i] = i < m ? added[i] : i < m + k ? parameters[i - m] : environ[i - m - k];
	return all;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
	posix_spawnattr_setpgroup(attributes, 0);
	return posix_spawnattr_setflags(attributes,
					POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

static int lead_descriptors(posix_spawn_file_actions_t *actions, int in, int out)
{
	int err = in < 0 ? posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
			 : posix_spawn_file_actions_adddup2(actions, in, STDIN_FILENO);

	if (!err && out >= 0)
		err = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
	return err ? err : posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}

static int spawn(struct weir_program *program, int in, int out, char *const *added)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char *const *parameters = program->node->pipeline->environment;
	char **environment = added || parameters ? join_environment(added, parameters) : environ;
	int err = environment ? 0 : ENOMEM;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	if (!err)
		err = lead_descriptors(&actions, in, out);
	if (!err)
		err = set_attributes(&attributes);
	if (!err)
		err = posix_spawnp(&program->pid, program->argv[0], &actions, &attributes, program->argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (environment != environ)
		free(environment);
	if (err)
		program->pid = 0;
	return -err;
}

/* pipes[0] is read from, pipes[1] written to; ours, the one or the other, does not block. */
static int open_pipe(int pipes[2], int ours)
{
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	return fcntl(pipes[ours], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int start_with(struct weir_program *program, int in, int out, char *const *environment)
{
	int err = spawn(program, in, out, environment);

	if (err < 0)
		return err;
	program->pidfd = pidfd_open(program->pid, 0);
	return program->pidfd < 0 ? -errno : 0;
}

int weir_program_start(struct weir_program *program, int in, bool is_read, char *const *environment)
{
	int to[2] = { -1, -1 }, from[2] = { -1, -1 };
	int err = in == WEIR_PROGRAM_PIPE ? open_pipe(to, 1) : 0;

	if (!err && is_read)
		err = open_pipe(from, 0);
	if (!err)
		err = start_with(program, in == WEIR_PROGRAM_PIPE ? to[0] : in, from[1], environment);
	weir_program_close_fd(&to[0]);
	weir_program_close_fd(&from[1]);
	program->in = to[1];
	program->out = from[0];
	program->is_read = is_read;
	if (err < 0)
		weir_program_kill(program, 0);
	return err;
}

bool weir_program_runs(const struct weir_program *program)
{
	return program->pid > 0;
}

int weir_program_fd(const struct weir_program *program)
{
	return program->out;
}
