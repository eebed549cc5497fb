/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a merge: all records of two streams, in the order of their times, each with the name of its stream. */
#include <weir/graph.h>

int main(void)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *count = weir_source(graph, "synth:counter rate=max");
	struct weir_flow *both[] = {
		weir_name(weir_stage(count, "every 2"), "seldom"),
		weir_name(weir_stage(count, "every 3"), "rarely"),
	};

	weir_sink(weir_unite("merge", both, 2, "tag=from"), "print");
	return weir_graph_run(graph, &(struct weir_options){ .limit = 7 });
}
