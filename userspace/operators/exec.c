/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Run an ordinary program: one for each window or record, which gets it on standard input and ends, or one for the whole stream,
 * which answers as it likes.
 *
 * What a program for the stream answers is not tied to when: its k-th answer has the time of the k-th record, unless it says
 * another. So the records that come out are the same however fast it is. While it keeps up, each block waits a moment for its
 * answers, so that they come out at once; a program that gathers its output is not waited for again until it has caught up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/answer.h"
#include "weir/members.h"
#include "weir/program.h"
#include "weir/sheet.h"

#define PROMPT_NS INT64_C(50000000)
#define TIMES_MAX (1u << 20) /* 8 MiB, touched only as far as a program is behind */
#define CHUNK (64u << 10)

enum per { PER_WINDOW, PER_STREAM, PER_RECORD };
enum { TIME_RECORD, TIME_OWN };

struct exec {
	const char *command;
	struct weir_windows_args windows;
	struct weir_answer_args answers;
	enum weir_sheet_form input;
	enum per per;
	int64_t deadline_ns;
	bool skips; /**< on_error=skip */
	struct weir_program *program;
	struct weir_answer *answer;
	struct weir_sheet *sheet;
	struct weir_members *members; /**< of windows */
	struct weir_exchange exchange;
	struct weir_block *out;
	/* Of a program for the stream. */
	bool has_run, is_over;
	bool is_finished;         /**< it is given no more records */
	bool has_forgotten;       /**< the time of a record that is answered now, and said so */
	bool tells_time;          /**< its answers have times of their own */
	uint64_t asked, answered; /**< records, since it was started */
	int64_t *times;           /**< of the last TIMES_MAX that were asked */
	char *chunk;
};

/* ----------------------------------------------------------------------- open */

static int choose_per(struct weir_node *node, struct exec *exec)
{
	bool has_window = weir_given(node, &exec->windows.layout.size);

	if (!weir_given(node, &exec->per))
		exec->per = has_window ? PER_WINDOW : PER_STREAM;
	if (exec->per == PER_WINDOW && !has_window)
		return weir_fail_arg(node, "per", "as in window=100 step=10, or window=1s", "windows need window=");
	if (exec->per != PER_WINDOW && has_window)
		return weir_fail_arg(node, "window", NULL, "windows need per=window");
	return has_window ? 0 : weir_layout_refuse(node, &exec->windows.layout, "'%s' needs window=");
}

static int open_memory(struct exec *exec)
{
	exec->exchange.room = WEIR_ANSWER_LINE_MAX;
	exec->exchange.out = malloc(WEIR_ANSWER_LINE_MAX + 1);
	exec->chunk = malloc(CHUNK);
	exec->times = exec->per == PER_STREAM ? calloc(TIMES_MAX, sizeof(*exec->times)) : NULL;
	return exec->exchange.out && exec->chunk && (exec->times || exec->per != PER_STREAM) ? 0 : -ENOMEM;
}

static int exec_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct exec *exec = weir_state(node);
	int err = choose_per(node, exec);

	if (exec->per == PER_RECORD)
		weir_is_slow(node);
	if (exec->per == PER_WINDOW && exec->windows.layout.size.is_time)
		weir_sorts(node);
	else
		weir_never_ticks(node);
	/* Answers come when they come, and have the times of records long gone. */
	if (exec->tells_time || exec->per == PER_STREAM)
		weir_lags(node, INT64_MAX);
	if (!err)
		err = weir_program_open(&exec->program, node, "command", exec->command);
	if (!err)
		err = weir_answer_open(&exec->answer, node, &exec->answers, out, in->clock, exec->tells_time);
	if (!err)
		err = weir_sheet_open(&exec->sheet, weir_in(node), weir_sheet_form_of(node, &exec->input));
	if (!err && exec->per == PER_WINDOW)
		err = weir_members_open(&exec->members, node, &exec->windows, weir_in(node));
	if (!err)
		err = open_memory(exec);
	return err ? err : weir_block_open(&exec->out, weir_out(node));
}

static void exec_close(struct weir_node *node)
{
	struct exec *exec = weir_state(node);

	weir_program_close(exec->program);
	weir_answer_close(exec->answer);
	weir_sheet_close(exec->sheet);
	weir_members_close(exec->members);
	weir_block_close(exec->out);
	free(exec->exchange.out);
	free(exec->chunk);
	free(exec->times);
}

/* -------------------------------------------------------------------- answers */

static int emit(struct weir_node *node, struct exec *exec)
{
	int err = weir_emit(node, exec->out);

	exec->out->n = 0;
	return err;
}

static int bad_line(struct weir_node *node, const struct exec *exec)
{
	if (!exec->skips)
		return weir_fail(node, EINVAL, "the program's output: %s", weir_answer_why(exec->answer));
	weir_lost(node, WEIR_LOST_CUT, 1);
	return 0;
}

static void tell_forgotten(struct weir_node *node, struct exec *exec)
{
	if (!exec->has_forgotten)
		weir_warn(
			node,
			"the program's answers are more than %u records behind: they get the time of the oldest record "
			"that is kept, unless they have their own (time=own)",
			TIMES_MAX);
	exec->has_forgotten = true;
}

/* The time of the record that the next answer is for. */
static int64_t time_of_answer(struct weir_node *node, struct exec *exec)
{
	uint64_t k = exec->answered < exec->asked ? exec->answered : exec->asked - 1;
	uint64_t oldest = exec->asked > TIMES_MAX ? exec->asked - TIMES_MAX : 0;

	if (!exec->asked)
		return 0;
	if (k < oldest)
		tell_forgotten(node, exec);
	return exec->times[(k < oldest ? oldest : k) % TIMES_MAX];
}

/*
 * An answer that is ahead of its record waits for that, or for the end of the stream: which time it has must not depend on when it
 * came. Only so many can wait.
 */
static bool is_ahead(const struct exec *exec)
{
	return exec->per == PER_STREAM && !exec->is_finished && !exec->tells_time && exec->answered >= exec->asked;
}

static int take_answer(struct weir_node *node, struct exec *exec, char *line, size_t n, int64_t t)
{
	int got = weir_answer_line(exec->answer, line, n, exec->out, t);

	/* A line that is malformed was the answer to something all the same. */
	exec->answered += got != 0;
	if (got < 0)
		return bad_line(node, exec);
	return exec->out->n == WEIR_BLOCK_MAX ? emit(node, exec) : 0;
}

/* What has been read, line by line; `t` is NULL where answers have the times of the records asked. */
static int take_answers(struct weir_node *node, struct exec *exec, bool all, const int64_t *t)
{
	size_t n;
	char *line;
	int err = 0;

	while (!err && !is_ahead(exec) && (line = weir_exchange_line(&exec->exchange, all, &n)))
		err = take_answer(node, exec, line, n, t ? *t : time_of_answer(node, exec));
	if (err || weir_exchange_room(&exec->exchange))
		return err;
	return weir_fail(
		node, ENOBUFS,
		"the program gives more lines than records: they need their own time (time=own), or per=record");
}

static int64_t deadline(const struct exec *exec)
{
	return weir_now(WEIR_CLOCK_MONOTONIC) + exec->deadline_ns;
}

/* ------------------------------------------------- a program for each window */

/* Until its output is at its end: 0, or why not. `*err` is set when it is not the program's fault. */
static int listen(struct weir_node *node, struct exec *exec, int64_t until, const int64_t *t, int *err)
{
	int got = 1;

	while (got > 0 && !*err) {
		got = weir_program_exchange(exec->program, &exec->exchange, until);
		*err = take_answers(node, exec, !got, t);
	}
	return *err ? 0 : got;
}

static int start_on(struct exec *exec, const struct weir_block *records)
{
	int err = weir_sheet_clear(exec->sheet, true);

	if (!err)
		err = weir_sheet_add(exec->sheet, records);
	weir_answer_begin(exec->answer);
	exec->exchange.begin = exec->exchange.n_out = 0;
	exec->exchange.skips = false;
	return err ? err : weir_program_start(exec->program, weir_sheet_fd(exec->sheet), true, NULL);
}

static int run_on(struct weir_node *node, struct exec *exec, const struct weir_block *records, int64_t t)
{
	int64_t until = deadline(exec);
	uint32_t before = exec->out->n;
	int err = 0, result;

	if (weir_program_is_halted(exec->program)) {
		/* The records of a window have been acknowledged. */
		if (exec->per == PER_RECORD)
			weir_undone(node, WEIR_LOST_END, 1);
		else
			weir_lost(node, WEIR_LOST_END, 1);
		return 0;
	}
	result = start_on(exec, records);
	if (!result)
		result = listen(node, exec, until, &t, &err);
	if (err || result < 0)
		weir_program_kill(exec->program, 0);
	else
		result = weir_program_end(exec->program, until);
	if (err || !result)
		return err;
	/* What it said before it failed is not to be relied on. */
	exec->out->n = before < exec->out->n ? before : exec->out->n;
	if (result == -ECANCELED && exec->per == PER_RECORD) {
		weir_undone(node, WEIR_LOST_END, 1);
		return 0;
	}
	return weir_program_failed(exec->program, result, 1, exec->skips);
}

static int push_windows(struct weir_node *node, struct exec *exec, const struct weir_block *in)
{
	struct weir_members_window window;
	uint32_t from = 0;
	int err = 0;

	while (!err && weir_members_next(exec->members, in, &from, &window))
		err = run_on(node, exec, &window.block, window.t);
	return err;
}

static int push_records(struct weir_node *node, struct exec *exec, const struct weir_block *in)
{
	int err = 0;

	for (uint32_t i = 0; i < in->n && !err; i++) {
		struct weir_block record;

		weir_block_slice(&record, in, i, 1);
		err = run_on(node, exec, &record, in->t[i]);
		/* A program takes its time: nobody waits for the others of the block. */
		if (!err)
			err = emit(node, exec);
	}
	return err;
}

/* --------------------------------------------------- a program for the stream */

static int start_stream(struct exec *exec)
{
	exec->asked = exec->answered = 0;
	exec->exchange = (struct weir_exchange){ .out = exec->exchange.out, .room = exec->exchange.room };
	exec->has_run = true;
	exec->is_finished = false;
	weir_answer_begin(exec->answer);
	return weir_program_start(exec->program, WEIR_PROGRAM_PIPE, true, NULL);
}

/* What a failure costs: at least something. */
static uint64_t unanswered(const struct exec *exec)
{
	return exec->asked > exec->answered ? exec->asked - exec->answered : 1;
}

/* It is to end, has ended, or failed, as `result` says. */
static int conclude(struct weir_node *node, struct exec *exec, int result)
{
	int64_t until = deadline(exec);
	int err = 0;

	exec->is_finished = true;
	if (!result)
		result = listen(node, exec, until, NULL, &err);
	if (err || result < 0)
		weir_program_kill(exec->program, 0);
	else
		result = weir_program_end(exec->program, until);
	exec->is_over |= !result;
	return err || !result ? err : weir_program_failed(exec->program, result, unanswered(exec), exec->skips);
}

/* All that is in exchange.in: 1; 0: the program takes no more; else what it failed of. */
static int feed(struct weir_node *node, struct exec *exec, int *err)
{
	int got = 1;

	while (got > 0 && exec->exchange.n_in && !*err) {
		got = weir_program_exchange(exec->program, &exec->exchange, deadline(exec));
		*err = take_answers(node, exec, false, NULL);
	}
	return exec->exchange.refused && got > 0 ? 0 : got;
}

/* The sheet, piece by piece. As feed(). */
static int feed_sheet(struct weir_node *node, struct exec *exec, int *err)
{
	ssize_t n;
	int got = 1;

	for (size_t at = 0; got > 0 && !*err; at += (size_t)n) {
		n = weir_sheet_read(exec->sheet, at, exec->chunk, CHUNK);
		if (n <= 0)
			return n < 0 ? (int)n : 1;
		exec->exchange.in = exec->chunk;
		exec->exchange.n_in = (size_t)n;
		got = feed(node, exec, err);
	}
	return got;
}

/* Take answers until all records have theirs, or a moment comes. As feed(). */
static int hear(struct weir_node *node, struct exec *exec, int64_t until, int *err)
{
	int got = 1;

	while (got > 0 && !*err && exec->answered < exec->asked) {
		got = weir_program_exchange(exec->program, &exec->exchange, until);
		*err = take_answers(node, exec, false, NULL);
	}
	return got == -ETIMEDOUT ? 1 : got;
}

/* Answers that are there, and then, when it had caught up with all but the last `n` records, those to these. */
static int await_answers(struct weir_node *node, struct exec *exec, uint32_t n, int *err)
{
	int got = hear(node, exec, 0, err);

	if (got <= 0 || *err || exec->answered + n < exec->asked)
		return got;
	return hear(node, exec, weir_now(WEIR_CLOCK_MONOTONIC) + PROMPT_NS, err);
}

static void remember(struct exec *exec, const struct weir_block *in)
{
	for (uint32_t i = 0; i < in->n; i++)
		exec->times[exec->asked++ % TIMES_MAX] = in->t[i];
}

/* Records as the program gets them; with a header line when it is new. */
static int write_sheet(struct exec *exec, const struct weir_block *in)
{
	bool is_new = !weir_program_runs(exec->program);
	int err = is_new ? start_stream(exec) : 0;

	if (!err)
		err = weir_sheet_clear(exec->sheet, is_new);
	return err ? err : weir_sheet_add(exec->sheet, in);
}

static int push_stream(struct weir_node *node, struct exec *exec, const struct weir_block *in)
{
	int err = 0, got;

	if (exec->is_over)
		return WEIR_ENOUGH;
	if (weir_program_is_halted(exec->program)) {
		weir_undone(node, WEIR_LOST_END, in->n);
		return 0;
	}
	got = write_sheet(exec, in);
	remember(exec, in);
	if (!got)
		got = feed_sheet(node, exec, &err);
	if (got > 0 && !err)
		got = await_answers(node, exec, in->n, &err);
	if (got <= 0 && !err)
		err = conclude(node, exec, got);
	return err || !exec->is_over ? err : WEIR_ENOUGH;
}

static int flush_stream(struct weir_node *node, struct exec *exec)
{
	int err = 0;

	if (exec->is_over || weir_program_is_halted(exec->program))
		return 0;
	/* On an empty stream too a program may have something to say. */
	if (!exec->has_run)
		err = start_stream(exec);
	if (err < 0)
		return weir_program_failed(exec->program, err, 0, exec->skips);
	if (!weir_program_runs(exec->program))
		return 0;
	weir_program_finish(exec->program);
	return conclude(node, exec, 0);
}

/* ------------------------------------------------------------------------- ops */

/* What came before a failure comes out. */
static int emit_after(struct weir_node *node, struct exec *exec, int err)
{
	int after = emit(node, exec);

	return err ? err : after;
}

static int exec_tick(struct weir_node *node, int64_t now_ns)
{
	struct exec *exec = weir_state(node);
	struct weir_members_window window;
	int err = 0;

	while (!err && weir_members_pass(exec->members, now_ns, &window))
		err = run_on(node, exec, &window.block, window.t);
	weir_members_ask(node, exec->members);
	return emit_after(node, exec, err);
}

static int exec_push(struct weir_node *node, const struct weir_block *in)
{
	struct exec *exec = weir_state(node);
	int err;

	if (exec->per == PER_STREAM)
		err = push_stream(node, exec, in);
	else
		err = exec->per == PER_WINDOW ? push_windows(node, exec, in) : push_records(node, exec, in);
	weir_members_ask(node, exec->members);
	return emit_after(node, exec, err);
}

static int exec_flush(struct weir_node *node)
{
	struct exec *exec = weir_state(node);
	struct weir_members_window window;
	int err = 0;

	if (exec->per == PER_STREAM)
		err = flush_stream(node, exec);
	else if (exec->members && weir_members_last(exec->members, &window))
		err = run_on(node, exec, &window.block, window.t);
	return emit_after(node, exec, err);
}

static const char *const per_words[] = {
	[PER_WINDOW] = "window", [PER_STREAM] = "stream", [PER_RECORD] = "record", NULL
};
static const char *const time_words[] = { [TIME_RECORD] = "record", [TIME_OWN] = "own", NULL };

static const struct weir_param params[] = {
	WEIR_P_TEXT("command", struct exec, command, NULL,
		    "the program and its arguments; with a character that means something to a shell, run by sh -c",
		    .style = WEIR_POSITIONAL, .required = true),
	WEIR_P_WORD(
		"per", struct exec, per, NULL, per_words,
		"window, record: a program for each, which reads it and ends; stream: one program for all (default, "
		"without window=)"),
	WEIR_P_SPAN("window", struct exec, windows.layout.size, NULL,
		    "records that a program gets, or the time that they span"),
	WEIR_P_SPAN("step", struct exec, windows.layout.step, NULL,
		    "from one window's start to the next; by default windows follow each other"),
	WEIR_LAYOUT_PARAMS(struct exec, windows.layout),
	WEIR_WINDOW_GAP_PARAM(struct exec, windows.gap_ns),
	WEIR_SHEET_PARAM(struct exec, input),
	WEIR_ANSWER_PARAMS(struct exec, answers),
	WEIR_P_WORD("time", struct exec, tells_time, "record", time_words,
		    "time of an answer: that of its window or record, for a stream of the record with its number; or "
		    "own: its column or member t, in ns"),
	WEIR_PROGRAM_PARAMS(struct exec, deadline_ns, skips, "its window or record"),
	WEIR_PARAM_LATENESS,
	{ 0 }
};

static const struct weir_operator_ops exec_ops = {
	.state_bytes = sizeof(struct exec),
	.open = exec_open,
	.push = exec_push,
	.tick = exec_tick,
	.flush = exec_flush,
	.close = exec_close,
	.may_wait = true,
};

const struct weir_driver weir_operator_exec = {
	.name = "exec",
	.doc = "run a program on each window or record, or one on the whole stream",
	.operator_params = params,
	.stage = &exec_ops,
};
