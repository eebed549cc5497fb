/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * weir with a fault, for filter_proof.sh: the linker puts these functions in front of those that they replace (see the Makefile).
 *
 *   WEIR_FAULT=hole        verdicts are not filled in, as with a libbpf that does not call the handler
 *   WEIR_FAULT=custom      a custom filter is not linked to the program
 *   WEIR_FAULT=predicate   a bound that is derived from a condition is wrong by one
 *   WEIR_FAULT=comparison  the code generator makes one wrong comparison
 */
#include <stdlib.h>
#include <string.h>

#include "filter/bpf_hole.h"
#include "filter/bpf_internal.h"
#include "lang/lang.h"

int __real_weir_hole_fill(struct bpf_program *program, const struct bpf_insn *code, uint32_t n_code);
int __wrap_weir_hole_fill(struct bpf_program *program, const struct bpf_insn *code, uint32_t n_code);
int __real_weir_codegen(const struct weir_predicate *predicate, const struct weir_schema *schema, struct bpf_insn *code,
			uint16_t *origin, uint32_t room);
int __wrap_weir_codegen(const struct weir_predicate *predicate, const struct weir_schema *schema, struct bpf_insn *code,
			uint16_t *origin, uint32_t room);

int __real_weir_custom_link(const struct weir_custom *custom, const void *ours, size_t bytes, void **out,
			    size_t *out_bytes);
int __wrap_weir_custom_link(const struct weir_custom *custom, const void *ours, size_t bytes, void **out,
			    size_t *out_bytes);

int __real_weir_predicate_add_stage(struct weir_predicate *predicate, const struct weir_node *stage,
				    const struct weir_schema *schema, char why[256]);
int __wrap_weir_predicate_add_stage(struct weir_predicate *predicate, const struct weir_node *stage,
				    const struct weir_schema *schema, char why[256]);

static bool has_fault(const char *name)
{
	const char *fault = getenv("WEIR_FAULT");

	return fault && !strcmp(fault, name);
}

int __wrap_weir_hole_fill(struct bpf_program *program, const struct bpf_insn *code, uint32_t n_code)
{
	return has_fault("hole") ? 0 : __real_weir_hole_fill(program, code, n_code);
}

/* One value more, or one less, passes. */
int __wrap_weir_codegen(const struct weir_predicate *predicate, const struct weir_schema *schema, struct bpf_insn *code,
			uint16_t *origin, uint32_t room)
{
	int n = __real_weir_codegen(predicate, schema, code, origin, room);

	for (int i = 0; i < n && has_fault("comparison"); i++)
		if (code[i].code == (BPF_JMP | BPF_JSGT | BPF_K) || code[i].code == (BPF_JMP | BPF_JSLT | BPF_K) ||
		    code[i].code == (BPF_JMP | BPF_JSGE | BPF_K) || code[i].code == (BPF_JMP | BPF_JSLE | BPF_K)) {
			code[i].imm++;
			break;
		}
	return n;
}

int __wrap_weir_custom_link(const struct weir_custom *custom, const void *ours, size_t bytes, void **out,
			    size_t *out_bytes)
{
	if (!has_fault("custom"))
		return __real_weir_custom_link(custom, ours, bytes, out, out_bytes);
	*out = malloc(bytes);
	if (!*out)
		return -ENOMEM;
	memcpy(*out, ours, bytes);
	*out_bytes = bytes;
	return 0;
}

int __wrap_weir_predicate_add_stage(struct weir_predicate *predicate, const struct weir_node *stage,
				    const struct weir_schema *schema, char why[256])
{
	int err = __real_weir_predicate_add_stage(predicate, stage, schema, why);

	for (uint32_t i = 0; i < predicate->n && has_fault("predicate"); i++)
		if (predicate->node[i].op == WEIR_PRED_RANGE)
			predicate->node[i].lo++;
	return err;
}
