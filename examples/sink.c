/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a sink that is a function, with the record's time. */
#include <stdio.h>

#include <weir/graph.h>

static int show(const union weir_call_value *in, void *state)
{
	fprintf(state, "at %lld ms: %g\n", (long long)in[0].integer / 1000000, in[1].real);
	return 0;
}

int main(void)
{
	struct weir_graph *graph = weir_graph_open();

	weir_consume(weir_source(graph, "synth:counter rate=max"), "t:int, value", show, stdout);
	return weir_graph_run(graph, &(struct weir_options){ .limit = 3 });
}
