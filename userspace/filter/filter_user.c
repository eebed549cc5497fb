/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The predicate is evaluated node by node over a chunk of rows, not row by row over the nodes: each node writes one byte a
 * row, 0 or 1, in a loop without branches. Chunks are small enough for all of it to stay in the first-level cache.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter/filter_user.h"

#define CHUNK 256u

/* A node with all that its loop needs. */
struct step {
	const struct weir_predicate_node *node;
	uint32_t at;
	uint8_t bytes, up, down; /* shifts that isolate the bits, as in weir_field_raw() */
	bool swap, is_signed;
};

struct weir_user_filter {
	struct weir_schema schema;
	struct weir_predicate predicate;
	uint64_t state[WEIR_STATE_WORDS];
	uint8_t mask[WEIR_PREDICATE_NODES_MAX][CHUNK]; /* of each step */
	struct step step[WEIR_PREDICATE_NODES_MAX];
};

static struct step make_step(const struct weir_predicate_node *node, const struct weir_schema *schema)
{
	const struct weir_field *field = &schema->field[node->field];

	return (struct step){
		.node = node,
		.at = field->at,
		.bytes = (uint8_t)field->bytes,
		.up = (uint8_t)(64 - field->shift - field->bits),
		.down = (uint8_t)(64 - field->bits),
		.swap = field->is_big_endian != (__BYTE_ORDER == __BIG_ENDIAN),
		.is_signed = field->is_signed,
	};
}

int weir_user_filter_open(struct weir_user_filter **out, const struct weir_predicate *predicate,
			  const struct weir_schema *schema)
{
	struct weir_user_filter *filter = calloc(1, sizeof(*filter));

	*out = filter;
	if (!filter)
		return -ENOMEM;
	filter->schema = *schema;
	filter->predicate = *predicate;
	for (uint32_t i = 0; i < predicate->n; i++)
		filter->step[i] = make_step(&filter->predicate.node[i], schema);
	return 0;
}

void weir_user_filter_close(struct weir_user_filter *filter)
{
	free(filter);
}

uint64_t *weir_user_filter_state(struct weir_user_filter *filter)
{
	return filter->state;
}

#define SWAP_8(x) (x)
#define SWAP_16(x) __builtin_bswap16(x)
#define SWAP_32(x) __builtin_bswap32(x)
#define SWAP_64(x) __builtin_bswap64(x)

/*
 * Two loops for each width of storage; what else may differ is decided outside of them or is a shift. Ranges are added to
 * the mask: `raw - lo <= span` in unsigned arithmetic is both comparisons at once.
 */
#define DEFINE_LOOPS(width)                                                                                    \
	static inline uint64_t raw_##width(const struct step *step, const unsigned char *at)                   \
	{                                                                                                      \
		uint##width##_t value;                                                                         \
		uint64_t raw;                                                                                  \
                                                                                                               \
		memcpy(&value, at, sizeof(value));                                                             \
		raw = (uint64_t)(step->swap ? SWAP_##width(value) : value) << step->up;                        \
		return step->is_signed ? (uint64_t)((int64_t)raw >> step->down) : raw >> step->down;           \
	}                                                                                                      \
	static void range_##width(const struct step *from, const unsigned char *at, size_t stride, uint32_t n, \
				  uint64_t lo, uint64_t span, uint8_t *mask)                                   \
	{                                                                                                      \
		const struct step step = *from;                                                                \
                                                                                                               \
		for (uint32_t i = 0; i < n; i++)                                                               \
			mask[i] |= raw_##width(&step, at + i * stride) - lo <= span;                           \
	}                                                                                                      \
	static void bits_##width(const struct step *from, const unsigned char *at, size_t stride, uint32_t n,  \
				 const uint64_t *bits, uint8_t *mask)                                          \
	{                                                                                                      \
		const uint64_t keys = UINT64_MAX >> from->down;                                                \
		const struct step step = *from;                                                                \
                                                                                                               \
		for (uint32_t i = 0; i < n; i++) {                                                             \
			uint64_t key = raw_##width(&step, at + i * stride) & keys;                             \
                                                                                                               \
			mask[i] = bits[key / 64] >> key % 64 & 1;                                              \
		}                                                                                              \
	}

DEFINE_LOOPS(8)
DEFINE_LOOPS(16)
DEFINE_LOOPS(32)
DEFINE_LOOPS(64)

/* A chunk of rows. */
struct chunk {
	const unsigned char *rows;
	size_t stride;
	uint32_t n;
};

static void add_range(const struct step *step, const struct chunk *chunk, int64_t lo, int64_t hi, uint8_t *mask)
{
	const unsigned char *at = chunk->rows + step->at;
	uint64_t from = (uint64_t)lo, span = (uint64_t)hi - (uint64_t)lo;

	switch (step->bytes) {
	case 1:
		range_8(step, at, chunk->stride, chunk->n, from, span, mask);
		break;
	case 2:
		range_16(step, at, chunk->stride, chunk->n, from, span, mask);
		break;
	case 4:
		range_32(step, at, chunk->stride, chunk->n, from, span, mask);
		break;
	default:
		range_64(step, at, chunk->stride, chunk->n, from, span, mask);
	}
}

static void run_bits(const struct step *step, const struct chunk *chunk, const uint64_t *bits, uint8_t *mask)
{
	const unsigned char *at = chunk->rows + step->at;

	switch (step->bytes) {
	case 1:
		bits_8(step, at, chunk->stride, chunk->n, bits, mask);
		break;
	case 2:
		bits_16(step, at, chunk->stride, chunk->n, bits, mask);
		break;
	case 4:
		bits_32(step, at, chunk->stride, chunk->n, bits, mask);
		break;
	default:
		bits_64(step, at, chunk->stride, chunk->n, bits, mask);
	}
}

/* Row by row, because whether a row passes depends on those before it. */
static void run_memory(struct weir_user_filter *filter, const struct step *step, const struct chunk *chunk,
		       uint8_t *mask)
{
	const uint8_t *reached = filter->mask[step->node->left];

	for (uint32_t i = 0; i < chunk->n; i++)
		mask[i] = reached[i] && weir_predicate_advance(step->node, &filter->schema,
							       chunk->rows + i * chunk->stride, filter->state);
}

static void run_poly(const struct weir_user_filter *filter, const struct step *step, const struct chunk *chunk,
		     uint8_t *mask)
{
	for (uint32_t i = 0; i < chunk->n; i++)
		mask[i] = weir_predicate_poly(&filter->predicate, step->node, &filter->schema,
					      chunk->rows + i * chunk->stride);
}

static void run_step(struct weir_user_filter *filter, const struct step *step, const struct chunk *chunk, uint8_t *mask)
{
	const struct weir_predicate_node *node = step->node;
	const uint8_t *left = filter->mask[node->left], *right = filter->mask[node->right];
	const struct weir_range *range = filter->predicate.range;

	memset(mask, node->op == WEIR_PRED_TRUE, chunk->n);
	switch (node->op) {
	case WEIR_PRED_RANGE:
		if (weir_predicate_constant(&filter->predicate, &filter->schema, (uint32_t)(step - filter->step)))
			add_range(step, chunk, node->lo, node->hi, mask);
		break;
	case WEIR_PRED_SET:
		for (uint32_t i = node->first; i < (uint32_t)node->first + node->n; i++)
			add_range(step, chunk, range[i].lo, range[i].hi, mask);
		break;
	case WEIR_PRED_BITS:
		run_bits(step, chunk, &filter->predicate.bits[node->first], mask);
		break;
	case WEIR_PRED_POLY:
		run_poly(filter, step, chunk, mask);
		break;
	case WEIR_PRED_AND:
		for (uint32_t i = 0; i < chunk->n; i++)
			mask[i] = left[i] & right[i];
		break;
	case WEIR_PRED_OR:
		for (uint32_t i = 0; i < chunk->n; i++)
			mask[i] = left[i] | right[i];
		break;
	case WEIR_PRED_TRUE:
	case WEIR_PRED_FALSE:
		break;
	default:
		run_memory(filter, step, chunk, mask);
	}
}

/* `to` is never behind the row that is looked at, and equal to it until the first row is dropped. */
static unsigned char *compact(const uint8_t *mask, const unsigned char *rows, size_t stride, uint32_t n,
			      unsigned char *to)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!mask[i])
			continue;
		if (to != rows + i * stride)
			memcpy(to, rows + i * stride, stride);
		to += stride;
	}
	return to;
}

uint32_t weir_user_filter_rows(struct weir_user_filter *filter, void *rows, uint32_t n)
{
	const uint32_t stride = filter->schema.row_bytes, n_steps = filter->predicate.n;
	unsigned char *to = rows;

	for (uint32_t done = 0; done < n;) {
		struct chunk chunk = { .rows = (const unsigned char *)rows + (size_t)done * stride,
				       .stride = stride,
				       .n = n - done < CHUNK ? n - done : CHUNK };

		for (uint32_t i = 0; i < n_steps; i++)
			run_step(filter, &filter->step[i], &chunk, filter->mask[i]);
		to = compact(filter->mask[n_steps - 1], chunk.rows, stride, chunk.n, to);
		done += chunk.n;
	}
	return (uint32_t)((size_t)(to - (unsigned char *)rows) / stride);
}
