// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Prints each change of output lines of the simulated chip, looking once a
 * millisecond: "NS LINE LEVEL", NS being CLOCK_MONOTONIC, the first of each
 * line being what it was at the start.
 */

#include <inttypes.h>
#include <stdlib.h>

#include "clock.h"
#include "gpio_sim.h"

#define MAX_LINES 16
#define PERIOD_NS 1000000

struct watched {
	const char *name;
	int fd;
	char level; /* '0', '1', or not known yet */
};

static int watch(struct watched *w, const char *name)
{
	struct gpio_sim_line line;
	int ret = gpio_sim_find(name, &line);

	w->name = name;
	w->level = 0;
	w->fd = ret ? ret : gpio_sim_open(&line, "value", O_RDONLY);
	if (w->fd < 0)
		fprintf(stderr, "gpio_watch: %s: %s\n", name, strerror(-w->fd));
	return w->fd < 0 ? w->fd : 0;
}

/* Returns 1 if the line changed. */
static int look(struct watched *w)
{
	char level;

	if (pread(w->fd, &level, 1, 0) != 1 || level == w->level)
		return 0;
	w->level = level;
	printf("%" PRIu64 " %s %c\n", clock_now_ns(), w->name, level);
	return 1;
}

int main(int argc, char **argv)
{
	struct watched lines[MAX_LINES];
	int n = argc - 1, changed;

	if (n < 1 || n > MAX_LINES || argv[1][0] == '-') {
		fputs("usage: gpio_watch LINE...\n", stderr);
		return 2;
	}
	for (int i = 0; i < n; i++)
		if (watch(&lines[i], argv[i + 1]))
			return 1;
	for (uint64_t next = clock_now_ns();; next += PERIOD_NS) {
		changed = 0;
		for (int i = 0; i < n; i++)
			changed += look(&lines[i]);
		if (changed)
			fflush(stdout);
		clock_sleep_until_ns(next);
	}
}
