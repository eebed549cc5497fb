/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every time that a GPIO line is set, with who did it: the kernel's own trace event. Times are CLOCK_MONOTONIC. */
#ifndef WEIR_RIG_GPIO_TRACE_H
#define WEIR_RIG_GPIO_TRACE_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GPIO_TRACE "/sys/kernel/tracing/"
#define GPIO_TRACE_SETS 4096

struct gpio_set {
	uint64_t t;
	unsigned line; /* the kernel's number of it */
	int value, pid;
};

struct gpio_trace {
	int pipe;
	char left[256]; /* of a line that has come in part */
	struct gpio_set set[GPIO_TRACE_SETS];
	unsigned n;
};

static inline int gpio_trace_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok ? 0 : -errno;
}

/* 0 or -errno. */
static inline int gpio_trace_open(struct gpio_trace *trace)
{
	int err = gpio_trace_put(GPIO_TRACE "trace_clock", "mono");

	if (!err)
		err = gpio_trace_put(GPIO_TRACE "events/gpio/gpio_value/enable", "1");
	trace->pipe = open(GPIO_TRACE "trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return err ? err : trace->pipe < 0 ? -errno : 0;
}

/* "      weir-guard-123     [001] d..1.    12.345678: gpio_value: 515 set 1" */
static inline void gpio_trace_parse(struct gpio_trace *trace, char *text)
{
	char *cpu = strstr(text, " ["), *event = strstr(text, ": gpio_value: "), *at = event, *name = cpu;
	unsigned long seconds, micros;
	struct gpio_set set;

	if (!cpu || !event || trace->n == GPIO_TRACE_SETS ||
	    sscanf(event, ": gpio_value: %u set %d", &set.line, &set.value) != 2)
		return;
	while (at > text && at[-1] != ' ')
		at--;
	while (name > text && name[-1] == ' ')
		name--;
	while (name > text && name[-1] != '-')
		name--;
	if (sscanf(at, "%lu.%lu", &seconds, &micros) != 2 || sscanf(name, "%d", &set.pid) != 1)
		return;
	set.t = seconds * 1000000000ull + micros * 1000;
	trace->set[trace->n++] = set;
}

/* Takes what has happened until now; `from` begins a new list. */
static inline void gpio_trace_read(struct gpio_trace *trace, int from)
{
	char text[8192];
	ssize_t n;

	if (from)
		trace->n = 0;
	for (;;) {
		size_t kept = strlen(trace->left);
		char *line = text, *end;

		memcpy(text, trace->left, kept);
		n = read(trace->pipe, text + kept, sizeof(text) - sizeof(trace->left) - 1);
		if (n <= 0)
			return;
		text[kept + (size_t)n] = '\0';
		for (; (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			gpio_trace_parse(trace, line);
		}
		kept = strlen(line);
		kept = kept < sizeof(trace->left) ? kept : 0;
		memcpy(trace->left, line, kept);
		trace->left[kept] = '\0';
	}
}

#endif
