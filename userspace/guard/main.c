/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * weir-guard: holds outputs for pipelines, and parks them when one dies, hangs or leaves.
 *
 * It is meant to outlive everything else: its memory is locked, it asks for real-time priority and to be spared when memory
 * runs out (each of which it may be refused), it allocates nothing but while an output is being taken, and it waits for
 * nobody.
 *
 * `--park` is the stop hook of a service manager: see to it that some guard lives, and with that, that what a dead one held
 * is parked. It is a way of this program because it is in a hurry, and this program starts at once.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard/guard.h"

static int usage(FILE *stream, int status)
{
	fputs("Usage: weir-guard [--stay | --park] [SOCKET]\n"
	      "Holds the outputs of weir's pipelines and parks them when one dies or hangs. weir run starts it when "
	      "needed.\n"
	      "  --stay   do not end when there is nothing to hold; stand by while there is another guard\n"
	      "  --park   park what the last guard held if none lives, and go on holding it: for a stop hook\n"
	      "SOCKET: default $WEIR_GUARD, /run/weir/guard.sock\n",
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
		guard->holding[i].lines = guard->holding[i].file = guard->holding[i].session = -1;
}

/* A service manager need not try again to start one that stays. */
static int get_place(struct guard *guard, const char *path)
{
	if (guard_lock(path) >= 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return -1;
	fprintf(stderr, "weir-guard: %sa guard already listens at %s\n", guard->stays ? "stands by, since " : "", path);
	return guard->stays ? guard_stand_by(guard, path) : -1;
}

static bool is_option(const char *word, const char *name)
{
	return word && !strcmp(word, name);
}

int main(int argc, char **argv)
{
	char path[GUARD_PATH];
	bool parks = is_option(argv[1], "--park");
	int at = 1;

	begin(&the_guard);
	if (is_option(argv[at], "--help") || is_option(argv[at], "-h"))
		return usage(stdout, 0);
	weir_wire_path(geteuid() == 0 ? 0 : 1, path, sizeof(path));
	the_guard.stays = is_option(argv[at], "--stay");
	at += parks || the_guard.stays;
	if (argc > at)
		snprintf(path, sizeof(path), "%s", argv[at++]);
	if (argc > at || *path == '-')
		return usage(stderr, 2);
	if (!strncmp(path, "/run/weir/", 10))
		mkdir("/run/weir", 0755);
	if (parks)
		return guard_hook(&the_guard, path);
	if (get_place(&the_guard, path))
		return 1;
	guard_take_over(&the_guard, path);
	return guard_serve(&the_guard, path);
}
