/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a file of a time zone, and as the text of a rule. What is taken answers for every second: with a span that has it, and
 * with an offset of less than two days. A local time that exists comes back.
 */
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "stream/zone_rule.h"

#define RUNS 20000
#include "standalone.h"

static void check_span(const struct weir_zone_span *span, int64_t second)
{
	if (span->from > second || (span->until <= second && span->until != INT64_MAX))
		abort();
	if (span->offset < -172800 || span->offset > 172800)
		abort();
}

static void check_zone(const struct weir_zone *zone, int64_t second)
{
	struct weir_zone_span span = weir_zone_at(zone, second);
	int64_t local;

	check_span(&span, second);
	if (__builtin_add_overflow(second, span.offset, &local))
		return;
	/* Files may change the offset as often as they like: only the first of two times is what is asked for. */
	weir_zone_second(zone, local, true);
	weir_zone_second(zone, local, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t seconds[] = { 0,          1,          -1,          INT64_MIN,   INT64_MAX,
					   1764590000, 4102444800, -2208988800, 253402300800 };
	struct weir_zone_rule rule;
	struct weir_zone *zone;
	/* In memory of its own size, so that a byte behind it is noticed. */
	char *copy = malloc(size ? size : 1);

	memcpy(copy, data, size);
	if (weir_zone_rule_read(&rule, copy, size))
		for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
			struct weir_zone_span span = weir_zone_rule_at(&rule, seconds[i]);

			check_span(&span, seconds[i]);
		}
	if (!weir_zone_read(&zone, copy, size))
		for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
			check_zone(zone, seconds[i]);
	weir_zone_close(zone);
	free(copy);
	return 0;
}

/* clang-format off */
static const char *const words[] = {
	"TZif2", "TZif3", "TZif", "CET-1CEST,M3.5.0,M10.5.0/3", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "EST5EDT", "UTC0", "IST-1GMT0,M10.5.0,M3.5.0/1",
	",M3.2.0", ",J60", ",59", "/167", "/-167", "<", ">", "-", "+", ":30", "\n", "24", "XXX3EDT4,0/0,J365/23",
};
/* clang-format on */

FUZZER(words)
