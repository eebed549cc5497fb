/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lang/expr.h"
#include "lang/unit.h"

#define CACHE_LINE 64u

struct weir_expr {
	struct weir_arena arena; /* holds all that is not freed below */
	const struct weir_tree_expr *tree;
	const char *text;
	bool is_bool;
	struct weir_program program;
	void **slot; /* where each slot is for the strip at hand; eval and test write it, hence one thread at a time */
	double *scratch; /* the registers, one strip of doubles each; owned */
};

static void run(const struct weir_program *program, void *const *slot, uint32_t n)
{
	for (uint32_t i = 0; i < program->n_steps; i++)
		program->step[i].run(&program->step[i], slot, n);
}

double weir_program_constant(const struct weir_program *program, struct weir_arena *arena)
{
	double *cell = weir_arena_take(arena, program->n_slots * sizeof(*cell));
	void **slot = weir_arena_take(arena, program->n_slots * sizeof(*slot));

	if (!cell || !slot)
		return NAN;
	for (uint32_t i = 0; i < program->n_slots; i++)
		slot[i] = &cell[i];
	run(program, slot, 1);
	return program->gives_truth ? *(uint8_t *)slot[0] : cell[0];
}

static int open_registers(struct weir_expr *expr)
{
	uint32_t n = expr->program.n_slots;

	expr->slot = weir_arena_take(&expr->arena, n * sizeof(void *));
	expr->scratch = aligned_alloc(CACHE_LINE, n * WEIR_STRIP * sizeof(double));
	if (!expr->slot || !expr->scratch)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		expr->slot[i] = expr->scratch + i * WEIR_STRIP;
	return 0;
}

/* A tree that was made from another text has no text here. */
static const char *copy_text(struct weir_arena *arena, const char *text, struct weir_span where)
{
	if (where.at > strlen(text) || where.length > strlen(text) - where.at)
		where = (struct weir_span){ 0, 0 };
	return weir_arena_copy(arena, text + where.at, where.length);
}

static int build(struct weir_expr *expr, const struct weir_tree_expr *tree, const struct weir_schema *schema,
		 struct weir_report *report)
{
	int err;

	expr->tree = weir_expr_bind(tree, schema, &expr->arena, report);
	if (!expr->tree)
		return expr->arena.failed ? -ENOMEM : -EINVAL;
	expr->is_bool = weir_expr_type(expr->tree, schema) & WEIR_T_BOOL;
	expr->text = copy_text(&expr->arena, weir_report_text(report), tree->where);
	err = weir_expr_compile(&expr->program, expr->tree, schema, &expr->arena);
	if (err || expr->arena.failed)
		return -ENOMEM;
	return open_registers(expr);
}

int weir_expr_open(struct weir_expr **out, const struct weir_tree_expr *tree, const struct weir_schema *schema,
		   struct weir_report *report)
{
	struct weir_expr *expr = calloc(1, sizeof(*expr));
	int err = expr ? build(expr, tree, schema, report) : -ENOMEM;

	*out = NULL;
	if (err)
		weir_expr_close(expr);
	else
		*out = expr;
	return err;
}

void weir_expr_close(struct weir_expr *expr)
{
	if (!expr)
		return;
	free(expr->scratch);
	weir_arena_release(&expr->arena);
	free(expr);
}

const struct weir_tree_expr *weir_expr_tree(const struct weir_expr *expr)
{
	return expr->tree;
}

const char *weir_expr_text(const struct weir_expr *expr)
{
	return expr->text;
}

bool weir_expr_is_bool(const struct weir_expr *expr)
{
	return expr->is_bool;
}

const char *weir_expr_unit(const struct weir_expr *expr)
{
	return expr->tree->unit ? expr->tree->unit->name : "";
}

static bool any(const struct weir_tree_expr *tree, bool (*is)(const struct weir_tree_expr *))
{
	if (is(tree))
		return true;
	for (uint32_t i = 0; i < tree->n; i++)
		if (any(tree->argument[i], is))
			return true;
	return false;
}

static bool remembers(const struct weir_tree_expr *tree)
{
	return tree->op == WEIR_E_CALL && (tree->function == WEIR_F_PREV || tree->function == WEIR_F_DELTA);
}

static bool is_time(const struct weir_tree_expr *tree)
{
	return tree->op == WEIR_E_FIELD && tree->field == WEIR_FIELD_TIME;
}

bool weir_expr_is_stateful(const struct weir_expr *expr)
{
	return any(expr->tree, remembers);
}

bool weir_expr_uses_time(const struct weir_expr *expr)
{
	return any(expr->tree, is_time);
}

/* Every column that an expression may read has cells of eight bytes. */
static void run_strip(const struct weir_expr *expr, const struct weir_block *block, uint32_t at, uint32_t n, void *out)
{
	const struct weir_program *program = &expr->program;

	for (uint32_t i = 0; i < program->n_columns; i++) {
		int field = program->column[i].field;

		expr->slot[program->column[i].slot] = (field < 0 ? block->t : block->column[field].integer) + at;
	}
	expr->slot[0] = out;
	run(program, expr->slot, n);
}

static uint32_t strip_length(const struct weir_block *block, uint32_t at)
{
	return block->n - at < WEIR_STRIP ? block->n - at : WEIR_STRIP;
}

void weir_expr_eval(const struct weir_expr *expr, const struct weir_block *block, double *out)
{
	uint8_t truth[WEIR_STRIP];

	for (uint32_t at = 0, n; at < block->n; at += n) {
		n = strip_length(block, at);
		run_strip(expr, block, at, n, expr->program.gives_truth ? (void *)truth : out + at);
		for (uint32_t i = 0; expr->program.gives_truth && i < n; i++)
			out[at + i] = truth[i];
	}
}

void weir_expr_test(const struct weir_expr *expr, const struct weir_block *block, uint8_t *out)
{
	double number[WEIR_STRIP];

	for (uint32_t at = 0, n; at < block->n; at += n) {
		n = strip_length(block, at);
		run_strip(expr, block, at, n, expr->program.gives_truth ? (void *)(out + at) : number);
		for (uint32_t i = 0; !expr->program.gives_truth && i < n; i++)
			out[at + i] = number[i] != 0;
	}
}
