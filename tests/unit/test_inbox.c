/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an inbox has not read is not settled, whatever comes behind it: duplicates, and messages that are too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/internal.h"
#include "weir/inbox.h"

static bool is_long;        /* the second message */
static uint64_t settled[3]; /* after each message of three */
static uint64_t at_end;

struct box {
	struct weir_inbox *inbox;
	struct weir_inbox_args args;
	struct weir_link *link;
	bool has_come;
};

/* A message, and behind it in the same packet one that leaves nothing to read. A third one does nothing else. */
static int box_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	static char text[WEIR_INBOX_MESSAGE_MAX + 1];
	struct box *box = context;

	(void)wake_fd;
	(void)until_ns;
	(void)why;
	if (box->has_come)
		return 1;
	memset(text, '7', sizeof(text));
	for (uint64_t i = 0; i < 3; i++) {
		struct weir_inbox_message message = {
			.topic = "t",
			.bytes = text,
			.n = i && is_long ? sizeof(text) : 1,
			.id = i && is_long ? "0000000000000001-2" : "0000000000000001-1",
			.n_id = 18,
			.mark = i + 1,
		};

		weir_inbox_put(box->inbox, &message);
		settled[i] = weir_inbox_settled(box->inbox);
	}
	box->has_come = true;
	return 1;
}

static int box_connect(void *context, char why[WEIR_LINK_WHY])
{
	(void)context;
	(void)why;
	return 0;
}

static void box_shut(void *context)
{
	(void)context;
}

static void box_wait(void *context, struct weir_wait *wait)
{
	(void)context;
	*wait = (struct weir_wait){ .until_ns = 0, .fd = -1 };
}

static int box_open(struct weir_node *node, struct weir_schema *out)
{
	static const struct weir_link_ops ops = {
		.open = box_connect,
		.serve = box_serve,
		.shut = box_shut,
		.wait = box_wait,
	};
	static const struct weir_inbox_topics none = { 0 };
	struct box *box = weir_state(node);
	int err = weir_inbox_open(&box->inbox, node, &box->args, out, "t", &none);

	if (!err)
		weir_inbox_needs_no_answers(box->inbox);
	return err ? err : weir_link_open(&box->link, node, &ops, box, "broker");
}

/* The run is over when the message has been read. */
static int box_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct box *box = weir_state(node);

	at_end = weir_inbox_settled(box->inbox);
	return at_end == 3 ? 0 : weir_inbox_produce(box->inbox, box->link, rows, wait);
}

static void box_close(struct weir_node *node)
{
	struct box *box = weir_state(node);

	weir_link_close(box->link);
	weir_inbox_close(box->inbox);
}

static int sink_open(struct weir_node *node, const struct weir_schema *in)
{
	(void)node;
	(void)in;
	return 0;
}

static uint64_t n_read;

static int sink_push(struct weir_node *node, const struct weir_block *in)
{
	(void)node;
	n_read += in->n;
	return 0;
}

static const struct weir_param source_params[] = { WEIR_INBOX_PARAMS(struct box, args), { 0 } };
static const struct weir_param no_params[] = { { 0 } };
static const struct weir_source_ops box_ops = {
	.state_bytes = sizeof(struct box),
	.open = box_open,
	.produce = box_produce,
	.close = box_close,
};
static const struct weir_sink_ops sink_ops = { .open = sink_open, .push = sink_push };
static const struct weir_driver box = { .name = "box", .source_params = source_params, .source = &box_ops };
static const struct weir_driver sink = { .name = "count", .sink_params = no_params, .sink = &sink_ops };

const struct weir_driver *const weir_drivers[] = { &box, &sink };
const size_t weir_n_drivers = 2;
const struct weir_builtin weir_builtins[] = { { 0 } };

static void run(void)
{
	struct weir_options options = { .quiet = true, .for_ns = INT64_C(10000000000) };
	struct weir_pipeline *pipeline;

	n_read = 0;
	assert_int_equal(weir_open(&pipeline, "box format=text | count", "<test>", &options), 0);
	assert_int_equal(weir_run(pipeline), 0);
	weir_close(pipeline);
	assert_int_equal(n_read, 1);
	assert_int_equal(at_end, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(settled[i], 0);
}

static void a_duplicate_settles_nothing_before_it(void **state)
{
	(void)state;
	is_long = false;
	run();
}

static void a_long_message_settles_nothing_before_it(void **state)
{
	(void)state;
	is_long = true;
	run();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_duplicate_settles_nothing_before_it),
		cmocka_unit_test(a_long_message_settles_nothing_before_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
