/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "filter/bpf_gpio.h"
#include "filter/bpf_library.h"
#include "filter/bpf_loaded.h"
#include "filter/bpf_loader.h"
#include "filter/bpf_pulse.h"

#include "gpio.skel.h"

#define PASSING_BYTES (1u << 18) /* some 4600 edges; a power of two, and whole pages of 64 KiB */

/* Hooks come first among the descriptors. */
enum { LEARN, BEGIN, COUNT, PUT, N_POINTS, PASSING = N_POINTS, VARIABLES, PROVE };

struct weir_gpio_tap {
	struct weir_bpf_loaded loaded;
	struct weir_gpio__bss *variables;
	size_t variables_bytes;
	enum weir_hook hook;
	bool counts, filters;
	struct ring_buffer *passing;
	/* While consuming. */
	int (*each)(void *context, const struct gpio_v2_line_event *edge);
	void *context;
};

/* ---------------------------------------------------------------------- load */

struct gpio_load {
	struct weir_gpio *skeleton;
	struct weir_hook_point point[N_POINTS];
	const struct weir_bpf_order *order;
};

static void list_points(struct gpio_load *load)
{
	const struct weir_gpio *s = load->skeleton;
	const struct weir_hook_point point[N_POINTS] = {
		[LEARN] = { "request_threaded_irq", s->progs.fentry_learn, s->progs.kprobe_learn },
		[BEGIN] = { "edge_irq_thread", s->progs.fentry_begin, s->progs.kprobe_begin },
		[COUNT] = { "edge_irq_handler", s->progs.fentry_count, s->progs.kprobe_count },
		[PUT] = { "linereq_put_event", s->progs.fentry_put, s->progs.kprobe_put },
	};

	memcpy(load->point, point, sizeof(point));
}

static bool is_used(const struct gpio_load *load, int point)
{
	return point == LEARN || (point == COUNT) != load->order->job->filters;
}

static int choose_points(struct gpio_load *load, char *why)
{
	int err = 0;

	for (int i = 0; i < N_POINTS && !err; i++)
		if (is_used(load, i))
			err = weir_hook_choose(&load->point[i], 1, load->order->hook, why);
		else
			weir_hook_leave_out(&load->point[i]);
	return err;
}

static int load_programs(struct gpio_load *load, char *why)
{
	struct weir_gpio *skeleton = load->skeleton;
	const struct weir_gpio_job *job = load->order->job;
	int err;

	list_points(load);
	skeleton->rodata->knobs.only_count = job->counts;
	if (job->filters)
		skeleton->rodata->knobs.rule = job->rule;
	err = choose_points(load, why);
	if (err)
		return err;
	bpf_program__set_autoload(skeleton->progs.prove, job->filters);
	err = weir_hook_pidns((uint64_t *)&skeleton->bss->state.pidns_device,
			      (uint64_t *)&skeleton->bss->state.pidns_inode);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.passing, PASSING_BYTES);
	if (!err)
		err = weir_gpio__load(skeleton);
	return err ? weir_hook_refuse_load(err, why) : 0;
}

static int hook_all(struct weir_bpf_loaded *loaded, struct gpio_load *load, char *why)
{
	int err = 0;

	for (uint32_t i = 0; i < N_POINTS && !err; i++) {
		struct bpf_link *link;

		if (!is_used(load, (int)i))
			continue;
		err = weir_hook_attach(&link, &load->point[i], load->order->hook, why);
		if (!err)
			weir_bpf_loaded_hook(loaded, i, link);
	}
	return err;
}

static void destroy(void *object)
{
	weir_gpio__destroy(object);
}

int weir_bpf_load_pulses(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order, char *why)
{
	struct gpio_load load = { .order = order };
	int err;

	weir_bpf_hush(true);
	load.skeleton = weir_gpio__open();
	loaded->object = load.skeleton;
	loaded->destroy = destroy;
	err = load.skeleton ? load_programs(&load, why) : weir_hook_refuse_load(-errno, why);
	if (!err)
		err = hook_all(loaded, &load, why);
	weir_bpf_hush(false);
	if (err)
		return err;
	loaded->fd[PASSING] = bpf_map__fd(load.skeleton->maps.passing);
	loaded->fd[VARIABLES] = bpf_map__fd(load.skeleton->maps.bss);
	if (order->job->filters)
		loaded->fd[PROVE] = bpf_program__fd(load.skeleton->progs.prove);
	return 0;
}

/* ----------------------------------------------------------------------- use */

static int prove(struct weir_gpio_tap *tap, const struct weir_gpio_job *job, char *why)
{
	const struct weir_pulse_trial trial = {
		.program = tap->loaded.fd[PROVE],
		.passing = tap->loaded.fd[PASSING],
		.state = &tap->variables->state,
		.edge = &tap->variables->trial,
		.rule = &job->rule,
		.only_count = job->counts,
	};

	return weir_pulse_prove(&trial, why);
}

static int take_event(void *context, void *data, size_t bytes)
{
	struct weir_gpio_tap *tap = context;

	if (bytes < sizeof(struct gpio_v2_line_event))
		return 0;
	return tap->each(tap->context, data);
}

static int map_memory(struct weir_gpio_tap *tap, char *why)
{
	void *variables;
	int err = weir_bpf_map_variables(&variables, &tap->variables_bytes, tap->loaded.fd[VARIABLES],
					 sizeof(*tap->variables));

	tap->variables = variables;
	if (err)
		return weir_bpf_refuse(err, why, "the program's variables cannot be mapped");
	tap->passing = ring_buffer__new(tap->loaded.fd[PASSING], take_event, tap, NULL);
	return tap->passing ? 0 : weir_hook_refuse_load(-errno, why);
}

static int open_with(struct weir_gpio_tap **out, const struct weir_gpio_job *job, enum weir_hook hook, char *why)
{
	const struct weir_bpf_order order = {
		.kind = WEIR_BPF_PULSES, .load = weir_bpf_load_pulses, .hook = hook, .job = job
	};
	struct weir_gpio_tap *tap = calloc(1, sizeof(*tap));
	int err;

	*out = NULL;
	if (!tap)
		return -ENOMEM;
	tap->hook = hook;
	tap->counts = job->counts;
	tap->filters = job->filters;
	err = weir_bpf_get(&tap->loaded, &order, why);
	if (!err)
		err = map_memory(tap, why);
	if (!err && job->filters)
		err = prove(tap, job, why);
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

int weir_gpio_tap_open(struct weir_gpio_tap **out, const struct weir_gpio_job *job, char why[WEIR_WHY_MAX])
{
	struct attempt a = { .out = out, .job = job };

	*out = NULL;
	if (!job->is_debounced)
		return weir_hook_try_each(attempt, &a, why);
	snprintf(why, WEIR_WHY_MAX, "debounce= comes behind the kernel's hooks");
	return -ENOTSUP;
}

void weir_gpio_tap_close(struct weir_gpio_tap *tap)
{
	if (!tap)
		return;
	for (uint32_t i = 0; i < N_POINTS; i++)
		weir_bpf_loaded_unhook(&tap->loaded, i);
	ring_buffer__free(tap->passing);
	if (tap->variables)
		munmap(tap->variables, tap->variables_bytes);
	weir_bpf_loaded_close(&tap->loaded);
	free(tap);
}

const char *weir_gpio_tap_hook(const struct weir_gpio_tap *tap)
{
	return weir_hook_name(tap->hook);
}

static struct weir_gpio_state *state_of(const struct weir_gpio_tap *tap)
{
	return &tap->variables->state;
}

void weir_gpio_tap_aim(struct weir_gpio_tap *tap)
{
	__atomic_store_n(&state_of(tap)->learner, (uint32_t)gettid(), __ATOMIC_RELEASE);
}

bool weir_gpio_tap_settle(struct weir_gpio_tap *tap)
{
	weir_bpf_loaded_unhook(&tap->loaded, LEARN);
	return __atomic_load_n(&state_of(tap)->line, __ATOMIC_RELAXED);
}

uint64_t weir_gpio_tap_count(const struct weir_gpio_tap *tap)
{
	const struct weir_gpio_state *state = state_of(tap);

	return __atomic_load_n(tap->filters ? &state->passed : &state->edges, __ATOMIC_RELAXED);
}

int weir_gpio_tap_fd(const struct weir_gpio_tap *tap)
{
	return tap->loaded.fd[PASSING];
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

uint32_t weir_gpio_tap_first(const struct weir_gpio_tap *tap)
{
	return __atomic_load_n(&state_of(tap)->first, __ATOMIC_ACQUIRE);
}

uint64_t weir_gpio_tap_lost(const struct weir_gpio_tap *tap)
{
	return __atomic_load_n(&state_of(tap)->lost, __ATOMIC_RELAXED);
}
