/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Code is made on the way up the tree, operands first. A register is given back when the step that reads it has been made,
 * but not before that step has got one for its result: a step never writes what it reads, so its loop may be told so.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "lang/expr.h"

struct compiler {
	struct weir_program *program;
	const struct weir_schema *schema;
	struct weir_arena *arena;
	uint16_t *free_slot; /* a stack of registers */
	uint32_t n_free;
	bool failed;
};

/* Where a value is while code is being made. */
struct value {
	bool is_constant, is_truth;
	bool is_register; /* of this value's own, to be given back */
	uint16_t slot;
	double k;
};

static struct value compile(struct compiler *c, const struct weir_tree_expr *expr, bool as_truth);

static uint16_t take_slot(struct compiler *c)
{
	return c->n_free ? c->free_slot[--c->n_free] : (uint16_t)c->program->n_slots++;
}

static void give_back(struct compiler *c, struct value value)
{
	if (value.is_register)
		c->free_slot[c->n_free++] = value.slot;
}

static void emit(struct compiler *c, struct weir_step step)
{
	struct weir_program *program = c->program;
	struct weir_step *steps = weir_arena_grow(c->arena, program->step, program->n_steps, sizeof(step));

	if (!steps) {
		c->failed = true;
		return;
	}
	program->step = steps;
	steps[program->n_steps++] = step;
}

/* Emit a step whose result goes to a register of its own. */
static struct value emit_value(struct compiler *c, struct weir_step step, bool is_truth)
{
	struct value value = { .is_register = true, .is_truth = is_truth, .slot = take_slot(c) };

	step.out = value.slot;
	emit(c, step);
	return value;
}

/* A constant where a loop wants a slot. */
static struct value in_slot(struct compiler *c, struct value value)
{
	if (!value.is_constant)
		return value;
	return emit_value(
		c, (struct weir_step){ .run = value.is_truth ? weir_loop_fill_truth : weir_loop_fill, .k = value.k },
		value.is_truth);
}

static uint16_t column_slot(struct compiler *c, int field)
{
	struct weir_program *program = c->program;

	for (uint32_t i = 0; i < program->n_columns; i++)
		if (program->column[i].field == field)
			return program->column[i].slot;
	program->column[program->n_columns] = (struct weir_column_slot){ field, (uint16_t)program->n_slots };
	program->n_columns++;
	return (uint16_t)program->n_slots++;
}

static struct value compile_field(struct compiler *c, int field, bool as_truth)
{
	struct value value = { .slot = column_slot(c, field), .is_truth = as_truth };

	if (field >= 0 && c->schema->field[field].kind == WEIR_REAL)
		return value;
	return emit_value(c,
			  (struct weir_step){ .run = as_truth ? weir_loop_integer_truth : weir_loop_from_integer,
					      .a = value.slot },
			  as_truth);
}

static struct value one(struct compiler *c, weir_loop_fn run, struct value a, bool is_truth)
{
	struct value value;

	a = in_slot(c, a);
	value = emit_value(c, (struct weir_step){ .run = run, .a = a.slot }, is_truth);
	give_back(c, a);
	return value;
}

static struct value two(struct compiler *c, const struct weir_operation *operation, struct value a, struct value b,
			bool is_truth)
{
	struct weir_step step = { 0 };
	struct value value;

	if (b.is_constant && operation->second_constant) {
		a = in_slot(c, a);
		step = (struct weir_step){ .run = operation->second_constant, .a = a.slot, .k = b.k };
	} else if (a.is_constant && operation->first_constant) {
		step = (struct weir_step){ .run = operation->first_constant, .b = b.slot, .k = a.k };
	} else {
		a = in_slot(c, a);
		b = in_slot(c, b);
		step = (struct weir_step){ .run = operation->slots, .a = a.slot, .b = b.slot };
	}
	value = emit_value(c, step, is_truth);
	give_back(c, a);
	give_back(c, b);
	return value;
}

/* k * x + z in one pass over the strip; still rounded twice, as if in two. Adding -0 changes nothing, adding 0 would -0. */
static struct value scale_add(struct compiler *c, double k, const struct weir_tree_expr *factor,
			      const struct weir_tree_expr *addend)
{
	struct value a = compile(c, factor, false);
	struct value b = compile(c, addend, false);
	struct value value = emit_value(
		c, (struct weir_step){ .run = weir_loop_scale_add, .a = a.slot, .b = b.slot, .k = k, .l = -0.0 },
		false);

	give_back(c, a);
	give_back(c, b);
	return value;
}

/* x * y + z, likewise. */
static struct value multiply_add(struct compiler *c, const struct weir_tree_expr *product,
				 const struct weir_tree_expr *addend)
{
	struct weir_tree_expr **factor = product->argument;
	struct value a, b, d, value;

	if (factor[0]->op == WEIR_E_NUMBER)
		return scale_add(c, factor[0]->number, factor[1], addend);
	if (factor[1]->op == WEIR_E_NUMBER)
		return scale_add(c, factor[1]->number, factor[0], addend);
	a = compile(c, factor[0], false);
	b = compile(c, factor[1], false);
	d = compile(c, addend, false);
	value = emit_value(
		c, (struct weir_step){ .run = weir_loop_multiply_add, .a = a.slot, .b = b.slot, .c = d.slot }, false);
	give_back(c, a);
	give_back(c, b);
	give_back(c, d);
	return value;
}

static bool has_room(const struct weir_step *step)
{
	return step->run == weir_loop_scale_add && step->l == 0 && signbit(step->l);
}

/* A constant that is added to what scale_add() has made goes into the same pass. */
static struct value add_constant(struct compiler *c, const struct weir_tree_expr *left, double constant)
{
	struct value value = compile(c, left, false);
	struct weir_step *last = c->program->n_steps ? &c->program->step[c->program->n_steps - 1] : NULL;

	if (c->failed || !last || !has_room(last) || last->out != value.slot)
		return two(c, weir_operation_of(WEIR_E_ADD), value,
			   (struct value){ .is_constant = true, .k = constant }, false);
	last->l = constant;
	return value;
}

static struct value compile_sum(struct compiler *c, const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *left = expr->argument[0], *right = expr->argument[1];
	struct value a;

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

static struct value compile_binary(struct compiler *c, const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *left = expr->argument[0], *right = expr->argument[1];
	const struct weir_operation *operation = weir_operation_of(expr->op);
	bool gives_truth = weir_expr_type(expr, c->schema) == WEIR_T_BOOL, of_truths;
	struct value a, b;

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
static struct value compile_between(struct compiler *c, const struct weir_tree_expr *expr)
{
	struct value x = in_slot(c, compile(c, expr->argument[0], false));
	struct value kept = x, low, high;

	kept.is_register = false;
	low = two(c, weir_operation_of(WEIR_E_GE), kept, compile(c, expr->argument[1], false), true);
	high = two(c, weir_operation_of(WEIR_E_LE), x, compile(c, expr->argument[2], false), true);
	return two(c, weir_operation_of(WEIR_E_AND), low, high, true);
}

/* A block has physical values only, so the integer is computed back from them. For integers of up to 50 bits that is exact:
 * two roundings on the way there and two on the way back are far less than the half that round() forgives. */
static struct value compile_raw(struct compiler *c, const struct weir_tree_expr *expr)
{
	const struct weir_field *field = &c->schema->field[expr->field];
	struct value x = compile_field(c, expr->field, false);
	struct value value = emit_value(
		c, (struct weir_step){ .run = weir_loop_raw, .a = x.slot, .k = field->scale, .l = field->offset },
		false);

	give_back(c, x);
	return value;
}

/* A column of integers, which doubles might not hold exactly. */
static bool is_integer(const struct compiler *c, const struct weir_tree_expr *expr)
{
	return expr->op == WEIR_E_FIELD && (expr->field < 0 || c->schema->field[expr->field].kind == WEIR_INT);
}

/* An operation of the integers of a field as they are. */
static struct value of_integers(struct compiler *c, const struct weir_tree_expr *field, struct weir_step step,
				bool is_truth)
{
	step.a = column_slot(c, field->field);
	return emit_value(c, step, is_truth);
}

static struct value compile_memory(struct compiler *c, const struct weir_tree_expr *expr)
{
	struct weir_step step = { .memory = weir_past_new(c->arena) };
	const struct weir_tree_expr *argument = expr->argument[0];
	struct value a, value;

	if (expr->function == WEIR_F_DELTA && is_integer(c, argument)) {
		step.run = weir_loop_integer_difference;
		return of_integers(c, argument, step, false);
	}
	a = compile(c, argument, false);
	step.run = expr->function == WEIR_F_PREV ? weir_loop_previous : weir_loop_difference;
	step.a = a.slot;
	value = emit_value(c, step, false);
	give_back(c, a);
	return value;
}

static struct value compile_calendar(struct compiler *c, const struct weir_tree_expr *expr)
{
	struct weir_step step = { .run = weir_loop_calendar,
				  .memory = weir_calendar_new(c->arena, c->schema->clock),
				  .k = expr->function == WEIR_F_HOUR     ? WEIR_CALENDAR_HOUR
				       : expr->function == WEIR_F_MINUTE ? WEIR_CALENDAR_MINUTE
									 : WEIR_CALENDAR_WEEKDAY };

	return of_integers(c, expr->argument[0], step, false);
}

static struct value compile_function(struct compiler *c, const struct weir_tree_expr *expr)
{
	const struct weir_function *function = &weir_functions[expr->function];
	struct value value;

	value = compile(c, expr->argument[0], false);
	if (expr->n == 1)
		return one(c, function->operation->slots, value, function->type == WEIR_T_BOOL);
	for (uint32_t i = 1; i < expr->n; i++)
		value = two(c, function->operation, value, compile(c, expr->argument[i], false),
			    function->type == WEIR_T_BOOL);
	return value;
}

static struct value compile_bit(struct compiler *c, const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *x = expr->argument[0];
	struct weir_step step = { .run = weir_loop_integer_bit, .k = expr->argument[1]->number };

	return is_integer(c, x) ? of_integers(c, x, step, true) : compile_function(c, expr);
}

static struct value compile_call(struct compiler *c, const struct weir_tree_expr *expr)
{
	switch (expr->function) {
	case WEIR_F_RAW:
		return compile_raw(c, expr);
	case WEIR_F_BETWEEN:
		return compile_between(c, expr);
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

/* `as_truth` chooses for what can be both; the caller has checked the types. */
static struct value compile(struct compiler *c, const struct weir_tree_expr *expr, bool as_truth)
{
	switch (expr->op) {
	case WEIR_E_NUMBER:
		return (struct value){ .is_constant = true, .is_truth = as_truth, .k = expr->number };
	case WEIR_E_FIELD:
		return compile_field(c, expr->field, as_truth);
	case WEIR_E_CALL:
		return compile_call(c, expr);
	case WEIR_E_NEG:
		return one(c, weir_operation_of(WEIR_E_NEG)->slots, compile(c, expr->argument[0], false), false);
	case WEIR_E_NOT:
		return one(c, weir_operation_of(WEIR_E_NOT)->slots, compile(c, expr->argument[0], true), true);
	default:
		return compile_binary(c, expr);
	}
}

/* The last step made the result, unless it is just a column. Let it write to where the result is wanted. */
static void deliver(struct compiler *c, struct value value)
{
	struct weir_program *program = c->program;

	value = in_slot(c, value);
	program->gives_truth = value.is_truth;
	if (c->failed)
		return;
	if (value.is_register)
		program->step[program->n_steps - 1].out = 0;
	else
		emit(c, (struct weir_step){ .run = weir_loop_copy, .a = value.slot });
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
	struct compiler c = { .program = out, .schema = schema, .arena = arena };

	*out = (struct weir_program){ .n_slots = 1 };
	/* A node makes at most three registers at a time, and each column is one of the schema's or the time. */
	c.free_slot = weir_arena_take(arena, 3 * count_nodes(expr) * sizeof(*c.free_slot));
	out->column = weir_arena_take(arena, (schema->n_fields + 1) * sizeof(*out->column));
	if (!c.free_slot || !out->column)
		return -ENOMEM;
	deliver(&c, compile(&c, expr, weir_expr_type(expr, schema) & WEIR_T_BOOL));
	return c.failed ? -ENOMEM : 0;
}
