/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A broker that sends any bytes to a source or a sink, over TCP. The first byte chooses the form of the messages, how far the
 * handshake is a right one, MQTT 5 or 3.1.1, and the role. The run ends when it is told to, with records or a message, and leaves
 * no descriptor open.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "descriptors.h"
#include "pipeline.h"

#define RUNS 300 /* each is a connection */
#include "standalone.h"

#define WAIT_MS 2000

static const char *const forms[2][4] = {
	{
		"mqtt://127.0.0.1:%d/t/+ version=%s out='x, n:int, s:text:8' qos=1 | null",
		"mqtt://127.0.0.1:%d/t/# version=%s out='x, n:int' format=csv time=own qos=2 | null",
		"mqtt://127.0.0.1:%d/t version=%s out='x, n:int, on:bool, s:text:24' format=binary | null",
		"mqtt://127.0.0.1:%d/t version=%s qos=0 on_error=stop | null",
	},
	{
		"synth:counter rate=max | limit 3 | mqtt://127.0.0.1:%d/t version=%s qos=1 linger=20ms",
		"synth:counter rate=max | limit 3 | mqtt://127.0.0.1:%d/t version=%s qos=2 linger=20ms",
		"synth:counter rate=max | limit 3 | mqtt://127.0.0.1:%d/t version=%s qos=0 retain=yes linger=20ms",
		"synth:counter rate=1kHz | mqtt://127.0.0.1:%d/t version=%s will=gone linger=20ms",
	},
};

/* CONNACK, and SUBACK of the first packet that the client numbers. */
static const uint8_t greeting[2][11] = {
	{ 0x20, 2, 0, 0, 0x90, 3, 0, 1, 0 },
	{ 0x20, 3, 0, 0, 0, 0x90, 4, 0, 1, 0, 0 },
};

struct broker {
	int listener;
	struct weir_pipeline *pipeline;
	const uint8_t *data;
	size_t size, n_greeting;
	const uint8_t *greeting;
};

static int open_listener(int *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&address, &length))
		abort();
	*port = ntohs(address.sin_port);
	return fd;
}

/* The next one that says something: connections of earlier runs say nothing. -1: there is none. */
static int accept_client(int listener)
{
	struct timeval timeout = { .tv_sec = WAIT_MS / 1000 };
	struct pollfd waiting = { .fd = listener, .events = POLLIN };
	char bytes[256];
	int one = 1;

	while (poll(&waiting, 1, WAIT_MS) > 0) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
		if (recv(fd, bytes, sizeof(bytes), 0) > 0)
			return fd;
		close(fd);
	}
	return -1;
}

static void *broker_run(void *context)
{
	struct broker *broker = context;
	struct linger at_once = { .l_onoff = 1 };
	int fd = accept_client(broker->listener);
	char bytes[256];

	if (fd >= 0) {
		(void)!send(fd, broker->greeting, broker->n_greeting, MSG_NOSIGNAL);
		(void)!send(fd, broker->data, broker->size, MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		while (recv(fd, bytes, sizeof(bytes), 0) > 0)
			;
		/* No port is to be kept for a while. */
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(fd);
	}
	weir_stop(broker->pipeline);
	return NULL;
}

/* Connections that came after the one that was served. */
static void drain(int listener)
{
	struct pollfd waiting = { .fd = listener, .events = POLLIN };

	while (poll(&waiting, 1, 0) > 0)
		close(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
}

static void run_against(struct broker *broker, const char *program)
{
	char *said = NULL;
	size_t n_said = 0;
	FILE *messages = open_memstream(&said, &n_said);
	struct weir_options options = { .messages = messages, .limit = RECORDS_MAX, .threads = 1, .ring_rows = 256 };
	pthread_t thread;
	int status = weir_open(&broker->pipeline, program, "<fuzz>", &options);

	if (status || pthread_create(&thread, NULL, broker_run, broker))
		abort();
	status = weir_run(broker->pipeline);
	pthread_join(thread, NULL);
	weir_close(broker->pipeline);
	drain(broker->listener);
	fclose(messages);
	if (status && !n_said)
		abort();
	free(said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t greetings[2][4] = { { 0, 4, 9, 9 }, { 0, 5, 11, 5 } };
	static int listener, port;
	struct broker broker;
	char program[256];
	bool is_v5, is_sink;
	int before;

	if (weir_tell_absent("mqtt", stderr))
		exit(77);
	if (!size)
		return 0;
	if (!listener)
		listener = open_listener(&port);
	before = count_descriptors();
	is_v5 = data[0] & 0x10;
	is_sink = data[0] & 0x20;
	broker = (struct broker){ .listener = listener,
				  .data = data + 1,
				  .size = size - 1,
				  .greeting = greeting[is_v5],
				  .n_greeting = greetings[is_v5][data[0] / 4 % 4] };
	snprintf(program, sizeof(program), forms[is_sink][data[0] % 4], port, is_v5 ? "v5" : "v3");
	run_against(&broker, program);
	expect_descriptors(before);
	return 0;
}

/* Packets: CONNACK, SUBACK, PUBLISH at each level, PUBREL, PINGRESP. */
static const char *const words[] = {
	"\10",
	"\11",
	"\12",
	"\13",
	"\40\2",
	"\220\3",
	"\60\12",
	"\60\20\1t/a{\"x\":1}",
	"\62\22",
	"\64\22",
	"\142\2",
	"\320",
	"\377\377\377\177",
	"{\"x\":1,\"n\":2}",
	"1,2\n",
	"x,n\n",
	"wr\1",
	"\1t",
	"\33",
	"\53",
	"\40\3",
	"\40\5\0\0\2",
	"\340\2\215",
	"\100\2\0\1",
	"\120\2\0\1",
	"\160\2\0\1",
	"\46\0\7weir-id\0",
	"\47\0\0\1",
	"\41\0\1",
	"\44\1",
};

FUZZER(words)
