/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A drop_oldest reader that stands still just where it hurts: between the look at what was overwritten and the look at what is
 * there. The reader's code is included here, and its second look is made to find a writer that has come any number of rows farther.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "stream/ring_internal.h"

static uint64_t load_head_late(const struct weir_ring *ring);

#define weir_ring_load_head load_head_late
#include "stream/ring_reader.c" /* NOLINT: the code itself is under test */
#undef weir_ring_load_head

#include "ring_rows.h"

#define ROW_BYTES 16
#define ASKED 1024 /* several times of what the ring holds */

static struct weir_ring *writing;
static uint32_t late; /* rows that the writer commits meanwhile */

/* Any number of laps. */
static void write_on(uint32_t n)
{
	uint32_t most = weir_ring_capacity(writing);

	for (; n > most; n -= most)
		write_rows(writing, most);
	write_rows(writing, n);
}

static uint64_t load_head_late(const struct weir_ring *ring)
{
	uint32_t n = late;

	late = 0;
	write_on(n);
	return weir_ring_load_head(ring);
}

/* What is there when peek returns: no more than the ring holds, and intact but for what release disowns. */
static uint64_t read_once(struct weir_reader *reader)
{
	uint32_t got, spoilt, wrong = 0;
	const uint8_t *rows = weir_reader_peek(reader, ASKED, &got);
	uint64_t position = weir_reader_position(reader);
	uint8_t copy[ASKED * ROW_BYTES];

	assert_true(got <= weir_ring_capacity(writing));
	memcpy(copy, rows, (size_t)got * ROW_BYTES);
	spoilt = weir_reader_release(reader, got);
	for (uint32_t i = spoilt; i < got; i++)
		wrong += !row_is(copy + (size_t)i * ROW_BYTES, ROW_BYTES, position + i);
	assert_int_equal(wrong, 0);
	return got - spoilt;
}

/* For every number of rows that were there before, and that came while it looked: read + lost = written. */
static void test_overtaken_while_it_looks(void **state)
{
	(void)state;
	for (uint32_t before = 0; before < 800; before += 37)
		for (uint32_t meanwhile = 0; meanwhile < 1200; meanwhile += 41) {
			struct weir_reader *reader;
			uint64_t read = 0;

			writing = open_ring(ROW_BYTES, 1, NEAR_WRAP);
			reader = open_reader(writing, WEIR_DROP_OLDEST);
			write_on(before);
			late = meanwhile;
			for (int i = 0; i < 3; i++)
				read += read_once(reader);
			assert_int_equal(read + weir_reader_lost(reader), before + meanwhile);
			weir_reader_close(reader);
			weir_ring_close(writing);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overtaken_while_it_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
