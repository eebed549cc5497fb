/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ring: against a naive model that never reuses memory, then with real threads. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/ring.h"

#define NEAR_WRAP (UINT64_MAX - 700) /* positions pass 2^64 within every test that starts here */

static uint32_t random_below(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*seed >> 33) % n);
}

static int64_t after_ms(int64_t ms)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec + ms * 1000000;
}

/* Every byte of a row depends on its position, so that a row which is torn or in the wrong place shows. */
static uint8_t row_byte(uint64_t position, uint32_t at)
{
	return (uint8_t)((position ^ (position >> 8)) * 37 + at * 11);
}

static void fill_row(uint8_t *row, uint32_t bytes, uint64_t position)
{
	for (uint32_t i = 0; i < bytes; i++)
		row[i] = row_byte(position, i);
}

static bool row_is(const uint8_t *row, uint32_t bytes, uint64_t position)
{
	for (uint32_t i = 0; i < bytes; i++)
		if (row[i] != row_byte(position, i))
			return false;
	return true;
}

static struct weir_ring *open_ring(uint32_t row_bytes, uint32_t rows, uint64_t start_at)
{
	struct weir_ring_config config = { .row_bytes = row_bytes, .rows = rows, .fd = -1, .start_at = start_at };
	struct weir_ring *ring;

	assert_int_equal(weir_ring_open(&ring, &config), 0);
	return ring;
}

static struct weir_reader *open_reader(struct weir_ring *ring, enum weir_policy policy)
{
	struct weir_reader *reader;

	assert_int_equal(weir_reader_open(&reader, ring, policy), 0);
	return reader;
}

static void write_rows(struct weir_ring *ring, uint32_t n)
{
	uint32_t row_bytes = weir_ring_row_bytes(ring), got;
	uint8_t *rows = weir_ring_reserve(ring, n, &got);

	assert_int_equal(got, n);
	for (uint32_t i = 0; i < n; i++)
		fill_row(rows + (size_t)i * row_bytes, row_bytes, weir_ring_head(ring) + i);
	weir_ring_commit(ring, n);
}

/* ------------------------------------------------------------------ memory */

/* Whole pages for every row size and page size, at least what was asked for, and no page more than needed. */
static void test_rows_fill_whole_pages(void **state)
{
	static const uint32_t page[] = { 4096, 16384, 65536 };
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint32_t bytes = 1 + random_below(&seed, WEIR_ROW_MAX), want = 1 + random_below(&seed, 100000);
		uint32_t p = page[i % 3], rows = weir_ring_rows_in_pages(bytes, want, p), step = p;

		while (step % 2 == 0 && (uint64_t)step / 2 * bytes % p == 0)
			step /= 2;
		assert_true(rows >= want && rows - want < step);
		assert_int_equal((uint64_t)rows * bytes % p, 0);
	}
}

/* Nonsense is refused by the rounding and by open. */
static void test_out_of_range(void **state)
{
	static const struct weir_ring_config wrong[] = {
		{ .row_bytes = 0, .rows = 1, .fd = -1 },
		{ .row_bytes = WEIR_ROW_MAX + 1, .rows = 1, .fd = -1 },
		{ .row_bytes = 8, .rows = 0, .fd = -1 },
		{ .row_bytes = 8, .rows = UINT32_MAX, .fd = -1 },
	};
	struct weir_ring *ring;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(weir_ring_rows(wrong[i].row_bytes, wrong[i].rows), 0);
		assert_int_equal(weir_ring_open(&ring, &wrong[i]), -EINVAL);
	}
}

/* The two mappings are one memory, also when the descriptor is the caller's; its owner sees what the writer writes. */
static void test_mirror_of_a_given_descriptor(void **state)
{
	uint32_t rows = weir_ring_rows(24, 100);
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct weir_ring_config config = { .row_bytes = 24, .rows = rows, .fd = fd };
	struct weir_ring *ring;
	size_t bytes;

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)rows * 24), 0);
	assert_int_equal(weir_ring_open(&ring, &config), 0);
	assert_int_equal(weir_ring_capacity(ring), rows);
	uint8_t *memory = weir_ring_memory(ring, &bytes), seen;

	assert_int_equal(bytes, (size_t)rows * 24);
	memory[bytes + 7] = 42;
	assert_int_equal(memory[7], 42);
	assert_int_equal(pread(fd, &seen, 1, 7), 1);
	assert_int_equal(seen, 42);
	weir_ring_close(ring);
	close(fd);
}

/* ------------------------------------------------------------------- model */

#define MODEL_READERS 5

/* What a ring means, without a ring: positions alone. */
struct model {
	uint64_t head, reserved;
	uint32_t capacity, n;
	struct {
		enum weir_policy policy;
		uint64_t position, lost;
		struct weir_reader *reader;
	} of[MODEL_READERS];
};

static uint32_t model_space(const struct model *model)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < model->n; i++)
		if (model->of[i].policy != WEIR_DROP_OLDEST && model->head - model->of[i].position > most)
			most = model->head - model->of[i].position;
	return (uint32_t)(model->capacity - most);
}

static bool model_refuses(const struct model *model)
{
	bool newest = false, block = false;

	for (uint32_t i = 0; i < model->n; i++) {
		bool full = model->head - model->of[i].position >= model->capacity;

		block = block || (full && model->of[i].policy == WEIR_BLOCK);
		newest = newest || (full && model->of[i].policy == WEIR_DROP_NEWEST);
	}
	return newest && !block;
}

/* Rows of a drop_oldest reader that the claim has reached. */
static uint64_t model_overwritten(const struct model *model, uint32_t i)
{
	int64_t behind = (int64_t)(model->reserved - model->capacity - model->of[i].position);

	return model->of[i].policy == WEIR_DROP_OLDEST && behind > 0 ? (uint64_t)behind : 0;
}

static void step_writer(struct model *model, struct weir_ring *ring, uint64_t *seed)
{
	uint32_t bytes = weir_ring_row_bytes(ring), want = 1 + random_below(seed, model->capacity + 9), got;
	uint32_t space = model_space(model), commit;
	uint8_t *rows = weir_ring_reserve(ring, want, &got);

	assert_int_equal(got, want < space ? want : space);
	if (!got) {
		assert_int_equal(weir_ring_refuses(ring), model_refuses(model));
		assert_int_equal(weir_ring_wait_space(ring, 0), -ETIMEDOUT);
		weir_ring_refuse(ring, want);
		for (uint32_t i = 0; i < model->n; i++)
			model->of[i].lost += want;
		return;
	}
	if ((int64_t)(model->head + got - model->reserved) > 0)
		model->reserved = model->head + got;
	commit = random_below(seed, got + 1);
	for (uint32_t i = 0; i < got; i++)
		fill_row(rows + (size_t)i * bytes, bytes, model->head + i);
	weir_ring_commit(ring, commit);
	model->head += commit;
	assert_int_equal(weir_ring_head(ring), model->head);
}

static void step_reader(struct model *model, struct weir_ring *ring, uint32_t i, uint64_t *seed)
{
	uint32_t bytes = weir_ring_row_bytes(ring), max = 1 + random_below(seed, model->capacity), got, use;
	const uint8_t *rows = weir_reader_peek(model->of[i].reader, max, &got);
	uint64_t skip = model_overwritten(model, i);

	model->of[i].position += skip;
	model->of[i].lost += skip;
	uint64_t unread = model->head - model->of[i].position;

	assert_int_equal(got, max < unread ? max : unread);
	for (uint32_t r = 0; r < got; r++)
		assert_true(row_is(rows + (size_t)r * bytes, bytes, model->of[i].position + r));
	if (random_below(seed, 4) == 0)
		step_writer(model, ring, seed); /* while the rows are in use */
	use = random_below(seed, got + 1);
	uint64_t spoilt = model_overwritten(model, i);

	spoilt = spoilt < use ? spoilt : use;
	assert_int_equal(weir_reader_release(model->of[i].reader, use), spoilt);
	model->of[i].position += use;
	model->of[i].lost += spoilt;
}

static void play(uint32_t row_bytes, uint64_t start_at, uint64_t seed)
{
	struct weir_ring *ring = open_ring(row_bytes, 1 + random_below(&seed, 60), start_at);
	struct model model = { .head = start_at, .reserved = start_at, .capacity = weir_ring_capacity(ring) };

	model.n = random_below(&seed, MODEL_READERS + 1);
	for (uint32_t i = 0; i < model.n; i++) {
		model.of[i].policy = random_below(&seed, 3);
		model.of[i].position = start_at;
		model.of[i].reader = open_reader(ring, model.of[i].policy);
	}
	for (int step = 0; step < 60; step++) {
		uint32_t who = random_below(&seed, 2 * model.n + 1);

		if (who >= model.n)
			step_writer(&model, ring, &seed);
		else
			step_reader(&model, ring, who, &seed);
		for (uint32_t i = 0; i < model.n; i++) {
			assert_int_equal(weir_reader_lost(model.of[i].reader), model.of[i].lost);
			assert_int_equal(weir_reader_position(model.of[i].reader), model.of[i].position);
		}
	}
	for (uint32_t i = 0; i < model.n; i++)
		weir_reader_close(model.of[i].reader);
	weir_ring_close(ring);
}

/* Any sequence of calls, any mix of policies, any row size, also across 2^64: what the model says, the ring does. */
static void test_against_model(void **state)
{
	static const uint32_t row_bytes[] = { 1, 24, 25, 48, 4096 };

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		uint32_t bytes = row_bytes[seed % 5];

		play(bytes, seed / 5 % 2 ? 0 : UINT64_MAX - weir_ring_rows(bytes, 60), seed);
	}
}

/* ----------------------------------------------------------------- readers */

/* A reader that joins late starts at the head and holds up the writer from there on, not before. */
static void test_late_reader(void **state)
{
	struct weir_ring *ring = open_ring(4096, 5, NEAR_WRAP);
	struct weir_reader *early = open_reader(ring, WEIR_DROP_OLDEST), *late;
	uint32_t got;

	(void)state;
	write_rows(ring, 3);
	late = open_reader(ring, WEIR_BLOCK);
	(void)weir_reader_peek(late, 1, &got);
	assert_int_equal(got, 0);
	write_rows(ring, weir_ring_capacity(ring));
	(void)weir_ring_reserve(ring, 1, &got);
	assert_int_equal(got, 0);
	assert_false(weir_ring_refuses(ring));
	weir_reader_close(late);
	write_rows(ring, 1);
	weir_reader_close(early);
	weir_ring_close(ring);
}

/* There are exactly WEIR_RING_READERS_MAX places, and a closed reader gives its place back without its counters. */
static void test_places(void **state)
{
	struct weir_ring *ring = open_ring(8, 1, 0);
	struct weir_reader *reader[WEIR_RING_READERS_MAX], *more;

	(void)state;
	for (int i = 0; i < WEIR_RING_READERS_MAX; i++)
		reader[i] = open_reader(ring, WEIR_DROP_OLDEST);
	assert_int_equal(weir_reader_open(&more, ring, WEIR_BLOCK), -EUSERS);
	write_rows(ring, weir_ring_capacity(ring));
	write_rows(ring, 1);
	uint32_t got;

	(void)weir_reader_peek(reader[5], 1, &got);
	assert_int_equal(weir_reader_lost(reader[5]), 1);
	weir_reader_close(reader[5]);
	reader[5] = open_reader(ring, WEIR_DROP_OLDEST);
	assert_int_equal(weir_reader_lost(reader[5]), 0);
	for (int i = 0; i < WEIR_RING_READERS_MAX; i++)
		weir_reader_close(reader[i]);
	weir_ring_close(ring);
}

/* The end is seen only after the last row, by every reader, and a wait returns for it. */
static void test_end(void **state)
{
	struct weir_ring *ring = open_ring(8, 1, 0);
	struct weir_reader *reader[] = { open_reader(ring, WEIR_BLOCK), open_reader(ring, WEIR_DROP_OLDEST) };
	uint32_t got;

	(void)state;
	write_rows(ring, 2);
	weir_ring_finish(ring);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(weir_reader_wait(reader[i], INT64_MAX), 0);
		assert_false(weir_reader_at_end(reader[i]));
		(void)weir_reader_peek(reader[i], 10, &got);
		assert_int_equal(got, 2);
		assert_int_equal(weir_reader_release(reader[i], got), 0);
		assert_true(weir_reader_at_end(reader[i]));
		assert_int_equal(weir_reader_wait(reader[i], INT64_MAX), 0);
		weir_reader_close(reader[i]);
	}
	weir_ring_close(ring);
}

/* A wait for rows that do not come ends at its deadline, not before. */
static void test_deadline(void **state)
{
	struct weir_ring *ring = open_ring(8, 1, 0);
	struct weir_reader *reader = open_reader(ring, WEIR_BLOCK);
	int64_t deadline = after_ms(20);

	(void)state;
	assert_int_equal(weir_reader_wait(reader, deadline), -ETIMEDOUT);
	assert_true(after_ms(0) >= deadline);
	write_rows(ring, weir_ring_capacity(ring));
	deadline = after_ms(20);
	assert_int_equal(weir_ring_wait_space(ring, deadline), -ETIMEDOUT);
	assert_true(after_ms(0) >= deadline);
	weir_reader_close(reader);
	weir_ring_close(ring);
}

/* ----------------------------------------------------------------- threads */

struct stress {
	struct weir_ring *ring;
	uint64_t total;
	uint32_t block;
	uint64_t seed;
};

struct consumer {
	struct stress *stress;
	struct weir_reader *reader;
	bool sleeps; /* else it spins */
	uint64_t read, wrong;
};

static void *produce(void *argument)
{
	struct stress *stress = argument;
	uint32_t bytes = weir_ring_row_bytes(stress->ring), got;

	for (uint64_t done = 0; done < stress->total; done += got) {
		uint64_t left = stress->total - done;
		uint32_t want = 1 + random_below(&stress->seed, stress->block);
		uint8_t *rows = weir_ring_reserve(stress->ring, left < want ? (uint32_t)left : want, &got);

		for (uint32_t i = 0; i < got; i++)
			fill_row(rows + (size_t)i * bytes, bytes, weir_ring_head(stress->ring) + i);
		weir_ring_commit(stress->ring, got);
		if (got)
			continue;
		if (weir_ring_refuses(stress->ring))
			weir_ring_refuse(stress->ring, got = 1);
		else if (weir_ring_wait_space(stress->ring, after_ms(20000)) == -ETIMEDOUT)
			break; /* a missed wake-up: the counts will show it */
	}
	weir_ring_finish(stress->ring);
	return NULL;
}

/* Volatile: what is read may change meanwhile, and must then be read once only. */
static void copy_out(uint8_t *to, const volatile uint8_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
}

static void check_rows(struct consumer *consumer, const uint8_t *rows, uint64_t position, uint32_t from, uint32_t n)
{
	uint32_t bytes = weir_ring_row_bytes(consumer->stress->ring);

	for (uint32_t i = from; i < n; i++)
		consumer->wrong += !row_is(rows + (size_t)i * bytes, bytes, position + i);
	consumer->read += n - from;
}

static void *consume(void *argument)
{
	struct consumer *consumer = argument;
	uint32_t bytes = weir_ring_row_bytes(consumer->stress->ring), got, max = consumer->stress->block;
	uint8_t *copy = malloc((size_t)max * bytes);

	while (!weir_reader_at_end(consumer->reader)) {
		const uint8_t *rows = weir_reader_peek(consumer->reader, max, &got);
		uint64_t position = weir_reader_position(consumer->reader);

		copy_out(copy, rows, (size_t)got * bytes);
		uint32_t spoilt = weir_reader_release(consumer->reader, got);

		check_rows(consumer, copy, position, spoilt, got);
		if (!got && consumer->sleeps && weir_reader_wait(consumer->reader, after_ms(20000)) == -ETIMEDOUT)
			break;
	}
	free(copy);
	return NULL;
}

/* Runs a writer and up to three readers; checks what must hold whatever the scheduling was. */
static void run_stress(struct stress *stress, const enum weir_policy *policy, int n, bool sleeps)
{
	struct consumer consumer[3] = { 0 };
	pthread_t writer, thread[3];

	for (int i = 0; i < n; i++) {
		consumer[i] = (struct consumer){ .stress = stress, .sleeps = sleeps };
		consumer[i].reader = open_reader(stress->ring, policy[i]);
		pthread_create(&thread[i], NULL, consume, &consumer[i]);
	}
	pthread_create(&writer, NULL, produce, stress);
	pthread_join(writer, NULL);
	for (int i = 0; i < n; i++) {
		pthread_join(thread[i], NULL);
		uint64_t lost = weir_reader_lost(consumer[i].reader);

		assert_int_equal(consumer[i].wrong, 0);
		assert_int_equal(consumer[i].read + lost, stress->total);
		assert_true(weir_reader_at_end(consumer[i].reader));
		weir_reader_close(consumer[i].reader);
	}
	weir_ring_close(stress->ring);
}

/* A block reader loses nothing, sleeping or spinning; with nobody else's policy in play nothing at all is lost. */
static void test_block_loses_nothing(void **state)
{
	(void)state;
	for (int sleeps = 0; sleeps < 2; sleeps++) {
		struct stress stress = { open_ring(24, 100, NEAR_WRAP), 100000, 64, 7 };
		struct consumer consumer = { .stress = &stress, .sleeps = sleeps };
		pthread_t writer;

		consumer.reader = open_reader(stress.ring, WEIR_BLOCK);
		pthread_create(&writer, NULL, produce, &stress);
		consume(&consumer);
		pthread_join(writer, NULL);
		assert_int_equal(consumer.wrong, 0);
		assert_int_equal(consumer.read, stress.total);
		assert_int_equal(weir_reader_lost(consumer.reader), 0);
		weir_reader_close(consumer.reader);
		weir_ring_close(stress.ring);
	}
}

/* drop_oldest: read + lost = written, and every row that release did not disown is intact. */
static void test_drop_oldest_disowns_what_was_overwritten(void **state)
{
	static const enum weir_policy policy[] = { WEIR_DROP_OLDEST, WEIR_DROP_OLDEST };

	(void)state;
	for (uint64_t seed = 0; seed < 4; seed++) {
		struct stress stress = { open_ring(25, 1, NEAR_WRAP), 120000, 300, seed };

		run_stress(&stress, policy, 2, seed % 2);
	}
}

/* All policies on one ring: each reader accounts for every row. */
static void test_policies_together(void **state)
{
	static const enum weir_policy policy[] = { WEIR_BLOCK, WEIR_DROP_OLDEST, WEIR_DROP_NEWEST };

	(void)state;
	struct stress stress = { open_ring(48, 1, 0), 60000, 100, 3 };

	run_stress(&stress, policy, 3, true);
}

/* One row a page, one page a row: both sides sleep all the time, and no wake-up is missed. */
static void test_tiny_ring_never_stalls(void **state)
{
	static const enum weir_policy policy[] = { WEIR_BLOCK, WEIR_BLOCK };

	(void)state;
	struct stress stress = { open_ring(4096, 1, UINT64_MAX - 3), 3000, 1, 1 };

	run_stress(&stress, policy, 2, true);
}

/* --------------------------------------------------------------- interrupt */

static void *wait_for_rows(void *argument)
{
	return (void *)(intptr_t)weir_reader_wait(argument, INT64_MAX);
}

static void *wait_for_space(void *argument)
{
	return (void *)(intptr_t)weir_ring_wait_space(argument, INT64_MAX);
}

/* Waits that have begun and waits that begin later return -EINTR, for ever, even where there would be something. */
static void test_interrupt(void **state)
{
	struct weir_ring *ring = open_ring(8, 1, 0), *full = open_ring(8, 1, 0);
	struct weir_reader *reader = open_reader(ring, WEIR_BLOCK), *holder = open_reader(full, WEIR_BLOCK);
	pthread_t waits[2];
	void *result[2];

	(void)state;
	write_rows(full, weir_ring_capacity(full));
	pthread_create(&waits[0], NULL, wait_for_rows, reader);
	pthread_create(&waits[1], NULL, wait_for_space, full);
	usleep(20000);
	weir_ring_interrupt(ring);
	weir_ring_interrupt(full);
	for (int i = 0; i < 2; i++) {
		pthread_join(waits[i], &result[i]);
		assert_int_equal((intptr_t)result[i], -EINTR);
	}
	write_rows(ring, 1);
	assert_int_equal(weir_reader_wait(reader, INT64_MAX), -EINTR);
	assert_int_equal(weir_ring_wait_space(ring, INT64_MAX), -EINTR);
	weir_reader_close(holder);
	weir_reader_close(reader);
	weir_ring_close(full);
	weir_ring_close(ring);
}

static struct weir_ring *interrupted_by_signal;

static void on_signal(int number)
{
	(void)number;
	weir_ring_interrupt(interrupted_by_signal);
}

/* Interrupt works from a signal handler that runs on the very thread that sleeps. */
static void test_interrupt_from_signal(void **state)
{
	struct weir_ring *ring = open_ring(8, 1, 0);
	struct weir_reader *reader = open_reader(ring, WEIR_BLOCK);
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t waits;
	void *result;

	(void)state;
	interrupted_by_signal = ring;
	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&waits, NULL, wait_for_rows, reader);
	usleep(20000);
	pthread_kill(waits, SIGUSR1);
	pthread_join(waits, &result);
	assert_int_equal((intptr_t)result, -EINTR);
	weir_reader_close(reader);
	weir_ring_close(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_fill_whole_pages),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_mirror_of_a_given_descriptor),
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_late_reader),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_block_loses_nothing),
		cmocka_unit_test(test_drop_oldest_disowns_what_was_overwritten),
		cmocka_unit_test(test_policies_together),
		cmocka_unit_test(test_tiny_ring_never_stalls),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_interrupt_from_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
