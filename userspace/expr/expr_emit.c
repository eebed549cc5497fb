/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps and their registers. */
#include "expr/expr_compile.h"

uint16_t weir_compile_take_slot(struct weir_compiler *c)
{
	return c->n_free ? c->free_slot[--c->n_free] : (uint16_t)c->program->n_slots++;
}

void weir_compile_give_back(struct weir_compiler *c, struct weir_operand value)
{
	if (value.is_register)
		c->free_slot[c->n_free++] = value.slot;
}

void weir_compile_emit(struct weir_compiler *c, struct weir_step step)
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
struct weir_operand weir_compile_emit_value(struct weir_compiler *c, struct weir_step step, bool is_truth)
{
	struct weir_operand value = { .is_register = true, .is_truth = is_truth, .slot = weir_compile_take_slot(c) };

	step.out = value.slot;
	weir_compile_emit(c, step);
	return value;
}

struct weir_text_memory *weir_compile_text_memory(struct weir_compiler *c)
{
	struct weir_text_memory *memory = weir_arena_take(c->arena, sizeof(*memory));

	c->failed |= !memory;
	if (memory)
		memory->faults = c->program->faults;
	return memory;
}

static struct weir_step fill_text(struct weir_compiler *c, struct weir_slice text)
{
	struct weir_text_memory *memory = weir_compile_text_memory(c);

	if (memory)
		memory->literal = text;
	return (struct weir_step){ .run = weir_loop_text_fill, .memory = memory };
}

/* A constant where a loop wants a slot. */
struct weir_operand weir_compile_in_slot(struct weir_compiler *c, struct weir_operand value)
{
	if (!value.is_constant)
		return value;
	if (value.is_text) {
		struct weir_operand text = weir_compile_emit_value(c, fill_text(c, value.text), false);

		text.is_text = true;
		text.most = value.most;
		return text;
	}
	return weir_compile_emit_value(
		c, (struct weir_step){ .run = value.is_truth ? weir_loop_fill_truth : weir_loop_fill, .k = value.k },
		value.is_truth);
}

uint16_t weir_compile_column(struct weir_compiler *c, int field)
{
	struct weir_program *program = c->program;

	for (uint32_t i = 0; i < program->n_columns; i++)
		if (program->column[i].field == field)
			return program->column[i].slot;
	program->column[program->n_columns] = (struct weir_column_slot){
		.field = field,
		.slot = (uint16_t)program->n_slots,
		.bytes = field >= 0 && c->schema->field[field].kind == WEIR_TEXT ? c->schema->field[field].bytes : 8,
	};
	program->n_columns++;
	return (uint16_t)program->n_slots++;
}
