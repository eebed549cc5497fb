/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One attempt to load a program with a verdict, and the reason when it fails. bpf_libbpf.c writes the verdict into the program. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "filter/bpf_hole.h"
#include "filter/bpf_internal.h"
#include "filter/bpf_libbpf.h"

static int check_code(const struct weir_filter_config *config, char *why)
{
	if (config->n_code > WEIR_FILTER_CODE_MAX) {
		snprintf(why, WEIR_WHY_MAX, "the condition takes %u instructions of %d", config->n_code,
			 WEIR_FILTER_CODE_MAX);
		return -E2BIG;
	}
	if (config->n_code && config->code[config->n_code - 1].code == (BPF_JMP | BPF_EXIT))
		return 0;
	snprintf(why, WEIR_WHY_MAX, "the verdict does not end in exit");
	return -EINVAL;
}

/* ------------------------------------------------------------------- reasons */

/* The verifier's verdict is the last line but one of its log; the last one is statistics. */
static const char *last_words(char *log)
{
	char *end = strstr(log, "\nprocessed ");
	char *line;

	if (!end)
		return NULL;
	*end = 0;
	line = strrchr(log, '\n');
	return line ? line + 1 : log;
}

static int refuse_load(int err, char *log, char *why)
{
	const char *words = last_words(log);

	/* With CAP_BPF alone it thinks of speculative execution as well, and refuses more. */
	if (words && strstr(words, "prohibited for !root")) {
		snprintf(why, WEIR_WHY_MAX, "the verifier refused it: needs CAP_PERFMON besides CAP_BPF");
		return -EPERM;
	}
	/* What reads a sample from kernel memory is then not there. */
	if (words && strstr(words, "cannot use helper bpf_probe_read"))
		snprintf(why, WEIR_WHY_MAX, "kernel lockdown (confidentiality) keeps eBPF from reading samples");
	else if (words)
		snprintf(why, WEIR_WHY_MAX, "the verifier refused it: %s", words);
	else if (err == -EPERM)
		snprintf(why, WEIR_WHY_MAX, "bpf(2) is not permitted: needs CAP_BPF and CAP_PERFMON (root, or setcap)");
	else if (err == -ENOSYS)
		snprintf(why, WEIR_WHY_MAX, "this kernel has no bpf(2)");
	else
		snprintf(why, WEIR_WHY_MAX, "loading failed: %s", strerror(-err));
	return err;
}

int weir_bpf_refuse(int err, char *why, const char *what)
{
	snprintf(why, WEIR_WHY_MAX, "%s: %s", what, strerror(-err));
	return err;
}

/* ------------------------------------------------------------------- a load */

int weir_bpf_begin(struct weir_bpf_load *load, const struct weir_filter_config *config, char *why)
{
	*load = (struct weir_bpf_load){ .config = config, .log = calloc(1, WEIR_LOG_BYTES) };
	weir_libbpf_load_for(config);
	return load->log ? check_code(config, why) : weir_bpf_refuse(-ENOMEM, why, "loading failed");
}

void weir_bpf_end(struct weir_bpf_load *load)
{
	weir_libbpf_load_for(NULL);
	free(load->object);
	free(load->log);
}

/* Not for want of rights or of memory: then it is the object that does not fit, whatever the machine. */
static bool is_misfit(int err)
{
	static const int machine[] = { EPERM, EACCES, ENOSYS, ENOMEM, EAGAIN, EMFILE, ENFILE, E2BIG };

	for (size_t i = 0; i < sizeof(machine) / sizeof(machine[0]); i++)
		if (err == -machine[i])
			return false;
	return true;
}

static int blame_custom(const struct weir_bpf_load *load, int err)
{
	if (load->config->custom && is_misfit(err))
		weir_custom_reject(load->config->custom, weir_libbpf_message(strerror(-err)));
	return err;
}

static int link_custom(struct weir_bpf_load *load, struct bpf_object_skeleton *skeleton, char *why)
{
	int err = weir_custom_link(load->config->custom, skeleton->data, skeleton->data_sz, &load->object,
				   &load->object_bytes);

	if (err)
		return weir_bpf_refuse(blame_custom(load, err), why,
				       "the custom filter cannot be linked to weir's program");
	skeleton->data = load->object;
	skeleton->data_sz = load->object_bytes;
	return 0;
}

int weir_bpf_open_skeleton(struct weir_bpf_load *load, struct bpf_object_skeleton *skeleton, char *why)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = load->log, .kernel_log_size = WEIR_LOG_BYTES);
	int err = load->config->custom ? link_custom(load, skeleton, why) : 0;

	if (err)
		return err;
	err = bpf_object__open_skeleton(skeleton, &opts);
	return err ? weir_bpf_refuse(blame_custom(load, err), why, "the program cannot be opened") : 0;
}

int weir_bpf_load_skeleton(struct weir_bpf_load *load, struct bpf_object_skeleton *skeleton,
			   struct weir_filter_memory *memory, char *why)
{
	const struct weir_predicate *predicate = load->config->predicate;
	int err;

	memcpy(memory->bits, predicate->bits, predicate->n_bits * sizeof(*memory->bits));
	err = bpf_object__load_skeleton(skeleton);
	if (!err)
		return 0;
	if (load->config->custom && !weir_custom_refuse(load->config->custom, load->log))
		blame_custom(load, err);
	return refuse_load(err, load->log, why);
}

int weir_bpf_check(const struct weir_bpf_load *load, const struct bpf_program *program, char *why)
{
	const struct weir_custom *custom = load->config->custom;
	int err = weir_hole_check(program, load->config->code, load->config->n_code);

	if (!err && custom && !weir_custom_is_in(custom, bpf_program__insns(program), bpf_program__insn_cnt(program))) {
		snprintf(why, WEIR_WHY_MAX, "the loaded program does not contain the custom filter");
		return -WEIR_DISPROVED;
	}
	if (err == -WEIR_DISPROVED)
		snprintf(why, WEIR_WHY_MAX, "the loaded program does not contain the code of the condition");
	else if (err)
		weir_bpf_refuse(err, why, "the loaded program cannot be read back");
	return err;
}

/* There is no such program; who has no right to ask is told that first. By hand: it is asked at each start, without libbpf. */
bool weir_bpf_runs_unprivileged(void)
{
	union bpf_attr attr = { .test.prog_fd = (uint32_t)-1 };

	return !syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr)) || errno != EPERM;
}
