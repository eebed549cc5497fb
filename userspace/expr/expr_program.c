/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "expr/expr_text.h"

void weir_program_release(struct weir_program *program)
{
	while (program->regex) {
		struct weir_regex *regex = program->regex;

		program->regex = *weir_regex_next(regex);
		weir_regex_close(regex);
	}
}

void weir_program_run(const struct weir_program *program, void *const *slot, uint32_t n)
{
	for (uint32_t i = 0; i < program->n_steps; i++)
		program->step[i].run(&program->step[i], slot, n);
}

bool weir_program_constant(const struct weir_program *program, struct weir_arena *arena, double *number,
			   const char **text)
{
	char *cell = weir_arena_take(arena, (size_t)program->n_slots * program->cell_bytes);
	void **slot = weir_arena_take(arena, program->n_slots * sizeof(*slot));

	*text = NULL;
	if (!cell || !slot)
		return false;
	for (uint32_t i = 0; i < program->n_slots; i++)
		slot[i] = cell + (size_t)i * program->cell_bytes;
	weir_program_run(program, slot, 1);
	if (program->faults && program->faults->any)
		return false;
	if (program->gives_text) {
		const struct weir_slice *made = slot[0];

		*text = weir_arena_copy(arena, made->at, made->n);
		return *text;
	}
	*number = program->gives_truth ? *(uint8_t *)slot[0] : *(double *)slot[0];
	return true;
}
