/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "core/run.h"
#include "lang/check.h"
#include "stream/record.h"

/* --------------------------------------------------- both ends of the chain */

static int end_open(struct weir_node *node, const struct weir_schema *in)
{
	(void)node;
	(void)in;
	return 0;
}

static void grow(struct harness *h, uint32_t n)
{
	if (h->capacity >= h->n + n)
		return;
	while (h->capacity < h->n + n)
		h->capacity = h->capacity ? 2 * h->capacity : 1024;
	h->t = realloc(h->t, h->capacity * sizeof(*h->t));
	assert_non_null(h->t);
	for (uint32_t i = 0; i < h->schema.n_fields; i++) {
		h->value[i] = realloc(h->value[i], h->capacity * sizeof(**h->value));
		assert_non_null(h->value[i]);
	}
}

static void collect_column(struct harness *h, uint32_t field, const struct weir_block *block)
{
	for (uint32_t k = 0; k < block->n; k++) {
		union harness_value *value = &h->value[field][h->n + k];
		union weir_column column = block->column[field];

		if (h->schema.field[field].kind == WEIR_REAL)
			value->real = column.real[k];
		else if (h->schema.field[field].kind == WEIR_TEXT)
			value->text = strdup(column.text + (size_t)k * h->schema.field[field].bytes);
		else
			value->integer = column.integer[k];
	}
}

static void collect(struct harness *h, const struct weir_block *block)
{
	assert_in_range(block->n, 1, WEIR_BLOCK_MAX);
	assert_int_equal(block->schema->n_fields, h->schema.n_fields);
	grow(h, block->n);
	memcpy(h->t + h->n, block->t, block->n * sizeof(*h->t));
	for (uint32_t i = 0; i < h->schema.n_fields; i++)
		collect_column(h, i, block);
	h->n += block->n;
	h->n_blocks++;
	if (block->n > h->largest)
		h->largest = block->n;
}

static int end_push(struct weir_node *node, const struct weir_block *block)
{
	collect(*(struct harness **)weir_state(node), block);
	return 0;
}

static int begin_open(struct weir_node *node, struct weir_schema *out)
{
	(void)node;
	weir_schema_init(out, WEIR_CLOCK_NOMINAL);
	return 0;
}

static const struct weir_param no_params[] = { { 0 } };
static const struct weir_sink_ops end_ops = {
	.state_bytes = sizeof(struct harness *),
	.open = end_open,
	.push = end_push,
};
static const struct weir_source_ops begin_ops = { .open = begin_open };
static const struct weir_driver end_driver = { .name = "end", .sink_params = no_params, .sink = &end_ops };
static const struct weir_driver begin_driver = { .name = "begin", .source_params = no_params, .source = &begin_ops };

/* ------------------------------------------------------------ open and close */

static struct weir_node *add(struct harness *h, const struct weir_driver *driver, enum weir_role role,
			     struct weir_args *args, struct weir_node *up)
{
	struct weir_node *node = NULL;

	if (args && !weir_pipeline_add(h->pipeline, driver, role, args, up, &node) && up)
		up->down = node;
	return node;
}

static bool add_parts(struct harness *h, const struct weir_tree_chain *chain)
{
	struct weir_checking c = { .report = h->pipeline->report };
	struct weir_node *node = h->source;

	for (uint32_t i = h->source ? 1 : 0; i < chain->n_parts; i++) {
		const struct weir_tree_part *part = &chain->parts[i];

		c.schema = node ? &node->out : NULL;
		node = part->driver ? add(h, part->driver, part->role, weir_check_args(&c, part), node) : NULL;
		if (!node)
			return false;
		if (part->role == WEIR_SOURCE)
			h->source = node;
		else if (!h->first)
			h->first = node;
	}
	h->last = node;
	return true;
}

static bool add_end(struct harness *h)
{
	struct weir_node *end;

	/* What ends a chain has no fields, and no memory for any. */
	weir_schema_copy(&h->schema, &h->last->out);
	if (h->last->role == WEIR_SINK || h->last->role == WEIR_ACTUATOR)
		return true;
	end = add(h, &end_driver, WEIR_SINK, weir_args_new(no_params), h->last);
	assert_non_null(end);
	*(struct harness **)end->state = h;
	return true;
}

static bool ends_in_sink(const char *chain)
{
	const char *last = strrchr(chain, '|');
	char word[32] = "";

	sscanf(last ? last + 1 : chain, " %31[a-z]", word);
	return weir_driver_find(word, WEIR_SINK) || weir_driver_find(word, WEIR_ACTUATOR);
}

bool harness_open(struct harness *h, const char *chain, const struct weir_schema *in)
{
	struct weir_tree *tree;
	char text[4096];
	bool good;

	*h = (struct harness){ .time_ns = INT64_MIN };
	/* A chain that ends in a stage must have a name, and one that ends in a sink must not. */
	snprintf(text, sizeof(text), "%s%s%s", in && ends_in_sink(chain) ? "" : "it = ", in ? "begin | " : "", chain);
	assert_int_equal(weir_pipeline_new(&h->pipeline, NULL, "<test>", text), 0);
	if (in) {
		h->source = add(h, &begin_driver, WEIR_SOURCE, weir_args_new(no_params), NULL);
		assert_non_null(h->source);
		h->source->out = *in;
	}
	assert_int_equal(weir_parse(&tree, h->pipeline->report), 0);
	assert_int_equal(tree->n_chains, 1);
	good = add_parts(h, &tree->chains[0]) && add_end(h);
	weir_tree_close(tree);
	return good;
}

void harness_close(struct harness *h)
{
	for (uint32_t i = 0; i < h->schema.n_fields; i++) {
		for (uint32_t k = 0; h->schema.field[i].kind == WEIR_TEXT && k < h->n; k++)
			free(h->value[i][k].text);
		free(h->value[i]);
	}
	free(h->t);
	weir_close(h->pipeline);
}

/* ---------------------------------------------------------------------- run */

int harness_start(struct harness *h)
{
	if (h->source->driver->source->start)
		return h->source->driver->source->start(h->source, false);
	if (h->last->role == WEIR_SINK && h->last->driver->sink->start)
		return h->last->driver->sink->start(h->last);
	return 0;
}

int harness_push(struct harness *h, const struct weir_block *block)
{
	return weir_chain_push(h->first, block, &h->time_ns, INT64_MIN);
}

void harness_push_cut(struct harness *h, const struct weir_block *memory, uint32_t n, uint32_t most, uint64_t *random)
{
	for (uint32_t from = 0, count; from < n; from += count) {
		struct weir_block block;

		count = 1 + harness_below(random, most);
		if (count > n - from)
			count = n - from;
		weir_block_slice(&block, memory, from, count);
		assert_true(harness_push(h, &block) >= 0);
	}
}

int harness_flush(struct harness *h)
{
	int64_t end = h->time_ns > INT64_MIN && h->time_ns < INT64_MAX ? h->time_ns + 1 : h->time_ns;

	return weir_chain_flush(h->first, &end);
}

void harness_run(struct harness *h, const char *chain, const struct weir_block *memory, uint32_t most, uint64_t seed)
{
	if (!harness_open(h, chain, memory->schema))
		fail_msg("%s: %s", chain, harness_error(h));
	harness_push_cut(h, memory, memory->n, most, &seed);
	assert_true(harness_flush(h) >= 0);
}

void harness_run_cut(struct harness *h, const char *chain, const struct weir_block *memory, uint64_t *random)
{
	struct harness cut;

	harness_run(h, chain, memory, WEIR_BLOCK_MAX, *random);
	harness_run(&cut, chain, memory, 1 + harness_below(random, 20), *random);
	harness_expect_same(h, &cut);
	harness_close(&cut);
}

int harness_pull(struct harness *h, uint32_t max)
{
	struct weir_wait wait = { .until_ns = INT64_MAX, .fd = -1 };
	void *memory = malloc((size_t)max * h->source->out.row_bytes);
	struct weir_rows rows = { .at = memory, .left = max, .stride = h->source->out.row_bytes };
	struct weir_block *block;
	int result;

	assert_non_null(memory);
	assert_int_equal(weir_block_open(&block, &h->source->out), 0);
	result = h->over ? h->result : weir_source_produce(h->source, &rows, &wait);
	h->until_ns = wait.until_ns;
	if (rows.n) {
		weir_rows_decode(&h->source->out, memory, rows.n, block);
		collect(h, block);
	}
	weir_block_close(block);
	free(memory);
	h->over = result <= 0 && result != -EAGAIN;
	h->result = result;
	return rows.n ? (int)rows.n : result;
}

int harness_pull_all(struct harness *h, uint32_t max)
{
	for (;;) {
		int n = harness_pull(h, max);

		if (n <= 0 && n != -EAGAIN)
			return n;
		if (n == -EAGAIN)
			poll(NULL, 0, 1);
	}
}

/* ------------------------------------------------------------------ compare */

char *harness_error(struct harness *h)
{
	size_t size;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	weir_report_print(h->pipeline->report, stream);
	fclose(stream);
	return text;
}

void harness_expect_error(struct harness *h, const char *text)
{
	char *error = harness_error(h);

	if (!strstr(error, text))
		fail_msg("'%s' is not in what was reported:\n%s", text, error);
	free(error);
}

void harness_expect_refusal(const char *chain, const struct weir_schema *in, const char *text)
{
	struct harness h;

	if (harness_open(&h, chain, in))
		fail_msg("'%s' was not refused", chain);
	harness_expect_error(&h, text);
	harness_close(&h);
}

static void expect_same_column(const struct harness *a, const struct harness *b, uint32_t field)
{
	for (uint32_t k = 0; k < a->n; k++) {
		union harness_value x = a->value[field][k], y = b->value[field][k];

		if (a->schema.field[field].kind == WEIR_TEXT)
			assert_string_equal(x.text, y.text);
		else if (x.integer != y.integer)
			fail_msg("record %u of '%s': %.17g and %.17g", k, a->schema.field[field].name, x.real, y.real);
	}
}

void harness_expect_same(const struct harness *a, const struct harness *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->schema.n_fields, b->schema.n_fields);
	if (a->n)
		assert_memory_equal(a->t, b->t, a->n * sizeof(*a->t));
	for (uint32_t i = 0; i < a->schema.n_fields; i++)
		expect_same_column(a, b, i);
}

struct weir_block *harness_memory(const struct weir_schema *schema, uint32_t n)
{
	struct weir_block *block = calloc(1, sizeof(*block));

	assert_non_null(block);
	*block = (struct weir_block){ .schema = schema, .n = n, .max = n, .t = calloc(n, sizeof(*block->t)) };
	assert_non_null(block->t);
	for (uint32_t i = 0; i < n; i++)
		block->t[i] = (int64_t)i * 1000000;
	for (uint32_t i = 0; i < schema->n_fields; i++) {
		block->column[i].any = calloc(n, schema->field[i].kind == WEIR_TEXT ? schema->field[i].bytes : 8);
		assert_non_null(block->column[i].any);
	}
	return block;
}

struct weir_block *harness_numbers(struct weir_schema *schema, uint32_t n)
{
	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	return harness_memory(schema, n);
}

void harness_memory_free(struct weir_block *block)
{
	for (uint32_t i = 0; i < block->schema->n_fields; i++)
		free(block->column[i].any);
	free(block->t);
	free(block);
}

uint64_t harness_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t harness_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((harness_random(state) >> 32) * n >> 32);
}

double harness_uniform(uint64_t *state)
{
	return (double)(int64_t)harness_random(state) * 0x1p-63;
}
