/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Code is made on the way up the tree, operands first. A register is given back when the step that reads it has been made,
 * but not before that step has got one for its result: a step never writes what it reads, so its loop may be told so.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "expr/expr_compile.h"

static struct weir_operand compile(struct weir_compiler *c, const struct weir_tree_expr *expr, bool as_truth);

static struct weir_operand compile_field(struct weir_compiler *c, int field, bool as_truth)
{
	struct weir_operand value = { .slot = weir_compile_column(c, field), .is_truth = as_truth };

	if (field >= 0 && c->schema->field[field].kind == WEIR_REAL)
		return value;
	return weir_compile_emit_value(
		c,
		(struct weir_step){ .run = as_truth ? weir_loop_integer_truth : weir_loop_from_integer,
				    .a = value.slot },
		as_truth);
}

static struct weir_operand one(struct weir_compiler *c, weir_loop_fn run, struct weir_operand a, bool is_truth)
{
	struct weir_operand value;

	a = weir_compile_in_slot(c, a);
	value = weir_compile_emit_value(c, (struct weir_step){ .run = run, .a = a.slot }, is_truth);
	weir_compile_give_back(c, a);
	return value;
}

static struct weir_operand two(struct weir_compiler *c, const struct weir_operation *operation, struct weir_operand a,
			       struct weir_operand b, bool is_truth)
{
	struct weir_step step = { 0 };
	struct weir_operand value;

	if (b.is_constant && operation->second_constant) {
		a = weir_compile_in_slot(c, a);
		step = (struct weir_step){ .run = operation->second_constant, .a = a.slot, .k = b.k };
	} else if (a.is_constant && operation->first_constant) {
		step = (struct weir_step){ .run = operation->first_constant, .b = b.slot, .k = a.k };
	} else {
		a = weir_compile_in_slot(c, a);
		b = weir_compile_in_slot(c, b);
		step = (struct weir_step){ .run = operation->slots, .a = a.slot, .b = b.slot };
	}
	value = weir_compile_emit_value(c, step, is_truth);
	weir_compile_give_back(c, a);
	weir_compile_give_back(c, b);
	return value;
}

/* k * x + z in one pass over the strip; still rounded twice, as if in two. Adding -0 changes nothing, adding 0 would -0. */
static struct weir_operand scale_add(struct weir_compiler *c, double k, const struct weir_tree_expr *factor,
				     const struct weir_tree_expr *addend)
{
	struct weir_operand a = compile(c, factor, false);
	struct weir_operand b = compile(c, addend, false);
	struct weir_operand value = weir_compile_emit_value(
		c, (struct weir_step){ .run = weir_loop_scale_add, .a = a.slot, .b = b.slot, .k = k, .l = -0.0 },
		false);

	weir_compile_give_back(c, a);
	weir_compile_give_back(c, b);
	return value;
}

/* x * y + z, likewise. */
static struct weir_operand multiply_add(struct weir_compiler *c, const struct weir_tree_expr *product,
					const struct weir_tree_expr *addend)
{
	struct weir_tree_expr **factor = product->argument;
	struct weir_operand a, b, d, value;

	if (factor[0]->op == WEIR_E_NUMBER)
		return scale_add(c, factor[0]->number, factor[1], addend);
	if (factor[1]->op == WEIR_E_NUMBER)
		return scale_add(c, factor[1]->number, factor[0], addend);
	a = compile(c, factor[0], false);
	b = compile(c, factor[1], false);
	d = compile(c, addend, false);
	value = weir_compile_emit_value(
		c, (struct weir_step){ .run = weir_loop_multiply_add, .a = a.slot, .b = b.slot, .c = d.slot }, false);
	weir_compile_give_back(c, a);
	weir_compile_give_back(c, b);
	weir_compile_give_back(c, d);
	return value;
}

static bool has_room(const struct weir_step *step)
{
	return step->run == weir_loop_scale_add && step->l == 0 && signbit(step->l);
}

/* A constant that is added to what scale_add() has made goes into the same pass. */
static struct weir_operand add_constant(struct weir_compiler *c, const struct weir_tree_expr *left, double constant)
{
	struct weir_operand value = compile(c, left, false);
	struct weir_step *last = c->program->n_steps ? &c->program->step[c->program->n_steps - 1] : NULL;

	if (c->failed || !last || !has_room(last) || last->out != value.slot)
		return two(c, weir_operation_of(WEIR_E_ADD), value,
			   (struct weir_operand){ .is_constant = true, .k = constant }, false);
	last->l = constant;
	return value;
}

static struct weir_operand compile_sum(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *left = expr->argument[0], *right = expr->argument[1];
	struct weir_operand a;

	if (left->op == WEIR_E_NUMBER)
		return add_constant(c, right, left->number);
	if (right->op == WEIR_E_NUMBER)
		return add_constant(c, left, right->number);
	if (right->op == WEIR_E_MUL)
		return multiply_add(c, right, left);
	if (left->op == WEIR_E_MUL)
		return multiply_add(c, left, right);
	a = compile(c, left, false);
	return two(c, weir_operation_of(WEIR_E_ADD), a, compile(c, right, false), false);
}

static struct weir_operand compile_binary(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *left = expr->argument[0], *right = expr->argument[1];
	const struct weir_operation *operation = weir_operation_of(expr->op);
	bool gives_truth = weir_expr_type(expr, c->schema) == WEIR_T_BOOL, of_truths;
	struct weir_operand a, b;

	if (weir_expr_type(left, c->schema) == WEIR_T_TEXT)
		return weir_compile_text_compare(c, expr);
	if (expr->op == WEIR_E_ADD)
		return compile_sum(c, expr);
	if (expr->op == WEIR_E_SUB && right->op == WEIR_E_NUMBER)
		return add_constant(c, left, -right->number);
	of_truths = expr->op == WEIR_E_AND || expr->op == WEIR_E_OR;
	if ((expr->op == WEIR_E_EQ || expr->op == WEIR_E_NE) &&
	    !(weir_expr_type(left, c->schema) & weir_expr_type(right, c->schema) & WEIR_T_NUMBER)) {
		of_truths = true;
		operation = weir_operation_of_truths(expr->op);
	}
	a = compile(c, left, of_truths);
	b = compile(c, right, of_truths);
	return two(c, operation, a, b, gives_truth);
}

/* lo <= x and x <= hi, with x computed once. */
static struct weir_operand compile_between(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	struct weir_operand x = weir_compile_in_slot(c, compile(c, expr->argument[0], false));
	struct weir_operand kept = x, low, high;

	kept.is_register = false;
	low = two(c, weir_operation_of(WEIR_E_GE), kept, compile(c, expr->argument[1], false), true);
	high = two(c, weir_operation_of(WEIR_E_LE), x, compile(c, expr->argument[2], false), true);
	return two(c, weir_operation_of(WEIR_E_AND), low, high, true);
}

/* A block has physical values only, so the integer is computed back from them. For integers of up to 50 bits that is exact:
 * two roundings on the way there and two on the way back are far less than the half that round() forgives. */
static struct weir_operand compile_raw(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	const struct weir_field *field = &c->schema->field[expr->field];
	struct weir_operand x = compile_field(c, expr->field, false);
	struct weir_operand value = weir_compile_emit_value(
		c, (struct weir_step){ .run = weir_loop_raw, .a = x.slot, .k = field->scale, .l = field->offset },
		false);

	weir_compile_give_back(c, x);
	return value;
}

/* A column of integers, which doubles might not hold exactly. */
static bool is_integer(const struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	return expr->op == WEIR_E_FIELD && (expr->field < 0 || c->schema->field[expr->field].kind == WEIR_INT);
}

/* An operation of the integers of a field as they are. */
static struct weir_operand of_integers(struct weir_compiler *c, const struct weir_tree_expr *field,
				       struct weir_step step, bool is_truth)
{
	step.a = weir_compile_column(c, field->field);
	return weir_compile_emit_value(c, step, is_truth);
}

static struct weir_operand compile_memory(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	struct weir_step step = { .memory = weir_past_new(c->arena) };
	const struct weir_tree_expr *argument = expr->argument[0];
	struct weir_operand a, value;

	if (expr->function == WEIR_F_DELTA && is_integer(c, argument)) {
		step.run = weir_loop_integer_difference;
		return of_integers(c, argument, step, false);
	}
	a = compile(c, argument, false);
	step.run = expr->function == WEIR_F_PREV ? weir_loop_previous : weir_loop_difference;
	step.a = a.slot;
	value = weir_compile_emit_value(c, step, false);
	weir_compile_give_back(c, a);
	return value;
}

static struct weir_operand compile_calendar(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	struct weir_step step = { .run = weir_loop_calendar,
				  .memory = weir_calendar_new(c->arena, c->schema->clock),
				  .k = expr->function == WEIR_F_HOUR     ? WEIR_CALENDAR_HOUR
				       : expr->function == WEIR_F_MINUTE ? WEIR_CALENDAR_MINUTE
									 : WEIR_CALENDAR_WEEKDAY };

	return of_integers(c, expr->argument[0], step, false);
}

static struct weir_operand compile_function(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	const struct weir_function *function = &weir_functions[expr->function];
	struct weir_operand value;

	value = compile(c, expr->argument[0], false);
	if (expr->n == 1)
		return one(c, function->operation->slots, value, function->type == WEIR_T_BOOL);
	for (uint32_t i = 1; i < expr->n; i++)
		value = two(c, function->operation, value, compile(c, expr->argument[i], false),
			    function->type == WEIR_T_BOOL);
	return value;
}

static struct weir_operand compile_bit(struct weir_compiler *c, const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *x = expr->argument[0];
	struct weir_step step = { .run = weir_loop_integer_bit, .k = expr->argument[1]->number };

	return is_integer(c, x) ? of_integers(c, x, step, true) : compile_function(c, expr);
}

/* a or b, by a condition. Both have been computed. */
static struct weir_operand compile_if(struct weir_compiler *c, const struct weir_tree_expr *expr, bool as_truth)
{
	struct weir_operand choice[3], value;

	for (uint32_t i = 0; i < 3; i++)
		choice[i] = weir_compile_in_slot(c, compile(c, expr->argument[i], !i || as_truth));
	value = weir_compile_emit_value(c,
					(struct weir_step){ .run = as_truth ? weir_loop_choose_truth : weir_loop_choose,
							    .a = choice[0].slot,
							    .b = choice[1].slot,
							    .c = choice[2].slot },
					as_truth);
	for (uint32_t i = 0; i < 3; i++)
		weir_compile_give_back(c, choice[i]);
	return value;
}

static struct weir_operand compile_coalesce(struct weir_compiler *c, const struct weir_tree_expr *expr, bool as_truth)
{
	struct weir_operand value = compile(c, expr->argument[0], as_truth);

	/* A condition is always there. */
	for (uint32_t i = 1; i < expr->n && !as_truth; i++)
		value = two(c, &weir_operation_coalesce, value, compile(c, expr->argument[i], false), false);
	return value;
}

static struct weir_operand compile_choice(struct weir_compiler *c, const struct weir_tree_expr *expr, bool as_truth)
{
	enum weir_type type = weir_expr_type(expr, c->schema);

	if (type == WEIR_T_TEXT)
		return weir_compile_text_choice(c, expr);
	as_truth = type == WEIR_T_BOOL || (type == WEIR_T_BOTH && as_truth);
	return expr->function == WEIR_F_IF ? compile_if(c, expr, as_truth) : compile_coalesce(c, expr, as_truth);
}

static struct weir_operand compile_call(struct weir_compiler *c, const struct weir_tree_expr *expr, bool as_truth)
{
	if (expr->function >= WEIR_F_CONTAINS && expr->function <= WEIR_F_FORMAT)
		return weir_compile_text_call(c, expr);
	switch (expr->function) {
	case WEIR_F_RAW:
		return compile_raw(c, expr);
	case WEIR_F_BETWEEN:
		return weir_expr_type(expr->argument[0], c->schema) == WEIR_T_TEXT ? weir_compile_text_between(c, expr)
										   : compile_between(c, expr);
	case WEIR_F_IF:
	case WEIR_F_COALESCE:
		return compile_choice(c, expr, as_truth);
	case WEIR_F_BIT:
		return compile_bit(c, expr);
	case WEIR_F_PREV:
	case WEIR_F_DELTA:
		return compile_memory(c, expr);
	case WEIR_F_HOUR:
	case WEIR_F_MINUTE:
	case WEIR_F_WEEKDAY:
		return compile_calendar(c, expr);
	default:
		return compile_function(c, expr);
	}
}

static struct weir_operand compile_node(struct weir_compiler *c, const struct weir_tree_expr *expr, bool as_truth)
{
	switch (expr->op) {
	case WEIR_E_NUMBER:
		return (struct weir_operand){ .is_constant = true, .is_truth = as_truth, .k = expr->number };
	case WEIR_E_TEXT:
		return weir_compile_text_leaf(c, expr);
	case WEIR_E_FIELD:
		if (weir_expr_type(expr, c->schema) == WEIR_T_TEXT)
			return weir_compile_text_leaf(c, expr);
		return compile_field(c, expr->field, as_truth);
	case WEIR_E_CALL:
		return compile_call(c, expr, as_truth);
	case WEIR_E_NEG:
		return one(c, weir_operation_of(WEIR_E_NEG)->slots, compile(c, expr->argument[0], false), false);
	case WEIR_E_NOT:
		return one(c, weir_operation_of(WEIR_E_NOT)->slots, compile(c, expr->argument[0], true), true);
	default:
		return compile_binary(c, expr);
	}
}

/* A condition in a sum is a number. */
static struct weir_operand compile(struct weir_compiler *c, const struct weir_tree_expr *expr, bool as_truth)
{
	struct weir_operand value = compile_node(c, expr, as_truth);

	if (as_truth || !value.is_truth)
		return value;
	if (!value.is_constant)
		return one(c, weir_loop_from_truth, value, false);
	value.is_truth = false;
	return value;
}

/* The last step made the result, unless it is just a column. Let it write to where the result is wanted. */
static void deliver(struct weir_compiler *c, struct weir_operand value)
{
	struct weir_program *program = c->program;

	value = weir_compile_in_slot(c, value);
	program->gives_truth = value.is_truth;
	program->gives_text = value.is_text;
	program->most = value.most;
	if (c->failed)
		return;
	if (value.is_register)
		program->step[program->n_steps - 1].out = 0;
	else
		weir_compile_emit(c, (struct weir_step){ .run = value.is_text ? weir_loop_text_copy : weir_loop_copy,
							 .a = value.slot });
}

static uint32_t count_nodes(const struct weir_tree_expr *expr)
{
	uint32_t n = 1;

	for (uint32_t i = 0; i < expr->n; i++)
		n += count_nodes(expr->argument[i]);
	return n;
}

int weir_expr_compile(struct weir_program *out, const struct weir_tree_expr *expr, const struct weir_schema *schema,
		      struct weir_arena *arena)
{
	struct weir_compiler c = { .value = compile, .program = out, .schema = schema, .arena = arena };
	bool has_text = weir_expr_has_text(expr, schema);

	*out = (struct weir_program){ .n_slots = 1, .cell_bytes = has_text ? sizeof(struct weir_slice) : 8 };
	if (has_text && !(out->faults = weir_arena_take(arena, sizeof(*out->faults))))
		return -ENOMEM;
	/* A node makes at most three registers at a time, and each column is one of the schema's or the time. */
	c.free_slot = weir_arena_take(arena, 3 * count_nodes(expr) * sizeof(*c.free_slot));
	out->column = weir_arena_take(arena, (schema->n_fields + 1) * sizeof(*out->column));
	if (!c.free_slot || !out->column)
		return -ENOMEM;
	deliver(&c, compile(&c, expr, weir_expr_type(expr, schema) & WEIR_T_BOOL));
	if (c.failed)
		weir_program_release(out);
	return c.failed ? -ENOMEM : 0;
}
