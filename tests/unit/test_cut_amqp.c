/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * AMQP against RabbitMQ, while sender, broker and reader are killed. RabbitMQ confirms a message of a durable queue when it is on
 * its disk, so it may be killed at any time. It takes seconds to come back: so only where WEIR_CUTS says how often somebody is
 * killed, a fifth of which it is here, and not often the broker; tests/cli/amqp.sh kills it once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cut.h"
#include "weir/weir.h"

/* Nothing is lost, what comes twice is recognised, and the rest is in order. */
static void run(struct server *server, bool is_orderly)
{
	char url[80];
	struct cut cut = {
		.server = server,
		.sink = url,
		.source = url,
		.hz = 500, /* so that it has soon taken what gathered while it was away */
		.n_kills = (cut_count(0) + 4) / 5,
		.is_orderly = is_orderly,
		.broker_every = 12,
	};

	snprintf(url, sizeof(url), "amqp://127.0.0.1:%d/cut", server->port);
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
							 (void *)&server_rabbitmq),
		cmocka_unit_test_prestate_setup_teardown(nothing_is_lost_by_orderly_ends, server_setup, server_teardown,
							 (void *)&server_rabbitmq),
	};

	if (weir_tell_absent("amqp", stderr))
		return 77;
	if (!server_is_there(&server_rabbitmq)) {
		fputs("no rabbitmq-server here: scripts/setup brokers installs it\n", stderr);
		return 77;
	}
	if (!cut_count(0)) {
		fputs("takes a minute: WEIR_CUTS=300 runs it\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
