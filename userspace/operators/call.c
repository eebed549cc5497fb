/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Run a C function on each record, on lists of records as they come, or on windows. A function of an element that gives no fields
 * chooses records, and one whose fields begin with a `+` adds them to the record's own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/callee.h"

struct call {
	struct weir_callee_args args;
	struct weir_callee callee;
	bool chooses;
	uint32_t n_kept;              /**< fields of the record that stay, before those that the function gives */
	uint32_t piece;               /**< records of a list that are given at a time */
	struct weir_members *members; /**< of windows; NULL: none */
	int64_t last_t;
	struct weir_callee_table in, result;
	union weir_call_value *row; /**< of a function of an element: its record, then its results */
	struct weir_block *out;
};

/* ---------------------------------------------------------------------- open */

static int choose(struct weir_node *node, struct call *call, const struct weir_schema *in, struct weir_schema *out)
{
	if (!call->callee.function->element)
		return weir_fail_arg(node, "function", NULL,
				     "the output of the function is declared wrong: it is not declared");
	call->chooses = true;
	call->callee.most = 1;
	*out = *in;
	return 0;
}

static int declare(struct weir_node *node, struct call *call, const struct weir_schema *in, struct weir_schema *out)
{
	const char *text = call->callee.function->out;
	bool adds = text && *text == '+';

	if (!text)
		return choose(node, call, in, out);
	if (adds && !call->callee.function->element)
		return weir_fail_arg(node, "function", NULL, "only a function of an element adds to its record");
	weir_schema_init(out, in->clock);
	for (uint32_t i = 0; adds && i < in->n_fields; i++)
		if (weir_schema_add(out, in->field[i].name, in->field[i].kind, in->field[i].unit, in->field[i].bytes) <
		    0)
			return weir_fail_arg(node, "function", "select fewer fields before",
					     "the record has no room for more");
	call->n_kept = out->n_fields;
	return weir_callee_declare(node, &call->args, text + adds, out);
}

static int open_memory(struct weir_node *node, struct call *call)
{
	uint32_t n_out = weir_out(node)->n_fields - call->n_kept;
	uint32_t room = call->members ? WEIR_MEMBERS_MAX : WEIR_BLOCK_MAX;
	int err;

	call->row = calloc(call->callee.n_in + (size_t)call->callee.most * n_out + 1, sizeof(*call->row));
	err = call->row ? weir_block_open(&call->out, weir_out(node)) : -ENOMEM;
	if (!err && call->callee.function->list)
		err = weir_callee_table(&call->in, call->callee.n_in, room);
	/* Also for end(), which a function of an element may have. */
	if (!err)
		err = weir_callee_table(&call->result, n_out, WEIR_BLOCK_MAX);
	return err;
}

static int call_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct call *call = weir_state(node);
	int err = weir_callee_open(&call->callee, node, &call->args, in);

	if (!err)
		err = declare(node, call, in, out);
	if (!err)
		err = weir_callee_members(&call->callee, node, &call->members);
	if (err)
		return err;
	if (call->members && call->args.windows.layout.size.is_time)
		weir_sorts(node);
	else
		weir_never_ticks(node);
	call->piece = WEIR_BLOCK_MAX / call->callee.most;
	err = open_memory(node, call);
	return err ? err : weir_callee_begin(&call->callee, node);
}

static void call_close(struct weir_node *node)
{
	struct call *call = weir_state(node);

	weir_callee_close(&call->callee);
	weir_callee_free(&call->in);
	weir_callee_free(&call->result);
	free(call->row);
	weir_members_close(call->members);
	weir_block_close(call->out);
}

/* -------------------------------------------------------------------- results */

static int emit(struct weir_node *node, struct call *call)
{
	int err = weir_emit(node, call->out);

	call->out->n = 0;
	return err;
}

/* What came before a failure comes out, however the stream was cut into blocks. */
static int emit_after(struct weir_node *node, struct call *call, int err)
{
	int after = emit(node, call);

	return err ? err : after;
}

static size_t cell_bytes(const struct weir_field *field)
{
	return field->kind == WEIR_TEXT ? field->bytes : 8;
}

static char *cell_of(const struct weir_block *block, uint32_t field, uint32_t row)
{
	return (char *)block->column[field].any + row * cell_bytes(&block->schema->field[field]);
}

static void put(struct weir_node *node, struct call *call, uint32_t i, union weir_call_value value)
{
	uint32_t field = call->n_kept + i;

	weir_callee_put(node, &call->out->schema->field[field], value, cell_of(call->out, field, call->out->n));
}

/* ------------------------------------------------------------------- element */

static void keep_fields(struct call *call, const struct weir_block *in, uint32_t row)
{
	for (uint32_t i = 0; i < call->n_kept; i++)
		memcpy(cell_of(call->out, i, call->out->n), cell_of(in, i, row), cell_bytes(&in->schema->field[i]));
}

static void add_results(struct weir_node *node, struct call *call, const struct weir_block *in, uint32_t row,
			uint32_t n)
{
	const union weir_call_value *results = call->row + call->callee.n_in;

	for (uint32_t k = 0; k < n; k++) {
		keep_fields(call, in, row);
		for (uint32_t i = 0; i < call->result.n_fields; i++)
			put(node, call, i, *results++);
		call->out->t[weir_block_add(call->out)] = in->t[row];
	}
}

static int call_element(struct weir_node *node, struct call *call, const struct weir_block *in, uint32_t row)
{
	const struct weir_callee *callee = &call->callee;
	int n, err = 0;

	weir_callee_row(callee, in, row, call->row);
	n = callee->function->element(call->row, call->row + callee->n_in, callee->state);
	if (n < 0 || (uint32_t)n > callee->most)
		return weir_callee_failed(callee, node, n, 1);
	if (call->out->n + (uint32_t)n > WEIR_BLOCK_MAX)
		err = emit(node, call);
	if (!call->chooses)
		add_results(node, call, in, row, (uint32_t)n);
	else if (n)
		weir_block_append(call->out, in, row);
	return err;
}

static int push_elements(struct weir_node *node, struct call *call, const struct weir_block *in)
{
	int err = 0;

	for (uint32_t row = 0; row < in->n && !err; row++)
		err = call_element(node, call, in, row);
	return err;
}

/* ---------------------------------------------------------------------- list */

static struct weir_call_list results_of(struct call *call, uint32_t room)
{
	return (struct weir_call_list){ .room = room, .t = call->result.t, .column = call->result.column };
}

static int take_results(struct weir_node *node, struct call *call, const struct weir_call_list *results)
{
	int err = call->out->n + results->n > WEIR_BLOCK_MAX ? emit(node, call) : 0;

	for (uint32_t k = 0; k < results->n && !err; k++) {
		for (uint32_t i = 0; i < call->result.n_fields; i++)
			put(node, call, i, results->column[i][k]);
		call->out->t[weir_block_add(call->out)] = results->t[k];
	}
	return err;
}

static void set_times(struct call *call, const int64_t *t, uint32_t n, uint32_t room)
{
	for (uint32_t k = 0; k < room; k++)
		call->result.t[k] = t[k < n ? k : n - 1];
}

/* `times`, of `n_times`, are those that results get if the function sets none. */
static int call_list(struct weir_node *node, struct call *call, const struct weir_block *in, const int64_t *times,
		     uint32_t n_times, uint32_t room)
{
	const struct weir_callee *callee = &call->callee;
	struct weir_call_list records = weir_callee_list(callee, in, &call->in);
	struct weir_call_list results = results_of(call, room);
	int result;

	set_times(call, times, n_times, room);
	result = callee->function->list(&records, &results, callee->state);
	if (result < 0 || results.n > room)
		return weir_callee_failed(callee, node, result < 0 ? result : (int)results.n,
					  call->members ? 1 : in->n);
	return take_results(node, call, &results);
}

static int push_lists(struct weir_node *node, struct call *call, const struct weir_block *in)
{
	int err = 0;

	for (uint32_t from = 0; from < in->n && !err; from += call->piece) {
		struct weir_block piece;

		weir_block_slice(&piece, in, from, in->n - from < call->piece ? in->n - from : call->piece);
		err = call_list(node, call, &piece, piece.t, piece.n, piece.n * call->callee.most);
	}
	return err;
}

static int push_windows(struct weir_node *node, struct call *call, const struct weir_block *in)
{
	struct weir_members_window window;
	uint32_t from = 0;
	int err = 0;

	while (!err && weir_members_next(call->members, in, &from, &window))
		err = call_list(node, call, &window.block, &window.t, 1, call->callee.most);
	return err;
}

static int call_tick(struct weir_node *node, int64_t now_ns)
{
	struct call *call = weir_state(node);
	struct weir_members_window window;
	int err = 0;

	while (!err && weir_members_pass(call->members, now_ns, &window))
		err = call_list(node, call, &window.block, &window.t, 1, call->callee.most);
	weir_members_ask(node, call->members);
	return emit_after(node, call, err);
}

static int call_push(struct weir_node *node, const struct weir_block *in)
{
	struct call *call = weir_state(node);
	int err;

	if (in->n)
		call->last_t = in->t[in->n - 1];
	if (call->members)
		err = push_windows(node, call, in);
	else
		err = call->callee.function->element ? push_elements(node, call, in) : push_lists(node, call, in);
	weir_members_ask(node, call->members);
	return emit_after(node, call, err);
}

static int call_flush(struct weir_node *node)
{
	struct call *call = weir_state(node);
	const struct weir_callee *callee = &call->callee;
	struct weir_call_list results = results_of(call, callee->most);
	struct weir_members_window window;
	int err = 0;

	call->last_t = weir_time_at_end(node, call->last_t);
	if (call->members && weir_members_last(call->members, &window))
		err = call_list(node, call, &window.block, &window.t, 1, callee->most);
	if (!err && callee->function->end && !call->chooses && !call->n_kept) {
		set_times(call, &call->last_t, 1, callee->most);
		err = callee->function->end(&results, callee->state);
		err = err < 0 || results.n > callee->most ? weir_callee_failed(callee, node, err, 0)
							  : take_results(node, call, &results);
	}
	return emit_after(node, call, err);
}

static const struct weir_param params[] = {
	WEIR_CALLEE_PARAMS(struct call, args),
	WEIR_CALLEE_WINDOW_PARAMS(struct call, args),
	WEIR_CALLEE_WIDTH_PARAM(struct call, args),
	WEIR_PARAM_LATENESS,
	{ 0 },
};

static const struct weir_operator_ops call_ops = {
	.state_bytes = sizeof(struct call),
	.open = call_open,
	.push = call_push,
	.tick = call_tick,
	.flush = call_flush,
	.close = call_close,
	.may_wait = true,
};

const struct weir_driver weir_operator_call = {
	.name = "call",
	.doc = "run a C function on each record, on lists, or on windows",
	.operator_params = params,
	.stage = &call_ops,
};
