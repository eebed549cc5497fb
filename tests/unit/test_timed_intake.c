/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An intake that is read by time, on each back end. A pipe is the device: like an IIO buffer it is readable from one row on. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loop_variants.h"

#define ROW 16 /* bytes: its number, and nothing */
#define WATERMARK 20
#define PERIOD_MS 2

struct bench {
	struct weir_loop *loop;
	struct weir_ring *ring;
	struct weir_reader *reader;
	int fd, feeder;
	uint64_t fed, landed, reads, wrong, quiets;
	uint64_t limit; /* rows of use; 0: all */
	int64_t done_ns;
};

static int landed(void *context, void *rows, uint32_t n)
{
	struct bench *bench = context;

	bench->reads++;
	for (uint32_t i = 0; i < n; i++)
		bench->wrong += *(uint64_t *)((char *)rows + (size_t)i * ROW) != bench->landed++;
	if (bench->limit && bench->landed >= bench->limit) {
		bench->done_ns = now();
		weir_loop_stop(bench->loop);
	}
	return (int)n;
}

static void refused(void *context, uint32_t n)
{
	(void)context;
	fail_msg("%u rows refused", n);
}

static void ended(void *context, int error)
{
	struct bench *bench = context;

	assert_int_equal(error, 0);
	weir_loop_stop(bench->loop);
}

static int quiet(void *context)
{
	((struct bench *)context)->quiets++;
	return 0;
}

static uint64_t wanted(void *context)
{
	const struct bench *bench = context;

	return bench->limit ? bench->limit - bench->landed : UINT64_MAX;
}

static const struct weir_intake_ops ops = {
	.landed = landed, .refused = refused, .ended = ended, .quiet = quiet, .wanted = wanted
};

static struct weir_intake_config config_of(struct bench *bench)
{
	return (struct weir_intake_config){
		.fd = bench->fd,
		.ring = bench->ring,
		.watermark = WATERMARK,
		.kind = WEIR_INTAKE_TIMED,
		.ops = &ops,
		.context = bench,
		.is_watched = true,
		.capacity = 1024,
		.row_ns = PERIOD_MS * MS,
		.latency_ns = 1000 * MS,
	};
}

static void set_up(struct bench *bench, void **state)
{
	struct weir_ring_config config = { .row_bytes = ROW, .rows = 4096, .fd = -1 };
	int end[2];

	*bench = (struct bench){ .loop = open_loop(*state) };
	assert_int_equal(weir_ring_open(&bench->ring, &config), 0);
	assert_int_equal(weir_reader_open(&bench->reader, bench->ring, WEIR_DROP_OLDEST), 0);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	fcntl(end[0], F_SETFL, O_NONBLOCK);
	bench->fd = end[0];
	bench->feeder = end[1];
}

static void tear_down(struct bench *bench)
{
	assert_int_equal(bench->wrong, 0);
	weir_loop_close(bench->loop);
	close(bench->fd);
	if (bench->feeder >= 0)
		close(bench->feeder);
	weir_reader_close(bench->reader);
	weir_ring_close(bench->ring);
}

static void feed(struct bench *bench, uint64_t n)
{
	for (; n; n--) {
		const uint64_t row[ROW / 8] = { bench->fed++ };

		assert_int_equal(write(bench->feeder, row, ROW), ROW);
	}
}

struct feeding {
	struct bench *bench;
	uint64_t rows, burst; /* in all; and that come at once */
	bool hangs_up;
};

static void *feed_slowly(void *context)
{
	struct feeding *feeding = context;

	for (uint64_t i = 0; i < feeding->rows; i += feeding->burst) {
		feed(feeding->bench, feeding->burst);
		usleep(PERIOD_MS * 1000);
	}
	if (feeding->hangs_up)
		close(feeding->bench->feeder);
	if (feeding->hangs_up)
		feeding->bench->feeder = -1;
	return NULL;
}

static void run_with_feeder(struct bench *bench, struct feeding feeding)
{
	pthread_t feeder;

	feeding.bench = bench;
	pthread_create(&feeder, NULL, feed_slowly, &feeding);
	assert_int_equal(weir_loop_run(bench->loop), 0);
	pthread_join(feeder, NULL);
}

static void add_intake(struct bench *bench)
{
	struct weir_intake_config config = config_of(bench);

	assert_int_equal(weir_loop_add_intake(bench->loop, &config), 0);
	assert_string_equal(weir_loop_intake_kind(bench->loop, 0), "timer + read");
}

static long switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

/* All rows arrive in order, some ten at a time, and the end of file after them; the thread sleeps once for each read. */
static void test_reads_by_time(void **state)
{
	long before = switches();
	struct bench bench;

	set_up(&bench, state);
	add_intake(&bench);
	run_with_feeder(&bench, (struct feeding){ .rows = 400, .burst = 1, .hangs_up = true });
	assert_int_equal(bench.landed, 400);
	assert_true(bench.reads <= 50);
	assert_true(switches() - before <= 80);
	tear_down(&bench);
}

/* Rows that come ten times as often as claimed: as many more at a time at first, and none is lost. */
static void test_faster_than_claimed(void **state)
{
	struct bench bench;

	set_up(&bench, state);
	add_intake(&bench);
	run_with_feeder(&bench, (struct feeding){ .rows = 2000, .burst = 10, .hangs_up = true });
	assert_int_equal(bench.landed, 2000);
	tear_down(&bench);
}

/* The run ends with the last row that is wanted, and not a watermark later. */
static void test_limit(void **state)
{
	struct bench bench;
	int64_t began;

	set_up(&bench, state);
	bench.limit = 3;
	struct weir_intake_config config = config_of(&bench);

	config.row_ns = 20 * MS;
	assert_int_equal(weir_loop_add_intake(bench.loop, &config), 0);
	began = now();
	run_with_feeder(&bench, (struct feeding){ .rows = 40, .burst = 1 });
	assert_true(bench.done_ns - began < 300 * MS); /* a watermark takes 400 */
	tear_down(&bench);
}

struct silence {
	struct bench *bench;
	long switches;
	uint64_t reads;
};

static void remember(void *context)
{
	struct silence *silence = context;

	silence->switches = switches();
	silence->reads = silence->bench->reads;
}

static void break_silence(void *context)
{
	struct silence *silence = context;

	silence->switches = switches() - silence->switches;
	assert_int_equal(silence->bench->reads, silence->reads);
	feed(silence->bench, 1);
}

static void expect_row(void *context)
{
	struct silence *silence = context;

	assert_int_equal(silence->bench->landed, silence->bench->fed);
	weir_loop_stop(silence->bench->loop);
}

static long switches_of_silence(void **state)
{
	struct bench bench;
	struct silence silence = { .bench = &bench };

	set_up(&bench, state);
	add_intake(&bench);
	feed(&bench, 5);
	assert_int_equal(weir_loop_add_timer(bench.loop, now() + 200 * MS, 0, remember, &silence), 0);
	assert_int_equal(weir_loop_add_timer(bench.loop, now() + 1500 * MS, 0, break_silence, &silence), 0);
	assert_int_equal(weir_loop_add_timer(bench.loop, now() + 1900 * MS, 0, expect_row, &silence), 0);
	assert_int_equal(weir_loop_run(bench.loop), 0);
	assert_int_equal(bench.quiets, 0);
	tear_down(&bench);
	return silence.switches;
}

/* A device that stops wakes nobody for more than a second, and its next row is there at once. A page that is not in memory, or a
   lock of a sanitizer, may put the thread to sleep once more: but not each time. */
static void test_silence(void **state)
{
	long least = switches_of_silence(state);

	for (int i = 0; i < 2 && least > 2; i++) {
		long n = switches_of_silence(state);

		least = n < least ? n : least;
	}
	assert_true(least <= 2);
}

/* What makes no sense is refused. */
static void test_bad_config(void **state)
{
	struct weir_intake_config config;
	struct bench bench;

	set_up(&bench, state);
	config = config_of(&bench);
	config.watermark = 1;
	assert_int_equal(weir_loop_add_intake(bench.loop, &config), -EINVAL);
	config = config_of(&bench);
	config.capacity = 0;
	assert_int_equal(weir_loop_add_intake(bench.loop, &config), -EINVAL);
	config = config_of(&bench);
	config.latency_ns = 0;
	assert_int_equal(weir_loop_add_intake(bench.loop, &config), -EINVAL);
	tear_down(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_EACH(test_reads_by_time), ON_EACH(test_faster_than_claimed), ON_EACH(test_limit),
		ON_EACH(test_silence),       ON_EACH(test_bad_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
