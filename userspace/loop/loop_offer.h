/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file loop_offer.h
 * @brief The offer: rows at a ring's head that the kernel may fill ahead of us, by a multishot read, one buffer each.
 *
 *     head | skew | landed | still to come |
 *                  <------- offered ------->
 *
 * Buffers are numbered in the order of their rows, modulo WEIR_OFFER_MAX, and must be filled in that order. This is the
 * bookkeeping alone; handing the buffers to the kernel is up to who calls.
 */
#ifndef WEIR_LOOP_LOOP_OFFER_H
#define WEIR_LOOP_LOOP_OFFER_H

#include "loop/loop_internal.h"

#define WEIR_OFFER_MAX 1024 /* rows; a power of two */

struct weir_offer {
	uint32_t most;   /* rows to offer at once */
	uint32_t rows;   /* that the kernel has, the landed ones included */
	uint32_t landed; /* completed, not yet shown */
	uint32_t skew;   /* a filter dropped as many, so what is landing now lies so far beyond the head */
	uint16_t next;   /* number of the first offered row; its buffer's, but for the modulus */
};

/** @brief Nothing is offered yet. How much may be depends on the size of `ring`. */
void weir_offer_init(struct weir_offer *offer, const struct weir_ring *ring);

/**
 * @brief Offer the rows that have become free as well. None while there is skew: what the kernel has then must run out
 * first, so that we can start again at the head.
 * @param rows,number the first of them, and of its buffer; those of the others follow.
 * @return how many they are.
 */
uint32_t weir_offer_extend(struct weir_offer *offer, struct weir_ring *ring, uint8_t **rows, uint16_t *number);

/** @brief Nothing is offered any more. @return how many rows were. */
uint32_t weir_offer_withdraw(struct weir_offer *offer);

/** @brief Show and commit all that has landed since the last time, in one go. @return is there more room for it? */
bool weir_offer_flush(struct weir_offer *offer, struct weir_loop_intake *intake);

/** @brief The kernel says it filled buffer `number`. False: it is not that one's turn. */
static inline bool weir_offer_land(struct weir_offer *offer, uint16_t number)
{
	bool expected = number == ((uint16_t)(offer->next + offer->landed) & (WEIR_OFFER_MAX - 1));

	offer->landed += expected;
	return expected;
}

#endif
