/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long a record is on its way: from the time at which a source at 1 kHz owes it until a function has it, in the second agent behind
 * it, over two rings and three threads, or in another process, over a shared stream. Beside it a bare thread that sleeps until those
 * times: nobody who is woken up by a timer can be earlier.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "weir/weir.h"

#define N 5000u
#define PERIOD_NS 1000000

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void show(const char *what, int64_t *age_ns, uint32_t n)
{
	qsort(age_ns, n, sizeof(*age_ns), by_size);
	printf("%-36s %10.0f %10.0f %10.0f\n", what, (double)age_ns[n / 2] / 1e3, (double)age_ns[n / 100 * 99] / 1e3,
	       (double)age_ns[n - 1] / 1e3);
}

static int64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void sleep_bare(int64_t *age_ns)
{
	int64_t due = now_ns();

	for (uint32_t i = 0; i < N; i++) {
		struct timespec until = { .tv_sec = (due += PERIOD_NS) / 1000000000, .tv_nsec = due % 1000000000 };

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		age_ns[i] = now_ns() - due;
	}
}

static void run(const char *program)
{
	struct weir_options options = { .limit = N, .quiet = true };
	struct weir_pipeline *pipeline;

	if (weir_open(&pipeline, program, "<bench>", &options) || weir_run(pipeline))
		exit(1);
	weir_close(pipeline);
}

static uint32_t read_ages(const char *path, int64_t *age_ns)
{
	FILE *file = fopen(path, "r");
	long long time, age;
	uint32_t n = 0;

	if (!file || fscanf(file, "%*s") == EOF)
		exit(1);
	while (n < N && fscanf(file, "%lld,%lld", &time, &age) == 2)
		age_ns[n++] = age;
	fclose(file);
	return n;
}

/* `format` is a program with the places of the function and of the file in it. */
static void measure(const char *what, const char *self, const char *format, int64_t *age_ns)
{
	char path[] = "/tmp/weir-latency-XXXXXX", function[2048], program[4096];
	int fd = mkstemp(path);

	if (fd < 0)
		exit(1);
	close(fd);
	snprintf(function, sizeof(function), "%.*s../call/functions.so:age", (int)(strrchr(self, '/') + 1 - self),
		 self);
	snprintf(program, sizeof(program), format, function, path);
	run(program);
	show(what, age_ns, read_ages(path, age_ns));
	unlink(path);
}

/* The source in a process of its own. */
static void measure_processes(const char *self, int64_t *age_ns)
{
	char directory[] = "/tmp/weir-bench-XXXXXX", lock[64];
	pid_t child;

	if (!mkdtemp(directory) || setenv("RUNTIME_DIRECTORY", directory, 1))
		exit(1);
	child = fork();
	if (!child) {
		run("synth:counter rate=1kHz | select due = t | weir:latency readers=1");
		_exit(0);
	}
	measure("source, another process", self, "weir:latency | call '%s' | csv:%s", age_ns);
	waitpid(child, NULL, 0);
	snprintf(lock, sizeof(lock), "%s/latency.lock", directory);
	unlink(lock);
	rmdir(directory);
}

int main(int argc, char **argv)
{
	static int64_t age_ns[N];

	(void)argc;
	printf("Median, 99th percentile and most of %u records. Nobody can be earlier than the bare thread, which a "
	       "timer wakes up.\n",
	       N);
	printf("%-36s %10s %10s %10s\n", "us after a record is due, at 1 kHz", "p50", "p99", "most");
	measure("source, two agents", argv[0], "a = synth:counter rate=1kHz | select due = t\na | call '%s' | csv:%s",
		age_ns);
	measure_processes(argv[0], age_ns);
	sleep_bare(age_ns);
	show("a bare thread that sleeps", age_ns, N);
	return 0;
}
