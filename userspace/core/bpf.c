/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Generated verdicts meet the compiled programs here. libbpf prepares a program as far as it can (maps, subprograms, BTF),
 * then calls fill_hole(), which writes the verdict over the hole that bpf/verdict.h left, and loads the result.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/bpf.h"
#include "weir/filter.h"

#include "batch.skel.h"
#include "inline.skel.h"

#define LOG_BYTES (1u << 20)
#define PASSING_BYTES_MAX (16u << 20)
#define STORE_FUNCTION "iio_store_to_kfifo"
#define LEARN_FUNCTION "iio_kfifo_buf_data_available"

_Static_assert(WEIR_HOLE_INSNS == WEIR_FILTER_CODE_MAX, "the hole must take the longest verdict");

/* ------------------------------------------------------- a verdict and its hole */

/*
 * libbpf offers its hooks per process, not per object: a handler for our section names and a printer of messages. Both are
 * set once and look here for what the calling thread is about to load; NULL: nothing of ours.
 */
static _Thread_local const struct weir_filter_config *loading;
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

/* Of our own attempts only the phrase in `why` is to be heard. */
static int print_unless_ours(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return loading || !print_of_others ? 0 : print_of_others(level, format, arguments);
}

static void set_hooks(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, handler, .prog_prepare_load_fn = fill_hole);

	print_of_others = libbpf_set_print(print_unless_ours);
	libbpf_register_prog_handler("weir/", BPF_PROG_TYPE_UNSPEC, (enum bpf_attach_type)0, &handler);
}

/* Before load: libbpf makes it the initial content of the map. */
static void set_memory(struct weir_filter_memory *memory, const struct weir_filter_config *config)
{
	memcpy(memory->bits, config->predicate->bits, config->predicate->n_bits * sizeof(*memory->bits));
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

static int refuse_load(int err, const char *capabilities, char *log, char *why)
{
	const char *words = last_words(log);

	/* With CAP_BPF alone it thinks of speculative execution as well, and refuses more. */
	if (words && strstr(words, "prohibited for !root"))
		snprintf(why, WEIR_WHY_MAX, "the verifier refused it: needs CAP_PERFMON besides CAP_BPF");
	else if (words)
		snprintf(why, WEIR_WHY_MAX, "the verifier refused it: %s", words);
	else if (err == -EPERM)
		snprintf(why, WEIR_WHY_MAX, "bpf(2) is not permitted: needs %s (root, or setcap)", capabilities);
	else if (err == -ENOSYS)
		snprintf(why, WEIR_WHY_MAX, "this kernel has no bpf(2)");
	else
		snprintf(why, WEIR_WHY_MAX, "loading failed: %s", strerror(-err));
	return err;
}

static int refuse(int err, char *why, const char *what)
{
	snprintf(why, WEIR_WHY_MAX, "%s: %s", what, strerror(-err));
	return err;
}

/* Debian lets CAP_PERFMON count for nothing while kernel.perf_event_paranoid is 3, its default. */
static int refuse_hook(int err, const char *function, char *why)
{
	snprintf(why, WEIR_WHY_MAX, "no hook at %s: %s%s", function, strerror(-err),
		 err == -EACCES ? ": needs CAP_PERFMON and sysctl kernel.perf_event_paranoid=2" : "");
	return err;
}

/* --------------------------------------------------------------------- batch */

struct weir_bpf_batch {
	struct weir_batch *skeleton;
};

static int set_up_batch(struct weir_batch *skeleton, const struct weir_filter_config *config, uint32_t capacity)
{
	struct bpf_program *program = skeleton->progs.batch;
	int err;

	skeleton->rodata->knobs.row_bytes = config->schema->row_bytes;
	skeleton->rodata->knobs.capacity = capacity;
	set_memory(&skeleton->bss->memory, config);
	err = bpf_map__set_value_size(skeleton->maps.ring, config->schema->row_bytes);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.ring, capacity);
	if (!err)
		err = bpf_program__set_type(program, BPF_PROG_TYPE_SYSCALL);
	/* The kernel takes programs of this type only as sleepable ones. */
	return err ? err : bpf_program__set_flags(program, BPF_F_SLEEPABLE);
}

static int load_batch(struct weir_bpf_batch *batch, const struct weir_filter_config *config, uint32_t capacity,
		      char *log, char *why)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = log, .kernel_log_size = LOG_BYTES);
	int err;

	batch->skeleton = weir_batch__open_opts(&opts);
	if (!batch->skeleton)
		return refuse(-errno, why, "the program cannot be opened");
	err = set_up_batch(batch->skeleton, config, capacity);
	if (err)
		return refuse(err, why, "the program cannot be set up");
	err = weir_batch__load(batch->skeleton);
	return err ? refuse_load(err, "CAP_BPF and CAP_PERFMON", log, why) : 0;
}

int weir_bpf_batch_open(struct weir_bpf_batch **out, const struct weir_filter_config *config, uint32_t capacity,
			char why[WEIR_WHY_MAX])
{
	struct weir_bpf_batch *batch = calloc(1, sizeof(*batch));
	char *log = calloc(1, LOG_BYTES);
	int err = batch && log ? check_code(config, why) : refuse(-ENOMEM, why, "loading failed");

	*out = NULL;
	if (!err && config->schema->row_bytes % 8) {
		snprintf(why, WEIR_WHY_MAX, "rows of %u bytes are not a multiple of 8, as elements of a BPF array are",
			 config->schema->row_bytes);
		err = -EINVAL;
	}
	pthread_once(&hooks_set, set_hooks);
	loading = config;
	if (!err)
		err = load_batch(batch, config, capacity, log, why);
	loading = NULL;
	free(log);
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

/* -------------------------------------------------------------------- inline */

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
	struct stat ns;

	if (stat("/proc/self/ns/pid", &ns))
		return -errno;
	knobs->row_bytes = config->schema->row_bytes;
	knobs->limit = config->limit;
	knobs->pidns_device = (uint64_t)major(ns.st_dev) << 20 | minor(ns.st_dev); /* as the kernel writes it */
	knobs->pidns_inode = ns.st_ino;
	knobs->thread = (uint32_t)gettid();
	return 0;
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
	err = set_type(tap->learn, hook, LEARN_FUNCTION);
	return err ? err : set_type(tap->push, hook, STORE_FUNCTION);
}

static int load_inline(struct weir_bpf_inline *tap, const struct weir_filter_config *config, enum weir_hook hook,
		       char *log, char *why)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .kernel_log_buf = log, .kernel_log_size = LOG_BYTES);
	int err;

	tap->skeleton = weir_inline__open_opts(&opts);
	if (!tap->skeleton)
		return refuse(-errno, why, "the program cannot be opened");
	set_memory(&tap->skeleton->bss->memory, config);
	err = set_knobs(&tap->skeleton->rodata->knobs, config);
	if (!err)
		err = set_maps(tap->skeleton, config);
	if (err)
		return refuse(err, why, "the program cannot be set up");
	err = choose_hook(tap, hook);
	if (err) {
		snprintf(why, WEIR_WHY_MAX, "no BTF of module kfifo_buf, or no CAP_SYS_ADMIN to read it");
		return err;
	}
	err = weir_inline__load(tap->skeleton);
	return err ? refuse_load(err, "CAP_BPF and CAP_PERFMON", log, why) : 0;
}

static struct bpf_link *attach(const struct bpf_program *program, enum weir_hook hook, const char *function)
{
	if (hook == WEIR_HOOK_FENTRY)
		return bpf_program__attach_trace(program);
	return bpf_program__attach_kprobe(program, false, function);
}

/* Make the kernel call LEARN_FUNCTION on this thread with our device's buffer. Kernels before 5.11 know only `buffer`. */
static int provoke(int device)
{
	static const char *const directories[] = { "buffer0", "buffer" };
	char path[80], digits[32];

	for (size_t i = 0; i < 2; i++) {
		int fd;
		ssize_t n;

		snprintf(path, sizeof(path), "/sys/bus/iio/devices/iio:device%d/%s/data_available", device,
			 directories[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		n = read(fd, digits, sizeof(digits));
		close(fd);
		return n < 0 ? -EIO : 0;
	}
	return -errno;
}

/* Tried again, because the kernel skips a kprobe program that meets another one on its CPU. */
static int provoke_until_learnt(const struct weir_bpf_inline *tap, int device)
{
	int err = 0;

	for (int tries = 0; tries < 3 && !err && !tap->skeleton->bss->state.buffer; tries++)
		err = provoke(device);
	return err;
}

static int learn_buffer(struct weir_bpf_inline *tap, enum weir_hook hook, int device, char *why)
{
	struct bpf_link *link = attach(tap->learn, hook, LEARN_FUNCTION);
	int err;

	if (!link)
		return refuse_hook(-errno, LEARN_FUNCTION, why);
	err = provoke_until_learnt(tap, device);
	bpf_link__destroy(link);
	if (err)
		return refuse(err, why, "the device's buffer cannot be told from others");
	if (!tap->skeleton->bss->state.buffer)
		return refuse(-ENODEV, why, "the device's buffer cannot be told from others: its kfifo was not seen");
	return 0;
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
	tap->link = attach(tap->push, hook, STORE_FUNCTION);
	if (!tap->link)
		return refuse_hook(-errno, STORE_FUNCTION, why);
	tap->row_bytes = config->schema->row_bytes;
	tap->passing = ring_buffer__new(weir_bpf_inline_fd(tap), take, tap, NULL);
	return tap->passing ? 0 : refuse(-errno, why, "the BPF ring buffer cannot be mapped");
}

int weir_bpf_inline_open(struct weir_bpf_inline **out, const struct weir_filter_config *config, enum weir_hook hook,
			 char why[WEIR_WHY_MAX])
{
	struct weir_bpf_inline *tap = calloc(1, sizeof(*tap));
	char *log = calloc(1, LOG_BYTES);
	int err = tap && log ? check_code(config, why) : refuse(-ENOMEM, why, "loading failed");

	*out = NULL;
	pthread_once(&hooks_set, set_hooks);
	loading = config;
	if (!err)
		err = load_inline(tap, config, hook, log, why);
	if (!err)
		err = hook_inline(tap, config, hook, why);
	loading = NULL;
	free(log);
	if (err)
		weir_bpf_inline_close(tap);
	else
		*out = tap;
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
