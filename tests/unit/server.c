/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define LOOK_US 1000

struct server_kind {
	const char *path;
	int start_s;                              /* that it may take */
	void (*configure)(const struct server *); /* write files */
	void (*exec)(const struct server *);      /* in the child; returns where it cannot */
	void (*sweep)(const struct server *);     /* what it leaves running; may be NULL */
	const char *pid_file;                     /* with the number of the program, where that is not our child */
};

/* ---------------------------------------------------------------- mosquitto */

static FILE *make_file(const struct server *server, const char *name)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", server->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	return file;
}

/* It keeps all that it has not delivered, for as many messages as there are; and stays who we are, to write where we may. */
static void configure_mosquitto(const struct server *server)
{
	FILE *file = make_file(server, "conf");
	const struct passwd *user = getpwuid(geteuid());

	fprintf(file, "listener %d 127.0.0.1\nlistener %d 127.0.0.2\n", server->port, server->port);
	fprintf(file, "allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n");
	fprintf(file, "persistence true\nlog_type error\nlog_type subscribe\npersistence_location %s/\n", server->dir);
	if (user)
		fprintf(file, "user %s\n", user->pw_name);
	fclose(file);
}

static void exec_mosquitto(const struct server *server)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/conf", server->dir);
	execl("/usr/sbin/mosquitto", "mosquitto", "-c", path, NULL);
}

const struct server_kind server_mosquitto = {
	.path = "/usr/sbin/mosquitto",
	.start_s = 20,
	.configure = configure_mosquitto,
	.exec = exec_mosquitto,
};

/* ----------------------------------------------------------------- rabbitmq */

#define RABBITMQ "/usr/lib/rabbitmq/bin/rabbitmq-server"

static void configure_rabbitmq(const struct server *server)
{
	FILE *file = make_file(server, "rabbitmq.conf");

	fprintf(file, "listeners.tcp.default = 127.0.0.1:%d\n", server->port);
	fclose(file);
	file = make_file(server, "plugins");
	fprintf(file, "[].\n");
	fclose(file);
}

static void set(const char *name, const char *format, const struct server *server)
{
	char value[160];

	snprintf(value, sizeof(value), format, server->dir);
	setenv(name, value, 1);
}

static void set_port(const char *name, int port)
{
	char value[16];

	snprintf(value, sizeof(value), "%d", port);
	setenv(name, value, 1);
}

/* Nothing of it is where a server of this machine would be, not even the mapper of Erlang's ports. */
static void exec_rabbitmq(const struct server *server)
{
	char node[64];

	snprintf(node, sizeof(node), "weir%d@localhost", server->port);
	setenv("RABBITMQ_NODENAME", node, 1);
	set("HOME", "%s", server);
	set("RABBITMQ_MNESIA_BASE", "%s/mnesia", server);
	set("RABBITMQ_LOG_BASE", "%s/log", server);
	set("RABBITMQ_CONFIG_FILE", "%s/rabbitmq.conf", server);
	set("RABBITMQ_ENABLED_PLUGINS_FILE", "%s/plugins", server);
	set("RABBITMQ_CONF_ENV_FILE", "/dev/null", server);
	set("RABBITMQ_LOGS", "-", server);
	set("RABBITMQ_PID_FILE", "%s/pid", server);
	set("ERL_EPMD_ADDRESS", "127.0.0.1", server);
	set("ERL_EPMD_RELAXED_COMMAND_CHECK", "1", server); /* else it would not let itself be ended */
	set_port("RABBITMQ_DIST_PORT", server->port + 1);
	set_port("ERL_EPMD_PORT", server->port + 2);
	execl(RABBITMQ, RABBITMQ, NULL);
}

static void sweep_rabbitmq(const struct server *server)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "ERL_EPMD_PORT=%d ERL_EPMD_RELAXED_COMMAND_CHECK=1 epmd -kill >/dev/null 2>&1", server->port + 2);
	if (system(command))
		print_message("# no port mapper to be ended\n");
}

const struct server_kind server_rabbitmq = {
	.path = RABBITMQ,
	.start_s = 120,
	.configure = configure_rabbitmq,
	.exec = exec_rabbitmq,
	.sweep = sweep_rabbitmq,
	.pid_file = "pid",
};

/* --------------------------------------------------------------------- both */

bool server_is_there(const struct server_kind *kind)
{
	return !access(kind->path, X_OK);
}

static int bind_to(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The first of three in a row that nobody has: below those that the kernel gives out by itself. */
static int find_port(void)
{
	int first = 20000 + (int)(getpid() * 7 % 10000);

	for (int port = first; port < 32000; port += 3) {
		int fd[3] = { bind_to(port), bind_to(port + 1), bind_to(port + 2) };
		bool is_free = fd[0] >= 0 && fd[1] >= 0 && fd[2] >= 0;

		for (int i = 0; i < 3; i++)
			if (fd[i] >= 0)
				close(fd[i]);
		if (is_free)
			return port;
	}
	fail_msg("no port is free");
	return 0;
}

void server_open(struct server *server, const struct server_kind *kind)
{
	*server = (struct server){ .kind = kind, .port = find_port() };
	snprintf(server->dir, sizeof(server->dir), "/tmp/weir-server-XXXXXX");
	assert_non_null(mkdtemp(server->dir));
	kind->configure(server);
}

static bool is_listening(const struct server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)server->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_there = !connect(fd, (struct sockaddr *)&address, sizeof(address));

	close(fd);
	return is_there;
}

static void become(const struct server *server)
{
	int log;
	char path[128];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/output", server->dir);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	server->kind->exec(server);
	_exit(127);
}

static pid_t find_program(const struct server *server)
{
	char path[128];
	FILE *file;
	int program = 0;

	if (!server->kind->pid_file)
		return server->pid;
	snprintf(path, sizeof(path), "%s/%s", server->dir, server->kind->pid_file);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &program), 1);
	fclose(file);
	return program;
}

void server_start(struct server *server)
{
	int tries = server->kind->start_s * 1000000 / LOOK_US;

	server->pid = fork();
	assert_true(server->pid >= 0);
	if (!server->pid)
		become(server);
	while (!is_listening(server)) {
		if (!--tries || waitpid(server->pid, NULL, WNOHANG))
			fail_msg("%s does not start: see %s/output", server->kind->path, server->dir);
		usleep(LOOK_US);
	}
	server->program = find_program(server);
}

/* A line that is not whole yet is left for the next time. */
unsigned server_said(struct server *server, const char *text)
{
	char path[128], line[1024];
	FILE *file;

	snprintf(path, sizeof(path), "%s/output", server->dir);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_return_code(fseek(file, server->read, SEEK_SET), 0);
	while (fgets(line, sizeof(line), file) && strchr(line, '\n')) {
		server->said += strstr(line, text) != NULL;
		server->read = ftell(file);
	}
	fclose(file);
	return server->said;
}

void server_end(struct server *server, int signal)
{
	assert_return_code(kill(server->program, signal), 0);
	assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
	server->pid = server->program = 0;
}

/* Bytes on their way between the server and who connected to 127.0.0.1: written and not received, or received and not read. */
static bool is_read(const struct server *server)
{
	FILE *file = fopen("/proc/self/net/tcp", "r");
	unsigned local, local_port, peer, peer_port, state, sent, received;
	bool is_left = false;
	char line[256];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %*u: %X:%X %X:%X %X %X:%X", &local, &local_port, &peer, &peer_port, &state, &sent,
			   &received) != 7 ||
		    state != 1 || local != htonl(INADDR_LOOPBACK) || peer != htonl(INADDR_LOOPBACK))
			continue;
		is_left |= local_port == (unsigned)server->port && sent;
		is_left |= peer_port == (unsigned)server->port && received;
	}
	fclose(file);
	return !is_left;
}

void server_kill_once_read(struct server *server)
{
	int tries = 20000000 / LOOK_US, status;

	kill(server->program, SIGSTOP);
	assert_int_equal(waitpid(server->program, &status, WUNTRACED), server->program);
	while (!is_read(server)) {
		if (!--tries)
			fail_msg("nobody reads what the server has sent");
		usleep(LOOK_US);
	}
	server_end(server, SIGKILL);
}

void server_close(struct server *server)
{
	char command[128];

	if (!*server->dir)
		return;
	if (server->pid)
		server_end(server, SIGKILL);
	if (server->kind->sweep)
		server->kind->sweep(server);
	snprintf(command, sizeof(command), "rm -r '%s'", server->dir);
	assert_int_equal(system(command), 0);
	*server = (struct server){ 0 };
}

int server_setup(void **state)
{
	const struct server_kind *kind = *state;
	struct server *server = calloc(1, sizeof(*server));

	assert_non_null(server);
	*state = server; /* for server_teardown(), which comes also where this fails the test */
	server_open(server, kind);
	server_start(server);
	return 0;
}

int server_teardown(void **state)
{
	server_close(*state);
	free(*state);
	return 0;
}
