/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of an actuator, rehearsed: it says what it would do to the line, and parks it at the end. */
#include <stdio.h>

#include <weir/graph.h>

static int is_hot(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)state;
	out[0].integer = in[0].real > 2;
	return 1;
}

int main(void)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *degrees = weir_source(graph, "synth:counter rate=max");

	weir_sink(weir_map(degrees, "value", "on:bool", is_hot, NULL), "gpio:FAN park=off");
	return weir_graph_run(graph, &(struct weir_options){ .limit = 5, .dry_run = true, .messages = stdout });
}
