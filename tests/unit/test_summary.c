/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The summary: why a device is not read in a better way is told once, and JSON has it always. */
#include <stdlib.h>
#include <string.h>

#include "core/run.h"
#include "harness.h"
#include "weir/weir.h"

static const char *how_text;

static const char *how(const struct weir_node *node)
{
	(void)node;
	return how_text;
}

static void no_devices(weir_tell_device *tell, void *context)
{
	(void)tell;
	(void)context;
}

/* A pipeline whose source says how it is read; as one of a device, or not. */
struct told {
	struct weir_pipeline *pipeline;
	struct weir_driver driver;
	struct weir_source_ops ops;
};

static void open_told(struct told *told, bool is_device)
{
	struct weir_node *source;

	assert_int_equal(weir_open(&told->pipeline, "synth:counter rate=max | null", "t", NULL), 0);
	source = told->pipeline->node[0];
	told->driver = *source->driver;
	told->ops = *source->driver->source;
	told->ops.how = how;
	told->ops.devices = is_device ? no_devices : NULL;
	told->driver.source = &told->ops;
	source->driver = &told->driver;
}

static int count(const struct told *told, const char *word, enum weir_format format)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	int n = 0;

	assert_non_null(stream);
	weir_summary(told->pipeline, stream, format);
	fclose(stream);
	for (const char *at = text; (at = strstr(at, word)); at++)
		n++;
	free(text);
	return n;
}

static void a_reason_is_told_once(void **state)
{
	struct told told, other;

	(void)state;
	how_text = "edges counted in user space: no eBPF here";
	open_told(&told, true);
	assert_int_equal(count(&told, "in user space: no eBPF here", WEIR_FORMAT_TEXT), 1);
	assert_int_equal(count(&told, "no eBPF", WEIR_FORMAT_TEXT), 0);
	assert_int_equal(count(&told, "edges counted in user space\n", WEIR_FORMAT_TEXT), 1);
	/* Nor by the next run. */
	open_told(&other, true);
	assert_int_equal(count(&other, "no eBPF", WEIR_FORMAT_TEXT), 0);
	assert_int_equal(count(&other, "in user space: no eBPF here", WEIR_FORMAT_JSON), 1);
	/* Another reason is news. */
	how_text = "edges counted in user space: no BTF";
	assert_int_equal(count(&other, "no BTF", WEIR_FORMAT_TEXT), 1);
	assert_int_equal(count(&told, "no BTF", WEIR_FORMAT_TEXT), 0);
	weir_close(told.pipeline);
	weir_close(other.pipeline);
}

static void a_state_is_told_always(void **state)
{
	struct told told;

	(void)state;
	how_text = "not connected to broker: no route";
	open_told(&told, false);
	for (int i = 0; i < 3; i++)
		assert_int_equal(count(&told, "broker: no route", WEIR_FORMAT_TEXT), 1);
	weir_close(told.pipeline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reason_is_told_once),
		cmocka_unit_test(a_state_is_told_always),
	};

	return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
