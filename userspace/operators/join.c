/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records of several streams that belong to the same time: the oldest begins a group, and the first of every other stream that is
 * at most `within` later goes with it. A second one of a stream that is in the group already begins the next group. A group that
 * is whole comes out at once. One that is not is left out, or with missing=null comes out with what there is, when it is known
 * that nothing can be added. The time is that of the oldest.
 */
#include <string.h>

#include "weir/tributary.h"

struct join {
	uint32_t n;
	int64_t within;
	bool keeps;                          /**< groups that are not whole */
	uint32_t first[WEIR_FIELDS_MAX + 1]; /**< by input: where its fields are */
	uint32_t members;                    /**< of the group; 0: none has begun */
	bool is_member[WEIR_FIELDS_MAX];
	struct weir_block *group; /**< one record */
	struct weir_block *out;
};

enum { MISSING_DROP, MISSING_NULL };

static int join_open(struct weir_node *node, const struct weir_tributary *in, uint32_t n, struct weir_schema *out)
{
	struct join *join = weir_state(node);
	int err;

	if (n > WEIR_FIELDS_MAX)
		return weir_fail_arg(node, NULL, NULL, "no record has room for %u streams", n);
	join->n = n;
	weir_sorts(node);
	for (uint32_t i = 0; i < n; i++)
		join->first[i + 1] = join->first[i] + in[i].schema->n_fields;
	weir_schema_init(out, in[0].schema->clock);
	weir_lags(node, join->within);
	err = weir_tributaries_add(node, in, n, join->keeps, out);
	if (err >= 0)
		err = weir_block_open(&join->group, weir_out(node));
	return err < 0 ? err : weir_block_open(&join->out, weir_out(node));
}

static int join_settle(struct weir_node *node)
{
	struct join *join = weir_state(node);
	int err = weir_emit(node, join->out);

	join->out->n = 0;
	return err;
}

/* Nothing more is added to the group. */
static int close_group(struct weir_node *node)
{
	struct join *join = weir_state(node);
	bool shown = join->members && (join->members == join->n || join->keeps);

	weir_tick_at(node, INT64_MAX);
	join->members = 0;
	memset(join->is_member, 0, sizeof(join->is_member));
	if (!shown)
		return 0;
	weir_block_append(join->out, join->group, 0);
	return join->out->n == WEIR_BLOCK_MAX ? join_settle(node) : 0;
}

static void begin_group(struct weir_node *node, int64_t t)
{
	struct join *join = weir_state(node);
	int64_t end;

	join->group->n = 1;
	join->group->t[0] = t;
	for (uint32_t i = 0; i < join->group->schema->n_fields; i++)
		weir_cell_clear(join->group, i, 0);
	weir_tick_at(node, __builtin_add_overflow(t, join->within, &end) ? INT64_MAX : end);
}

static int add(struct weir_node *node, uint32_t input, const struct weir_block *in)
{
	struct join *join = weir_state(node);
	int err = join->is_member[input] ? close_group(node) : 0;

	if (err)
		return err;
	if (!join->members)
		begin_group(node, in->t[0]);
	for (uint32_t i = join->first[input]; i < join->first[input + 1]; i++)
		weir_cell_copy(join->group, i, 0, in, i - join->first[input], 0);
	join->is_member[input] = true;
	return ++join->members == join->n ? close_group(node) : 0;
}

/* One record at a time: each may move the end of the group. */
static int join_push(struct weir_node *node, uint32_t input, const struct weir_block *in)
{
	weir_took(node, 1);
	return add(node, input, in);
}

static int join_tick(struct weir_node *node, int64_t now_ns)
{
	(void)now_ns;
	return close_group(node);
}

static int join_flush(struct weir_node *node)
{
	int err = close_group(node);

	return err ? err : join_settle(node);
}

static void join_close(struct weir_node *node)
{
	struct join *join = weir_state(node);

	weir_block_close(join->group);
	weir_block_close(join->out);
}

static const char *const missing_words[] = { [MISSING_DROP] = "drop", [MISSING_NULL] = "null", NULL };

static const struct weir_param params[] = {
	WEIR_P_DURATION("within", struct join, within, "0s",
			"largest distance in time of records that belong together"),
	WEIR_P_WORD("missing", struct join, keeps, "drop", missing_words,
		    "records without a counterpart: left out, or with NaN for missing fields"),
	WEIR_PARAM_LATENESS,
	{ 0 },
};

static const struct weir_combiner_ops join_ops = {
	.state_bytes = sizeof(struct join),
	.open = join_open,
	.push = join_push,
	.settle = join_settle,
	.tick = join_tick,
	.flush = join_flush,
	.close = join_close,
};

const struct weir_driver weir_operator_join = {
	.name = "join",
	.doc = "put records of several streams that belong to the same time side by side",
	.operator_params = params,
	.combiner = &join_ops,
};
