/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of the ring share: rows that show where they belong. */
#ifndef WEIR_TESTS_RING_ROWS_H
#define WEIR_TESTS_RING_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "stream/ring.h"

#define NEAR_WRAP (UINT64_MAX - 700) /* positions pass 2^64 within every test that starts here */

static inline uint32_t random_below(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*seed >> 33) % n);
}

static inline int64_t after_ms(int64_t ms)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec + ms * 1000000;
}

/* Every byte of a row depends on its position, so that a row which is torn or in the wrong place shows. */
static inline uint8_t row_byte(uint64_t position, uint32_t at)
{
	return (uint8_t)((position ^ (position >> 8)) * 37 + at * 11);
}

static inline void fill_row(uint8_t *row, uint32_t bytes, uint64_t position)
{
	for (uint32_t i = 0; i < bytes; i++)
		row[i] = row_byte(position, i);
}

static inline bool row_is(const uint8_t *row, uint32_t bytes, uint64_t position)
{
	for (uint32_t i = 0; i < bytes; i++)
		if (row[i] != row_byte(position, i))
			return false;
	return true;
}

static inline struct weir_ring *open_ring(uint32_t row_bytes, uint32_t rows, uint64_t start_at)
{
	struct weir_ring_config config = { .row_bytes = row_bytes, .rows = rows, .fd = -1, .start_at = start_at };
	struct weir_ring *ring;

	assert_int_equal(weir_ring_open(&ring, &config), 0);
	return ring;
}

static inline struct weir_reader *open_reader(struct weir_ring *ring, enum weir_policy policy)
{
	struct weir_reader *reader;

	assert_int_equal(weir_reader_open(&reader, ring, policy), 0);
	return reader;
}

static inline void write_rows(struct weir_ring *ring, uint32_t n)
{
	uint32_t row_bytes = weir_ring_row_bytes(ring), got;
	uint8_t *rows = weir_ring_reserve(ring, n, &got);

	assert_int_equal(got, n);
	for (uint32_t i = 0; i < n; i++)
		fill_row(rows + (size_t)i * row_bytes, row_bytes, weir_ring_head(ring) + i);
	weir_ring_commit(ring, n);
}

#endif
