/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What outlives a pipeline when its program is read again: the memory of early filters, found again by the text of the source
 * and of the stages that the filter is made of. A stage that was changed in any way begins anew.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/counters.h"
#include "core/run.h"

struct memory {
	char *key;
	uint64_t state[WEIR_STATE_WORDS];
};

struct weir_memories {
	uint32_t n;
	struct memory memory[];
};

static void write_text(const struct weir_node *node, FILE *out)
{
	int length;
	const char *text = weir_node_text(node, &length);

	fprintf(out, "%.*s|", length, text);
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

static bool remembers(const struct weir_stream *stream)
{
	return stream->filter && stream->predicate.n_state;
}

int weir_memories_take(struct weir_memories **out, const struct weir_pipeline *pipeline)
{
	struct weir_memories *memories = calloc(1, sizeof(*memories) + pipeline->n_streams * sizeof(struct memory));

	*out = memories;
	if (!memories)
		return WEIR_EXIT_RUNTIME;
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
	weir_memories_close(memories);
}

void weir_memories_close(struct weir_memories *memories)
{
	for (uint32_t i = 0; memories && i < memories->n; i++)
		free(memories->memory[i].key);
	free(memories);
}

bool weir_wants_reload(const struct weir_pipeline *pipeline)
{
	const struct weir_runtime *run = pipeline->runtime;

	return run->wants_reload && !run->abandoned;
}
