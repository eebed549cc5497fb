/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A peer that takes the connection, answers the first questions of AMQP, and then says nothing any more, at each place where it can
 * fall silent: a run that is told to end does so within a second.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "weir/weir.h"

#define END_MS 1000
#define SLACK_MS 500 /* a machine that has much else to do */

/* Each answer to a method, "class, method": what librabbitmq needs to go on. */
static const struct answer {
	uint16_t class, method;
	const char *bytes; /* of the answering method, from its class on */
	size_t n;
} answers[] = {
#define ANSWER(class, method, text)                   \
	{                                             \
		class, method, text, sizeof(text) - 1 \
	}
	ANSWER(0, 0, "\0\012\0\012\0\011\0\0\0\0\0\0\0\005PLAIN\0\0\0\005en_US"), /* the header: start */
	ANSWER(10, 11, "\0\012\0\036\0\0\0\002\0\0\0\024"),                       /* start-ok: tune */
	ANSWER(10, 40, "\0\012\0\051\0"),                                         /* open: open-ok */
	ANSWER(20, 10, "\0\024\0\013\0\0\0\0"),                                   /* channel.open: open-ok */
	ANSWER(50, 10, "\0\062\0\013\001q\0\0\0\0\0\0\0\0"),                      /* queue.declare: declare-ok */
	ANSWER(60, 10, "\0\074\0\013"),                                           /* basic.qos: qos-ok */
	ANSWER(60, 20, "\0\074\0\025\001c"),                                      /* basic.consume: consume-ok */
	ANSWER(85, 10, "\0\125\0\013"),                                           /* confirm.select: select-ok */
};

static struct peer {
	int listener, port;
	int n_answers; /* that it gives on each connection */
	_Atomic int n_given;
	pthread_t thread;
} peer;

static bool receive(int fd, void *to, size_t n)
{
	return recv(fd, to, n, MSG_WAITALL) == (ssize_t)n;
}

static bool give(int fd, uint16_t class, uint16_t method)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		const struct answer *answer = &answers[i];
		uint8_t frame[64] = { 1, 0, class == 10 || !class ? 0 : 1, 0, 0, 0, (uint8_t)answer->n };

		if (answer->class != class || answer->method != method)
			continue;
		memcpy(frame + 7, answer->bytes, answer->n);
		frame[7 + answer->n] = 0xce;
		if (send(fd, frame, answer->n + 8, MSG_NOSIGNAL) < 0)
			return false;
		peer.n_given++;
		return true;
	}
	return true; /* wants no answer */
}

static void talk(int fd)
{
	uint8_t head[8], body[4096];
	int given = 0;

	if (!peer.n_answers || !receive(fd, head, 8) || !give(fd, 0, 0))
		return;
	while (++given < peer.n_answers && receive(fd, head, 7)) {
		uint32_t n = (uint32_t)head[4] << 16 | (uint32_t)head[5] << 8 | head[6];
		int before = peer.n_given;

		if (n + 1 > sizeof(body) || !receive(fd, body, n + 1) || !give(fd, body[1], body[3]))
			return;
		given -= peer.n_given == before;
	}
}

static void *serve(void *context)
{
	int fd;

	(void)context;
	/* What falls silent stays open until the test is over. */
	while ((fd = accept(peer.listener, NULL, NULL)) >= 0)
		talk(fd);
	return NULL;
}

static void begin(int n_answers)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);

	peer = (struct peer){ .n_answers = n_answers, .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	assert_true(peer.listener >= 0);
	assert_int_equal(bind(peer.listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(peer.listener, (struct sockaddr *)&at, &n), 0);
	assert_int_equal(listen(peer.listener, 8), 0);
	peer.port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&peer.thread, NULL, serve, NULL), 0);
}

static void finish(void)
{
	shutdown(peer.listener, SHUT_RDWR);
	pthread_join(peer.thread, NULL);
	close(peer.listener);
}

static void *run(void *pipeline)
{
	weir_run(pipeline);
	return NULL;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* @return ms until a run that is told to end has ended, after the peer has fallen silent. */
static int64_t end_of(const char *form, int n_answers)
{
	struct weir_options options = { .messages = fopen("/dev/null", "w") };
	struct weir_pipeline *pipeline;
	char program[200];
	pthread_t thread;
	int64_t began;

	begin(n_answers);
	snprintf(program, sizeof(program), form, peer.port);
	assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
	assert_int_equal(pthread_create(&thread, NULL, run, pipeline), 0);
	for (int i = 0; i < 500 && peer.n_given < n_answers; i++)
		usleep(10000);
	assert_int_equal(peer.n_given, n_answers);
	usleep(100000);
	began = now_ms();
	weir_stop(pipeline);
	pthread_join(thread, NULL);
	began = now_ms() - began;
	weir_close(pipeline);
	finish();
	fclose(options.messages);
	return began;
}

static void expect_quick(const char *form, int n_answers)
{
	for (int n = 0; n <= n_answers; n++) {
		int64_t took = end_of(form, n);

		if (took > END_MS + SLACK_MS)
			fail_msg("%s, silent after %d answers: ended after %d ms", form, n, (int)took);
	}
}

static void a_source_ends(void **state)
{
	(void)state;
	expect_quick("amqp://127.0.0.1:%d/q out=value | null", 7);
	expect_quick("amqp://127.0.0.1:%d/q out=value tls=yes | null", 0);
}

static void a_sink_ends(void **state)
{
	(void)state;
	expect_quick("synth:counter rate=100Hz | amqp://127.0.0.1:%d/q", 6);
	expect_quick("synth:counter rate=100Hz | amqp://127.0.0.1:%d/q tls=yes", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_ends),
		cmocka_unit_test(a_sink_ends),
	};

	return weir_tell_absent("amqp", stderr) ? 77 : cmocka_run_group_tests(tests, NULL, NULL);
}
