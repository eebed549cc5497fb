/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A shared stream, from one process to another that sums a field of every row where it lies, beside its limit: memcpy of the same
 * bytes in the same run, by one thread, through the same amount of memory. Median of five.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "median.h"
#include "weir/share.h"

#define RUNS 5
#define RING_ROWS 65536
#define ROWS (16u << 20)
#define FEW_ROWS (1u << 20) /* where each is published by itself */
#define ROW_BYTES 16

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_share: %s\n", what);
	exit(1);
}

/* The other process: 0 when it has seen each row. */
static int read_all(uint64_t rows)
{
	struct weir_tap *tap;
	uint64_t sum = 0;
	uint32_t n;

	if (weir_tap_open(&tap, "bench", WEIR_TAP_BLOCK, NULL) < 0)
		return 2;
	while (weir_tap_wait(tap, -1) > 0) {
		const int64_t *row = weir_tap_peek(tap, 4096, &n);

		for (uint32_t i = 0; i < n; i++)
			sum += (uint64_t)row[2 * i + 1];
		weir_tap_release(tap, n);
	}
	weir_tap_close(tap);
	return sum != rows;
}

static void write_all(struct weir_share *share, const void *pattern, uint32_t block, uint64_t rows)
{
	for (uint64_t done = 0; done < rows;) {
		uint32_t got;
		void *to = weir_share_reserve(share, block, &got);

		if (!got) {
			weir_share_wait_space(share);
			continue;
		}
		memcpy(to, pattern, (size_t)got * ROW_BYTES);
		weir_share_commit(share, got);
		done += got;
	}
	weir_share_finish(share, true);
}

static double time_share(const struct weir_schema *schema, const void *pattern, uint32_t block, uint64_t rows)
{
	struct weir_share_config config = { .name = "bench",
					    .schema = schema,
					    .rows = RING_ROWS,
					    .group = (gid_t)-1,
					    .waits = true,
					    .patience_ns = INT64_C(60000000000),
					    .halt_fd = -1 };
	struct weir_share *share;
	int status = 1;
	double start;
	pid_t reader;

	if (weir_share_open(&share, &config) < 0)
		die("cannot publish");
	reader = fork();
	if (!reader)
		_exit(read_all(rows));
	if (reader < 0 || weir_share_await(share, 1) < 0)
		die("cannot start a reader");
	start = now();
	write_all(share, pattern, block, rows);
	waitpid(reader, &status, 0);
	start = now() - start;
	weir_share_close(share);
	if (status)
		die("the reader did not get each row");
	return start;
}

static double time_memcpy(const void *pattern, uint32_t block, uint64_t rows)
{
	size_t area = (size_t)RING_ROWS * ROW_BYTES, chunk = (size_t)block * ROW_BYTES;
	char *to = calloc(1, area);
	double start;

	if (!to)
		die("out of memory");
	start = now();
	for (uint64_t done = 0; done < rows; done += block) {
		memcpy(to + done * ROW_BYTES % area, pattern, chunk);
		__asm__ volatile("" ::: "memory"); /* or it would be copied once */
	}
	start = now() - start;
	free(to);
	return start;
}

static void measure(const struct weir_schema *schema, uint32_t block)
{
	static int64_t pattern[2 * 1024];
	uint64_t rows = block == 1 ? FEW_ROWS : ROWS;
	double share[RUNS], copy[RUNS], share_s, copy_s;

	for (int i = 0; i < 1024; i++)
		pattern[2 * i + 1] = 1; /* so the sum is the count */
	for (int i = 0; i < RUNS; i++) {
		copy[i] = time_memcpy(pattern, block, rows);
		share[i] = time_share(schema, pattern, block, rows);
	}
	share_s = median(share, RUNS);
	copy_s = median(copy, RUNS);
	printf("%6u %10.2f %13.1f %10.2f %13.1f %8.1f\n", block, 1e9 * share_s / (double)rows,
	       1e-6 * (double)rows / share_s, 1e9 * copy_s / (double)rows, 1e-6 * (double)rows / copy_s,
	       share_s / copy_s);
}

int main(void)
{
	static const uint32_t block[] = { 1, 64, 1024 };
	char directory[] = "/tmp/weir-bench-XXXXXX";
	struct weir_schema schema;

	if (!mkdtemp(directory) || setenv("RUNTIME_DIRECTORY", directory, 1))
		die("no directory");
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "value", WEIR_INT, "", 0);
	printf("Shared stream: one process to another, which sums a field of each row where it lies; rows of %d bytes, "
	       "median of %d.\n"
	       "The limit is memcpy of the same bytes into as much memory, by one thread that nobody reads from: here "
	       "each cache\n"
	       "line also moves from one processor to the other. In blocks of 1 each row is published, and looked for, "
	       "by itself.\n",
	       ROW_BYTES, RUNS);
	printf("%6s %10s %13s %10s %13s %8s\n", "block", "ns/record", "Mrecords/s", "memcpy ns", "Mrecords/s", "ratio");
	for (int i = 0; i < 3; i++)
		measure(&schema, block[i]);
	return rmdir(directory) != 0;
}
