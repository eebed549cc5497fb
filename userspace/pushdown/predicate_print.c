/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A predicate in the language's terms. */
#include <inttypes.h>

#include "pushdown/pushdown.h"

#define RANGES_SHOWN 4u

static void print_range(const struct weir_field *field, int64_t lo, int64_t hi, FILE *stream)
{
	if (weir_raw_is_unsigned(field))
		fprintf(stream, "[%" PRIu64 ", %" PRIu64 "]", (uint64_t)lo, (uint64_t)hi);
	else
		fprintf(stream, "[%" PRId64 ", %" PRId64 "]", lo, hi);
}

static void print_set(const struct weir_predicate *predicate, const struct weir_predicate_node *node,
		      const struct weir_field *field, FILE *stream)
{
	const struct weir_range *range = &predicate->range[node->first];

	fprintf(stream, "raw(%s) in ", field->name);
	for (uint32_t i = 0; i < node->n && i < RANGES_SHOWN; i++) {
		fputs(i ? " or " : "", stream);
		print_range(field, range[i].lo, range[i].hi, stream);
	}
	if (node->n > RANGES_SHOWN)
		fprintf(stream, " or %u more ranges", node->n - RANGES_SHOWN);
}

static void print_bits(const struct weir_predicate *predicate, const struct weir_predicate_node *node,
		       const struct weir_field *field, FILE *stream)
{
	uint32_t all = UINT32_C(1) << field->bits, words = all / 64 + !(all / 64), n = 0;

	for (uint32_t i = 0; i < words; i++)
		n += (uint32_t)__builtin_popcountll(predicate->bits[node->first + i]);
	fprintf(stream, "raw(%s) one of %u of %u values", field->name, n, all);
}

static void print_channel(const struct weir_poly *poly, const struct weir_schema *schema, uint32_t channel,
			  FILE *stream)
{
	int64_t offset = poly->channel[channel].offset;

	fprintf(stream, offset ? "(raw(%s) %c %" PRId64 ")" : "raw(%s)",
		schema->field[poly->channel[channel].field].name, offset < 0 ? '-' : '+',
		offset < 0 ? -offset : offset);
}

static void print_term(const struct weir_poly *poly, const struct weir_schema *schema, uint32_t term, FILE *stream)
{
	int64_t factor = poly->term[term].factor;
	const char *between = "";

	if (term)
		fputs(factor < 0 ? " - " : " + ", stream);
	else if (factor < 0)
		fputc('-', stream);
	if (factor != 1 && factor != -1) {
		fprintf(stream, "%" PRId64, factor < 0 ? -factor : factor);
		between = "*";
	}
	for (uint32_t i = 0; i < poly->n_channels; i++)
		for (uint32_t power = poly->term[term].power[i]; power; power--) {
			fputs(between, stream);
			print_channel(poly, schema, i, stream);
			between = "*";
		}
}

static void print_bound(const char *sign, int64_t bound, const char *joint, FILE *stream)
{
	if (bound != INT64_MIN && bound != INT64_MAX)
		fprintf(stream, "%s%s %" PRId64, joint, sign, bound);
}

static void print_poly_ranges(const struct weir_range *range, uint32_t n, FILE *stream)
{
	for (uint32_t i = 0; i < n && i < RANGES_SHOWN; i++) {
		fputs(i ? " or" : "", stream);
		print_bound(">=", range[i].lo, " ", stream);
		print_bound("<=", range[i].hi, range[i].lo == INT64_MIN ? " " : " and ", stream);
	}
	if (n > RANGES_SHOWN)
		fprintf(stream, " or %u more ranges", n - RANGES_SHOWN);
}

static void print_box(const struct weir_poly *poly, const struct weir_schema *schema, FILE *stream)
{
	for (uint32_t i = 0; i < poly->n_channels; i++)
		if (poly->channel[i].is_bounded)
			fprintf(stream, "raw(%s) %s [%" PRId64 ", %" PRId64 "] %s ",
				schema->field[poly->channel[i].field].name, poly->drops_outside ? "in" : "not in",
				poly->channel[i].lo, poly->channel[i].hi, poly->drops_outside ? "and" : "or");
}

static void print_poly(const struct weir_predicate *predicate, const struct weir_schema *schema,
		       const struct weir_predicate_node *node, FILE *stream)
{
	const struct weir_poly *poly = &predicate->poly[node->poly];

	fputc('(', stream);
	print_box(poly, schema, stream);
	for (uint32_t i = 0; i < poly->n_terms && node->n; i++)
		print_term(poly, schema, i, stream);
	print_poly_ranges(&predicate->range[node->first], node->n, stream);
	fputs(node->n ? ")" : "false)", stream);
}

static void print_node(const struct weir_predicate *predicate, const struct weir_schema *schema, uint32_t index,
		       FILE *stream);

static void print_pair(const struct weir_predicate *predicate, const struct weir_schema *schema,
		       const struct weir_predicate_node *node, FILE *stream)
{
	fputc('(', stream);
	print_node(predicate, schema, node->left, stream);
	fputs(node->op == WEIR_PRED_AND ? " and " : " or ", stream);
	print_node(predicate, schema, node->right, stream);
	fputc(')', stream);
}

static void print_memory(const struct weir_predicate *predicate, const struct weir_schema *schema,
			 const struct weir_predicate_node *node, FILE *stream)
{
	if (predicate->node[node->left].op != WEIR_PRED_TRUE) {
		print_node(predicate, schema, node->left, stream);
		fputs(", then ", stream);
	}
	if (node->op == WEIR_PRED_CHANGED)
		fprintf(stream, "raw(%s) changed by %" PRId64, schema->field[node->field].name, node->lo);
	else
		fprintf(stream, "every %" PRId64 "%s", node->lo, node->op == WEIR_PRED_EVERY_TIME ? " ns" : "");
}

static void print_node(const struct weir_predicate *predicate, const struct weir_schema *schema, uint32_t index,
		       FILE *stream)
{
	const struct weir_predicate_node *node = &predicate->node[index];
	const struct weir_field *field = &schema->field[node->field];

	switch (node->op) {
	case WEIR_PRED_RANGE:
		fprintf(stream, "raw(%s) in ", field->name);
		print_range(field, node->lo, node->hi, stream);
		break;
	case WEIR_PRED_SET:
		print_set(predicate, node, field, stream);
		break;
	case WEIR_PRED_BITS:
		print_bits(predicate, node, field, stream);
		break;
	case WEIR_PRED_POLY:
		print_poly(predicate, schema, node, stream);
		break;
	case WEIR_PRED_AND:
	case WEIR_PRED_OR:
		print_pair(predicate, schema, node, stream);
		break;
	case WEIR_PRED_TRUE:
	case WEIR_PRED_FALSE:
		fputs(node->op == WEIR_PRED_TRUE ? "true" : "false", stream);
		break;
	default:
		print_memory(predicate, schema, node, stream);
	}
}

void weir_predicate_print(const struct weir_predicate *predicate, const struct weir_schema *schema, FILE *stream)
{
	print_node(predicate, schema, predicate->n - 1, stream);
}
