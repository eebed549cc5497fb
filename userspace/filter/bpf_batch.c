/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The batch tier: the ring's memory is the program's array map, and the loop has the program run over it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "filter/bpf_loaded.h"
#include "filter/bpf_loader.h"
#include "filter/proof.h"

#include "batch.skel.h"

enum { RING, VARIABLES, PROGRAM };

struct weir_bpf_batch {
	struct weir_bpf_loaded loaded;
	struct weir_batch__bss *variables;
	size_t variables_bytes;
};

/* ---------------------------------------------------------------------- load */

static int set_up(struct weir_batch *skeleton, const struct weir_filter_config *config, uint32_t capacity)
{
	struct bpf_program *program = skeleton->progs.batch;
	int err;

	skeleton->rodata->knobs.row_bytes = config->schema->row_bytes;
	skeleton->rodata->knobs.capacity = capacity;
	skeleton->rodata->knobs.custom = config->custom != NULL;
	err = bpf_map__set_value_size(skeleton->maps.ring, config->schema->row_bytes);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.ring, capacity);
	/* The kernel takes programs of this type only as sleepable ones. */
	return err ? err : bpf_program__set_flags(program, BPF_F_SLEEPABLE);
}

static int load_program(struct weir_bpf_load *load, struct weir_batch *skeleton, uint32_t capacity, char *why)
{
	int err = weir_bpf_open_skeleton(load, skeleton->skeleton, why);

	if (err)
		return err;
	err = set_up(skeleton, load->config, capacity);
	if (err)
		return weir_bpf_refuse(err, why, "the program cannot be set up");
	err = weir_bpf_load_skeleton(load, skeleton->skeleton, &skeleton->bss->memory, why);
	return err ? err : weir_bpf_check(load, skeleton->progs.batch, why);
}

static void destroy(void *object)
{
	weir_batch__destroy(object);
}

static struct weir_batch *new_skeleton(void)
{
	struct weir_batch *skeleton = calloc(1, sizeof(*skeleton));

	if (!skeleton || !weir_batch__create_skeleton(skeleton))
		return skeleton;
	weir_batch__destroy(skeleton);
	return NULL;
}

int weir_bpf_load_batch(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order, char *why)
{
	struct weir_batch *skeleton = new_skeleton();
	struct weir_bpf_load load;
	int err = weir_bpf_begin(&load, order->config, why);

	loaded->object = skeleton;
	loaded->destroy = destroy;
	if (!err && !skeleton)
		err = weir_bpf_refuse(-ENOMEM, why, "loading failed");
	if (!err)
		err = load_program(&load, skeleton, order->capacity, why);
	weir_bpf_end(&load);
	if (err)
		return err;
	loaded->fd[RING] = bpf_map__fd(skeleton->maps.ring);
	loaded->fd[VARIABLES] = bpf_map__fd(skeleton->maps.bss);
	loaded->fd[PROGRAM] = bpf_program__fd(skeleton->progs.batch);
	return 0;
}

/* --------------------------------------------------------------------- proof */

struct trial {
	struct weir_bpf_batch *batch;
	unsigned char *ring;
	uint32_t row_bytes, capacity;
};

static unsigned char *row_at(const struct trial *trial, uint32_t slot)
{
	return trial->ring + (size_t)(slot % trial->capacity) * trial->row_bytes;
}

/* Rows come back where they passed, and the ring is zeros again. */
static void take_back(const struct trial *trial, uint32_t slot, uint32_t n, unsigned char *to, uint32_t kept)
{
	for (uint32_t i = 0; i < n; i++) {
		if (i < kept)
			memcpy(to + (size_t)i * trial->row_bytes, row_at(trial, slot + i), trial->row_bytes);
		memset(row_at(trial, slot + i), 0, trial->row_bytes);
	}
}

/* Across the end of the ring, or within it where it is shorter than that. */
static int try_rows(void *context, void *rows, uint32_t n)
{
	const struct trial *trial = context;
	unsigned char *to = rows;
	uint32_t step;

	for (uint32_t done = 0; done < n; done += step) {
		uint32_t slot = trial->capacity - 1 - trial->capacity / 4 % 16;
		int kept;

		step = n - done < trial->capacity ? n - done : trial->capacity;
		for (uint32_t i = 0; i < step; i++)
			memcpy(row_at(trial, slot + i), (unsigned char *)rows + (size_t)(done + i) * trial->row_bytes,
			       trial->row_bytes);
		kept = weir_bpf_batch_run(trial->batch, slot, step);
		take_back(trial, slot, step, to, kept < 0 ? 0 : (uint32_t)kept);
		if (kept < 0)
			return kept;
		to += (size_t)kept * trial->row_bytes;
	}
	return (int)((size_t)(to - (unsigned char *)rows) / trial->row_bytes);
}

/* A custom filter is not run on rows that are made up: it may have a memory of its own. */
static int prove(struct weir_bpf_batch *batch, const struct weir_filter_config *config, uint32_t capacity, char *why)
{
	struct trial trial = { .batch = batch, .row_bytes = config->schema->row_bytes, .capacity = capacity };
	const struct weir_proof proof = { try_rows, &trial, weir_bpf_batch_state(batch) };
	size_t bytes = (size_t)capacity * trial.row_bytes;
	int err;

	trial.ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, weir_bpf_batch_fd(batch), 0);
	if (trial.ring == MAP_FAILED)
		return weir_bpf_refuse(-errno, why, "the ring's memory cannot be mapped");
	err = weir_prove(&proof, config->predicate, config->schema, why);
	munmap(trial.ring, bytes);
	return err;
}

static int check_rows(const struct weir_schema *schema, char *why)
{
	if (schema->row_bytes % 8 == 0)
		return 0;
	snprintf(why, WEIR_WHY_MAX, "rows of %u bytes are not a multiple of 8, as elements of a BPF array are",
		 schema->row_bytes);
	return -EINVAL;
}

static int map_variables(struct weir_bpf_batch *batch, char *why)
{
	void *variables;
	int err = weir_bpf_map_variables(&variables, &batch->variables_bytes, batch->loaded.fd[VARIABLES],
					 sizeof(*batch->variables));

	batch->variables = variables;
	return err ? weir_bpf_refuse(err, why, "the program's variables cannot be mapped") : 0;
}

int weir_bpf_batch_open(struct weir_bpf_batch **out, const struct weir_filter_config *config, uint32_t capacity,
			char why[WEIR_WHY_MAX])
{
	const struct weir_bpf_order order = {
		.kind = WEIR_BPF_BATCH, .load = weir_bpf_load_batch, .config = config, .capacity = capacity
	};
	struct weir_bpf_batch *batch = calloc(1, sizeof(*batch));
	int err = check_rows(config->schema, why);

	*out = NULL;
	if (!batch)
		return weir_bpf_refuse(-ENOMEM, why, "loading failed");
	weir_bpf_loaded_init(&batch->loaded);
	if (!err)
		err = weir_bpf_get(&batch->loaded, &order, why);
	if (!err)
		err = map_variables(batch, why);
	if (!err && !config->custom)
		err = prove(batch, config, capacity, why);
	if (err)
		weir_bpf_batch_close(batch);
	else
		*out = batch;
	return err;
}

void weir_bpf_batch_close(struct weir_bpf_batch *batch)
{
	if (!batch)
		return;
	if (batch->variables)
		munmap(batch->variables, batch->variables_bytes);
	weir_bpf_loaded_close(&batch->loaded);
	free(batch);
}

int weir_bpf_batch_fd(const struct weir_bpf_batch *batch)
{
	return batch->loaded.fd[RING];
}

uint64_t *weir_bpf_batch_state(const struct weir_bpf_batch *batch)
{
	return (uint64_t *)batch->variables->memory.state;
}

int weir_bpf_batch_run(struct weir_bpf_batch *batch, uint32_t slot, uint32_t n)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct weir_batch_job *job = &batch->variables->job;
	int err;

	job->slot = slot;
	job->n = n;
	err = bpf_prog_test_run_opts(batch->loaded.fd[PROGRAM], &opts);
	if (err)
		return -errno;
	return opts.retval ? -EIO : (int)job->passed;
}
