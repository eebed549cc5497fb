/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * MQTT against mosquitto, while sender, broker and reader are killed. mosquitto answers when it has written a message to those who
 * are connected, and writes its own state to disk only when it is told to end: docs/brokers.md says what that can promise.
 * WEIR_CUTS says how often somebody is killed, and how often somebody is told to end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cut.h"
#include "weir/weir.h"

/* Nothing is lost, what comes twice is recognised, and the rest is in order. */
static void run(struct server *server, bool is_orderly)
{
	char sink[80], source[80];
	struct cut cut = { .server = server,
			   .sink = sink,
			   .source = source,
			   .greeting = "reader 1 cut",
			   .hz = 500, /* so that it has soon read what gathered while it was away */
			   .n_kills = cut_count(20),
			   .is_orderly = is_orderly,
			   .broker_every = 2,
			   .is_forgetful = true };

	snprintf(sink, sizeof(sink), "mqtt://127.0.0.2:%d/cut", server->port);
	snprintf(source, sizeof(source), "mqtt://127.0.0.1:%d/cut id=reader", server->port);
	cut_run(&cut);
}

static void nothing_is_lost_by_kills(void **state)
{
	run(*state, false);
}

static void nothing_is_lost_by_orderly_ends(void **state)
{
	run(*state, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate_setup_teardown(nothing_is_lost_by_kills, server_setup, server_teardown,
							 (void *)&server_mosquitto),
		cmocka_unit_test_prestate_setup_teardown(nothing_is_lost_by_orderly_ends, server_setup, server_teardown,
							 (void *)&server_mosquitto),
	};

	if (weir_tell_absent("mqtt", stderr))
		return 77;
	if (!server_is_there(&server_mosquitto)) {
		fputs("no mosquitto here: scripts/setup test installs it\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
