/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file predicate.h
 * @brief What the files that derive predicates share with each other and with nobody else.
 *
 *     predicate.c          the condition's tree: and, or, not, which part may be left to user space
 *     predicate_probe.c    what a condition says about one raw value: decoded and evaluated as user space would
 *     predicate_field.c    the raw values of one channel for which a condition holds
 *     predicate_pieces.c   the same without trying them all
 *     predicate_keys.c     sets of raw values
 *     predicate_stage.c    `every` and `changed`
 *     predicate_poly.c     polynomials over several channels; polynomial.h has the rest of it
 *
 * Raw values are counted from the field's least one, as unsigned keys, so that signed and unsigned fields look the same.
 */
#ifndef WEIR_PUSHDOWN_PREDICATE_H
#define WEIR_PUSHDOWN_PREDICATE_H

#include "expr/expr_internal.h"
#include "pushdown/pushdown.h"

#define WEIR_WHY_BYTES 256
#define WEIR_NARROW_BITS 16 /**< so few that all raw values can be tried */

/* predicate_keys.c -------------------------------------------------------- */

#define WEIR_EDGES_MAX 64

/** A set of keys: the keys, ascending, from which on it is the other way round than before. */
struct weir_keys {
	bool starts_inside; /**< key 0 does */
	uint32_t n;
	uint64_t edge[WEIR_EDGES_MAX];
};

/** @brief From `key` on, which is not below any edge, keys are in the set, or are not. 0 or -E2BIG. */
int weir_keys_append(struct weir_keys *keys, uint64_t key, bool inside);
/** @brief What is in both, or in any. `out` may be neither. 0 or -E2BIG. */
int weir_keys_combine(struct weir_keys *out, const struct weir_keys *a, const struct weir_keys *b, bool both);

/* predicate_probe.c ------------------------------------------------------- */

struct weir_probe {
	const struct weir_schema *schema;
	struct weir_report *report; /**< never shown */
	struct weir_block *block;   /**< one column of it means something: that of the field */
	int index;                  /**< of the field */
	const struct weir_field *field;
	uint64_t span;          /**< the greatest key */
	struct weir_schema one; /**< a row with nothing but the field */
	unsigned char rows[WEIR_BLOCK_MAX][16];
};

/** @brief 0 or -ENOMEM. Close it in any case. */
int weir_probe_open(struct weir_probe *probe, const struct weir_schema *schema);
void weir_probe_close(struct weir_probe *probe);
/** @brief Look at this field from now on. */
void weir_probe_choose(struct weir_probe *probe, int index);
/** @brief Compile a part of a condition. 0 or -errno. Free with weir_expr_close(). */
int weir_probe_compile(struct weir_probe *probe, struct weir_expr **out, const struct weir_tree_expr *tree);
double weir_probe_eval(struct weir_probe *probe, const struct weir_expr *expr, uint64_t key);
bool weir_probe_test(struct weir_probe *probe, const struct weir_expr *expr, uint64_t key);
/** @brief Test `n` keys, at most WEIR_BLOCK_MAX, from `key` on. */
void weir_probe_test_many(struct weir_probe *probe, const struct weir_expr *expr, uint64_t key, uint32_t n,
			  uint8_t *passes);
int64_t weir_raw_of_key(const struct weir_field *field, uint64_t key);
/** @brief Keys of a field of doubles: all that are finite, in their order. */
double weir_double_of_key(uint64_t key);
/** @brief Is what raw() and `changed` compute back from a value of this field, for certain, the raw integer? */
bool weir_raw_is_recovered(const struct weir_field *field);

/* predicate_node.c -------------------------------------------------------- */

struct weir_derivation {
	struct weir_predicate *out;
	const struct weir_schema *schema;
	char *why;
	bool exact;
	struct weir_probe probe;
};

/** @brief Say why not. @return -ENOTSUP. */
int weir_refuse(char *why, const char *format, ...) WEIR_PRINTF(2, 3);
/** @brief Append a node. @return its index, or -ENOTSUP with the reason in `why`. */
int weir_predicate_add(struct weir_predicate *predicate, struct weir_predicate_node node, char *why);
/** What a subtree depends on: a field's index, or one of these. */
enum { WEIR_ON_NOTHING = -1, WEIR_ON_SEVERAL = -2 };
int weir_depends_on(const struct weir_tree_expr *tree);
bool weir_is_constant(const struct weir_tree_expr *tree);
/** @brief How an operation is written. */
const char *weir_word_of(const struct weir_tree_expr *tree);

/* predicate_field.c ------------------------------------------------------- */

/** @brief Add what a condition on the field of the probe says of its raw values, exactly. @return the node, or -errno. */
int weir_derive_field(struct weir_derivation *d, const struct weir_tree_expr *tree, bool negated);
/** @brief The keys of the probe's field for which a condition on it holds, by bisection. 0; -ENOTSUP with a reason; -ENOMEM. */
int weir_solve(struct weir_derivation *d, const struct weir_tree_expr *tree, struct weir_keys *out);

/* predicate_pieces.c ------------------------------------------------------ */

/**
 * @brief The keys for which a comparison of values of the probe's field holds, where it can be found by bisection: the values
 * rise or fall piece by piece.
 * @return 0; -ENOTSUP with a reason; -ENOMEM.
 */
int weir_solve_comparison(struct weir_derivation *d, enum weir_expr_op op, struct weir_tree_expr *left,
			  struct weir_tree_expr *right, struct weir_keys *out);
/** @brief The same for a function of one value with a truth value that is the same all over a piece: isnan(). */
int weir_solve_truth(struct weir_derivation *d, const struct weir_tree_expr *call, struct weir_keys *out);

/* predicate_poly.c -------------------------------------------------------- */

/** @brief Add what a comparison that depends on several channels implies for their raw values; d->exact and d->why say
 *  whether that is all of it. @return the node, or -errno. */
int weir_derive_polynomial(struct weir_derivation *d, const struct weir_tree_expr *tree, bool negated);

#endif
