/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a graph on two threads: what comes out is the same, byte for byte, on any number of them. */
#include <math.h>

#include <weir/graph.h>

static int weigh(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)state;
	out[0].real = sqrt(in[0].real);
	return 1;
}

int main(void)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *count = weir_source(graph, "synth:counter rate=max");
	struct weir_flow *sides[] = {
		weir_stage(weir_map(count, "value", "root", weigh, NULL), "window 1000 sum(root) as roots"),
		weir_stage(count, "window 1000 sum(value) as total"),
	};

	weir_sink(weir_zip(sides, 2), "print");
	return weir_graph_run(graph, &(struct weir_options){ .limit = 3000, .threads = 2 });
}
