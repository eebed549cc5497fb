/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which edges of a GPIO line pass: the text that the kernel's filter and user space share, against a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weir/gpio.h"

#define EDGES 40
#define RUNS 20000

#define RISING GPIO_V2_LINE_EVENT_RISING_EDGE
#define FALLING GPIO_V2_LINE_EVENT_FALLING_EDGE

struct edges {
	uint32_t n;
	struct gpio_v2_line_event edge[2 * EDGES];
};

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* ------------------------------------------------------------------ the model */

/* With all of them in view: an edge counts when it leaves the level that the line had, and the next comes late enough. */
static struct edges steady(const struct weir_pulse_rule *rule, const struct edges *in)
{
	uint32_t level = in->n ? RISING + FALLING - in->edge[0].id : 0;
	struct edges out = { 0 };

	for (uint32_t i = 0; i < in->n; i++) {
		const struct gpio_v2_line_event *edge = &in->edge[i];

		if (edge->id == level)
			continue;
		if (i + 1 < in->n && (int64_t)(edge[1].timestamp_ns - edge->timestamp_ns) < (int64_t)rule->glitch_ns)
			continue;
		level = edge->id;
		out.edge[out.n++] = *edge;
	}
	return out;
}

static int is_wide(const struct weir_pulse_rule *rule, const struct gpio_v2_line_event *rise,
		   const struct gpio_v2_line_event *fall)
{
	uint64_t width = fall->timestamp_ns - rise->timestamp_ns;

	return rise->id == RISING && fall->id == FALLING && width >= rule->least_ns && width <= rule->most_ns;
}

static struct edges model(const struct weir_pulse_rule *rule, const struct edges *in)
{
	struct edges all = steady(rule, in), out = { 0 };

	for (uint32_t i = 0; i < all.n; i++) {
		const struct gpio_v2_line_event *edge = &all.edge[i];
		int passes = !rule->has_width || (i && is_wide(rule, edge - 1, edge)) ||
			     (i + 1 < all.n && is_wide(rule, edge, edge + 1));

		if (passes && (rule->edges & edge->id))
			out.edge[out.n++] = *edge;
	}
	return out;
}

/* ------------------------------------------------------------------- the text */

static void append(struct edges *edges, const struct gpio_v2_line_event *edge, uint32_t n)
{
	memcpy(&edges->edge[edges->n], edge, n * sizeof(*edge));
	edges->n += n;
}

/* Between two edges time may decide, as often as it is looked: by the one who pushes, or by somebody else. */
static void look(struct weir_pulse_memory *memory, const struct weir_pulse_rule *rule, uint64_t from, uint64_t to,
		 uint64_t *seed, struct edges *out)
{
	for (uint64_t looks = next(seed) % 3; looks; looks--) {
		struct gpio_v2_line_event passed[WEIR_PULSE_OUT_MAX];

		from += next(seed) % (to - from + 1);
		append(out, passed, weir_pulse_take(memory, rule, from, passed));
	}
}

static struct edges filter(const struct weir_pulse_rule *rule, const struct edges *in, uint64_t *seed)
{
	struct weir_pulse_memory memory = { 0 };
	struct gpio_v2_line_event passed[WEIR_PULSE_OUT_MAX];
	struct edges out = { 0 };

	for (uint32_t i = 0; i < in->n; i++) {
		append(&out, passed, weir_pulse_push(&memory, rule, &in->edge[i], passed));
		if (i + 1 < in->n)
			look(&memory, rule, in->edge[i].timestamp_ns, in->edge[i + 1].timestamp_ns, seed, &out);
	}
	append(&out, passed, weir_pulse_take(&memory, rule, UINT64_C(1) << 62, passed));
	return out;
}

/* ------------------------------------------------------------------ the tests */

/* Mostly alternating; now and then the same level twice, as from a pulse that is too short to read. */
static struct edges random_edges(uint64_t *seed)
{
	struct edges edges = { .n = (uint32_t)(next(seed) % EDGES) };
	uint32_t id = next(seed) % 2 ? RISING : FALLING;
	uint64_t t = 1000000;

	for (uint32_t i = 0; i < edges.n; i++) {
		t += next(seed) % (next(seed) % 2 ? 10 : 100);
		edges.edge[i] = (struct gpio_v2_line_event){ .timestamp_ns = t, .id = id, .line_seqno = i + 1 };
		if (next(seed) % 8)
			id = RISING + FALLING - id;
	}
	return edges;
}

static struct weir_pulse_rule random_rule(uint64_t *seed)
{
	struct weir_pulse_rule rule = { .glitch_ns = next(seed) % 3 ? next(seed) % 20 : 0,
					.most_ns = UINT64_MAX,
					.has_width = next(seed) % 2,
					.edges = 1 + (uint32_t)(next(seed) % 3) };

	if (next(seed) % 2)
		rule.least_ns = next(seed) % 30;
	if (next(seed) % 2)
		rule.most_ns = rule.least_ns + next(seed) % 60;
	return rule;
}

/* Whoever decides, the next edge or time, and whenever is looked: what passes is what the model says, to the bit. */
static void as_the_model(void **state)
{
	uint64_t seed = 0x9e3779b97f4a7c15, passed = 0;

	(void)state;
	for (int run = 0; run < RUNS; run++) {
		struct weir_pulse_rule rule = random_rule(&seed);
		struct edges in = random_edges(&seed), wanted = model(&rule, &in), got = filter(&rule, &in, &seed);

		assert_int_equal(got.n, wanted.n);
		assert_memory_equal(got.edge, wanted.edge, wanted.n * sizeof(wanted.edge[0]));
		passed += got.n;
	}
	assert_true(passed > RUNS);
}

static uint32_t push(struct weir_pulse_memory *memory, const struct weir_pulse_rule *rule, uint32_t id, uint64_t t,
		     struct gpio_v2_line_event *out)
{
	struct gpio_v2_line_event edge = { .timestamp_ns = t, .id = id, .line_seqno = (uint32_t)t };

	return weir_pulse_push(memory, rule, &edge, out);
}

/* An edge that was taken by time, although another came in time and late to us, stays passed, once; the line's level goes on
 * from there. */
static void a_late_edge(void **state)
{
	const struct weir_pulse_rule rule = { .glitch_ns = 100, .edges = RISING | FALLING };
	struct gpio_v2_line_event out[WEIR_PULSE_OUT_MAX];
	struct weir_pulse_memory memory = { 0 };

	(void)state;
	assert_int_equal(push(&memory, &rule, RISING, 1000, out), 0);
	assert_int_equal(weir_pulse_take(&memory, &rule, 1099, out), 0);
	assert_int_equal(weir_pulse_take(&memory, &rule, 1100, out), 1);
	assert_int_equal(out[0].line_seqno, 1000);
	assert_int_equal(weir_pulse_take(&memory, &rule, 2000, out), 0);
	assert_int_equal(push(&memory, &rule, FALLING, 1050, out), 0);
	assert_int_equal(push(&memory, &rule, RISING, 3000, out), 1);
	assert_int_equal(out[0].line_seqno, 1050);
}

/* A wall clock that is set back makes no edge last for ever. */
static void a_clock_set_back(void **state)
{
	const struct weir_pulse_rule rule = { .glitch_ns = 100, .edges = RISING | FALLING };
	struct gpio_v2_line_event out[WEIR_PULSE_OUT_MAX];
	struct weir_pulse_memory memory = { 0 };

	(void)state;
	assert_int_equal(push(&memory, &rule, RISING, 5000, out), 0);
	assert_int_equal(push(&memory, &rule, FALLING, 1000, out), 0);
	assert_int_equal(push(&memory, &rule, RISING, 1200, out), 0);
	assert_int_equal(weir_pulse_take(&memory, &rule, 1300, out), 1);
	assert_int_equal(out[0].line_seqno, 1200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_model),
		cmocka_unit_test(a_late_edge),
		cmocka_unit_test(a_clock_set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
