/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a function of a list: all that has arrived at one call, which a compiler can vectorise. */
#include <weir/graph.h>

static int halves(const struct weir_call_list *in, struct weir_call_list *out, void *state)
{
	(void)state;
	for (uint32_t i = 0; i < in->n; i++)
		out->column[0][i].real = in->column[0][i].real / 2;
	out->n = in->n;
	return 0;
}

int main(void)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *count = weir_source(graph, "synth:counter rate=max");

	weir_sink(weir_map_list(count, "value", "half", halves, NULL), "print");
	return weir_graph_run(graph, &(struct weir_options){ .limit = 4 });
}
