/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file spool_model.h
 * @brief A spool on a disk in memory, and what a user of it knows: every step is judged without asking the spool.
 *
 * A message is a number and filling that follows from it. Whatever is not as it must be fails the test.
 */
#ifndef SPOOL_MODEL_H
#define SPOOL_MODEL_H

#include "spool_disk.h"

#define MESSAGES 200000
#define LIMIT WEIR_SPOOL_LIMIT_MIN

struct model {
	struct disk *disk;
	struct weir_spool_io io;
	struct weir_spool *spool;
	enum weir_spool_policy policy;
	uint64_t random;
	bool fails;                 /* the disk may, also when the spool is opened: then it is tried again */
	bool rots;                  /* what is on the disk may change, also what says what was acknowledged */
	uint64_t *id;               /* by number; 0: never offered */
	bool *may_miss;             /* by number: was not safe when the power went, or given up by the policy */
	uint32_t next;              /* number of the next message */
	uint32_t safe;              /* numbers below were synced */
	uint32_t offset;            /* since the last rewind: the number after the last that was offered; 0: none */
	uint32_t acked, acked_safe; /* numbers below were acknowledged; and that was synced */
	uint32_t arrived;           /* numbers below were acknowledged at some time */
};

/** @brief How often a random test is run: WEIR_SPOOL_RUNS, or as usual. */
uint64_t spool_runs(uint64_t usual);
/** @brief Message `number`, of up to WEIR_SPOOL_MESSAGE_MAX bytes. @return its bytes. */
uint32_t spool_fill(uint8_t *bytes, uint32_t number);
/** @brief Which one it is. Fails the test unless it is whole. */
uint32_t spool_number(const struct weir_spool_message *message);

void model_open(struct model *m, enum weir_spool_policy policy, uint64_t seed);
void model_close(struct model *m);
/** @brief Open the spool again, after it was closed. */
void model_begin(struct model *m);
struct weir_spool_counts model_counts(struct model *m);
/** @brief Every message has exactly one fate, or is still in memory. @return how many are. */
uint64_t model_in_memory(struct model *m);

/** @brief One thing that a producer, the writer or a consumer does, at random. */
void model_step(struct model *m);
void model_append(struct model *m, uint32_t n);
/** @return was everything written? */
bool model_work(struct model *m, bool sync);
void model_sync(struct model *m);
/** @brief Oldest first, each under its own id for ever, none that was safely acknowledged. @return was there one? */
bool model_take(struct model *m);
/** @brief Up to any that was offered. */
void model_acknowledge(struct model *m);
void model_rewind(struct model *m);
/** @brief The process is killed, or the power is cut; then it is started again. */
void model_fall(struct model *m, bool power);
/** @brief The disk is well again: everything arrives that is still there, and all is accounted for. */
void model_finish(struct model *m);

#endif
