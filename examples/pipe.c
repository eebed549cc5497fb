/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of records that a thread of the application makes: it writes them to a pipe, a bounded queue. */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include <weir/graph.h>

static void *work(void *context)
{
	int fd = *(int *)context;

	for (int64_t i = 0; i < 4; i++)
		if (write(fd, &i, sizeof(i)) < 0)
			break;
	close(fd);
	return NULL;
}

static int take(union weir_call_value *out, void *state)
{
	return read(*(int *)state, &out[0].integer, sizeof(out[0].integer)) > 0 ? 1 : -ENODATA;
}

int main(void)
{
	struct weir_graph *graph = weir_graph_open();
	pthread_t thread;
	int ends[2], status;

	if (pipe(ends) || pthread_create(&thread, NULL, work, &ends[1]))
		return 1;
	weir_sink(weir_produce_from(graph, "i:int", ends[0], take, &ends[0]), "print time=none");
	status = weir_graph_run(graph, NULL);
	pthread_join(thread, NULL);
	return status;
}
