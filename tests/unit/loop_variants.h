/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loops that the tests of the loop run on: each back end, and each thing that io_uring falls back to. */
#ifndef WEIR_TESTS_LOOP_VARIANTS_H
#define WEIR_TESTS_LOOP_VARIANTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loop/loop_internal.h"
#include "skip.h"

#define MS INT64_C(1000000)

struct variant {
	const char *name;
	enum weir_backend backend;
	unsigned forbidden;
};

static const struct variant variants[] = {
	{ "poll", WEIR_BACKEND_POLL, 0 },
	{ "io_uring", WEIR_BACKEND_URING, 0 },
	{ "io_uring, no multishot", WEIR_BACKEND_URING, WEIR_LOOP_NO_MULTISHOT },
	{ "io_uring, no fixed buffers", WEIR_BACKEND_URING, WEIR_LOOP_NO_MULTISHOT | WEIR_LOOP_NO_FIXED },
};

static inline int64_t now(void)
{
	return weir_now(WEIR_CLOCK_MONOTONIC);
}

static inline struct weir_loop *open_loop(const struct variant *variant)
{
	struct weir_loop *loop;
	int error = weir_loop_open_without(&loop, variant->backend, variant->forbidden);

	if (error && variant->backend == WEIR_BACKEND_URING)
		skip_because("no io_uring here: %s", strerror(-error));
	assert_int_equal(error, 0);
	return loop;
}

static inline void stop(void *context)
{
	weir_loop_stop(context);
}

static inline void stop_after(struct weir_loop *loop, int64_t ns)
{
	assert_int_equal(weir_loop_add_timer(loop, now() + ns, 0, stop, loop), 0);
}

#define ON(test, i)                                           \
	{                                                     \
#test, test, NULL, NULL, (void *)&variants[i] \
	}
#define ON_EACH(test) ON(test, 0), ON(test, 1), ON(test, 2), ON(test, 3)

#endif
