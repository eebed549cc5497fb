/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file filter.h
 * @brief The early filter: a predicate over a row's raw integers, run inside the kernel where it lets us.
 *
 * pushdown/plan.c derives the predicate, pushdown/codegen_bpf.c turns it into eBPF, filter/filter.c loads and runs it. The verdict
 * never depends on the tier. It may depend on rows that passed before: `every` and `changed` remember, in words of memory that
 * start as zeros.
 */
#ifndef WEIR_FILTER_FILTER_H
#define WEIR_FILTER_FILTER_H

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>

#include "core/report.h"
#include "filter/custom_filter.h"
#include "stream/ring.h"
#include "weir/driver.h"
#include "weir/filter_shared.h"

#define WEIR_PREDICATE_NODES_MAX 64
#define WEIR_PREDICATE_RANGES_MAX 256
#define WEIR_PREDICATE_POLYS_MAX 16
#define WEIR_POLY_CHANNELS_MAX 4
#define WEIR_POLY_TERMS_MAX 20
#define WEIR_FILTER_CODE_MAX 512 /**< instructions of a generated verdict; the templates in bpf/ leave this much room */
/** The errno of a tier that has not the code of the predicate, or decides otherwise. */
#define WEIR_DISPROVED ENOTRECOVERABLE

enum weir_predicate_op {
	WEIR_PRED_RANGE,
	WEIR_PRED_SET,
	WEIR_PRED_BITS,
	WEIR_PRED_POLY, /**< rows for which a polynomial is in one of the ranges; those outside of its box are alike */
	WEIR_PRED_AND,
	WEIR_PRED_OR,
	WEIR_PRED_TRUE,
	WEIR_PRED_FALSE,
	WEIR_PRED_EVERY,      /**< of the rows that pass `left`: the first, then each `lo`th after it */
	WEIR_PRED_EVERY_TIME, /**< the first, then the first that is at least `lo` ns later than the last passed */
	WEIR_PRED_CHANGED,    /**< the first, then those whose raw(field) is at least `lo` away from the last passed */
};

/**
 * A node of a predicate. Children come before parents; the last node is the root. Raw integers are compared signed; unsigned
 * for an unsigned field of 64 bits. Nodes that remember stand nowhere but on the way from the root through `left`, so that
 * what reaches them is the same whether or not the right sides are evaluated.
 */
struct weir_predicate_node {
	enum weir_predicate_op op;
	uint16_t left, right; /**< AND, OR; `left` also of those that remember */
	uint16_t field;       /**< RANGE, SET, BITS, CHANGED */
	uint16_t
		first; /**< SET, POLY: index of its first range; BITS: of its first word in `bits`; else of its first state word */
	uint16_t
		n; /**< SET: ranges, at least two, ascending, none touching the next; not all raw values. POLY: any number */
	uint16_t poly;          /**< POLY: index of the polynomial */
	int64_t lo, hi;         /**< RANGE: lo <= raw(field) <= hi */
	struct weir_span where; /**< what it was made from, in the program's text */
};

struct weir_range {
	int64_t lo, hi;
};

/**
 * A polynomial with integer factors over u = raw + offset of some channels. Where all channels are in the box, lo <= raw <= hi,
 * compared signed, no product of a factor and some of its powers, no offset and no sum is beyond +-2^62.
 */
struct weir_poly {
	uint32_t n_channels, n_terms;
	bool drops_outside; /**< of the box; else such rows pass */
	struct {
		uint16_t field;
		bool is_bounded; /**< there are raw values outside of lo to hi */
		int64_t lo, hi, offset;
	} channel[WEIR_POLY_CHANNELS_MAX];
	struct {
		int64_t factor; /**< not zero */
		uint8_t power[WEIR_POLY_CHANNELS_MAX];
	} term[WEIR_POLY_TERMS_MAX];
};

struct weir_predicate {
	uint32_t n, n_ranges, n_bits, n_polys, n_state; /**< used of each array, and of the state's words */
	bool exact; /**< it is the condition; else it is only implied by the condition, which must be tested as well */
	struct weir_predicate_node node[WEIR_PREDICATE_NODES_MAX];
	struct weir_range range[WEIR_PREDICATE_RANGES_MAX];
	struct weir_poly poly[WEIR_PREDICATE_POLYS_MAX];
	/** BITS: for fields of at most 16 bits. Bit k of the bitmap, from the lowest of its first word on: do raw integers whose
	 *  lowest bits are k pass? Some do and some do not. */
	uint64_t bits[WEIR_BITS_WORDS];
};

/** @brief The verdict in user space, from the same predicate, row by row: the oracle of the tests. `state` is WEIR_STATE_WORDS
 *  words, zeros at first; NULL where no node remembers. */
bool weir_predicate_test(const struct weir_predicate *predicate, const struct weir_schema *schema, const void *row,
			 uint64_t *state);
/** @brief The part of a WEIR_PRED_POLY node. */
bool weir_predicate_poly(const struct weir_predicate *predicate, const struct weir_predicate_node *node,
			 const struct weir_schema *schema, const void *row);
/** @brief The part of one node that remembers: does a row that reached it pass? */
bool weir_predicate_advance(const struct weir_predicate_node *node, const struct weir_schema *schema, const void *row,
			    uint64_t *state);

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
	const struct bpf_insn
		*code; /**< the verdict: r1 = row, r2 = struct weir_filter_memory, r0 = 0 drop, 1 pass; ends in exit */
	uint32_t n_code;
	struct weir_custom *custom; /**< goes before the verdict, in a kernel tier alone; NULL: none */
	uint32_t ring_rows;         /**< capacity wanted for the ring */
	int iio_device;             /**< kernel's number of the IIO device; -1: no inline tier */
	uint64_t limit;             /**< inspect this many rows, then pass none; 0: no limit */
};

struct weir_filter_counts {
	uint64_t seen, passed, lost; /**< lost: passed, but the BPF ring buffer was full */
};

/**
 * @brief Load the filter, and prove that it decides as the predicate says: by the code in the loaded program, and by running it on
 * rows that are made up (not those with a custom filter).
 * @return 0; -EPERM, -ENOSYS, … when the demanded tier is refused, -WEIR_DISPROVED when it failed its proof. `why` (256 bytes)
 * then says what to do about it; with AUTO it says why a better tier was not had.
 */
int weir_filter_open(struct weir_filter **out, const struct weir_filter_config *config, char why[256]) WEIR_MUST_CHECK;
void weir_filter_close(struct weir_filter *filter);
enum weir_tier weir_filter_tier(const struct weir_filter *filter);
/** @brief How it hooks, for explain and the summary: "inline (fentry)", "batch (BPF_PROG_RUN)", "user". */
const char *weir_filter_how(const struct weir_filter *filter);
/** @brief The tier that failed its proof, and how, so that this one was taken; empty: none did. The user has to be warned. */
const char *weir_filter_doubt(const struct weir_filter *filter);
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
/** @brief Inline tier: the time of the newest sample seen, INT64_MIN at first. All that passed up to it can be consumed. Any thread. */
int64_t weir_filter_time(const struct weir_filter *filter);
/** @brief Inline tier: the descriptor also becomes readable once when that time passes the earliest of the `t_ns` since the last
 *  INT64_MAX, which takes them back. A time that is past already wakes no longer: look after this. Any thread. */
void weir_filter_want_time(struct weir_filter *filter, int64_t t_ns);
/** @brief Inline tier: nothing passes any more. What has passed can still be consumed; the hook itself goes with close. */
void weir_filter_detach(struct weir_filter *filter);
/** @brief Any thread. In the inline tier `lost` is complete only after detach: then it also has the runs that the kernel
 *  skipped because the program was already running on that CPU, for whichever device. */
void weir_filter_read_counts(const struct weir_filter *filter, struct weir_filter_counts *counts);

/** @brief What `every` and `changed` remember, WEIR_STATE_WORDS words, so that a filter made anew from the same stages can go
 *  on where this one stopped. While no row is being filtered. */
void weir_filter_get_state(const struct weir_filter *filter, uint64_t *state);
void weir_filter_set_state(struct weir_filter *filter, const uint64_t *state);

#endif
