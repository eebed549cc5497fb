/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The source `udp:` on the loopback interface: what becomes a record, and what is counted. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "skip.h"

static int sender = -1;
static int port;

/* A port that is free: the kernel chooses one. */
static int set_up(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int probe = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	if (bind(probe, (struct sockaddr *)&address, length) ||
	    getsockname(probe, (struct sockaddr *)&address, &length))
		return -1;
	close(probe);
	port = ntohs(address.sin_port);
	sender = socket(AF_INET, SOCK_DGRAM, 0);
	return connect(sender, (struct sockaddr *)&address, sizeof(address));
}

static int tear_down(void **state)
{
	(void)state;
	return close(sender);
}

static void begin(struct harness *h, const char *arguments)
{
	char program[200];

	snprintf(program, sizeof(program), "udp:127.0.0.1:%d %s", port, arguments);
	if (!harness_open(h, program, NULL) || harness_start(h))
		fail_msg("%s: %s", program, harness_error(h));
}

static void end(struct harness *h)
{
	h->source->driver->source->stop(h->source);
	harness_close(h);
}

static void put(const void *bytes, size_t n)
{
	assert_int_equal(send(sender, bytes, n, 0), n);
}

/* All that is there; what produce returned last. */
static int pull(struct harness *h)
{
	int got = 1;

	while (got > 0)
		got = harness_pull(h, 3);
	return got;
}

static uint64_t lost(const struct harness *h, enum weir_loss cause)
{
	return atomic_load(&h->source->lost[cause]);
}

static void datagrams_are_lines(void **state)
{
	struct harness h;

	(void)state;
	begin(&h, "out='celsius, n:int'");
	put("21.5,1", 6);
	put("22,2\r\n23,3\n\n24,4\n", 17);
	put("", 0);
	put("25,5", 4);
	assert_int_equal(pull(&h), -EAGAIN);
	assert_int_equal(h.n, 5);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(h.value[1][i].integer, i + 1);
	assert_float_equal(h.value[0][4].real, 25, 0);
	assert_int_equal(lost(&h, WEIR_LOST_CUT), 0);
	end(&h);
	begin(&h, "output=jsonl out=celsius");
	put("{\"celsius\": 7.5}", 16);
	pull(&h);
	assert_float_equal(h.value[0][0].real, 7.5, 0);
	end(&h);
}

static void malformed_lines_are_counted(void **state)
{
	struct harness h;

	(void)state;
	begin(&h, "out=n:int");
	put("1\nx\n2", 5);
	put("3\0004", 3);
	assert_int_equal(pull(&h), -EAGAIN);
	assert_int_equal(h.n, 2);
	assert_int_equal(lost(&h, WEIR_LOST_CUT), 2);
	assert_non_null(strstr(h.source->driver->source->how(h.source), "2 malformed lines"));
	end(&h);
	begin(&h, "out=n:int on_error=stop");
	put("1\nx\n2", 5);
	assert_int_equal(pull(&h), -EINVAL);
	assert_int_equal(h.n, 1);
	harness_expect_error(&h, "a datagram to");
	end(&h);
}

static void a_datagram_of_any_size_is_whole(void **state)
{
	static char text[65507];
	struct harness h;
	uint32_t n = 0;

	(void)state;
	for (size_t at = 0; at + 2 <= sizeof(text); at += 2, n++)
		memcpy(text + at, "7\n", 2);
	begin(&h, "out=n:int");
	put(text, (size_t)n * 2);
	assert_int_equal(pull(&h), -EAGAIN);
	assert_int_equal(h.n, n);
	end(&h);
}

/* An emulator of programs does not know the option by which the kernel tells what a socket has dropped. */
static void need_drops_told(void)
{
	uint32_t memory[SK_MEMINFO_VARS];
	socklen_t length = sizeof(memory);

	if (getsockopt(sender, SOL_SOCKET, SO_MEMINFO, memory, &length) || length < sizeof(memory))
		skip_because("no SO_MEMINFO here");
}

/* What a full buffer drops: everything that was sent either arrives or is counted. */
static void drops_are_counted_exactly(void **state)
{
	const uint32_t sent = 5000;
	struct harness h;
	uint64_t dropped;

	(void)state;
	need_drops_told();
	begin(&h, "out=n:int buffer=8KiB");
	for (uint32_t i = 0; i < sent; i++)
		put("1", 1);
	pull(&h);
	h.source->driver->source->stop(h.source);
	dropped = lost(&h, WEIR_LOST_DEVICE);
	assert_true(dropped > 0);
	assert_int_equal(h.n + dropped, sent);
	assert_non_null(strstr(h.source->driver->source->how(h.source), "datagrams dropped"));
	harness_close(&h);
}

static void wrong_targets_are_refused(void **state)
{
	static const char *const wrong[] = { "udp:x", "udp:0", "udp:65536", "udp:5005x", "udp:-1", "udp:127.0.0.1:" };
	char program[100];
	struct harness h, second;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		harness_expect_refusal(wrong[i], NULL, "udp needs a port from 1 to 65535");
	harness_expect_refusal("udp:nowhere.example:5005", NULL, "not a numeric address");
	begin(&h, "");
	snprintf(program, sizeof(program), "udp:127.0.0.1:%d", port);
	assert_true(harness_open(&second, program, NULL));
	assert_int_equal(harness_start(&second), -EADDRINUSE);
	harness_expect_error(&second, "another program has the port");
	harness_close(&second);
	end(&h);
	assert_true(harness_open(&h, "udp:192.0.2.1:5005", NULL));
	assert_int_equal(harness_start(&h), -EADDRNOTAVAIL);
	harness_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_are_lines),
		cmocka_unit_test(malformed_lines_are_counted),
		cmocka_unit_test(a_datagram_of_any_size_is_whole),
		cmocka_unit_test(drops_are_counted_exactly),
		cmocka_unit_test(wrong_targets_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
