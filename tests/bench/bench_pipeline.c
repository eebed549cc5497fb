/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole pipelines, beside what the machine's memory allows: memcpy of the bytes that the source puts through its ring.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "median.h"
#include "weir/weir.h"

#define RUNS 5
#define RECORDS UINT64_C(20000000)
#define ROW_BYTES 16 /* of synth: time and value */

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double run_once(const char *program)
{
	struct weir_options options = { .limit = RECORDS };
	struct weir_pipeline *pipeline;
	double start;

	if (weir_open(&pipeline, program, "<bench>", &options))
		exit(1);
	start = now();
	if (weir_run(pipeline))
		exit(1);
	start = now() - start;
	weir_close(pipeline);
	return start;
}

/* From memory that is not in the cache to memory that is not: a ring's worth at a time would flatter. */
static double copy_once(void)
{
	size_t bytes = RECORDS * ROW_BYTES;
	char *from = malloc(bytes), *to = malloc(bytes);
	double start;

	if (!from || !to)
		exit(1);
	memset(from, 1, bytes);
	memset(to, 2, bytes);
	start = now();
	memcpy(to, from, bytes);
	__asm__ volatile("" : : "r"(to) : "memory"); /* somebody might look at it */
	start = now() - start;
	free(from);
	free(to);
	return start;
}

static double repeat(double (*once)(const char *), const char *program)
{
	double seconds[RUNS];

	for (int i = 0; i < RUNS; i++)
		seconds[i] = once ? once(program) : copy_once();
	return median(seconds, RUNS);
}

int main(void)
{
	static const char *const programs[] = {
		"synth:counter rate=max | null",
		"synth:counter rate=max | where value > 10 | null",
		"synth:sine rate=max freq=5Hz | select m = value * value | where m > 0.5 | null",
		"synth:sine rate=max freq=5Hz | window 100 mean(value) as level | null",
		"synth:sine rate=max freq=5Hz | window 100 step 10 mean(value) as level | null",
	};
	double copy = repeat(NULL, NULL);

	printf("Wall clock, on all processors; median of %d. Each row of %d bytes goes through a ring from one thread "
	       "to another. memcpy\n"
	       "is from memory outside of the caches to such memory; a ring that stays in them may be faster than "
	       "that.\n",
	       RUNS, ROW_BYTES);
	printf("%-80s %12s %10s %s\n", "pipeline", "Mrecords/s", "ns/record", "times memcpy");
	printf("%-80s %12.1f %10.2f %12.1f\n", "memcpy of the same bytes", RECORDS / copy / 1e6, copy / RECORDS * 1e9,
	       1.0);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		double seconds = repeat(run_once, programs[i]);

		printf("%-80s %12.1f %10.2f %12.1f\n", programs[i], RECORDS / seconds / 1e6, seconds / RECORDS * 1e9,
		       seconds / copy);
	}
	return 0;
}
