/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter/bpf_hook.h"
#include "filter/bpf_loss.h"
#include "weir/overflow.h"

#include "overflow.skel.h"

/* The entry goes before the return: a return without its entry says nothing. */
enum { LEARN, ENTRY, RETURN, N_POINTS };

struct weir_loss_tap {
	struct weir_overflow *skeleton;
	struct weir_hook_point point[N_POINTS];
	struct bpf_link *link[N_POINTS];
	enum weir_hook hook;
};

static void list_points(struct weir_loss_tap *tap)
{
	const struct weir_overflow *s = tap->skeleton;
	const struct weir_hook_point point[N_POINTS] = {
		[LEARN] = { WEIR_LEARN_FUNCTION, s->progs.fentry_learn, s->progs.kprobe_learn },
		[ENTRY] = { WEIR_STORE_FUNCTION, NULL, s->progs.kprobe_store },
		[RETURN] = { WEIR_STORE_FUNCTION, s->progs.fexit_store, s->progs.kretprobe_store, true },
	};

	memcpy(tap->point, point, sizeof(point));
}

static int load(struct weir_loss_tap *tap, char *why)
{
	struct weir_overflow_state *state;
	int err;

	tap->skeleton = weir_overflow__open();
	if (!tap->skeleton)
		return weir_hook_refuse_load(-errno, why);
	list_points(tap);
	state = &tap->skeleton->bss->state;
	state->learner = (uint32_t)gettid();
	err = weir_hook_choose(tap->point, N_POINTS, tap->hook, why);
	if (err)
		return err;
	err = weir_hook_pidns((uint64_t *)&state->pidns_device, (uint64_t *)&state->pidns_inode);
	if (!err)
		err = weir_overflow__load(tap->skeleton);
	return err ? weir_hook_refuse_load(err, why) : 0;
}

static int learn(struct weir_loss_tap *tap, int iio_device, char *why)
{
	int err = weir_hook_attach(&tap->link[LEARN], &tap->point[LEARN], tap->hook, why);

	if (err)
		return err;
	err = weir_hook_show_buffer(iio_device, (const uint64_t *)&tap->skeleton->bss->state.buffer, why);
	bpf_link__destroy(tap->link[LEARN]);
	tap->link[LEARN] = NULL;
	return err;
}

static int open_with(struct weir_loss_tap **out, int iio_device, enum weir_hook hook, char *why)
{
	struct weir_loss_tap *tap = calloc(1, sizeof(*tap));
	int err;

	*out = NULL;
	if (!tap)
		return -ENOMEM;
	tap->hook = hook;
	weir_bpf_hush(true);
	err = load(tap, why);
	if (!err)
		err = learn(tap, iio_device, why);
	for (int i = ENTRY; i < N_POINTS && !err; i++)
		err = weir_hook_attach(&tap->link[i], &tap->point[i], hook, why);
	weir_bpf_hush(false);
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
	for (int i = N_POINTS - 1; i >= 0; i--)
		bpf_link__destroy(tap->link[i]);
	weir_overflow__destroy(tap->skeleton);
	free(tap);
}

const char *weir_loss_tap_hook(const struct weir_loss_tap *tap)
{
	return tap->hook == WEIR_HOOK_FENTRY ? "fexit" : "kretprobe";
}

uint64_t weir_loss_tap_lost(const struct weir_loss_tap *tap)
{
	return __atomic_load_n(&tap->skeleton->bss->state.lost, __ATOMIC_RELAXED);
}
