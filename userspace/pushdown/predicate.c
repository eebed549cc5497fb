/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a condition over physical values to sets of raw integers: where a part of the condition depends on one channel, the
 * set is found exactly; `and`, `or`, `not` join such parts. Of an `and` one side is enough, because the whole implies it: then
 * rows pass that the condition does not hold for, and user space must decide. `not` is taken down to the parts, where it is
 * the complement of the set, never the opposite operator, which NaN would make wrong.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pushdown/predicate.h"

/* ------------------------------------------------------- what depends on what */

static bool uses_time(const struct weir_tree_expr *tree)
{
	bool uses = tree->op == WEIR_E_FIELD && tree->field == WEIR_FIELD_TIME;

	for (uint32_t i = 0; i < tree->n; i++)
		uses |= uses_time(tree->argument[i]);
	return uses;
}

/* ------------------------------------------------------------------ the tree */

/* How much of a predicate is in use: what to go back to when a part of a condition cannot be had. */
struct mark {
	uint32_t n, n_ranges, n_bits, n_polys;
};

static struct mark mark_of(const struct weir_predicate *predicate)
{
	return (struct mark){ predicate->n, predicate->n_ranges, predicate->n_bits, predicate->n_polys };
}

static void go_back(struct weir_predicate *predicate, struct mark mark)
{
	predicate->n = mark.n;
	predicate->n_ranges = mark.n_ranges;
	predicate->n_bits = mark.n_bits;
	predicate->n_polys = mark.n_polys;
}

static int derive(struct weir_derivation *d, const struct weir_tree_expr *tree, bool negated);

static int derive_constant(struct weir_derivation *d, const struct weir_tree_expr *tree, bool negated)
{
	struct weir_predicate_node node = { .where = tree->where };

	/* Folded when it was bound. */
	node.op = (tree->number != 0) != negated ? WEIR_PRED_TRUE : WEIR_PRED_FALSE;
	return weir_predicate_add(d->out, node, d->why);
}

/* Both sides, or of an `and` the one that can be had. */
static int derive_pair(struct weir_derivation *d, const struct weir_tree_expr *tree, bool negated)
{
	bool both_hold = (tree->op == WEIR_E_AND) != negated;
	struct weir_predicate_node node = { .op = both_hold ? WEIR_PRED_AND : WEIR_PRED_OR, .where = tree->where };
	int left = derive(d, tree->argument[0], negated), right;

	if (left < 0 && (left != -ENOTSUP || !both_hold))
		return left;
	right = derive(d, tree->argument[1], negated);
	if (right < 0 && (right != -ENOTSUP || !both_hold || left < 0))
		return right;
	if (left < 0 || right < 0) {
		d->exact = false;
		return left < 0 ? right : left;
	}
	node.left = (uint16_t)left;
	node.right = (uint16_t)right;
	return weir_predicate_add(d->out, node, d->why);
}

static int derive_several(struct weir_derivation *d, const struct weir_tree_expr *tree, bool negated)
{
	switch (tree->op) {
	case WEIR_E_NOT:
		return derive(d, tree->argument[0], !negated);
	case WEIR_E_AND:
	case WEIR_E_OR:
		return derive_pair(d, tree, negated);
	default:
		if (uses_time(tree))
			return weir_refuse(d->why,
					   "'%s' has the time in it; only what depends on channels is pushed down",
					   weir_word_of(tree));
		return weir_derive_polynomial(d, tree, negated);
	}
}

static bool is_logic(const struct weir_tree_expr *tree)
{
	return tree->op == WEIR_E_AND || tree->op == WEIR_E_OR || tree->op == WEIR_E_NOT;
}

/* The index of the node that stands for `tree`, or for its opposite; -ENOTSUP, then nothing has been added. */
static int derive(struct weir_derivation *d, const struct weir_tree_expr *tree, bool negated)
{
	struct mark mark = mark_of(d->out);
	int on = weir_depends_on(tree), status = -ENOTSUP;
	char why[WEIR_WHY_BYTES];

	if (weir_expr_has_text(tree, d->schema)) {
		if (!is_logic(tree))
			return weir_refuse(d->why, "'%s' works on texts, and a filter on numbers", weir_word_of(tree));
		on = WEIR_ON_SEVERAL;
	}
	if (on == WEIR_ON_NOTHING)
		return derive_constant(d, tree, negated);
	if (on >= 0) {
		weir_probe_choose(&d->probe, on);
		status = weir_derive_field(d, tree, negated);
	}
	/* Also when a part on one channel is too difficult as a whole. */
	if (status == -ENOTSUP) {
		go_back(d->out, mark);
		memcpy(why, d->why, sizeof(why));
		status = derive_several(d, tree, negated);
		if (status == -ENOTSUP && on >= 0 && !is_logic(tree))
			memcpy(d->why, why, sizeof(why));
	}
	if (status < 0)
		go_back(d->out, mark);
	return status;
}

/* ----------------------------------------------------------------- conditions */

void weir_predicate_init(struct weir_predicate *predicate)
{
	*predicate = (struct weir_predicate){ .n = 1, .exact = true, .node = { { .op = WEIR_PRED_TRUE } } };
}

/* Rows that passed before, and this. */
static int join(struct weir_predicate *predicate, uint32_t root, uint32_t condition, struct weir_span where, char *why)
{
	struct weir_predicate_node node = {
		.op = WEIR_PRED_AND, .left = (uint16_t)root, .right = (uint16_t)condition, .where = where
	};
	int index = predicate->node[root].op == WEIR_PRED_TRUE ? 0 : weir_predicate_add(predicate, node, why);

	return index < 0 ? index : 0;
}

static int add_condition(struct weir_derivation *d, const struct weir_expr *condition)
{
	const struct weir_tree_expr *tree = weir_expr_tree(condition);
	uint32_t root = d->out->n - 1;
	int index;

	/* Whatever remembers records must see them all, so not even a part can be decided before. */
	if (weir_expr_is_stateful(condition))
		return weir_refuse(d->why, "the condition depends on the record before");
	index = derive(d, tree, false);
	if (index < 0)
		return index;
	if (!d->exact && weir_predicate_constant(d->out, d->schema, (uint32_t)index) == 1)
		return -ENOTSUP; /* the rest of it is always true, and `why` tells of what was left out */
	return join(d->out, root, (uint32_t)index, tree->where, d->why);
}

int weir_predicate_add_where(struct weir_predicate *predicate, const struct weir_expr *condition,
			     const struct weir_schema *schema, char why[WEIR_WHY_BYTES])
{
	struct weir_derivation *d = calloc(1, sizeof(*d));
	struct mark mark = mark_of(predicate);
	int err = -ENOMEM;

	why[0] = 0;
	if (d) {
		*d = (struct weir_derivation){ .out = predicate, .schema = schema, .why = why, .exact = true };
		err = weir_probe_open(&d->probe, schema);
		if (!err)
			err = add_condition(d, condition);
		predicate->exact &= err || d->exact;
		weir_probe_close(&d->probe);
	}
	free(d);
	if (err)
		go_back(predicate, mark);
	if (err == -ENOMEM)
		snprintf(why, WEIR_WHY_BYTES, "%s", strerror(ENOMEM));
	else if (!err && predicate->exact)
		why[0] = 0;
	return err;
}
