/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is counted as lost: records that say nothing, those that find no room until the end, and messages that the broker refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/internal.h"
#include "outbox_sink.h"

#define MS INT64_C(1000000)

static bool is_away, repeats; /* the broker: it refuses each message, twice, the newest first */
static uint32_t holds; /* serve() calls with a full window, after which it answers the first message too; 0: at once */
static int connection; /* counted down by connect(): the first two of three are cut; see wire_serve() */
static bool postpones; /* the first of two messages, and answers the second one late */
static int64_t pause_ns, session_ns; /* before a second session; its beginning; 0: there is one session */
static int64_t away_until_ns;        /* when the broker comes */
static uint64_t n_wanted;            /* records */
static uint64_t n_at_answer;         /* messages, when an answer came that was held back */
static uint64_t n_made, n_taken;     /* records; messages */

/* A text that is empty in every tenth record. */
static int words_open(struct weir_node *node, struct weir_schema *out)
{
	(void)node;
	weir_schema_init(out, WEIR_CLOCK_NOMINAL);
	weir_schema_add(out, "s", WEIR_TEXT, "", 8);
	return 0;
}

static int words_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	char *row;

	if (pause_ns && n_made == n_wanted / 2 && !session_ns) {
		session_ns = weir_now(WEIR_CLOCK_MONOTONIC) + pause_ns;
		return weir_begin_session(node) ? 0 : -EINVAL;
	}
	if (weir_now(WEIR_CLOCK_MONOTONIC) < session_ns) {
		wait->until_ns = session_ns;
		return -EAGAIN;
	}
	while (n_made < (pause_ns && !session_ns ? n_wanted / 2 : n_wanted) && (row = weir_rows_next(rows))) {
		memset(row, 0, weir_out(node)->row_bytes);
		memcpy(row + weir_out(node)->t.at, &n_made, 8);
		row[weir_out(node)->field[0].at] = n_made % 10 ? 'x' : 0;
		n_made++;
		weir_rows_add(rows);
	}
	return rows->n != 0;
}

/* A stage that opens a number of times, if that is not 0. */
static int opens;

static int fragile_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	*out = *in;
	return opens && !--opens ? weir_fail(node, EIO, "it opens no more") : 0;
}

static int fragile_push(struct weir_node *node, const struct weir_block *in)
{
	return weir_emit(node, in);
}

struct wire {
	struct weir_outbox *outbox;
	struct weir_outbox_args args;
	bool has_begun; /* it has answered the first of all messages, until which that goes alone */
	uint32_t n_held;
	int64_t postponed_ns;
	uint64_t token[WEIR_OUTBOX_WINDOW];
	uint32_t n;
};

static int wire_connect(void *context, char why[WEIR_LINK_WHY])
{
	((struct wire *)context)->n = 0;
	connection -= connection > 0;
	snprintf(why, WEIR_LINK_WHY, "nobody is there");
	return is_away || weir_now(WEIR_CLOCK_MONOTONIC) < away_until_ns ? -ECONNREFUSED : 0;
}

/* All but the first are answered, until no more come. */
static bool keeps_first(struct wire *wire)
{
	wire->n_held += n_taken > WEIR_OUTBOX_WINDOW;
	n_at_answer = n_taken;
	if (wire->n_held > holds)
		return false;
	for (uint32_t i = 1; i < wire->n; i++)
		weir_outbox_settle(wire->outbox, wire->token[i], WEIR_OUTBOX_DELIVERED);
	wire->n = wire->n ? 1 : 0;
	return true;
}

/* The first connection is cut when all but two messages are answered, the second when one has gone again. */
static bool is_cut(struct wire *wire)
{
	if (connection < 2 || wire->n < (connection == 3 ? WEIR_OUTBOX_WINDOW : 1))
		return false;
	for (uint32_t i = 2; i < wire->n; i++)
		weir_outbox_settle(wire->outbox, wire->token[i], WEIR_OUTBOX_DELIVERED);
	return true;
}

/* The second answer comes when the pause after the first one is long over. */
static bool waits_for_second(struct wire *wire)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);

	if (!wire->has_begun || wire->n < 2)
		return true;
	if (!wire->postponed_ns) {
		wire->postponed_ns = now;
		weir_outbox_settle(wire->outbox, wire->token[0], WEIR_OUTBOX_POSTPONED);
	}
	if (now < wire->postponed_ns + 300 * MS)
		return true;
	n_at_answer = n_taken;
	wire->token[0] = wire->token[1];
	wire->n = 1;
	postpones = false;
	return false;
}

static int wire_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	struct pollfd wake = { .fd = wake_fd, .events = POLLIN };
	struct wire *wire = context;

	snprintf(why, WEIR_LINK_WHY, "cut");
	if (wire->n && !wire->has_begun) {
		for (wire->has_begun = true; wire->n; wire->n--)
			weir_outbox_settle(wire->outbox, wire->token[wire->n - 1], WEIR_OUTBOX_DELIVERED);
		return 1;
	}
	if (is_cut(wire))
		return -EIO;
	if (connection > 1)
		return 1;
	if (!wire->n && until_ns > weir_now(WEIR_CLOCK_MONOTONIC))
		poll(&wake, 1, 20);
	if (postpones && waits_for_second(wire)) {
		poll(&wake, 1, 20);
		return 1;
	}
	if (holds && keeps_first(wire))
		return 1;
	holds = 0;
	for (; wire->n; wire->n--)
		for (int i = 0; i <= repeats; i++)
			weir_outbox_settle(wire->outbox, wire->token[wire->n - 1],
					   repeats ? WEIR_OUTBOX_REJECTED : WEIR_OUTBOX_DELIVERED);
	return 1;
}

static void wire_shut(void *context)
{
	(void)context;
}

static int wire_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY])
{
	struct wire *wire = context;

	(void)message;
	(void)why;
	if (wire->n == (connection == 2 ? 1 : WEIR_OUTBOX_WINDOW))
		return -EAGAIN;
	*token = wire->token[wire->n++] = ++n_taken;
	return 0;
}

static int wire_open(struct weir_node *node, const struct weir_schema *in)
{
	static const struct weir_outbox_ops ops = {
		.link = { .open = wire_connect,
			  .serve = wire_serve,
			  .shut = wire_shut,
			  .first_ns = 1000,
			  .lasts_ns = 1 },
		.send = wire_send,
	};
	struct wire *wire = weir_state(node);

	(void)in;
	return weir_outbox_open(&wire->outbox, node, &wire->args, &ops, wire, "broker", "");
}

static struct weir_progress progress; /* at the end */

static int wire_end(struct weir_node *node)
{
	struct wire *wire = weir_state(node);
	int err = weir_outbox_end(wire->outbox);

	progress = weir_outbox_progress(wire->outbox);
	return err;
}

static const struct weir_param no_params[] = { { 0 } };
static const struct weir_param wire_params[] = { WEIR_OUTBOX_PARAMS(struct wire, args), { 0 } };
static const struct weir_source_ops words_ops = { .open = words_open, .produce = words_produce, .has_sessions = true };
static const struct weir_sink_ops wire_ops = {
	.state_bytes = sizeof(struct wire),
	.open = wire_open,
	.start = outbox_sink_start,
	.push = outbox_sink_push,
	.end = wire_end,
	.close = outbox_sink_close,
};
static const struct weir_operator_ops fragile_ops = { .open = fragile_open, .push = fragile_push };
static const struct weir_driver words = { .name = "words", .source_params = no_params, .source = &words_ops };
static const struct weir_driver wire = { .name = "wire", .sink_params = wire_params, .sink = &wire_ops };

static const struct weir_driver fragile = { .name = "fragile", .operator_params = no_params, .stage = &fragile_ops };

const struct weir_driver *const weir_drivers[] = { &words, &fragile, &wire };
const size_t weir_n_drivers = 3;
const struct weir_builtin weir_builtins[] = { { 0 } };

/* What the sink has lost, by cause. */
static void run(const char *arguments, int64_t for_ns, uint64_t *lost)
{
	struct weir_options options = { .quiet = true, .for_ns = for_ns };
	struct weir_pipeline *pipeline;
	char program[200];

	n_made = n_taken = 0;
	snprintf(program, sizeof(program), "words | wire %s", arguments);
	assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
	assert_int_equal(weir_run(pipeline), 0);
	for (int cause = 0; cause < WEIR_LOST_CAUSES; cause++)
		lost[cause] = pipeline->node[1]->lost[cause];
	weir_close(pipeline);
}

/* A record that has no text for a message is left out and counted, also where it is the first, the last or alone. */
static void empty_messages_are_counted(void **state)
{
	uint64_t lost[WEIR_LOST_CAUSES];

	(void)state;
	is_away = false;
	for (n_wanted = 1; n_wanted <= 3001; n_wanted += 1000) {
		run("format=text linger=60s", 0, lost);
		assert_int_equal(lost[WEIR_LOST_POISON], (n_wanted + 9) / 10);
		assert_int_equal(n_taken + lost[WEIR_LOST_POISON], n_wanted);
		assert_int_equal(lost[WEIR_LOST_UNSENT], 0);
	}
}

/* A queue that holds up its stream is waited for until the run ends: then each record that came to the sink is counted as lost. */
static void what_was_held_up_is_counted(void **state)
{
	uint64_t lost[WEIR_LOST_CAUSES];

	(void)state;
	is_away = true;
	n_wanted = 200000;
	run("format=json queue=1MiB when_full=block linger=0s", 200 * MS, lost);
	assert_true(n_made > 10000);
	assert_int_equal(n_taken, 0);
	assert_int_equal(lost[WEIR_LOST_UNSENT], n_made);
}

/* The end of a session is not that of the run: a broker that comes long after it, and after the last record, is waited for. */
static void a_session_is_not_the_end(void **state)
{
	uint64_t lost[WEIR_LOST_CAUSES];

	(void)state;
	is_away = false;
	pause_ns = 1000 * MS;
	away_until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + pause_ns + 500 * MS;
	n_wanted = 2000;
	run("format=json linger=60s", 0, lost);
	assert_int_equal(n_made, n_wanted);
	assert_int_equal(n_taken, n_wanted);
	assert_int_equal(lost[WEIR_LOST_UNSENT], 0);
	pause_ns = session_ns = away_until_ns = 0;
}

/* Nor is it where the next session cannot begin: what waits then is counted. */
static void a_session_that_does_not_begin_loses_nothing_unseen(void **state)
{
	struct weir_options options = { .quiet = true, .messages = fopen("/dev/null", "w") };
	struct weir_pipeline *pipeline;

	(void)state;
	is_away = true;
	pause_ns = 1;
	n_wanted = 2000;
	n_made = n_taken = 0;
	opens = 2;
	assert_int_equal(weir_open(&pipeline, "words | fragile | wire format=json linger=0s", "<test>", &options), 0);
	assert_int_equal(weir_run(pipeline), 1);
	assert_int_equal(n_made, n_wanted / 2);
	assert_int_equal(pipeline->node[2]->lost[WEIR_LOST_UNSENT], n_made);
	weir_close(pipeline);
	fclose(options.messages);
	pause_ns = session_ns = 0;
	is_away = false;
}

/* An answer that comes twice counts once. */
static void a_second_answer_is_none(void **state)
{
	uint64_t lost[WEIR_LOST_CAUSES];

	(void)state;
	is_away = false;
	repeats = true;
	n_wanted = 3000;
	run("format=json linger=60s", 0, lost);
	assert_int_equal(n_taken, 3000);
	assert_int_equal(lost[WEIR_LOST_UNSENT], 2999);
	repeats = false;
}

/* While the oldest message is not answered, no more than a window of them go, however many of the others are; then all do. */
static void the_window_begins_with_the_oldest(void **state)
{
	uint64_t lost[WEIR_LOST_CAUSES];

	(void)state;
	holds = 5;
	n_wanted = 3 * WEIR_OUTBOX_WINDOW;
	run("format=json linger=60s", 0, lost);
	assert_int_equal(holds, 0);
	assert_int_equal(n_at_answer, 1 + WEIR_OUTBOX_WINDOW);
	assert_int_equal(n_taken, n_wanted);
	assert_int_equal(lost[WEIR_LOST_UNSENT], 0);
}

/* A message that was answered for goes only once, also through a second connection that is lost before its turn has come. */
static void what_was_answered_does_not_go_again(void **state)
{
	uint64_t lost[WEIR_LOST_CAUSES];

	(void)state;
	connection = 4;
	n_wanted = 1 + WEIR_OUTBOX_WINDOW;
	run("format=json linger=60s", 0, lost);
	assert_int_equal(connection, 1);
	assert_int_equal(n_taken, n_wanted + 1 + 2);
	assert_int_equal(lost[WEIR_LOST_UNSENT], 0);
	connection = 0;
}

/* A postponed message goes again when all others under way have been answered, however long that takes, and it alone. */
static void a_postponed_message_waits_for_answers(void **state)
{
	uint64_t lost[WEIR_LOST_CAUSES];

	(void)state;
	postpones = true;
	n_wanted = 3;
	run("format=json linger=60s", 0, lost);
	assert_false(postpones);
	assert_int_equal(n_at_answer, 3);
	assert_int_equal(n_taken, 4);
	assert_int_equal(lost[WEIR_LOST_UNSENT], 0);
}

/* The first segment of a spool loses a byte of its second message. */
static void damage_spool(const char *dir)
{
	char command[200], path[120];
	FILE *files;
	int fd;

	snprintf(command, sizeof(command), "ls %s/*.seg", dir);
	files = popen(command, "r");
	assert_non_null(files);
	assert_non_null(fgets(path, sizeof(path), files));
	pclose(files);
	path[strcspn(path, "\n")] = '\0';
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	/* A header of 32 bytes; frames of 16 and a message: in the middle of the second one. */
	assert_int_equal(pwrite(fd, "", 1, 32 + 16 + 14 + 16 + 3), 1);
	close(fd);
}

/* A message that has rotted on the disk is lost, and neither waited for nor taken for one of this run's records. */
static void a_rotten_message_is_not_waited_for(void **state)
{
	char dir[] = "/tmp/weir-outbox-XXXXXX", arguments[100], command[64];
	uint64_t lost[WEIR_LOST_CAUSES];

	(void)state;
	assert_non_null(mkdtemp(dir));
	is_away = true;
	n_wanted = 10;
	snprintf(arguments, sizeof(arguments), "format=json spool=1MiB spool_dir=%s linger=0s", dir);
	run(arguments, 0, lost);
	assert_int_equal(n_taken, 0);
	assert_int_equal(progress.taken, 10);
	assert_int_equal(progress.answered, 10);
	damage_spool(dir);
	is_away = false;
	n_wanted = 5;
	snprintf(arguments, sizeof(arguments), "format=json spool=1MiB spool_dir=%s linger=60s", dir);
	run(arguments, 0, lost);
	assert_int_equal(n_taken, 5 + 9);
	assert_int_equal(lost[WEIR_LOST_UNSENT], 1);
	assert_int_equal(progress.taken, 5);
	assert_int_equal(progress.answered, 5);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_messages_are_counted),
		cmocka_unit_test(what_was_held_up_is_counted),
		cmocka_unit_test(a_session_is_not_the_end),
		cmocka_unit_test(a_session_that_does_not_begin_loses_nothing_unseen),
		cmocka_unit_test(a_second_answer_is_none),
		cmocka_unit_test(the_window_begins_with_the_oldest),
		cmocka_unit_test(a_postponed_message_waits_for_answers),
		cmocka_unit_test(a_rotten_message_is_not_waited_for),
		cmocka_unit_test(what_was_answered_does_not_go_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
