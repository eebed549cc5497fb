/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records to a C function: one by one, in lists as they come, or by windows. One that cannot take a record just now is asked again
 * until it does; whoever writes to this sink then waits, as its policy has it.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "weir/callee.h"

#define PAUSE_MIN_MS 1
#define PAUSE_MAX_MS 1000

struct call {
	struct weir_callee_args args;
	struct weir_callee callee;
	struct weir_members *members; /**< of windows; NULL: none */
	struct weir_callee_table in;
	union weir_call_value *row;
};

static int call_open(struct weir_node *node, const struct weir_schema *in)
{
	struct call *call = weir_state(node);
	int err = weir_callee_open(&call->callee, node, &call->args, in);

	if (!err)
		err = weir_callee_members(&call->callee, node, &call->members);
	if (err)
		return err;
	call->row = calloc(call->callee.n_in + 1, sizeof(*call->row));
	if (!call->row)
		return -ENOMEM;
	err = weir_callee_table(&call->in, call->callee.n_in, call->members ? WEIR_MEMBERS_MAX : WEIR_BLOCK_MAX);
	return err ? err : weir_callee_begin(&call->callee, node);
}

static void call_close(struct weir_node *node)
{
	struct call *call = weir_state(node);

	weir_callee_close(&call->callee);
	weir_callee_free(&call->in);
	weir_members_close(call->members);
	free(call->row);
}

/* False: the run is to end, and there is no more time to be patient. */
static bool pause_is_over(const struct weir_node *node, int *pause_ms)
{
	struct pollfd halt = { .fd = weir_halt_fd(node), .events = POLLIN };

	if (poll(&halt, 1, *pause_ms) > 0)
		return false;
	*pause_ms = *pause_ms < PAUSE_MAX_MS / 2 ? 2 * *pause_ms : PAUSE_MAX_MS;
	return true;
}

static int call_once(struct call *call, const struct weir_call_list *records)
{
	const struct weir_call *function = call->callee.function;
	struct weir_call_list nothing = { 0 };

	return records ? function->list(records, &nothing, call->callee.state)
		       : function->element(call->row, NULL, call->callee.state);
}

/* `records` NULL: that in call->row. `n` of them are what a failure costs. */
static int deliver(struct weir_node *node, struct call *call, const struct weir_call_list *records, uint32_t n)
{
	int pause_ms = PAUSE_MIN_MS, result;

	do
		result = call_once(call, records);
	while (result == -EAGAIN && pause_is_over(node, &pause_ms));
	if (result == -EAGAIN)
		weir_lost(node, WEIR_LOST_END, n);
	else if (result < 0)
		return weir_callee_failed(&call->callee, node, result, n);
	return 0;
}

static int push_elements(struct weir_node *node, struct call *call, const struct weir_block *in)
{
	int err = 0;

	for (uint32_t row = 0; row < in->n && !err; row++) {
		weir_callee_row(&call->callee, in, row, call->row);
		err = deliver(node, call, NULL, 1);
	}
	return err;
}

static int push_list(struct weir_node *node, struct call *call, const struct weir_block *in, uint32_t cost)
{
	struct weir_call_list records = weir_callee_list(&call->callee, in, &call->in);

	return deliver(node, call, &records, cost);
}

static int call_push(struct weir_node *node, const struct weir_block *in)
{
	struct call *call = weir_state(node);
	struct weir_members_window window;
	uint32_t from = 0;
	int err = 0;

	if (call->callee.function->element)
		return push_elements(node, call, in);
	if (!call->members)
		return in->n ? push_list(node, call, in, in->n) : 0;
	while (!err && weir_members_next(call->members, in, &from, &window))
		err = push_list(node, call, &window.block, 1);
	return err;
}

static int call_end(struct weir_node *node)
{
	struct call *call = weir_state(node);
	struct weir_call_list nothing = { 0 };
	struct weir_members_window window;
	int err = 0;

	if (call->members && weir_members_last(call->members, &window))
		err = push_list(node, call, &window.block, 1);
	if (err || !call->callee.function->end)
		return err;
	err = call->callee.function->end(&nothing, call->callee.state);
	return err < 0 ? weir_callee_failed(&call->callee, node, err, 0) : 0;
}

static const struct weir_param params[] = {
	WEIR_CALLEE_PARAMS(struct call, args),
	WEIR_CALLEE_WINDOW_PARAMS(struct call, args),
	{ 0 },
};

static const struct weir_sink_ops call_ops = {
	.state_bytes = sizeof(struct call),
	.open = call_open,
	.push = call_push,
	.end = call_end,
	.may_share = true,
	.close = call_close,
};

const struct weir_driver weir_bridge_call_sink = {
	.name = "call",
	.doc = "C function for each record, for lists or for windows",
	.sink_params = params,
	.sink = &call_ops,
};
