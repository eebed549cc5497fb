/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf_loaded.h
 * @brief What comes of loading: descriptors of programs, maps and hooks. Either this process loaded and still has libbpf's object, or the
 * loader did (bpf_loader.h) and only the descriptors came over. Who uses them cannot tell. For filter/bpf*.c alone.
 */
#ifndef WEIR_FILTER_BPF_LOADED_H
#define WEIR_FILTER_BPF_LOADED_H

#include "filter/bpf_gpio.h"
#include "filter/bpf_hook.h"
#include "filter/bpf_library.h"

#define WEIR_BPF_SLOTS 8 /**< descriptors at most; the owner of a kind names them */

struct weir_bpf_loaded {
	int fd[WEIR_BPF_SLOTS];                /**< -1: none */
	struct bpf_link *link[WEIR_BPF_SLOTS]; /**< of the descriptor, where this process attached the program */
	void *object;                          /**< libbpf's, which owns the descriptors; NULL: they are owned here */
	void (*destroy)(void *object);
};

void weir_bpf_loaded_init(struct weir_bpf_loaded *loaded);
void weir_bpf_loaded_close(struct weir_bpf_loaded *loaded);
/** @brief Keep a link that was attached here. */
void weir_bpf_loaded_hook(struct weir_bpf_loaded *loaded, uint32_t slot, struct bpf_link *link);
/** @brief Unhook one. */
void weir_bpf_loaded_unhook(struct weir_bpf_loaded *loaded, uint32_t slot);

/** @brief Map the variables of a program: the map of its .bss, of at least `least` bytes. munmap() it. 0 or -errno. */
int weir_bpf_map_variables(void **out, size_t *bytes, int fd, size_t least) WEIR_MUST_CHECK;

enum weir_bpf_kind { WEIR_BPF_BATCH, WEIR_BPF_INLINE, WEIR_BPF_PULSES, WEIR_BPF_LOSS, WEIR_BPF_KINDS };

/** What is to be loaded. */
struct weir_bpf_order {
	enum weir_bpf_kind kind;
	/** How to load it in this process. Unused where the loader does. */
	int (*load)(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order, char *why);
	enum weir_hook hook; /**< all but BATCH */
	const struct weir_filter_config
		*config;                 /**< BATCH, INLINE; predicate: its bits alone; schema: row_bytes and t */
	uint32_t capacity;               /**< BATCH */
	const struct weir_gpio_job *job; /**< PULSES */
	int iio_device;                  /**< LOSS */
};

/* One for each kind, in its own file: what an order has as `load`. */
int weir_bpf_load_batch(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order, char *why) WEIR_MUST_CHECK;
int weir_bpf_load_inline(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order, char *why) WEIR_MUST_CHECK;
int weir_bpf_load_pulses(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order, char *why) WEIR_MUST_CHECK;
int weir_bpf_load_loss(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order, char *why) WEIR_MUST_CHECK;

#endif
