/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "filter/bpf_pulse.h"

#define EDGES 512u

/* What came of one edge. */
struct outcome {
	struct gpio_v2_line_event edge[WEIR_PULSE_OUT_MAX];
	uint32_t n;
};

static int take(void *context, void *data, size_t bytes)
{
	struct outcome *outcome = context;

	if (bytes < sizeof(outcome->edge[0]))
		return 0;
	if (outcome->n < WEIR_PULSE_OUT_MAX)
		memcpy(&outcome->edge[outcome->n], data, sizeof(outcome->edge[0]));
	outcome->n++;
	return 0;
}

static uint32_t roll_below(uint64_t *dice, uint32_t n)
{
	*dice = *dice * UINT64_C(6364136223846793005) + 1442695040888963407U;
	return (uint32_t)(*dice >> 33) % n;
}

/* The time since the last edge is at, or next to, one that the rule names. Levels mostly alternate. */
static void make_edge(uint64_t *dice, const struct weir_pulse_rule *rule, struct gpio_v2_line_event *edge)
{
	const uint64_t steps[] = { rule->glitch_ns, rule->least_ns, rule->most_ns, 1000, rule->glitch_ns / 2 };
	uint64_t step = steps[roll_below(dice, 5)];

	if (step > INT64_MAX / (2 * EDGES))
		step = 1000000;
	edge->timestamp_ns += step + roll_below(dice, 3) - (step ? 1 : 0);
	edge->line_seqno++;
	edge->seqno++;
	if (roll_below(dice, 8))
		edge->id = edge->id == GPIO_V2_LINE_EVENT_RISING_EDGE ? GPIO_V2_LINE_EVENT_FALLING_EDGE
								      : GPIO_V2_LINE_EVENT_RISING_EDGE;
}

static int run_edge(const struct weir_pulse_trial *trial, struct ring_buffer *reader, struct outcome *seen)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	uint64_t passed = trial->state->passed;
	int err = bpf_prog_test_run_opts(trial->program, &opts);

	if (err)
		return -errno;
	seen->n = 0;
	err = ring_buffer__consume(reader);
	if (trial->only_count)
		seen->n = (uint32_t)(trial->state->passed - passed);
	return err < 0 ? err : 0;
}

static bool is_same(const struct weir_pulse_trial *trial, const struct outcome *seen, const struct outcome *model)
{
	return seen->n == model->n &&
	       (trial->only_count || !memcmp(seen->edge, model->edge, model->n * sizeof(model->edge[0])));
}

/* 1: the same came of all edges; 0: it did not. */
static int run_edges(const struct weir_pulse_trial *trial, struct ring_buffer *reader, struct outcome *seen)
{
	struct weir_pulse_memory memory = { 0 };
	uint64_t dice = 1;

	*trial->edge = (struct gpio_v2_line_event){ .timestamp_ns = UINT64_C(1) << 40,
						    .id = GPIO_V2_LINE_EVENT_FALLING_EDGE };
	trial->state->request = 1;
	for (uint32_t i = 0; i < EDGES; i++) {
		struct outcome model;
		int err;

		make_edge(&dice, trial->rule, trial->edge);
		model.n = weir_pulse_push(&memory, trial->rule, trial->edge, model.edge);
		err = run_edge(trial, reader, seen);
		if (err)
			return err;
		if (!is_same(trial, seen, &model))
			return 0;
	}
	return !memcmp(&memory, &trial->state->pulse, sizeof(memory)) && !trial->state->lost;
}

int weir_pulse_prove(const struct weir_pulse_trial *trial, char why[WEIR_WHY_MAX])
{
	const struct weir_gpio_state before = *trial->state;
	struct outcome seen;
	struct ring_buffer *reader = ring_buffer__new(trial->passing, take, &seen, NULL);
	int same = reader ? run_edges(trial, reader, &seen) : -errno;

	ring_buffer__free(reader);
	*trial->state = before;
	memset(trial->edge, 0, sizeof(*trial->edge));
	if (same > 0)
		return 0;
	if (same < 0)
		return weir_bpf_refuse(same, why, "the filter of edges cannot be run on test edges");
	snprintf(why, WEIR_WHY_MAX, "on test edges the filter decides otherwise than in user space");
	return -WEIR_DISPROVED;
}
