/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf_library.h
 * @brief libbpf and libelf, opened with the first filter: a program without one starts without them.
 *
 * For bpf*.c, in place of the headers of both. A function of theirs is called by its own name, after weir_bpf_library_open(). With
 * WEIR_STATIC (STATIC=1) both are linked.
 */
#ifndef WEIR_FILTER_BPF_LIBRARY_H
#define WEIR_FILTER_BPF_LIBRARY_H

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <gelf.h>

#include "weir/block.h"

/**
 * @brief Open both, once in a process. Any thread.
 * @return 0; -ELIBACC: one is missing, or lacks a function. `why`, of 256 bytes, then names it and the Debian package; NULL: not asked for.
 */
int weir_bpf_library_open(char *why) WEIR_MUST_CHECK;

/* clang-format off */
#define WEIR_LIBBPF_CALLS(X) \
	X(bpf_link__destroy) \
	X(bpf_link__fd) \
	X(bpf_linker__add_file) \
	X(bpf_linker__finalize) \
	X(bpf_linker__free) \
	X(bpf_linker__new) \
	X(bpf_map__fd) \
	X(bpf_map__set_max_entries) \
	X(bpf_map__set_value_size) \
	X(bpf_obj_get_info_by_fd) \
	X(bpf_object__destroy_skeleton) \
	X(bpf_object__load_skeleton) \
	X(bpf_object__open_skeleton) \
	X(bpf_prog_test_run_opts) \
	X(bpf_program__attach_kprobe) \
	X(bpf_program__attach_trace) \
	X(bpf_program__fd) \
	X(bpf_program__insn_cnt) \
	X(bpf_program__insns) \
	X(bpf_program__set_attach_target) \
	X(bpf_program__set_autoload) \
	X(bpf_program__set_flags) \
	X(bpf_program__set_insns) \
	X(btf__find_by_name_kind) \
	X(btf__free) \
	X(btf__name_by_offset) \
	X(btf__parse_elf) \
	X(btf__resolve_size) \
	X(btf__resolve_type) \
	X(btf__type_by_id) \
	X(libbpf_get_error) \
	X(libbpf_register_prog_handler) \
	X(libbpf_set_print) \
	X(ring_buffer__consume) \
	X(ring_buffer__free) \
	X(ring_buffer__new)

#define WEIR_LIBELF_CALLS(X) \
	X(elf_begin) \
	X(elf_end) \
	X(elf_getdata) \
	X(elf_getshdrstrndx) \
	X(elf_nextscn) \
	X(elf_strptr) \
	X(elf_version) \
	X(gelf_getshdr) \
	X(gelf_getsym)
/* clang-format on */

#ifndef WEIR_STATIC

#define WEIR_LIBRARY_MEMBER(name) __typeof__(name) *name;

/** The functions, by their names. NULL until they are open. */
extern struct weir_bpf_library {
	WEIR_LIBBPF_CALLS(WEIR_LIBRARY_MEMBER)
	WEIR_LIBELF_CALLS(WEIR_LIBRARY_MEMBER)
} weir_bpf_library;

#ifndef WEIR_LIBRARY_NAMES /* bpf_library.c itself */
#define bpf_link__destroy weir_bpf_library.bpf_link__destroy
#define bpf_link__fd weir_bpf_library.bpf_link__fd
#define bpf_linker__add_file weir_bpf_library.bpf_linker__add_file
#define bpf_linker__finalize weir_bpf_library.bpf_linker__finalize
#define bpf_linker__free weir_bpf_library.bpf_linker__free
#define bpf_linker__new weir_bpf_library.bpf_linker__new
#define bpf_map__fd weir_bpf_library.bpf_map__fd
#define bpf_map__set_max_entries weir_bpf_library.bpf_map__set_max_entries
#define bpf_map__set_value_size weir_bpf_library.bpf_map__set_value_size
#define bpf_obj_get_info_by_fd weir_bpf_library.bpf_obj_get_info_by_fd
#define bpf_object__destroy_skeleton weir_bpf_library.bpf_object__destroy_skeleton
#define bpf_object__load_skeleton weir_bpf_library.bpf_object__load_skeleton
#define bpf_object__open_skeleton weir_bpf_library.bpf_object__open_skeleton
#define bpf_prog_test_run_opts weir_bpf_library.bpf_prog_test_run_opts
#define bpf_program__attach_kprobe weir_bpf_library.bpf_program__attach_kprobe
#define bpf_program__attach_trace weir_bpf_library.bpf_program__attach_trace
#define bpf_program__fd weir_bpf_library.bpf_program__fd
#define bpf_program__insn_cnt weir_bpf_library.bpf_program__insn_cnt
#define bpf_program__insns weir_bpf_library.bpf_program__insns
#define bpf_program__set_attach_target weir_bpf_library.bpf_program__set_attach_target
#define bpf_program__set_autoload weir_bpf_library.bpf_program__set_autoload
#define bpf_program__set_flags weir_bpf_library.bpf_program__set_flags
#define bpf_program__set_insns weir_bpf_library.bpf_program__set_insns
#define btf__find_by_name_kind weir_bpf_library.btf__find_by_name_kind
#define btf__free weir_bpf_library.btf__free
#define btf__name_by_offset weir_bpf_library.btf__name_by_offset
#define btf__parse_elf weir_bpf_library.btf__parse_elf
#define btf__resolve_size weir_bpf_library.btf__resolve_size
#define btf__resolve_type weir_bpf_library.btf__resolve_type
#define btf__type_by_id weir_bpf_library.btf__type_by_id
#define libbpf_get_error weir_bpf_library.libbpf_get_error
#define libbpf_register_prog_handler weir_bpf_library.libbpf_register_prog_handler
#define libbpf_set_print weir_bpf_library.libbpf_set_print
#define ring_buffer__consume weir_bpf_library.ring_buffer__consume
#define ring_buffer__free weir_bpf_library.ring_buffer__free
#define ring_buffer__new weir_bpf_library.ring_buffer__new
#define elf_begin weir_bpf_library.elf_begin
#define elf_end weir_bpf_library.elf_end
#define elf_getdata weir_bpf_library.elf_getdata
#define elf_getshdrstrndx weir_bpf_library.elf_getshdrstrndx
#define elf_nextscn weir_bpf_library.elf_nextscn
#define elf_strptr weir_bpf_library.elf_strptr
#define elf_version weir_bpf_library.elf_version
#define gelf_getshdr weir_bpf_library.gelf_getshdr
#define gelf_getsym weir_bpf_library.gelf_getsym
#endif
#endif
#endif
