/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Peers that are broken or mean no good: each costs itself, and nobody else. What may come on the reader's side at random is left to
 * fuzz_share. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "share/tap_internal.h"
#include "share_peer.h"

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* A reader that does everything right, and gets its rows. */
static void expect_service(struct weir_share *share, uint64_t from)
{
	struct weir_tap *tap = peer_tap(WEIR_TAP_AS_ALLOWED);
	struct dice dice = { from };
	uint64_t wrong = 0;

	peer_write(share, from, from + 500, &dice);
	assert_int_equal(peer_read(tap, 1000, 0, &wrong), 500);
	assert_int_equal(wrong, 0);
	weir_tap_close(tap);
}

/* ------------------------------------------------------------- against publishers */

/* Whatever does not begin as it must is closed, at once, and others are served as before. */
static void garbage_on_the_socket_is_closed(void **state)
{
	struct weir_share_config config = peer_config();
	struct weir_share *share = peer_share(&config);
	struct dice dice = { 1 };

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct weir_share_hello hello = { WEIR_SHARE_MAGIC, WEIR_SHARE_VERSION, WEIR_SHARE_SUBSCRIBE, 0 };
		char bytes[64];
		size_t n = roll_below(&dice, sizeof(bytes)) + 1;
		int fd = peer_connect();

		for (size_t k = 0; k < n; k++)
			bytes[k] = (char)roll(&dice);
		if (i % 4 == 1) { /* all but right */
			hello.ask = (uint8_t)(3 + roll_below(&dice, 250));
			memcpy(bytes, &hello, n = sizeof(hello));
		} else if (i % 4 == 2) {
			hello.policy = (uint8_t)(3 + roll_below(&dice, 250));
			memcpy(bytes, &hello, n = sizeof(hello));
		} else if (i % 4 == 3) {
			memcpy(bytes, &hello, sizeof(hello));
			n = sizeof(hello) + 1;
		}
		assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
		assert_true(peer_is_closed(fd));
		close(fd);
	}
	expect_service(share, 0);
	weir_share_close(share);
}

/* One that speaks another version is told so. */
static void another_version_is_refused_with_a_reason(void **state)
{
	struct weir_share_config config = peer_config();
	struct weir_share *share = peer_share(&config);
	struct weir_share_hello hello = { WEIR_SHARE_MAGIC, WEIR_SHARE_VERSION + 1, WEIR_SHARE_SUBSCRIBE, 0 };
	struct weir_share_welcome welcome;
	int fd = peer_connect();
	char bytes[1000];

	(void)state;
	assert_int_equal(send(fd, &hello, sizeof(hello), 0), sizeof(hello));
	fcntl(fd, F_SETFL, 0);
	assert_true(recv(fd, bytes, sizeof(bytes), 0) > (ssize_t)sizeof(welcome));
	memcpy(&welcome, bytes, sizeof(welcome));
	assert_int_equal(welcome.refused, EPROTO);
	close(fd);
	weir_share_close(share);
}

/* Connections that say nothing take no reader's place: there are seats for all, and no more. */
static void seats_are_for_those_who_read(void **state)
{
	struct weir_share_config config = peer_config();
	struct weir_share *share = peer_share(&config);
	struct weir_tap *taps[WEIR_SHARE_READERS_MAX], *other;
	int silent[10];

	(void)state;
	for (int i = 0; i < 10; i++)
		silent[i] = peer_connect();
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < WEIR_SHARE_READERS_MAX; i++)
			taps[i] = peer_tap(WEIR_TAP_AS_ALLOWED);
		assert_int_equal(weir_tap_open(&other, "s", WEIR_TAP_AS_ALLOWED, NULL), -EUSERS);
		for (int i = 0; i < WEIR_SHARE_READERS_MAX; i++)
			weir_tap_close(taps[i]);
		while (weir_share_readers(share))
			usleep(1000);
	}
	for (int i = 0; i < 10; i++)
		close(silent[i]);
	expect_service(share, 0);
	weir_share_close(share);
}

/* A seat full of nonsense holds up neither a patient publisher nor another reader, whatever stands in it. */
static void a_reader_that_lies_holds_nobody_up(void **state)
{
	struct weir_share_config config = peer_config();
	struct dice dice = { 5 };
	struct weir_share *share;
	struct weir_share_seat *seat;
	struct weir_tap *tap;
	int fd, fds[WEIR_SHARE_FDS];
	uint64_t wrong = 0, read = 0;
	uint32_t got;

	(void)state;
	config.waits = true;
	config.patience_ns = INT64_C(3600000000000);
	share = peer_share(&config);
	fd = peer_connect();
	assert_int_equal(peer_subscribe(fd, WEIR_SHARE_BLOCK, fds).policy, WEIR_SHARE_BLOCK);
	seat = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
	assert_true(seat != MAP_FAILED);
	tap = peer_tap(WEIR_TAP_BLOCK);
	for (uint64_t k = 0; k < 50000; k += 500) {
		for (size_t i = 0; i < sizeof(*seat) / 8; i++)
			((_Atomic uint64_t *)seat)[i] = roll(&dice);
		atomic_store(&seat->position, k / 500 % 2 ? UINT64_MAX - k : k + 1000000);
		peer_write(share, k, k + 500, &dice);
		/* Nor does it take from another what that has not read yet. */
		weir_share_reserve(share, 1000, &got);
		assert_int_equal(got, 1024 - 500);
		read += peer_read(tap, 1024, 0, &wrong);
	}
	assert_int_equal(read, 50000);
	assert_int_equal(wrong, 0);
	munmap(seat, page_size());
	weir_tap_close(tap);
	close(fds[0]);
	close(fds[1]);
	close(fd);
	weir_share_close(share);
}

/* One that goes on talking after it was served is no reader of ours. */
static void a_reader_that_talks_is_turned_out(void **state)
{
	struct weir_share_config config = peer_config();
	struct weir_share *share = peer_share(&config);
	int fd = peer_connect(), fds[WEIR_SHARE_FDS];

	(void)state;
	assert_int_equal(peer_subscribe(fd, WEIR_SHARE_AS_ALLOWED, fds).refused, 0);
	assert_int_equal(send(fd, "hello?", 6, MSG_NOSIGNAL), 6);
	assert_true(peer_is_closed(fd));
	assert_int_equal(weir_share_readers(share), 0);
	close(fds[0]);
	close(fds[1]);
	close(fd);
	weir_share_close(share);
}

/* --------------------------------------------------------------- against readers */

#define TEXT                                                                                                           \
	"{\"clock\":\"nominal\",\"order\":\"little\",\"fields\":[{\"name\":\"value\",\"kind\":\"int\",\"unit\":\"\"}]" \
	"}"
#define CAPACITY 1024

/* A publisher's answer that is right but for what a test changes. */
struct fake {
	struct weir_share_welcome welcome;
	char text[sizeof(TEXT) - 1];
	size_t bytes;
	int fds[WEIR_SHARE_FDS];
	unsigned n_fds;
};

static int make_memory(size_t bytes, int seals)
{
	int fd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static struct fake make_fake(void)
{
	static const int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	struct fake fake = {
		.welcome = { .magic = WEIR_SHARE_MAGIC,
			     .version = WEIR_SHARE_VERSION,
			     .policy = WEIR_SHARE_DROP_OLDEST,
			     .text_bytes = sizeof(TEXT) - 1,
			     .row_bytes = sizeof(struct row),
			     .capacity = CAPACITY,
			     .rows_at = page_size() },
		.bytes = sizeof(struct weir_share_welcome) + sizeof(TEXT) - 1,
		.n_fds = WEIR_SHARE_FDS,
	};

	memcpy(fake.text, TEXT, sizeof(fake.text));
	fake.fds[0] = make_memory(page_size() + CAPACITY * sizeof(struct row), seals);
	fake.fds[1] = make_memory(page_size(), seals);
	return fake;
}

/* Admit it, close what was made, and say what came of it. */
static int try_fake(struct fake *fake, char why[WEIR_TAP_WHY])
{
	struct weir_tap *tap;
	int error = weir_tap_admit(&tap, -1, fake, fake->bytes, fake->fds, fake->n_fds, why);

	weir_tap_close(tap);
	close(fake->fds[0]);
	close(fake->fds[1]);
	return error;
}

static void replace(struct fake *fake, int which, size_t bytes, int seals)
{
	close(fake->fds[which]);
	fake->fds[which] = make_memory(bytes, seals);
}

enum fault {
	NONE,
	MAGIC,
	VERSION,
	ROW_BYTES,
	CAPACITY_ZERO,
	CAPACITY_HUGE,
	CAPACITY_ODD,
	ROWS_ELSEWHERE,
	POLICY,
	TEXT_LONG,
	TEXT_SHORT,
	TEXT_ABSURD,
	TEXT_ESCAPE,
	SHORT_MESSAGE,
	NO_MESSAGE,
	NO_FDS,
	ONE_FD,
	ROWS_SHORT,
	ROWS_LONG,
	ROWS_OPEN,
	SEAT_OPEN,
	SEAT_SHORT,
	NO_MEMFD,
	PIPE,
	FAULTS
};

static void break_it(struct fake *fake, enum fault fault)
{
	static const int sealed = F_SEAL_SHRINK | F_SEAL_GROW;
	size_t page = page_size(), rows = page + CAPACITY * sizeof(struct row);

	switch (fault) {
	case MAGIC:
		fake->welcome.magic++;
		break;
	case VERSION:
		fake->welcome.version++;
		break;
	case ROW_BYTES:
		fake->welcome.row_bytes *= 2;
		break;
	case CAPACITY_ZERO:
		fake->welcome.capacity = 0;
		break;
	case CAPACITY_HUGE:
		fake->welcome.capacity = UINT32_MAX;
		break;
	case CAPACITY_ODD:
		fake->welcome.capacity--;
		break;
	case ROWS_ELSEWHERE:
		fake->welcome.rows_at = 0;
		break;
	case POLICY:
		fake->welcome.policy = 77;
		break;
	case TEXT_LONG:
		fake->welcome.text_bytes++;
		break;
	case TEXT_SHORT:
		fake->welcome.text_bytes--;
		break;
	case TEXT_ABSURD:
		memset(fake->text, '[', sizeof(fake->text));
		break;
	case TEXT_ESCAPE: /* a field whose name would go to a terminal: [CSI]2 */
		memcpy(strstr(fake->text, "value"),
		       "\xc2\x9b"
		       "2Jx",
		       5);
		break;
	case SHORT_MESSAGE:
		fake->bytes = sizeof(fake->welcome) - 1;
		break;
	case NO_MESSAGE:
		fake->bytes = 0;
		break;
	case NO_FDS:
		fake->n_fds = 0;
		break;
	case ONE_FD:
		fake->n_fds = 1;
		break;
	case ROWS_SHORT:
		replace(fake, 0, rows - page, sealed);
		break;
	case ROWS_LONG:
		replace(fake, 0, rows + page, sealed);
		break;
	case ROWS_OPEN:
		replace(fake, 0, rows, F_SEAL_GROW);
		break;
	case SEAT_OPEN:
		replace(fake, 1, page, 0);
		break;
	case SEAT_SHORT:
		replace(fake, 1, page / 2, sealed);
		break;
	case NO_MEMFD:
		close(fake->fds[0]);
		fake->fds[0] = open("/dev/zero", O_RDWR | O_CLOEXEC);
		break;
	case PIPE: {
		int fds[2];

		assert_int_equal(pipe(fds), 0);
		close(fds[0]);
		close(fake->fds[0]);
		fake->fds[0] = fds[1];
		break;
	}
	default:
		break;
	}
}

/* A publisher's answer with any one thing wrong is refused with a sentence; with nothing wrong it is accepted. */
static void each_fault_of_a_publisher_is_found(void **state)
{
	(void)state;
	for (int fault = NONE; fault < FAULTS; fault++) {
		struct fake fake = make_fake();
		char why[WEIR_TAP_WHY] = "";
		int error;

		break_it(&fake, (enum fault)fault);
		error = try_fake(&fake, why);
		if (fault == NONE ? error : error != -EPROTO || !*why)
			fail_msg("fault %d: %d '%s'", fault, error, why);
	}
}

/* A reason that would do something to a terminal does not get there, and no number makes a refusal a success. */
static void a_refusal_is_only_text(void **state)
{
	static const int32_t numbers[] = { EPERM, -EPERM, INT32_MIN, INT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct fake fake = make_fake();
		char why[WEIR_TAP_WHY] = "";

		fake.welcome.refused = numbers[i];
		memcpy(fake.text, "\033[2J\x9b", 5);
		assert_true(try_fake(&fake, why) < 0);
		assert_memory_equal(why, "?[2J?", 5);
	}
}

/* The front of the rows changes to anything at all under the reader: it never leaves the mapping, and gives up when what it sees
 * cannot be. The rows that it is shown are whole pages of its own address space, else this test would crash. */
static void a_front_that_changes_is_survived(void **state)
{
	struct dice dice = { 9 };
	uint64_t sum = 0, absurd = 0;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct fake fake = make_fake();
		struct weir_share_front *front = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
						      fake.fds[0], 0);
		struct weir_tap *tap;

		assert_true(front != MAP_FAILED);
		fake.welcome.start_at = roll(&dice);
		fake.welcome.read_from = roll(&dice);
		assert_int_equal(weir_tap_admit(&tap, -1, &fake, fake.bytes, fake.fds, 2, NULL), 0);
		for (int i = 0; i < 50; i++) {
			uint64_t at = weir_tap_position(tap);
			uint32_t n;
			const struct row *rows;

			atomic_store(&front->head, roll_below(&dice, 2) ? roll(&dice) : at + roll_below(&dice, 5000));
			atomic_store(&front->reserved,
				     roll_below(&dice, 2) ? roll(&dice) : at + roll_below(&dice, 5000));
			rows = weir_tap_peek(tap, roll_below(&dice, 2) ? UINT32_MAX : 100, &n);
			assert_true(n <= CAPACITY);
			for (uint32_t k = 0; k < n; k++)
				sum += rows[k].value;
			assert_true(weir_tap_release(tap, roll_below(&dice, 3) ? n : UINT32_MAX) <= n);
		}
		absurd += weir_tap_wait(tap, 0) == -EPROTO;
		weir_tap_close(tap);
		munmap(front, page_size());
		close(fake.fds[0]);
		close(fake.fds[1]);
	}
	assert_int_equal(sum, 0);
	assert_true(absurd > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(garbage_on_the_socket_is_closed),
		cmocka_unit_test(another_version_is_refused_with_a_reason),
		cmocka_unit_test(seats_are_for_those_who_read),
		cmocka_unit_test(a_reader_that_lies_holds_nobody_up),
		cmocka_unit_test(a_reader_that_talks_is_turned_out),
		cmocka_unit_test(each_fault_of_a_publisher_is_found),
		cmocka_unit_test(a_refusal_is_only_text),
		cmocka_unit_test(a_front_that_changes_is_survived),
	};

	return cmocka_run_group_tests(tests, peer_setup, peer_teardown);
}
