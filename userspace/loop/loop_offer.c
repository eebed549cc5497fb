/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "loop/loop_offer.h"

void weir_offer_init(struct weir_offer *offer, const struct weir_ring *ring)
{
	/* What is offered is lost to a slow drop_oldest reader, so never more than a quarter of the ring. */
	uint32_t quarter = weir_ring_capacity(ring) / 4;

	*offer = (struct weir_offer){ .most = quarter > WEIR_OFFER_MAX ? WEIR_OFFER_MAX : quarter ? quarter : 1 };
}

uint32_t weir_offer_extend(struct weir_offer *offer, struct weir_ring *ring, uint8_t **rows, uint16_t *number)
{
	uint32_t from = offer->rows, got;
	uint8_t *head;

	if (!from)
		offer->skew = 0;
	if (offer->skew)
		return 0;
	head = weir_ring_reserve(ring, offer->most, &got);
	if (got <= from)
		return 0;
	*rows = head + (size_t)from * weir_ring_row_bytes(ring);
	*number = (uint16_t)(offer->next + from) & (WEIR_OFFER_MAX - 1);
	offer->rows = got;
	return got - from;
}

uint32_t weir_offer_withdraw(struct weir_offer *offer)
{
	uint32_t rows = offer->rows;

	offer->rows = 0;
	return rows;
}

bool weir_offer_flush(struct weir_offer *offer, struct weir_loop_intake *intake)
{
	uint32_t n = offer->landed, got;
	int kept;

	if (!n || intake->over)
		return false;
	offer->landed = 0;
	offer->rows -= n;
	offer->next += (uint16_t)n;
	uint8_t *rows = weir_ring_reserve(intake->config.ring, n, &got);

	if (offer->skew)
		memmove(rows, rows + (size_t)offer->skew * intake->row_bytes, (size_t)n * intake->row_bytes);
	kept = weir_intake_land(intake, rows, n);
	if (kept < 0)
		return false;
	offer->skew += n - (uint32_t)kept;
	return true;
}
