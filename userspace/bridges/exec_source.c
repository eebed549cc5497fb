/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The output of a program as a sensor. Its standard input is at its end at once. When it ends with 0 the stream ends; with
 * anything else, or by a signal, it is lost as a device may be, and what it has left of a line is no record. When the run ends before it, it gets SIGTERM, and a moment.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/answer.h"
#include "weir/program.h"

#define GRACE_NS INT64_C(300000000)
#define END_NS INT64_C(5000000000) /* between the end of its output and its own */

enum { TIME_ARRIVAL, TIME_OWN };

struct exec {
	struct weir_answer_args answers;
	struct weir_program *program;
	struct weir_answer *answer;
	struct weir_exchange exchange;
	struct weir_block *block;
	bool has_own_time, skips;
	bool is_over;      /**< its output is at its end */
	bool is_concluded; /**< and it has ended with 0: what is left is a line */
	int failed;        /**< of a malformed line; reported */
	int64_t arrival;
};

static int exec_open(struct weir_node *node, struct weir_schema *out)
{
	struct exec *exec = weir_state(node);
	int err = weir_program_open(&exec->program, node, NULL, weir_target(node));

	exec->exchange.room = WEIR_ANSWER_LINE_MAX;
	if (!err)
		err = weir_answer_open(&exec->answer, node, &exec->answers, out,
				       exec->has_own_time ? WEIR_CLOCK_DATED : WEIR_CLOCK_MONOTONIC,
				       exec->has_own_time);
	if (err)
		return err;
	exec->exchange.out = malloc(WEIR_ANSWER_LINE_MAX + 1);
	return exec->exchange.out ? weir_block_open(&exec->block, weir_out(node)) : -ENOMEM;
}

static int exec_start(struct weir_node *node, bool unread)
{
	struct exec *exec = weir_state(node);
	int err = weir_program_start(exec->program, WEIR_PROGRAM_NOTHING, true, NULL);

	(void)unread;
	return err < 0 ? weir_program_failed(exec->program, err, 0, false) : 0;
}

/* One line into the block. 0, or what weir_fail() returned. */
static int take_line(struct weir_node *node, struct exec *exec, char *line, size_t n)
{
	if (weir_answer_line(exec->answer, line, n, exec->block, exec->arrival) >= 0)
		return 0;
	if (!exec->skips)
		return weir_fail(node, EINVAL, "the program's output: %s", weir_answer_why(exec->answer));
	weir_lost(node, WEIR_LOST_CUT, 1);
	return 0;
}

static int take_lines(struct weir_node *node, struct exec *exec, uint32_t room)
{
	int err = 0;

	while (!err && !weir_block_is_full(exec->block) && exec->block->n < room) {
		size_t n;
		char *line = weir_exchange_line(&exec->exchange, exec->is_concluded, &n);

		if (!line)
			break;
		err = take_line(node, exec, line, n);
	}
	/* What came before it is delivered first. */
	exec->failed = err;
	return err;
}

/* How it has ended says whether a last line without a newline is one. */
static int conclude(struct weir_node *node, struct exec *exec)
{
	int64_t until = weir_now(WEIR_CLOCK_MONOTONIC) + END_NS;
	int result = weir_program_runs(exec->program) ? weir_program_end(exec->program, until) : 0;
	char fate[WEIR_PROGRAM_FATE];

	exec->is_concluded = !result || result == -ECANCELED;
	if (!result)
		return 0;
	weir_lost(node, WEIR_LOST_CUT, exec->exchange.n_out > exec->exchange.begin);
	exec->exchange.begin = exec->exchange.n_out;
	if (result == -ECANCELED)
		return 0;
	weir_program_describe(result, fate);
	return weir_fail_gone(node, result < 0 ? -result : EINVAL, "the program %s", fate);
}

/* Read what is there. 0, also at the end; -EAGAIN; -errno. */
static int read_more(struct weir_node *node, struct exec *exec)
{
	int got;

	weir_exchange_room(&exec->exchange);
	got = weir_program_exchange(exec->program, &exec->exchange, 0);
	exec->arrival = weir_now(WEIR_CLOCK_MONOTONIC);
	exec->is_over = !got;
	if (got == -ETIMEDOUT || got == -ECANCELED)
		return -EAGAIN;
	return got < 0 ? weir_fail(node, -got, "cannot read from the program: %s", strerror(-got)) : 0;
}

/* Records into the block: 1; 0: there are no more; -EAGAIN; -errno. */
static int fill_block(struct weir_node *node, struct exec *exec, uint32_t room)
{
	exec->block->n = 0;
	for (;;) {
		int err = take_lines(node, exec, room);

		if (exec->block->n)
			return 1;
		if (err < 0)
			return err;
		if (exec->is_concluded)
			return 0;
		err = exec->is_over ? conclude(node, exec) : read_more(node, exec);
		if (err < 0)
			return err;
	}
}

static int exec_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct exec *exec = weir_state(node);
	int got = exec->failed < 0 ? exec->failed : fill_block(node, exec, weir_rows_room(rows));

	if (got == -EAGAIN)
		*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = weir_program_fd(exec->program) };
	if (got > 0)
		weir_rows_put(rows, exec->block);
	return got;
}

static void exec_stop(struct weir_node *node)
{
	struct exec *exec = weir_state(node);

	weir_program_kill(exec->program, GRACE_NS);
}

static void exec_close(struct weir_node *node)
{
	struct exec *exec = weir_state(node);

	weir_program_close(exec->program);
	weir_answer_close(exec->answer);
	weir_block_close(exec->block);
	free(exec->exchange.out);
}

static const char *const time_words[] = { [TIME_ARRIVAL] = "arrival", [TIME_OWN] = "own", NULL };

static const struct weir_param params[] = {
	WEIR_ANSWER_PARAMS(struct exec, answers),
	WEIR_P_WORD("time", struct exec, has_own_time, "arrival", time_words,
		    "time of a record: its arrival, or own: its column or member t, in ns"),
	WEIR_PARAM_ON_ERROR(struct exec, skips, "at a malformed line, stop the run, or skip the line and count it"),
	{ 0 }
};

static const struct weir_source_ops exec_ops = {
	.state_bytes = sizeof(struct exec),
	.open = exec_open,
	.start = exec_start,
	.produce = exec_produce,
	.stop = exec_stop,
	.close = exec_close,
};

const struct weir_driver weir_bridge_exec_source = {
	.name = "exec",
	.doc = "output of a program: lines, CSV or JSON",
	.target = "COMMAND",
	.source_params = params,
	.source = &exec_ops,
};
