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

enum health { GOOD, LACKING, BROKEN };

struct finding {
	enum health health;
	char text[256];
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

static struct finding check_filter(void)
{
	struct weir_predicate predicate = { .n = 1, .node = { { .op = WEIR_PRED_TRUE } } };
	const struct bpf_insn pass_all[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct weir_schema schema;
	struct weir_filter_config config = {
		.tier = WEIR_TIER_BATCH,
		.schema = &schema,
		.predicate = &predicate,
		.code = pass_all,
		.n_code = 2,
		.ring_rows = 4096,
		.iio_device = -1,
	};
	struct weir_filter *filter;
	char why[256] = "";

	weir_schema_init(&schema, WEIR_CLOCK_MONOTONIC);
	if (weir_filter_open(&filter, &config, why) < 0)
		return say(LACKING, "setcap cap_bpf,cap_perfmon+ep $(command -v weir), or run as root",
			   "eBPF is refused; filters run in user space: %s", why);
	weir_filter_close(filter);
	return say(GOOD, NULL, "eBPF batch filters load and run");
}

static struct finding check_btf(void)
{
	if (!access("/sys/kernel/btf/vmlinux", R_OK))
		return say(GOOD, NULL, "the kernel has BTF: inline filters can hook by fentry");
	return say(LACKING, NULL, "the kernel has no BTF: inline filters need kprobes; batch filters need neither");
}

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
	int err = weir_link_open(&link, false);

	weir_link_close(&link);
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
	check_uring,          check_filter, check_btf,     check_iio,   check_gpio,
	check_released_lines, check_guard,  check_hrtimer, check_pages,
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
