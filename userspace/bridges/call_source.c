/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records that a C function makes: as fast as they are taken, in step with a period, or whenever a descriptor can be read. What it
 * gives at one time is kept until the ring has room for it.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "weir/callee.h"

#define NOMINAL_NS 1000000
#define PAUSE_NS 1000000
#define BEHIND_NS 1000000000

struct call {
	struct weir_callee_args args;
	struct weir_callee callee;
	int64_t period_ns; /**< 0: none */
	int fd;            /**< -1: none */
	int64_t start_ns;
	uint64_t i; /**< of the next period, or of the next nominal record */
	bool is_over;
	struct weir_callee_table made;
	union weir_call_value *row; /**< of a function of an element: its results */
	uint32_t at, n;             /**< of those made: the next to hand out, and how many */
};

static int call_open(struct weir_node *node, struct weir_schema *out)
{
	struct call *call = weir_state(node);
	int err = weir_callee_open(&call->callee, node, &call->args, NULL);

	if (!weir_given(node, &call->fd))
		call->fd = -1;
	if (call->period_ns && call->fd >= 0)
		return weir_fail_arg(node, "fd", NULL, "it goes by a period or by a descriptor, not by both");
	weir_schema_init(out, call->period_ns || call->fd >= 0 ? WEIR_CLOCK_MONOTONIC : WEIR_CLOCK_NOMINAL);
	if (!err)
		err = weir_callee_declare(node, &call->args, call->callee.function->out, out);
	if (!err)
		err = weir_callee_table(&call->made, out->n_fields, call->callee.most);
	if (err)
		return err;
	call->row = calloc((size_t)call->callee.most * out->n_fields, sizeof(*call->row));
	return call->row ? weir_callee_begin(&call->callee, node) : -ENOMEM;
}

static int call_start(struct weir_node *node, bool unread)
{
	struct call *call = weir_state(node);

	(void)unread;
	call->start_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	return 0;
}

static void call_close(struct weir_node *node)
{
	struct call *call = weir_state(node);

	weir_callee_close(&call->callee);
	weir_callee_free(&call->made);
	free(call->row);
}

/* ---------------------------------------------------------------------- times */

/* A function that was held up makes up for it, unless it is so far behind that its values would be of another time. */
static bool period_is_due(struct weir_node *node, struct call *call, int64_t *t, struct weir_wait *wait)
{
	int64_t passed = weir_now(WEIR_CLOCK_MONOTONIC) - call->start_ns, behind;
	uint64_t missed;

	behind = passed - (int64_t)call->i * call->period_ns;
	if (behind > BEHIND_NS && behind > call->period_ns) {
		missed = (uint64_t)(behind / call->period_ns);
		weir_lost(node, WEIR_LOST_DEVICE, missed);
		call->i += missed;
	}
	*t = call->start_ns + (int64_t)call->i * call->period_ns;
	wait->until_ns = *t;
	if (behind < 0)
		return false;
	call->i++;
	return true;
}

static bool descriptor_is_ready(const struct call *call, int64_t *t, struct weir_wait *wait)
{
	struct pollfd ready = { .fd = call->fd, .events = POLLIN };

	wait->fd = call->fd;
	*t = weir_now(WEIR_CLOCK_MONOTONIC);
	return poll(&ready, 1, 0) > 0;
}

static void set_times(struct call *call, int64_t t)
{
	bool is_nominal = !call->period_ns && call->fd < 0;

	for (uint32_t k = 0; k < call->callee.most; k++)
		call->made.t[k] = is_nominal ? (int64_t)(call->i + k) * NOMINAL_NS : t;
}

static bool is_due(struct weir_node *node, struct call *call, struct weir_wait *wait)
{
	int64_t t = 0;

	if (call->period_ns ? !period_is_due(node, call, &t, wait)
			    : call->fd >= 0 && !descriptor_is_ready(call, &t, wait))
		return false;
	set_times(call, t);
	return true;
}

/* --------------------------------------------------------------------- values */

static int make_elements(struct call *call)
{
	const union weir_call_value *value = call->row;
	int n = call->callee.function->element(NULL, call->row, call->callee.state);

	for (int k = 0; k < n && (uint32_t)n <= call->callee.most; k++)
		for (uint32_t i = 0; i < call->made.n_fields; i++)
			call->made.column[i][k] = *value++;
	return n;
}

static int make_list(struct call *call)
{
	struct weir_call_list nothing = { 0 };
	struct weir_call_list made = { .room = call->callee.most, .t = call->made.t, .column = call->made.column };
	int result = call->callee.function->list(&nothing, &made, call->callee.state);

	return result < 0 ? result : (int)made.n;
}

/* 1: something was made; 0: the end; -EAGAIN: nothing just now; -errno. */
static int make(struct weir_node *node, struct call *call, struct weir_wait *wait)
{
	int n;

	if (call->is_over)
		return 0;
	if (!is_due(node, call, wait))
		return -EAGAIN;
	n = call->callee.function->element ? make_elements(call) : make_list(call);
	call->is_over = n == -ENODATA;
	if (call->is_over)
		return 0;
	if (n < 0 || (uint32_t)n > call->callee.most) {
		n = weir_callee_failed(&call->callee, node, n, 1);
		if (n < 0)
			return n;
	}
	call->at = 0;
	call->n = (uint32_t)n;
	if (!call->period_ns)
		call->i += (uint32_t)n;
	if (!n && !call->period_ns && call->fd < 0)
		wait->until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + PAUSE_NS;
	else if (!n && call->period_ns)
		wait->until_ns = call->start_ns + (int64_t)call->i * call->period_ns;
	return n ? 1 : -EAGAIN;
}

static void hand_out(struct weir_node *node, struct call *call, char *row)
{
	const struct weir_schema *out = weir_out(node);

	memcpy(row + out->t.at, &call->made.t[call->at], sizeof(*call->made.t));
	for (uint32_t i = 0; i < out->n_fields; i++)
		weir_callee_put(node, &out->field[i], call->made.column[i][call->at], row + out->field[i].at);
	call->at++;
}

static int call_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct call *call = weir_state(node);
	int err = 1;

	while (weir_rows_next(rows) && err > 0) {
		if (call->at == call->n)
			err = make(node, call, wait);
		while (call->at < call->n && weir_rows_next(rows)) {
			hand_out(node, call, weir_rows_next(rows));
			weir_rows_add(rows);
		}
	}
	return err;
}

static const struct weir_param params[] = {
	WEIR_CALLEE_PARAMS(struct call, args),
	WEIR_CALLEE_WIDTH_PARAM(struct call, args),
	WEIR_P_DURATION(
		"period", struct call, period_ns, NULL,
		"period of the calls; default: a call whenever the chain has room, records one nominal millisecond "
		"apart",
		.min = 1e-6, .max = 1e6),
	WEIR_P_INT("fd", struct call, fd, NULL, "open descriptor; the function is called when it can be read", .min = 0,
		   .max = 1e6),
	{ 0 },
};

static const struct weir_source_ops call_ops = {
	.state_bytes = sizeof(struct call),
	.open = call_open,
	.start = call_start,
	.produce = call_produce,
	.close = call_close,
};

const struct weir_driver weir_bridge_call_source = {
	.name = "call",
	.doc = "records from a C function",
	.source_params = params,
	.source = &call_ops,
};
