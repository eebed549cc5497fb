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
#include "guard/standard.h"

static int usage(FILE *stream, int status)
{
	fputs("Usage: weir-guard [--stay | --park] [SOCKET]\n"
	      "Holds the outputs of weir's pipelines and parks them when one dies or hangs. weir run starts it when "
	      "needed.\n"
	      "  --stay   do not end when there is nothing to hold; stand by while there is another guard\n"
	      "  --park   park what the last guard held if none lives, and go on holding it: for a stop hook\n"
	      "SOCKET: default $WEIR_GUARD, /run/weir/guard.sock, or weir-guard.sock in $XDG_RUNTIME_DIR\n",
	      stream);
	return fflush(stream) ? 1 : status;
}

/* One only, and not on the stack: the pages of what may grow later must be there from the start. */
static struct guard the_guard;

/* 0, or an exit status. A service manager need not try again to start one that stays. */
static int get_place(struct guard *guard, const char *path)
{
	if (guard_lock_unclaimed(path) >= 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return 1;
	fprintf(stderr, "weir-guard: %sa guard already listens at %s\n", guard->stays ? "stands by, since " : "", path);
	if (!guard->stays)
		return WEIR_GUARD_BUSY;
	return guard_stand_by(guard, path) ? 1 : 0;
}

/* What it was told to do. */
struct words {
	bool parks, stays, asks;
	const char *socket; /**< NULL: where a weir looks for it */
};

/* Options may stand on both sides of the socket. False: that is not how it is used. */
static bool read_words(struct words *words, char **argv)
{
	bool has_options = true;

	*words = (struct words){ 0 };
	for (char **word = argv + 1; *argv && *word; word++) {
		if (!has_options || **word != '-') {
			if (words->socket || !**word)
				return false;
			words->socket = *word;
		} else if (!strcmp(*word, "--"))
			has_options = false;
		else if (!strcmp(*word, "--park"))
			words->parks = true;
		else if (!strcmp(*word, "--stay"))
			words->stays = true;
		else if (!strcmp(*word, "--help") || !strcmp(*word, "-h"))
			words->asks = true;
		else
			return false;
	}
	return !(words->parks && words->stays);
}

/* What was given, else where its user looks for it. */
static int choose_place(const char *given, char path[WEIR_PLACE_PATH])
{
	char why[WEIR_PLACE_WHY];

	if (given && snprintf(path, WEIR_PLACE_PATH, "%s", given) < WEIR_PLACE_PATH)
		return 0;
	if (given)
		return guard_fail_place("the path of its socket is too long");
	return weir_place_to_listen(path, why) < 0 ? guard_fail_place(why) : 0;
}

int main(int argc, char **argv)
{
	char path[WEIR_PLACE_PATH];
	struct words words;
	int status;

	(void)argc;
	if (!weir_open_standard())
		return 1;
	guard_begin(&the_guard);
	if (!read_words(&words, argv))
		return usage(stderr, 2);
	if (words.asks)
		return usage(stdout, 0);
	the_guard.stays = words.stays;
	if (choose_place(words.socket, path))
		return 1;
	if (!strncmp(path, "/run/weir/", 10))
		mkdir("/run/weir", 0755);
	if (words.parks)
		return guard_hook(&the_guard, path);
	status = get_place(&the_guard, path);
	if (status)
		return status;
	guard_take_over(&the_guard, path);
	return guard_serve(&the_guard, path);
}
