/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "core/internal.h"
#include "filter/bpf_gpio.h"
#include "filter/bpf_hook.h"

#include "gpio.skel.h"

#define PASSING_BYTES (1u << 18) /* some 4600 edges; a power of two, and whole pages of 64 KiB */

enum { LEARN, BEGIN, COUNT, PUT, N_POINTS };

struct weir_gpio_tap {
	struct weir_gpio *skeleton;
	struct weir_hook_point point[N_POINTS];
	struct bpf_link *link[N_POINTS];
	enum weir_hook hook;
	bool counts, filters;
	struct ring_buffer *passing;
	/* While consuming. */
	int (*each)(void *context, const struct gpio_v2_line_event *edge);
	void *context;
};

static void list_points(struct weir_gpio_tap *tap)
{
	const struct weir_gpio *s = tap->skeleton;
	const struct weir_hook_point point[N_POINTS] = {
		[LEARN] = { "request_threaded_irq", s->progs.fentry_learn, s->progs.kprobe_learn },
		[BEGIN] = { "edge_irq_thread", s->progs.fentry_begin, s->progs.kprobe_begin },
		[COUNT] = { "edge_irq_handler", s->progs.fentry_count, s->progs.kprobe_count },
		[PUT] = { "linereq_put_event", s->progs.fentry_put, s->progs.kprobe_put },
	};

	memcpy(tap->point, point, sizeof(point));
}

static bool is_used(const struct weir_gpio_tap *tap, int point)
{
	return point == LEARN || (point == COUNT) != tap->filters;
}

static int choose_points(struct weir_gpio_tap *tap, char *why)
{
	int err = 0;

	for (int i = 0; i < N_POINTS && !err; i++)
		if (is_used(tap, i))
			err = weir_hook_choose(&tap->point[i], 1, tap->hook, why);
		else
			weir_hook_leave_out(&tap->point[i]);
	return err;
}

static int load(struct weir_gpio_tap *tap, const struct weir_gpio_job *job, char *why)
{
	struct weir_gpio *skeleton = weir_gpio__open();
	int err;

	tap->skeleton = skeleton;
	if (!skeleton)
		return weir_hook_refuse_load(-errno, why);
	list_points(tap);
	skeleton->rodata->knobs.only_count = job->counts;
	if (job->filters)
		skeleton->rodata->knobs.rule = job->rule;
	err = choose_points(tap, why);
	if (err)
		return err;
	err = weir_hook_pidns((uint64_t *)&skeleton->bss->state.pidns_device,
			      (uint64_t *)&skeleton->bss->state.pidns_inode);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.passing, PASSING_BYTES);
	if (!err)
		err = weir_gpio__load(skeleton);
	return err ? weir_hook_refuse_load(err, why) : 0;
}

static int take_event(void *context, void *data, size_t bytes)
{
	struct weir_gpio_tap *tap = context;

	if (bytes < sizeof(struct gpio_v2_line_event))
		return 0;
	return tap->each(tap->context, data);
}

static int hook_all(struct weir_gpio_tap *tap, char *why)
{
	int err = 0;

	for (int i = 0; i < N_POINTS && !err; i++)
		if (is_used(tap, i))
			err = weir_hook_attach(&tap->link[i], &tap->point[i], tap->hook, why);
	if (err)
		return err;
	tap->passing = ring_buffer__new(bpf_map__fd(tap->skeleton->maps.passing), take_event, tap, NULL);
	return tap->passing ? 0 : weir_hook_refuse_load(-errno, why);
}

static int open_with(struct weir_gpio_tap **out, const struct weir_gpio_job *job, enum weir_hook hook, char *why)
{
	struct weir_gpio_tap *tap = calloc(1, sizeof(*tap));
	int err;

	*out = NULL;
	if (!tap)
		return -ENOMEM;
	tap->hook = hook;
	tap->counts = job->counts;
	tap->filters = job->filters;
	weir_bpf_hush(true);
	err = load(tap, job, why);
	if (!err)
		err = hook_all(tap, why);
	weir_bpf_hush(false);
	if (err)
		weir_gpio_tap_close(tap);
	else
		*out = tap;
	return err;
}

struct attempt {
	struct weir_gpio_tap **out;
	const struct weir_gpio_job *job;
};

static int attempt(void *context, enum weir_hook hook, char *why)
{
	const struct attempt *a = context;

	return open_with(a->out, a->job, hook, why);
}

static int fail_forced(struct weir_node *node, bool filters, int err, const char *why)
{
	return weir_fail(node, -err, "edges cannot be %s in the kernel: %s", filters ? "filtered" : "counted", why);
}

int weir_gpio_tap_open(struct weir_gpio_tap **out, struct weir_node *node, const struct weir_gpio_job *job,
		       char why[WEIR_WHY_MAX])
{
	enum weir_tier tier = (enum weir_tier)node->pipeline->options.tier;
	struct attempt a = { .out = out, .job = job };
	int err;

	*out = NULL;
	why[0] = 0;
	if (tier != WEIR_TIER_AUTO && tier != WEIR_TIER_INLINE) {
		snprintf(why, WEIR_WHY_MAX, "--filter-tier=%s", weir_tier_name(tier));
		return 0;
	}
	if (job->is_debounced) {
		snprintf(why, WEIR_WHY_MAX, "debounce= comes behind the kernel's hooks");
		err = -ENOTSUP;
	} else {
		err = weir_hook_try_each(attempt, &a, why);
	}
	if (!err || tier == WEIR_TIER_AUTO)
		return 0;
	return fail_forced(node, job->filters, err, why);
}

void weir_gpio_tap_close(struct weir_gpio_tap *tap)
{
	if (!tap)
		return;
	for (int i = 0; i < N_POINTS; i++)
		bpf_link__destroy(tap->link[i]);
	ring_buffer__free(tap->passing);
	weir_gpio__destroy(tap->skeleton);
	free(tap);
}

const char *weir_gpio_tap_hook(const struct weir_gpio_tap *tap)
{
	return weir_hook_name(tap->hook);
}

static struct weir_gpio_state *state_of(const struct weir_gpio_tap *tap)
{
	return &tap->skeleton->bss->state;
}

void weir_gpio_tap_aim(struct weir_gpio_tap *tap)
{
	__atomic_store_n(&state_of(tap)->learner, (uint32_t)gettid(), __ATOMIC_RELEASE);
}

int weir_gpio_tap_settle(struct weir_gpio_tap *tap, struct weir_node *node)
{
	bpf_link__destroy(tap->link[LEARN]);
	tap->link[LEARN] = NULL;
	if (__atomic_load_n(&state_of(tap)->line, __ATOMIC_RELAXED))
		return 0;
	if (node->pipeline->options.tier == WEIR_FILTER_INLINE)
		return fail_forced(node, tap->filters, -ENODEV, "the hook does not see this line");
	return 1;
}

uint64_t weir_gpio_tap_count(const struct weir_gpio_tap *tap)
{
	const struct weir_gpio_state *state = state_of(tap);

	return __atomic_load_n(tap->filters ? &state->passed : &state->edges, __ATOMIC_RELAXED);
}

int weir_gpio_tap_fd(const struct weir_gpio_tap *tap)
{
	return bpf_map__fd(tap->skeleton->maps.passing);
}

int weir_gpio_tap_consume(struct weir_gpio_tap *tap, int (*each)(void *context, const struct gpio_v2_line_event *edge),
			  void *context)
{
	tap->each = each;
	tap->context = context;
	return ring_buffer__consume(tap->passing);
}

struct weir_pulse_memory *weir_gpio_tap_memory(struct weir_gpio_tap *tap)
{
	return &state_of(tap)->pulse;
}

void weir_gpio_tap_sleep(struct weir_gpio_tap *tap)
{
	__atomic_store_n(&state_of(tap)->awake, 0, __ATOMIC_SEQ_CST);
}

uint64_t weir_gpio_tap_lost(const struct weir_gpio_tap *tap)
{
	return __atomic_load_n(&state_of(tap)->lost, __ATOMIC_RELAXED);
}
