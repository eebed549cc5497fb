/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file keys.h
 * @brief For operators with state for each key: a bounded table from the values of key fields to slots.
 *
 * A slot is an index from 0 to `max - 1`: the caller has its state in arrays of `max` elements. All memory is taken when the table is
 * opened. Which key has which slot, and which key goes where there are too many, follows from the records that were looked up and from
 * their order and times alone; neither the cuts of blocks nor hash values decide.
 *
 * One thread at a time.
 */
#ifndef WEIR_KEYS_H
#define WEIR_KEYS_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_KEYS_MAX 10000000 /**< keys of one table */
#define WEIR_NO_SLOT UINT32_MAX

struct weir_keys;

/** What became of the slot that weir_keys_find() returns. */
enum weir_key_is {
	WEIR_KEY_KNOWN,     /**< the state in it goes on */
	WEIR_KEY_NEW,       /**< it had no key */
	WEIR_KEY_FORGOTTEN, /**< it had a key, which `forget_ns` has ended */
	WEIR_KEY_EVICTED,   /**< it had the key that was silent longest, and there are `max` others; counted */
};

/**
 * @brief A table for keys made of `n` fields of blocks of a schema, which need not outlive it.
 * @param field indices into the schema; 1 to WEIR_FIELDS_MAX of them.
 * @param max keys at one time, 1 to WEIR_KEYS_MAX.
 * @param forget_ns a key ends when it has had no record for longer; INT64_MAX: never.
 * @return 0 or -ENOMEM. Free with weir_keys_close(), which takes NULL.
 */
int weir_keys_open(struct weir_keys **out, const struct weir_schema *schema, const uint32_t *field, uint32_t n,
		   uint32_t max, int64_t forget_ns) WEIR_MUST_CHECK;
void weir_keys_close(struct weir_keys *keys);

/**
 * @brief The slot of the key of one record, which is the newest of its key from now on.
 *
 * NaN is one key whatever its bits, and so are 0 and -0. A record that is older than others of its key does not make the key older.
 * @param is what became of the slot: but for WEIR_KEY_KNOWN, the state in it must begin anew.
 */
uint32_t weir_keys_find(struct weir_keys *keys, const struct weir_block *block, uint32_t row, enum weir_key_is *is);

/**
 * @brief For open() of an operator whose table has WEIR_KEYS_BOUND_PARAMS: the table of keys that its arguments ask for.
 * @param parameter name of its parameter of WEIR_V_FIELDS, which takes texts: the key fields.
 * @param field room for WEIR_FIELDS_MAX indices of fields: those of the key. *n: how many there are.
 * @return 0; -EINVAL after a report: no plain field, one twice, or more keys than the machine has memory for; -ENOMEM after a report. In a check there is memory for one key.
 */
int weir_keys_open_args(struct weir_keys **out, struct weir_node *node, const char *parameter, uint32_t *field,
			uint32_t *n) WEIR_MUST_CHECK;
/** @brief For open(), before memory for states is asked for: refuse `keys` of the table and `state_bytes` for each key beside it
 *  where the machine has less memory. No-op in a check. @return 0; -EINVAL after a report. */
int weir_keys_check_memory(struct weir_node *node, const char *parameter, size_t state_bytes) WEIR_MUST_CHECK;
/** @brief Count a key that was evicted from the table of a node. Its agent's thread. */
void weir_evicted(struct weir_node *node);

/** @brief Has the key in that slot had no record for longer than `forget_ns` at that time? */
bool weir_keys_is_over(const struct weir_keys *keys, uint32_t slot, int64_t now_ns);
/** @brief The key in that slot ends; its slot is free. */
void weir_keys_end(struct weir_keys *keys, uint32_t slot);

/** @brief The key whose first record came first, or WEIR_NO_SLOT; and the one after another. */
uint32_t weir_keys_first(const struct weir_keys *keys);
uint32_t weir_keys_next(const struct weir_keys *keys, uint32_t slot);
/** @brief Of a live key: its place in that order, from 0, never used again. */
uint64_t weir_keys_birth(const struct weir_keys *keys, uint32_t slot);

/** @brief Write the value of key field `k` of a slot into cell `row` of a column of that field's kind. */
void weir_keys_put(const struct weir_keys *keys, uint32_t slot, uint32_t k, union weir_column column, uint32_t row);

/** @brief Keys at this time; and keys that were evicted so far. */
uint32_t weir_keys_count(const struct weir_keys *keys);
uint64_t weir_keys_evicted(const struct weir_keys *keys);

#ifdef __cplusplus
}
#endif
#endif
