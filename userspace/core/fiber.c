/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Over ucontext, which every Debian architecture has. A switch costs a system call for the signal mask: once per block, not
 * per record. The sanitizers are told of every switch, or they would take one stack for another.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/fiber.h"

#define STACK_BYTES ((size_t)8 << 20) /* of addresses, as a thread has; touched only as far as it is used */

struct weir_fiber {
	ucontext_t own, home;
	void (*run)(void *context);
	void *context;
	char *stack; /* its first page is a guard */
	size_t guard;
	bool is_over;
	/* Of the sanitizers. */
	void *fake_own, *fake_home;
	const void *home_stack;
	size_t home_bytes;
	void *thread_own, *thread_home;
};

/* The thread sanitizer's header declares what stands in for the other's, so it comes first. */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#else
#define __tsan_get_current_fiber() NULL
#define __tsan_create_fiber(flags) NULL
#define __tsan_destroy_fiber(fiber) ((void)0)
#define __tsan_switch_to_fiber(fiber, flags) ((void)0)
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(save, bottom, bytes) ((void)0)
#define __sanitizer_finish_switch_fiber(saved, bottom, bytes) ((void)0)
#endif

static void go_home(struct weir_fiber *fiber)
{
	/* NULL when it never comes back: what the sanitizer holds for this stack is then given up. */
	__sanitizer_start_switch_fiber(fiber->is_over ? NULL : &fiber->fake_own, fiber->home_stack, fiber->home_bytes);
	__tsan_switch_to_fiber(fiber->thread_home, 0);
	swapcontext(&fiber->own, &fiber->home);
	__sanitizer_finish_switch_fiber(fiber->fake_own, &fiber->home_stack, &fiber->home_bytes);
}

/* makecontext() passes integers, and a pointer may need two of them. */
static void begin(unsigned high, unsigned low)
{
	struct weir_fiber *fiber = (struct weir_fiber *)((uintptr_t)high << 16 << 16 | low);

	__sanitizer_finish_switch_fiber(NULL, &fiber->home_stack, &fiber->home_bytes);
	fiber->run(fiber->context);
	fiber->is_over = true;
	go_home(fiber);
}

static int map_stack(struct weir_fiber *fiber)
{
	void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED)
		return -ENOMEM;
	fiber->stack = stack;
	fiber->guard = (size_t)sysconf(_SC_PAGESIZE);
	return mprotect(stack, fiber->guard, PROT_NONE) < 0 ? -ENOMEM : 0;
}

int weir_fiber_open(struct weir_fiber **out, void (*run)(void *context), void *context)
{
	struct weir_fiber *fiber = calloc(1, sizeof(*fiber));

	*out = NULL;
	if (!fiber)
		return -ENOMEM;
	fiber->run = run;
	fiber->context = context;
	if (map_stack(fiber) < 0 || getcontext(&fiber->own) < 0) {
		weir_fiber_close(fiber);
		return -ENOMEM;
	}
	fiber->own.uc_stack.ss_sp = fiber->stack + fiber->guard;
	fiber->own.uc_stack.ss_size = STACK_BYTES - fiber->guard;
	makecontext(&fiber->own, (void (*)(void))begin, 2, (unsigned)((uintptr_t)fiber >> 16 >> 16),
		    (unsigned)(uintptr_t)fiber);
	fiber->thread_own = __tsan_create_fiber(0);
	*out = fiber;
	return 0;
}

void weir_fiber_close(struct weir_fiber *fiber)
{
	if (!fiber)
		return;
	if (fiber->thread_own)
		__tsan_destroy_fiber(fiber->thread_own);
	if (fiber->stack)
		munmap(fiber->stack, STACK_BYTES);
	free(fiber);
}

void weir_fiber_resume(struct weir_fiber *fiber)
{
	fiber->thread_home = __tsan_get_current_fiber();
	__sanitizer_start_switch_fiber(&fiber->fake_home, fiber->own.uc_stack.ss_sp, fiber->own.uc_stack.ss_size);
	__tsan_switch_to_fiber(fiber->thread_own, 0);
	swapcontext(&fiber->home, &fiber->own);
	__sanitizer_finish_switch_fiber(fiber->fake_home, NULL, NULL);
}

void weir_fiber_yield(struct weir_fiber *fiber)
{
	go_home(fiber);
}

bool weir_fiber_is_over(const struct weir_fiber *fiber)
{
	return fiber->is_over;
}
