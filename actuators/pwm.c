/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A PWM channel of the kernel's, through its sysfs files: the value is the share of time that it is high, or, for a servo, the
 * place between the shortest and the longest pulse. Either way the guard drives one file, `duty_cycle`, which takes ns.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/sysfs.h"
#include "weir/driver.h"

#define ROOT "/sys/class/pwm"
#define TRIES 100 /* of 10 ms: udev may have to open the files to us */

struct pwm {
	char chip[WEIR_SYSFS_PATH], channel[WEIR_SYSFS_PATH], number[16];
	double from_ns, span_ns; /* the pulse at 0, and what 1 adds to it */
	int64_t period_ns;
	int duty; /* -1: not open */
};

/* `pwmchip0/1`, `0/1`, or a path for chips elsewhere. */
static int find(struct weir_node *node, struct pwm *pwm)
{
	const char *target = weir_target(node), *slash = strrchr(target, '/');
	int chip = slash ? (int)(slash - target) : 0;
	char *end;

	if (!slash || !*(slash + 1) || (strtoul(slash + 1, &end, 10), *end) || chip > 100)
		return weir_fail_arg(node, NULL, "write pwm:CHIP/CHANNEL, as in pwm:pwmchip0/1",
				     "'%s' is no PWM channel", target);
	if (*target == '/')
		snprintf(pwm->chip, sizeof(pwm->chip), "%.*s", chip, target);
	else if (strspn(target, "0123456789") == (size_t)chip)
		snprintf(pwm->chip, sizeof(pwm->chip), ROOT "/pwmchip%.*s", chip, target);
	else
		snprintf(pwm->chip, sizeof(pwm->chip), ROOT "/%.*s", chip, target);
	snprintf(pwm->number, sizeof(pwm->number), "%.15s", slash + 1);
	snprintf(pwm->channel, sizeof(pwm->channel), "%.200s/pwm%s", pwm->chip, pwm->number);
	if (weir_sysfs_has(pwm->chip, "export"))
		return 0;
	return weir_fail_device(node, target, "find the PWM chip", ENOENT,
				"see /sys/class/pwm; on a Raspberry Pi: dtoverlay=pwm in /boot/firmware/config.txt");
}

static int read_pulses(struct weir_node *node, struct pwm *pwm)
{
	pwm->period_ns = llround(1e9 / weir_arg_real(node, "freq"));
	pwm->from_ns = (double)weir_arg_int(node, "pulse_min");
	pwm->span_ns = (double)(weir_arg_given(node, "pulse_max") ? weir_arg_int(node, "pulse_max") : pwm->period_ns) -
		       pwm->from_ns;
	if (pwm->span_ns <= 0 || pwm->from_ns + pwm->span_ns > (double)pwm->period_ns)
		return weir_fail_arg(node, "pulse_max", NULL,
				     "pulses go from pulse_min= up to pulse_max=, within a period of 1/freq=");
	return 0;
}

static int pwm_open(struct weir_node *node, const struct weir_schema *in)
{
	struct pwm *pwm = weir_state(node);
	int err;

	(void)in;
	pwm->duty = -1;
	err = read_pulses(node, pwm);
	return err < 0 || weir_is_rehearsal(node) ? err : find(node, pwm);
}

static double pwm_parked(const struct weir_node *node)
{
	return weir_arg_real(node, "park");
}

static double duty_of(const struct pwm *pwm, double value)
{
	double share = value < 0 ? 0 : value > 1 ? 1 : value;

	return pwm->from_ns + share * pwm->span_ns;
}

/* --- taking it ------------------------------------------------------------------ */

static int write_number(const struct pwm *pwm, const char *name, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.0f", value);
	return weir_sysfs_write(pwm->channel, name, text);
}

static int export_channel(const struct pwm *pwm)
{
	int err = 0;

	if (!weir_sysfs_has(pwm->channel, "duty_cycle"))
		err = weir_sysfs_write(pwm->chip, "export", pwm->number);
	for (int i = 0; i < TRIES && err != -EBUSY; i++) {
		char path[WEIR_SYSFS_PATH + 16];

		snprintf(path, sizeof(path), "%s/duty_cycle", pwm->channel);
		if (!access(path, W_OK))
			return 0;
		usleep(10000);
	}
	return err < 0 ? err : -EACCES;
}

static bool reads(const struct pwm *pwm, const char *name, double wanted)
{
	double value;

	return weir_sysfs_number(pwm->channel, name, &value) >= 0 && value == wanted;
}

/* A period below the present pulse is refused, as is a pulse above the present period: so the pulse goes to nothing first. */
static int configure(const struct weir_node *node, const struct pwm *pwm)
{
	int err = export_channel(pwm);

	/* It may be running, held by a guard: then it goes on without a gap, and the guard sets it. */
	if (err >= 0 && reads(pwm, "enable", 1) && reads(pwm, "period", (double)pwm->period_ns))
		return 0;
	if (err >= 0)
		write_number(pwm, "duty_cycle", 0);
	if (err >= 0)
		err = write_number(pwm, "period", (double)pwm->period_ns);
	if (err >= 0 && weir_arg_given(node, "inverted"))
		err = weir_sysfs_write(pwm->channel, "polarity",
				       weir_arg_int(node, "inverted") ? "inversed" : "normal");
	if (err >= 0)
		err = write_number(pwm, "duty_cycle", duty_of(pwm, pwm_parked(node)));
	return err >= 0 ? weir_sysfs_write(pwm->channel, "enable", "1") : err;
}

static int open_duty(const struct pwm *pwm)
{
	char path[WEIR_SYSFS_PATH + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/duty_cycle", pwm->channel);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int take(const struct weir_node *node, const struct pwm *pwm)
{
	int err = configure(node, pwm);

	return err < 0 ? err : open_duty(pwm);
}

static int pwm_start(struct weir_node *node)
{
	struct pwm *pwm = weir_state(node);
	int fd = take(node, pwm);

	if (fd < 0)
		return weir_fail_device(node, weir_target(node), "set up the channel", -fd,
					"run as root, or have a udev rule give your group /sys/class/pwm");
	pwm->duty = fd;
	return 0;
}

static int pwm_apply(struct weir_node *node, double value)
{
	const struct pwm *pwm = weir_state(node);
	char text[32];
	int length = snprintf(text, sizeof(text), "%.0f\n", duty_of(pwm, value));

	if (pwrite(pwm->duty, text, (size_t)length, 0) < 0)
		return weir_fail_device(node, weir_target(node), "set the duty cycle", errno, NULL);
	return 0;
}

static int pwm_park(struct weir_node *node)
{
	const struct pwm *pwm = weir_state(node);

	return pwm->duty >= 0 ? pwm_apply(node, pwm_parked(node)) : 0;
}

static void pwm_close(struct weir_node *node)
{
	const struct pwm *pwm = weir_state(node);

	/* Zeroed, when open() has failed early. */
	if (pwm->period_ns && pwm->duty >= 0) {
		pwm_park(node);
		close(pwm->duty);
	}
}

static int pwm_describe(const struct weir_node *node, struct weir_physical *out, int *fd)
{
	const struct pwm *pwm = weir_state(node);

	*out = (struct weir_physical){
		.n = 1,
		.is_file = 1,
		.park = { pwm_parked(node) },
		.factor = pwm->span_ns,
		.add = pwm->from_ns,
		.most = 1,
	};
	snprintf(out->title, sizeof(out->title), "%.63s", weir_target(node));
	snprintf(out->device, sizeof(out->device), "%.110s/duty_cycle", pwm->channel);
	*fd = take(node, pwm);
	if (*fd >= 0)
		return 0;
	return weir_fail_device((struct weir_node *)node, weir_target(node), "set up the channel", -*fd,
				"run as root, or have a udev rule give your group /sys/class/pwm");
}

static const struct weir_param params[] = {
	{ .name = "freq",
	  .value = WEIR_V_RATE,
	  .fallback = "1kHz",
	  .min = 0.1,
	  .max = 1e8,
	  .help = "periods per second" },
	{ .name = "park",
	  .value = WEIR_V_REAL,
	  .fallback = "0",
	  .min = 0,
	  .max = 1,
	  .help = "the safe value: before the first command, and whenever weir ends" },
	{ .name = "pulse_min",
	  .value = WEIR_V_DURATION,
	  .fallback = "0s",
	  .help = "the pulse at 0: 1ms for most servos, with freq=50Hz" },
	{ .name = "pulse_max",
	  .value = WEIR_V_DURATION,
	  .help = "the pulse at 1: 2ms for most servos; else the period" },
	{ .name = "inverted", .value = WEIR_V_BOOL, .help = "the pulse is the low voltage" },
	WEIR_GUARD_PARAMS,
};

static const struct weir_actuator_ops actuator = {
	.state_bytes = sizeof(struct pwm),
	.open = pwm_open,
	.start = pwm_start,
	.apply = pwm_apply,
	.park = pwm_park,
	.close = pwm_close,
	.parked = pwm_parked,
	.describe = pwm_describe,
};

const struct weir_driver weir_actuator_pwm = {
	.name = "pwm",
	.doc = "a PWM channel: the share of time on, from 0 to 1, or the place of a servo",
	.target = "CHIP/CHANNEL",
	.actuator_params = params,
	.actuator = &actuator,
};
