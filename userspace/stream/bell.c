/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "stream/bell.h"

#define NSEC_PER_SEC 1000000000

/* Without FUTEX_PRIVATE_FLAG: the word may be shared between processes. */
static int futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *until)
{
#ifdef SYS_futex_time64 /* 32-bit machines have two, and libc decides which timespec is ours */
	long call = sizeof(time_t) > sizeof(long) ? SYS_futex_time64 : SYS_futex;
#else
	long call = SYS_futex;
#endif
	return syscall(call, word, operation, value, until, NULL, FUTEX_BITSET_MATCH_ANY) < 0 ? -errno : 0;
}

int weir_bell_wait(_Atomic uint32_t *bell, uint32_t seen, int64_t deadline_ns)
{
	struct timespec until = { .tv_sec = (time_t)(deadline_ns / NSEC_PER_SEC),
				  .tv_nsec = deadline_ns % NSEC_PER_SEC };
	/* Of all futex waits this one takes an absolute time. */
	int error = futex(bell, FUTEX_WAIT_BITSET, seen, deadline_ns == INT64_MAX ? NULL : &until);

	return error == -ETIMEDOUT ? error : 0;
}

void weir_bell_ring(_Atomic uint32_t *bell)
{
	atomic_fetch_add(bell, 1);
	futex(bell, FUTEX_WAKE_BITSET, INT_MAX, NULL);
}
