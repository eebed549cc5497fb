/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What slow readers lose never makes a zip pair records that do not belong together: not at its own rings, and not above, as far
 * as the stages between give one record for one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "stream/notes.h"
#include "weir/weir.h"

/* How many records a node of that name was given, and how many records were lost in all. */
static uint64_t records_into(const struct weir_pipeline *pipeline, const char *driver)
{
	for (uint32_t i = pipeline->n_nodes; i--;)
		if (!strcmp(pipeline->node[i]->driver->name, driver))
			return atomic_load(&pipeline->node[i]->records_in);
	return 0;
}

/* Each record is numbered by its value: where `k` is not `value + 1` a pair is wrong. */
static void zip_is_never_out_of_step(void **state)
{
	static const char *const programs[] = {
		/* Its own rings lose the oldest. */
		"x = synth:counter rate=max\ny = x | select k = value + 1\n"
		"z = zip(x, y, policy=drop_oldest)\n",
		/* A branch loses above it, and so does a branch of that. */
		"x = synth:counter rate=max\ny = x | select k = value + 1 policy=drop_oldest\n"
		"z = zip(x, y, policy=drop_oldest)\n",
		"x = synth:counter rate=max\nw = x | select v = value policy=drop_oldest\n"
		"y = w | clamp v min=-1 | select k = v + 1 policy=drop_oldest\nw | null policy=drop_oldest\n"
		"z = zip(x, y, policy=drop_oldest)\n",
		/* One zip behind another. */
		"x = synth:counter rate=max\nv = x | select a = value policy=drop_oldest\n"
		"w = zip(x, v, policy=drop_oldest) | select k = a + 1\nz = zip(x, w, policy=drop_oldest)\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct weir_options options = { .limit = 1000000, .ring_rows = 1, .quiet = true };
		struct weir_pipeline *pipeline;
		char program[1024];
		uint64_t lost = 0;

		snprintf(program, sizeof(program), "%sz | where k != value + 1 | print\nz | every 1 | null\n",
			 programs[i]);
		/* Chance decides what is lost; that nothing is would be a great one, so it is tried again. */
		for (int attempt = 0; attempt < 10 && !lost; attempt++) {
			assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
			assert_int_equal(weir_run(pipeline), 0);
			lost = weir_pipeline_lost(pipeline);
			assert_int_equal(records_into(pipeline, "print"), 0);
			assert_true(records_into(pipeline, "every") > 0);
			weir_close(pipeline);
		}
		if (!lost)
			fail_msg("nothing was lost: %s", program);
	}
}

/* What one reader keeps from all others is refused where a zip counts on them, directly or above; elsewhere it is not. */
static void drop_newest_is_refused_above_a_zip(void **state)
{
	static const struct {
		const char *program;
		bool is_good;
	} cases[] = {
		{ "x = synth:counter\ny = x | select k = value\nzip(x, y, policy=drop_newest) | null", false },
		{ "x = synth:counter\ny = x | select k = value\ny | null policy=drop_newest\nzip(x, y) | null", false },
		{ "x = synth:counter\nx | null policy=drop_newest\ny = x | select k = value\nzip(x, y) | null", false },
		{ "x = synth:counter\ny = x | where value > 1 policy=drop_newest\nz = zip(x, y)\nz | null", false },
		{ "x = synth:counter\ny = x | select k = value\nzip(x, y) | null policy=drop_newest", true },
		{ "x = synth:counter\ny = x | select k = value\nz = zip(x, y)\nz | null policy=drop_newest\nz | null",
		  true },
		{ "x = synth:counter\ny = x | select k = value\nmerge(x, y, policy=drop_newest) | null", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_options options = { .check_only = true };
		struct weir_pipeline *pipeline;
		char *text = NULL;
		size_t size;
		int status;

		options.messages = open_memstream(&text, &size);
		status = weir_open(&pipeline, cases[i].program, "<test>", &options);
		weir_close(pipeline);
		fclose(options.messages);
		if (status != (cases[i].is_good ? 0 : 2) || !strstr(text, cases[i].is_good ? "" : "policy=drop_oldest"))
			fail_msg("%s: %d\n%s", cases[i].program, status, text);
		free(text);
	}
}

/* Notes come in order; a reader that was overtaken goes on with the oldest that is left. */
static void notes_are_kept_as_long_as_rows(void **state)
{
	struct weir_notes *notes;
	struct weir_note note;
	uint64_t next = 0, late = 0;

	(void)state;
	assert_int_equal(weir_notes_open(&notes, 10), 0);
	assert_false(weir_notes_peek(notes, &next, &note));
	for (uint64_t i = 0; i < 1000; i++) {
		weir_notes_add(notes, &(struct weir_note){ i - 500, (int64_t)i, 2 * i });
		assert_true(weir_notes_peek(notes, &next, &note));
		assert_true(note.position == i - 500 && note.time_ns == (int64_t)i && note.missing == 2 * i);
		next++;
		assert_false(weir_notes_peek(notes, &next, &note));
	}
	assert_true(weir_notes_peek(notes, &late, &note));
	assert_true(late >= 1000 - 12 && late <= 1000 - 10);
	assert_int_equal(note.missing, 2 * late);
	weir_notes_close(notes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_are_kept_as_long_as_rows),
		cmocka_unit_test(zip_is_never_out_of_step),
		cmocka_unit_test(drop_newest_is_refused_above_a_zip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
