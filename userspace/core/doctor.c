/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each check tries the real thing; none asks for a version. What fails names the command that mends it. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "core/counters.h"
#include "core/guard_link.h"
#include "core/loop.h"
#include "filter/bpf.h"

enum health { GOOD, LACKING, BROKEN };

struct finding {
	enum health health;
	char text[640];
	const char *mend; /**< NULL: nothing to do */
};

static struct finding say(enum health health, const char *mend, const char *format, ...) WEIR_PRINTF(3, 4);

static struct finding say(enum health health, const char *mend, const char *format, ...)
{
	struct finding finding = { .health = health, .mend = mend };
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(finding.text, sizeof(finding.text), format, arguments);
	va_end(arguments);
	return finding;
}

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

static struct finding check_uring(void)
{
	struct weir_loop *loop;
	int err = weir_loop_open(&loop, WEIR_BACKEND_URING);

	if (err < 0)
		return say(LACKING, "sysctl kernel.io_uring_disabled=0",
			   "io_uring is refused (%s); poll() and read() are used", strerror(-err));
	weir_loop_close(loop);
	return say(GOOD, NULL, "io_uring works");
}

/* ---------------------------------------------------------------- early filters */

static const struct bpf_insn pass_all[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
	{ .code = BPF_JMP | BPF_EXIT },
};

static const struct weir_predicate pass_all_predicate = { .n = 1, .node = { { .op = WEIR_PRED_TRUE } } };

static void make_config(struct weir_filter_config *config, struct weir_schema *schema)
{
	weir_schema_init(schema, WEIR_CLOCK_MONOTONIC);
	*config = (struct weir_filter_config){
		.tier = WEIR_TIER_BATCH,
		.schema = schema,
		.predicate = &pass_all_predicate,
		.code = pass_all,
		.n_code = sizeof(pass_all) / sizeof(pass_all[0]),
		.ring_rows = 4096,
		.iio_device = -1,
	};
}

static const char *mend_bpf(int err)
{
	if (err == -ENOSYS)
		return "a kernel with CONFIG_BPF_SYSCALL, or a sandbox that lets bpf(2) through";
	if (err == -EPERM)
		return "setcap cap_bpf,cap_perfmon+ep $(command -v weir), or run as root";
	return "Linux 5.17 or newer";
}

static struct finding check_batch(void)
{
	struct weir_filter_config config;
	struct weir_schema schema;
	struct weir_filter *filter;
	char why[WEIR_WHY_MAX] = "";
	int err;

	make_config(&config, &schema);
	err = weir_filter_open(&filter, &config, why);
	if (err < 0)
		return say(LACKING, mend_bpf(err), "eBPF is refused; filters run in user space: %s", why);
	weir_filter_close(filter);
	return say(GOOD, NULL, "eBPF batch filters load and run");
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

static struct finding check_inline(void)
{
	struct weir_filter_config config;
	struct weir_schema schema;
	char fentry[WEIR_WHY_MAX] = "", kprobe[WEIR_WHY_MAX] = "";
	int err;

	make_config(&config, &schema);
	config.iio_device = some_device();
	if (!weir_bpf_inline_try(&config, WEIR_HOOK_FENTRY, fentry))
		return say(GOOD, NULL, "inline filters can hook by fentry");
	err = weir_bpf_inline_try(&config, WEIR_HOOK_KPROBE, kprobe);
	if (!err)
		return say(GOOD, NULL, "inline filters can hook by kprobe (not by fentry: %s)", fentry);
	return say(LACKING, mend_hook(err, kprobe), "inline filters find no hook: fentry: %s; kprobe: %s", fentry,
		   kprobe);
}

/* -------------------------------------------------------------------- devices */

static struct finding check_iio(void)
{
	char path[64];
	int err = first_refusal("/dev/iio:device*", O_RDONLY, path);

	if (!count_files("/sys/bus/iio/devices/iio:device*"))
		return say(LACKING,
			   "enable the sensor's overlay (Raspberry Pi: dtoverlay=… in /boot/firmware/config.txt)",
			   "no IIO device");
	if (err)
		return say(BROKEN, "add a udev rule: SUBSYSTEM==\"iio\", GROUP=\"plugdev\", MODE=\"0660\"", "%s: %s",
			   path, strerror(err));
	return say(GOOD, NULL, "%zu IIO device(s)", count_files("/sys/bus/iio/devices/iio:device*"));
}

static struct finding check_gpio(void)
{
	char path[64];
	int err = first_refusal("/dev/gpiochip*", O_RDWR, path);

	if (!count_files("/dev/gpiochip*"))
		return say(LACKING, "modprobe the chip's driver", "no GPIO chip");
	if (err)
		return say(BROKEN, "usermod -aG gpio $USER, then log in again", "%s: %s", path, strerror(err));
	return say(GOOD, NULL, "%zu GPIO chip(s)", count_files("/dev/gpiochip*"));
}

/* What a Raspberry Pi's kernel does with a line when nobody holds it any more. */
static struct finding check_released_lines(void)
{
	static const char *const drivers[] = { "pinctrl_bcm2835", "pinctrl_rp1" };

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		char path[96], answer = '?';
		int fd;

		snprintf(path, sizeof(path), "/sys/module/%s/parameters/persist_gpio_outputs", drivers[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, &answer, 1) < 1)
			answer = '?';
		close(fd);
		if (answer == 'Y')
			return say(GOOD, NULL, "%s: a released line keeps its last level (persist_gpio_outputs=Y)",
				   drivers[i]);
		return say(GOOD, NULL,
			   "%s: a released line becomes an input (persist_gpio_outputs=%c): fit a resistor that pulls "
			   "each "
			   "output to its safe level",
			   drivers[i], answer);
	}
	return say(GOOD, NULL, "released lines do what their chip's driver does; see docs/safety.md");
}

static struct finding check_guard(void)
{
	struct weir_guard_link link;
	int err = weir_guard_link_open(&link, false);

	weir_guard_link_close(&link);
	if (err >= 0)
		return say(GOOD, NULL, "a guard is running");
	if (err == -ENOENT)
		return say(GOOD, NULL, "no guard is running; weir run starts one when a program has outputs");
	return say(BROKEN, "run as the guard's user, or stop it", "the guard cannot be reached: %s", strerror(-err));
}

static struct finding check_hrtimer(void)
{
	if (!access("/sys/kernel/config/iio/triggers/hrtimer", W_OK))
		return say(GOOD, NULL, "hrtimer triggers can be made");
	return say(LACKING, "modprobe iio-trig-hrtimer && mount -t configfs none /sys/kernel/config",
		   "hrtimer triggers cannot be made; sensors without an interrupt need one");
}

static struct finding check_pages(void)
{
	return say(GOOD, NULL, "pages of %ld KiB", sysconf(_SC_PAGESIZE) / 1024);
}

static struct finding (*const checks[])(void) = {
	check_uring,          check_batch, check_inline,  check_iio,   check_gpio,
	check_released_lines, check_guard, check_hrtimer, check_pages,
};

#define N_CHECKS (sizeof(checks) / sizeof(checks[0]))

static void print_finding(const struct finding *finding, FILE *stream)
{
	static const char *const word[] = { "ok", "lacks", "broken" };

	fprintf(stream, "%-7s %s\n", word[finding->health], finding->text);
	if (finding->mend)
		fprintf(stream, "        mend: %s\n", finding->mend);
}

static json_t *finding_json(const struct finding *finding)
{
	static const char *const word[] = { "ok", "lacking", "broken" };

	return json_pack("{s:s, s:s, s:s?}", "health", word[finding->health], "text", finding->text, "mend",
			 finding->mend);
}

int weir_doctor(FILE *stream, enum weir_format format)
{
	json_t *document = json_array();
	int status = WEIR_EXIT_OK;

	for (size_t i = 0; i < N_CHECKS; i++) {
		struct finding finding = checks[i]();

		if (finding.health == BROKEN)
			status = WEIR_EXIT_RUNTIME;
		if (format == WEIR_FORMAT_TEXT)
			print_finding(&finding, stream);
		json_array_append_new(document, finding_json(&finding));
	}
	if (format == WEIR_FORMAT_JSON)
		weir_json_print(document, stream);
	else
		json_decref(document);
	return status;
}
