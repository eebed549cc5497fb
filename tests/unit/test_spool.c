/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The spool against a model, on a disk that fails, fills up, and loses what was not synced. WEIR_SPOOL_RUNS makes it longer. */
#include <errno.h>

#include "harness.h"
#include "spool_model.h"

/* ------------------------------------------------------------------- tests */

/* With room enough nothing is lost: each message arrives, in order, under one id, also after orderly restarts. */
static void everything_arrives_in_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= spool_runs(12); seed++) {
		struct model m;

		model_open(&m, WEIR_SPOOL_BLOCK, seed);
		for (int i = 0; i < 400; i++) {
			model_step(&m);
			if (harness_below(&m.random, 60))
				continue;
			while (!model_work(&m, true)) {
				model_rewind(&m);
				while (model_take(&m))
					;
				model_acknowledge(&m);
			}
			m.safe = m.next;
			m.acked_safe = m.acked;
			weir_spool_close(m.spool);
			model_begin(&m);
		}
		model_finish(&m);
		assert_int_equal(
			model_counts(&m).lost_limit + model_counts(&m).lost_disk + model_counts(&m).lost_corrupt, 0);
		model_close(&m);
	}
}

/* What was synced survives kill -9 and the loss of anything that was not synced, torn in any way; what was acknowledged and
 * synced does not come again; no id is ever given to two messages. */
static void synced_messages_survive_a_cut(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= spool_runs(12); seed++) {
		struct model m;

		model_open(&m, WEIR_SPOOL_BLOCK, seed);
		for (int i = 0; i < 400; i++) {
			model_step(&m);
			if (!harness_below(&m.random, 25))
				model_fall(&m, harness_below(&m.random, 4));
		}
		model_finish(&m);
		model_close(&m);
	}
}

/* A full disk, failing operations and a limit that is reached: what does not arrive is counted, and nothing gets stuck. */
static void every_loss_is_counted(void **state)
{
	static const enum weir_spool_policy policies[] = { WEIR_SPOOL_DROP_OLDEST, WEIR_SPOOL_DROP_NEWEST,
							   WEIR_SPOOL_BLOCK };

	(void)state;
	for (uint64_t seed = 1; seed <= spool_runs(12); seed++) {
		struct model m;

		model_open(&m, policies[seed % 3], seed);
		for (int i = 0; i < 400; i++) {
			model_step(&m);
			if (!harness_below(&m.random, 20))
				disk_limit(m.disk,
					   harness_below(&m.random, 3) ? UINT64_MAX : disk_bytes(m.disk) + 5000);
			if (!harness_below(&m.random, 20)) {
				disk_fail(m.disk, harness_below(&m.random, 3) ? 0 : 5);
				m.fails = true;
			}
			if (m.policy != WEIR_SPOOL_BLOCK)
				assert_true(model_work(&m, false)); /* nothing waits */
		}
		model_finish(&m);
		model_close(&m);
	}
}

static uint32_t n_arrived(const struct model *m)
{
	uint32_t n = 0;

	for (uint32_t number = 0; number < m->next; number++)
		n += m->id[number] != 0;
	return n;
}

/* What a write that fails half way has put down is not found at the next start, if the disk is well again before the end: the messages
 * that arrived, and those that one run after the other counted as lost, are all that there were, to the message. */
static void what_was_lost_does_not_come_back(void **state)
{
	uint64_t lost_ever = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= spool_runs(12); seed++) {
		uint64_t lost = 0;
		struct model m;

		model_open(&m, WEIR_SPOOL_DROP_NEWEST, seed);
		for (int run = 0; run < 8; run++) {
			for (int i = 0; i < 20; i++) {
				disk_fail(m.disk, harness_below(&m.random, 2) ? 0 : 3);
				disk_limit(m.disk,
					   harness_below(&m.random, 3) ? UINT64_MAX : disk_bytes(m.disk) + 20000);
				model_step(&m);
			}
			disk_fail(m.disk, 0);
			weir_spool_end(m.spool);
			lost += model_counts(&m).lost_disk + model_counts(&m).lost_limit;
			assert_int_equal(model_counts(&m).lost_corrupt, 0);
			weir_spool_close(m.spool);
			m.acked_safe = m.acked;
			disk_limit(m.disk, UINT64_MAX);
			model_begin(&m);
		}
		model_finish(&m);
		assert_int_equal(n_arrived(&m) + lost, m.next);
		lost_ever += lost;
		model_close(&m);
	}
	assert_true(lost_ever > 100);
}

/* Whatever bytes change on the disk: what can be read arrives, the rest is counted, and new messages go on. */
static void rot_is_skipped(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= spool_runs(12); seed++) {
		struct model m;

		model_open(&m, WEIR_SPOOL_DROP_OLDEST, seed);
		m.rots = true;
		for (int i = 0; i < 100; i++) {
			model_step(&m);
			if (harness_below(&m.random, 20))
				continue;
			model_sync(&m);
			if (harness_below(&m.random, 2))
				model_fall(&m, false);
			disk_rot(m.disk);
		}
		model_finish(&m);
		model_close(&m);
	}
}

/* ------------------------------------------------------- every operation in turn */

#define STEPS 60

/* Steps, restarts and the end, the same for every seed, with trouble at one operation. @return operations. */
static uint64_t run_with_trouble(enum weir_spool_policy policy, uint64_t seed, uint64_t at, int error)
{
	struct model m;
	uint64_t n;

	model_open(&m, policy, seed);
	m.fails = true;
	if (at)
		disk_fail_at(m.disk, at, error);
	for (int i = 0; i < STEPS; i++) {
		model_step(&m);
		if (disk_is_dead(m.disk) || i % 25 == 24)
			model_fall(&m, disk_is_dead(m.disk));
	}
	n = disk_operations(m.disk);
	model_finish(&m);
	model_close(&m);
	return n;
}

static void trouble_everywhere(enum weir_spool_policy policy, int error)
{
	for (uint64_t seed = 1; seed <= spool_runs(1); seed++)
		for (uint64_t at = run_with_trouble(policy, seed, 0, 0); at; at--)
			run_with_trouble(policy, seed, at, error);
}

/* The disk is full, or broken, at any one operation, also while the spool is opened: what waits for room is not lost, and what is
 * lost is counted. */
static void any_operation_may_fail(void **state)
{
	(void)state;
	trouble_everywhere(WEIR_SPOOL_BLOCK, -ENOSPC);
	trouble_everywhere(WEIR_SPOOL_DROP_OLDEST, -ENOSPC);
	trouble_everywhere(WEIR_SPOOL_DROP_NEWEST, -EIO);
}

/* The power goes at any one operation, also while the spool is opened: what was synced is there, in order, under its id. */
static void the_power_may_go_at_any_operation(void **state)
{
	(void)state;
	trouble_everywhere(WEIR_SPOOL_BLOCK, 0);
}

/* --------------------------------------------------------------- one by one */

static void expect_next(struct model *m, uint32_t number)
{
	assert_true(model_take(m));
	assert_int_equal(m->offset, number + 1);
}

static void acknowledge_all_offered(struct model *m)
{
	m->acked = m->arrived = m->offset;
	weir_spool_ack(m->spool, m->id[m->offset - 1]);
}

/* Acknowledged to the middle and synced: the next one is the first that comes after an end, kill -9 or a power cut. */
static void nothing_acknowledged_comes_again(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct model m;

		model_open(&m, WEIR_SPOOL_BLOCK, 1);
		model_append(&m, 1000);
		model_sync(&m);
		for (uint32_t number = 0; number < 500; number++)
			expect_next(&m, number);
		acknowledge_all_offered(&m);
		if (how) {
			model_sync(&m);
			model_fall(&m, how == 2);
		} else {
			weir_spool_close(m.spool);
			m.acked_safe = m.acked;
			model_begin(&m);
		}
		assert_int_equal(model_counts(&m).recovered, 500);
		expect_next(&m, 500);
		model_finish(&m);
		model_close(&m);
	}
}

/* The end is orderly: what was appended and not even committed is safe from a power cut right after it. */
static void the_end_keeps_everything(void **state)
{
	struct model m;

	(void)state;
	model_open(&m, WEIR_SPOOL_DROP_OLDEST, 1);
	model_append(&m, 100);
	weir_spool_close(m.spool);
	disk_cut(m.disk);
	model_begin(&m);
	assert_int_equal(model_counts(&m).recovered, 100);
	for (uint32_t number = 0; number < 100; number++)
		expect_next(&m, number);
	model_close(&m);
}

/* A consumer that says that it has what it was not offered, or something older again, changes nothing. */
static void only_what_was_offered_is_acknowledged(void **state)
{
	struct model m;

	(void)state;
	model_open(&m, WEIR_SPOOL_BLOCK, 1);
	model_append(&m, 10);
	model_sync(&m);
	weir_spool_ack(m.spool, UINT64_MAX);
	assert_int_equal(model_counts(&m).acknowledged, 0);
	expect_next(&m, 0);
	expect_next(&m, 1);
	weir_spool_ack(m.spool, UINT64_MAX);
	weir_spool_ack(m.spool, m.id[0]);
	assert_int_equal(model_counts(&m).acknowledged, 2);
	assert_int_equal(model_counts(&m).waiting, 8);
	model_close(&m);
}

/* After an outage older ones go first, although newer ones have come since the connection was there again. */
static void older_first_after_an_outage(void **state)
{
	struct model m;

	(void)state;
	model_open(&m, WEIR_SPOOL_BLOCK, 1);
	model_append(&m, 100);
	model_sync(&m);
	for (uint32_t number = 0; number < 60; number++)
		expect_next(&m, number);
	weir_spool_ack(m.spool, m.id[9]); /* and then the connection is lost */
	m.acked = m.arrived = 10;
	model_append(&m, 100);
	model_rewind(&m);
	for (uint32_t number = 10; number < 50; number++)
		expect_next(&m, number);
	model_sync(&m);
	for (uint32_t number = 50; number < 200; number++)
		expect_next(&m, number);
	model_close(&m);
}

/* Segments of which some are acknowledged, some on their way and some neither are given up over and over: no count runs below
 * zero, the files are what is counted, and the newest message always gets through. */
static void dropping_goes_on_for_ever(void **state)
{
	uint64_t lost = 0;
	struct model m;

	(void)state;
	model_open(&m, WEIR_SPOOL_DROP_OLDEST, 1);
	while (m.next < 30000) {
		if (!harness_below(&m.random, 50)) {
			lost += model_counts(&m).lost_limit;
			model_fall(&m, false);
		}
		model_append(&m, 400);
		model_sync(&m);
		for (uint32_t n = harness_below(&m.random, 600); n--;)
			model_take(&m);
		model_acknowledge(&m);
		if (!harness_below(&m.random, 4))
			model_rewind(&m);
		assert_int_equal(model_in_memory(&m), 0);
		assert_in_range(disk_bytes(m.disk), model_counts(&m).bytes, model_counts(&m).bytes + 8192);
	}
	assert_true(lost + model_counts(&m).lost_limit > 3000);
	while (model_take(&m))
		;
	assert_int_equal(m.offset, m.next);
	model_close(&m);
}

/* At the limit the one policy keeps the last messages, the other the first. */
static void the_limit_gives_way_at_its_end(void **state)
{
	(void)state;
	for (int policy = WEIR_SPOOL_DROP_OLDEST; policy <= WEIR_SPOOL_DROP_NEWEST; policy++) {
		struct model m;
		uint32_t n = 0;

		model_open(&m, (enum weir_spool_policy)policy, 1);
		while (model_counts(&m).lost_limit < 1000) {
			model_append(&m, 100);
			model_work(&m, true);
		}
		for (; model_take(&m); n++)
			;
		assert_int_equal(n, model_counts(&m).waiting);
		assert_int_equal(n + model_counts(&m).lost_limit, m.next);
		assert_int_equal(m.offset == m.next, policy == WEIR_SPOOL_DROP_OLDEST);
		assert_true(policy == WEIR_SPOOL_DROP_OLDEST ? !m.id[0] : m.id[0]);
		model_close(&m);
	}
}

/* On a full disk, or at the end of a quota, the oldest give way where they are to, and what is given up is counted. */
static void a_full_disk_is_like_the_limit(void **state)
{
	void (*const fill[])(struct disk *, uint64_t) = { disk_limit, disk_quota };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct model m;
		uint32_t n = 0;

		model_open(&m, WEIR_SPOOL_DROP_OLDEST, 1);
		model_append(&m, 1000);
		model_sync(&m);
		fill[i](m.disk, disk_bytes(m.disk));
		model_append(&m, 300);
		model_sync(&m);
		for (; model_take(&m); n++)
			;
		assert_int_equal(m.offset, m.next);
		assert_true(!m.id[0] && m.id[m.next - 1]);
		assert_int_equal(n, model_counts(&m).waiting);
		assert_int_equal(n + model_counts(&m).lost_limit + model_counts(&m).lost_disk, m.next);
		model_close(&m);
	}
}

/* A file system that becomes read-only while the spool is open: what comes is lost and counted, what is there still arrives, and
 * when it can be written to again the spool goes on. */
static void a_disk_may_become_read_only(void **state)
{
	struct model m;

	(void)state;
	model_open(&m, WEIR_SPOOL_DROP_NEWEST, 1);
	model_append(&m, 100);
	model_sync(&m);
	disk_refuse(m.disk, -EROFS);
	model_append(&m, 100);
	model_sync(&m);
	assert_int_equal(model_counts(&m).lost_disk, 100);
	for (uint32_t number = 0; number < 100; number++)
		expect_next(&m, number);
	disk_refuse(m.disk, 0);
	model_append(&m, 100);
	model_sync(&m);
	for (uint32_t number = 200; number < 300; number++)
		expect_next(&m, number);
	model_close(&m);
}

/* Bytes of the second file are wrong, all or some: what is in it and in no other is counted, to the message, and all else arrives. */
static void a_damaged_file_in_the_middle_is_passed(void **state)
{
	static const struct {
		uint64_t at, n;
	} damage[] = { { 0, UINT64_MAX }, { 0, 32 }, { 32, 4 }, { 36, 4 }, { 5000, 1 }, { 5000, 20000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(damage) / sizeof(*damage); i++) {
		struct model m;
		uint32_t n = 0;

		model_open(&m, WEIR_SPOOL_BLOCK, 1);
		model_append(&m, 1000);
		model_sync(&m);
		assert_true(disk_damage(m.disk, 1, damage[i].at, damage[i].n));
		model_fall(&m, false);
		model_append(&m, 10);
		model_sync(&m);
		m.policy = WEIR_SPOOL_DROP_OLDEST; /* there may be gaps */
		for (; model_take(&m); n++)
			;
		assert_int_equal(n + model_counts(&m).lost_corrupt, 1010);
		assert_int_equal(m.offset, 1010);
		assert_true(n < 1010 || damage[i].n == 32);
		model_close(&m);
	}
}

/* Three sectors of the second file cannot be read, before a start or after it: that takes the messages that are in them, and no
 * others, and does not hold up the rest for ever. */
static void what_cannot_be_read_is_passed(void **state)
{
	(void)state;
	for (int restart = 0; restart < 2; restart++) {
		uint32_t n = 0, idle = 0;
		struct model m;

		model_open(&m, WEIR_SPOOL_BLOCK, 1);
		model_append(&m, 1000);
		model_sync(&m);
		disk_break(m.disk, 1, 20000, 12288);
		if (restart)
			model_fall(&m, false);
		m.policy = WEIR_SPOOL_DROP_OLDEST; /* there will be a gap */
		while (idle < 1000)
			if (model_take(&m))
				n++;
			else
				idle++;
		assert_int_equal(m.offset, 1000);
		assert_int_equal(n + model_counts(&m).lost_corrupt, 1000);
		assert_in_range(n, 850, 999);
		assert_true(model_counts(&m).disk_errors > 0);
		model_close(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives_in_order),
		cmocka_unit_test(synced_messages_survive_a_cut),
		cmocka_unit_test(every_loss_is_counted),
		cmocka_unit_test(what_was_lost_does_not_come_back),
		cmocka_unit_test(rot_is_skipped),
		cmocka_unit_test(any_operation_may_fail),
		cmocka_unit_test(the_power_may_go_at_any_operation),
		cmocka_unit_test(nothing_acknowledged_comes_again),
		cmocka_unit_test(the_end_keeps_everything),
		cmocka_unit_test(only_what_was_offered_is_acknowledged),
		cmocka_unit_test(older_first_after_an_outage),
		cmocka_unit_test(dropping_goes_on_for_ever),
		cmocka_unit_test(the_limit_gives_way_at_its_end),
		cmocka_unit_test(a_full_disk_is_like_the_limit),
		cmocka_unit_test(a_disk_may_become_read_only),
		cmocka_unit_test(a_damaged_file_in_the_middle_is_passed),
		cmocka_unit_test(what_cannot_be_read_is_passed),
	};

	return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
