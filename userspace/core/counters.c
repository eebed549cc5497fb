/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/counters.h"

const char *weir_loss_name(enum weir_loss cause)
{
	static const char *const name[] = {
		[WEIR_LOST_DEVICE] = "device", [WEIR_LOST_RING] = "ring", [WEIR_LOST_FILTER] = "filter",
		[WEIR_LOST_POISON] = "poison", [WEIR_LOST_CUT] = "cut",   [WEIR_LOST_LATE] = "late",
		[WEIR_LOST_UNSENT] = "unsent", [WEIR_LOST_END] = "end",
	};

	return name[cause];
}

const char *weir_policy_name(enum weir_policy policy)
{
	static const char *const name[] = {
		[WEIR_BLOCK] = "block",
		[WEIR_DROP_OLDEST] = "drop_oldest",
		[WEIR_DROP_NEWEST] = "drop_newest",
	};

	return name[policy];
}

const char *weir_node_text(const struct weir_node *node, int *length)
{
	*length = (int)node->args->where.length;
	return weir_report_shown(node->pipeline->report) + node->args->where.at;
}

const char *weir_stream_tier(const struct weir_stream *stream)
{
	if (stream->filter)
		return weir_filter_how(stream->filter);
	return stream->wants_filter ? "user" : "none";
}

void weir_json_print(json_t *document, FILE *stream)
{
	json_dumpf(document, stream, JSON_INDENT(2));
	fputc('\n', stream);
	json_decref(document);
}
