/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows that a multishot read may fill ahead of us, with a kernel that is a model: no io_uring is needed. */
#include <string.h>

#include "loop/loop_offer.h"
#include "ring_rows.h"

#define ROW 24 /* bytes */
#define ROUNDS 60000

/* An offer, the kernel that fills it, a filter and a reader. Rows are told apart by their serial number. */
struct bench {
	struct weir_ring *ring;
	struct weir_reader *reader;
	struct weir_loop_intake intake;
	struct weir_offer offer;
	uint8_t *buffer[WEIR_OFFER_MAX];
	uint32_t filled, given;         /* buffers so far: what lies between is the kernel's */
	uint64_t produced, shown, read; /* serial numbers that come next */
	uint64_t kept;
	uint64_t seed;
};

static uint32_t below(struct bench *bench, uint32_t n)
{
	return random_below(&bench->seed, n);
}

/* Long stretches that pass, stretches that are thinned out, and some of which nothing is left. */
static bool passes(uint64_t serial)
{
	switch (serial / 500 % 4) {
	case 0:
	case 1:
		return true;
	case 2:
		return serial % 3;
	default:
		return serial % 100 == 0;
	}
}

static int landed(void *context, void *rows, uint32_t n)
{
	struct bench *bench = context;
	uint8_t *from = rows, *to = rows;

	for (uint32_t i = 0; i < n; i++, from += ROW) {
		uint64_t serial;

		memcpy(&serial, from, sizeof(serial));
		assert_int_equal(serial, bench->shown++);
		if (!passes(serial))
			continue;
		memmove(to, from, ROW);
		to += ROW;
	}
	bench->kept += (uint64_t)(to - (uint8_t *)rows) / ROW;
	return (int)((to - (uint8_t *)rows) / ROW);
}

static const struct weir_intake_ops ops = { landed, NULL, NULL, NULL };

static void set_up(struct bench *bench)
{
	*bench = (struct bench){ .seed = 1 };
	bench->ring = open_ring(ROW, 1, NEAR_WRAP);
	bench->reader = open_reader(bench->ring, WEIR_BLOCK);
	bench->intake = (struct weir_loop_intake){
		.config = { .ring = bench->ring, .ops = &ops, .context = bench },
		.row_bytes = ROW,
	};
	weir_offer_init(&bench->offer, bench->ring);
}

static void tear_down(struct bench *bench)
{
	weir_reader_close(bench->reader);
	weir_ring_close(bench->ring);
}

static uint32_t extend(struct bench *bench)
{
	uint16_t number;
	uint8_t *rows;
	uint32_t n = weir_offer_extend(&bench->offer, bench->ring, &rows, &number);

	if (n)
		assert_int_equal(number, bench->given % WEIR_OFFER_MAX);
	for (uint32_t i = 0; i < n; i++)
		bench->buffer[bench->given++ % WEIR_OFFER_MAX] = rows + (size_t)i * ROW;
	assert_true(bench->given - bench->filled <= bench->offer.most);
	return n;
}

static void fill(struct bench *bench, uint32_t n)
{
	for (; n && bench->filled != bench->given; n--) {
		uint16_t number = bench->filled++ % WEIR_OFFER_MAX;

		memcpy(bench->buffer[number], &bench->produced, sizeof(bench->produced));
		bench->produced++;
		assert_true(weir_offer_land(&bench->offer, number));
	}
}

static void read_some(struct bench *bench, uint32_t n)
{
	uint32_t got;
	const uint8_t *rows = weir_reader_peek(bench->reader, n, &got);

	for (uint32_t i = 0; i < got; i++) {
		uint64_t serial;

		memcpy(&serial, rows + (size_t)i * ROW, sizeof(serial));
		while (!passes(bench->read))
			bench->read++;
		assert_int_equal(serial, bench->read++);
		bench->kept--;
	}
	assert_int_equal(weir_reader_release(bench->reader, got), 0);
}

/* As when a read is cancelled: what has landed is shown, and the buffers are the same ones next time. */
static void withdraw(struct bench *bench)
{
	weir_offer_flush(&bench->offer, &bench->intake);
	assert_int_equal(weir_offer_withdraw(&bench->offer), bench->given - bench->filled);
	bench->given = bench->filled;
}

/* Whatever the kernel fills, the filter drops and the reader leaves lying, in whatever order: each row that passes is
 * read once, in order, and buffers are numbered as the kernel meets them. Positions and numbers wrap. */
static void test_every_row_once(void **state)
{
	struct bench bench;

	(void)state;
	set_up(&bench);
	for (int i = 0; i < ROUNDS; i++) {
		fill(&bench, below(&bench, 40));
		if (below(&bench, 2) && weir_offer_flush(&bench.offer, &bench.intake))
			extend(&bench);
		if (bench.filled == bench.given) { /* the read has stopped for want of buffers */
			weir_offer_flush(&bench.offer, &bench.intake);
			assert_true(extend(&bench) || bench.kept == weir_ring_capacity(bench.ring));
		}
		if (!below(&bench, 50))
			withdraw(&bench);
		read_some(&bench, below(&bench, 60));
	}
	withdraw(&bench);
	while (bench.kept)
		read_some(&bench, UINT32_MAX);
	assert_int_equal(bench.shown, bench.produced);
	assert_true(bench.produced > 2 * UINT64_C(65536)); /* numbers are kept in 16 bits */
	tear_down(&bench);
}

/* A buffer out of turn is refused and not counted; a ring that is full has nothing to offer; of an intake that is over
 * nothing more is shown. */
static void test_refusals(void **state)
{
	struct bench bench;

	(void)state;
	set_up(&bench);
	assert_int_equal(extend(&bench), weir_ring_capacity(bench.ring) / 4);
	assert_int_equal(extend(&bench), 0);
	assert_false(weir_offer_land(&bench.offer, 1));
	assert_false(weir_offer_flush(&bench.offer, &bench.intake));
	for (uint32_t i = 0; i < 4; i++) {
		fill(&bench, UINT32_MAX);
		assert_true(weir_offer_flush(&bench.offer, &bench.intake));
		extend(&bench);
	}
	assert_int_equal(bench.kept, weir_ring_capacity(bench.ring));
	assert_int_equal(bench.offer.rows, 0);
	read_some(&bench, 1);
	assert_int_equal(extend(&bench), 1);
	fill(&bench, 1);
	bench.intake.over = true;
	assert_false(weir_offer_flush(&bench.offer, &bench.intake));
	assert_int_equal(bench.shown, bench.produced - 1);
	tear_down(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_once),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
