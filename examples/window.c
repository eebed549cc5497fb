/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a function of windows: the range of every four values, a window each two. */
#include <math.h>

#include <weir/graph.h>

static int range(const struct weir_call_list *in, struct weir_call_list *out, void *state)
{
	double least = INFINITY, greatest = -INFINITY;

	(void)state;
	for (uint32_t i = 0; i < in->n; i++) {
		least = fmin(least, in->column[0][i].real);
		greatest = fmax(greatest, in->column[0][i].real);
	}
	out->column[0][0].real = greatest - least;
	out->column[1][0].integer = in->n;
	out->n = 1;
	return 0;
}

int main(void)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *count = weir_source(graph, "synth:counter rate=max");
	struct weir_flow *square = weir_stage(count, "select x = value * value");

	weir_sink(weir_window(square, "4 step=2", "x", "range, n:int", range, NULL), "print");
	return weir_graph_run(graph, &(struct weir_options){ .limit = 8 });
}
