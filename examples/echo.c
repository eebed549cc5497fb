/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a feedback: an echo comes back after three records at half its strength, and again. */
#include <weir/graph.h>

static int mix(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)state;
	out[0].real = in[0].real + in[1].real / 2;
	return 1;
}

int main(void)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *count = weir_source(graph, "synth:counter rate=max");
	struct weir_flow *clap = weir_stage(count, "select clap = max(0, 1 - value)");
	struct weir_flow *past = weir_past(graph, "delay 3 heard=0");
	struct weir_flow *both[] = { clap, past };
	struct weir_flow *heard = weir_map(weir_zip(both, 2), "clap, heard", "heard", mix, NULL);

	weir_feed_back(past, heard);
	weir_sink(heard, "print");
	return weir_graph_run(graph, &(struct weir_options){ .limit = 8 });
}
