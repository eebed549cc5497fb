/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each check tries the real thing; none asks for a version. What fails names the command that mends it. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/finding.h"
#include "core/access.h"
#include "core/guard_link.h"
#include "core/released.h"
#include "filter/bpf.h"
#include "lang/lang.h"
#include "loop/loop.h"
#include "pushdown/pushdown.h"

static size_t count_files(const char *pattern)
{
	glob_t found;
	size_t n = glob(pattern, 0, NULL, &found) ? 0 : found.gl_pathc;

	globfree(&found);
	return n;
}

/* The first of the files that this user may not open; its errno, or 0 when all open. */
static int first_refusal(const char *pattern, int flags, char path[64])
{
	glob_t found;
	int err = 0;

	if (!glob(pattern, 0, NULL, &found)) {
		for (size_t i = 0; i < found.gl_pathc && !err; i++) {
			int fd = open(found.gl_pathv[i], flags | O_NONBLOCK | O_CLOEXEC);

			snprintf(path, 64, "%s", found.gl_pathv[i]);
			if (fd >= 0)
				close(fd);
			/* Busy is somebody's good right, and not a matter of permission. */
			else if (errno != EBUSY)
				err = errno;
		}
	}
	globfree(&found);
	return err;
}

struct weir_finding weir_doctor_uring(void)
{
	struct weir_loop *loop;
	int err = weir_loop_open(&loop, WEIR_BACKEND_URING);

	if (err < 0)
		return weir_finding_make(WEIR_HEALTH_LACKING, "sysctl kernel.io_uring_disabled=0",
					 "io_uring is refused (%s); poll() and read() are used", strerror(-err));
	weir_loop_close(loop);
	return weir_finding_make(WEIR_HEALTH_GOOD, NULL, "io_uring works");
}

/* ---------------------------------------------------------------- early filters */

/* What a filter is proven with here: x >= 100 and low bits of y, then a change of x. All kinds of code but polynomials. */
struct specimen {
	struct weir_schema schema;
	struct weir_predicate predicate;
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	struct weir_filter_config config;
};

static void make_fields(struct weir_schema *schema)
{
	weir_schema_init(schema, WEIR_CLOCK_MONOTONIC);
	schema->n_fields = 2;
	schema->row_bytes = 16;
	schema->t.at = 8;
	schema->field[0] = (struct weir_field){ .name = "x", .bytes = 4, .bits = 32, .is_signed = true, .scale = 1 };
	schema->field[1] = (struct weir_field){ .name = "y", .bytes = 2, .at = 4, .bits = 12, .scale = 1 };
}

static void make_predicate(struct weir_predicate *predicate)
{
	static const struct weir_predicate_node nodes[] = {
		{ .op = WEIR_PRED_RANGE, .field = 0, .lo = 100, .hi = INT32_MAX },
		{ .op = WEIR_PRED_BITS, .field = 1 },
		{ .op = WEIR_PRED_AND, .left = 0, .right = 1 },
		{ .op = WEIR_PRED_CHANGED, .left = 2, .field = 0, .lo = 5 },
	};

	weir_predicate_init(predicate);
	memcpy(predicate->node, nodes, sizeof(nodes));
	predicate->n = sizeof(nodes) / sizeof(nodes[0]);
	predicate->n_bits = (1u << 12) / 64;
	predicate->n_state = 2;
	memset(predicate->bits, 0x5a, predicate->n_bits * sizeof(*predicate->bits));
}

static struct specimen *new_specimen(enum weir_tier tier)
{
	struct specimen *specimen = calloc(1, sizeof(*specimen));
	int n;

	if (!specimen)
		return NULL;
	make_fields(&specimen->schema);
	make_predicate(&specimen->predicate);
	n = weir_codegen(&specimen->predicate, &specimen->schema, specimen->code, NULL, WEIR_FILTER_CODE_MAX);
	specimen->config = (struct weir_filter_config){
		.tier = tier,
		.schema = &specimen->schema,
		.predicate = &specimen->predicate,
		.code = specimen->code,
		.n_code = n < 0 ? 0 : (uint32_t)n,
		.ring_rows = 4096,
		.iio_device = -1,
	};
	return specimen;
}

static struct weir_finding say_disproved(const char *tier, const char *why)
{
	return weir_finding_make(
		WEIR_HEALTH_BROKEN,
		"report this, with the output of `weir doctor` and the versions of the kernel and of libbpf; "
		"--filter-tier=user avoids it",
		"filters of the %s tier failed their proof: %s", tier, why);
}

static const char *mend_bpf(int err)
{
	if (err == -ENOSYS)
		return "a kernel with CONFIG_BPF_SYSCALL, or a sandbox that lets bpf(2) through";
	if (err == -EPERM)
		return "setcap cap_bpf,cap_perfmon+ep $(command -v weir), or run as root";
	return "Linux 5.17 or newer";
}

/* 0, or -errno and why. */
static int try_tier(enum weir_tier tier, char why[WEIR_WHY_MAX])
{
	struct specimen *specimen = new_specimen(tier);
	struct weir_filter *filter = NULL;
	int err = specimen ? weir_filter_open(&filter, &specimen->config, why) : -ENOMEM;

	weir_filter_close(filter);
	free(specimen);
	return err;
}

struct weir_finding weir_doctor_batch(void)
{
	char why[WEIR_WHY_MAX] = "";
	int err = try_tier(WEIR_TIER_BATCH, why);

	if (err == -WEIR_DISPROVED)
		return say_disproved("batch", why);
	if (err < 0)
		return weir_finding_make(WEIR_HEALTH_LACKING, mend_bpf(err),
					 "eBPF is refused; filters run in user space: %s", why);
	return weir_finding_make(WEIR_HEALTH_GOOD, NULL, "eBPF batch filters load and run, and passed their proof");
}

static struct weir_finding check_user_filter(void)
{
	char why[WEIR_WHY_MAX] = "";

	if (try_tier(WEIR_TIER_USER, why) < 0)
		return say_disproved("user", why);
	return weir_finding_make(WEIR_HEALTH_GOOD, NULL, "filters in user space passed their proof");
}

/* By what keeps the kprobe away, which asks for less than fentry. */
static const char *mend_hook(int err, const char *why)
{
	if (strstr(why, "lockdown"))
		return "boot without lockdown=confidentiality";
	if (err == -ENOENT)
		return "plug in or enable an IIO device with a buffer, or modprobe kfifo_buf, and ask again";
	if (err == -EACCES)
		return "sysctl kernel.perf_event_paranoid=2, or run as root";
	if (err == -EPERM || err == -ENOSYS)
		return mend_bpf(err);
	return "a kernel with CONFIG_KPROBES, and echo 1 >/sys/kernel/debug/kprobes/enabled";
}

/* A device with a buffer, by its kernel's number; -1: there is none. */
static int some_device(void)
{
	glob_t found;
	int number = -1;

	if (!glob("/sys/bus/iio/devices/iio:device*/buffer*/data_available", 0, NULL, &found))
		sscanf(found.gl_pathv[0], "/sys/bus/iio/devices/iio:device%d", &number);
	globfree(&found);
	return number;
}

static int try_inline(enum weir_hook hook, char why[WEIR_WHY_MAX])
{
	struct specimen *specimen = new_specimen(WEIR_TIER_INLINE);
	int err = -ENOMEM;

	if (specimen) {
		specimen->config.iio_device = some_device();
		err = weir_bpf_inline_try(&specimen->config, hook, why);
	}
	free(specimen);
	return err;
}

struct weir_finding weir_doctor_inline(void)
{
	char fentry[WEIR_WHY_MAX] = "", kprobe[WEIR_WHY_MAX] = "";
	int by_fentry = try_inline(WEIR_HOOK_FENTRY, fentry), err;

	if (!by_fentry)
		return weir_finding_make(WEIR_HEALTH_GOOD, NULL,
					 "inline filters can hook by fentry, and passed their proof");
	err = try_inline(WEIR_HOOK_KPROBE, kprobe);
	if (by_fentry == -WEIR_DISPROVED)
		return say_disproved("inline (fentry)", fentry);
	if (err == -WEIR_DISPROVED)
		return say_disproved("inline (kprobe)", kprobe);
	if (!err)
		return weir_finding_make(
			WEIR_HEALTH_GOOD, NULL,
			"inline filters passed their proof, and can hook by kprobe (not by fentry: %s)", fentry);
	return weir_finding_make(WEIR_HEALTH_LACKING, mend_hook(err, kprobe),
				 "inline filters find no hook: fentry: %s; kprobe: %s", fentry, kprobe);
}

/* -------------------------------------------------------------------- devices */

/* The first setting of a buffer that this user may not change. */
static bool first_locked(const char *pattern, char path[128])
{
	glob_t found;
	bool is_locked = false;

	if (!glob(pattern, 0, NULL, &found))
		for (size_t i = 0; i < found.gl_pathc && !is_locked; i++) {
			snprintf(path, 128, "%s", found.gl_pathv[i]);
			is_locked = access(path, W_OK);
		}
	globfree(&found);
	return is_locked;
}

/* The device file gives samples; which, and how many, is set in sysfs. */
struct weir_finding weir_doctor_iio(void)
{
	char path[64], setting[128];
	int err = first_refusal("/dev/iio:device*", O_RDONLY, path);

	if (!count_files("/sys/bus/iio/devices/iio:device*"))
		return weir_finding_make(
			WEIR_HEALTH_LACKING,
			"enable the sensor's overlay (Raspberry Pi: dtoverlay=… in /boot/firmware/config.txt)",
			"no IIO device");
	if (err)
		return weir_finding_make(WEIR_HEALTH_BROKEN, WEIR_IIO_ACCESS, "%s: %s", path, strerror(err));
	if (first_locked("/sys/bus/iio/devices/iio:device*/buffer/enable", setting) ||
	    first_locked("/sys/bus/iio/devices/iio:device*/scan_elements/*_en", setting))
		return weir_finding_make(WEIR_HEALTH_BROKEN, WEIR_IIO_ACCESS, "%s: no permission to write", setting);
	return weir_finding_make(WEIR_HEALTH_GOOD, NULL, "%zu IIO device(s)",
				 count_files("/sys/bus/iio/devices/iio:device*"));
}

struct weir_finding weir_doctor_gpio(void)
{
	char path[64];
	int err = first_refusal("/dev/gpiochip*", O_RDWR, path);

	if (!count_files("/dev/gpiochip*"))
		return weir_finding_make(WEIR_HEALTH_LACKING, "modprobe the chip's driver", "no GPIO chip");
	if (err)
		return weir_finding_make(WEIR_HEALTH_BROKEN, "usermod -aG gpio $USER, then log in again", "%s: %s",
					 path, strerror(err));
	return weir_finding_make(WEIR_HEALTH_GOOD, NULL, "%zu GPIO chip(s)", count_files("/dev/gpiochip*"));
}

/* The driver that owns a chip decides, not the one that happens to be in the kernel. */
struct weir_finding weir_doctor_released_lines(void)
{
	char text[600] = "";

	if (!weir_released_lines("/sys", text, sizeof(text)))
		return weir_finding_make(WEIR_HEALTH_GOOD, NULL, "released lines: there is no GPIO chip");
	return weir_finding_make(WEIR_HEALTH_GOOD, NULL, "released lines: %s", text);
}

struct weir_finding weir_doctor_guard(void)
{
	struct weir_guard_link link;
	int err = weir_guard_link_open(&link, false);
	char why[WEIR_PLACE_WHY];

	snprintf(why, sizeof(why), "%s", *link.why ? link.why : strerror(-err));
	weir_guard_link_close(&link);
	if (err >= 0)
		return weir_finding_make(WEIR_HEALTH_GOOD, NULL, "a guard is running");
	if (err == -ENOENT)
		return weir_finding_make(WEIR_HEALTH_GOOD, NULL,
					 "no guard is running; weir run starts one when a program has outputs");
	return weir_finding_make(WEIR_HEALTH_BROKEN, "run as the guard's user, or stop it",
				 "the guard cannot be reached: %s", why);
}

struct weir_finding weir_doctor_hrtimer(void)
{
	if (!access("/sys/kernel/config/iio/triggers/hrtimer", W_OK))
		return weir_finding_make(WEIR_HEALTH_GOOD, NULL, "hrtimer triggers can be made");
	return weir_finding_make(WEIR_HEALTH_LACKING,
				 "modprobe iio-trig-hrtimer && mount -t configfs none /sys/kernel/config",
				 "hrtimer triggers cannot be made; sensors without an interrupt need one");
}

static struct weir_finding check_pages(void)
{
	return weir_finding_make(WEIR_HEALTH_GOOD, NULL, "pages of %ld KiB", sysconf(_SC_PAGESIZE) / 1024);
}

static struct weir_finding (*const checks[])(void) = {
	weir_doctor_uring, check_user_filter,          weir_doctor_batch, weir_doctor_inline,  weir_doctor_iio,
	weir_doctor_gpio,  weir_doctor_released_lines, weir_doctor_guard, weir_doctor_hrtimer, check_pages,
};

#define N_CHECKS (sizeof(checks) / sizeof(checks[0]))

int weir_doctor(FILE *stream, enum weir_format format)
{
	struct weir_findings findings;

	weir_findings_begin(&findings, stream, format);
	for (size_t i = 0; i < N_CHECKS; i++) {
		struct weir_finding finding = checks[i]();

		weir_findings_add(&findings, &finding);
	}
	return weir_findings_end(&findings);
}
