/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a map that gives nothing for some records and several for others: the words of each line. */
#include <string.h>

#include <weir/graph.h>

#define WORDS_MAX 16

struct words {
	char line[256];
};

static int split_line(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	struct words *words = state;
	char *rest;
	int n = 0;

	strncpy(words->line, in[0].text, sizeof(words->line) - 1);
	for (char *word = strtok_r(words->line, " ", &rest); word && n < WORDS_MAX; word = strtok_r(NULL, " ", &rest))
		out[n++].text = word;
	return n;
}

int main(void)
{
	struct words words = { "" };
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *lines = weir_source(graph, "lines:-");

	weir_sink(weir_map_many(lines, "text:text", "word:text:32", WORDS_MAX, split_line, &words), "print time=none");
	return weir_graph_run(graph, NULL);
}
