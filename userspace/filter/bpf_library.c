/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define WEIR_LIBRARY_NAMES
#include "filter/bpf_library.h"

#define WHY_MAX 256 /* bytes, as weir_bpf_library_open() says */

#ifdef WEIR_STATIC

int weir_bpf_library_open(char *why)
{
	(void)why;
	return 0;
}

#else

struct weir_bpf_library weir_bpf_library;

static pthread_once_t is_open = PTHREAD_ONCE_INIT;
static char reason[WHY_MAX]; /* empty: both are open */

/* The first that is missing is told. */
static void library_miss(const char *what, const char *package)
{
	if (!*reason)
		snprintf(reason, sizeof(reason), "%s cannot be opened; install %s", what, package);
}

static void *library_find(void *library, const char *name, const char *file, const char *package)
{
	void *function = library ? dlsym(library, name) : NULL;
	char what[WHY_MAX / 2];

	if (!function) {
		snprintf(what, sizeof(what), "%s%s%s", library ? name : file, library ? " of " : "",
			 library ? file : "");
		library_miss(what, package);
	}
	return function;
}

/* They stay open: hooks and maps of theirs may last until the process ends. */
static void library_open(void)
{
	void *libbpf = dlopen("libbpf.so.1", RTLD_NOW | RTLD_LOCAL);
	void *libelf = dlopen("libelf.so.1", RTLD_NOW | RTLD_LOCAL);

#define FIND_LIBBPF(name) weir_bpf_library.name = library_find(libbpf, #name, "libbpf.so.1", "libbpf1");
#define FIND_LIBELF(name) weir_bpf_library.name = library_find(libelf, #name, "libelf.so.1", "libelf1");
	WEIR_LIBBPF_CALLS(FIND_LIBBPF)
	WEIR_LIBELF_CALLS(FIND_LIBELF)
}

int weir_bpf_library_open(char *why)
{
	pthread_once(&is_open, library_open);
	if (*reason && why)
		memcpy(why, reason, WHY_MAX);
	return *reason ? -ELIBACC : 0;
}

#endif
