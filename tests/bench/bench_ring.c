/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ring, one writer thread to one reader thread that sums a field of every row, beside its limit: memcpy of the same
 * bytes in the same run, by one thread, through the same amount of memory. Median of five.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "median.h"
#include "stream/ring.h"

#define RUNS 5
#define RING_ROWS 65536
#define BYTES_PER_RUN (256u << 20)
#define ROWS_MAX (4u << 20) /* a run with small blocks takes long enough with fewer bytes */

struct run {
	struct weir_ring *ring;
	const uint8_t *pattern; /* rows to write, a block of them */
	uint32_t row_bytes, block;
	uint64_t rows;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_ring: %s\n", what);
	exit(1);
}

static void *write_rows(void *context)
{
	const struct run *run = context;

	for (uint64_t done = 0; done < run->rows;) {
		uint32_t got;
		uint8_t *rows = weir_ring_reserve(run->ring, run->block, &got);

		if (!got) {
			weir_ring_wait_space(run->ring, INT64_MAX);
			continue;
		}
		memcpy(rows, run->pattern, (size_t)got * run->row_bytes);
		weir_ring_commit(run->ring, got);
		done += got;
	}
	weir_ring_finish(run->ring);
	return NULL;
}

static uint64_t sum_rows(const uint8_t *rows, uint32_t row_bytes, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t field;

		memcpy(&field, rows + (size_t)i * row_bytes, sizeof(field));
		sum += field;
	}
	return sum;
}

static uint64_t read_rows(const struct run *run, struct weir_reader *reader)
{
	uint64_t sum = 0;

	while (!weir_reader_at_end(reader)) {
		uint32_t got;
		const void *rows = weir_reader_peek(reader, run->block, &got);

		if (!got) {
			weir_reader_wait(reader, INT64_MAX);
			continue;
		}
		sum += sum_rows(rows, run->row_bytes, got);
		if (weir_reader_release(reader, got))
			die("a block reader lost rows");
	}
	return sum;
}

static double time_ring(struct run *run)
{
	struct weir_ring_config config = { .row_bytes = run->row_bytes, .rows = RING_ROWS, .fd = -1 };
	struct weir_reader *reader;
	pthread_t writer;
	double start;

	if (weir_ring_open(&run->ring, &config) || weir_reader_open(&reader, run->ring, WEIR_BLOCK))
		die("cannot open a ring");
	start = now();
	if (pthread_create(&writer, NULL, write_rows, run))
		die("cannot start a thread");
	volatile uint64_t sum = read_rows(run, reader); /* volatile: the sum must be computed */
	double took = now() - start;

	pthread_join(writer, NULL);
	if (sum != run->rows)
		die("wrong sum");
	weir_reader_close(reader);
	weir_ring_close(run->ring);
	return took;
}

static double time_memcpy(const struct run *run)
{
	size_t area = (size_t)RING_ROWS * run->row_bytes, chunk = (size_t)run->block * run->row_bytes;
	uint8_t *to = calloc(1, area);
	double start;

	if (!to)
		die("out of memory");
	start = now();
	for (uint64_t done = 0, at = 0;
	     done<run->rows; done += run->block, at = at + 2 * chunk> area ? 0 : at + chunk) {
		memcpy(to + at, run->pattern, chunk);
		__asm__ volatile("" ::: "memory"); /* or it would be copied once */
	}
	double took = now() - start;

	free(to);
	return took;
}

static void measure(uint32_t row_bytes, uint32_t block)
{
	uint64_t rows = BYTES_PER_RUN / row_bytes;
	uint8_t *pattern = calloc(block, row_bytes);
	double ring[RUNS], copy[RUNS];

	if (!pattern)
		die("out of memory");
	for (uint32_t i = 0; i < block; i++)
		pattern[(size_t)i * row_bytes + (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 7)] =
			1; /* so the sum is the count */
	rows = (rows < ROWS_MAX ? rows : ROWS_MAX) / block * block;
	for (int i = 0; i < RUNS; i++) {
		struct run run = { .pattern = pattern, .row_bytes = row_bytes, .block = block, .rows = rows };

		copy[i] = time_memcpy(&run);
		ring[i] = time_ring(&run);
	}
	double ring_s = median(ring, RUNS), copy_s = median(copy, RUNS);

	printf("%9u %6u %10.2f %13.1f %10.2f %8.1f\n", row_bytes, block, 1e9 * ring_s / (double)rows,
	       1e-6 * (double)rows / ring_s, 1e9 * copy_s / (double)rows, ring_s / copy_s);
	free(pattern);
}

int main(void)
{
	static const uint32_t row_bytes[] = { 16, 24, 64 }, block[] = { 1, 64, 1024 };

	printf("One writer thread, one reader thread that sums a field of each row; median of %d. The limit is memcpy "
	       "of the same bytes\n"
	       "into as much memory, by one thread that nobody reads from.\n",
	       RUNS);
	printf("%9s %6s %10s %13s %10s %8s\n", "row bytes", "block", "ns/record", "Mrecords/s", "memcpy ns", "ratio");
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			measure(row_bytes[i], block[j]);
	return 0;
}
