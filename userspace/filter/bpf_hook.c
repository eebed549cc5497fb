/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "filter/bpf_hook.h"

const char *weir_hook_name(enum weir_hook hook)
{
	return hook == WEIR_HOOK_FENTRY ? "fentry" : "kprobe";
}

/* A switch for tests: WEIR_INLINE_HOOK=fentry or kprobe leaves the other one out, any other word both. */
static bool is_wanted(enum weir_hook hook)
{
	const char *wanted = secure_getenv("WEIR_INLINE_HOOK");

	return !wanted || !*wanted || !strcmp(wanted, weir_hook_name(hook));
}

void weir_hook_leave_out(const struct weir_hook_point *point)
{
	if (point->fentry)
		bpf_program__set_autoload(point->fentry, false);
	if (point->kprobe)
		bpf_program__set_autoload(point->kprobe, false);
}

static int aim_fentry(const struct weir_hook_point *point, char why[WEIR_WHY_MAX])
{
	int err;

	if (!point->fentry)
		return 0;
	bpf_program__set_autoload(point->fentry, true);
	err = bpf_program__set_attach_target(point->fentry, 0, point->function);
	if (err)
		snprintf(why, WEIR_WHY_MAX, "no BTF of %s, or no CAP_SYS_ADMIN to read it", point->function);
	return err;
}

/* A kprobe reads registers, and a program of 32 bits may run on a kernel of 64, or not: it cannot be built for both. */
static int aim_kprobe(const struct weir_hook_point *point, char why[WEIR_WHY_MAX])
{
	if (!point->kprobe)
		return 0;
	if (sizeof(long) < sizeof(uint64_t)) {
		snprintf(why, WEIR_WHY_MAX, "not in a program of 32 bits");
		return -ENOTSUP;
	}
	return bpf_program__set_autoload(point->kprobe, true);
}

int weir_hook_choose(const struct weir_hook_point *point, uint32_t n, enum weir_hook hook, char why[WEIR_WHY_MAX])
{
	for (uint32_t i = 0; i < n; i++) {
		int err;

		weir_hook_leave_out(&point[i]);
		err = hook == WEIR_HOOK_FENTRY ? aim_fentry(&point[i], why) : aim_kprobe(&point[i], why);
		if (err)
			return err;
	}
	return 0;
}

/* Debian lets CAP_PERFMON count for nothing while kernel.perf_event_paranoid is 3, its default. */
int weir_hook_refuse(int err, const char *function, char why[WEIR_WHY_MAX])
{
	snprintf(why, WEIR_WHY_MAX, "no hook at %s: %s%s", function, strerror(-err),
		 err == -EACCES ? ": needs CAP_PERFMON and sysctl kernel.perf_event_paranoid=2" : "");
	return err;
}

int weir_hook_attach(struct bpf_link **out, const struct weir_hook_point *point, enum weir_hook hook,
		     char why[WEIR_WHY_MAX])
{
	*out = NULL;
	if (!(hook == WEIR_HOOK_FENTRY ? point->fentry : point->kprobe))
		return 0;
	*out = hook == WEIR_HOOK_FENTRY ? bpf_program__attach_trace(point->fentry)
					: bpf_program__attach_kprobe(point->kprobe, point->at_return, point->function);
	return *out ? 0 : weir_hook_refuse(-errno, point->function, why);
}

/* fentry first: it costs less, and is not skipped where hooks meet. */
int weir_hook_try_each(int (*attempt)(void *context, enum weir_hook hook, char *why), void *context,
		       char why[WEIR_WHY_MAX])
{
	static const enum weir_hook hooks[] = { WEIR_HOOK_FENTRY, WEIR_HOOK_KPROBE };
	int err = -ENOTSUP;

	why[0] = 0;
	for (size_t i = 0; i < 2 && err; i++) {
		char reason[WEIR_WHY_MAX] = "";
		size_t length = strlen(why);

		if (!is_wanted(hooks[i]))
			continue;
		err = attempt(context, hooks[i], reason);
		if (err)
			snprintf(why + length, WEIR_WHY_MAX - length, "%s%s: %s", length ? "; " : "",
				 weir_hook_name(hooks[i]), reason);
	}
	return err;
}

int weir_hook_refuse_load(int err, char why[WEIR_WHY_MAX])
{
	if (err == -EPERM)
		snprintf(why, WEIR_WHY_MAX, "bpf(2) is not permitted: needs CAP_BPF and CAP_PERFMON (root, or setcap)");
	else
		snprintf(why, WEIR_WHY_MAX, "the kernel refuses the program: %s", strerror(-err));
	return err;
}

int weir_hook_pidns(uint64_t *device, uint64_t *inode)
{
	struct stat ns;

	if (stat("/proc/self/ns/pid", &ns))
		return -errno;
	*device = (uint64_t)major(ns.st_dev) << 20 | minor(ns.st_dev); /* as the kernel writes it */
	*inode = ns.st_ino;
	return 0;
}

/* Kernels before 5.11 know only `buffer`. */
static int read_available(int iio_device)
{
	static const char *const directories[] = { "buffer0", "buffer" };
	char path[80], digits[32];

	for (size_t i = 0; i < 2; i++) {
		int fd;
		ssize_t n;

		snprintf(path, sizeof(path), "/sys/bus/iio/devices/iio:device%d/%s/data_available", iio_device,
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
int weir_hook_show_buffer(int iio_device, const uint64_t *learnt, char why[WEIR_WHY_MAX])
{
	int err = 0;

	for (int tries = 0; tries < 3 && !err && !__atomic_load_n(learnt, __ATOMIC_RELAXED); tries++)
		err = read_available(iio_device);
	if (err)
		return weir_bpf_refuse(err, why, "the device's data_available cannot be read");
	if (__atomic_load_n(learnt, __ATOMIC_RELAXED))
		return 0;
	snprintf(why, WEIR_WHY_MAX,
		 "the hook was attached, but its kfifo was not seen: kprobes are off, or it has another buffer");
	return -ENODEV;
}
