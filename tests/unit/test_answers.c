/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nothing is acknowledged that was not done. A broker in shared memory gives numbered messages to random pipelines, which end in
 * random ways: at a limit, by a request, by a stage that fails, by kill -9, up to three times one after the other, as by a reload.
 * Meanwhile connections are cut on both sides, and the broker gives messages that are under way to another reader, as Kafka does in a
 * rebalance. After each run every message is done, or is still at the broker; after a last run that is left alone all are done.
 * With ack=window a message is done when the last window with its record has been written. What comes again after a cut goes down the
 * chains once in a run.
 *
 * WEIR_HISTORIES says how many pipelines there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/dice.h"
#include "answers.h"
#include "core/internal.h"
#include "weir/inbox.h"
#include "weir/outbox.h"

static bool is_done(uint32_t n)
{
	for (int place = 0; place < SINKS; place++)
		if (answers->expects[place] && !(answers->drops_odd && n % 2) && !answers->done[place][n])
			return false;
	return true;
}

#define TAKEN UINT32_MAX  /* the broker wants no answer any more */
#define SLOTS 4096        /* messages that a broker of the model remembers for a connection */
#define NOISE (TAKEN - 1) /* a message that cannot be read */

/* --------------------------------------------------- the broker that is read */

struct queue {
	struct weir_inbox *inbox;
	struct weir_inbox_args args;
	struct weir_link *link;
	struct dice dice;
	uint32_t number[SLOTS]; /* a ring, of the messages under way on this connection, the oldest first */
	uint32_t n, first, n_unanswered;
	uint64_t base; /* mark before the first of them */
	uint64_t mark;
};

static int queue_connect(void *context, char why[WEIR_LINK_WHY])
{
	struct queue *queue = context;

	(void)why;
	queue->n = queue->first = queue->n_unanswered = 0;
	queue->base = queue->mark;
	return 0;
}

static uint32_t *queue_number(struct queue *queue, uint32_t i)
{
	return &queue->number[(queue->first + i) % SLOTS];
}

static void queue_take_answer(struct queue *queue, uint32_t i)
{
	uint32_t n = *queue_number(queue, i);

	*queue_number(queue, i) = TAKEN;
	if (n == TAKEN)
		return;
	queue->n_unanswered--;
	if (n == NOISE)
		return;
	answers->acknowledged_undone += !is_done(n);
	answers->where[n] = ACKNOWLEDGED;
}

static void queue_acknowledge(struct queue *queue)
{
	uint64_t settled = weir_inbox_settled(queue->inbox), mark;

	for (; queue->n && (queue->base < settled || *queue_number(queue, 0) == TAKEN);
	     queue->base++, queue->first++, queue->n--)
		queue_take_answer(queue, 0);
	while ((mark = weir_inbox_next_ahead(queue->inbox)))
		queue_take_answer(queue, (uint32_t)(mark - queue->base) - 1);
}

static void queue_forget(void *context)
{
	struct queue *queue = context;

	queue_acknowledge(queue);
	queue->n = 0;
	weir_inbox_lost(queue->inbox);
	for (uint32_t n = 0; n < MESSAGES; n++)
		if (answers->where[n] == UNDER_WAY)
			answers->where[n] = AT_BROKER;
}

static void queue_put(struct queue *queue, uint32_t n, const char *text, bool is_again)
{
	*queue_number(queue, queue->n++) = n;
	queue->n_unanswered++;
	weir_inbox_put(
		queue->inbox,
		&(struct weir_inbox_message){
			.topic = "", .bytes = text, .n = strlen(text), .may_repeat = is_again, .mark = ++queue->mark });
}

static void queue_deliver(struct queue *queue, uint32_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "{\"n\":%u}", n);
	answers->where[n] = UNDER_WAY;
	queue_put(queue, n, text, answers->was_given[n]);
	answers->was_given[n] = true;
}

static bool queue_has_room(const struct queue *queue)
{
	return queue->n < SLOTS && queue->n_unanswered < answers->credit;
}

/* The broker wants no answer of us for them any more. Where they come again, they are other messages to the inbox. */
static void queue_take_away(struct queue *queue)
{
	for (uint32_t i = 0; i < queue->n; i++) {
		uint32_t n = *queue_number(queue, i);

		if (n >= NOISE || roll_below(&queue->dice, 2))
			continue;
		answers->where[n] = AT_BROKER;
		queue->n_unanswered--;
		*queue_number(queue, i) = TAKEN;
	}
}

static int queue_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	struct queue *queue = context;
	uint32_t wants = weir_inbox_wants(queue->inbox, answers->credit);

	(void)wake_fd;
	(void)until_ns;
	queue_acknowledge(queue);
	if (answers->take_every && !roll_below(&queue->dice, answers->take_every))
		queue_take_away(queue);
	for (uint32_t n = 0; n < MESSAGES && wants && queue_has_room(queue); n++) {
		if (answers->where[n] != AT_BROKER)
			continue;
		if (answers->noise_every && !roll_below(&queue->dice, answers->noise_every))
			queue_put(queue, NOISE, "{", true);
		if (!queue_has_room(queue))
			break;
		queue_deliver(queue, n);
		wants--;
	}
	if (!answers->cut_every || roll_below(&queue->dice, answers->cut_every))
		return 1;
	snprintf(why, WEIR_LINK_WHY, "cut");
	return -EIO;
}

static void queue_wait(void *context, struct weir_wait *wait)
{
	struct queue *queue = context;

	*wait = (struct weir_wait){
		.until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + weir_inbox_look_ns(queue->inbox, 1000000), .fd = -1
	};
}

static int queue_open(struct weir_node *node, struct weir_schema *out)
{
	static const struct weir_inbox_topics none = { 0 };
	static const struct weir_link_ops ops = { .open = queue_connect,
						  .serve = queue_serve,
						  .shut = queue_forget,
						  .wait = queue_wait,
						  .first_ns = 1000,
						  .lasts_ns = 1 };
	struct queue *queue = weir_state(node);
	struct weir_credit credit = { .messages = answers->credit };
	int err = weir_inbox_open(&queue->inbox, node, &queue->args, out, "", &none);

	if (!err)
		err = weir_inbox_answer(queue->inbox, &credit, NULL);
	queue->dice.state = (uint64_t)weir_now(WEIR_CLOCK_MONOTONIC);
	return err < 0 ? err : weir_link_open(&queue->link, node, &ops, queue, "queue");
}

static int queue_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct queue *queue = weir_state(node);

	return weir_inbox_produce(queue->inbox, queue->link, rows, wait);
}

static int queue_conclude(struct weir_node *node, struct weir_wait *wait)
{
	struct queue *queue = weir_state(node);

	return weir_inbox_conclude(queue->inbox, queue->link, wait);
}

static void queue_close(struct weir_node *node)
{
	struct queue *queue = weir_state(node);

	weir_link_close(queue->link);
	weir_inbox_close(queue->inbox);
}

/* ------------------------------------------------------------------- registry */

static const struct weir_param queue_params[] = { WEIR_INBOX_PARAMS(struct queue, args),
						  WEIR_INBOX_ACK_PARAM(struct queue, args),
						  { 0 } };
static const struct weir_source_ops queue_ops = {
	.state_bytes = sizeof(struct queue),
	.open = queue_open,
	.produce = queue_produce,
	.conclude = queue_conclude,
	.close = queue_close,
};
static const struct weir_driver queue = { .name = "queue", .source_params = queue_params, .source = &queue_ops };
extern const struct weir_driver weir_operator_where, weir_operator_select, weir_operator_merge, weir_operator_window;

const struct weir_driver *const weir_drivers[] = {
	&queue,
	&answers_page,
	&answers_wire,
	&answers_book,
	&answers_number,
	&weir_operator_where,
	&weir_operator_select,
	&weir_operator_merge,
	&weir_operator_window,
};
const size_t weir_n_drivers = sizeof(weir_drivers) / sizeof(weir_drivers[0]);
const struct weir_builtin weir_builtins[] = { { 0 } };

/* ------------------------------------------------------------------ histories */

enum { IS_WRITTEN = 1 << WRITTEN, IS_SENT = 1 << SENT, IS_IN_WINDOW = 1 << IN_WINDOW };

/* A program, and where a message has to arrive. */
static const struct template
{
	const char *program;
	unsigned places; /* a set of 1 << enum place */
	bool drops_odd;
	int64_t size, step; /* of its windows: the credit is no less than size */
	bool merges, is_timed;
}
templates[] = {
	{ "queue out=\"n:int\" | page", IS_WRITTEN },
	{ "queue out=\"n:int\" | wire linger=2s", IS_SENT },
	{ "queue out=\"n:int\" | where n == 2 * floor(n / 2) | page", IS_WRITTEN, .drops_odd = true },
	{ "queue out=\"n:int\" | where n == 2 * floor(n / 2) | wire linger=2s", IS_SENT, .drops_odd = true },
	{ "queue out=\"n:int\" latency=300us | where n == 2 * floor(n / 2) | wire linger=2s", IS_SENT,
	  .drops_odd = true },
	{ "q = queue out=\"n:int\"\nq | page\nq | wire linger=2s\n", IS_WRITTEN | IS_SENT },
	{ "q = queue out=\"n:int\" | select n\nq | page\nq | wire linger=2s\n", IS_WRITTEN | IS_SENT },
	{ "queue out=\"n:int\" ack=window | number | window 7 min(s) as a, max(s) as b partial | book", IS_IN_WINDOW,
	  .size = 7, .step = 7 },
	{ "queue out=\"n:int\" ack=window | number | window 9 step 4 min(s) as a, max(s) as b partial | book",
	  IS_IN_WINDOW, .size = 9, .step = 4 },
	{ "queue out=\"n:int\" ack=window | number | window 5 step 1 min(s) as a, max(s) as b partial | book",
	  IS_IN_WINDOW, .size = 5, .step = 1 },
	{ "queue out=\"n:int\" ack=window | number | window 2ms min(s) as a, max(s) as b | book", IS_IN_WINDOW,
	  .is_timed = true },
	{ "queue out=\"n:int\" ack=window | where n == 2 * floor(n / 2) | number | "
	  "window 3ms min(s) as a, max(s) as b | book",
	  IS_IN_WINDOW, .drops_odd = true, .is_timed = true },
	{ "q = queue out=\"n:int\" ack=window\nq | number | window 6 min(s) as a, max(s) as b partial | book\n"
	  "q | wire linger=2s\nq | page\n",
	  IS_IN_WINDOW | IS_SENT | IS_WRITTEN, .size = 6, .step = 6 },
	{ "q = queue out=\"n:int\"\na = q | where n < 100\nb = q | where n >= 100\nmerge(a, b) | select n | page\n",
	  IS_WRITTEN, .merges = true },
};

enum end { AT_LIMIT, BY_REQUEST, BY_FAILURE, BY_KILL, ENDS };

struct history {
	const struct template *template;
	enum end end;
	uint32_t after_us;
	struct weir_options options;
};

/* The one that merges is seldom chosen: it waits for the other stream's time. */
static const struct template *choose_template(struct dice *dice)
{
	uint32_t n = sizeof(templates) / sizeof(templates[0]);

	return &templates[roll_below(dice, 30) ? roll_below(dice, n - 1) : n - 1];
}

static void begin_world(const struct template *template, struct dice *dice)
{
	memset(answers, 0, sizeof(*answers));
	/* A merge and a window by time hold records back until time has passed. */
	answers->credit = (template->merges || template->is_timed ? 50
			   : template->size                       ? (uint32_t) template->size
								  : 1) +
			  roll_below(dice, 50);
	answers->cut_every = roll_below(dice, 3) ? 0 : 20 + roll_below(dice, 100);
	answers->take_every = roll_below(dice, 4) ? 0 : 5 + roll_below(dice, 50);
	answers->slow_us = roll_below(dice, 3) ? 0 : 200;
	answers->fails_at = -1;
	answers->is_away = !roll_below(dice, 40);
	for (int place = 0; place < SINKS; place++)
		answers->expects[place] = template->places >> place & 1;
	answers->noise_every = roll_below(dice, 2) ? 0 : 2 + roll_below(dice, 10);
	answers->size = template->size;
	answers->step = template->step;
	answers->drops_odd = template->drops_odd;
}

static void choose_end(struct history *history, struct dice *dice)
{
	answers->fails_at = -1;
	history->end = (enum end)roll_below(dice, ENDS);
	history->after_us = roll_below(dice, 6000);
	history->options = (struct weir_options){ .quiet = true, .threads = roll_below(dice, 3) };
	if (history->end == AT_LIMIT)
		history->options.limit = 1 + roll_below(dice, MESSAGES);
	if (history->end == BY_FAILURE)
		answers->fails_at = roll_below(dice, MESSAGES);
}

static bool is_left(void)
{
	for (uint32_t n = 0; n < MESSAGES; n++)
		if (answers->where[n] != ACKNOWLEDGED)
			return true;
	return false;
}

/* The last window is open until the end. */
static bool goes_on(const struct history *history)
{
	for (uint32_t n = 0; n < MESSAGES; n++)
		if (answers->where[n] == AT_BROKER)
			return true;
	return !(history->template->places & IS_IN_WINDOW) && is_left();
}

static void *stop_later(void *context)
{
	struct history *history = ((void **)context)[0];
	uint32_t slept_us = 0;

	for (; slept_us < history->after_us && goes_on(history); slept_us += 500)
		usleep(500);
	weir_stop(((void **)context)[1]);
	return NULL;
}

static int run(struct history *history)
{
	struct weir_pipeline *pipeline;
	void *context[2] = { history, NULL };
	pthread_t stopper;
	char *said = NULL;
	size_t size;
	int status;

	history->options.messages = open_memstream(&said, &size);
	status = weir_open(&pipeline, history->template->program, "<test>", &history->options);
	fflush(history->options.messages);
	if (status)
		fail_msg("%s", said);
	context[1] = pipeline;
	/* A limit that cannot be reached is no end: what is away does not take its messages. */
	assert_int_equal(pthread_create(&stopper, NULL, stop_later, context), 0);
	status = weir_run(pipeline);
	pthread_join(stopper, NULL);
	weir_close(pipeline);
	fclose(history->options.messages);
	free(said);
	return status;
}

static void run_and_kill(struct history *history)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		history->after_us += 1000000;
		run(history);
		_exit(0);
	}
	usleep(history->after_us);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	/* The broker sees that the connection is gone. */
	for (uint32_t n = 0; n < MESSAGES; n++)
		if (answers->where[n] == UNDER_WAY)
			answers->where[n] = AT_BROKER;
}

static void expect_nothing_lost(const struct history *history)
{
	assert_int_equal(answers->acknowledged_undone, 0);
	for (uint32_t n = 0; n < MESSAGES; n++)
		if (answers->where[n] == ACKNOWLEDGED && !is_done(n))
			fail_msg("%s: message %u is acknowledged and not done (end %d)", history->template->program, n,
				 history->end);
}

/* What an orderly end has worked off is acknowledged, and does not come again. */
static void expect_nothing_twice(const struct history *history)
{
	for (uint32_t n = 0; n < MESSAGES; n++)
		if (answers->where[n] == AT_BROKER && is_done(n) && !(answers->drops_odd && n % 2))
			fail_msg("%s: message %u is done and not acknowledged (end %d)", history->template->program, n,
				 history->end);
}

/* What comes again on the next connection is recognised, but for what went to another reader. */
static void expect_no_repeats(const struct history *history)
{
	for (uint32_t n = 0; n < MESSAGES && !answers->take_every; n++)
		for (int place = 0; place < SINKS; place++)
			if (answers->done[place][n] > 1)
				fail_msg("%s: message %u is done %u times (end %d)", history->template->program, n,
					 answers->done[place][n], history->end);
}

static bool is_undisturbed(const struct history *history)
{
	return !answers->cut_every && !answers->take_every && !answers->is_away &&
	       (history->end == AT_LIMIT || history->end == BY_REQUEST);
}

/* A run that nothing disturbs, until all has been acknowledged. */
static void work_off(struct history *history)
{
	answers->cut_every = answers->take_every = 0;
	answers->is_away = false;
	answers->fails_at = -1;
	history->end = BY_REQUEST;
	history->options = (struct weir_options){ .quiet = true };
	history->after_us = 20000000;
	/* Once more for those that lay unread when the run ended. */
	for (int runs = 0; is_left() && runs < 20; runs++)
		assert_int_equal(run(history), 0);
	expect_nothing_lost(history);
	if (is_left())
		fail_msg("%s: messages are left, with a credit of %u, noise %u", history->template->program,
			 answers->credit, answers->noise_every);
	for (uint32_t n = 0; n < MESSAGES; n++)
		assert_true(is_done(n));
}

/* Before the first run nothing was done, so that nothing is done and still there but by its fault. */
static void run_to_an_end(struct history *history, struct dice *dice, bool is_first)
{
	choose_end(history, dice);
	if (history->end == BY_KILL)
		run_and_kill(history);
	else
		run(history);
	expect_nothing_lost(history);
	if (is_first)
		expect_no_repeats(history);
	if (is_first && is_undisturbed(history))
		expect_nothing_twice(history);
}

static void every_message_is_done_or_still_there(void **state)
{
	const char *text = getenv("WEIR_HISTORIES");
	uint32_t n = text ? (uint32_t)atoi(text) : 100;
	struct dice dice = { 7 };

	(void)state;
	for (uint32_t i = 0; i < n; i++) {
		struct history history = { .template = choose_template(&dice) };

		begin_world(history.template, &dice);
		for (uint32_t runs = 1 + roll_below(&dice, 3), is_first = 1; runs && is_left(); runs--, is_first = 0)
			run_to_an_end(&history, &dice, is_first);
		work_off(&history);
	}
	print_message("# %u histories\n", n);
}

static int setup(void **state)
{
	(void)state;
	answers = mmap(NULL, sizeof(*answers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return answers == MAP_FAILED;
}

static int teardown(void **state)
{
	(void)state;
	return munmap(answers, sizeof(*answers));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_message_is_done_or_still_there, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
