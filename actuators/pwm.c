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
#include "guard/attribute.h"
#include "weir/output_rules.h"

#define ROOT "/sys/class/pwm"
#define TRIES 100 /* of 10 ms: udev may have to open the files to us */

struct pwm {
	struct weir_output_args output_args;
	double freq_hz, park;
	int64_t pulse_min_ns, pulse_max_ns;
	bool inverted;
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
				     "'%s' is not a PWM channel", target);
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
	pwm->period_ns = llround(1e9 / pwm->freq_hz);
	pwm->from_ns = (double)pwm->pulse_min_ns;
	pwm->span_ns = (double)(weir_given(node, &pwm->pulse_max_ns) ? pwm->pulse_max_ns : pwm->period_ns) -
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
	const struct pwm *pwm = weir_state(node);

	return pwm->park;
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

struct settings {
	double period, duty;
	bool is_enabled, is_inverted;
};

static struct settings read_settings(const struct pwm *pwm)
{
	struct settings now = { 0 };
	double enabled;
	char polarity[16];

	weir_sysfs_number(pwm->channel, "period", &now.period);
	weir_sysfs_number(pwm->channel, "duty_cycle", &now.duty);
	weir_sysfs_number(pwm->channel, "enable", &enabled);
	weir_sysfs_read(pwm->channel, "polarity", polarity, sizeof(polarity));
	now.is_enabled = enabled != 0;
	now.is_inverted = !strcmp(polarity, "inversed");
	return now;
}

static int fail_step(const struct weir_node *node, const char *step, int err, const char *advice)
{
	if (err == -EACCES || err == -EPERM)
		advice = "run as root, or have a udev rule give your group /sys/class/pwm";
	return weir_fail_device((struct weir_node *)node, weir_target(node), step, -err, advice);
}

/* Whoever had the channel may have left it at full power: it goes to our park value in the terms of the settings that it has. */
static void park_as_it_is(const struct pwm *pwm, const struct settings *now, double park_ns, bool flips)
{
	double share = park_ns / (double)pwm->period_ns, duty = round((flips ? 1 - share : share) * now->period);

	if (write_number(pwm, "duty_cycle", duty) < 0)
		write_number(pwm, "duty_cycle", duty < now->period / 2 ? 0 : now->period);
}

/* The pulse must fit into the period that is there, before and after. */
static int set_times(const struct weir_node *node, const struct pwm *pwm, const struct settings *now, double duty_ns)
{
	bool shrinks = now->period > (double)pwm->period_ns;
	int err = shrinks ? write_number(pwm, "duty_cycle", duty_ns) : 0;

	if (err >= 0)
		err = write_number(pwm, "period", (double)pwm->period_ns);
	if (err < 0)
		return fail_step(node, "set the period", err, "its driver does not take it; choose another freq=");
	/* What the driver takes of it is found out when the channel is on. */
	write_number(pwm, "duty_cycle", duty_ns);
	return 0;
}

static int set_polarity(const struct weir_node *node, const struct pwm *pwm, bool inverted)
{
	const char *word = inverted ? "inversed" : "normal";
	char polarity[16];
	int err = weir_sysfs_write(pwm->channel, "polarity", word);

	weir_sysfs_read(pwm->channel, "polarity", polarity, sizeof(polarity));
	if (err >= 0 && strcmp(polarity, word))
		err = -EINVAL;
	if (err >= 0)
		return 0;
	return fail_step(node, "set the polarity", err,
			 inverted ? "its driver cannot invert: leave out inverted, and turn the values around"
				  : "its driver cannot set it back: say inverted");
}

/* A pulse that is refused is one that the driver takes at neither side: then it begins at the end that is nearer. */
static int enable(const struct weir_node *node, const struct pwm *pwm, double duty_ns)
{
	int err = weir_sysfs_write(pwm->channel, "enable", "1");

	if (err < 0) {
		write_number(pwm, "duty_cycle", duty_ns < (double)pwm->period_ns / 2 ? 0 : (double)pwm->period_ns);
		err = weir_sysfs_write(pwm->channel, "enable", "1");
	}
	return err < 0 ? fail_step(node, "switch the channel on", err, NULL) : 0;
}

/*
 * No setting of an earlier owner counts as one of ours. The polarity can be changed only while the channel is off, and the pulse is
 * that of the park value before and after.
 */
static int change(const struct weir_node *node, const struct pwm *pwm, struct settings now, bool inverted)
{
	double park_ns = duty_of(pwm, pwm_parked(node));
	bool flips = now.is_inverted != inverted;
	int err = 0;

	if (now.is_enabled)
		park_as_it_is(pwm, &now, park_ns, flips);
	if (now.is_enabled && flips) {
		err = weir_sysfs_write(pwm->channel, "enable", "0");
		if (err < 0)
			return fail_step(node, "switch the channel off", err, NULL);
	}
	err = set_times(node, pwm, &now, park_ns);
	if (err >= 0 && flips)
		err = set_polarity(node, pwm, inverted);
	if (err >= 0 && (flips || !now.is_enabled))
		err = enable(node, pwm, park_ns);
	return err;
}

static int configure(const struct weir_node *node, const struct pwm *pwm)
{
	int err = export_channel(pwm);
	struct settings now;

	if (err < 0)
		return fail_step(node, "set up the channel", err,
				 err == -EBUSY ? "the kernel or another driver is using it" : NULL);
	now = read_settings(pwm);
	/* It may be running, held by a guard: then it goes on without a gap, and whoever holds it sets it. */
	if (now.is_enabled && now.period == (double)pwm->period_ns && now.is_inverted == pwm->inverted)
		return 0;
	return change(node, pwm, now, pwm->inverted);
}

/* Its descriptor, or -errno after a message. */
static int take(const struct weir_node *node, const struct pwm *pwm)
{
	char path[WEIR_SYSFS_PATH + 16];
	int err = configure(node, pwm), fd;

	if (err < 0)
		return err;
	snprintf(path, sizeof(path), "%s/duty_cycle", pwm->channel);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? fail_step(node, "set up the channel", -errno, NULL) : fd;
}

static void describe(const struct weir_node *node, struct weir_physical *out)
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
}

static int pwm_apply(struct weir_node *node, double value)
{
	const struct pwm *pwm = weir_state(node);
	struct weir_physical what;
	int err;

	describe(node, &what);
	err = weir_attribute_set(pwm->duty, &what, value, NULL);
	return err < 0 ? weir_fail_device(node, weir_target(node), "set the duty cycle", -err, NULL) : 0;
}

static int pwm_park(struct weir_node *node)
{
	const struct pwm *pwm = weir_state(node);

	return pwm->duty >= 0 ? pwm_apply(node, pwm_parked(node)) : 0;
}

static int pwm_start(struct weir_node *node)
{
	struct pwm *pwm = weir_state(node);
	int fd = take(node, pwm);

	if (fd < 0)
		return fd;
	pwm->duty = fd;
	return pwm_park(node);
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
	describe(node, out);
	if (!fd)
		return 0;
	*fd = take(node, weir_state(node));
	return *fd < 0 ? *fd : 0;
}

static const struct weir_param params[] = {
	WEIR_P_RATE("freq", struct pwm, freq_hz, "1kHz", "periods per second", .min = 0.1, .max = 1e8),
	WEIR_P_REAL("park", struct pwm, park, "0", "the safe value: before the first command, and whenever weir ends",
		    .min = 0, .max = 1),
	WEIR_P_DURATION("pulse_min", struct pwm, pulse_min_ns, "0s",
			"the pulse at 0: 1ms for most servos, with freq=50Hz"),
	WEIR_P_DURATION("pulse_max", struct pwm, pulse_max_ns, NULL,
			"the pulse at 1: 2ms for most servos; else the period"),
	WEIR_P_BOOL("inverted", struct pwm, inverted, NULL, "the pulse is the low voltage"),
	WEIR_GUARD_PARAMS(struct pwm, output_args),
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
	.output_args = offsetof(struct pwm, output_args),
};

const struct weir_driver weir_actuator_pwm = {
	.name = "pwm",
	.doc = "PWM channel: the share of time on, from 0 to 1, or the position of a servo",
	.target = "CHIP/CHANNEL",
	.actuator_params = params,
	.actuator = &actuator,
};
