/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long a record is on its way: from the time at which a source at 1 kHz owes it until a function in the second agent behind it
 * has it, two rings and three threads. Beside it a bare thread that sleeps until those times.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static uint32_t go_through_weir(const char *self, int64_t *age_ns)
{
	char path[] = "/tmp/weir-latency-XXXXXX", program[4096];
	int fd = mkstemp(path);
	uint32_t n;

	if (fd < 0)
		exit(1);
	close(fd);
	snprintf(program, sizeof(program),
		 "a = synth:counter rate=1kHz | select due = t\na | call '%.*s../call/functions.so:age' | csv:%s",
		 (int)(strrchr(self, '/') + 1 - self), self, path);
	run(program);
	n = read_ages(path, age_ns);
	unlink(path);
	return n;
}

int main(int argc, char **argv)
{
	static int64_t age_ns[N];

	(void)argc;
	printf("%-36s %10s %10s %10s\n", "us after a record is due, at 1 kHz", "p50", "p99", "most");
	show("source, two agents", age_ns, go_through_weir(argv[0], age_ns));
	sleep_bare(age_ns);
	show("a bare thread that sleeps", age_ns, N);
	return 0;
}
