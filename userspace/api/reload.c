/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What outlives a pipeline when its program is read again: the memory of early filters, found again by the text of the source
 * and of the stages that the filter is made of; which chains there were, so that only new ones are told how things stand; and the
 * connection to a guard that holds the outputs until the new program has taken its own. A stage that was changed in any way begins
 * anew.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/counters.h"
#include "core/notify.h"
#include "core/run.h"

struct memory {
	char *key;
	uint64_t state[WEIR_STATE_WORDS];
};

struct weir_memories {
	char *chains; /* a line for each way from a source to an end */
	struct weir_guarding *left;
	uint32_t n;
	struct memory memory[];
};

/* With parameters in it, the values belong to the text. */
static void write_text(const struct weir_node *node, FILE *out)
{
	const char *text = weir_report_text(node->pipeline->report) + node->args->where.at;
	char *const *variable = node->pipeline->environment;

	fprintf(out, "%.*s|", (int)node->args->where.length, text);
	for (; variable && *variable && memchr(text, '$', node->args->where.length); variable++)
		fprintf(out, "%s|", *variable);
}

static char *key_of(const struct weir_stream *stream)
{
	char *key = NULL;
	size_t size;
	FILE *out = open_memstream(&key, &size);

	if (!out)
		return NULL;
	write_text(stream->from, out);
	for (uint32_t i = 0; i < stream->n_pushed; i++)
		write_text(stream->pushed[i], out);
	if (!fclose(out))
		return key;
	free(key);
	return NULL;
}

/* --- chains ------------------------------------------------------------------- */

#define WAY_MAX 64    /* agents of one way: a circle of streams ends here */
#define WAYS_MAX 4096 /* ways of one port; where there are more, its chains count as new */

struct way {
	const struct weir_pipeline *pipeline;
	const struct weir_agent *agent[WAY_MAX];
	uint32_t n, n_told;
	const struct weir_stream *source;
	void (*tell)(void *context, const char *text);
	void *context;
};

static void write_chain(const struct weir_agent *agent, FILE *out)
{
	for (const struct weir_node *node = agent->first; node; node = node->down)
		write_text(node, out);
}

static void tell_way(struct way *way)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	write_text(way->source->from, out);
	for (uint32_t i = 0; i < way->source->n_pushed; i++)
		write_text(way->source->pushed[i], out);
	for (uint32_t i = 0; i < way->n; i++)
		write_chain(way->agent[i], out);
	if (!fclose(out))
		way->tell(way->context, text);
	free(text);
}

static bool reads(const struct weir_agent *agent, const struct weir_stream *stream)
{
	for (uint32_t i = 0; i < agent->n_ports; i++)
		if (agent->port[i].from == stream)
			return true;
	return false;
}

static void follow(struct way *way, const struct weir_agent *agent)
{
	const struct weir_stream *out = weir_chain_last(agent->first)->stream;

	if (way->n == WAY_MAX || way->n_told == WAYS_MAX)
		return;
	way->agent[way->n++] = agent;
	if (!out) {
		tell_way(way);
		way->n_told++;
	}
	for (uint32_t i = 0; out && i < way->pipeline->n_agents; i++)
		if (reads(way->pipeline->agent[i], out))
			follow(way, way->pipeline->agent[i]);
	way->n--;
}

static void write_line(void *context, const char *text)
{
	for (; *text; text++)
		fputc(*text == '\n' ? ' ' : *text, context);
	fputc('\n', context);
}

/* From a port to all ends. False: there are too many. */
static bool for_ways(const struct weir_pipeline *pipeline, const struct weir_agent *agent, uint32_t port,
		     void (*tell)(void *context, const char *text), void *context)
{
	struct way way = {
		.pipeline = pipeline,
		.source = agent->port[port].from,
		.tell = tell,
		.context = context,
	};

	follow(&way, agent);
	return way.n_told < WAYS_MAX;
}

static bool reads_source(const struct weir_agent *agent, uint32_t port)
{
	return agent->port[port].from->from->role == WEIR_SOURCE;
}

static char *chains_of(const struct weir_pipeline *pipeline)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputc('\n', out);
	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		for (uint32_t k = 0; k < pipeline->agent[i]->n_ports; k++)
			if (reads_source(pipeline->agent[i], k))
				for_ways(pipeline, pipeline->agent[i], k, write_line, out);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

struct search {
	const char *chains;
	bool knows_all;
};

static void look_up(void *context, const char *text)
{
	struct search *search = context;
	char *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);

	if (!out)
		return;
	fputc('\n', out);
	write_line(out, text);
	if (!fclose(out))
		search->knows_all &= strstr(search->chains, line) != NULL;
	free(line);
}

static bool is_known(const char *chains, const struct weir_pipeline *pipeline, const struct weir_agent *agent,
		     uint32_t port)
{
	struct search search = { .chains = chains, .knows_all = true };

	return for_ways(pipeline, agent, port, look_up, &search) && search.knows_all;
}

/* A port is told unless each way from it was there before. */
static void give_start(const struct weir_memories *memories, struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; memories->chains && i < pipeline->n_agents; i++) {
		struct weir_agent *agent = pipeline->agent[i];

		for (uint32_t k = 0; k < agent->n_ports; k++)
			agent->port[k].knows_start = reads_source(agent, k) &&
						     is_known(memories->chains, pipeline, agent, k);
	}
}

/* --- filters ------------------------------------------------------------------ */

static bool remembers(const struct weir_stream *stream)
{
	return stream->filter && stream->predicate->n_state;
}

int weir_memories_take(struct weir_memories **out, const struct weir_pipeline *pipeline)
{
	struct weir_memories *memories = calloc(1, sizeof(*memories) + pipeline->n_streams * sizeof(struct memory));

	*out = memories;
	if (!memories)
		return WEIR_EXIT_RUNTIME;
	memories->chains = chains_of(pipeline);
	memories->left = pipeline->runtime->left;
	pipeline->runtime->left = NULL;
	for (uint32_t i = 0; i < pipeline->n_streams; i++) {
		struct memory *memory = &memories->memory[memories->n];

		if (!remembers(pipeline->stream[i]))
			continue;
		memory->key = key_of(pipeline->stream[i]);
		weir_filter_get_state(pipeline->stream[i]->filter, memory->state);
		memories->n += memory->key != NULL;
	}
	return WEIR_EXIT_OK;
}

/* Each goes to one stream: where two are the same, the first to the first. */
static void give(struct weir_memories *memories, struct weir_stream *stream)
{
	char *key = key_of(stream);

	for (uint32_t i = 0; key && i < memories->n; i++) {
		struct memory *memory = &memories->memory[i];

		if (!memory->key || strcmp(memory->key, key))
			continue;
		weir_filter_set_state(stream->filter, memory->state);
		free(memory->key);
		memory->key = NULL;
		break;
	}
	free(key);
}

void weir_memories_give(struct weir_memories *memories, struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; memories && i < pipeline->n_streams; i++)
		if (remembers(pipeline->stream[i]))
			give(memories, pipeline->stream[i]);
	if (memories) {
		give_start(memories, pipeline);
		pipeline->runtime->left = memories->left;
		memories->left = NULL;
	}
	weir_memories_close(memories);
}

void weir_memories_close(struct weir_memories *memories)
{
	for (uint32_t i = 0; memories && i < memories->n; i++)
		free(memories->memory[i].key);
	if (memories) {
		weir_guarding_free(memories->left);
		free(memories->chains);
	}
	free(memories);
}

void weir_notify_reload(void)
{
	(void)!weir_notify_reloading();
}
