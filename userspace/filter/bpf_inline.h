/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf_inline.h
 * @brief The descriptors that bpf_inline_load.c hands to bpf_inline.c.
 */
#ifndef WEIR_FILTER_BPF_INLINE_H
#define WEIR_FILTER_BPF_INLINE_H

#include "filter/bpf_loaded.h"

enum {
	WEIR_INLINE_PASSING,   /**< BPF ring buffer */
	WEIR_INLINE_VARIABLES, /**< map of the variables */
	WEIR_INLINE_PUSH,      /**< program at the hook */
	WEIR_INLINE_PROVE,     /**< the same, to be run; not with a custom filter */
	WEIR_INLINE_LINK       /**< of the program to the hook */
};

/** @brief Is the time of a row as the program reads it: a whole word, in the order of this machine? */
static inline bool weir_inline_is_plain(const struct weir_field *t)
{
	return t->bytes == 8 && t->bits == 64 && !t->shift && !t->is_big_endian && t->at % 8 == 0;
}

#endif
