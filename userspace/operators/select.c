/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Choose and compute fields. A field that is merely named, and the time, keeps its kind, unit and every bit: its column is
 * the input's own. Only expressions have columns here. A record for which a regular expression gives up is left out.
 */
#include <errno.h>
#include <string.h>

#include "weir/driver.h"

struct select {
	struct weir_bindings fields;
	uint32_t width;              /**< of a computed text */
	struct weir_block *computed; /**< columns of the expressions; those of plain fields stay unused */
	struct weir_block *kept;     /**< where a record can be invalid: those that are not */
	double truth[WEIR_BLOCK_MAX];
	uint8_t faults[WEIR_BLOCK_MAX];
	uint32_t index[WEIR_BLOCK_MAX];
};

static enum weir_kind kind_of(const struct weir_binding *binding, const struct weir_field *from)
{
	if (from)
		return from->kind;
	if (binding->field == WEIR_FIELD_TIME)
		return WEIR_INT;
	if (weir_expr_is_text(binding->expr))
		return WEIR_TEXT;
	return weir_expr_is_bool(binding->expr) ? WEIR_BOOL : WEIR_REAL;
}

static uint32_t bytes_of(const struct select *select, const struct weir_binding *binding, enum weir_kind kind)
{
	uint32_t bytes;

	if (kind != WEIR_TEXT)
		return 8;
	bytes = weir_expr_text_bytes(binding->expr);
	return bytes < select->width ? bytes : select->width;
}

static int add_field(struct weir_node *node, const struct weir_binding *binding, const struct weir_schema *in,
		     struct weir_schema *out)
{
	const struct weir_field *from = binding->field >= 0 ? &in->field[binding->field] : NULL;
	enum weir_kind kind = kind_of(binding, from);
	int to = weir_schema_add(out, binding->name, kind, from ? from->unit : weir_expr_unit(binding->expr),
				 from ? from->bytes : bytes_of(weir_state(node), binding, kind));

	if (to == -EEXIST)
		return weir_fail_arg(node, "fields", "give each field a name of its own",
				     "select makes two fields named '%s'", binding->name);
	if (to < 0)
		return weir_fail_arg(node, "fields", "select fewer fields", "'%s' does not fit in one record: %s",
				     binding->name, weir_schema_limit(out->n_fields, strlen(binding->name)));
	/* From which raw integers a value came is part of what it is: `changed` and raw() ask. */
	if (from && kind == WEIR_REAL) {
		out->field[to].scale = from->scale;
		out->field[to].offset = from->offset;
	}
	return 0;
}

static int select_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct select *select = weir_state(node);
	bool can_fail = false;

	weir_schema_init(out, in->clock);
	for (uint32_t i = 0; i < select->fields.n; i++) {
		int err = add_field(node, &select->fields.at[i], in, out);

		if (err < 0)
			return err;
		can_fail |= select->fields.at[i].expr && weir_expr_can_fail(select->fields.at[i].expr);
	}
	if (can_fail && weir_block_open(&select->kept, weir_out(node)))
		return -ENOMEM;
	if (!can_fail)
		weir_one_for_one(node);
	return weir_block_open(&select->computed, weir_out(node));
}

static void compute(struct select *select, uint32_t i, const struct weir_block *in, const struct weir_block *out)
{
	if (out->schema->field[i].kind == WEIR_TEXT) {
		weir_expr_write(select->fields.at[i].expr, in, out->column[i].text, out->schema->field[i].bytes);
		return;
	}
	if (out->schema->field[i].kind == WEIR_REAL) {
		weir_expr_eval(select->fields.at[i].expr, in, out->column[i].real);
		return;
	}
	weir_expr_eval(select->fields.at[i].expr, in, select->truth);
	for (uint32_t k = 0; k < in->n; k++)
		out->column[i].integer[k] = select->truth[k] != 0;
}

/* Faults of one more field. */
static bool add_faults(struct select *select, uint32_t i, uint32_t n, bool has_faults)
{
	const uint8_t *faults = weir_expr_faults(select->fields.at[i].expr);

	if (faults && !has_faults)
		memcpy(select->faults, faults, n);
	for (uint32_t k = 0; faults && has_faults && k < n; k++)
		select->faults[k] |= faults[k];
	return has_faults || faults;
}

static int emit_sound(struct weir_node *node, const struct weir_block *out)
{
	struct select *select = weir_state(node);
	uint32_t n = 0, cut = 0;

	for (uint32_t k = 0; k < out->n; k++) {
		select->index[n] = k;
		n += !(select->faults[k] & WEIR_FAULT_INVALID);
		cut += select->faults[k] == WEIR_FAULT_CUT;
	}
	weir_lost(node, WEIR_LOST_CUT, cut);
	weir_lost(node, WEIR_LOST_POISON, out->n - n);
	if (n == out->n)
		return weir_emit(node, out);
	select->kept->n = 0;
	weir_block_gather(select->kept, out, select->index, n);
	return weir_emit(node, select->kept);
}

static int select_push(struct weir_node *node, const struct weir_block *in)
{
	struct select *select = weir_state(node);
	struct weir_block out = *select->computed;
	bool has_faults = false;

	out.n = in->n;
	out.t = in->t;
	for (uint32_t i = 0; i < out.schema->n_fields; i++) {
		int field = select->fields.at[i].field;

		if (field >= 0)
			out.column[i] = in->column[field];
		if (field == WEIR_FIELD_TIME)
			out.column[i].integer = in->t;
		if (field >= 0 || field == WEIR_FIELD_TIME)
			continue;
		compute(select, i, in, &out);
		has_faults = add_faults(select, i, in->n, has_faults);
	}
	return has_faults ? emit_sound(node, &out) : weir_emit(node, &out);
}

static void select_close(struct weir_node *node)
{
	struct select *select = weir_state(node);

	weir_block_close(select->kept);
	weir_block_close(select->computed);
}

static const struct weir_param params[] = {
	WEIR_P_FIELDS("fields", struct select, fields, "fields to keep and to compute: x, m = sqrt(x*x + y*y)",
		      .style = WEIR_POSITIONAL, .required = true, .takes_text = true),
	WEIR_PARAM_WIDTH(struct select, width,
			 "bytes of a computed text, with the zero at its end; longer texts are cut and counted"),
	{ 0 }
};

static const struct weir_operator_ops select_ops = {
	.state_bytes = sizeof(struct select),
	.open = select_open,
	.push = select_push,
	.close = select_close,
	.is_brief = true,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_select = {
	.name = "select",
	.doc = "choose fields and compute new ones",
	.operator_params = params,
	.stage = &select_ops,
};
