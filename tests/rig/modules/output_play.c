// SPDX-License-Identifier: GPL-2.0
/*
 * Outputs without hardware: a PWM chip of two channels and a DAC of two, each as particular as real ones are. What the PWM chip was
 * set to is written down, for tests that ask whether it was ever wrong in between.
 *
 *   /sys/kernel/debug/output-play/log    a line for each setting of a PWM channel: CHANNEL PERIOD DUTY POLARITY ENABLED;
 *                                        whatever is written to it clears it
 *   tight=NS        an enabled channel refuses pulses and gaps shorter than that, but for none
 *   one_way=1       its polarity cannot be inverted
 *   out_voltage0    0 to 4095, of 0.5 mV, with an offset of -100, and powered down at first
 *   out_voltage1    likewise, but it says its range, 10 to 1000, and has neither offset nor power switch
 */
#include <linux/debugfs.h>
#include <linux/iio/iio.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pwm.h>
#include <linux/seq_file.h>

#define LOG_MAX 4096

static int tight;
module_param(tight, int, 0644);
static int one_way;
module_param(one_way, int, 0644);

/* --- what was set ------------------------------------------------------------- */

struct entry {
	unsigned int channel;
	struct pwm_state state;
};

static struct entry entries[LOG_MAX];
static unsigned int n_entries;
static DEFINE_MUTEX(lock);

static void note(unsigned int channel, const struct pwm_state *state)
{
	mutex_lock(&lock);
	if (n_entries < LOG_MAX)
		entries[n_entries++] = (struct entry){ channel, *state };
	mutex_unlock(&lock);
}

static int log_show(struct seq_file *file, void *data)
{
	unsigned int i;

	mutex_lock(&lock);
	for (i = 0; i < n_entries; i++) {
		const struct pwm_state *state = &entries[i].state;

		seq_printf(file, "%u %llu %llu %s %d\n", entries[i].channel, state->period, state->duty_cycle,
			   state->polarity == PWM_POLARITY_INVERSED ? "inversed" : "normal", state->enabled);
	}
	mutex_unlock(&lock);
	return 0;
}

static int log_open(struct inode *inode, struct file *file)
{
	return single_open(file, log_show, NULL);
}

static ssize_t log_clear(struct file *file, const char __user *text, size_t n, loff_t *at)
{
	mutex_lock(&lock);
	n_entries = 0;
	mutex_unlock(&lock);
	return n;
}

static const struct file_operations log_ops = {
	.owner = THIS_MODULE,
	.open = log_open,
	.read = seq_read,
	.write = log_clear,
	.llseek = seq_lseek,
	.release = single_release,
};

/* --- PWM ------------------------------------------------------------------------ */

static bool is_too_short(u64 ns)
{
	return ns && ns < (u64)tight;
}

static int play_apply(struct pwm_chip *chip, struct pwm_device *pwm, const struct pwm_state *state)
{
	if (pwm->state.enabled && state->polarity != pwm->state.polarity)
		return -EBUSY;
	if (one_way && state->polarity != PWM_POLARITY_NORMAL)
		return -EINVAL;
	if (state->enabled && (is_too_short(state->duty_cycle) || is_too_short(state->period - state->duty_cycle)))
		return -EINVAL;
	note(pwm->hwpwm, state);
	return 0;
}

static const struct pwm_ops play_pwm_ops = { .apply = play_apply };

static int probe_pwm(struct platform_device *device)
{
	struct pwm_chip *chip = devm_pwmchip_alloc(&device->dev, 2, 0);

	if (IS_ERR(chip))
		return PTR_ERR(chip);
	chip->ops = &play_pwm_ops;
	return devm_pwmchip_add(&device->dev, chip);
}

/* --- DAC ------------------------------------------------------------------------ */

struct dac {
	int raw[2];
	bool is_down;
};

static const int range[] = { 10, 1, 1000 };

static int dac_read(struct iio_dev *indio, const struct iio_chan_spec *channel, int *a, int *b, long what)
{
	const struct dac *dac = iio_priv(indio);

	switch (what) {
	case IIO_CHAN_INFO_RAW:
		*a = dac->raw[channel->channel];
		return IIO_VAL_INT;
	case IIO_CHAN_INFO_SCALE:
		*a = 0;
		*b = 500000;
		return IIO_VAL_INT_PLUS_MICRO;
	case IIO_CHAN_INFO_OFFSET:
		*a = -100;
		return IIO_VAL_INT;
	}
	return -EINVAL;
}

static int dac_write(struct iio_dev *indio, const struct iio_chan_spec *channel, int a, int b, long what)
{
	struct dac *dac = iio_priv(indio);
	int least = channel->channel ? range[0] : 0, most = channel->channel ? range[2] : 4095;

	if (what != IIO_CHAN_INFO_RAW || b || a < least || a > most)
		return -EINVAL;
	dac->raw[channel->channel] = a;
	return 0;
}

static int dac_read_avail(struct iio_dev *indio, const struct iio_chan_spec *channel, const int **values, int *type,
			  int *length, long what)
{
	*values = range;
	*type = IIO_VAL_INT;
	return IIO_AVAIL_RANGE;
}

static ssize_t powerdown_show(struct iio_dev *indio, uintptr_t private, const struct iio_chan_spec *channel, char *text)
{
	const struct dac *dac = iio_priv(indio);

	return sysfs_emit(text, "%d\n", dac->is_down);
}

static ssize_t powerdown_store(struct iio_dev *indio, uintptr_t private, const struct iio_chan_spec *channel,
			       const char *text, size_t n)
{
	struct dac *dac = iio_priv(indio);
	int err = kstrtobool(text, &dac->is_down);

	return err ? err : n;
}

static const struct iio_chan_spec_ext_info powerdown[] = {
	{ .name = "powerdown", .shared = IIO_SEPARATE, .read = powerdown_show, .write = powerdown_store },
	{},
};

static const struct iio_chan_spec dac_channels[] = {
	{ .type = IIO_VOLTAGE,
	  .indexed = 1,
	  .output = 1,
	  .channel = 0,
	  .info_mask_separate = BIT(IIO_CHAN_INFO_RAW) | BIT(IIO_CHAN_INFO_SCALE) | BIT(IIO_CHAN_INFO_OFFSET),
	  .ext_info = powerdown },
	{ .type = IIO_VOLTAGE,
	  .indexed = 1,
	  .output = 1,
	  .channel = 1,
	  .info_mask_separate = BIT(IIO_CHAN_INFO_RAW) | BIT(IIO_CHAN_INFO_SCALE),
	  .info_mask_separate_available = BIT(IIO_CHAN_INFO_RAW) },
};

static const struct iio_info dac_info = {
	.read_raw = dac_read,
	.write_raw = dac_write,
	.read_avail = dac_read_avail,
};

static int probe_dac(struct platform_device *device)
{
	struct iio_dev *indio = devm_iio_device_alloc(&device->dev, sizeof(struct dac));
	struct dac *dac;

	if (!indio)
		return -ENOMEM;
	dac = iio_priv(indio);
	dac->is_down = true;
	indio->name = "play-dac";
	indio->info = &dac_info;
	indio->channels = dac_channels;
	indio->num_channels = ARRAY_SIZE(dac_channels);
	indio->modes = INDIO_DIRECT_MODE;
	return devm_iio_device_register(&device->dev, indio);
}

/* --- module ---------------------------------------------------------------------- */

static struct platform_driver pwm_driver = { .driver = { .name = "play-pwm" }, .probe = probe_pwm };
static struct platform_driver dac_driver = { .driver = { .name = "play-dac" }, .probe = probe_dac };
static struct platform_device *pwm_device, *dac_device;
static struct dentry *directory;

static int __init play_init(void)
{
	int err = platform_driver_register(&pwm_driver);

	if (err)
		return err;
	err = platform_driver_register(&dac_driver);
	if (err) {
		platform_driver_unregister(&pwm_driver);
		return err;
	}
	directory = debugfs_create_dir("output-play", NULL);
	debugfs_create_file("log", 0600, directory, NULL, &log_ops);
	pwm_device = platform_device_register_simple("play-pwm", -1, NULL, 0);
	dac_device = platform_device_register_simple("play-dac", -1, NULL, 0);
	return 0;
}

static void __exit play_exit(void)
{
	platform_device_unregister(dac_device);
	platform_device_unregister(pwm_device);
	debugfs_remove_recursive(directory);
	platform_driver_unregister(&dac_driver);
	platform_driver_unregister(&pwm_driver);
}

module_init(play_init);
module_exit(play_exit);
MODULE_DESCRIPTION("PWM and DAC outputs that are not there");
MODULE_IMPORT_NS(PWM);
MODULE_LICENSE("GPL");
