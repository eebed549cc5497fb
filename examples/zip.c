/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a zip: the k-th record of one stream beside the k-th of another, and a function of both. */
#include <weir/graph.h>

static int product(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)state;
	out[0].real = in[0].real * in[1].real;
	return 1;
}

int main(void)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *count = weir_source(graph, "synth:counter rate=max");
	struct weir_flow *sides[] = {
		weir_name(weir_stage(count, "select value"), "a"),
		weir_name(weir_stage(count, "select value = 10 - value"), "b"),
	};

	weir_sink(weir_map(weir_zip(sides, 2), "a_value, b_value", "product", product, NULL), "print");
	return weir_graph_run(graph, &(struct weir_options){ .limit = 4 });
}
