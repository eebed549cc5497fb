/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a map: a function of each record. */
#include <weir/graph.h>

static int twice(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)state;
	out[0].real = 2 * in[0].real;
	return 1; /* records: 0 for none, or several */
}

int main(void)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *count = weir_source(graph, "synth:counter rate=max");

	weir_sink(weir_map(count, "value", "y", twice, NULL), "print");
	return weir_graph_run(graph, &(struct weir_options){ .limit = 3 });
}
