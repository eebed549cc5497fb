/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A published stream and its readers, all honest: nothing is lost that may not be, and what is lost is counted. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "share/share_internal.h"
#include "share_peer.h"
#include "skip.h"

/* -------------------------------------------------------------- several readers */

struct listener {
	int policy;
	uint64_t start_at, read, wrong, lost;
	int end;
};

static void *listen_all(void *context)
{
	struct listener *listener = context;
	struct weir_tap *tap = peer_tap(listener->policy);

	while ((listener->end = weir_tap_wait(tap, 20000)) == 1)
		listener->read += peer_read(tap, 300, listener->start_at, &listener->wrong);
	listener->lost = weir_tap_lost(tap);
	weir_tap_close(tap);
	return NULL;
}

/* A reader that is waited for gets every row; those that are not get each row or count it; all see the end, across 2^64. */
static void every_row_arrives_or_is_counted(void **state)
{
	static const int policy[] = { WEIR_TAP_BLOCK, WEIR_TAP_DROP_OLDEST, WEIR_TAP_AS_ALLOWED };
	const uint64_t rows = 300000;

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct weir_share_config config = peer_config();
		struct listener listener[3] = { 0 };
		struct dice dice = { (uint64_t)round };
		struct weir_share *share;
		pthread_t thread[3];

		config.waits = true;
		config.start_at = round ? NEAR_WRAP : 0;
		share = peer_share(&config);
		for (int i = 0; i < 3; i++) {
			listener[i] = (struct listener){ .policy = policy[i], .start_at = config.start_at };
			pthread_create(&thread[i], NULL, listen_all, &listener[i]);
		}
		assert_int_equal(weir_share_await(share, 3), 0);
		peer_write(share, 0, rows, &dice);
		weir_share_finish(share, true);
		for (int i = 0; i < 3; i++) {
			pthread_join(thread[i], NULL);
			assert_int_equal(listener[i].end, -ENODATA);
			assert_int_equal(listener[i].wrong, 0);
			assert_int_equal(listener[i].read + listener[i].lost, rows);
			assert_true(policy[i] == WEIR_TAP_DROP_OLDEST || !listener[i].lost);
		}
		weir_share_close(share);
	}
}

/* The writer may go round all rows while the server seats a reader: until that one has his place there is no space, and then as much
 * as his place leaves. Nobody but the server can claim to be joining. */
static void who_is_being_seated_is_waited_for(void **state)
{
	struct weir_share_config config = peer_config();
	struct dice dice = { 1 };
	struct weir_share *share;
	struct weir_tap *tap;
	uint32_t capacity, got;

	(void)state;
	config.waits = true;
	config.start_at = NEAR_WRAP;
	share = peer_share(&config);
	capacity = share->capacity;
	tap = peer_tap(WEIR_TAP_BLOCK);
	peer_write(share, 0, 100, &dice);
	share->joining = 1;
	share_seat(share, 0)->position = share->head - capacity - 1;
	(void)weir_share_reserve(share, capacity, &got);
	assert_int_equal(got, 0);
	share_seat(share, 0)->position = share->head - 30;
	share->joining = 0;
	(void)weir_share_reserve(share, capacity, &got);
	assert_int_equal(got, capacity - 30);
	share_seat(share, 0)->position = share->head - capacity - 1;
	(void)weir_share_reserve(share, capacity, &got);
	assert_int_equal(got, capacity);
	weir_tap_close(tap);
	weir_share_close(share);
}

/* Who comes late begins with the next row, and knows how many had gone by. */
static void late_comers_begin_where_the_stream_is(void **state)
{
	struct weir_share_config config = peer_config();
	struct weir_share *share = peer_share(&config);
	struct dice dice = { 1 };
	uint64_t wrong = 0;

	(void)state;
	for (uint64_t k = 0; k < 5000; k += 1000) {
		struct weir_tap *tap = peer_tap(WEIR_TAP_AS_ALLOWED);

		assert_int_equal(weir_tap_missed(tap), k);
		peer_write(share, k, k + 1000, &dice);
		assert_int_equal(peer_read(tap, 1024, 0, &wrong), 1000);
		assert_int_equal(wrong, 0);
		assert_int_equal(weir_tap_wait(tap, 0), 0);
		weir_tap_close(tap);
	}
	weir_share_close(share);
}

/* A slow reader that is not waited for has lost exactly what the ring could not keep. */
static void overrun_is_counted_to_the_row(void **state)
{
	struct weir_share_config config = peer_config();
	struct weir_share *share = peer_share(&config);
	struct weir_tap *tap = peer_tap(WEIR_TAP_DROP_OLDEST);
	struct dice dice = { 2 };
	uint64_t wrong = 0, read = 0, got;

	(void)state;
	peer_write(share, 0, 100000, &dice);
	while ((got = peer_read(tap, 100, 0, &wrong)))
		read += got;
	assert_int_equal(read, 1024);
	assert_int_equal(weir_tap_lost(tap), 100000 - 1024);
	assert_int_equal(wrong, 0);
	weir_tap_close(tap);
	weir_share_close(share);
}

/* ----------------------------------------------------------------- who is waited for */

/* A publisher that waits for nobody refuses a reader that insists, and says so; and grants it where it does. */
static void waiting_is_for_the_publisher_to_allow(void **state)
{
	struct weir_share_config config = peer_config();
	struct weir_share *share = peer_share(&config);
	struct weir_tap *tap;
	char why[WEIR_TAP_WHY];

	(void)state;
	assert_int_equal(weir_tap_open(&tap, "s", WEIR_TAP_BLOCK, why), -EPERM);
	assert_non_null(strstr(why, "does not wait"));
	weir_share_close(share);
	config.waits = true;
	share = peer_share(&config);
	tap = peer_tap(WEIR_TAP_BLOCK);
	weir_tap_close(tap);
	weir_share_close(share);
}

/* A reader that takes nothing is turned out when the patience is over, and the publisher goes on; what the reader had not read is
 * counted by it. */
static void patience_has_an_end(void **state)
{
	struct weir_share_config config = peer_config();
	struct dice dice = { 3 };
	struct weir_share *share;
	struct weir_tap *tap;
	uint64_t wrong = 0, read = 0;

	(void)state;
	config.waits = true;
	config.patience_ns = 50000000;
	share = peer_share(&config);
	tap = peer_tap(WEIR_TAP_BLOCK);
	peer_write(share, 0, 5000, &dice);
	assert_int_equal(weir_share_turned_out(share), 1);
	assert_int_equal(weir_share_turned_out(share), 0);
	while (weir_tap_wait(tap, 10000) == 1)
		read += peer_read(tap, 1024, 0, &wrong);
	assert_int_equal(weir_tap_wait(tap, 10000), -EPIPE);
	assert_int_equal(read + weir_tap_lost(tap), 5000);
	assert_int_equal(wrong, 0);
	weir_tap_close(tap);
	weir_share_close(share);
}

/* Once the run is to end, nobody is waited for however patient the publisher was, nor are readers that have not come. */
static void a_halt_ends_all_waiting(void **state)
{
	struct weir_share_config config = peer_config();
	struct dice dice = { 4 };
	struct weir_share *share;
	struct weir_tap *tap;

	(void)state;
	config.waits = true;
	config.patience_ns = INT64_C(3600000000000);
	config.halt_fd = eventfd(1, EFD_CLOEXEC);
	share = peer_share(&config);
	assert_int_equal(weir_share_await(share, 1), -EINTR);
	tap = peer_tap(WEIR_TAP_BLOCK);
	peer_write(share, 0, 5000, &dice);
	weir_share_close(share);
	weir_tap_close(tap);
	close(config.halt_fd);
}

/* ---------------------------------------------------------------------- the name */

/* Two cannot publish under one name; a name that is given back can be taken again. */
static void a_name_has_one_publisher(void **state)
{
	struct weir_share_config config = peer_config();
	struct weir_share *share = peer_share(&config), *other;

	(void)state;
	assert_int_equal(weir_share_open(&other, &config), -EBUSY);
	weir_share_close(share);
	weir_share_close(peer_share(&config));
}

/* Only we, or a group, can connect: the mode of the socket says so. Without a publisher there is no socket. */
static void the_socket_says_who_may_read(void **state)
{
	struct weir_share_config config = peer_config();
	struct weir_share *share = peer_share(&config);
	char path[200];
	struct stat stat;

	(void)state;
	snprintf(path, sizeof(path), "%s/s.stream", getenv("RUNTIME_DIRECTORY"));
	assert_int_equal(lstat(path, &stat), 0);
	assert_int_equal(stat.st_mode & 0777, 0600);
	weir_share_close(share);
	config.group = getegid();
	share = peer_share(&config);
	assert_int_equal(lstat(path, &stat), 0);
	assert_int_equal(stat.st_mode & 0777, 0660);
	assert_int_equal(stat.st_gid, config.group);
	weir_share_close(share);
	assert_int_equal(lstat(path, &stat), -1);
}

/* Names that would be paths, or nothing, are refused by both sides before anything is touched. */
static void wrong_names_are_refused(void **state)
{
	static const char *const wrong[] = { "", ".", "..", ".x", "a/b", "../s", "a b", "\xc3\xa4", "a\n" };
	struct weir_tap *tap;
	char why[WEIR_TAP_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(weir_share_check_name(wrong[i]), -EINVAL);
		assert_int_equal(weir_tap_open(&tap, wrong[i], WEIR_TAP_AS_ALLOWED, why), -EINVAL);
	}
	assert_int_equal(weir_share_check_name("a-B_c.1"), 0);
	assert_int_equal(weir_tap_open(&tap, "nobody", WEIR_TAP_AS_ALLOWED, why), -ENOENT);
	assert_non_null(strstr(why, "no process publishes"));
}

/* A user other than root and the publisher's, in a process of its own: whether it may connect. */
static int try_as(uid_t user, gid_t group)
{
	int status = 1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		struct weir_tap *tap;

		if (setgroups(0, NULL) < 0 || setgid(group) < 0 || setuid(user) < 0)
			_exit(99);
		_exit(-weir_tap_open(&tap, "s", WEIR_TAP_DROP_OLDEST, NULL));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The group's members can read, and nobody else; a user that is not among those allowed is not waited for. */
static void a_group_may_read(void **state)
{
	struct weir_share_config config = peer_config();
	int ready[2], done[2];
	pid_t publisher;
	char byte;

	(void)state;
	/* In a user namespace there may be no such group. */
	if (geteuid() || chown(getenv("RUNTIME_DIRECTORY"), 0, 12345))
		skip_because("needs root, and a group 12345");
	assert_int_equal(chown(getenv("RUNTIME_DIRECTORY"), 0, 0), 0);
	assert_int_equal(chmod(getenv("RUNTIME_DIRECTORY"), 0755), 0);
	assert_int_equal(pipe(ready) | pipe(done), 0);
	config.group = 12345;
	publisher = fork();
	if (!publisher) {
		struct weir_share *share = NULL;

		close(done[1]);
		byte = (char)-weir_share_open(&share, &config);
		_exit(write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 0);
	assert_int_equal(try_as(23456, 12345), 0);
	assert_int_equal(try_as(23456, 23456), EACCES);
	close(done[0]);
	close(done[1]);
	assert_int_equal(waitpid(publisher, NULL, 0), publisher);
	close(ready[0]);
	close(ready[1]);
}

/* -------------------------------------------------------------------- the memory */

/* What a reader is given it can neither write to nor cut short, by any way that there is. */
static void a_reader_cannot_touch_the_rows(void **state)
{
	struct weir_share_config config = peer_config();
	struct weir_share *share = peer_share(&config);
	int fd = peer_connect(), fds[WEIR_SHARE_FDS];
	struct weir_share_welcome welcome = peer_subscribe(fd, WEIR_SHARE_AS_ALLOWED, fds);
	size_t page = (size_t)welcome.rows_at;
	void *map;

	(void)state;
	assert_int_equal(welcome.refused, 0);
	assert_true(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0) == MAP_FAILED);
	map = mmap(NULL, page, PROT_READ, MAP_SHARED, fds[0], 0);
	assert_true(map != MAP_FAILED);
	assert_int_equal(mprotect(map, page, PROT_READ | PROT_WRITE), -1);
	munmap(map, page);
	assert_int_equal(pwrite(fds[0], "x", 1, 0), -1);
	assert_int_equal(ftruncate(fds[0], 0), -1);
	assert_int_equal(ftruncate(fds[0], 1 << 30), -1);
	assert_int_equal(fallocate(fds[0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)page), -1);
	assert_int_equal(ftruncate(fds[1], 0), -1);
	assert_int_equal(fcntl(fds[0], F_ADD_SEALS, F_SEAL_WRITE), -1);
	close(fds[0]);
	close(fds[1]);
	close(fd);
	weir_share_close(share);
}

/* What weir_tap.h tells of a stream is what was published. */
static void a_tap_describes_its_fields(void **state)
{
	struct weir_share_config config = peer_config();
	struct weir_schema schema;
	struct weir_tap_field field;
	struct weir_share *share;
	struct weir_tap *tap;

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_REALTIME);
	weir_schema_add(&schema, "x", WEIR_REAL, "l / min", 0);
	weir_schema_add(&schema, "s", WEIR_TEXT, "", 11);
	weir_schema_add(&schema, "b", WEIR_BOOL, "", 0);
	config.schema = &schema;
	share = peer_share(&config);
	tap = peer_tap(WEIR_TAP_AS_ALLOWED);
	assert_true(weir_share_same_schema(weir_tap_schema(tap), &schema));
	assert_int_equal(weir_tap_row_bytes(tap), 40);
	assert_int_equal(weir_tap_describe(tap, 1, &field), 0);
	assert_string_equal(field.name, "s");
	assert_int_equal(field.kind, 's');
	assert_int_equal(field.at, 16);
	assert_int_equal(field.bytes, 11);
	assert_int_equal(weir_tap_describe(tap, 3, &field), -ENOENT);
	assert_int_equal(weir_tap_text(tap)[strlen(weir_tap_text(tap)) - 1], '}');
	weir_tap_close(tap);
	weir_share_close(share);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* Those that fork first: the sanitizer wants no thread then. */
		cmocka_unit_test(a_group_may_read),
		cmocka_unit_test(every_row_arrives_or_is_counted),
		cmocka_unit_test(who_is_being_seated_is_waited_for),
		cmocka_unit_test(late_comers_begin_where_the_stream_is),
		cmocka_unit_test(overrun_is_counted_to_the_row),
		cmocka_unit_test(waiting_is_for_the_publisher_to_allow),
		cmocka_unit_test(patience_has_an_end),
		cmocka_unit_test(a_halt_ends_all_waiting),
		cmocka_unit_test(a_name_has_one_publisher),
		cmocka_unit_test(the_socket_says_who_may_read),
		cmocka_unit_test(wrong_names_are_refused),
		cmocka_unit_test(a_reader_cannot_touch_the_rows),
		cmocka_unit_test(a_tap_describes_its_fields),
	};

	return cmocka_run_group_tests(tests, peer_setup, peer_teardown);
}
