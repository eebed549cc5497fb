/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Packets that no user of ours would send, to the guard's process and to a user: with too many descriptors, of any size, with
 * texts that do not end and numbers that are none. The guard goes on, keeps no descriptor, and what it holds stays right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard_place.h"
#include "skip.h"

#define MANY 16

static struct guard_place place;
static int files; /* that the guard has open with nobody connected */

static int open_files(pid_t pid)
{
	char path[64];
	DIR *directory;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	directory = opendir(path);
	assert_non_null(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

/* The emulator gives a packet that has more descriptors than fit to the program without a word, and keeps the rest open. */
static void skip_if_emulated(void)
{
	if (is_emulated())
		skip_because("qemu-user keeps descriptors for which a program has no room");
}

/* As weir_wire_send(), but as many as one likes, in `parts` control messages. */
static int send_raw(int socket, const void *packet, size_t bytes, const int *fds, uint32_t n, uint32_t parts)
{
	_Alignas(struct cmsghdr) char control[MANY * CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)packet, .iov_len = bytes };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *header = (struct cmsghdr *)control;

	for (uint32_t from = 0; from < n && parts; parts--) {
		uint32_t here = parts == 1 ? n - from : 1;

		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(here * sizeof(int));
		memcpy(CMSG_DATA(header), fds + from, here * sizeof(int));
		message.msg_control = control;
		message.msg_controllen += CMSG_SPACE(here * sizeof(int));
		header = (struct cmsghdr *)(control + message.msg_controllen);
		from += here;
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void await_files(int n)
{
	for (int i = 0; i < 2500 && open_files(place.guard) != n; i++)
		place_nap();
	assert_int_equal(open_files(place.guard), n);
}

static int set_up(void **state)
{
	struct weir_guard_link link;

	(void)state;
	if (place_make(&place))
		return -1;
	place_connect(&link);
	place_call(&link, WEIR_GUARD_LIST, 0);
	/* A connection is a socket and its peer's pidfd. */
	files = open_files(place.guard) - 2;
	weir_guard_link_close(&link);
	await_files(files);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return place_drop(&place);
}

/* One packet on a connection of its own, and how many descriptors the guard has of it once it has answered or ended it. */
static void try_packet(const struct weir_guard_request *request, size_t bytes, uint32_t n_fds, uint32_t parts)
{
	struct weir_guard_link link;
	int fds[MANY];
	char answer[sizeof(struct weir_guard_reply) + 8];
	ssize_t got;

	for (uint32_t i = 0; i < n_fds; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	place_connect(&link);
	assert_int_equal(send_raw(link.fd, request, bytes, fds, n_fds, parts), 0);
	got = recv(link.fd, answer, sizeof(answer), 0);
	assert_true(got >= 0 || errno == ECONNRESET);
	for (uint32_t i = 0; i < n_fds; i++)
		close(fds[i]);
	/* Still connected: of a hello it keeps the bell as well. */
	if (got > 0 && bytes == sizeof(*request) && request->magic == WEIR_GUARD_MAGIC &&
	    request->verb != WEIR_GUARD_STAND_BY)
		await_files(files + 2 + (request->verb == WEIR_GUARD_HELLO && bytes == sizeof(*request)));
	weir_guard_link_close(&link);
	await_files(files);
}

static void test_descriptors(void **state)
{
	static const uint32_t counts[] = { 0, 1, 2, 3, 4, 5, MANY };

	(void)state;
	skip_if_emulated();
	for (uint32_t verb = 0; verb <= WEIR_GUARD_STAND_BY + 1; verb++)
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
			for (uint32_t parts = 1; parts <= 2; parts++) {
				struct weir_guard_request request = place_wanted(&place);

				request.magic = WEIR_GUARD_MAGIC;
				request.verb = verb;
				/* Refused: a take without hello, the others for their numbers. */
				request.for_ns = -1;
				request.what.n = verb == WEIR_GUARD_PARK ? 17 : request.what.n;
				try_packet(&request, sizeof(request), counts[i], parts);
			}
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = {
		1, 3, 4, 8, 12, sizeof(struct weir_guard_request) - 1, sizeof(struct weir_guard_request) + 1
	};
	struct {
		struct weir_guard_request request;
		char more[8];
	} packet = { .request = { .magic = WEIR_GUARD_MAGIC, .verb = WEIR_GUARD_TAKE } };

	(void)state;
	skip_if_emulated();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (uint32_t n = 0; n <= 4; n += 2)
			try_packet(&packet.request, sizes[i], n, 1);
	packet.request.magic++;
	for (uint32_t n = 0; n <= 4; n++)
		try_packet(&packet.request, sizeof(packet.request), n, 1);
}

/* One of another version is told so rather than left with a closed socket. */
static void test_other_version(void **state)
{
	struct weir_guard_request request = { .magic = WEIR_GUARD_MAGIC + 1, .verb = WEIR_GUARD_HELLO };
	struct weir_guard_reply reply;
	struct weir_guard_link link;
	uint32_t n;

	(void)state;
	place_connect(&link);
	assert_int_equal(weir_wire_send(link.fd, &request, sizeof(request), NULL, 0), 0);
	assert_int_equal(weir_wire_receive(link.fd, &reply, sizeof(reply), NULL, 0, &n), 0);
	assert_int_equal(reply.error, EPROTONOSUPPORT);
	assert_non_null(strstr(reply.text, "version"));
	weir_guard_link_close(&link);
}

/* A description that makes no sense, in each of its parts, is refused by each verb that takes one. */
static void spoil(struct weir_guard_request *request, unsigned part)
{
	struct weir_physical *what = &request->what;

	switch (part) {
	case 0:
		what->n = WEIR_LEASE_LINES + 1;
		break;
	case 1:
		what->n = UINT32_MAX;
		break;
	case 2:
		memset(what->device, 'x', sizeof(what->device));
		break;
	case 3:
		memset(what->title, 'x', sizeof(what->title));
		break;
	case 4:
		memset(what->name[0], 'x', sizeof(what->name[0]));
		break;
	case 5:
		what->park[0] = NAN;
		break;
	case 6:
		what->factor = NAN;
		break;
	case 7:
		what->add = INFINITY;
		break;
	case 8:
		what->least = 2, what->most = 1;
		break;
	case 9:
		what->most = NAN;
		break;
	case 10:
		what->is_file = 2;
		break;
	case 11:
		what->n = 2;
		break;
	case 12:
		*what->device = '\0';
		break;
	}
}

static void test_descriptions(void **state)
{
	static const enum weir_guard_verb verbs[] = { WEIR_GUARD_TAKE, WEIR_GUARD_SET, WEIR_GUARD_PARK };
	struct weir_guard_request request = place_wanted(&place);
	int file = open(request.what.device, O_WRONLY | O_CREAT, 0600), none;
	struct weir_guard_link link;

	(void)state;
	place_connect(&link);
	assert_int_equal(weir_guard_link_hello(&link, "one"), 0);
	none = open_files(place.guard);
	for (unsigned part = 0; part <= 12; part++)
		for (int i = 0; i < 3; i++) {
			request = place_wanted(&place);
			spoil(&request, part);
			request.verb = verbs[i];
			assert_int_equal(weir_guard_link_call(&link, &request, file), -EINVAL);
		}
	assert_int_equal(open_files(place.guard), none);
	close(file);
	weir_guard_link_close(&link);
}

/* The guard keeps the rules, so it looks at them itself, as at times whose sums would overflow. */
static void test_rules(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;

	(void)state;
	for (int part = 0; part < 6; part++) {
		struct weir_guard_request request = place_wanted(&place);

		switch (part) {
		case 0:
			request.rule.max_on = 1;
			break; /* it parks on */
		case 1:
			request.rule.starts = WEIR_STARTS_MAX + 1, request.rule.per = 1;
			break;
		case 2:
			request.stale_ns = INT64_MAX;
			break;
		case 3:
			request.rule.min_off = -1;
			break;
		case 4:
			request.deadline_ns = -1;
			break;
		case 5:
			request.rule.starts = 1;
			break; /* in no time */
		}
		assert_int_equal(place_take(&link, &request, &grip, "one"), -EINVAL);
		weir_guard_link_close(&link);
	}
}

/* Not a number is no value: the output goes to its park value, and not to an end of its range. */
static void test_not_a_number(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;

	(void)state;
	place_drive(&place, &link, &grip, 3600000 * PLACE_MS);
	place_await(&place, 42);
	place_ask(&link, &grip, NAN, 0);
	place_await(&place, PLACE_PARK);
	weir_guard_link_close(&link);
}

/* The same name as lines and as an attribute are two outputs: what is held as one is not driven as the other. */
static void test_two_kinds(void **state)
{
	struct weir_guard_request request = place_wanted(&place);
	struct weir_guard_link link, other;
	struct weir_guard_grip grip;

	(void)state;
	place_drive(&place, &link, &grip, 3600000 * PLACE_MS);
	request.what.is_file = 0;
	place_connect(&other);
	assert_int_equal(weir_guard_link_hello(&other, "other"), 0);
	assert_int_equal(weir_guard_link_take(&other, &request, -1, &grip), -EBUSY);
	assert_int_equal(place_value(&place), 42);
	weir_guard_link_close(&other);
	weir_guard_link_close(&link);
}

/* A user keeps no more than what a reply can have, and nothing of a reply that is wrong. */
static void test_replies(void **state)
{
	struct weir_guard_reply reply = { .magic = WEIR_GUARD_MAGIC };
	const struct weir_guard_request request = { .verb = WEIR_GUARD_LIST };
	int ends[2], fds[MANY], none;

	(void)state;
	skip_if_emulated();
	for (int i = 0; i < MANY; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	none = open_files(getpid());
	for (uint32_t n = 0; n <= 5; n++) {
		struct weir_guard_link link = { .bell = -1, .fds = { -1, -1, -1 } };
		struct weir_guard_request sent = request;

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
		link.fd = ends[0];
		assert_int_equal(send_raw(ends[1], &reply, sizeof(reply), fds, n, 1), 0);
		assert_int_equal(weir_guard_link_call(&link, &sent, -1), n > 3 ? -EPROTO : 0);
		assert_int_equal(open_files(getpid()), none + 2 + (n > 3 ? 0 : (int)n));
		weir_guard_link_close(&link);
		close(ends[1]);
		assert_int_equal(open_files(getpid()), none);
	}
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
}

/* Pages that are too short, or none, are refused rather than read beyond their end. */
static void test_pages(void **state)
{
	struct weir_guard_reply reply = { .magic = WEIR_GUARD_MAGIC };
	int ends[2], fds[3];

	(void)state;
	for (uint32_t n = 0; n <= 3; n++) {
		struct weir_guard_link link = { .bell = -1, .fds = { -1, -1, -1 } };

		for (int i = 0; i < 3; i++)
			fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
		link.fd = ends[0];
		assert_int_equal(send_raw(ends[1], &reply, sizeof(reply), fds, n, 1), 0);
		assert_int_equal(weir_guard_link_hello(&link, "one"), -EPROTO);
		assert_non_null(strstr(link.why, "version"));
		weir_guard_link_close(&link);
		close(ends[1]);
		for (int i = 0; i < 3; i++)
			close(fds[i]);
	}
}

/* --- signals -------------------------------------------------------------------- */

static volatile sig_atomic_t n_signals;

static void count_signal(int number)
{
	(void)number;
	n_signals++;
}

static void answer_late(int fd)
{
	struct weir_guard_reply reply = { .magic = WEIR_GUARD_MAGIC };

	usleep(200000);
	_exit(weir_wire_send(fd, &reply, sizeof(reply), NULL, 0) ? 1 : 0);
}

/* Signals while a reply is waited for, as a reload may bring, change nothing. */
static void test_signals(void **state)
{
	const struct itimerval often = { { 0, 20000 }, { 0, 20000 } }, never = { 0 };
	const struct timeval patience = { .tv_sec = 10 };
	struct sigaction action = { .sa_handler = count_signal, .sa_flags = SA_RESTART }, before;
	struct weir_guard_reply reply;
	int ends[2], status;
	uint32_t n;
	pid_t child;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	child = fork();
	if (!child)
		answer_late(ends[1]);
	assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	assert_int_equal(weir_wire_receive(ends[0], &reply, sizeof(reply), NULL, 0, &n), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
	assert_true(n_signals > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_descriptors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_version, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_descriptions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rules, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_a_number, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_kinds, set_up, tear_down),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
