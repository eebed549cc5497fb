/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records in the order of their times. The work is done where they are read: see weir_sorts(). */
#include "weir/driver.h"

static int sort_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	weir_sorts(node);
	*out = *in;
	return 0;
}

static int sort_push(struct weir_node *node, const struct weir_block *in)
{
	return weir_emit(node, in);
}

static const struct weir_param params[] = { { .name = "lateness",
					      .style = WEIR_POSITIONAL,
					      .value = WEIR_V_DURATION,
					      .required = true,
					      .help = "lateness: every record waits for others for this time" },
					    { 0 } };

static const struct weir_operator_ops sort_ops = { .open = sort_open, .push = sort_push };

const struct weir_driver weir_operator_sort = {
	.name = "sort",
	.doc = "records that come late, in the order of their times",
	.operator_params = params,
	.stage = &sort_ops,
};
