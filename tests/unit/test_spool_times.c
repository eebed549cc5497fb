/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The spool and time: a disk that does not come back for as long as it likes, rates, and clocks that jump. A disk that hangs here
 * hangs until the test lets it go, and a sync is never due: whoever waited for either would wait for ever.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "spool/spool_memory.h"
#include "spool_model.h"

#define MEMORY (1 << 20)
#define BATCH (1 << 18)
#define BYTES 100
#define FRAME 16

/* Where a long has 32 bits, the call of this name fills a struct of 32 bits. */
#ifdef SYS_clock_gettime64
#define CLOCK_CALL SYS_clock_gettime64
#else
#define CLOCK_CALL SYS_clock_gettime
#endif

static uint32_t n_wall_clock;

/* In the place of the C library's: tells the time of day, which jumps, and counts who asks. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	static const time_t jump[] = { 0, 2000000000, 1000, 86400 };

	if (clock != CLOCK_REALTIME)
		return (int)syscall(CLOCK_CALL, clock, now);
	*now = (struct timespec){ .tv_sec = jump[__atomic_fetch_add(&n_wall_clock, 1, __ATOMIC_RELAXED) % 4] };
	return 0;
}

struct stall {
	struct disk *disk;
	struct weir_spool_io io;
	struct weir_spool *spool;
	uint32_t next, least; /* numbers: of the next message, and the least that may arrive */
};

static void stall_open(struct stall *s, enum weir_spool_policy policy)
{
	struct weir_spool_config config = {
		.dir = "stalling",
		.limit_bytes = 64 << 20,
		.policy = policy,
		.memory_bytes = MEMORY,
		.sync_ns = INT64_MAX / 2,
		.io = &s->io,
	};
	char error[256];

	*s = (struct stall){ .disk = disk_new(1) };
	s->io = disk_io(s->disk);
	assert_int_equal(weir_spool_open(&s->spool, &config, error), 0);
}

static void stall_close(struct stall *s)
{
	weir_spool_close(s->spool);
	disk_free(s->disk);
}

static struct weir_spool_counts counts(struct stall *s)
{
	struct weir_spool_counts counts;

	weir_spool_read_counts(s->spool, &counts);
	return counts;
}

/* Of one size, so that what has room is known. */
static void append(struct stall *s, uint32_t n)
{
	uint32_t bytes[BYTES / 4] = { 0 };

	for (; n--; s->next++) {
		bytes[0] = s->next;
		assert_int_equal(weir_spool_append(s->spool, bytes, BYTES), 0);
	}
}

/* In small pieces, as they come from a slow stream. */
static void append_in_pieces(struct stall *s, uint32_t n)
{
	for (; n; n -= n < 7 ? n : 7) {
		append(s, n < 7 ? n : 7);
		assert_int_equal(weir_spool_commit(s->spool), 0);
	}
}

/* The writer hangs with the first message. */
static void begin_stall(struct stall *s)
{
	disk_hang(s->disk, true);
	append_in_pieces(s, 1);
	disk_await_hanging(s->disk);
}

static void end_stall(struct stall *s)
{
	disk_hang(s->disk, false);
	weir_spool_end(s->spool);
}

/* Those that arrive, in order and whole. */
static uint32_t arrived(struct stall *s)
{
	struct weir_spool_message message;
	uint32_t n = 0, number;
	int64_t due_ns;

	for (; !weir_spool_peek(s->spool, &message, 0, &due_ns); n++) {
		number = *(const uint32_t *)message.bytes;
		assert_true(message.n == BYTES && number >= s->least && number < s->next);
		s->least = number + 1;
	}
	return n;
}

/* Messages that there is memory for while the writer hangs with one batch, with the one that is being filled. */
#define ROOM ((MEMORY - BATCH) / BATCH * (BATCH / (BYTES + FRAME)))

/* While the disk hangs, memory takes what comes, to the last byte, in pieces however small; nothing is lost. */
static void a_stall_loses_nothing_while_there_is_memory(void **state)
{
	static const enum weir_spool_policy policies[] = { WEIR_SPOOL_DROP_OLDEST, WEIR_SPOOL_DROP_NEWEST,
							   WEIR_SPOOL_BLOCK };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct stall s;

		stall_open(&s, policies[i]);
		begin_stall(&s);
		append_in_pieces(&s, ROOM - BATCH / (BYTES + FRAME));
		append(&s, BATCH / (BYTES + FRAME)); /* the batch that is being filled */
		assert_int_equal(counts(&s).lost_disk, 0);
		end_stall(&s);
		assert_int_equal(counts(&s).lost_disk + counts(&s).lost_limit, 0);
		assert_int_equal(arrived(&s), 1 + ROOM);
		stall_close(&s);
	}
}

/* With no memory left, what comes is given up, and nobody waits: each message that does not arrive is counted. */
static void a_long_stall_drops_the_newest(void **state)
{
	struct weir_spool_counts c;
	struct stall s;
	uint32_t n;

	(void)state;
	stall_open(&s, WEIR_SPOOL_DROP_NEWEST);
	begin_stall(&s);
	append_in_pieces(&s, 4 * ROOM);
	end_stall(&s);
	append_in_pieces(&s, 0);
	c = counts(&s);
	n = arrived(&s);
	assert_int_equal(c.appended, s.next);
	assert_int_equal(n, c.waiting);
	assert_int_equal(n + c.lost_disk, s.next);
	assert_in_range(n, ROOM - BATCH / (BYTES + FRAME), ROOM);
	assert_int_equal(s.least, n); /* the first ones */
	stall_close(&s);
}

/* The same where the oldest give way: the newest arrive, and the one that the disk hangs with. */
static void a_long_stall_drops_the_oldest(void **state)
{
	struct weir_spool_counts c;
	struct stall s;
	uint32_t n;

	(void)state;
	stall_open(&s, WEIR_SPOOL_DROP_OLDEST);
	begin_stall(&s);
	append_in_pieces(&s, 4 * ROOM);
	end_stall(&s);
	c = counts(&s);
	n = arrived(&s);
	assert_int_equal(n, c.waiting);
	assert_int_equal(n + c.lost_disk, s.next);
	assert_in_range(n, ROOM - 2 * BATCH / (BYTES + FRAME), ROOM + 1);
	assert_int_equal(s.least, s.next); /* the last ones */
	stall_close(&s);
}

/* Nobody is held up by what the disk does meanwhile: neither who counts, nor who acknowledges and takes what was written before. */
static void a_stall_holds_up_nobody_else(void **state)
{
	struct weir_spool_message message;
	struct stall s;
	int64_t due_ns;

	(void)state;
	stall_open(&s, WEIR_SPOOL_DROP_OLDEST);
	append_in_pieces(&s, 100);
	while (counts(&s).waiting < 100)
		usleep(100);
	assert_int_equal(weir_spool_peek(s.spool, &message, 0, &due_ns), 0);
	begin_stall(&s);
	weir_spool_ack(s.spool, message.id);
	assert_int_equal(counts(&s).acknowledged, 1);
	s.least = 1;
	assert_int_equal(arrived(&s), 99);
	append_in_pieces(&s, 100);
	assert_int_equal(weir_spool_peek(s.spool, &message, 0, &due_ns), -EAGAIN);
	end_stall(&s);
	assert_int_equal(arrived(&s), 101);
	stall_close(&s);
}

static void *interrupt_later(void *context)
{
	usleep(20000);
	weir_spool_interrupt(context);
	return NULL;
}

/* Who may wait does, until there is room or until told to go; then nothing is lost but what was not taken. */
static void a_producer_that_waits_can_be_let_go(void **state)
{
	uint32_t bytes[BYTES / 4] = { 0 };
	struct stall s;
	pthread_t thread;

	(void)state;
	stall_open(&s, WEIR_SPOOL_BLOCK);
	begin_stall(&s);
	append_in_pieces(&s, ROOM - BATCH / (BYTES + FRAME));
	append(&s, BATCH / (BYTES + FRAME));
	assert_int_equal(pthread_create(&thread, NULL, interrupt_later, s.spool), 0);
	assert_int_equal(weir_spool_append(s.spool, bytes, BYTES), -EINTR);
	pthread_join(thread, NULL);
	end_stall(&s);
	assert_int_equal(counts(&s).lost_disk + counts(&s).lost_limit, 0);
	assert_int_equal(arrived(&s), 1 + ROOM);
	stall_close(&s);
}

/* A disk that stalls again and again, while messages are taken: each has one fate, whatever gives way. */
static void stalls_come_and_go(void **state)
{
	uint64_t random = 3;

	(void)state;
	for (int policy = 0; policy < 2; policy++) {
		struct stall s;
		uint32_t n = 0;

		stall_open(&s, (enum weir_spool_policy)policy);
		for (int i = 0; i < 200; i++) {
			disk_hang(s.disk, harness_below(&random, 2));
			append_in_pieces(&s, harness_below(&random, 3000));
			if (!harness_below(&random, 3))
				n += arrived(&s);
		}
		end_stall(&s);
		n += arrived(&s);
		assert_int_equal(counts(&s).appended, s.next);
		assert_int_equal(n + counts(&s).lost_disk, s.next);
		stall_close(&s);
	}
}

/* ------------------------------------------------------------------- in memory */

static void *take_slowly(void *context)
{
	struct weir_spool_message message;
	uint32_t next = 0;
	int64_t due_ns;

	while (next < MESSAGES / 4) {
		if (weir_spool_peek(context, &message, 0, &due_ns) < 0) {
			usleep(1000);
			continue;
		}
		assert_int_equal(spool_number(&message), next++);
		if (next % 1000 == 0)
			usleep(1000);
		weir_spool_ack(context, message.id);
	}
	return NULL;
}

/* Without a thread the producer writes itself, waits for room while there is none, and is let go when it is told to end. */
static void a_producer_can_write_itself(void **state)
{
	static uint8_t bytes[WEIR_SPOOL_MESSAGE_MAX];
	struct weir_spool_config config = { .limit_bytes = LIMIT, .policy = WEIR_SPOOL_BLOCK, .is_inline = true };
	struct weir_spool_io io;
	struct weir_spool *spool;
	pthread_t thread;
	char error[256];
	int err = 0;

	(void)state;
	assert_int_equal(weir_spool_memory_open(&io), 0);
	config.io = &io;
	assert_int_equal(weir_spool_open(&spool, &config, error), 0);
	assert_int_equal(pthread_create(&thread, NULL, take_slowly, spool), 0);
	for (uint32_t number = 0; number < MESSAGES / 4; number++) {
		assert_int_equal(weir_spool_append(spool, bytes, spool_fill(bytes, number)), 0);
		if (number % 10 == 0)
			assert_int_equal(weir_spool_commit(spool), 0);
	}
	assert_int_equal(weir_spool_commit(spool), 0);
	pthread_join(thread, NULL);
	weir_spool_interrupt(spool);
	for (uint32_t number = 0; number < MESSAGES && !err; number++)
		err = weir_spool_append(spool, bytes, spool_fill(bytes, number));
	assert_int_equal(err, -EINTR);
	weir_spool_close(spool);
	weir_spool_memory_close(&io);
}

/* ------------------------------------------------------------- rates and clocks */

static struct weir_spool *rated(struct weir_spool_io *io)
{
	struct weir_spool_config config = {
		.dir = "rated", .limit_bytes = LIMIT, .rate = 100, .io = io, .manual = true
	};
	struct weir_spool *spool;
	char error[256];

	assert_int_equal(weir_spool_open(&spool, &config, error), 0);
	return spool;
}

static void add(struct weir_spool *spool, uint32_t n)
{
	static uint8_t bytes[WEIR_SPOOL_MESSAGE_MAX];

	for (uint32_t number = 0; number < n; number++)
		assert_int_equal(weir_spool_append(spool, bytes, spool_fill(bytes, number)), 0);
	assert_int_equal(weir_spool_commit(spool), 0);
	weir_spool_work(spool, true);
}

/* Take `n`, always as soon as one may. @return when that was. */
static int64_t take(struct weir_spool *spool, uint32_t n, int64_t now_ns)
{
	struct weir_spool_message message;
	int64_t due_ns;

	while (n) {
		if (!weir_spool_peek(spool, &message, now_ns, &due_ns)) {
			n--;
			continue;
		}
		assert_true(due_ns > now_ns && due_ns < INT64_MAX);
		now_ns = due_ns;
	}
	return now_ns;
}

/* After an outage the backlog goes out at the rate that was set, and what comes later as it comes. */
static void a_backlog_keeps_to_its_rate(void **state)
{
	struct disk *disk = disk_new(1);
	struct weir_spool_io io = disk_io(disk);
	struct weir_spool *spool = rated(&io);
	struct weir_spool_message message;
	int64_t now_ns, due_ns;

	(void)state;
	add(spool, 300);
	weir_spool_rewind(spool);
	now_ns = take(spool, 300, 0);
	assert_in_range(now_ns, 2800000000, 3000000000 + 20000000);
	assert_int_equal(weir_spool_peek(spool, &message, now_ns + 100000000, &due_ns), -EAGAIN);
	assert_true(due_ns == INT64_MAX);
	add(spool, 300);
	assert_true(take(spool, 300, now_ns) == now_ns);
	weir_spool_close(spool);
	disk_free(disk);
}

/* The clock that counts begins again with the machine, and goes on while a machine sleeps or does not: neither holds a backlog up,
 * nor lets it all out at once. */
static void jumps_of_the_clock_change_no_rate(void **state)
{
	static const int64_t boot[] = { 900000000000000000, 1000, 86400000000000 };
	struct disk *disk = disk_new(1);
	struct weir_spool_io io = disk_io(disk);

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct weir_spool *spool = rated(&io);
		int64_t now_ns;

		add(spool, 200);
		weir_spool_rewind(spool);
		now_ns = take(spool, 100, boot[i]);
		assert_in_range(now_ns - boot[i], 800000000, 1100000000);
		now_ns += 3600000000000;
		assert_in_range(take(spool, 100, now_ns) - now_ns, 800000000, 1000000000);
		weir_spool_close(spool);
	}
	disk_free(disk);
}

/* Nothing that a spool does or keeps depends on the time of day, which jumps all the time here. */
static void nobody_asks_for_the_time_of_day(void **state)
{
	uint32_t before = __atomic_load_n(&n_wall_clock, __ATOMIC_RELAXED);
	struct model m;

	(void)state;
	model_open(&m, WEIR_SPOOL_DROP_OLDEST, 1);
	for (int i = 0; i < 300; i++)
		model_step(&m);
	model_fall(&m, true);
	model_finish(&m);
	model_close(&m);
	assert_int_equal(__atomic_load_n(&n_wall_clock, __ATOMIC_RELAXED), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stall_loses_nothing_while_there_is_memory),
		cmocka_unit_test(a_long_stall_drops_the_newest),
		cmocka_unit_test(a_long_stall_drops_the_oldest),
		cmocka_unit_test(a_stall_holds_up_nobody_else),
		cmocka_unit_test(a_producer_that_waits_can_be_let_go),
		cmocka_unit_test(stalls_come_and_go),
		cmocka_unit_test(a_producer_can_write_itself),
		cmocka_unit_test(a_backlog_keeps_to_its_rate),
		cmocka_unit_test(jumps_of_the_clock_change_no_rate),
		cmocka_unit_test(nobody_asks_for_the_time_of_day),
	};

	return cmocka_run_group_tests_name("spool_times", tests, NULL, NULL);
}
