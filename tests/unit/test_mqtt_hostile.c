/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Brokers of MQTT that send what they may not, too much, or nothing: the process, other chains and the end of the run stay as they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/internal.h"
#include "hex.h"

#define MS INT64_C(1000000)

static struct broker {
	int listener, port;
	uint8_t bytes[64]; /* that it answers the first packet with */
	size_t n;
	size_t n_zeros; /* and so many more; then `tail` */
	uint8_t tail[32];
	size_t n_tail;
	uint8_t drip[32]; /* that it sends every 50 ms, whatever comes */
	size_t n_drip;
	bool is_brief;      /* it hangs up after the second packet */
	bool is_deaf;       /* it answers the second packet with `drip`, and reads no more */
	useconds_t run_us;  /* until the run is told to end; 0: a quarter of a second */
	uint8_t first[512]; /* the first packet */
	_Atomic bool is_over;
	_Atomic unsigned connections;
	uint8_t got[64]; /* what came after that */
	_Atomic size_t n_got;
} broker;

static void send_all(int fd)
{
	static const uint8_t zeros[65536];
	size_t left = broker.n_zeros;

	(void)!send(fd, broker.bytes, broker.n, MSG_NOSIGNAL);
	while (left) {
		ssize_t n = send(fd, zeros, left < sizeof(zeros) ? left : sizeof(zeros), MSG_NOSIGNAL);

		if (n <= 0)
			return;
		left -= (size_t)n;
	}
	(void)!send(fd, broker.tail, broker.n_tail, MSG_NOSIGNAL);
}

static bool awaits(int fd)
{
	struct pollfd waiting = { .fd = fd, .events = POLLIN };

	while (broker.n_drip && poll(&waiting, 1, 50) <= 0)
		if (send(fd, broker.drip, broker.n_drip, MSG_NOSIGNAL) < 0)
			return false;
	return true;
}

/* By the other side, though not all that it wrote was read. */
static bool is_closed(int fd)
{
	struct pollfd closing = { .fd = fd, .events = POLLRDHUP };

	return poll(&closing, 1, 0) > 0;
}

static void serve(int fd)
{
	uint8_t bytes[4096];
	ssize_t n;

	if (recv(fd, broker.first, sizeof(broker.first), 0) > 0)
		send_all(fd);
	if (broker.is_deaf && recv(fd, bytes, sizeof(bytes), 0) > 0)
		(void)!send(fd, broker.drip, broker.n_drip, MSG_NOSIGNAL);
	while (broker.is_deaf && !broker.is_over && !is_closed(fd))
		usleep(10000);
	while (!broker.is_deaf && awaits(fd) && (n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		for (ssize_t i = 0; i < n && broker.n_got < sizeof(broker.got); i++)
			broker.got[broker.n_got++] = bytes[i];
		if (broker.is_brief)
			return;
	}
}

static void *broker_run(void *context)
{
	struct pollfd waiting = { .fd = broker.listener, .events = POLLIN };

	(void)context;
	while (!broker.is_over) {
		int fd;

		if (poll(&waiting, 1, 10) <= 0)
			continue;
		fd = accept(broker.listener, NULL, NULL);
		broker.connections++;
		serve(fd);
		close(fd);
	}
	return NULL;
}

static int setup(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);

	(void)state;
	memset(&broker, 0, sizeof(broker));
	broker.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Little is on its way that nobody has read. */
	setsockopt(broker.listener, SOL_SOCKET, SO_RCVBUF, &(int){ 16384 }, sizeof(int));
	if (bind(broker.listener, (struct sockaddr *)&address, length) || listen(broker.listener, 16) ||
	    getsockname(broker.listener, (struct sockaddr *)&address, &length))
		return -1;
	broker.port = ntohs(address.sin_port);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return close(broker.listener);
}

struct outcome {
	int status;
	int64_t end_ns; /* from the request to end, or the last record, to the end */
	uint64_t cut, others, unsent;
	char said[4096];
};

static void *stop_later(void *context)
{
	struct weir_pipeline *pipeline = context;

	usleep(broker.run_us ? broker.run_us : 250000);
	weir_stop(pipeline);
	return NULL;
}

/* The program, where %d is the port, with a chain of another kind beside it, and stopped after a while. */
static struct outcome run(const char *form, uint64_t limit)
{
	struct outcome outcome = { 0 };
	struct weir_options options = { .limit = limit,
					.messages = fmemopen(outcome.said, sizeof(outcome.said) - 1, "w") };
	struct weir_pipeline *pipeline;
	pthread_t server, stopper;
	char program[400];
	int64_t begin;

	snprintf(program, sizeof(program), form, broker.port);
	assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
	pthread_create(&server, NULL, broker_run, NULL);
	begin = weir_now(WEIR_CLOCK_MONOTONIC);
	if (!limit)
		pthread_create(&stopper, NULL, stop_later, pipeline);
	outcome.status = weir_run(pipeline);
	outcome.end_ns = weir_now(WEIR_CLOCK_MONOTONIC) - begin;
	if (!limit)
		pthread_join(stopper, NULL);
	broker.is_over = true;
	pthread_join(server, NULL);
	for (uint32_t i = 0; i < pipeline->n_nodes; i++) {
		outcome.unsent += atomic_load(&pipeline->node[i]->lost[WEIR_LOST_UNSENT]);
		outcome.cut += atomic_load(&pipeline->node[i]->lost[WEIR_LOST_CUT]);
		if (!strcmp(pipeline->node[i]->driver->name, "synth"))
			outcome.others = atomic_load(&pipeline->node[i]->records_out);
	}
	weir_close(pipeline);
	fclose(options.messages);
	return outcome;
}

/* What no broker may send, after as much of a handshake as it takes: the run goes on, and asks again after a pause. */
static void nonsense_ends_no_run(void **state)
{
	static const char *const wrong[][2] = {
		{ "v5", "20 05 00 00 02 00 00" },
		{ "v5", "20 03 00 00 00 90 06 00 01 02 00 00 00" },
		{ "v5", "20 03 00 00 00 90 04 00 01 00 01 e0 04 8b 02 00 00" },
		{ "v5", "20 03 00 00 00 90 04 00 01 00 01 30 06 00 01 74 02 00 00" },
		{ "v5", "20 03 00 00 00 90 04 00 01 00 01 62 06 00 01 00 02 00 00" },
		{ "v5", "20 03 00 00 00 20 03 00 00 00" },
		{ "v5", "30 04 00 01 74 00" },
		{ "v3", "20 05 00 00 02 00 00" },
		{ "v3", "20 02 00 00 40 02 00 01" },
		{ "v3", "20 02 00 00 e0 00" },
		{ "v3", "ff ff ff ff ff" },
		{ "v3", "48 54 54 50 2f 31 2e 31" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct outcome outcome;
		char form[200];

		broker.n = bytes_of(wrong[i][1], broker.bytes);
		broker.is_over = false;
		broker.connections = 0;
		snprintf(form, sizeof(form),
			 "mqtt://127.0.0.1:%%d/t version=%s | null\nsynth:counter rate=1kHz | null\n", wrong[i][0]);
		outcome = run(form, 0);
		assert_int_equal(outcome.status, 0);
		assert_true(outcome.others > 100);
		assert_in_range(broker.connections, 1, 3);
		if (!strstr(outcome.said, "the broker "))
			fail_msg("%s: %s", wrong[i][1], outcome.said);
	}
}

/* Also not a sink's, which has only asked for answers. */
static void nonsense_ends_no_sink(void **state)
{
	static const char *const wrong[] = {
		"20 05 00 00 02 00 00",       "20 03 00 00 00 40 05 00 01 00 01 ff", "20 03 00 00 00 30 04 00 01 74 00",
		"20 03 00 00 00 70 02 00 01", "20 03 00 00 00 62 02 00 01",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct outcome outcome;

		broker.n = bytes_of(wrong[i], broker.bytes);
		broker.is_over = false;
		outcome = run("synth:counter rate=1kHz | mqtt://127.0.0.1:%d/t linger=100ms", 0);
		assert_int_equal(outcome.status, 0);
		assert_true(outcome.others > 100);
		assert_non_null(strstr(outcome.said, "the broker "));
	}
}

/* A peer that says nothing holds up the end of a run for less than a second. */
static void silence_holds_up_no_end(void **state)
{
	static const char *const forms[] = {
		"mqtt://127.0.0.1:%d/t | null",
		"synth:counter rate=1kHz | mqtt://127.0.0.1:%d/t linger=1h",
		"mqtt://127.0.0.1:%d/t tls=yes verify=no | null",
		"synth:counter rate=1kHz | mqtt://127.0.0.1:%d/t tls=yes verify=no linger=1h",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct outcome outcome;

		broker.is_over = false;
		outcome = run(forms[i], 0);
		assert_int_equal(outcome.status, 0);
		assert_true(outcome.end_ns < 250 * MS + 1300 * MS);
	}
}

/* A message of 100 MB is skipped as it comes, answered and counted; the next one is taken. */
static void a_long_message_is_skipped(void **state)
{
	struct rusage before, after;
	struct outcome outcome;

	(void)state;
	broker.n = bytes_of("20 02 00 00 90 03 00 01 01 32 80 80 80 30 00 01 74 00 07", broker.bytes);
	broker.n_zeros = ((size_t)0x30 << 21) - 5;
	broker.n_tail = bytes_of("32 0c 00 01 74 00 08 7b 22 78 22 3a 35 7d", broker.tail);
	getrusage(RUSAGE_SELF, &before);
	outcome = run("mqtt://127.0.0.1:%d/t version=v3 out=x | null", 1);
	getrusage(RUSAGE_SELF, &after);
	assert_int_equal(outcome.status, 0);
	assert_int_equal(outcome.cut, 1);
	assert_true(after.ru_maxrss - before.ru_maxrss < 50 << 10); /* KiB */
	assert_non_null(memmem(broker.got, broker.n_got, "\x40\2\0\7\x40\2\0\10", 8));
}

/* A broker that is behind with its answers, but sends messages, is there. */
static void messages_are_a_sign_of_life(void **state)
{
	struct outcome outcome;

	(void)state;
	broker.n = bytes_of("20 06 00 00 03 13 00 01 90 04 00 01 00 01", broker.bytes); /* keep alive: 1 s */
	broker.n_drip = bytes_of("30 0b 00 01 74 00 7b 22 78 22 3a 35 7d", broker.drip);
	outcome = run("mqtt://127.0.0.1:%d/t out=x | null", 60);
	assert_int_equal(outcome.status, 0);
	assert_non_null(memmem(broker.got, broker.n_got, "\xc0\0", 2)); /* it was asked */
	assert_null(strstr(outcome.said, "lost the connection"));
	assert_int_equal(broker.connections, 1);
}

/* A peer that is gone without a word, with more on its way to it than the kernel takes, is found out. */
static void a_dead_connection_is_found_out(void **state)
{
	char path[] = "/tmp/weir-wide-XXXXXX", form[200], *cell = malloc(4000);
	FILE *file = fdopen(mkstemp(path), "w");
	struct outcome outcome;

	(void)state;
	assert_non_null(file);
	assert_non_null(cell);
	memset(cell, 'x', 3999);
	cell[3999] = 0;
	fprintf(file, "s\n");
	for (int i = 0; i < 2500; i++)
		fprintf(file, "%s\n", cell);
	fclose(file);
	broker.n = bytes_of("20 06 00 00 03 13 00 01", broker.bytes); /* keep alive: 1 s */
	broker.n_drip = bytes_of("40 02 00 01", broker.drip);
	broker.is_deaf = true;
	broker.run_us = 6000000;
	snprintf(form, sizeof(form), "csv:%s width=4000 | mqtt://127.0.0.1:%%d/t queue=64MiB linger=1h", path);
	outcome = run(form, 0);
	unlink(path);
	free(cell);
	assert_int_equal(outcome.status, 0);
	assert_non_null(strstr(outcome.said, "the broker does not answer"));
}

/* Retained messages, of a broker that has kept the session, come for the first subscription of a run only. */
static void what_is_retained_comes_once(void **state)
{
	static const uint8_t first[] = { 0x82, 7, 0, 1, 0, 0, 1, 't', 0x01 },
			     later[] = { 0x82, 7, 0, 1, 0, 0, 1, 't', 0x11 };

	(void)state;
	broker.n = bytes_of("20 03 01 00 00 90 04 00 01 00 01", broker.bytes);
	broker.is_brief = true;
	broker.run_us = 1000000;
	assert_int_equal(run("mqtt://127.0.0.1:%d/t out=x | null", 0).status, 0);
	assert_true(broker.n_got >= sizeof(first) + sizeof(later));
	assert_memory_equal(broker.got, first, sizeof(first));
	assert_memory_equal(broker.got + sizeof(first), later, sizeof(later));
}

/* What a sender writes into topic and payload begins no line of what people are told. */
static void words_of_a_sender_are_plain(void **state)
{
	struct outcome outcome;

	(void)state;
	/* Topic "a", newline, "weir: b"; {"x":"c\nweir: d"}; then one that is good. */
	broker.n = bytes_of("20 03 00 00 00 90 04 00 01 00 01 30 20 00 09 61 0a 77 65 69 72 3a 20 62 00 "
			    "7b 22 78 22 3a 22 63 5c 6e 77 65 69 72 3a 20 64 22 7d 20 20",
			    broker.bytes);
	broker.n_tail = bytes_of("30 0b 00 01 74 00 7b 22 78 22 3a 35 7d", broker.tail);
	outcome = run("mqtt://127.0.0.1:%d/# out=x:int | null", 1);
	assert_int_equal(outcome.status, 0);
	assert_int_equal(outcome.cut, 1);
	assert_non_null(strstr(outcome.said, "a message of a weir: b: "));
	assert_null(strstr(outcome.said, "\nweir: b"));
	assert_null(strstr(outcome.said, "\nweir: d"));
}

/* Who gets less than was asked for hears of it once, though the connection is made again. */
static void a_lower_qos_is_told_of(void **state)
{
	struct outcome outcome;
	const char *said;

	(void)state;
	broker.n = bytes_of("20 03 00 00 00 90 04 00 01 00 00", broker.bytes);
	broker.is_brief = true;
	broker.run_us = 1000000;
	outcome = run("mqtt://127.0.0.1:%d/t out=x | null", 0);
	assert_true(broker.connections > 1);
	said = strstr(outcome.said, "the broker delivers with qos=0, and not with qos=1");
	assert_non_null(said);
	assert_null(strstr(said + 1, "the broker delivers"));
}

/* Two long names that begin alike are two names. */
static void a_client_id_is_not_cut(void **state)
{
	static const char id[] = "site-of-the-northern-plant-building-4711-550e8400-e29b-41d4-a716-446655440000";

	(void)state;
	assert_int_equal(run("mqtt://127.0.0.1:%d/t id='site-of-the-northern-plant-building-4711-"
			     "550e8400-e29b-41d4-a716-446655440000' out=x | null",
			     0)
				 .status,
			 0);
	assert_non_null(memmem(broker.first, sizeof(broker.first), id, sizeof(id) - 1));
}

/* A DISCONNECT that is about the message costs that message and no more time; one about a quota may pass, and one about the qos is about
 * all of them. */
static void a_reason_is_heeded(void **state)
{
	static const struct {
		const char *disconnect;
		bool is_set_aside;
		int status;
	} reasons[] = {
		{ "e0 02 95 00", true, 0 },  { "e0 02 99 00", true, 0 },  { "e0 02 97 00", false, 0 },
		{ "e0 02 9b 00", false, 3 }, { "e0 02 8b 00", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		struct outcome outcome;

		broker.n = bytes_of("20 03 00 00 00", broker.bytes);
		broker.n_drip = bytes_of(reasons[i].disconnect, broker.drip);
		broker.is_deaf = true;
		broker.is_over = false;
		outcome = run("synth:counter rate=1kHz | mqtt://127.0.0.1:%d/t linger=2s", 1);
		assert_int_equal(outcome.status, reasons[i].status);
		assert_int_equal(outcome.unsent, 1);
		assert_int_equal(!!strstr(outcome.said, "the broker closes the connection when it gets this message"),
				 reasons[i].is_set_aside);
		if (reasons[i].is_set_aside)
			assert_true(outcome.end_ns < 1500 * MS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nonsense_ends_no_run, setup, teardown),
		cmocka_unit_test_setup_teardown(nonsense_ends_no_sink, setup, teardown),
		cmocka_unit_test_setup_teardown(silence_holds_up_no_end, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_message_is_skipped, setup, teardown),
		cmocka_unit_test_setup_teardown(messages_are_a_sign_of_life, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_retained_comes_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dead_connection_is_found_out, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lower_qos_is_told_of, setup, teardown),
		cmocka_unit_test_setup_teardown(words_of_a_sender_are_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reason_is_heeded, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_id_is_not_cut, setup, teardown),
	};

	if (weir_tell_absent("mqtt", stderr))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
