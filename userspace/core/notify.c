/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A service manager is told by its socket that a run has begun, and at intervals that its chains get on. */
#include "core/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/run.h"

#define PINGS 4 /* within the time of the watchdog: one may be late */

/* As in the variable: a path, or with @ a name in the abstract name space. 0 or -EINVAL. */
static int notify_address(struct sockaddr_un *address, socklen_t *length, const char *name)
{
	size_t n = strlen(name);

	if ((*name != '/' && *name != '@') || n < 2 || n >= sizeof(address->sun_path))
		return -EINVAL;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, name, n);
	if (*name == '@')
		address->sun_path[0] = '\0';
	*length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return 0;
}

int weir_notify(const char *lines)
{
	const char *name = secure_getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t length;
	int err, fd;

	if (!name || !*name)
		return 0;
	err = notify_address(&address, &length, name);
	if (err < 0)
		return err;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&address, length) < 0)
		err = -errno;
	close(fd);
	return err < 0 ? err : 1;
}

int weir_notify_reloading(void)
{
	char lines[80];

	snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)(weir_now(WEIR_CLOCK_MONOTONIC) / 1000));
	return weir_notify(lines);
}

int64_t weir_watchdog_ns(void)
{
	const char *time = secure_getenv("WATCHDOG_USEC"), *pid = secure_getenv("WATCHDOG_PID");
	long long usec = time ? strtoll(time, NULL, 10) : 0;

	if (usec <= 0 || usec > INT64_MAX / 1000 || (pid && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	return usec * 1000;
}

/* Of each agent, whether it waits or has ended a turn since the last look. */
static bool watchdog_is_well(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;
	bool well = true;

	for (uint32_t i = 0; i < pipeline->n_agents; i++) {
		struct weir_agent *agent = pipeline->agent[i];
		uint32_t turns = atomic_load(&agent->progress);
		bool waits = atomic_load(&agent->waiting) || atomic_load(&agent->ended) || atomic_load(&agent->is_out);

		well &= waits || turns != run->turns[i];
		run->turns[i] = turns;
	}
	return well;
}

static void watchdog_look(void *context)
{
	if (watchdog_is_well(context))
		(void)!weir_notify("WATCHDOG=1");
}

int weir_watchdog_begin(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;
	int64_t within_ns = weir_watchdog_ns() / PINGS;
	int err;

	if (!within_ns || !pipeline->options.notify)
		return 0;
	run->turns = calloc(pipeline->n_agents + 1, sizeof(*run->turns));
	if (!run->turns)
		return -ENOMEM;
	err = weir_loop_add_timer(run->loop, weir_now(WEIR_CLOCK_MONOTONIC), within_ns, watchdog_look, pipeline);
	return err < 0 ? err : 0;
}
