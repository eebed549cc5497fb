/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ring between threads: nothing lost that may not be, nothing torn, no wake-up missed. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "ring_rows.h"

#define JOINS 2000

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

/* A writer that goes round the whole ring in no time: each row is nothing but its position. */
struct race {
	struct weir_ring *ring;
	_Atomic bool over;
};

static void *go_round(void *argument)
{
	struct race *race = argument;
	uint32_t got;

	while (!race->over) {
		uint64_t *row = weir_ring_reserve(race->ring, weir_ring_capacity(race->ring), &got);
		uint64_t position = weir_ring_head(race->ring);

		for (uint32_t i = 0; i < got; i++)
			row[i] = position + i;
		weir_ring_commit(race->ring, got);
		if (!got && weir_ring_wait_space(race->ring, after_ms(20000)) == -ETIMEDOUT)
			break;
	}
	return NULL;
}

/* From wherever the stream is. How many rows are not what they should be: all of them are looked at again later. */
static uint32_t join_and_look(struct weir_ring *ring)
{
	struct weir_reader *reader = open_reader(ring, WEIR_BLOCK);
	uint32_t got, wrong = 0;

	assert_int_equal(weir_reader_wait(reader, after_ms(20000)), 0);
	const volatile uint64_t *row = weir_reader_peek(reader, 64, &got);
	uint64_t position = weir_reader_position(reader);

	for (int again = 0; again < 4; again++)
		for (uint32_t i = 0; i < got; i++)
			wrong += row[i] != position + i;
	assert_int_equal(weir_reader_release(reader, got), 0);
	weir_reader_close(reader);
	/* The next one is to find a writer that runs. */
	while (weir_ring_head(ring) - position < 4 * (uint64_t)weir_ring_capacity(ring))
		sched_yield();
	return wrong;
}

/* Who joins a writer at full speed is held for from his first row on, also when the writer gets round the whole ring while he
 * joins: no row that he sees is overwritten before he has given it back. */
static void test_joining_a_running_writer(void **state)
{
	struct race race = { .ring = open_ring(8, 1, NEAR_WRAP) };
	uint32_t wrong = 0;
	pthread_t writer;

	(void)state;
	pthread_create(&writer, NULL, go_round, &race);
	for (int i = 0; i < JOINS; i++)
		wrong += join_and_look(race.ring);
	race.over = true;
	pthread_join(writer, NULL);
	weir_ring_close(race.ring);
	assert_int_equal(wrong, 0);
}

/* ------------------------------------------------------------------- places */

#define PLACES_EACH (WEIR_RING_READERS_MAX / 2)

struct crowd {
	struct weir_ring *ring;
	_Atomic int arrived;
	int left; /* places, in rounds in which none should be */
};

/* They go on within a moment of each other, so that they meet at the roster. */
static void arrive(struct crowd *crowd)
{
	int goal = atomic_fetch_add(&crowd->arrived, 1) / 2 * 2 + 2;

	while (atomic_load(&crowd->arrived) < goal)
		sched_yield();
}

static void count_left(struct crowd *crowd)
{
	struct weir_reader *more;

	if (weir_reader_open(&more, crowd->ring, WEIR_BLOCK) == -EUSERS)
		return;
	crowd->left++;
	weir_reader_close(more);
}

static void join_and_leave(struct crowd *crowd, bool counts)
{
	struct weir_reader *reader[PLACES_EACH];

	arrive(crowd);
	for (int i = 0; i < PLACES_EACH; i++)
		reader[i] = open_reader(crowd->ring, WEIR_BLOCK);
	arrive(crowd);
	if (counts)
		count_left(crowd);
	arrive(crowd);
	for (int i = 0; i < PLACES_EACH; i++)
		weir_reader_close(reader[i]);
}

static void *join_many_times(void *argument)
{
	for (int i = 0; i < JOINS; i++)
		join_and_leave(argument, false);
	return NULL;
}

/* Two threads that join at the same time never get one place: when all have joined, no place is left. */
static void test_each_place_is_taken_once(void **state)
{
	struct crowd crowd = { .ring = open_ring(8, 1, 0) };
	pthread_t other;

	(void)state;
	pthread_create(&other, NULL, join_many_times, &crowd);
	for (int i = 0; i < JOINS; i++)
		join_and_leave(&crowd, true);
	pthread_join(other, NULL);
	weir_ring_close(crowd.ring);
	assert_int_equal(crowd.left, 0);
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
		cmocka_unit_test(test_block_loses_nothing),
		cmocka_unit_test(test_drop_oldest_disowns_what_was_overwritten),
		cmocka_unit_test(test_policies_together),
		cmocka_unit_test(test_joining_a_running_writer),
		cmocka_unit_test(test_each_place_is_taken_once),
		cmocka_unit_test(test_tiny_ring_never_stalls),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_interrupt_from_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
