/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "filter/bpf_loaded.h"
#include "filter/bpf_loader.h"
#include "filter/bpf_loss.h"
#include "weir/overflow.h"

#include "overflow.skel.h"

/* The entry goes before the return: a return without its entry says nothing. */
enum { LEARN, ENTRY, RETURN, N_POINTS, VARIABLES = N_POINTS };

struct weir_loss_tap {
	struct weir_bpf_loaded loaded;
	struct weir_overflow__bss *variables;
	size_t variables_bytes;
	enum weir_hook hook;
};

/* ---------------------------------------------------------------------- load */

static void list_points(struct weir_hook_point point[N_POINTS], const struct weir_overflow *s)
{
	point[LEARN] = (struct weir_hook_point){ WEIR_LEARN_FUNCTION, s->progs.fentry_learn, s->progs.kprobe_learn,
						 false };
	point[ENTRY] = (struct weir_hook_point){ WEIR_STORE_FUNCTION, NULL, s->progs.kprobe_store, false };
	point[RETURN] = (struct weir_hook_point){ WEIR_STORE_FUNCTION, s->progs.fexit_store, s->progs.kretprobe_store,
						  true };
}

static int load_programs(struct weir_overflow *skeleton, const struct weir_hook_point *point, enum weir_hook hook,
			 char *why)
{
	struct weir_overflow_state *state = &skeleton->bss->state;
	int err = weir_hook_choose(point, N_POINTS, hook, why);

	if (err)
		return err;
	state->learner = (uint32_t)gettid();
	err = weir_hook_pidns((uint64_t *)&state->pidns_device, (uint64_t *)&state->pidns_inode);
	if (!err)
		err = weir_overflow__load(skeleton);
	return err ? weir_hook_refuse_load(err, why) : 0;
}

static int learn(struct weir_overflow *skeleton, const struct weir_hook_point *point,
		 const struct weir_bpf_order *order, char *why)
{
	struct bpf_link *link;
	int err = weir_hook_attach(&link, &point[LEARN], order->hook, why);

	if (err)
		return err;
	err = weir_hook_show_buffer(order->iio_device, (const uint64_t *)&skeleton->bss->state.buffer, why);
	bpf_link__destroy(link);
	return err;
}

static void destroy(void *object)
{
	weir_overflow__destroy(object);
}

static int load(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order, char *why)
{
	struct weir_overflow *skeleton = weir_overflow__open();
	struct weir_hook_point point[N_POINTS];
	int err;

	loaded->object = skeleton;
	loaded->destroy = destroy;
	if (!skeleton)
		return weir_hook_refuse_load(-errno, why);
	list_points(point, skeleton);
	err = load_programs(skeleton, point, order->hook, why);
	if (!err)
		err = learn(skeleton, point, order, why);
	for (uint32_t i = ENTRY; i < N_POINTS && !err; i++) {
		struct bpf_link *link;

		err = weir_hook_attach(&link, &point[i], order->hook, why);
		if (!err)
			weir_bpf_loaded_hook(loaded, i, link);
	}
	loaded->fd[VARIABLES] = err ? -1 : bpf_map__fd(skeleton->maps.bss);
	return err;
}

int weir_bpf_load_loss(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order, char *why)
{
	int err;

	weir_bpf_hush(true);
	err = load(loaded, order, why);
	weir_bpf_hush(false);
	return err;
}

/* ----------------------------------------------------------------------- use */

static int open_with(struct weir_loss_tap **out, int iio_device, enum weir_hook hook, char *why)
{
	const struct weir_bpf_order order = {
		.kind = WEIR_BPF_LOSS, .load = weir_bpf_load_loss, .hook = hook, .iio_device = iio_device
	};
	struct weir_loss_tap *tap = calloc(1, sizeof(*tap));
	void *variables = NULL;
	int err;

	*out = NULL;
	if (!tap)
		return -ENOMEM;
	tap->hook = hook;
	err = weir_bpf_get(&tap->loaded, &order, why);
	if (!err) {
		err = weir_bpf_map_variables(&variables, &tap->variables_bytes, tap->loaded.fd[VARIABLES],
					     sizeof(*tap->variables));
		if (err)
			weir_bpf_refuse(err, why, "the program's variables cannot be mapped");
	}
	tap->variables = variables;
	if (err)
		weir_loss_tap_close(tap);
	else
		*out = tap;
	return err;
}

struct attempt {
	struct weir_loss_tap **out;
	int iio_device;
};

static int attempt(void *context, enum weir_hook hook, char *why)
{
	const struct attempt *a = context;

	return open_with(a->out, a->iio_device, hook, why);
}

int weir_loss_tap_open(struct weir_loss_tap **out, int iio_device, char why[WEIR_WHY_MAX])
{
	struct attempt a = { .out = out, .iio_device = iio_device };

	*out = NULL;
	return weir_hook_try_each(attempt, &a, why);
}

void weir_loss_tap_close(struct weir_loss_tap *tap)
{
	if (!tap)
		return;
	for (uint32_t i = N_POINTS; i--;)
		weir_bpf_loaded_unhook(&tap->loaded, i);
	if (tap->variables)
		munmap(tap->variables, tap->variables_bytes);
	weir_bpf_loaded_close(&tap->loaded);
	free(tap);
}

const char *weir_loss_tap_hook(const struct weir_loss_tap *tap)
{
	return tap->hook == WEIR_HOOK_FENTRY ? "fexit" : "kretprobe";
}

uint64_t weir_loss_tap_lost(const struct weir_loss_tap *tap)
{
	return __atomic_load_n(&tap->variables->state.lost, __ATOMIC_RELAXED);
}
