/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The k-th record of one stream beside the k-th of every other, whatever their times; the time is that of the latest of them, or, where
 * their clocks differ, that of the first.
 * No value is moved: the columns of the output are those of the inputs.
 */
#include <string.h>

#include "weir/tributary.h"

struct zip {
	uint32_t n;
	uint32_t n_fields[WEIR_FIELDS_MAX]; /**< by input */
	bool is_of_one_clock;
	struct weir_block *times;
};

static int zip_open(struct weir_node *node, const struct weir_tributary *in, uint32_t n, struct weir_schema *out)
{
	struct zip *zip = weir_state(node);
	int err;

	if (n > WEIR_FIELDS_MAX)
		return weir_fail_arg(node, NULL, NULL, "no record has room for %u streams", n);
	zip->n = n;
	for (uint32_t i = 0; i < n; i++)
		zip->n_fields[i] = in[i].schema->n_fields;
	zip->is_of_one_clock = weir_tributaries_of_one_clock(in, n);
	weir_schema_init(out, in[0].schema->clock);
	err = weir_tributaries_add(node, in, n, false, out);
	return err < 0 ? err : weir_block_open(&zip->times, weir_out(node));
}

static void latest(int64_t *t, const int64_t *a, const int64_t *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		t[i] = a[i] > b[i] ? a[i] : b[i];
}

static int zip_rows(struct weir_node *node, const struct weir_block *const *in)
{
	struct zip *zip = weir_state(node);
	struct weir_block out = { .schema = weir_out(node), .n = in[0]->n, .t = zip->times->t };
	uint32_t column = 0;

	memcpy(out.t, in[0]->t, out.n * sizeof(*out.t));
	for (uint32_t i = 1; i < zip->n && zip->is_of_one_clock; i++)
		latest(out.t, out.t, in[i]->t, out.n);
	for (uint32_t i = 0; i < zip->n; i++)
		for (uint32_t k = 0; k < zip->n_fields[i]; k++)
			out.column[column++] = in[i]->column[k];
	return weir_emit(node, &out);
}

static void zip_close(struct weir_node *node)
{
	struct zip *zip = weir_state(node);

	weir_block_close(zip->times);
}

static const struct weir_combiner_ops zip_ops = {
	.state_bytes = sizeof(struct zip),
	.open = zip_open,
	.rows = zip_rows,
	.close = zip_close,
};

const struct weir_driver weir_operator_zip = {
	.name = "zip",
	.doc = "put the k-th records of several streams side by side",
	.combiner = &zip_ops,
};
