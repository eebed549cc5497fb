/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expr/expr_text.h"
#include "expr/unit.h"
#include "weir/text.h"

#define CACHE_LINE 64u

struct weir_expr {
	struct weir_arena arena; /* holds all that is not freed below */
	const struct weir_tree_expr *tree;
	const char *text;
	bool is_bool;
	struct weir_program program;
	void **slot; /* where each slot is for the strip at hand; eval and test write it, hence one thread at a time */
	char *scratch; /* the registers, one strip each; owned */
};

static int open_registers(struct weir_expr *expr)
{
	size_t n = expr->program.n_slots, strip = (size_t)WEIR_STRIP * expr->program.cell_bytes;

	expr->slot = weir_arena_take(&expr->arena, n * sizeof(void *));
	expr->scratch = aligned_alloc(CACHE_LINE, n * strip);
	if (!expr->slot || !expr->scratch)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		expr->slot[i] = expr->scratch + i * strip;
	return 0;
}

/* A tree that was made from another text has no text here. */
static const char *copy_text(struct weir_arena *arena, const struct weir_report *report, struct weir_span where)
{
	uint32_t length = weir_report_length(report);

	if (where.at > length || where.length > length - where.at)
		where = (struct weir_span){ 0, 0 };
	return weir_arena_copy(arena, weir_report_text(report) + where.at, where.length);
}

static int build(struct weir_expr *expr, const struct weir_tree_expr *tree, const struct weir_schema *schema,
		 struct weir_report *report)
{
	int err;

	expr->tree = weir_expr_bind(tree, schema, &expr->arena, report);
	if (!expr->tree)
		return expr->arena.failed ? -ENOMEM : -EINVAL;
	expr->is_bool = weir_expr_type(expr->tree, schema) & WEIR_T_BOOL;
	expr->text = copy_text(&expr->arena, report, tree->where);
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
	weir_program_release(&expr->program);
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

bool weir_expr_is_text(const struct weir_expr *expr)
{
	return expr->program.gives_text;
}

uint32_t weir_expr_text_bytes(const struct weir_expr *expr)
{
	return expr->program.most + 1;
}

bool weir_expr_can_fail(const struct weir_expr *expr)
{
	return expr->program.can_fail;
}

bool weir_expr_met_undated(const struct weir_expr *expr)
{
	for (uint32_t i = 0; i < expr->program.n_steps; i++)
		if (weir_calendar_met_undated(&expr->program.step[i]))
			return true;
	return false;
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

/* ------------------------------------------------------------------- faults */

static void faults_begin(const struct weir_expr *expr)
{
	struct weir_faults *faults = expr->program.faults;

	if (!faults || !faults->any)
		return;
	faults->any = false;
	memset(faults->of, 0, sizeof(faults->of));
}

static void faults_count(const struct weir_expr *expr, uint32_t n)
{
	struct weir_faults *faults = expr->program.faults;

	if (!faults || !faults->any)
		return;
	for (uint32_t i = 0; i < n; i++) {
		faults->n_invalid += faults->of[i] & WEIR_FAULT_INVALID;
		faults->n_cut += faults->of[i] == WEIR_FAULT_CUT;
	}
}

/* Is record i of the block invalid? */
static bool is_invalid(const struct weir_expr *expr, uint32_t i)
{
	const struct weir_faults *faults = expr->program.faults;

	return faults && faults->any && faults->of[i] & WEIR_FAULT_INVALID;
}

void weir_expr_take_faults(const struct weir_expr *expr, uint64_t *invalid, uint64_t *cut)
{
	struct weir_faults *faults = expr->program.faults;

	*invalid = faults ? faults->n_invalid : 0;
	*cut = faults ? faults->n_cut : 0;
	if (faults)
		faults->n_invalid = faults->n_cut = 0;
}

const uint8_t *weir_expr_faults(const struct weir_expr *expr)
{
	struct weir_faults *faults = expr->program.faults;
	uint64_t invalid, cut;

	weir_expr_take_faults(expr, &invalid, &cut);
	return faults && faults->any ? faults->of : NULL;
}

/* ---------------------------------------------------------------- evaluation */

static void run_strip(const struct weir_expr *expr, const struct weir_block *block, uint32_t at, uint32_t n, void *out)
{
	const struct weir_program *program = &expr->program;

	for (uint32_t i = 0; i < program->n_columns; i++) {
		const struct weir_column_slot *column = &program->column[i];
		char *cells = column->field < 0 ? (char *)block->t : block->column[column->field].text;

		expr->slot[column->slot] = cells + (size_t)at * column->bytes;
	}
	if (program->faults)
		program->faults->at = at;
	expr->slot[0] = out;
	weir_program_run(program, expr->slot, n);
}

static uint32_t strip_length(const struct weir_block *block, uint32_t at)
{
	return block->n - at < WEIR_STRIP ? block->n - at : WEIR_STRIP;
}

void weir_expr_eval(const struct weir_expr *expr, const struct weir_block *block, double *out)
{
	uint8_t truth[WEIR_STRIP];

	faults_begin(expr);
	for (uint32_t at = 0, n; at < block->n; at += n) {
		n = strip_length(block, at);
		run_strip(expr, block, at, n, expr->program.gives_truth ? (void *)truth : out + at);
		for (uint32_t i = 0; expr->program.gives_truth && i < n; i++)
			out[at + i] = truth[i];
		for (uint32_t i = 0; expr->program.can_fail && i < n; i++)
			if (is_invalid(expr, at + i))
				out[at + i] = NAN;
	}
	faults_count(expr, block->n);
}

void weir_expr_test(const struct weir_expr *expr, const struct weir_block *block, uint8_t *out)
{
	double number[WEIR_STRIP];

	faults_begin(expr);
	for (uint32_t at = 0, n; at < block->n; at += n) {
		n = strip_length(block, at);
		run_strip(expr, block, at, n, expr->program.gives_truth ? (void *)(out + at) : number);
		for (uint32_t i = 0; !expr->program.gives_truth && i < n; i++)
			out[at + i] = number[i] != 0;
		for (uint32_t i = 0; expr->program.can_fail && i < n; i++)
			out[at + i] &= !is_invalid(expr, at + i);
	}
	faults_count(expr, block->n);
}

static void put_texts(const struct weir_expr *expr, const struct weir_slice *made, uint32_t at, uint32_t n, char *cells,
		      uint32_t bytes)
{
	struct weir_faults *faults = expr->program.faults;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t length = is_invalid(expr, at + i) ? 0 : made[i].n;

		if (!weir_text_put(cells + (size_t)(at + i) * bytes, bytes, made[i].at, length))
			continue;
		faults->of[at + i] |= WEIR_FAULT_CUT;
		faults->any = true;
	}
}

void weir_expr_write(const struct weir_expr *expr, const struct weir_block *block, char *cells, uint32_t bytes)
{
	struct weir_slice made[WEIR_STRIP];

	faults_begin(expr);
	for (uint32_t at = 0, n; at < block->n; at += n) {
		n = strip_length(block, at);
		run_strip(expr, block, at, n, made);
		put_texts(expr, made, at, n, cells, bytes);
	}
	faults_count(expr, block->n);
}

const struct weir_expr_ops weir_expr_ops = {
	.close = weir_expr_close,
	.met_undated = weir_expr_met_undated,
	.can_fail = weir_expr_can_fail,
	.take_faults = weir_expr_take_faults,
};
