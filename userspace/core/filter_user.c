/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The predicate is evaluated node by node over a chunk of rows, not row by row over the nodes: each node writes one byte a
 * row, 0 or 1, in a loop without branches. Chunks are small enough for all of it to stay in the first-level cache.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/filter_user.h"

#define CHUNK 256u

/* A node with all that its loop needs. `raw - lo <= span` in unsigned arithmetic is both comparisons at once. */
struct step {
	enum weir_predicate_op op;
	uint16_t left, right;
	uint32_t at;
	uint8_t bytes, up, down; /* shifts that isolate the bits, as in weir_field_raw() */
	bool swap, is_signed;
	uint64_t lo, span;
};

struct weir_user_filter {
	uint32_t row_bytes, n;
	uint8_t (*mask)[CHUNK]; /* of each step */
	struct step step[];
};

static struct step make_step(const struct weir_predicate_node *node, const struct weir_schema *schema)
{
	struct step step = { .op = node->op, .left = node->left, .right = node->right };
	const struct weir_field *field = &schema->field[node->field];

	if (node->op != WEIR_PRED_RANGE)
		return step;
	if (weir_raw_is_unsigned(field) ? (uint64_t)node->lo > (uint64_t)node->hi : node->lo > node->hi) {
		step.op = WEIR_PRED_FALSE;
		return step;
	}
	step.at = field->at;
	step.bytes = (uint8_t)field->bytes;
	step.up = (uint8_t)(64 - field->shift - field->bits);
	step.down = (uint8_t)(64 - field->bits);
	step.swap = field->is_big_endian != (__BYTE_ORDER == __BIG_ENDIAN);
	step.is_signed = field->is_signed;
	step.lo = (uint64_t)node->lo;
	step.span = (uint64_t)node->hi - (uint64_t)node->lo;
	return step;
}

int weir_user_filter_open(struct weir_user_filter **out, const struct weir_predicate *predicate,
			  const struct weir_schema *schema)
{
	struct weir_user_filter *filter = calloc(1, sizeof(*filter) + predicate->n * sizeof(struct step));

	*out = NULL;
	if (!filter)
		return -ENOMEM;
	filter->mask = malloc(predicate->n * sizeof(*filter->mask));
	if (!filter->mask) {
		free(filter);
		return -ENOMEM;
	}
	filter->row_bytes = schema->row_bytes;
	filter->n = predicate->n;
	for (uint32_t i = 0; i < predicate->n; i++)
		filter->step[i] = make_step(&predicate->node[i], schema);
	*out = filter;
	return 0;
}

void weir_user_filter_close(struct weir_user_filter *filter)
{
	if (!filter)
		return;
	free(filter->mask);
	free(filter);
}

#define SWAP_8(x) (x)
#define SWAP_16(x) __builtin_bswap16(x)
#define SWAP_32(x) __builtin_bswap32(x)
#define SWAP_64(x) __builtin_bswap64(x)

/* One loop for each width of storage; what else may differ is decided outside of it or is a shift. */
#define DEFINE_RANGE(width)                                                                                    \
	static void range_##width(const struct step *step, const unsigned char *at, size_t stride, uint32_t n, \
				  uint8_t *mask)                                                               \
	{                                                                                                      \
		const uint64_t lo = step->lo, span = step->span;                                               \
		const unsigned up = step->up, down = step->down;                                               \
		const bool swap = step->swap, is_signed = step->is_signed;                                     \
                                                                                                               \
		for (uint32_t i = 0; i < n; i++) {                                                             \
			uint##width##_t value;                                                                 \
			uint64_t raw;                                                                          \
                                                                                                               \
			memcpy(&value, at + i * stride, sizeof(value));                                        \
			raw = (uint64_t)(swap ? SWAP_##width(value) : value) << up;                            \
			raw = is_signed ? (uint64_t)((int64_t)raw >> down) : raw >> down;                      \
			mask[i] = raw - lo <= span;                                                            \
		}                                                                                              \
	}

DEFINE_RANGE(8)
DEFINE_RANGE(16)
DEFINE_RANGE(32)
DEFINE_RANGE(64)

static void run_range(const struct step *step, const unsigned char *rows, size_t stride, uint32_t n, uint8_t *mask)
{
	switch (step->bytes) {
	case 1:
		range_8(step, rows + step->at, stride, n, mask);
		break;
	case 2:
		range_16(step, rows + step->at, stride, n, mask);
		break;
	case 4:
		range_32(step, rows + step->at, stride, n, mask);
		break;
	default:
		range_64(step, rows + step->at, stride, n, mask);
	}
}

static void run_step(const struct weir_user_filter *filter, const struct step *step, const unsigned char *rows,
		     uint32_t n, uint8_t *mask)
{
	const uint8_t *left = filter->mask[step->left], *right = filter->mask[step->right];

	switch (step->op) {
	case WEIR_PRED_RANGE:
		run_range(step, rows, filter->row_bytes, n, mask);
		break;
	case WEIR_PRED_AND:
		for (uint32_t i = 0; i < n; i++)
			mask[i] = left[i] & right[i];
		break;
	case WEIR_PRED_OR:
		for (uint32_t i = 0; i < n; i++)
			mask[i] = left[i] | right[i];
		break;
	default:
		memset(mask, step->op == WEIR_PRED_TRUE, n);
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
	unsigned char *to = rows;

	for (uint32_t done = 0, now; done < n; done += now) {
		const unsigned char *chunk = (const unsigned char *)rows + (size_t)done * filter->row_bytes;

		now = n - done < CHUNK ? n - done : CHUNK;
		for (uint32_t i = 0; i < filter->n; i++)
			run_step(filter, &filter->step[i], chunk, now, filter->mask[i]);
		to = compact(filter->mask[filter->n - 1], chunk, filter->row_bytes, now, to);
	}
	return (uint32_t)((size_t)(to - (unsigned char *)rows) / filter->row_bytes);
}
