/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The least that does the work of the MQTT benchmark: libmosquitto on one thread, one connection, and strtod() for JSON. Messages
 * of topic IN whose x is over 0.5 go to topic OUT.
 *
 *     relay_mqtt PORT IN OUT QOS
 *
 * Runs until it is killed; exits 1 where the connection ends.
 */
#include <mosquitto.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN_MS 1000 /* for the keep alive of the library */
#define AT_ONCE 100  /* packets */

struct relay {
	const char *in, *out;
	int qos;
	bool has_failed;
};

/* The number behind a key such as "x":, or 0. */
static double member(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtod(at + strlen(key), NULL) : 0;
}

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message)
{
	struct relay *relay = context;
	size_t n = (size_t)message->payloadlen;
	char text[128] = "";
	double x;
	int bytes;

	memcpy(text, message->payload, n < sizeof(text) ? n : sizeof(text) - 1);
	x = member(text, "\"x\":");
	if (x <= 0.5)
		return;
	bytes = snprintf(text, sizeof(text), "{\"n\":%.0f,\"x\":%.17g}", member(text, "\"n\":"), x);
	relay->has_failed |= mosquitto_publish(client, NULL, relay->out, bytes, text, relay->qos, false);
}

static void on_connect(struct mosquitto *client, void *context, int reason)
{
	struct relay *relay = context;

	relay->has_failed |= reason || mosquitto_subscribe(client, NULL, relay->in, relay->qos);
}

static int turn(struct mosquitto *client)
{
	struct pollfd wait = { .fd = mosquitto_socket(client),
			       .events = mosquitto_want_write(client) ? POLLIN | POLLOUT : POLLIN };
	int err = 0;

	poll(&wait, 1, TURN_MS);
	if (wait.revents & ~POLLOUT)
		err = mosquitto_loop_read(client, AT_ONCE);
	if (!err && mosquitto_want_write(client))
		err = mosquitto_loop_write(client, AT_ONCE);
	return err ? err : mosquitto_loop_misc(client);
}

int main(int n, char **arg)
{
	struct relay relay = { 0 };
	struct mosquitto *client;

	if (n != 5)
		return 2;
	relay.in = arg[2];
	relay.out = arg[3];
	relay.qos = atoi(arg[4]);
	mosquitto_lib_init();
	client = mosquitto_new(NULL, true, &relay);
	if (!client)
		return 1;
	mosquitto_connect_callback_set(client, on_connect);
	mosquitto_message_callback_set(client, on_message);
	mosquitto_max_inflight_messages_set(client, 0);
	mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
	relay.has_failed |= mosquitto_connect(client, "127.0.0.1", atoi(arg[1]), 60);
	while (!relay.has_failed)
		relay.has_failed |= turn(client);
	return 1;
}
