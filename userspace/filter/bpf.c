/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Generated verdicts meet the compiled programs here. libbpf prepares a program as far as it can (maps, subprograms, BTF),
 * then calls fill_hole(), which writes the verdict over the hole that bpf/verdict.h left, and loads the result.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "filter/bpf_internal.h"

_Static_assert(WEIR_HOLE_INSNS == WEIR_FILTER_CODE_MAX, "the hole must take the longest verdict");

/* ------------------------------------------------------- a verdict and its hole */

/*
 * libbpf offers its hooks per process, not per object: a handler for our section names and a printer of messages. Both are
 * set once and look here for what the calling thread is about to load; NULL: nothing of ours.
 */
static _Thread_local const struct weir_filter_config *loading;
static _Thread_local char complaint[128]; /* libbpf's first about it, one line */
static _Thread_local bool hushed;
static pthread_once_t hooks_set = PTHREAD_ONCE_INIT;
static libbpf_print_fn_t print_of_others;

static size_t find_hole(const struct bpf_insn *insn, size_t n)
{
	const uint64_t mark = WEIR_HOLE_MARK;

	for (size_t i = 0; i + WEIR_HOLE_INSNS <= n; i++)
		if (insn[i].code == (BPF_LD | BPF_IMM | BPF_DW) && insn[i].imm == (int32_t)mark &&
		    insn[i + 1].imm == (int32_t)(mark >> 32) &&
		    insn[i + WEIR_HOLE_INSNS - 1].code == (BPF_JMP | BPF_EXIT))
			return i;
	return n;
}

/* The padding comes first: behind the verdict's `exit` nothing could reach it, and the verifier would object. */
static void fill(struct bpf_insn *hole, const struct bpf_insn *code, uint32_t n_code)
{
	uint32_t padding = WEIR_HOLE_INSNS - n_code;

	for (uint32_t i = 0; i < padding; i++)
		hole[i] = (struct bpf_insn){ .code = BPF_JMP | BPF_JA };
	memcpy(hole + padding, code, n_code * sizeof(*code));
}

static int fill_hole(struct bpf_program *program, struct bpf_prog_load_opts *opts, long cookie)
{
	size_t n = bpf_program__insn_cnt(program), hole = find_hole(bpf_program__insns(program), n);
	struct bpf_insn *insn;
	int err;

	(void)opts;
	(void)cookie;
	if (hole == n || !loading)
		return 0;
	insn = malloc(n * sizeof(*insn));
	if (!insn)
		return -ENOMEM;
	memcpy(insn, bpf_program__insns(program), n * sizeof(*insn));
	fill(insn + hole, loading->code, loading->n_code);
	err = bpf_program__set_insns(program, insn, n);
	free(insn);
	return err;
}

/* The first is about what went wrong, the others about what did therefore. */
static void keep_complaint(const char *format, va_list arguments)
{
	static const char prefix[] = "libbpf: ";
	char text[sizeof(complaint) + sizeof(prefix)];

	if (*complaint)
		return;
	vsnprintf(text, sizeof(text), format, arguments);
	snprintf(complaint, sizeof(complaint), "%s",
		 text + (strncmp(text, prefix, strlen(prefix)) ? 0 : strlen(prefix)));
	complaint[strcspn(complaint, "\n")] = 0;
}

/* Of our own attempts only the phrase in `why` is to be heard. */
static int print_unless_ours(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (loading && level == LIBBPF_WARN)
		keep_complaint(format, arguments);
	return loading || hushed || !print_of_others ? 0 : print_of_others(level, format, arguments);
}

static void set_hooks(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, handler, .prog_prepare_load_fn = fill_hole);

	print_of_others = libbpf_set_print(print_unless_ours);
	libbpf_register_prog_handler("weir/", BPF_PROG_TYPE_UNSPEC, (enum bpf_attach_type)0, &handler);
}

static int check_code(const struct weir_filter_config *config, char *why)
{
	if (config->n_code > WEIR_HOLE_INSNS) {
		snprintf(why, WEIR_WHY_MAX, "the condition takes %u instructions of %d", config->n_code,
			 WEIR_HOLE_INSNS);
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

void weir_bpf_hush(bool hush)
{
	pthread_once(&hooks_set, set_hooks);
	hushed = hush;
}

int weir_bpf_begin(struct weir_bpf_load *load, const struct weir_filter_config *config, char *why)
{
	*load = (struct weir_bpf_load){ .config = config, .log = calloc(1, WEIR_LOG_BYTES) };
	pthread_once(&hooks_set, set_hooks);
	loading = config;
	*complaint = 0;
	return load->log ? check_code(config, why) : weir_bpf_refuse(-ENOMEM, why, "loading failed");
}

void weir_bpf_end(struct weir_bpf_load *load)
{
	loading = NULL;
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
		weir_custom_reject(load->config->custom, *complaint ? complaint : strerror(-err));
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
