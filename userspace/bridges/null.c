/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/driver.h"

static int null_open(struct weir_node *node, const struct weir_schema *in)
{
	(void)node;
	(void)in;
	return 0;
}

static int null_push(struct weir_node *node, const struct weir_block *in)
{
	(void)node;
	(void)in;
	return 0;
}

static const struct weir_param params[] = { { 0 } };

static const struct weir_sink_ops null_ops = {
	.open = null_open, .push = null_push, .is_brief = true, .may_share = true
};

const struct weir_driver weir_bridge_null = {
	.name = "null",
	.doc = "no output; the summary counts the records",
	.sink_params = params,
	.sink = &null_ops,
};
