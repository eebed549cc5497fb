/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file filter.h
 * @brief The early filter: a predicate over a row's raw integers, run inside the kernel where it lets us.
 *
 * lang/plan.c derives the predicate, lang/codegen_bpf.c turns it into eBPF, core/filter.c loads and runs it. The verdict
 * never depends on the tier.
 */
#ifndef WEIR_CORE_FILTER_H
#define WEIR_CORE_FILTER_H

#include <linux/bpf.h>
#include <stdio.h>

#include "core/ring.h"
#include "weir/driver.h"

#define WEIR_PREDICATE_NODES_MAX 64
#define WEIR_FILTER_CODE_MAX 512 /**< instructions of a generated verdict; the templates in bpf/ leave this much room */

enum weir_predicate_op { WEIR_PRED_RANGE, WEIR_PRED_AND, WEIR_PRED_OR, WEIR_PRED_TRUE, WEIR_PRED_FALSE };

/** A node of a predicate. Children come before parents; the last node is the root. */
struct weir_predicate_node {
	enum weir_predicate_op op;
	uint16_t left, right; /**< AND, OR */
	uint16_t field;       /**< RANGE: lo <= raw(field) <= hi, signed; unsigned for an unsigned field of 64 bits */
	int64_t lo, hi;
};

struct weir_predicate {
	uint32_t n;
	struct weir_predicate_node node[WEIR_PREDICATE_NODES_MAX];
};

/** @brief The verdict in user space, from the same predicate, row by row: the oracle of the tests. */
bool weir_predicate_test(const struct weir_predicate *predicate, const struct weir_schema *schema, const void *row);

/** @brief Are the raw values of this field to be compared as unsigned? Only 64 bits without a sign do not fit int64_t. */
bool weir_raw_is_unsigned(const struct weir_field *field);
/** @brief The least and the greatest raw value that a field can have, in the sense of weir_predicate_node. */
void weir_raw_bounds(const struct weir_field *field, int64_t *lo, int64_t *hi);
/** @brief Does this node hold for every raw value (1), for none (0), or does it depend (-1)? */
int weir_predicate_constant(const struct weir_predicate *predicate, const struct weir_schema *schema, uint32_t node);

enum weir_tier { WEIR_TIER_AUTO, WEIR_TIER_INLINE, WEIR_TIER_BATCH, WEIR_TIER_USER };
const char *weir_tier_name(enum weir_tier tier);

struct weir_filter;

struct weir_filter_config {
	enum weir_tier tier; /**< AUTO: inline, else batch, else user; anything else: that or an error */
	const struct weir_schema *schema;
	const struct weir_predicate *predicate;
	const struct bpf_insn *code; /**< the verdict: r1 = pointer to the row, r0 = 0 drop, 1 pass; ends in exit */
	uint32_t n_code;
	uint32_t ring_rows; /**< capacity wanted for the ring */
	int iio_device;     /**< kernel's number of the IIO device; -1: no inline tier */
	uint64_t limit;     /**< inspect this many rows, then pass none; 0: no limit */
};

struct weir_filter_counts {
	uint64_t seen, passed, lost; /**< lost: passed, but the BPF ring buffer was full */
};

/** @return 0; -EPERM, -ENOSYS, … when the demanded tier is refused. `why` (256 bytes) then says what to do about it; with
 *  AUTO it says why a better tier was not had. */
int weir_filter_open(struct weir_filter **out, const struct weir_filter_config *config, char why[256]) WEIR_MUST_CHECK;
void weir_filter_close(struct weir_filter *filter);
enum weir_tier weir_filter_tier(const struct weir_filter *filter);
/** @brief How it hooks, for explain and the summary: "inline (fentry)", "batch (BPF_PROG_RUN)", "user". */
const char *weir_filter_how(const struct weir_filter *filter);
/** @brief Batch tier: the BPF array map that must be the ring's memory. -1 in the other tiers. */
int weir_filter_ring_fd(const struct weir_filter *filter);
/** @brief Batch and user tier: keep the passing rows of `rows[0..n)`, moved to the front, in order. @return how many, or
 *  -errno. `slot` is the ring index of rows[0]. Loop thread. */
int weir_filter_rows(struct weir_filter *filter, void *rows, uint32_t slot, uint32_t n);
/** @brief Inline tier: from now on samples are seen. Call it before the device starts. */
int weir_filter_attach(struct weir_filter *filter);
/** @brief Inline tier: a descriptor that becomes readable when samples passed. */
int weir_filter_fd(const struct weir_filter *filter);
/** @brief Inline tier: move what passed into the ring, commit it. @return rows moved, or -errno. Loop thread. The
 *  descriptor also becomes readable when `limit` is reached, which counts.seen then shows. */
int weir_filter_consume(struct weir_filter *filter, struct weir_ring *ring);
/** @brief Inline tier: nothing passes any more. What has passed can still be consumed; the hook itself goes with close. */
void weir_filter_detach(struct weir_filter *filter);
/** @brief Any thread. In the inline tier `lost` is complete only after detach: then it also has the runs that the kernel
 *  skipped because the program was already running on that CPU, for whichever device. */
void weir_filter_read_counts(const struct weir_filter *filter, struct weir_filter_counts *counts);

#endif
