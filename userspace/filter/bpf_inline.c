/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inline tier: the program sits on a function of the kernel; what passed comes through a BPF ring buffer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "filter/bpf_inline.h"
#include "filter/bpf_loader.h"
#include "filter/proof.h"

#include "inline.skel.h"

struct weir_bpf_inline {
	struct weir_bpf_loaded loaded;
	struct weir_inline__bss *variables;
	size_t variables_bytes;
	struct ring_buffer *passing;
	uint32_t row_bytes;
	uint64_t missed; /* runs that the kernel skipped; known after disarm */
	/* While consuming. */
	struct weir_ring *ring;
	unsigned char *claim;
	uint32_t room, filled;
	int moved;
};

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

/* --------------------------------------------------------------------- proof */

struct passing_rows {
	unsigned char *to, *end;
	uint32_t row_bytes;
};

static int take_passing(void *context, void *data, size_t bytes)
{
	struct passing_rows *passing = context;

	if (bytes < passing->row_bytes || passing->to == passing->end)
		return 0;
	memcpy(passing->to, data, passing->row_bytes);
	passing->to += passing->row_bytes;
	return 0;
}

/* A row that passed is read at once, so neither the BPF ring buffer nor the limit is ever full. */
static int try_row(struct weir_bpf_inline *tap, struct ring_buffer *reader, const void *row)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err;

	memcpy(tap->variables->trial, row, tap->row_bytes);
	tap->variables->state.seen = 0;
	err = bpf_prog_test_run_opts(tap->loaded.fd[WEIR_INLINE_PROVE], &opts);
	if (err)
		return -errno;
	err = ring_buffer__consume(reader);
	return err < 0 ? err : 0;
}

static int try_rows(void *context, void *rows, uint32_t n)
{
	struct weir_bpf_inline *tap = context;
	struct weir_inline_state *state = &tap->variables->state;
	struct passing_rows passing = { rows, (unsigned char *)rows + (size_t)n * tap->row_bytes, tap->row_bytes };
	struct ring_buffer *reader = ring_buffer__new(weir_bpf_inline_fd(tap), take_passing, &passing, NULL);
	const struct weir_inline_state before = *state;
	int err = reader ? 0 : -errno;

	__atomic_store_n(&state->active, 1, __ATOMIC_RELEASE);
	/* Rows that passed are written over rows that have been tried. */
	for (uint32_t i = 0; i < n && !err; i++)
		err = try_row(tap, reader, (unsigned char *)rows + (size_t)i * tap->row_bytes);
	*state = before;
	memset(tap->variables->trial, 0, tap->row_bytes);
	ring_buffer__free(reader);
	return err ? err : (int)((size_t)(passing.to - (unsigned char *)rows) / tap->row_bytes);
}

static int prove(struct weir_bpf_inline *tap, const struct weir_filter_config *config, char *why)
{
	const struct weir_proof proof = { try_rows, tap, weir_bpf_inline_state(tap) };

	return weir_prove(&proof, config->predicate, config->schema, why);
}

static int map_memory(struct weir_bpf_inline *tap, char *why)
{
	void *variables;
	int err = weir_bpf_map_variables(&variables, &tap->variables_bytes, tap->loaded.fd[WEIR_INLINE_VARIABLES],
					 sizeof(*tap->variables));

	tap->variables = variables;
	if (err)
		return weir_bpf_refuse(err, why, "the program's variables cannot be mapped");
	tap->passing = ring_buffer__new(weir_bpf_inline_fd(tap), take, tap, NULL);
	return tap->passing ? 0 : weir_bpf_refuse(-errno, why, "the BPF ring buffer cannot be mapped");
}

int weir_bpf_inline_open(struct weir_bpf_inline **out, const struct weir_filter_config *config, enum weir_hook hook,
			 char why[WEIR_WHY_MAX])
{
	const struct weir_bpf_order order = {
		.kind = WEIR_BPF_INLINE, .load = weir_bpf_load_inline, .hook = hook, .config = config
	};
	struct weir_bpf_inline *tap = calloc(1, sizeof(*tap));
	int err;

	*out = NULL;
	if (!tap)
		return weir_bpf_refuse(-ENOMEM, why, "loading failed");
	tap->row_bytes = config->schema->row_bytes;
	err = weir_bpf_get(&tap->loaded, &order, why);
	if (!err)
		err = map_memory(tap, why);
	if (!err && !config->custom)
		err = prove(tap, config, why);
	if (err)
		weir_bpf_inline_close(tap);
	else
		*out = tap;
	return err;
}

int weir_bpf_inline_try(const struct weir_filter_config *config, enum weir_hook hook, char why[WEIR_WHY_MAX])
{
	struct weir_bpf_inline *tap;
	int err = weir_bpf_inline_open(&tap, config, hook, why);

	weir_bpf_inline_close(tap);
	return err;
}

void weir_bpf_inline_close(struct weir_bpf_inline *tap)
{
	if (!tap)
		return;
	weir_bpf_loaded_unhook(&tap->loaded, WEIR_INLINE_LINK);
	ring_buffer__free(tap->passing);
	if (tap->variables)
		munmap(tap->variables, tap->variables_bytes);
	weir_bpf_loaded_close(&tap->loaded);
	free(tap);
}

void weir_bpf_inline_arm(struct weir_bpf_inline *tap)
{
	__atomic_store_n(&tap->variables->state.active, 1, __ATOMIC_RELEASE);
}

void weir_bpf_inline_disarm(struct weir_bpf_inline *tap)
{
	struct bpf_prog_info info = { 0 };
	uint32_t bytes = sizeof(info);

	__atomic_store_n(&tap->variables->state.active, 0, __ATOMIC_RELEASE);
	if (!bpf_obj_get_info_by_fd(tap->loaded.fd[WEIR_INLINE_PUSH], &info, &bytes))
		tap->missed = info.recursion_misses;
}

uint64_t *weir_bpf_inline_state(const struct weir_bpf_inline *tap)
{
	return (uint64_t *)tap->variables->memory.state;
}

int weir_bpf_inline_fd(const struct weir_bpf_inline *tap)
{
	return tap->loaded.fd[WEIR_INLINE_PASSING];
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

int64_t weir_bpf_inline_time(const struct weir_bpf_inline *tap)
{
	return __atomic_load_n(&tap->variables->state.time, __ATOMIC_ACQUIRE);
}

void weir_bpf_inline_want_time(struct weir_bpf_inline *tap, int64_t t_ns)
{
	__s64 *wanted = &tap->variables->state.wanted, before = __atomic_load_n(wanted, __ATOMIC_RELAXED);

	while ((t_ns == INT64_MAX || t_ns < before) &&
	       !__atomic_compare_exchange_n(wanted, &before, t_ns, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
}

void weir_bpf_inline_counts(const struct weir_bpf_inline *tap, struct weir_filter_counts *counts)
{
	const struct weir_inline_state *state = &tap->variables->state;

	counts->seen = __atomic_load_n(&state->seen, __ATOMIC_RELAXED);
	counts->passed = __atomic_load_n(&state->passed, __ATOMIC_RELAXED);
	counts->lost = __atomic_load_n(&state->lost, __ATOMIC_RELAXED) + tap->missed;
}
