/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a filter: records for which a function is true go on as they are, the others do not. */
#include <weir/graph.h>

static int is_prime(const union weir_call_value *in, void *state)
{
	int64_t n = in[0].integer;

	(void)state;
	for (int64_t i = 2; i * i <= n; i++)
		if (n % i == 0)
			return 0;
	return n > 1;
}

int main(void)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *count = weir_source(graph, "synth:counter rate=max");

	weir_sink(weir_filter(count, "value:int", is_prime, NULL), "print");
	return weir_graph_run(graph, &(struct weir_options){ .limit = 14 });
}
