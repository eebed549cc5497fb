/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Intakes: what a device delivers arrives in the ring, whole and in order. Pipes and sockets are the devices. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop_variants.h"

#define ROW 25 /* bytes: odd, so that nothing is aligned by chance */

/* How a fake device carries rows. */
enum device { STREAM, PACKETS, MESSAGES };

/* One intake, what feeds it, and all that its callbacks were told. */
struct bench {
	struct weir_loop *loop;
	struct weir_ring *ring;
	struct weir_reader *reader;
	int fd, feeder; /* the two ends of the device */
	int intake;
	uint64_t fed;
	uint64_t landed, refused, quiets;
	int ended;           /* -1: not yet */
	int drop_every;      /* landed() keeps all rows but each so manieth; 0: all */
	uint64_t fail_after; /* landed() fails with ECHILD when so many rows have come; 0: never */
	int alive;           /* what quiet() answers */
};

static uint8_t row_byte(uint64_t number, uint32_t at)
{
	return (uint8_t)((number ^ (number >> 8)) * 37 + at * 11);
}

static void make_rows(uint8_t *rows, uint64_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n * ROW; i++)
		rows[i] = row_byte(first + i / ROW, i % ROW);
}

static uint64_t row_number(const struct bench *bench, uint64_t landed)
{
	uint64_t keeps = (uint64_t)bench->drop_every - 1; /* of as many as drop_every */

	return bench->drop_every ? landed / keeps * bench->drop_every + landed % keeps : landed;
}

/* --------------------------------------------------------------- callbacks */

static int landed(void *context, void *rows, uint32_t n)
{
	struct bench *bench = context;
	uint8_t *to = rows;

	if (bench->fail_after && bench->landed + n > bench->fail_after)
		return -ECHILD;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *from = (uint8_t *)rows + i * ROW;

		bench->landed++;
		if (bench->drop_every && bench->landed % bench->drop_every == 0)
			continue;
		memmove(to, from, ROW);
		to += ROW;
	}
	return (int)((to - (uint8_t *)rows) / ROW);
}

static void refused(void *context, uint32_t n)
{
	struct bench *bench = context;

	bench->refused += n;
}

static void ended(void *context, int error)
{
	struct bench *bench = context;

	assert_int_equal(bench->ended, -1);
	bench->ended = error;
	weir_loop_stop(bench->loop);
}

static int quiet(void *context)
{
	struct bench *bench = context;

	bench->quiets++;
	return bench->alive;
}

static const struct weir_intake_ops ops = { landed, refused, ended, NULL };
static const struct weir_intake_ops ops_with_quiet = { landed, refused, ended, quiet };

/* ------------------------------------------------------------------- bench */

static void open_device(struct bench *bench, enum device device)
{
	int end[2];

	if (device == MESSAGES)
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, end), 0);
	else
		assert_int_equal(pipe2(end, O_CLOEXEC | (device == PACKETS ? O_DIRECT : 0)), 0);
	fcntl(end[0], F_SETFL, fcntl(end[0], F_GETFL) | O_NONBLOCK);
	bench->fd = end[0];
	bench->feeder = end[1];
}

static void set_up(struct bench *bench, void **state, enum device device, enum weir_policy policy)
{
	struct weir_ring_config config = { .row_bytes = ROW, .rows = 1, .fd = -1, .start_at = UINT64_MAX - 5000 };

	*bench = (struct bench){ .loop = open_loop(*state), .ended = -1, .intake = -1 };
	assert_int_equal(weir_ring_open(&bench->ring, &config), 0);
	assert_int_equal(weir_reader_open(&bench->reader, bench->ring, policy), 0);
	open_device(bench, device);
}

static void add_intake(struct bench *bench, enum weir_intake kind, const struct weir_intake_ops *with)
{
	struct weir_intake_config config = { bench->fd, bench->ring, 1, kind, with, bench };

	bench->intake = weir_loop_add_intake(bench->loop, &config);
	assert_true(bench->intake >= 0);
}

static void tear_down(struct bench *bench)
{
	weir_loop_close(bench->loop);
	close(bench->fd);
	if (bench->feeder >= 0)
		close(bench->feeder);
	weir_reader_close(bench->reader);
	weir_ring_close(bench->ring);
}

static void feed(struct bench *bench, uint32_t n)
{
	uint8_t rows[4096];

	make_rows(rows, bench->fed, n);
	assert_int_equal(write(bench->feeder, rows, n * ROW), n * ROW);
	bench->fed += n;
}

static void hang_up(struct bench *bench)
{
	close(bench->feeder);
	bench->feeder = -1;
}

/* Read all that is in the ring and compare it with what was fed. */
static uint64_t check_ring(struct bench *bench, uint64_t checked)
{
	uint32_t got, wrong = 0;
	const uint8_t *rows = weir_reader_peek(bench->reader, 1000, &got);

	for (uint32_t i = 0; i < got * ROW; i++)
		wrong += rows[i] != row_byte(row_number(bench, checked + i / ROW), i % ROW);
	assert_int_equal(wrong, 0);
	assert_int_equal(weir_reader_release(bench->reader, got), 0);
	return got;
}

/* --------------------------------------------------------------- data flow */

struct flow {
	struct bench *bench;
	uint64_t total, read;
	uint32_t chunk_max; /* rows of one write; 1 for devices that deliver row by row */
	bool slow;
};

static void *feed_all(void *context)
{
	struct flow *flow = context;
	uint32_t chunk = 1;

	while (flow->bench->fed < flow->total) {
		uint64_t left = flow->total - flow->bench->fed;

		chunk = chunk * 7 % 151;
		uint32_t n = 1 + chunk % flow->chunk_max;

		feed(flow->bench, left < n ? (uint32_t)left : n);
	}
	hang_up(flow->bench);
	return NULL;
}

static void *read_all(void *context)
{
	struct flow *flow = context;

	while (!weir_reader_at_end(flow->bench->reader)) {
		uint64_t got = check_ring(flow->bench, flow->read);

		flow->read += got;
		if (flow->slow && got)
			usleep(200);
		else if (!got)
			weir_reader_wait(flow->bench->reader, INT64_MAX);
	}
	return NULL;
}

static void run_flow(void **state, enum device device, enum weir_intake kind, struct flow flow, int drop_every)
{
	pthread_t feeder, reader;
	struct bench bench;

	set_up(&bench, state, device, WEIR_BLOCK);
	bench.drop_every = drop_every;
	add_intake(&bench, kind, &ops);
	flow.bench = &bench;
	pthread_create(&feeder, NULL, feed_all, &flow);
	pthread_create(&reader, NULL, read_all, &flow);
	assert_int_equal(weir_loop_run(bench.loop), 0);
	pthread_join(feeder, NULL);
	weir_ring_finish(bench.ring);
	pthread_join(reader, NULL);
	assert_int_equal(bench.ended, 0);
	assert_int_equal(bench.landed, flow.total);
	assert_int_equal(flow.read, drop_every ? flow.total - flow.total / drop_every : flow.total);
	tear_down(&bench);
}

/* Rows in chunks of any size reach the reader unchanged and complete, round the ring and past position 2^64; the end of
 * file comes after them. */
static void test_poll_flow(void **state)
{
	run_flow(state, STREAM, WEIR_INTAKE_POLL, (struct flow){ .total = 60000, .chunk_max = 150 }, 0);
}

/* The same row by row, by the read that stays armed, from both kinds of message device. */
static void test_multishot_flow(void **state)
{
	run_flow(state, MESSAGES, WEIR_INTAKE_MULTISHOT, (struct flow){ .total = 20000, .chunk_max = 1 }, 0);
	run_flow(state, PACKETS, WEIR_INTAKE_MULTISHOT, (struct flow){ .total = 20000, .chunk_max = 1 }, 0);
}

/* A block reader that is slow holds up the reading, and loses nothing. */
static void test_slow_reader(void **state)
{
	run_flow(state, STREAM, WEIR_INTAKE_POLL, (struct flow){ .total = 30000, .chunk_max = 150, .slow = true }, 0);
	run_flow(state, MESSAGES, WEIR_INTAKE_MULTISHOT, (struct flow){ .total = 12000, .chunk_max = 1, .slow = true },
		 0);
}

/* landed() may drop rows: those that it kept follow one another, although the kernel read ahead meanwhile. */
static void test_filter(void **state)
{
	run_flow(state, STREAM, WEIR_INTAKE_POLL, (struct flow){ .total = 20000, .chunk_max = 150 }, 3);
	run_flow(state, MESSAGES, WEIR_INTAKE_MULTISHOT, (struct flow){ .total = 20000, .chunk_max = 1 }, 2);
}

/* With a full drop_newest reader the device is still emptied: the rows are refused, and counted to the row. */
static void test_drop_newest(void **state)
{
	static const enum weir_intake kind[] = { WEIR_INTAKE_POLL, WEIR_INTAKE_MULTISHOT };

	for (int i = 0; i < 2; i++) {
		struct bench bench;
		struct flow flow = { .bench = &bench, .chunk_max = 1 };
		pthread_t feeder;

		set_up(&bench, state, i ? MESSAGES : STREAM, WEIR_DROP_NEWEST);
		flow.total = weir_ring_capacity(bench.ring) + 777;
		add_intake(&bench, kind[i], &ops);
		pthread_create(&feeder, NULL, feed_all, &flow);
		assert_int_equal(weir_loop_run(bench.loop), 0);
		pthread_join(feeder, NULL);
		assert_int_equal(bench.ended, 0);
		assert_int_equal(bench.landed, weir_ring_capacity(bench.ring));
		assert_int_equal(bench.refused, 777);
		assert_int_equal(weir_reader_lost(bench.reader), 777);
		for (uint64_t read = 0; read < bench.landed;)
			read += check_ring(&bench, read);
		tear_down(&bench);
	}
}

/* ------------------------------------------------------------------ errors */

/* A blocking descriptor and a watermark of nothing are refused, not left to hang. */
static void test_bad_config(void **state)
{
	struct bench bench;

	set_up(&bench, state, STREAM, WEIR_BLOCK);
	struct weir_intake_config config = { bench.fd, bench.ring, 0, WEIR_INTAKE_POLL, &ops, &bench };

	assert_int_equal(weir_loop_add_intake(bench.loop, &config), -EINVAL);
	config.watermark = 1;
	fcntl(bench.fd, F_SETFL, 0);
	assert_int_equal(weir_loop_add_intake(bench.loop, &config), -EINVAL);
	config.fd = 1000;
	assert_int_equal(weir_loop_add_intake(bench.loop, &config), -EBADF);
	tear_down(&bench);
}

/* A read that is no whole number of rows ends the intake with EIO, after the whole rows before it. */
static void test_torn_row(void **state)
{
	static const enum weir_intake kind[] = { WEIR_INTAKE_POLL, WEIR_INTAKE_MULTISHOT };

	for (int i = 0; i < 2; i++) {
		struct bench bench;

		set_up(&bench, state, MESSAGES, WEIR_BLOCK);
		add_intake(&bench, kind[i], &ops);
		feed(&bench, 1);
		feed(&bench, 1);
		assert_int_equal(write(bench.feeder, "torn", 4), 4);
		assert_int_equal(weir_loop_run(bench.loop), 0);
		assert_int_equal(bench.ended, EIO);
		assert_int_equal(bench.landed, 2);
		assert_int_equal(check_ring(&bench, 0), 2);
		tear_down(&bench);
	}
}

/* What landed() returns ends the intake, and landed() is not called again. */
static void test_landed_fails(void **state)
{
	static const enum weir_intake kind[] = { WEIR_INTAKE_POLL, WEIR_INTAKE_MULTISHOT };

	for (int i = 0; i < 2; i++) {
		struct bench bench;

		set_up(&bench, state, MESSAGES, WEIR_BLOCK);
		bench.fail_after = 1;
		add_intake(&bench, kind[i], &ops);
		for (int n = 0; n < 9; n++)
			feed(&bench, 1);
		assert_int_equal(weir_loop_run(bench.loop), 0);
		assert_int_equal(bench.ended, ECHILD);
		assert_true(bench.landed <= 1);
		tear_down(&bench);
	}
}

/* A hang-up without data asks whether the device is alive, and its answer is what the intake ends with. */
static void test_hang_up_asks(void **state)
{
	struct bench bench;

	set_up(&bench, state, STREAM, WEIR_BLOCK);
	bench.alive = -ENODEV;
	add_intake(&bench, WEIR_INTAKE_POLL, &ops_with_quiet);
	hang_up(&bench);
	assert_int_equal(weir_loop_run(bench.loop), 0);
	assert_int_equal(bench.ended, ENODEV);
	assert_int_equal(bench.quiets, 1);
	tear_down(&bench);
}

/* A device that says nothing for a second is asked, and ended with its answer, armed as it is. */
static void test_quiet(void **state)
{
	int64_t start = now();
	struct bench bench;

	set_up(&bench, state, MESSAGES, WEIR_BLOCK);
	bench.alive = -ENODEV;
	add_intake(&bench, WEIR_INTAKE_MULTISHOT, &ops_with_quiet);
	assert_int_equal(weir_loop_run(bench.loop), 0);
	assert_true(now() - start >= 900 * MS);
	assert_int_equal(bench.quiets, 1);
	assert_int_equal(bench.ended, ENODEV);
	tear_down(&bench);
}

/* ------------------------------------------------------------------- drain */

static void feed_and_drain(void *context)
{
	struct bench *bench = context;

	for (int i = 0; i < 5; i++)
		feed(bench, 1);
	weir_loop_drain_intake(bench->loop, bench->intake);
	assert_int_equal(bench->landed, bench->fed);
	feed(bench, 1);
}

/* Drain returns when everything that was there has landed, armed as the intake was, and nothing is read after it. */
static void test_drain(void **state)
{
	static const enum weir_intake kind[] = { WEIR_INTAKE_POLL, WEIR_INTAKE_MULTISHOT };

	for (int i = 0; i < 2; i++) {
		struct bench bench;

		set_up(&bench, state, MESSAGES, WEIR_BLOCK);
		add_intake(&bench, kind[i], &ops);
		feed(&bench, 1);
		assert_int_equal(weir_loop_add_timer(bench.loop, now() + 10 * MS, 0, feed_and_drain, &bench), 0);
		stop_after(bench.loop, 30 * MS);
		assert_int_equal(weir_loop_run(bench.loop), 0);
		assert_int_equal(bench.landed, 6);
		assert_int_equal(bench.ended, -1);
		assert_int_equal(check_ring(&bench, 0), 6);
		tear_down(&bench);
	}
}

/* A drain works on a loop that has stopped, too, and tells of the end of file. */
static void test_drain_after_run(void **state)
{
	struct bench bench;

	set_up(&bench, state, MESSAGES, WEIR_BLOCK);
	add_intake(&bench, WEIR_INTAKE_MULTISHOT, &ops);
	stop_after(bench.loop, 5 * MS);
	assert_int_equal(weir_loop_run(bench.loop), 0);
	feed(&bench, 1);
	feed(&bench, 1);
	hang_up(&bench);
	assert_int_equal(bench.landed, 0);
	weir_loop_drain_intake(bench.loop, bench.intake);
	assert_int_equal(bench.landed, 2);
	assert_int_equal(bench.ended, 0);
	tear_down(&bench);
}

/* A block reader that leaves no space does not keep a drain for ever: what comes after it, parking outputs, must not
 * wait. The rest is counted as refused. */
static void test_drain_gives_up(void **state)
{
	struct bench bench;
	uint32_t got;

	set_up(&bench, state, STREAM, WEIR_BLOCK);
	(void)weir_ring_reserve(bench.ring, UINT32_MAX, &got);
	weir_ring_commit(bench.ring, got);
	add_intake(&bench, WEIR_INTAKE_POLL, &ops);
	feed(&bench, 100);
	weir_loop_drain_intake(bench.loop, bench.intake);
	assert_int_equal(bench.landed, 0);
	assert_int_equal(bench.refused, 100);
	assert_int_equal(bench.ended, -1);
	tear_down(&bench);
}

struct pair {
	struct bench drained, other;
};

static void drain_one_of_two(void *context)
{
	struct pair *pair = context;

	for (int i = 0; i < 50; i++) {
		feed(&pair->other, 1);
		feed(&pair->drained, 1);
	}
	weir_loop_drain_intake(pair->drained.loop, pair->drained.intake);
	assert_int_equal(pair->drained.landed, 50);
	feed(&pair->other, 1);
	hang_up(&pair->other);
}

/* Draining one intake from a callback neither loses nor reorders what another one is receiving. */
static void test_drain_beside_another(void **state)
{
	struct pair pair;

	set_up(&pair.drained, state, MESSAGES, WEIR_BLOCK);
	set_up(&pair.other, state, MESSAGES, WEIR_BLOCK);
	weir_loop_close(pair.other.loop);
	pair.other.loop = pair.drained.loop;
	add_intake(&pair.drained, WEIR_INTAKE_MULTISHOT, &ops);
	add_intake(&pair.other, WEIR_INTAKE_MULTISHOT, &ops);
	assert_int_equal(weir_loop_add_timer(pair.other.loop, now() + 5 * MS, 0, drain_one_of_two, &pair), 0);
	assert_int_equal(weir_loop_run(pair.other.loop), 0);
	assert_int_equal(pair.other.ended, 0);
	assert_int_equal(pair.drained.ended, -1);
	assert_int_equal(check_ring(&pair.other, 0), 51);
	assert_int_equal(check_ring(&pair.drained, 0), 50);
	tear_down(&pair.drained);
	pair.other.loop = NULL;
	tear_down(&pair.other);
}

static void add_late(void *context)
{
	add_intake(context, WEIR_INTAKE_POLL, &ops);
}

/* An intake may be added by a callback while the loop runs. */
static void test_added_while_running(void **state)
{
	struct bench bench;

	set_up(&bench, state, STREAM, WEIR_BLOCK);
	feed(&bench, 9);
	hang_up(&bench);
	assert_int_equal(weir_loop_add_timer(bench.loop, now() + 5 * MS, 0, add_late, &bench), 0);
	assert_int_equal(weir_loop_run(bench.loop), 0);
	assert_int_equal(bench.ended, 0);
	assert_int_equal(check_ring(&bench, 0), 9);
	tear_down(&bench);
}

static void *run(void *context)
{
	return (void *)(intptr_t)weir_loop_run(context);
}

/* The thread that runs a loop need not be the one that opened it and added to it. */
static void test_opened_elsewhere(void **state)
{
	struct bench bench;
	pthread_t runner;
	void *result;

	set_up(&bench, state, MESSAGES, WEIR_BLOCK);
	add_intake(&bench, WEIR_INTAKE_MULTISHOT, &ops);
	feed(&bench, 1);
	hang_up(&bench);
	pthread_create(&runner, NULL, run, bench.loop);
	pthread_join(runner, &result);
	assert_null(result);
	assert_int_equal(bench.ended, 0);
	assert_int_equal(bench.landed, 1);
	tear_down(&bench);
}

/* What explain prints is what was found by trying, and each switch of the tests forces what it says. */
static void test_kinds(void **state)
{
	static const enum weir_intake kind[] = { WEIR_INTAKE_POLL, WEIR_INTAKE_MULTISHOT };
	const struct variant *variant = *state;

	for (int i = 0; i < 2; i++) {
		struct bench bench;

		set_up(&bench, state, MESSAGES, WEIR_BLOCK);
		add_intake(&bench, kind[i], &ops);
		const char *said = weir_loop_intake_kind(bench.loop, bench.intake);

		assert_true(strstr(variant->name, weir_loop_backend(bench.loop)) == variant->name);
		if (variant->backend == WEIR_BACKEND_POLL)
			assert_string_equal(said, "poll + read");
		if (variant->forbidden & WEIR_LOOP_NO_MULTISHOT || kind[i] == WEIR_INTAKE_POLL)
			assert_null(strstr(said, "multishot"));
		if (variant->forbidden & WEIR_LOOP_NO_FIXED)
			assert_string_equal(said, "io_uring poll + read");
		tear_down(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_EACH(test_poll_flow),
		ON_EACH(test_multishot_flow),
		ON_EACH(test_slow_reader),
		ON_EACH(test_filter),
		ON_EACH(test_drop_newest),
		ON_EACH(test_bad_config),
		ON_EACH(test_torn_row),
		ON_EACH(test_landed_fails),
		ON_EACH(test_hang_up_asks),
		ON_EACH(test_quiet),
		ON_EACH(test_drain),
		ON_EACH(test_drain_after_run),
		ON(test_drain_gives_up, 0),
		ON(test_drain_gives_up, 1),
		ON_EACH(test_drain_beside_another),
		ON_EACH(test_added_while_running),
		ON_EACH(test_opened_elsewhere),
		ON_EACH(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
