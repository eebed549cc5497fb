/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows that have come: counted, thinned out, and as many as --limit allows. */
#include <string.h>

#include "core/run.h"

/* Rows are in the ring's memory and not yet visible: count them, thin them out, say how many remain. */
int weir_feed_admit(struct weir_feed *feed, void *rows, uint32_t n)
{
	struct weir_filter *filter = feed->stream->filter;
	int kept = (int)n;

	feed->taken += n;
	weir_count(&feed->node->records_in, n);
	/* A source tells no time but by its rows. */
	weir_stream_note(feed->stream, 0, INT64_MAX);
	if (filter && weir_filter_tier(filter) != WEIR_TIER_INLINE)
		kept = weir_feed_thin_out(feed, rows, n);
	if (kept < 0)
		return weir_fail(feed->node, -kept, "the filter failed: %s", strerror(-kept));
	weir_count(&feed->node->records_out, (uint64_t)kept);
	return kept;
}

int weir_feed_land(struct weir_feed *feed, void *rows, uint32_t n)
{
	uint64_t allowed = weir_feed_allowance(feed);
	int err = 0;

	if (n >= allowed) {
		n = (uint32_t)allowed;
		weir_feed_want_end(feed);
	}
	if (n && feed->node->driver->source->landed && !feed->is_pulled)
		err = feed->node->driver->source->landed(feed->node, rows, n);
	if (err >= 0)
		err = weir_feed_admit(feed, rows, n);
	feed->told |= err < 0;
	return err;
}
