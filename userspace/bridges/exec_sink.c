/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records to a program: one that reads them all on standard input, or one started for each, as for an alert. Its standard output
 * is ours. Values never become part of a command: a program for a record finds them in its environment.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/program.h"
#include "weir/sheet.h"
#include "weir/text.h"

#define CHUNK (64u << 10)

enum per { PER_STREAM, PER_RECORD };

struct exec {
	enum weir_sheet_form input;
	enum per per;
	int64_t deadline_ns;
	bool skips, is_over;
	uint64_t given, given_bytes; /**< records that went to the program for the stream, and their bytes */
	struct weir_program *program;
	struct weir_sheet *sheet;
	char *chunk;
	char *variable[WEIR_FIELDS_MAX + 2]; /**< WEIR_NAME=value of each field, then of the time */
};

/* ----------------------------------------------------------------------- open */

static int open_variables(struct exec *exec, const struct weir_schema *in)
{
	for (uint32_t i = 0; i <= in->n_fields; i++) {
		const struct weir_field *field = i < in->n_fields ? &in->field[i] : &in->t;
		size_t value = field->kind == WEIR_TEXT ? field->bytes : WEIR_NUMBER_MAX + 1;

		exec->variable[i] = malloc(sizeof("WEIR_=") + strlen(field->name) + value);
		if (!exec->variable[i])
			return -ENOMEM;
	}
	return 0;
}

static int exec_open(struct weir_node *node, const struct weir_schema *in)
{
	struct exec *exec = weir_state(node);
	int err = weir_program_open(&exec->program, node, NULL, weir_target(node));

	if (!err)
		err = weir_sheet_open(&exec->sheet, in, weir_sheet_form_of(node, &exec->input));
	if (exec->per == PER_RECORD)
		weir_is_slow(node);
	if (!err && exec->per == PER_RECORD)
		err = open_variables(exec, in);
	if (err)
		return err;
	exec->chunk = malloc(CHUNK);
	return exec->chunk ? 0 : -ENOMEM;
}

static int64_t deadline(const struct exec *exec)
{
	return weir_now(WEIR_CLOCK_MONOTONIC) + exec->deadline_ns;
}

/* --------------------------------------------------- a program for the stream */

static int start_stream(struct exec *exec)
{
	int err = weir_program_start(exec->program, WEIR_PROGRAM_PIPE, false, NULL);

	return err < 0 ? err : weir_sheet_clear(exec->sheet, true);
}

static int exec_start(struct weir_node *node)
{
	struct exec *exec = weir_state(node);
	int err = exec->per == PER_STREAM ? start_stream(exec) : 0;

	return err < 0 ? weir_program_failed(exec->program, err, 0, false) : 0;
}

/* What the sheet holds. 1: it went; 0: the program is gone; -errno. */
static int feed_sheet(struct exec *exec)
{
	struct weir_exchange exchange = { 0 };
	ssize_t n;
	int got = 1;

	for (size_t at = 0; got > 0 && !exchange.refused; at += (size_t)n) {
		n = weir_sheet_read(exec->sheet, at, exec->chunk, CHUNK);
		if (n <= 0)
			return n < 0 ? (int)n : 1;
		exchange.in = exec->chunk;
		exchange.n_in = (size_t)n;
		while (got > 0 && exchange.n_in)
			got = weir_program_exchange(exec->program, &exchange, deadline(exec));
		exec->given_bytes += (size_t)n - exchange.n_in;
	}
	return got > 0 ? 0 : got;
}

/* Of what went to the program lately, so many records may still lie in the pipe. */
static uint64_t unread(const struct exec *exec)
{
	uint64_t bytes = weir_program_unread(exec->program);

	return bytes && exec->given_bytes ? (bytes * exec->given + exec->given_bytes - 1) / exec->given_bytes : 0;
}

/* It is to end, or has. One that has had enough ends the chain in good order, as a reader of our output does. */
static int conclude(struct weir_node *node, struct exec *exec, int result, uint64_t lost)
{
	lost += unread(exec);
	if (!result)
		result = weir_program_end(exec->program, deadline(exec));
	else
		weir_program_kill(exec->program, 0);
	exec->is_over |= !result;
	if (result == -ECANCELED) {
		weir_undone(node, WEIR_LOST_END, lost);
		return 0;
	}
	return result ? weir_program_failed(exec->program, result, lost, exec->skips) : WEIR_ENOUGH;
}

static int push_stream(struct weir_node *node, struct exec *exec, const struct weir_block *in)
{
	int got = 0;

	if (exec->is_over)
		return WEIR_ENOUGH;
	if (weir_program_is_halted(exec->program)) {
		weir_undone(node, WEIR_LOST_END, in->n);
		return 0;
	}
	if (!weir_program_runs(exec->program))
		got = start_stream(exec);
	if (!got)
		got = weir_sheet_add(exec->sheet, in);
	if (!got)
		got = feed_sheet(exec);
	if (got > 0)
		got = weir_sheet_clear(exec->sheet, false) < 0 ? -EIO : 1;
	if (got <= 0)
		return conclude(node, exec, got, in->n);
	exec->given += in->n;
	return 0;
}

/* ------------------------------------------------- a program for each record */

static void set_variable(char *variable, const struct weir_field *field, const char *value, size_t n)
{
	int begin = sprintf(variable, "WEIR_%s=", field->name);

	memcpy(variable + begin, value, n);
	variable[begin + (int)n] = 0;
}

static void set_variables(const struct exec *exec, const struct weir_block *in, uint32_t row)
{
	const struct weir_schema *schema = in->schema;
	char number[WEIR_NUMBER_MAX];

	for (uint32_t i = 0; i < schema->n_fields; i++) {
		const struct weir_field *field = &schema->field[i];
		const char *text = field->kind == WEIR_TEXT ? in->column[i].text + (size_t)row * field->bytes : number;
		size_t n = field->kind == WEIR_TEXT   ? strlen(text)
			   : field->kind == WEIR_REAL ? weir_write_real(number, in->column[i].real[row])
						      : weir_write_integer(number, in->column[i].integer[row]);

		set_variable(exec->variable[i], field, text, n);
	}
	set_variable(exec->variable[schema->n_fields], &schema->t, number, weir_write_integer(number, in->t[row]));
}

static int start_on(struct exec *exec, const struct weir_block *record)
{
	int err = weir_sheet_clear(exec->sheet, true);

	if (!err)
		err = weir_sheet_add(exec->sheet, record);
	set_variables(exec, record, 0);
	return err ? err : weir_program_start(exec->program, weir_sheet_fd(exec->sheet), false, exec->variable);
}

static int run_on(struct weir_node *node, struct exec *exec, const struct weir_block *in, uint32_t row)
{
	struct weir_block record;
	int result;

	if (weir_program_is_halted(exec->program)) {
		weir_undone(node, WEIR_LOST_END, 1);
		return 0;
	}
	weir_block_slice(&record, in, row, 1);
	result = start_on(exec, &record);
	if (!result)
		result = weir_program_end(exec->program, deadline(exec));
	if (result == -ECANCELED) {
		weir_undone(node, WEIR_LOST_END, 1);
		return 0;
	}
	return result ? weir_program_failed(exec->program, result, 1, exec->skips) : 0;
}

/* ------------------------------------------------------------------------- ops */

static int exec_push(struct weir_node *node, const struct weir_block *in)
{
	struct exec *exec = weir_state(node);
	int err = 0;

	if (exec->per == PER_STREAM)
		return push_stream(node, exec, in);
	for (uint32_t row = 0; row < in->n && !err; row++)
		err = run_on(node, exec, in, row);
	return err;
}

/* The program has all that there was, and is given its time to end. */
static int exec_end(struct weir_node *node)
{
	struct exec *exec = weir_state(node);
	int err = weir_program_runs(exec->program) ? conclude(node, exec, 0, 0) : 0;

	return err < 0 ? err : 0;
}

static void exec_close(struct weir_node *node)
{
	struct exec *exec = weir_state(node);

	weir_program_close(exec->program);
	weir_sheet_close(exec->sheet);
	for (uint32_t i = 0; i <= WEIR_FIELDS_MAX; i++)
		free(exec->variable[i]);
	free(exec->chunk);
}

static const char *const per_words[] = { [PER_STREAM] = "stream", [PER_RECORD] = "record", NULL };

static const struct weir_param params[] = {
	WEIR_P_WORD("per", struct exec, per, "stream", per_words,
		    "stream: one program for all records; record: one program for each, with t and the fields in its "
		    "environment, as WEIR_t and WEIR_NAME"),
	WEIR_SHEET_PARAM(struct exec, input),
	WEIR_PROGRAM_PARAMS(struct exec, deadline_ns, skips, "its record"),
	{ 0 }
};

static const struct weir_sink_ops exec_ops = {
	.state_bytes = sizeof(struct exec),
	.open = exec_open,
	.start = exec_start,
	.push = exec_push,
	.end = exec_end,
	.may_wait = true,
	.close = exec_close,
};

const struct weir_driver weir_bridge_exec_sink = {
	.name = "exec",
	.doc = "one program for all records, or one for each",
	.target = "COMMAND",
	.sink_params = params,
	.sink = &exec_ops,
};
