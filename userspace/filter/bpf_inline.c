/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inline tier: the program sits on a function of the kernel; what passed comes through a BPF ring buffer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter/bpf_hook.h"

#include "inline.skel.h"

#define PASSING_BYTES_MAX (16u << 20)

struct weir_bpf_inline {
	struct weir_inline *skeleton;
	struct bpf_program *learn, *push; /* of the chosen hook */
	struct bpf_link *link;            /* of push */
	struct ring_buffer *passing;
	uint32_t row_bytes;
	uint64_t missed; /* runs that the kernel skipped; known after disarm */
	/* While consuming. */
	struct weir_ring *ring;
	unsigned char *claim;
	uint32_t room, filled;
	int moved;
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
	return weir_hook_pidns((uint64_t *)&knobs->pidns_device, (uint64_t *)&knobs->pidns_inode);
}

static int set_maps(struct weir_inline *skeleton, const struct weir_filter_config *config)
{
	int err = bpf_map__set_max_entries(skeleton->maps.passing, passing_bytes(config));

	return err ? err : bpf_map__set_value_size(skeleton->maps.scratch, config->schema->row_bytes);
}

static int set_type(struct bpf_program *program, enum weir_hook hook, const char *function)
{
	int err;

	if (hook == WEIR_HOOK_KPROBE)
		return bpf_program__set_type(program, BPF_PROG_TYPE_KPROBE);
	err = bpf_program__set_type(program, BPF_PROG_TYPE_TRACING);
	if (!err)
		err = bpf_program__set_expected_attach_type(program, BPF_TRACE_FENTRY);
	return err ? err : bpf_program__set_attach_target(program, 0, function);
}

static int choose_hook(struct weir_bpf_inline *tap, enum weir_hook hook)
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
	err = set_type(tap->learn, hook, WEIR_LEARN_FUNCTION);
	return err ? err : set_type(tap->push, hook, WEIR_STORE_FUNCTION);
}

/* Six megabytes that choose_hook() had libbpf read, and that it gives back nowhere but at the end of loading, in vain or not. */
static void drop_kernel_btf(struct weir_inline *skeleton)
{
	bpf_program__set_autoload(skeleton->progs.fentry_learn, false);
	bpf_program__set_autoload(skeleton->progs.fentry_push, false);
	(void)!bpf_object__load_skeleton(skeleton->skeleton);
}

static int load_program(struct weir_bpf_inline *tap, struct weir_bpf_load *load, enum weir_hook hook, char *why)
{
	struct weir_inline *skeleton = tap->skeleton;
	int err = weir_bpf_open_skeleton(load, skeleton->skeleton, why);

	if (err)
		return err;
	err = set_knobs(&skeleton->rodata->knobs, load->config);
	if (!err)
		err = set_maps(skeleton, load->config);
	if (err)
		return weir_bpf_refuse(err, why, "the program cannot be set up");
	err = choose_hook(tap, hook);
	if (err) {
		drop_kernel_btf(skeleton);
		snprintf(why, WEIR_WHY_MAX, "no BTF of module kfifo_buf, or no CAP_SYS_ADMIN to read it");
		return err;
	}
	return weir_bpf_load_skeleton(load, skeleton->skeleton, &skeleton->bss->memory, why);
}

static struct bpf_link *attach(const struct bpf_program *program, enum weir_hook hook, const char *function)
{
	if (hook == WEIR_HOOK_FENTRY)
		return bpf_program__attach_trace(program);
	return bpf_program__attach_kprobe(program, false, function);
}

static int learn_buffer(struct weir_bpf_inline *tap, enum weir_hook hook, int device, char *why)
{
	struct bpf_link *link = attach(tap->learn, hook, WEIR_LEARN_FUNCTION);
	int err;

	if (!link)
		return weir_hook_refuse(-errno, WEIR_LEARN_FUNCTION, why);
	err = weir_hook_show_buffer(device, (const uint64_t *)&tap->skeleton->bss->state.buffer, why);
	bpf_link__destroy(link);
	return err;
}

static void commit_claim(struct weir_bpf_inline *tap)
{
	if (tap->filled)
		weir_ring_commit(tap->ring, tap->filled);
	tap->room = tap->filled = 0;
}

/* One sample that passed. An empty one only says that the limit is reached. */
static int take(void *context, void *data, size_t bytes)
{
	struct weir_bpf_inline *tap = context;

	if (bytes < tap->row_bytes)
		return 0;
	if (tap->filled == tap->room) {
		commit_claim(tap);
		tap->claim = weir_ring_reserve(tap->ring, WEIR_BLOCK_MAX, &tap->room);
	}
	if (!tap->room) {
		weir_ring_refuse(tap->ring, 1);
		return 0;
	}
	memcpy(tap->claim + (size_t)tap->filled++ * tap->row_bytes, data, tap->row_bytes);
	tap->moved++;
	return 0;
}

static int hook_inline(struct weir_bpf_inline *tap, const struct weir_filter_config *config, enum weir_hook hook,
		       char *why)
{
	int err = learn_buffer(tap, hook, config->iio_device, why);

	if (err)
		return err;
	tap->link = attach(tap->push, hook, WEIR_STORE_FUNCTION);
	if (!tap->link)
		return weir_hook_refuse(-errno, WEIR_STORE_FUNCTION, why);
	tap->row_bytes = config->schema->row_bytes;
	tap->passing = ring_buffer__new(weir_bpf_inline_fd(tap), take, tap, NULL);
	return tap->passing ? 0 : weir_bpf_refuse(-errno, why, "the BPF ring buffer cannot be mapped");
}

static int try_hook(struct weir_bpf_inline *tap, const struct weir_filter_config *config, enum weir_hook hook,
		    char *why)
{
	int err = config->iio_device < 0 ? 0 : learn_buffer(tap, hook, config->iio_device, why);
	struct bpf_link *link;

	if (err)
		return err;
	link = attach(tap->push, hook, WEIR_STORE_FUNCTION);
	if (!link)
		return weir_hook_refuse(-errno, WEIR_STORE_FUNCTION, why);
	bpf_link__destroy(link);
	return 0;
}

static struct weir_bpf_inline *new_inline(void)
{
	struct weir_bpf_inline *tap = calloc(1, sizeof(*tap));

	if (tap)
		tap->skeleton = calloc(1, sizeof(*tap->skeleton));
	if (tap && tap->skeleton && !weir_inline__create_skeleton(tap->skeleton))
		return tap;
	weir_bpf_inline_close(tap);
	return NULL;
}

/* For good (hook_inline), or to see whether it can be done (try_hook). */
typedef int hook_way(struct weir_bpf_inline *tap, const struct weir_filter_config *config, enum weir_hook hook,
		     char *why);

/* `tap` is NULL where there was no memory for it. */
static int load_and_hook(struct weir_bpf_inline *tap, const struct weir_filter_config *config, enum weir_hook hook,
			 hook_way *way, char *why)
{
	struct weir_bpf_load load;
	int err = weir_bpf_begin(&load, config, why);

	if (!err && !tap)
		err = weir_bpf_refuse(-ENOMEM, why, "loading failed");
	if (!err)
		err = load_program(tap, &load, hook, why);
	if (!err)
		err = way(tap, config, hook, why);
	weir_bpf_end(&load);
	return err;
}

int weir_bpf_inline_open(struct weir_bpf_inline **out, const struct weir_filter_config *config, enum weir_hook hook,
			 char why[WEIR_WHY_MAX])
{
	struct weir_bpf_inline *tap = new_inline();
	int err = load_and_hook(tap, config, hook, hook_inline, why);

	*out = NULL;
	if (err)
		weir_bpf_inline_close(tap);
	else
		*out = tap;
	return err;
}

int weir_bpf_inline_try(const struct weir_filter_config *config, enum weir_hook hook, char why[WEIR_WHY_MAX])
{
	struct weir_bpf_inline *tap = new_inline();
	int err = load_and_hook(tap, config, hook, try_hook, why);

	weir_bpf_inline_close(tap);
	return err;
}

void weir_bpf_inline_close(struct weir_bpf_inline *tap)
{
	if (!tap)
		return;
	bpf_link__destroy(tap->link);
	ring_buffer__free(tap->passing);
	weir_inline__destroy(tap->skeleton);
	free(tap);
}

void weir_bpf_inline_arm(struct weir_bpf_inline *tap)
{
	__atomic_store_n(&tap->skeleton->bss->state.active, 1, __ATOMIC_RELEASE);
}

void weir_bpf_inline_disarm(struct weir_bpf_inline *tap)
{
	struct bpf_prog_info info = { 0 };
	uint32_t bytes = sizeof(info);

	__atomic_store_n(&tap->skeleton->bss->state.active, 0, __ATOMIC_RELEASE);
	if (!bpf_obj_get_info_by_fd(bpf_program__fd(tap->push), &info, &bytes))
		tap->missed = info.recursion_misses;
}

uint64_t *weir_bpf_inline_state(const struct weir_bpf_inline *tap)
{
	return (uint64_t *)tap->skeleton->bss->memory.state;
}

int weir_bpf_inline_fd(const struct weir_bpf_inline *tap)
{
	return bpf_map__fd(tap->skeleton->maps.passing);
}

int weir_bpf_inline_consume(struct weir_bpf_inline *tap, struct weir_ring *ring)
{
	int err;

	tap->ring = ring;
	tap->moved = 0;
	err = ring_buffer__consume(tap->passing);
	commit_claim(tap);
	return err < 0 ? err : tap->moved;
}

void weir_bpf_inline_counts(const struct weir_bpf_inline *tap, struct weir_filter_counts *counts)
{
	const struct weir_inline_state *state = &tap->skeleton->bss->state;

	counts->seen = __atomic_load_n(&state->seen, __ATOMIC_RELAXED);
	counts->passed = __atomic_load_n(&state->passed, __ATOMIC_RELAXED);
	counts->lost = __atomic_load_n(&state->lost, __ATOMIC_RELAXED) + tap->missed;
}
