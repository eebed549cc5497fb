/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The programs of the inline tier: loaded, shown which buffer is ours, and hooked. bpf_inline.c uses them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter/bpf_inline.h"

#include "inline.skel.h"

#define PASSING_BYTES_MAX (16u << 20)

struct inline_load {
	struct weir_inline *skeleton;
	struct bpf_program *learn, *push; /* of the chosen hook */
};

/* A power of two and a whole number of pages, as the kernel wants it. */
static uint32_t passing_bytes(const struct weir_filter_config *config)
{
	uint64_t wanted = (uint64_t)config->ring_rows * (config->schema->row_bytes + BPF_RINGBUF_HDR_SZ);
	uint32_t bytes = (uint32_t)sysconf(_SC_PAGESIZE);

	while (bytes < wanted && bytes < PASSING_BYTES_MAX)
		bytes *= 2;
	return bytes;
}

static int set_knobs(struct weir_filter_knobs *knobs, const struct weir_filter_config *config)
{
	knobs->row_bytes = config->schema->row_bytes;
	knobs->limit = config->limit;
	knobs->custom = config->custom != NULL;
	knobs->thread = (uint32_t)gettid();
	knobs->time_at = config->schema->t.at;
	knobs->has_time = weir_inline_is_plain(&config->schema->t);
	return weir_hook_pidns((uint64_t *)&knobs->pidns_device, (uint64_t *)&knobs->pidns_inode);
}

static int set_maps(struct weir_inline *skeleton, const struct weir_filter_config *config)
{
	int err = bpf_map__set_max_entries(skeleton->maps.passing, passing_bytes(config));

	return err ? err : bpf_map__set_value_size(skeleton->maps.scratch, config->schema->row_bytes);
}

/* A custom filter is not run on rows that are made up: it may have a memory of its own. */
static int choose_hook(struct inline_load *tap, enum weir_hook hook, bool proves)
{
	struct weir_inline *skeleton = tap->skeleton;
	bool is_fentry = hook == WEIR_HOOK_FENTRY;
	int err;

	tap->learn = is_fentry ? skeleton->progs.fentry_learn : skeleton->progs.kprobe_learn;
	tap->push = is_fentry ? skeleton->progs.fentry_push : skeleton->progs.kprobe_push;
	bpf_program__set_autoload(skeleton->progs.fentry_learn, is_fentry);
	bpf_program__set_autoload(skeleton->progs.fentry_push, is_fentry);
	bpf_program__set_autoload(skeleton->progs.kprobe_learn, !is_fentry);
	bpf_program__set_autoload(skeleton->progs.kprobe_push, !is_fentry);
	bpf_program__set_autoload(skeleton->progs.prove, proves);
	if (!is_fentry)
		return 0;
	err = bpf_program__set_attach_target(tap->learn, 0, WEIR_LEARN_FUNCTION);
	return err ? err : bpf_program__set_attach_target(tap->push, 0, WEIR_STORE_FUNCTION);
}

/* Six megabytes that choose_hook() had libbpf read, and that it gives back nowhere but at the end of loading, in vain or not. */
static void drop_kernel_btf(struct weir_inline *skeleton)
{
	bpf_program__set_autoload(skeleton->progs.fentry_learn, false);
	bpf_program__set_autoload(skeleton->progs.fentry_push, false);
	(void)!bpf_object__load_skeleton(skeleton->skeleton);
}

static int load_program(struct inline_load *tap, struct weir_bpf_load *load, enum weir_hook hook, char *why)
{
	struct weir_inline *skeleton = tap->skeleton;
	int err = weir_bpf_open_skeleton(load, skeleton->skeleton, why);

	if (err)
		return err;
	err = set_knobs(&skeleton->rodata->knobs, load->config);
	if (!err)
		err = set_maps(skeleton, load->config);
	skeleton->bss->state.time = INT64_MIN;
	skeleton->bss->state.wanted = INT64_MAX;
	if (err)
		return weir_bpf_refuse(err, why, "the program cannot be set up");
	err = choose_hook(tap, hook, !load->config->custom);
	if (err) {
		drop_kernel_btf(skeleton);
		snprintf(why, WEIR_WHY_MAX, "no BTF of module kfifo_buf, or no CAP_SYS_ADMIN to read it");
		return err;
	}
	err = weir_bpf_load_skeleton(load, skeleton->skeleton, &skeleton->bss->memory, why);
	if (!err && !load->config->custom)
		err = weir_bpf_check(load, skeleton->progs.prove, why);
	return err ? err : weir_bpf_check(load, tap->push, why);
}

static struct bpf_link *attach(const struct bpf_program *program, enum weir_hook hook, const char *function)
{
	if (hook == WEIR_HOOK_FENTRY)
		return bpf_program__attach_trace(program);
	return bpf_program__attach_kprobe(program, false, function);
}

static int learn_buffer(struct inline_load *tap, enum weir_hook hook, int device, char *why)
{
	struct bpf_link *link = attach(tap->learn, hook, WEIR_LEARN_FUNCTION);
	int err;

	if (!link)
		return weir_hook_refuse(-errno, WEIR_LEARN_FUNCTION, why);
	err = weir_hook_show_buffer(device, (const uint64_t *)&tap->skeleton->bss->state.buffer, why);
	bpf_link__destroy(link);
	return err;
}

static int hook_up(struct weir_bpf_loaded *loaded, struct inline_load *tap, const struct weir_bpf_order *order,
		   char *why)
{
	int device = order->config->iio_device;
	int err = device < 0 ? 0 : learn_buffer(tap, order->hook, device, why);
	struct bpf_link *link;

	if (err)
		return err;
	link = attach(tap->push, order->hook, WEIR_STORE_FUNCTION);
	if (!link)
		return weir_hook_refuse(-errno, WEIR_STORE_FUNCTION, why);
	weir_bpf_loaded_hook(loaded, WEIR_INLINE_LINK, link);
	return 0;
}

static void destroy(void *object)
{
	weir_inline__destroy(object);
}

static struct weir_inline *new_skeleton(void)
{
	struct weir_inline *skeleton = calloc(1, sizeof(*skeleton));

	if (!skeleton || !weir_inline__create_skeleton(skeleton))
		return skeleton;
	weir_inline__destroy(skeleton);
	return NULL;
}

int weir_bpf_load_inline(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order, char *why)
{
	struct inline_load tap = { .skeleton = new_skeleton() };
	struct weir_bpf_load load;
	int err = weir_bpf_begin(&load, order->config, why);

	loaded->object = tap.skeleton;
	loaded->destroy = destroy;
	if (!err && !tap.skeleton)
		err = weir_bpf_refuse(-ENOMEM, why, "loading failed");
	if (!err)
		err = load_program(&tap, &load, order->hook, why);
	if (!err)
		err = hook_up(loaded, &tap, order, why);
	weir_bpf_end(&load);
	if (err)
		return err;
	loaded->fd[WEIR_INLINE_PASSING] = bpf_map__fd(tap.skeleton->maps.passing);
	loaded->fd[WEIR_INLINE_VARIABLES] = bpf_map__fd(tap.skeleton->maps.bss);
	loaded->fd[WEIR_INLINE_PUSH] = bpf_program__fd(tap.push);
	if (!order->config->custom)
		loaded->fd[WEIR_INLINE_PROVE] = bpf_program__fd(tap.skeleton->progs.prove);
	return 0;
}
