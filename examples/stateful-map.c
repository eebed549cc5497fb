/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a map with a state: a running sum, in a variable of the caller's. */
#include <weir/graph.h>

static int add(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	int64_t *sum = state;

	out[0].integer = *sum += in[0].integer;
	return 1;
}

int main(void)
{
	int64_t sum = 100;
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *count = weir_source(graph, "synth:counter rate=max");

	/* With a `+` the record keeps what it has. */
	weir_sink(weir_map(count, "value:int", "+sum:int", add, &sum), "print");
	return weir_graph_run(graph, &(struct weir_options){ .limit = 4 });
}
