/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nothing is done with the records: their ring is what displays look at. */
#include "weir/driver.h"

static int web_open(struct weir_node *node, const struct weir_schema *in)
{
	(void)node;
	(void)in;
	return 0;
}

static int web_push(struct weir_node *node, const struct weir_block *in)
{
	(void)node;
	(void)in;
	return 0;
}

static const struct weir_param params[] = { { 0 } };

static const struct weir_sink_ops web_ops = {
	.open = web_open,
	.push = web_push,
	.is_brief = true,
	.reads_ring = true,
};

const struct weir_driver weir_bridge_web = {
	.name = "web",
	.doc = "values for the page, metrics and weir top",
	.sink_params = params,
	.sink = &web_ops,
};
