/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The other end of control sockets: all pipelines of this machine, each with a limit of time and of bytes. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "display/control_place.h"
#include "display/state.h"
#include "weir/display.h"

#define ANSWER_MAX (8 * 1024 * 1024)
#define WAIT_MS 1000

/* What a killed process has left is removed by its user. */
static int running_connect(const char *path)
{
	const struct timeval limit = { .tv_usec = 0, .tv_sec = WAIT_MS / 1000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat status;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	if (errno == ECONNREFUSED && !lstat(path, &status) && S_ISSOCK(status.st_mode) && status.st_uid == geteuid())
		unlink(path);
	close(fd);
	return -ECONNREFUSED;
}

/* A line, whatever it takes within the limits. NULL: none. */
static char *running_read(int fd)
{
	int64_t deadline = weir_now(WEIR_CLOCK_MONOTONIC) + 2 * WAIT_MS * INT64_C(1000000);
	size_t room = 65536, n = 0;
	char *text = malloc(room);
	ssize_t got;

	while (text && n < ANSWER_MAX && weir_now(WEIR_CLOCK_MONOTONIC) < deadline) {
		if (room - n < 2) {
			char *more = realloc(text, room *= 2);

			if (!more)
				break;
			text = more;
		}
		got = recv(fd, text + n, room - n - 1, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
		if (text[n - 1] == '\n') {
			text[n] = '\0';
			return text;
		}
	}
	free(text);
	return NULL;
}

static json_t *running_state(const char *path)
{
	static const char request[] = "state\n";
	int fd = running_connect(path);
	char *text = NULL;
	json_t *state;

	if (fd < 0)
		return NULL;
	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == sizeof(request) - 1)
		text = running_read(fd);
	close(fd);
	state = text ? json_loads(text, 0, NULL) : NULL;
	free(text);
	return state;
}

/* The number of the process in a socket's name; 0: it is none. */
static long running_pid(const char *file)
{
	const char *from = file + sizeof(DISPLAY_PREFIX) - 1;
	char *end;
	long pid;

	if (strncmp(file, DISPLAY_PREFIX, sizeof(DISPLAY_PREFIX) - 1) || *from < '1' || *from > '9')
		return 0;
	pid = strtol(from, &end, 10);
	return strcmp(end, DISPLAY_SUFFIX) ? 0 : pid;
}

static bool running_is_meant(const json_t *state, const char *which)
{
	const char *name = json_string_value(json_object_get(state, "name"));
	char pid[32];

	snprintf(pid, sizeof(pid), "%lld", (long long)json_integer_value(json_object_get(state, "pid")));
	return !which || (name && !strcmp(name, which)) || !strcmp(pid, which);
}

static void running_look(json_t *all, const char *directory, const char *which)
{
	DIR *files = opendir(directory);
	struct dirent *file;

	while (files && (file = readdir(files))) {
		long pid = running_pid(file->d_name);
		char path[WEIR_PLACE_PATH];
		json_t *state = NULL;

		if (pid && snprintf(path, sizeof(path), "%s/%s", directory, file->d_name) < (int)sizeof(path))
			state = running_state(path);
		if (!json_is_object(state)) {
			json_decref(state);
			continue;
		}
		json_object_set_new(state, "pid", json_integer(pid));
		if (running_is_meant(state, which))
			json_array_append(all, state);
		json_decref(state);
	}
	if (files)
		closedir(files);
}

char *weir_running(const char *which)
{
	char directory[WEIR_PLACES_MAX][WEIR_PLACE_PATH];
	unsigned n = display_directories(directory);
	json_t *all = json_array();
	char *text;

	for (unsigned i = 0; i < n; i++)
		running_look(all, directory[i], which);
	text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	return text;
}
