/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf_loader_wire.h
 * @brief What goes between a pipeline and its loader: one packet of a fixed size each way. All of a request is checked before use.
 */
#ifndef WEIR_FILTER_BPF_LOADER_WIRE_H
#define WEIR_FILTER_BPF_LOADER_WIRE_H

#include "filter/bpf_loaded.h"

#define WEIR_LOADER_MAGIC 0x77656972u
#define WEIR_LOADER_TEXT 4096

/** An order without pointers. A custom filter's file comes as a descriptor: a sealed memory file. */
struct weir_loader_request {
	uint32_t magic, kind, hook;
	uint32_t row_bytes, rows;
	uint32_t t_at, t_is_plain;
	int32_t iio_device;
	uint32_t counts, filters, has_custom;
	uint32_t n_code, n_bits;
	uint32_t reserved; /**< 0 */
	uint64_t limit;
	struct weir_pulse_rule rule;
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	uint64_t bits[WEIR_BITS_WORDS];
};

struct weir_loader_reply {
	int32_t err;
	uint32_t slots; /**< bit k: a descriptor for slot k came with it; in their order */
	char why[WEIR_WHY_MAX];
	char refusal[WEIR_LOADER_TEXT], misfit[WEIR_CUSTOM_WHY_MAX]; /**< of a custom filter */
};

/** What a request is unpacked into. */
struct weir_loader_order {
	struct weir_bpf_order order;
	struct weir_filter_config config;
	struct weir_schema schema;
	struct weir_predicate predicate;
	struct weir_gpio_job job;
};

void weir_loader_pack(struct weir_loader_request *request, const struct weir_bpf_order *order);

/**
 * @brief Check a packet and unpack it. Pointers in *out lead into the packet.
 * @param n_fds descriptors that came with it.
 * @return 0; -EBADMSG: it is no request.
 */
int weir_loader_unpack(struct weir_loader_order *out, const void *packet, size_t bytes, uint32_t n_fds) WEIR_MUST_CHECK;

/** @brief Send one packet with descriptors. 0 or -errno. */
int weir_loader_send(int socket, const void *packet, size_t bytes, const int *fds, uint32_t n_fds) WEIR_MUST_CHECK;
/**
 * @brief Receive one packet of at most `bytes`.
 * @param fds those that came, closed on exec, at most WEIR_BPF_SLOTS; with a packet that is refused they are closed.
 * @return its length; 0: the other side has ended; -EBADMSG: too long, or too many descriptors; -errno.
 */
ssize_t weir_loader_receive(int socket, void *packet, size_t bytes, int *fds, uint32_t *n_fds) WEIR_MUST_CHECK;

#endif
