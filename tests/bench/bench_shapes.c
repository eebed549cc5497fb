/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole pipelines of common shapes, those of IoTPy's table of speeds among them, each beside the loop that one would write by hand for
 * it: source, stages and sink fused, no records, no rings, no threads. Both run on one processor, in turns, and both make their sine
 * by the same recurrence. Median of five.
 */
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "median.h"
#include "weir/weir.h"

#define ROUNDS 5
#define SEGMENT 256
#define TURN (5.0 / 1000) /* 5 Hz at the nominal 1 kHz */

/* Of the processor, in all threads and in processes that have ended: on one processor that is what the wall clock would show if
 * nobody else used it. */
static double now(void)
{
	struct rusage children;
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	getrusage(RUSAGE_CHILDREN, &children);
	return (double)(time.tv_sec + children.ru_utime.tv_sec + children.ru_stime.tv_sec) +
	       (double)time.tv_nsec / 1e9 + (double)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) / 1e6;
}

/* What a loop has come to, so that the compiler cannot leave it out. */
static volatile double result;

/* ------------------------------------------------------------------ by hand */

/* The sine that synth makes: turned on from record to record, set anew each segment. */
struct sine {
	double sine, cosine, step_sine, step_cosine;
	uint64_t i;
};

static struct sine sine_of(double turn)
{
	return (struct sine){ .step_sine = sin(2 * M_PI * turn), .step_cosine = cos(2 * M_PI * turn) };
}

static inline double next(struct sine *s, double turn_each)
{
	double value, before;

	if (s->i % SEGMENT == 0) {
		double turn = (double)s->i * turn_each;

		s->sine = sin(2 * M_PI * (turn - floor(turn)));
		s->cosine = cos(2 * M_PI * (turn - floor(turn)));
	}
	s->i++;
	value = before = s->sine;
	s->sine = s->sine * s->step_cosine + s->cosine * s->step_sine;
	s->cosine = s->cosine * s->step_cosine - before * s->step_sine;
	return value;
}

static void loop_sine(uint64_t n)
{
	struct sine s = sine_of(TURN);
	double last = 0;

	for (uint64_t i = 0; i < n; i++)
		last = next(&s, TURN);
	result = last;
}

static void loop_map(uint64_t n)
{
	struct sine s = sine_of(TURN);
	double last = 0;

	for (uint64_t i = 0; i < n; i++)
		last = next(&s, TURN) * 2 + 1;
	result = last;
}

static void loop_ten_maps(uint64_t n)
{
	struct sine s = sine_of(TURN);
	double value = 0;

	for (uint64_t i = 0; i < n; i++) {
		value = next(&s, TURN);
		for (int k = 0; k < 10; k++)
			value = value * 1.5 + 1;
	}
	result = value;
}

static void loop_window(uint64_t n)
{
	struct sine s = sine_of(TURN);
	double pane[10] = { 0 }, sum = 0, mean = 0;
	uint64_t at = 0;

	for (uint64_t i = 0; i < n; i++) {
		sum += next(&s, TURN);
		if (i % 10 != 9)
			continue;
		pane[at++ % 10] = sum;
		sum = 0;
		for (int k = 0; k < 10; k++)
			sum += pane[k];
		mean = sum / 100;
		sum = 0;
	}
	result = mean;
}

static void loop_zip(uint64_t n)
{
	struct sine a = sine_of(TURN), b = sine_of(2 * TURN);
	double sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum = next(&a, TURN) + next(&b, 2 * TURN);
	result = sum;
}

/* With the sum that loses nothing, as weir's: the same numbers are to come out, but for a last bit now and then. One sum, and not two
 * side by side: it waits for the sine anyway. */
static void loop_fused(uint64_t n)
{
	struct sine s = sine_of(TURN);
	double sum = 0, rest = 0, mean = 0;
	uint32_t count = 0;

	for (uint64_t i = 0; i < n; i++) {
		double value = next(&s, TURN), m = value * value, whole = sum + m, part = whole - sum;

		if (!(m > 0.25))
			continue;
		rest += (sum - (whole - part)) + (m - part);
		sum = whole;
		if (++count < 100)
			continue;
		mean = (sum + rest) / 100;
		sum = rest = 0;
		count = 0;
	}
	result = mean;
}

/* Three stations of three axes: the mean of 500 off, the magnitude, two of three within 250. */
static void loop_quake(uint64_t n)
{
	static double ring[9][500];
	struct sine s = sine_of(TURN);
	double sum[9] = { 0 };
	uint64_t strong[3] = { 0 }, alarms = 0;

	for (uint64_t i = 0; i < n; i++) {
		double value = next(&s, TURN);
		unsigned near = 0;

		for (int k = 0; k < 9; k++) {
			double x = value * (k + 1);

			sum[k] += x - ring[k][i % 500];
			ring[k][i % 500] = x;
		}
		for (int station = 0; station < 3; station++) {
			double squares = 0;

			for (int k = 3 * station; k < 3 * station + 3; k++) {
				double x = value * (k + 1) - sum[k] / 500;

				squares += x * x;
			}
			if (sqrt(squares) > 13)
				strong[station] = i + 250;
			near += i < strong[station];
		}
		alarms += near >= 2;
	}
	result = (double)alarms;
}

/* -------------------------------------------------------------------- shapes */

#define SINE "synth:sine rate=max freq=5Hz | "
#define NINE                                                                                                  \
	"select ax = value, ay = value * 2, az = value * 3, bx = value * 4, by = value * 5, bz = value * 6, " \
	"cx = value * 7, cy = value * 8, cz = value * 9 | "
#define QUAKE                                                                                                  \
	"demean 500 | select a = sqrt(ax*ax + ay*ay + az*az), b = sqrt(bx*bx + by*by + bz*bz), "               \
	"c = sqrt(cx*cx + cy*cy + cz*cz) | window 250 step 1 max(a) as a, max(b) as b, max(c) as c partial | " \
	"where a > 13 and b > 13 or a > 13 and c > 13 or b > 13 and c > 13 | null"
#define STATION(i, k, l)                                                                      \
	SINE "select x = value * " i ", y = value * " k ", z = value * " l " | demean 500 | " \
	     "select m = sqrt(x*x + y*y + z*z) | window 250 step 1 max(m) as m partial\n"
#define MAP "select value = value * 1.5 + 1 | "

static const struct shape {
	const char *name, *program;
	void (*loop)(uint64_t n);
	uint64_t n;
	const char *limit;     /* what the loop cannot be faster than */
	const char *publisher; /* the program of another process, which publishes the stream `bench` */
} shapes[] = {
	{ "source, map, sink", SINE "select m = value * 2 + 1 | null", loop_map, 40000000, "the sine" },
	{ "chain of 10 maps", SINE MAP MAP MAP MAP MAP MAP MAP MAP MAP MAP "null", loop_ten_maps, 20000000,
	  "twenty operations a record" },
	{ "window mean, 100 step 10", SINE "window 100 step 10 mean(value) as m | null", loop_window, 40000000,
	  "the sine" },
	{ "select, where, window mean",
	  SINE "select m = value * value | where m > 0.25 | window 100 mean(m) as m | null", loop_fused, 40000000,
	  "the sine" },
	{ "source, map, sink; two processes", "weir:bench | select m = value * 2 + 1 | null", loop_map, 40000000,
	  "the sine; 16 bytes written and read in memory", SINE "weir:bench policy=block readers=1" },
	{ "zip of two",
	  "a = synth:sine rate=max freq=5Hz\nb = synth:sine rate=max freq=10Hz\n"
	  "zip(a, b) | select s = a_value + b_value | null",
	  loop_zip, 20000000, "two sines side by side" },
	{ "quake, 3 stations of 3 axes", SINE NINE QUAKE, loop_quake, 4000000,
	  "nine windows, 36 KiB: most of the first-level cache" },
	{ "quake, 3 sources and a zip",
	  "a = " STATION("1", "2", "3") "b = " STATION("4", "5", "6") "c = " STATION(
		  "7", "8", "9") "zip(a, b, c) | where a_m > 13 and b_m > 13 or a_m > 13 and c_m > 13 or b_m > 13 and "
				 "c_m > 13 | null",
	  loop_quake, 4000000, "the same" },
};

static void run_program(const char *program, uint64_t limit)
{
	struct weir_options options = { .limit = limit };
	struct weir_pipeline *pipeline;

	if (weir_open(&pipeline, program, "<bench>", &options) || weir_run(pipeline))
		_exit(1);
	weir_close(pipeline);
}

static pid_t publish(const struct shape *shape)
{
	const char *directory = getenv("RUNTIME_DIRECTORY");
	char path[128];
	pid_t child = fork();

	if (!child) {
		run_program(shape->publisher, shape->n);
		_exit(0);
	}
	snprintf(path, sizeof(path), "%s/bench.stream", directory);
	while (access(path, F_OK) && !waitpid(child, NULL, WNOHANG))
		usleep(1000);
	return child;
}

static double run(const struct shape *shape)
{
	double start = now();
	pid_t child = shape->publisher ? publish(shape) : 0;

	run_program(shape->program, shape->n);
	if (child)
		waitpid(child, NULL, 0);
	return now() - start;
}

static double time_loop(void (*loop)(uint64_t n), uint64_t n)
{
	double start = now();

	loop(n);
	return now() - start;
}

static void measure(const struct shape *shape)
{
	double weir[ROUNDS], loop[ROUNDS], n = (double)shape->n, weir_s, loop_s;

	for (int i = 0; i < ROUNDS; i++) {
		weir[i] = run(shape) / n;
		loop[i] = time_loop(shape->loop, shape->n) / n;
	}
	weir_s = median(weir, ROUNDS);
	loop_s = median(loop, ROUNDS);
	printf("%-34s %10.1f %10.1f %10.2f %8.2f %6.0f%%  %s\n", shape->name, 1e-6 / weir_s, 1e-6 / loop_s,
	       weir_s * 1e9, loop_s * 1e9, loop_s / weir_s * 100, shape->limit);
	fflush(stdout);
}

static void use_one_processor(void)
{
	cpu_set_t all, one;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static void remove_place(const char *directory)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/bench.lock", directory);
	unlink(path);
	rmdir(directory);
}

int main(void)
{
	char directory[] = "/tmp/weir-bench-XXXXXX";

	if (!mkdtemp(directory) || setenv("RUNTIME_DIRECTORY", directory, 1))
		return 1;
	use_one_processor();
	printf("Processor time of all threads, source and sink included, beside a loop that fuses everything; median "
	       "of %d.\n"
	       "share: the loop's time in weir's. The sine by itself, each value of which waits for the last: %.2f "
	       "ns.\n",
	       ROUNDS, time_loop(loop_sine, 40000000) / 40000000 * 1e9);
	printf("%-34s %10s %10s %10s %8s %7s  %s\n", "shape, on one processor", "Mrecords/s", "loop", "ns/record",
	       "loop", "share", "what limits the loop");
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		measure(&shapes[i]);
	remove_place(directory);
	return 0;
}
