/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "expr/expr_compile.h"

static uint32_t text_limit(uint64_t most)
{
	return most < WEIR_TEXT_MAX ? (uint32_t)most : WEIR_TEXT_MAX;
}

/* Room for texts of so many bytes in each record of a strip. */
static void text_reserve(struct weir_compiler *c, struct weir_text_memory *memory, uint64_t most)
{
	memory->most = text_limit(most);
	memory->buffer = weir_arena_take(c->arena, (size_t)WEIR_STRIP * (memory->most + 1));
	c->failed |= !memory->buffer;
}

static struct weir_operand text_value(struct weir_compiler *c, struct weir_step step, uint64_t most)
{
	struct weir_operand value = weir_compile_emit_value(c, step, false);

	value.is_text = true;
	value.most = text_limit(most);
	return value;
}

/* ---------------------------------------------------------------------- leaves */

static struct weir_operand text_literal(struct weir_compiler *c, const char *text)
{
	uint32_t n = (uint32_t)strlen(text);
	const char *copy = weir_arena_copy(c->arena, text, n);

	c->failed |= !copy;
	return (struct weir_operand){ .is_constant = true, .is_text = true, .text = { copy, n }, .most = n };
}

/* A field is looked at once, however often it is named. */
static struct weir_operand text_field(struct weir_compiler *c, int field)
{
	uint32_t bytes = c->schema->field[field].bytes;
	struct weir_operand value = { .is_text = true, .slot = c->loaded[field], .most = bytes - 1 };
	struct weir_text_memory *memory;

	if (value.slot)
		return value;
	memory = weir_compile_text_memory(c);
	if (memory)
		memory->bytes = bytes;
	value.slot = c->loaded[field] = (uint16_t)c->program->n_slots++;
	weir_compile_emit(c, (struct weir_step){ .run = weir_loop_text_load,
						 .out = value.slot,
						 .a = weir_compile_column(c, field),
						 .memory = memory });
	return value;
}

struct weir_operand weir_compile_text_leaf(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	return expr->op == WEIR_E_TEXT ? text_literal(c, expr->name) : text_field(c, expr->field);
}

static struct weir_operand text_operand(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	return weir_compile_in_slot(c, c->value(c, expr, false));
}

/* ----------------------------------------------------------------- comparisons */

static struct weir_operand text_cell_compare(struct weir_compiler *c, const struct weir_tree_expr *field,
					     const char *literal, bool equal)
{
	struct weir_text_memory *memory = weir_compile_text_memory(c);

	if (memory) {
		memory->bytes = c->schema->field[field->field].bytes;
		memory->literal = text_literal(c, literal).text;
	}
	return weir_compile_emit_value(c,
				       (struct weir_step){ .run = equal ? weir_loop_cell_is : weir_loop_cell_is_not,
							   .a = weir_compile_column(c, field->field),
							   .memory = memory },
				       true);
}

static struct weir_operand text_compare(struct weir_compiler *c, enum weir_expr_op op, struct weir_operand a,
					struct weir_operand b)
{
	struct weir_operand value = weir_compile_emit_value(
		c, (struct weir_step){ .run = weir_loop_text_compare(op), .a = a.slot, .b = b.slot }, true);

	weir_compile_give_back(c, a);
	weir_compile_give_back(c, b);
	return value;
}

struct weir_operand weir_compile_text_compare(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *a = expr->argument[0], *b = expr->argument[1];
	bool is_equality = expr->op == WEIR_E_EQ || expr->op == WEIR_E_NE;
	struct weir_operand left;

	if (is_equality && a->op == WEIR_E_FIELD && b->op == WEIR_E_TEXT)
		return text_cell_compare(c, a, b->name, expr->op == WEIR_E_EQ);
	if (is_equality && b->op == WEIR_E_FIELD && a->op == WEIR_E_TEXT)
		return text_cell_compare(c, b, a->name, expr->op == WEIR_E_EQ);
	left = text_operand(c, a);
	return text_compare(c, expr->op, left, text_operand(c, b));
}

struct weir_operand weir_compile_text_between(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	struct weir_operand x = text_operand(c, expr->argument[0]), kept = x, low, high, value;

	kept.is_register = false;
	low = text_compare(c, WEIR_E_GE, kept, text_operand(c, expr->argument[1]));
	high = text_compare(c, WEIR_E_LE, x, text_operand(c, expr->argument[2]));
	value = weir_compile_emit_value(
		c, (struct weir_step){ .run = weir_operation_of(WEIR_E_AND)->slots, .a = low.slot, .b = high.slot },
		true);
	weir_compile_give_back(c, low);
	weir_compile_give_back(c, high);
	return value;
}

/* --------------------------------------------------------------------- choices */

static struct weir_operand text_if(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	struct weir_operand condition = weir_compile_in_slot(c, c->value(c, expr->argument[0], true));
	struct weir_operand a = text_operand(c, expr->argument[1]), b = text_operand(c, expr->argument[2]), value;

	value = text_value(
		c, (struct weir_step){ .run = weir_loop_choose_text, .a = condition.slot, .b = a.slot, .c = b.slot },
		a.most > b.most ? a.most : b.most);
	weir_compile_give_back(c, condition);
	weir_compile_give_back(c, a);
	weir_compile_give_back(c, b);
	return value;
}

static struct weir_operand text_coalesce(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	struct weir_operand value = text_operand(c, expr->argument[0]);

	for (uint32_t i = 1; i < expr->n; i++) {
		struct weir_operand a = value, b = text_operand(c, expr->argument[i]);

		value = text_value(c, (struct weir_step){ .run = weir_loop_text_first, .a = a.slot, .b = b.slot },
				   a.most > b.most ? a.most : b.most);
		weir_compile_give_back(c, a);
		weir_compile_give_back(c, b);
	}
	return value;
}

struct weir_operand weir_compile_text_choice(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	return expr->function == WEIR_F_IF ? text_if(c, expr) : text_coalesce(c, expr);
}

/* ------------------------------------------------------------------- functions */

static const weir_loop_fn text_loops[] = {
	[WEIR_F_CONTAINS] = weir_loop_text_contains, [WEIR_F_STARTS] = weir_loop_text_starts,
	[WEIR_F_ENDS] = weir_loop_text_ends,         [WEIR_F_MATCHES] = weir_loop_text_matches,
	[WEIR_F_EXTRACT] = weir_loop_text_extract,   [WEIR_F_LENGTH] = weir_loop_text_length,
	[WEIR_F_LOWER] = weir_loop_text_lower,       [WEIR_F_UPPER] = weir_loop_text_upper,
	[WEIR_F_TRIM] = weir_loop_text_trim,         [WEIR_F_SUBSTR] = weir_loop_text_substr,
	[WEIR_F_REPLACE] = weir_loop_text_replace,   [WEIR_F_SPLIT] = weir_loop_text_split,
	[WEIR_F_NUMBER] = weir_loop_text_number,
};

/* How long the result can be at most; 0: it shows a part of the first operand. */
static uint64_t text_growth(const struct weir_tree_expr *expr, const struct weir_operand *operand)
{
	const struct weir_tree_expr *from = expr->n > 1 ? expr->argument[1] : NULL;
	uint64_t most = operand[0].most, least;

	switch (expr->function) {
	case WEIR_F_LOWER:
	case WEIR_F_UPPER:
		return most + most / 2 + 1;
	case WEIR_F_REPLACE:
		least = from->op == WEIR_E_TEXT ? strlen(from->name) : 1;
		least = least ? least : 1;
		return operand[2].most <= least ? most + 1 : most / least * operand[2].most + most % least + 1;
	default:
		return 0;
	}
}

static void text_use_pattern(struct weir_compiler *c, struct weir_text_memory *memory, const char *pattern)
{
	char why[WEIR_REGEX_WHY];
	uint32_t at;

	/* Binding has found it to be good. */
	if (weir_regex_open(&memory->regex, pattern, true, why, &at)) {
		c->failed = true;
		return;
	}
	*weir_regex_next(memory->regex) = c->program->regex;
	c->program->regex = memory->regex;
	c->program->can_fail = true;
}

static struct weir_operand text_concat(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	struct weir_text_memory *memory = weir_compile_text_memory(c);
	struct weir_operand *operand = weir_arena_take(c->arena, expr->n * sizeof(*operand)), value;
	uint64_t most = 0;

	c->failed |= !operand;
	if (c->failed)
		return (struct weir_operand){ .is_text = true };
	memory->n = expr->n;
	memory->operand = weir_arena_take(c->arena, expr->n * sizeof(*memory->operand));
	c->failed |= !memory->operand;
	for (uint32_t i = 0; i < expr->n && !c->failed; i++) {
		operand[i] = text_operand(c, expr->argument[i]);
		memory->operand[i] = operand[i].slot;
		most += operand[i].most;
	}
	text_reserve(c, memory, most);
	value = text_value(c, (struct weir_step){ .run = weir_loop_text_concat, .memory = memory }, most);
	for (uint32_t i = 0; i < expr->n; i++)
		weir_compile_give_back(c, operand[i]);
	return value;
}

static struct weir_operand text_format(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *x = expr->argument[1];
	struct weir_text_memory *memory = weir_compile_text_memory(c);
	char *format = weir_arena_copy(c->arena, expr->argument[0]->name, strlen(expr->argument[0]->name));
	bool is_integer = x->op == WEIR_E_FIELD && (x->field < 0 || c->schema->field[x->field].kind == WEIR_INT);
	struct weir_step step = { .run = weir_loop_text_format, .memory = memory };
	struct weir_operand value, made;
	uint32_t most = 0;

	c->failed |= !format;
	if (c->failed)
		return (struct weir_operand){ .is_text = true };
	weir_format_read(&memory->format, format, &most);
	text_reserve(c, memory, most);
	if (memory->format.is_integer && is_integer) {
		step.run = weir_loop_text_format_integer;
		step.a = weir_compile_column(c, x->field);
		return text_value(c, step, most);
	}
	value = weir_compile_in_slot(c, c->value(c, x, false));
	step.a = value.slot;
	made = text_value(c, step, most);
	weir_compile_give_back(c, value);
	return made;
}

static struct weir_operand text_function(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	bool has_pattern = expr->function == WEIR_F_MATCHES || expr->function == WEIR_F_EXTRACT;
	struct weir_text_memory *memory = weir_compile_text_memory(c);
	struct weir_step step = { .run = text_loops[expr->function], .memory = memory };
	struct weir_operand operand[3] = { 0 }, value;
	uint64_t most;

	for (uint32_t i = 0; i < expr->n && !(i && has_pattern); i++)
		operand[i] = text_operand(c, expr->argument[i]);
	most = text_growth(expr, operand);
	if (memory && has_pattern)
		text_use_pattern(c, memory, expr->argument[1]->name);
	if (memory && most)
		text_reserve(c, memory, most - 1);
	step.a = operand[0].slot;
	step.b = operand[1].slot;
	step.c = operand[2].slot;
	if (weir_functions[expr->function].type == WEIR_T_TEXT)
		value = text_value(c, step, most ? most - 1 : operand[0].most);
	else
		value = weir_compile_emit_value(c, step, weir_functions[expr->function].type == WEIR_T_BOOL);
	for (uint32_t i = 0; i < expr->n && !(i && has_pattern); i++)
		weir_compile_give_back(c, operand[i]);
	return value;
}

struct weir_operand weir_compile_text_call(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	if (expr->function == WEIR_F_CONCAT)
		return text_concat(c, expr);
	return expr->function == WEIR_F_FORMAT ? text_format(c, expr) : text_function(c, expr);
}
