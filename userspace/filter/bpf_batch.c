/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The batch tier: the ring's memory is the program's array map, and the loop has the program run over it. */
#include <errno.h>
#include <stdlib.h>

#include "filter/bpf_internal.h"

#include "batch.skel.h"

struct weir_bpf_batch {
	struct weir_batch *skeleton;
};

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
	if (!err)
		err = bpf_program__set_type(program, BPF_PROG_TYPE_SYSCALL);
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
	return weir_bpf_load_skeleton(load, skeleton->skeleton, &skeleton->bss->memory, why);
}

static int check_rows(const struct weir_schema *schema, char *why)
{
	if (schema->row_bytes % 8 == 0)
		return 0;
	snprintf(why, WEIR_WHY_MAX, "rows of %u bytes are not a multiple of 8, as elements of a BPF array are",
		 schema->row_bytes);
	return -EINVAL;
}

static struct weir_bpf_batch *new_batch(void)
{
	struct weir_bpf_batch *batch = calloc(1, sizeof(*batch));

	if (batch)
		batch->skeleton = calloc(1, sizeof(*batch->skeleton));
	if (batch && batch->skeleton && !weir_batch__create_skeleton(batch->skeleton))
		return batch;
	weir_bpf_batch_close(batch);
	return NULL;
}

int weir_bpf_batch_open(struct weir_bpf_batch **out, const struct weir_filter_config *config, uint32_t capacity,
			char why[WEIR_WHY_MAX])
{
	struct weir_bpf_batch *batch = new_batch();
	struct weir_bpf_load load;
	int err = weir_bpf_begin(&load, config, why);

	*out = NULL;
	if (!err && !batch)
		err = weir_bpf_refuse(-ENOMEM, why, "loading failed");
	if (!err)
		err = check_rows(config->schema, why);
	if (!err)
		err = load_program(&load, batch->skeleton, capacity, why);
	weir_bpf_end(&load);
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
	weir_batch__destroy(batch->skeleton);
	free(batch);
}

int weir_bpf_batch_fd(const struct weir_bpf_batch *batch)
{
	return bpf_map__fd(batch->skeleton->maps.ring);
}

uint64_t *weir_bpf_batch_state(const struct weir_bpf_batch *batch)
{
	return (uint64_t *)batch->skeleton->bss->memory.state;
}

int weir_bpf_batch_run(struct weir_bpf_batch *batch, uint32_t slot, uint32_t n)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct weir_batch_job *job = &batch->skeleton->bss->job;
	int err;

	job->slot = slot;
	job->n = n;
	err = bpf_prog_test_run_opts(bpf_program__fd(batch->skeleton->progs.batch), &opts);
	if (err)
		return -errno;
	return opts.retval ? -EIO : (int)job->passed;
}
