/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file custom_filter.h
 * @brief A filter that a user wrote and compiled: `iio:… filter=file.bpf.o`, made with bpf/weir/custom.h.
 *
 * It is linked to the program of the tier that runs it, behind the rows and before the generated verdict. What it declares as
 * its row must be what the source delivers.
 */
#ifndef WEIR_FILTER_CUSTOM_FILTER_H
#define WEIR_FILTER_CUSTOM_FILTER_H

#include <linux/bpf.h>
#include <stdio.h>

#include "weir/driver.h"

#define WEIR_CUSTOM_WHY_MAX 512

struct weir_custom;

/**
 * @param path of the object file; kept.
 * @param schema of the rows that it must fit; NULL: that has been checked.
 * @return 0; -EINVAL: its rows have another layout; -ENOEXEC: it is no eBPF object; -errno when the file cannot be read;
 * -ENOMEM. Then *out is NULL and the reason in `why`. Free with weir_custom_close(), which takes NULL.
 */
int weir_custom_open(struct weir_custom **out, const char *path, const struct weir_schema *schema,
		     char why[WEIR_CUSTOM_WHY_MAX]) WEIR_MUST_CHECK;
void weir_custom_close(struct weir_custom *custom);

const char *weir_custom_path(const struct weir_custom *custom);
/** @brief Its instructions as they were compiled, all functions of the file in their order. */
const struct bpf_insn *weir_custom_code(const struct weir_custom *custom, uint32_t *n);
/** @brief The line of C that begins at each of them, or NULL. */
const char *const *weir_custom_lines(const struct weir_custom *custom);
/** @brief What the kernel's verifier said last about it, from the source line at fault on, indented; empty when it
 *  has not refused it. */
const char *weir_custom_refusal(const struct weir_custom *custom);

/** @brief Why it cannot be made a part of our program, on whatever machine; empty when nothing of the kind came up. */
const char *weir_custom_misfit(const struct weir_custom *custom);

/** @brief The rows of a schema as the C structure that a filter has to declare, on one line. */
void weir_custom_print_row(const struct weir_schema *schema, FILE *stream);

#endif
