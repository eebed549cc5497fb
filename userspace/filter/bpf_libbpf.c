/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Generated verdicts meet the compiled programs here. libbpf prepares a program as far as it can (maps, subprograms, BTF),
 * then calls fill_hole(), which writes the verdict over the hole that bpf/verdict.h left, and loads the result.
 */
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "filter/bpf_hole.h"
#include "filter/bpf_internal.h"
#include "filter/bpf_libbpf.h"

/*
 * libbpf offers its hooks per process, not per object: a handler for our section names and a printer of messages. Both are
 * set once and look here for what the calling thread is about to load; NULL: nothing of ours.
 */
static _Thread_local const struct weir_filter_config *loading;
static _Thread_local char complaint[128]; /* libbpf's first about it, one line */
static _Thread_local bool hushed;
static pthread_once_t hooks_set = PTHREAD_ONCE_INIT;
static libbpf_print_fn_t print_of_others;

static int fill_hole(struct bpf_program *program, struct bpf_prog_load_opts *opts, long cookie)
{
	int filled;

	(void)opts;
	(void)cookie;
	if (!loading)
		return 0;
	filled = weir_hole_fill(program, loading->code, loading->n_code);
	return filled < 0 ? filled : 0;
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

/*
 * The sections of our programs with holes, by type. libbpf from 1.5 on forgets the handler of a program whose type is set later, so
 * each type has a section of its own.
 */
static const struct {
	const char *section;
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
} sections[] = {
	{ "weir/batch", BPF_PROG_TYPE_SYSCALL, (enum bpf_attach_type)0 },
	{ "weir/fentry/", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY },
	{ "weir/kprobe/", BPF_PROG_TYPE_KPROBE, (enum bpf_attach_type)0 },
	{ "weir/prove", BPF_PROG_TYPE_RAW_TRACEPOINT, (enum bpf_attach_type)0 },
};

/* A handler that cannot be registered leaves holes empty, which weir_bpf_check() finds. */
static void set_hooks(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, handler, .prog_prepare_load_fn = fill_hole);

	if (weir_bpf_library_open(NULL) < 0)
		return;
	print_of_others = libbpf_set_print(print_unless_ours);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		libbpf_register_prog_handler(sections[i].section, sections[i].type, sections[i].attach, &handler);
}

void weir_libbpf_load_for(const struct weir_filter_config *config)
{
	pthread_once(&hooks_set, set_hooks);
	if (config)
		*complaint = 0;
	loading = config;
}

const char *weir_libbpf_message(const char *otherwise)
{
	return *complaint ? complaint : otherwise;
}

void weir_bpf_hush(bool hush)
{
	pthread_once(&hooks_set, set_hooks);
	hushed = hush;
}
