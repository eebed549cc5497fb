/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scales that change while others decode by them: a reader has all numbers of one change, and in the end those of the last. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/rescale.h"

#define FIELDS 9
#define CHANGES 20000

static void set_all(struct weir_rescale *rescale, double value)
{
	double scale[FIELDS], offset[FIELDS];

	for (uint32_t i = 0; i < FIELDS; i++) {
		scale[i] = value + i;
		offset[i] = -value - i;
	}
	weir_rescale_write(rescale, scale, offset, FIELDS);
}

/* How many fields are not of one change. */
static uint32_t torn(const struct weir_schema *schema)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < FIELDS; i++)
		n += schema->field[i].scale != schema->field[0].scale + i ||
		     schema->field[i].offset != -schema->field[i].scale;
	return n;
}

static void *change(void *context)
{
	for (int i = 1; i <= CHANGES; i++)
		set_all(context, i);
	return NULL;
}

static void nothing_changes_before_it_is_written(void **state)
{
	static struct weir_rescale rescale;
	struct weir_schema schema = { .n_fields = FIELDS };
	uint32_t seen = 0;

	(void)state;
	schema.field[3].scale = 7;
	weir_rescale_read(&rescale, &seen, &schema);
	assert_true(schema.field[3].scale == 7);
	set_all(&rescale, 1);
	weir_rescale_read(&rescale, &seen, &schema);
	assert_true(schema.field[3].scale == 4 && schema.field[3].offset == -4);
}

static void changes_are_whole(void **state)
{
	static struct weir_rescale rescale;
	struct weir_schema schema = { .n_fields = FIELDS };
	uint32_t seen = 0, bad = 0, backward = 0;
	double last = 0;
	pthread_t writer;

	(void)state;
	set_all(&rescale, 0.5);
	weir_rescale_read(&rescale, &seen, &schema);
	assert_int_equal(pthread_create(&writer, NULL, change, &rescale), 0);
	while (last < CHANGES) {
		weir_rescale_read(&rescale, &seen, &schema);
		bad += torn(&schema);
		backward += schema.field[0].scale < last;
		last = schema.field[0].scale;
	}
	pthread_join(writer, NULL);
	assert_int_equal(bad, 0);
	assert_int_equal(backward, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_changes_before_it_is_written),
		cmocka_unit_test(changes_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
