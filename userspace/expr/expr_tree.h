/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file expr_tree.h
 * @brief An expression as it is written.
 */
#ifndef WEIR_EXPR_EXPR_TREE_H
#define WEIR_EXPR_EXPR_TREE_H

#include "core/internal.h"
#include "expr/arena.h"
#include "expr/unit.h"

/** Operands nest no deeper, and one expression has no more of them: what walks a tree may recurse. */
#define WEIR_EXPR_DEPTH_MAX 64
#define WEIR_EXPR_TERMS_MAX 1000

enum weir_expr_op {
	WEIR_E_NUMBER, /**< number; `true` and `false` are 1 and 0 with their name */
	WEIR_E_FIELD,  /**< name; after binding, `field` */
	WEIR_E_NEG,
	WEIR_E_NOT,
	WEIR_E_ADD,
	WEIR_E_SUB,
	WEIR_E_MUL,
	WEIR_E_DIV,
	WEIR_E_MOD,
	WEIR_E_LT,
	WEIR_E_LE,
	WEIR_E_GT,
	WEIR_E_GE,
	WEIR_E_EQ,
	WEIR_E_NE,
	WEIR_E_AND,
	WEIR_E_OR,
	WEIR_E_CALL, /**< name(arguments): abs min max sqrt round floor raw between … */
	WEIR_E_TEXT, /**< a text in quotes: name */
	WEIR_E_IN,   /**< the first operand is one of the others; binding makes comparisons of it */
};

/** An expression. `length` of the name is in `where` for fields; names are zero-terminated copies. */
struct weir_tree_expr {
	enum weir_expr_op op;
	struct weir_span where;
	double number;
	/** Of a number, as it is written, in which case `number` is in that unit. When bound, of any node: NULL where not known. */
	const struct weir_unit *unit;
	bool is_bound; /**< a tree made by binding: binding it, or a tree that it is a part of, again changes nothing in it */
	const char *name;
	int function; /**< CALL: index into the function table of expr.c, set when bound */
	int field;    /**< FIELD and raw(field): index in the schema or WEIR_FIELD_TIME, set when bound; -1 before */
	uint32_t n;
	struct weir_tree_expr **argument; /**< operands, left to right */
};

#endif
