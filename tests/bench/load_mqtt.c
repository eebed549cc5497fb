/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbered messages {"n":0,"x":0.123} to one topic of a broker on this machine, and what comes back on another: of those with
 * x > 0.5 each once, of the others none.
 *
 *     load_mqtt PORT IN OUT QOS N RATE
 *
 * RATE messages a second; 0: as fast as they come back, with WINDOW on their way. Prints, in words for a shell,
 * "SECONDS LOST WRONG TWICE P50_US P99_US", the last two of the time from one topic to the other; exits 1 where nothing works.
 */
#include <mosquitto.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW 2000
#define BURST 64 /* messages between two looks at what has come back */
#define NS_PER_S 1000000000
#define GIVE_UP_NS (INT64_C(10) * NS_PER_S) /* without any that comes back */

struct load {
	struct mosquitto *to, *from;
	const char *in, *out;
	int qos;
	bool is_subscribed, has_failed;
	uint32_t n, n_sent, n_expected, n_due, n_back, n_wrong, n_twice; /* expected: so far; due: of all */
	double rate;
	int64_t start_ns, last_ns;
	int64_t *sent_ns;
	int64_t *way_ns; /* by arrival */
	bool *is_back;
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static uint32_t thousandths(uint32_t number)
{
	return (number * 2654435761u >> 12) % 1000;
}

static bool passes(uint32_t number)
{
	return thousandths(number) > 500;
}

/* ---------------------------------------------------------------------- back */

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message)
{
	struct load *load = context;
	char text[128] = "";
	const char *at;
	uint32_t number;

	(void)client;
	memcpy(text, message->payload, (size_t)message->payloadlen < sizeof(text) ? (size_t)message->payloadlen : 127);
	at = strstr(text, "\"n\":");
	number = at ? (uint32_t)strtoul(at + 4, NULL, 10) : UINT32_MAX;
	load->last_ns = now();
	if (number >= load->n_sent || !passes(number)) {
		load->n_wrong++;
	} else if (load->is_back[number]) {
		load->n_twice++;
	} else {
		load->is_back[number] = true;
		load->way_ns[load->n_back++] = load->last_ns - load->sent_ns[number];
	}
}

static void on_subscribe(struct mosquitto *client, void *context, int mid, int n, const int *granted)
{
	(void)client;
	(void)mid;
	(void)n;
	(void)granted;
	((struct load *)context)->is_subscribed = true;
}

static void on_connect(struct mosquitto *client, void *context, int reason)
{
	struct load *load = context;

	load->has_failed |= reason;
	if (client == load->from)
		mosquitto_subscribe(client, NULL, load->out, load->qos);
}

/* ----------------------------------------------------------------------- out */

static void send_one(struct load *load)
{
	uint32_t number = load->n_sent++;
	char text[64];
	int n = snprintf(text, sizeof(text), "{\"n\":%u,\"x\":0.%03u}", number, thousandths(number));

	load->n_expected += passes(number);
	load->sent_ns[number] = now();
	load->has_failed |= mosquitto_publish(load->to, NULL, load->in, n, text, load->qos, false);
}

/* @return ns until the next one may go; -1: now; INT64_MAX: when one has come back, or never. */
static int64_t until_next(const struct load *load)
{
	int64_t due_ns;

	if (load->n_sent == load->n)
		return INT64_MAX;
	if (load->rate <= 0)
		return load->n_expected - load->n_back < WINDOW ? -1 : INT64_MAX;
	due_ns = load->start_ns + (int64_t)(load->n_sent / load->rate * NS_PER_S) - now();
	return due_ns > 0 ? due_ns : -1;
}

static void serve(struct load *load, struct mosquitto *client, short happened)
{
	int err = 0;

	if (happened & (POLLIN | POLLHUP | POLLERR))
		err = mosquitto_loop_read(client, 100);
	if (!err && happened & POLLOUT)
		err = mosquitto_loop_write(client, 100);
	if (!err)
		err = mosquitto_loop_misc(client);
	load->has_failed |= err;
}

static void turn(struct load *load, int64_t wait_ns)
{
	struct mosquitto *client[] = { load->to, load->from };
	struct pollfd wait[2];
	struct timespec most = { 0, wait_ns < 0 ? 0 : wait_ns < 10000000 ? wait_ns : 10000000 };

	for (int i = 0; i < 2; i++)
		wait[i] = (struct pollfd){ .fd = mosquitto_socket(client[i]),
					   .events = mosquitto_want_write(client[i]) ? POLLIN | POLLOUT : POLLIN };
	ppoll(wait, 2, &most, NULL);
	for (int i = 0; i < 2; i++)
		serve(load, client[i], wait[i].revents);
}

static void run(struct load *load)
{
	load->start_ns = load->last_ns = now();
	while (!load->has_failed && load->n_back < load->n_due && now() - load->last_ns < GIVE_UP_NS) {
		for (int i = 0; i < BURST && until_next(load) < 0; i++)
			send_one(load);
		turn(load, until_next(load));
	}
}

/* -------------------------------------------------------------------- report */

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static double way_us(const struct load *load, double part)
{
	return load->n_back ? (double)load->way_ns[(uint32_t)(part * (load->n_back - 1))] / 1000 : 0;
}

static void report(struct load *load)
{
	qsort(load->way_ns, load->n_back, sizeof(*load->way_ns), compare);
	printf("%.3f %u %u %u %.0f %.0f\n", (double)(load->last_ns - load->start_ns) / NS_PER_S,
	       load->n_due - load->n_back, load->n_wrong, load->n_twice, way_us(load, 0.5), way_us(load, 0.99));
}

static struct mosquitto *join(struct load *load, int port)
{
	struct mosquitto *client = mosquitto_new(NULL, true, load);

	if (!client)
		return NULL;
	mosquitto_connect_callback_set(client, on_connect);
	mosquitto_subscribe_callback_set(client, on_subscribe);
	mosquitto_message_callback_set(client, on_message);
	mosquitto_max_inflight_messages_set(client, 0);
	mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
	load->has_failed |= mosquitto_connect(client, "127.0.0.1", port, 60);
	return client;
}

static bool begin(struct load *load, char **arg)
{
	*load = (struct load){
		.in = arg[2], .out = arg[3], .qos = atoi(arg[4]), .n = (uint32_t)atoi(arg[5]), .rate = atof(arg[6])
	};
	load->sent_ns = calloc(load->n + 1, sizeof(*load->sent_ns));
	load->way_ns = calloc(load->n + 1, sizeof(*load->way_ns));
	load->is_back = calloc(load->n + 1, sizeof(*load->is_back));
	for (uint32_t number = 0; number < load->n; number++)
		load->n_due += passes(number);
	mosquitto_lib_init();
	load->to = join(load, atoi(arg[1]));
	load->from = join(load, atoi(arg[1]));
	return load->sent_ns && load->way_ns && load->is_back && load->to && load->from;
}

int main(int n, char **arg)
{
	struct load load;

	if (n != 7 || !begin(&load, arg))
		return 2;
	while (!load.has_failed && !load.is_subscribed)
		turn(&load, 1000000);
	run(&load);
	report(&load);
	mosquitto_destroy(load.to);
	mosquitto_destroy(load.from);
	mosquitto_lib_cleanup();
	free(load.sent_ns);
	free(load.way_ns);
	free(load.is_back);
	return load.has_failed;
}
