/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "signal_records.h"
#include "skip.h"

#include <math.h>
#include <stdio.h>

struct weir_block *signal_records(struct weir_schema *schema, uint32_t n, uint32_t glitches, uint64_t seed)
{
	struct weir_block *memory;
	int64_t t = 0;
	double x = 0, y = 100;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "V", 0);
	weir_schema_add(schema, "y", WEIR_REAL, "m", 0);
	weir_schema_add(schema, "i", WEIR_INT, "", 0);
	weir_schema_add(schema, "b", WEIR_BOOL, "", 0);
	weir_schema_add(schema, "s", WEIR_TEXT, "", SIGNAL_TEXT_BYTES);
	memory = harness_memory(schema, n);
	for (uint32_t k = 0; k < n; k++) {
		x += harness_uniform(&seed);
		y = 0.9 * y + harness_uniform(&seed) + 0.3 * x;
		memory->t[k] = t += 1 + harness_below(&seed, 2000000);
		memory->column[0].real[k] = x;
		memory->column[1].real[k] = y;
		memory->column[2].integer[k] = (int64_t)harness_below(&seed, 50);
		memory->column[3].integer[k] = x > 0;
		snprintf(memory->column[4].text + (size_t)k * SIGNAL_TEXT_BYTES, SIGNAL_TEXT_BYTES, "s%u",
			 harness_below(&seed, 20));
		if (glitches && !harness_below(&seed, glitches))
			memory->column[0].real[k] = k % 3 ? NAN : -INFINITY;
	}
	return memory;
}

void signal_run(struct harness *h, const char *chain, const struct weir_block *memory, uint32_t most, uint64_t seed)
{
	if (!harness_open(h, chain, memory->schema))
		fail_msg("%s: %s", chain, harness_error(h));
	harness_push_cut(h, memory, memory->n, most, &seed);
	assert_int_equal(harness_flush(h), 0);
}

const union harness_value *signal_column(const struct harness *h, const char *name)
{
	int field = weir_schema_find(&h->schema, name);

	if (field < 0)
		fail_msg("there is no field '%s'", name);
	return h->value[field];
}

void signal_need(const char *stage)
{
	if (!weir_tell_absent(stage, stderr))
		return;
	skip_because("this build has no '%s'", stage);
}
