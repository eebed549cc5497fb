/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a split: a function says to which of three streams a record goes. */
#include <weir/graph.h>

static int choose(const union weir_call_value *in, void *state)
{
	(void)state;
	return (int)(in[0].integer % 3);
}

int main(void)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *by[3];

	weir_split(weir_source(graph, "synth:counter rate=max"), "value:int", choose, NULL, by, 3);
	weir_sink(by[0], "null");
	weir_sink(by[1], "print");
	weir_sink(by[2], "null");
	return weir_graph_run(graph, &(struct weir_options){ .limit = 9 });
}
