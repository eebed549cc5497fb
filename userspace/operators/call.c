/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Run a C function of a shared library on each record, on lists of records as they come, or on windows. Values go to it and come
 * from it as unions, by column: what a function means by a field must not depend on how a block lays it out.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/call.h"
#include "weir/driver.h"
#include "weir/fields.h"
#include "weir/members.h"
#include "weir/text.h"

struct call {
	void *library;
	const struct weir_call *function;
	void *state;
	bool has_begun;
	bool skips; /**< on_error=skip */
	uint32_t most;
	uint32_t piece; /**< records of a list that are given at a time */
	uint32_t n_in, n_out;
	uint32_t from[WEIR_FIELDS_MAX]; /**< stream's fields, by those of the function */
	bool to_real[WEIR_FIELDS_MAX];  /**< the stream has an integer where the function takes a real */
	struct weir_members *members;   /**< of windows; NULL: none */
	int64_t last_t;
	int64_t *t;                                                           /**< of the records given */
	union weir_call_value *in[WEIR_FIELDS_MAX], *result[WEIR_FIELDS_MAX]; /**< by field, then by record */
	union weir_call_value *row; /**< of an element function: its record, then its results */
	int64_t *result_t;
	struct weir_block *out;
};

/* ------------------------------------------------------- library and function */

/* A bare name that is a file here means that file, as a reader would think; else the loader looks for it. */
static void *load(const char *name)
{
	char here[4200];

	if (strchr(name, '/') || access(name, R_OK) < 0)
		return dlopen(name, RTLD_NOW | RTLD_LOCAL);
	snprintf(here, sizeof(here), "./%s", name);
	return dlopen(here, RTLD_NOW | RTLD_LOCAL);
}

static int load_library(struct weir_node *node, struct call *call, const char *path)
{
	call->library = load(path);
	if (call->library)
		return 0;
	return weir_fail_arg(node, "function", "give the path of a shared library, as in ./libmine.so:norm",
			     "cannot load the library: %s", dlerror());
}

static int find_function(struct weir_node *node, struct call *call, const char *name)
{
	char symbol[256];

	snprintf(symbol, sizeof(symbol), "weir_call_%s", name);
	call->function = dlsym(call->library, symbol);
	if (call->function)
		return 0;
	if (dlsym(call->library, name))
		return weir_fail_arg(node, "function", "describe it with WEIR_CALL(), see weir/call.h",
				     "the library has a function '%s', but does not say what it takes and gives", name);
	return weir_fail_arg(node, "function", NULL, "the library exports no function '%s'", name);
}

static int check_function(struct weir_node *node, const struct call *call)
{
	const struct weir_call *function = call->function;

	if (function->version != WEIR_CALL_VERSION || function->bytes != sizeof(*function))
		return weir_fail_arg(node, "function", "build the library again with this weir's weir/call.h",
				     "the function was made for version %u of weir/call.h, and this is %u",
				     function->version, WEIR_CALL_VERSION);
	if (!function->element == !function->list)
		return weir_fail_arg(node, "function", NULL, "it must be a function of an element or of a list");
	if (function->element && weir_arg_given(node, "window"))
		return weir_fail_arg(node, "window", NULL, "it is a function of an element, not of a window");
	if (function->most > WEIR_BLOCK_MAX)
		return weir_fail_arg(node, "function", NULL, "it gives more than %u records at a time", WEIR_BLOCK_MAX);
	return 0;
}

static int open_function(struct weir_node *node, struct call *call)
{
	const char *text = weir_arg_text(node, "function"), *colon = strrchr(text, ':');
	char path[4096];
	int err;

	if (!colon || colon == text || !colon[1] || (size_t)(colon - text) >= sizeof(path))
		return weir_fail_arg(node, "function", "as in call ./libmine.so:norm",
				     "'%s' does not name a library and a function", text);
	memcpy(path, text, (size_t)(colon - text));
	path[colon - text] = 0;
	err = load_library(node, call, path);
	if (!err)
		err = find_function(node, call, colon + 1);
	return err ? err : check_function(node, call);
}

/* -------------------------------------------------------------------- fields */

static int match_field(struct weir_node *node, struct call *call, const struct weir_field *wanted)
{
	const struct weir_schema *in = weir_in(node);
	int at = weir_schema_find(in, wanted->name);
	enum weir_kind kind;

	if (at < 0)
		return weir_fail_arg(node, "function", "select or rename can give it that name",
				     "the function takes '%s', and this stream has no such field", wanted->name);
	kind = in->field[at].kind;
	if (kind != wanted->kind && !(wanted->kind == WEIR_REAL && kind != WEIR_TEXT) &&
	    !(wanted->kind == WEIR_INT && kind == WEIR_BOOL))
		return weir_fail_arg(node, "function", NULL,
				     "the function takes '%s' as another kind than this stream has", wanted->name);
	call->to_real[call->n_in] = wanted->kind == WEIR_REAL && kind != WEIR_REAL;
	call->from[call->n_in++] = (uint32_t)at;
	return 0;
}

static int match_input(struct weir_node *node, struct call *call)
{
	struct weir_schema wanted;
	char why[WEIR_FIELDS_WHY];
	int err = 0;

	weir_schema_init(&wanted, WEIR_CLOCK_NOMINAL);
	if (call->function->in && *call->function->in && weir_fields_add(&wanted, call->function->in, 2, why) < 0)
		return weir_fail_arg(node, "function", NULL, "what the function takes is declared wrong: %s", why);
	for (uint32_t i = 0; i < wanted.n_fields && !err; i++)
		err = match_field(node, call, &wanted.field[i]);
	return err;
}

static int declare_output(struct weir_node *node, struct call *call, struct weir_schema *out)
{
	uint32_t width = (uint32_t)weir_arg_int(node, "width");
	char why[WEIR_FIELDS_WHY];

	weir_schema_init(out, weir_in(node)->clock);
	if (!call->function->out || weir_fields_add(out, call->function->out, width, why) < 0)
		return weir_fail_arg(node, "function", NULL, "what the function gives is declared wrong: %s",
				     call->function->out ? why : "it is not declared");
	call->n_out = out->n_fields;
	return 0;
}

/* ---------------------------------------------------------------------- open */

static int open_memory(struct weir_node *node, struct call *call)
{
	uint32_t room = call->members ? WEIR_MEMBERS_MAX : WEIR_BLOCK_MAX;
	bool failed = false;

	call->t = calloc(room, sizeof(*call->t));
	call->result_t = calloc(WEIR_BLOCK_MAX, sizeof(*call->result_t));
	call->row = calloc(call->n_in + (size_t)call->most * call->n_out + 1, sizeof(*call->row));
	for (uint32_t i = 0; i < call->n_in; i++)
		failed |= !(call->in[i] = calloc(room, sizeof(**call->in)));
	for (uint32_t i = 0; i < call->n_out; i++)
		failed |= !(call->result[i] = calloc(WEIR_BLOCK_MAX, sizeof(**call->result)));
	if (failed || !call->t || !call->result_t || !call->row)
		return -ENOMEM;
	return weir_block_open(&call->out, weir_out(node));
}

static int begin(struct weir_node *node, struct call *call)
{
	const char *argument = weir_arg_text(node, "arg");
	int result;

	call->state = calloc(1, call->function->state_bytes + 1);
	if (!call->state)
		return -ENOMEM;
	call->has_begun = true;
	result = call->function->begin ? call->function->begin(call->state, argument ? argument : "") : 0;
	if (result < 0)
		return weir_fail_arg(node, argument ? "arg" : "function", NULL, "the function refuses to begin: %d",
				     result);
	return 0;
}

static int call_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct call *call = weir_state(node);
	int err = open_function(node, call);

	if (!err)
		err = match_input(node, call);
	if (!err)
		err = declare_output(node, call, out);
	if (!err && weir_arg_given(node, "window"))
		err = weir_members_open(&call->members, node, in);
	if (err)
		return err;
	if (weir_arg_given(node, "step") && !call->members)
		return weir_fail_arg(node, "step", NULL, "a step needs window=");
	call->skips = weir_arg_int(node, "on_error") == 1;
	call->most = call->function->most ? call->function->most : 1;
	call->piece = WEIR_BLOCK_MAX / call->most;
	err = open_memory(node, call);
	return err ? err : begin(node, call);
}

static void call_close(struct weir_node *node)
{
	struct call *call = weir_state(node);

	if (call->has_begun && call->function->done)
		call->function->done(call->state);
	free(call->state);
	for (uint32_t i = 0; i < WEIR_FIELDS_MAX; i++) {
		free(call->in[i]);
		free(call->result[i]);
	}
	free(call->row);
	free(call->t);
	free(call->result_t);
	weir_members_close(call->members);
	weir_block_close(call->out);
	if (call->library)
		dlclose(call->library);
}

/* ------------------------------------------------------------- values, results */

static union weir_call_value value_of(const struct call *call, const struct weir_block *in, uint32_t field,
				      uint32_t row)
{
	const struct weir_field *from = &in->schema->field[call->from[field]];
	union weir_column column = in->column[call->from[field]];

	if (from->kind == WEIR_TEXT)
		return (union weir_call_value){ .text = column.text + (size_t)row * from->bytes };
	if (from->kind == WEIR_REAL)
		return (union weir_call_value){ .real = column.real[row] };
	if (call->to_real[field])
		return (union weir_call_value){ .real = (double)column.integer[row] };
	return (union weir_call_value){ .integer = column.integer[row] };
}

static void put_text(struct weir_node *node, const struct weir_field *field, const char *text, char *cell)
{
	size_t length = text ? strlen(text) : 0, kept = weir_text_fit(text, length, field->bytes - 1);

	if (kept < length)
		weir_lost(node, WEIR_LOST_CUT, 1);
	memset(cell, 0, field->bytes);
	if (kept)
		memcpy(cell, text, kept);
}

static void put_value(struct weir_node *node, const struct weir_block *out, uint32_t field, union weir_call_value value)
{
	const struct weir_field *to = &out->schema->field[field];
	union weir_column column = out->column[field];

	if (to->kind == WEIR_REAL)
		column.real[out->n] = value.real;
	else if (to->kind == WEIR_TEXT)
		put_text(node, to, value.text, column.text + (size_t)out->n * to->bytes);
	else
		column.integer[out->n] = to->kind == WEIR_BOOL ? value.integer != 0 : value.integer;
}

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

/* What a function returns below zero, or what it says that it gave and cannot have given. */
static int failed(struct weir_node *node, const struct call *call, int result, uint32_t records)
{
	weir_lost(node, WEIR_LOST_POISON, records);
	if (call->skips)
		return 0;
	if (result < 0)
		return weir_fail(node, EINVAL, "the function failed with %d", result);
	return weir_fail(node, EINVAL, "the function says that it gave %d records, and may give %u", result,
			 call->most);
}

/* ------------------------------------------------------------------- element */

static int call_element(struct weir_node *node, struct call *call, const struct weir_block *in, uint32_t row)
{
	union weir_call_value *results = call->row + call->n_in;
	int n, err = 0;

	for (uint32_t i = 0; i < call->n_in; i++)
		call->row[i] = value_of(call, in, i, row);
	n = call->function->element(call->row, results, call->state);
	if (n < 0 || (uint32_t)n > call->most)
		return failed(node, call, n, 1);
	if (call->out->n + (uint32_t)n > WEIR_BLOCK_MAX)
		err = emit(node, call);
	for (int k = 0; k < n; k++) {
		for (uint32_t i = 0; i < call->n_out; i++)
			put_value(node, call->out, i, results[(uint32_t)k * call->n_out + i]);
		call->out->t[call->out->n++] = in->t[row];
	}
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
	return (struct weir_call_list){ .room = room, .t = call->result_t, .column = call->result };
}

static int take_results(struct weir_node *node, struct call *call, const struct weir_call_list *results)
{
	int err = call->out->n + results->n > WEIR_BLOCK_MAX ? emit(node, call) : 0;

	for (uint32_t k = 0; k < results->n && !err; k++) {
		for (uint32_t i = 0; i < call->n_out; i++)
			put_value(node, call->out, i, results->column[i][k]);
		call->out->t[call->out->n++] = results->t[k];
	}
	return err;
}

static void set_times(struct call *call, const int64_t *t, uint32_t n, uint32_t room)
{
	for (uint32_t k = 0; k < room; k++)
		call->result_t[k] = t[k < n ? k : n - 1];
}

/* `times`, of `n_times`, are those that results get if the function sets none. */
static int call_list(struct weir_node *node, struct call *call, const struct weir_block *in, const int64_t *times,
		     uint32_t n_times, uint32_t room)
{
	struct weir_call_list records = { .n = in->n, .room = in->n, .t = call->t, .column = call->in };
	struct weir_call_list results = results_of(call, room);
	int result;

	memcpy(call->t, in->t, in->n * sizeof(*call->t));
	for (uint32_t i = 0; i < call->n_in; i++)
		for (uint32_t k = 0; k < in->n; k++)
			call->in[i][k] = value_of(call, in, i, k);
	set_times(call, times, n_times, room);
	result = call->function->list(&records, &results, call->state);
	if (result < 0 || results.n > room)
		return failed(node, call, result < 0 ? result : (int)results.n, call->members ? 1 : in->n);
	return take_results(node, call, &results);
}

static int push_lists(struct weir_node *node, struct call *call, const struct weir_block *in)
{
	int err = 0;

	for (uint32_t from = 0; from < in->n && !err; from += call->piece) {
		struct weir_block piece;

		weir_block_slice(&piece, in, from, in->n - from < call->piece ? in->n - from : call->piece);
		err = call_list(node, call, &piece, piece.t, piece.n, piece.n * call->most);
	}
	return err;
}

static int push_windows(struct weir_node *node, struct call *call, const struct weir_block *in)
{
	struct weir_members_window window;
	uint32_t from = 0;
	int err = 0;

	while (!err && weir_members_next(call->members, in, &from, &window))
		err = call_list(node, call, &window.block, &window.t, 1, call->most);
	return err;
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
		err = call->function->element ? push_elements(node, call, in) : push_lists(node, call, in);
	return emit_after(node, call, err);
}

static int call_flush(struct weir_node *node)
{
	struct call *call = weir_state(node);
	struct weir_call_list results = results_of(call, call->most);
	struct weir_members_window window;
	int err = 0;

	if (call->members && weir_members_last(call->members, &window))
		err = call_list(node, call, &window.block, &window.t, 1, call->most);
	if (!err && call->function->end) {
		set_times(call, &call->last_t, 1, call->most);
		err = call->function->end(&results, call->state);
		err = err < 0 || results.n > call->most ? failed(node, call, err, 0)
							: take_results(node, call, &results);
	}
	return emit_after(node, call, err);
}

static const char *const error_words[] = { "stop", "skip", NULL };

static const struct weir_param params[] = {
	{ .name = "function",
	  .style = WEIR_POSITIONAL,
	  .value = WEIR_V_TEXT,
	  .required = true,
	  .help = "LIBRARY:FUNCTION, as in ./libmine.so:norm" },
	{ .name = "window",
	  .style = WEIR_KEY,
	  .value = WEIR_V_SPAN,
	  .help = "call a function of a list with windows of so many records, or so long" },
	{ .name = "step",
	  .style = WEIR_KEY,
	  .value = WEIR_V_SPAN,
	  .help = "from one window's start to the next; by default windows follow each other" },
	{ .name = "arg", .style = WEIR_KEY, .value = WEIR_V_TEXT, .help = "a text for the function's begin()" },
	{ .name = "on_error",
	  .style = WEIR_KEY,
	  .value = WEIR_V_WORD,
	  .fallback = "stop",
	  .words = error_words,
	  .help = "when the function fails: stop the run, or skip the records and count them" },
	{ .name = "width",
	  .style = WEIR_KEY,
	  .value = WEIR_V_INT,
	  .fallback = "240",
	  .min = 2,
	  .max = 4080,
	  .help = "bytes of text that the function gives, where it does not say; longer text is cut, and counted" },
	{ 0 }
};

static const struct weir_operator_ops call_ops = {
	.state_bytes = sizeof(struct call),
	.open = call_open,
	.push = call_push,
	.flush = call_flush,
	.close = call_close,
	.may_wait = true,
};

const struct weir_driver weir_operator_call = {
	.name = "call",
	.doc = "run a C function of a shared library on each record, on lists, or on windows",
	.operator_params = params,
	.stage = &call_ops,
};
