/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Publisher and readers in processes of their own: that every record arrives or is counted however the reader dawdles, and that any
 * of them may be killed at any moment. WEIR_SHARE_RECORDS says how many records the long run moves (10^9 takes some minutes),
 * WEIR_SHARE_KILLS how often somebody is killed.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "share_peer.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 10
#else
#define SLOWER 1
#endif

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? (uint64_t)strtod(text, NULL) : otherwise / SLOWER;
}

/* What the processes of a test tell each other; they inherit it. */
struct board {
	_Atomic uint64_t read, lost, wrong, missed, pauses, written, sessions, ends;
	_Atomic int end, stop;
};

static struct board *make_board(void)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(board != MAP_FAILED);
	return board;
}

/* A process that runs `what` and ends with what it returns. */
static pid_t start(int (*what)(struct board *, uint64_t), struct board *board, uint64_t argument)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child)
		_exit(what(board, argument));
	return child;
}

static int join(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* As soon as somebody publishes. Sleeps until the run directory says so. */
static struct weir_tap *find_publisher(int policy)
{
	int watch = weir_tap_watch(), error;
	struct weir_tap *tap;

	while ((error = weir_tap_open(&tap, "s", policy, NULL)) < 0) {
		struct pollfd news = { .fd = watch, .events = POLLIN };

		if (error != -ENOENT && error != -ECONNRESET && error != -EPIPE)
			_exit(100);
		poll(&news, 1, 20);
	}
	close(watch);
	return tap;
}

/* ------------------------------------------------------------------ the long run */

static int read_with_pauses(struct board *board, uint64_t policy)
{
	struct weir_tap *tap = find_publisher((int)policy);
	struct dice dice = { policy };
	uint64_t until_pause = 0, read = 0, wrong = 0, got;
	int end;

	while ((end = weir_tap_wait(tap, 60000)) == 1) {
		got = peer_read(tap, 1024, 0, &wrong);
		read += got;
		if (got < until_pause) {
			until_pause -= got;
			continue;
		}
		until_pause = roll_below(&dice, 2000000);
		usleep(roll_below(&dice, 3000));
		board->pauses++;
	}
	board->read = read;
	board->wrong = wrong;
	board->lost = weir_tap_lost(tap);
	board->missed = weir_tap_missed(tap);
	board->end = end;
	weir_tap_close(tap);
	return 0;
}

static double seconds_since(const struct timespec *began)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - began->tv_sec) + 1e-9 * (double)(now.tv_nsec - began->tv_nsec);
}

static void run_long(int policy, uint64_t rows)
{
	struct weir_share_config config = peer_config();
	struct board *board = make_board();
	pid_t reader = start(read_with_pauses, board, (uint64_t)policy);
	struct dice dice = { 6 };
	struct weir_share *share;
	struct timespec began;

	config.rows = 65536;
	config.waits = true;
	share = peer_share(&config);
	assert_int_equal(weir_share_await(share, 1), 0);
	clock_gettime(CLOCK_MONOTONIC, &began);
	peer_write(share, 0, rows, &dice);
	weir_share_finish(share, true);
	assert_int_equal(join(reader), 0);
	print_message("%.0f records in %.1f s: %.0f read, %.0f lost, %.0f pauses\n", (double)rows,
		      seconds_since(&began), (double)board->read, (double)board->lost, (double)board->pauses);
	weir_share_close(share);
	assert_int_equal(board->end, -ENODATA);
	assert_int_equal(board->wrong, 0);
	assert_int_equal(board->missed, 0);
	assert_int_equal(board->read + board->lost, rows);
	if (policy == WEIR_TAP_BLOCK)
		assert_int_equal(board->lost, 0);
	munmap(board, sizeof(*board));
}

/* With a reader that is waited for, all records arrive, whatever its pauses; each value is looked at. */
static void all_arrive_where_the_publisher_waits(void **state)
{
	(void)state;
	run_long(WEIR_TAP_BLOCK, from_environment("WEIR_SHARE_RECORDS", 10000000));
}

/* With one that is not, each arrives or is counted. */
static void each_arrives_or_is_counted(void **state)
{
	(void)state;
	run_long(WEIR_TAP_DROP_OLDEST, from_environment("WEIR_SHARE_RECORDS", 10000000));
}

/* --------------------------------------------------------------------- kill -9 */

/* Writes until it is told to end, or killed. */
static int publish(struct board *board, uint64_t readers)
{
	struct weir_share_config config = peer_config();
	struct dice dice = { 8 };
	struct weir_share *share;

	config.rows = 4096;
	config.waits = true;
	if (weir_share_open(&share, &config) < 0 || weir_share_await(share, (uint32_t)readers) < 0)
		return 1;
	for (uint64_t k = 0; !board->stop; k = board->written)
		for (uint64_t to = k + 1000; k < to; k += 100) {
			peer_write(share, k, k + 100, &dice);
			board->written = k + 100;
		}
	weir_share_finish(share, true);
	weir_share_close(share);
	return 0;
}

static int read_for_ever(struct board *board, uint64_t policy)
{
	struct weir_tap *tap = find_publisher((int)policy);
	uint64_t wrong = 0;

	while (weir_tap_wait(tap, 60000) == 1) {
		peer_read(tap, 100, 0, &wrong);
		board->wrong += wrong;
	}
	return 1;
}

static void sleep_up_to_us(struct dice *dice, uint32_t us)
{
	usleep(roll_below(dice, us));
}

/* Readers are killed at random moments, half of them such as are waited for: the publisher goes on, and the one reader that lives
 * misses nothing. */
static void killed_readers_hold_nobody_up(void **state)
{
	struct board *board = make_board(), *victims = make_board();
	pid_t witness = start(read_with_pauses, board, WEIR_TAP_BLOCK);
	pid_t publisher = start(publish, board, 1);
	struct dice dice = { 9 };

	(void)state;
	while (!board->written)
		usleep(1000);
	for (uint64_t kills = from_environment("WEIR_SHARE_KILLS", 60); kills; kills--) {
		pid_t victim = start(read_for_ever, victims, kills % 2 ? WEIR_TAP_BLOCK : WEIR_TAP_DROP_OLDEST);

		sleep_up_to_us(&dice, 10000);
		kill(victim, SIGKILL);
		assert_int_equal(join(victim), -SIGKILL);
	}
	board->stop = 1;
	assert_int_equal(join(publisher), 0);
	assert_int_equal(join(witness), 0);
	assert_int_equal(board->wrong + victims->wrong + board->lost, 0);
	assert_int_equal(board->read, board->written);
	munmap(board, sizeof(*board));
	munmap(victims, sizeof(*victims));
}

/* Goes from one publisher to the next, until a stream ends in good order. */
static int follow(struct board *board, uint64_t policy)
{
	int end = -EPIPE;

	while (end == -EPIPE) {
		struct weir_tap *tap = find_publisher((int)policy);
		uint64_t wrong = 0;

		board->sessions++;
		while ((end = weir_tap_wait(tap, 60000)) == 1) {
			board->read += peer_read(tap, 1024, 0, &wrong);
			board->wrong += wrong;
		}
		board->lost += weir_tap_lost(tap);
		board->missed += weir_tap_missed(tap);
		board->ends++;
		weir_tap_close(tap);
	}
	board->end = end;
	return 0;
}

/* The publisher is killed at random moments and started again: its reader resumes; each record that one had published when it was
 * killed was read or counted, and none twice. */
static void killed_publishers_are_followed(void **state)
{
	struct board *board = make_board();
	uint64_t kills = from_environment("WEIR_SHARE_KILLS", 60), published = 0;
	pid_t reader = start(follow, board, WEIR_TAP_AS_ALLOWED);
	struct dice dice = { 10 };

	(void)state;
	for (uint64_t i = 0; i <= kills; i++) {
		pid_t publisher;

		board->written = 0;
		publisher = start(publish, board, i % 2);
		while (board->sessions <= i)
			usleep(500);
		sleep_up_to_us(&dice, 10000);
		if (i == kills)
			board->stop = 1;
		else
			kill(publisher, SIGKILL);
		assert_int_equal(join(publisher), i == kills ? 0 : -SIGKILL);
		while (board->ends <= i)
			usleep(500);
		/* Or it was turned out while its publisher lived, and came back: then the count of publishers says nothing. */
		assert_int_equal(board->sessions, i + 1);
		published += board->written;
	}
	assert_int_equal(join(reader), 0);
	assert_int_equal(board->end, -ENODATA);
	assert_int_equal(board->wrong, 0);
	assert_int_equal(board->sessions, kills + 1);
	/* What was published in the very last moment had no time to be written down. */
	assert_in_range(board->read + board->lost + board->missed, published, published + 100 * kills);
	munmap(board, sizeof(*board));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* Those whose test process has no thread of its own first: it forks all the time. */
		cmocka_unit_test(killed_readers_hold_nobody_up),
		cmocka_unit_test(killed_publishers_are_followed),
		cmocka_unit_test(all_arrive_where_the_publisher_waits),
		cmocka_unit_test(each_arrives_or_is_counted),
	};

	return cmocka_run_group_tests(tests, peer_setup, peer_teardown);
}
