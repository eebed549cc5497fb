/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file tree.h
 * @brief The syntax tree. Everything in it lives in the tree's arena and is freed with weir_tree_close().
 */
#ifndef WEIR_LANG_TREE_H
#define WEIR_LANG_TREE_H

#include "expr/expr_tree.h"
#include "lang/names.h"
#include "lang/parameter.h"

/** One written argument. Its shape is generic; check_args.c reads it by the parameter table. */
struct weir_tree_arg {
	const struct weir_param *param; /**< resolved by the parser from the driver's table; NULL: policy= */
	struct weir_span where;
	struct weir_span value_where;
	bool broken; /**< what is wrong with it has been reported; it has no value */
	/* One of these, by param->value. */
	double number;
	enum weir_dimension dimension;
	bool in_weeks;
	const char *text; /**< NULL: a number was written */
	struct weir_tree_expr *expr;
	struct weir_tree_item *items; /**< WEIR_V_FIELDS, WEIR_V_AGGREGATES */
	uint32_t n_items;
};

struct weir_tree_item {
	struct weir_span where;
	const char *name;              /**< NULL: not named; a plain field keeps its own */
	int function;                  /**< aggregates: index into the parameter's words */
	struct weir_tree_expr *expr;   /**< NULL: count() */
	struct weir_tree_expr *second; /**< aggregates: the second expression of those that take two; NULL: none */
	double parameter;              /**< aggregates: the number behind the expression; NaN: none */
};

enum weir_part_kind {
	WEIR_P_DRIVER, /**< a head or a stage that is a driver */
	WEIR_P_STREAM, /**< a head that is a named stream */
};

/** @brief Is `word` in a NULL-terminated list? A missing word or list: no. */
bool weir_is_listed(const char *const *list, const char *word);

/** A name as it is written. */
struct weir_tree_name {
	const char *name;
	struct weir_span where;
};

/** A head, a stage or a sink of a chain. */
struct weir_tree_part {
	enum weir_part_kind kind;
	struct weir_span where, name_where, target_where;
	const char *name;                 /**< driver's or stream's */
	const struct weir_driver *driver; /**< resolved by the parser; NULL for streams and unknown words (reported) */
	enum weir_role role;
	const char *target; /**< never NULL for drivers */
	const char **columns;
	uint32_t n_columns;
	struct weir_tree_name *inputs; /**< streams that a combiner reads, as far as they are named in it */
	uint32_t n_inputs;
	struct weir_tree_arg *args;
	uint32_t n_args;
	bool broken;   /**< an error in it has been reported: what is missing may be what could not be read */
	bool swallows; /**< the stages behind it, since a `|` is missing */
};

struct weir_tree_chain {
	struct weir_tree_name *names; /**< several where it ends in a stage that splits */
	uint32_t n_names;             /**< 0: not named */
	struct weir_span where;
	struct weir_tree_part *parts;
	uint32_t n_parts;
	bool broken; /**< an error in it has been reported; check what is whole of it */
};

struct weir_tree {
	struct weir_tree_chain *chains;
	uint32_t n_chains;
	struct weir_names names; /**< that chains have been given so far */
	struct weir_parameters parameters;
	struct weir_arena arena;
};

/** @brief Parse the report's text. Always gives a tree (with broken chains marked) unless memory runs out (-ENOMEM). */
int weir_parse(struct weir_tree **out, struct weir_report *report) WEIR_MUST_CHECK;
/**
 * @brief The same with values for its parameters. A parameter without a value, and a value without a parameter, are errors that
 * list the others.
 * @return 0; -EINVAL after a report: a parameter has no value; -ENOMEM.
 */
int weir_parse_given(struct weir_tree **out, struct weir_report *report,
		     const struct weir_given *given) WEIR_MUST_CHECK;
/** @brief Parse one expression only; for tests, fuzzers and later a `--where` option. The tree's only chain is NULL then. */
int weir_parse_expr(struct weir_tree **out, struct weir_tree_expr **expr, struct weir_report *report) WEIR_MUST_CHECK;
/**
 * @brief Parse the report's text as the value of one argument: how a parameter's default becomes a value.
 * @return 0; -EINVAL after a report when it is none; -ENOMEM.
 */
int weir_parse_value(struct weir_tree **out, struct weir_tree_arg *arg, const struct weir_param *param,
		     struct weir_report *report) WEIR_MUST_CHECK;
void weir_tree_close(struct weir_tree *tree);

#endif
