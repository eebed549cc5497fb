/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file keyed.h
 * @brief For operators with `key=`: a state for each key, of a size that the operator names.
 *
 *     weir_keyed_open(&state->keyed, node, bytes)          in open(); NULL without `key=`
 *     at = weir_keyed_at(state->keyed, in, row)            in push(), for each record in order
 *
 * States are zero when a key begins, and the operator reads zero as "has seen nothing". All memory is taken in open(). A state must not
 * own memory: nothing is told when a key ends. One thread at a time.
 */
#ifndef WEIR_KEYED_H
#define WEIR_KEYED_H

#include "weir/keys.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The parameters `key`, `keys` and `forget`: entries of the driver's table. */
#define WEIR_KEYED_PARAMS                                                                \
	{ .name = "key",                                                                 \
	  .style = WEIR_KEY,                                                             \
	  .value = WEIR_V_FIELDS,                                                        \
	  .takes_text = true,                                                            \
	  .help = "fields whose values have a state each; default: one state for all" }, \
		WEIR_KEYS_BOUND_PARAMS

struct weir_keyed;

/**
 * @brief For open(): the states that the arguments ask for.
 * @param out NULL without `key=`. Free with weir_keyed_close(), which takes NULL, also after a failure.
 * @param bytes of one state, at least 1; each is aligned for any type.
 * @return 0; -EINVAL after a report: no plain field, one twice, a bound without `key=`, more than the machine's memory; -ENOMEM.
 */
int weir_keyed_open(struct weir_keyed **out, struct weir_node *node, size_t bytes) WEIR_MUST_CHECK;
void weir_keyed_close(struct weir_keyed *keyed);

/** @brief The state of the key of one record, which is the newest of its key from now on. Valid until the next call. */
void *weir_keyed_at(struct weir_keyed *keyed, const struct weir_block *in, uint32_t row);

/**
 * @brief For open(): append the key fields to a schema without fields, so that they come first in what the operator emits.
 * @return 0; -E2BIG or -EEXIST as weir_schema_add().
 */
int weir_keyed_add_fields(const struct weir_keyed *keyed, const struct weir_schema *in, struct weir_schema *out,
			  uint32_t *n) WEIR_MUST_CHECK;
/** @brief Write the key of the record of the last weir_keyed_at() into those fields of row `row`. */
void weir_keyed_put(const struct weir_keyed *keyed, struct weir_block *out, uint32_t row);

#ifdef __cplusplus
}
#endif
#endif
