/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The output of a program as a sensor. Its standard input is at its end at once. When it ends with 0 the stream ends; with
 * anything else the run fails. When the run ends before it, it gets SIGTERM, and a moment.
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
	struct weir_program *program;
	struct weir_answer *answer;
	struct weir_exchange exchange;
	struct weir_block *block;
	bool has_own_time, skips;
	bool is_over; /**< its output is at its end */
	int failed;   /**< of a malformed line; reported */
	int64_t arrival;
};

static int exec_open(struct weir_node *node, struct weir_schema *out)
{
	struct exec *exec = weir_state(node);
	int err = weir_program_open(&exec->program, node, NULL, weir_target(node));

	exec->has_own_time = weir_arg_int(node, "time") == TIME_OWN;
	exec->skips = weir_arg_int(node, "on_error") == 1;
	exec->exchange.room = WEIR_ANSWER_LINE_MAX;
	if (!err)
		err = weir_answer_open(&exec->answer, node, out,
				       exec->has_own_time ? WEIR_CLOCK_NOMINAL : WEIR_CLOCK_MONOTONIC,
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

static int take_lines(struct weir_node *node, struct exec *exec, uint32_t max)
{
	int err = 0;

	while (!err && exec->block->n < max) {
		size_t n;
		char *line = weir_exchange_line(&exec->exchange, exec->is_over, &n);

		if (!line)
			break;
		err = take_line(node, exec, line, n);
	}
	/* What came before it is delivered first. */
	exec->failed = err;
	return err;
}

static int conclude(struct exec *exec)
{
	int64_t until = weir_now(WEIR_CLOCK_MONOTONIC) + END_NS;
	int result = weir_program_runs(exec->program) ? weir_program_end(exec->program, until) : 0;

	return result ? weir_program_failed(exec->program, result, 0, false) : 0;
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
static int fill_block(struct weir_node *node, struct exec *exec, uint32_t max)
{
	exec->block->n = 0;
	for (;;) {
		int err = take_lines(node, exec, max);

		if (exec->block->n)
			return 1;
		if (err < 0)
			return err;
		if (exec->is_over)
			return conclude(exec);
		err = read_more(node, exec);
		if (err < 0)
			return err;
	}
}

static int exec_produce(struct weir_node *node, void *rows, uint32_t max, struct weir_wait *wait)
{
	struct exec *exec = weir_state(node);
	int got = exec->failed < 0 ? exec->failed : fill_block(node, exec, max);

	if (got == -EAGAIN)
		*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = weir_program_fd(exec->program) };
	if (got <= 0)
		return got;
	weir_answer_rows(exec->answer, exec->block, rows);
	return (int)exec->block->n;
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
	WEIR_ANSWER_PARAMS,
	{ .name = "time",
	  .style = WEIR_KEY,
	  .value = WEIR_V_WORD,
	  .fallback = "arrival",
	  .words = time_words,
	  .help = "of a record: when it was read, or own: its column or member t, in ns" },
	WEIR_PARAM_ON_ERROR("at a malformed line, stop the run, or skip the line and count it"),
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

const struct weir_driver weir_sensor_exec = {
	.name = "exec",
	.doc = "what a program prints: lines, CSV or JSON",
	.target = "COMMAND",
	.source_params = params,
	.source = &exec_ops,
};
