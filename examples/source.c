/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a source that is a function: called every 10 ms, on time however long it ran, until it says that it is done. */
#include <errno.h>

#include <weir/graph.h>

struct fibonacci {
	int64_t now, next;
};

static int make(union weir_call_value *out, void *state)
{
	struct fibonacci *f = state;
	int64_t sum = f->now + f->next;

	if (f->now > 50)
		return -ENODATA;
	out[0].integer = f->now;
	f->now = f->next;
	f->next = sum;
	return 1;
}

int main(void)
{
	struct fibonacci f = { 0, 1 };
	struct weir_graph *graph = weir_graph_open();

	weir_sink(weir_produce(graph, "n:int", 10000000, make, &f), "print time=none");
	return weir_graph_run(graph, NULL);
}
