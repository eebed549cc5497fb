// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * IIO devices with the peculiarities of real chips:
 *
 * chips-imu    two types with a rate and a gain each, and a driver that always
 *              pushes whole scans. The rate of acceleration is rounded down to
 *              a multiple of 25 Hz, that of rotation refuses what is not on
 *              its list.
 * chips-pair   four channels, of which the driver pushes the first two or the
 *              last two. They have labels.
 * chips-adc.N  one or more of a kind, told apart by their place alone, and not
 *              buffered: differences, extended names, texts of several numbers
 *              and with fractions, a channel that fails, a gain.
 */

#include <linux/delay.h>
#include <linux/iio/buffer.h>
#include <linux/iio/iio.h>
#include <linux/iio/kfifo_buf.h>
#include <linux/kthread.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#define ADCS_MAX 4

static int adcs = 1;
module_param(adcs, int, 0444);
MODULE_PARM_DESC(adcs, "how many of the converters there are");

static bool flaky;
module_param(flaky, bool, 0644);
MODULE_PARM_DESC(flaky, "channel temp0 of the converters cannot be read");

/* What is pushed: up to six values and the time. */
struct chips_buffered {
	struct iio_dev *device;
	struct task_struct *task;
	int hz[2], gain[2]; /* by whether it rotates; a gain in millionths */
	s16 first;
	struct {
		s16 value[6];
		s64 time __aligned(8);
	} scan;
};

/* clang-format off */
#define IMU_CHANNEL(kind, axis, at)                                                         \
	{                                                                                   \
		.type = kind, .modified = 1, .channel2 = axis, .scan_index = at,            \
		.info_mask_separate = BIT(IIO_CHAN_INFO_RAW),                               \
		.info_mask_shared_by_type = BIT(IIO_CHAN_INFO_SCALE) | BIT(IIO_CHAN_INFO_SAMP_FREQ), \
		.info_mask_shared_by_type_available =                                       \
			kind == IIO_ANGL_VEL ? BIT(IIO_CHAN_INFO_SAMP_FREQ) : 0,            \
		.scan_type = { .sign = 's', .realbits = 16, .storagebits = 16 },            \
	}

static const struct iio_chan_spec imu_channels[] = {
	IMU_CHANNEL(IIO_ACCEL, IIO_MOD_X, 0),
	IMU_CHANNEL(IIO_ACCEL, IIO_MOD_Y, 1),
	IMU_CHANNEL(IIO_ACCEL, IIO_MOD_Z, 2),
	IMU_CHANNEL(IIO_ANGL_VEL, IIO_MOD_X, 3),
	IMU_CHANNEL(IIO_ANGL_VEL, IIO_MOD_Y, 4),
	IMU_CHANNEL(IIO_ANGL_VEL, IIO_MOD_Z, 5),
	IIO_CHAN_SOFT_TIMESTAMP(6),
};

#define PAIR_CHANNEL(at)                                                                    \
	{                                                                                   \
		.type = IIO_VOLTAGE, .indexed = 1, .channel = at, .scan_index = at,         \
		.info_mask_separate = BIT(IIO_CHAN_INFO_RAW),                               \
		.scan_type = { .sign = 's', .realbits = 16, .storagebits = 16 },            \
	}

static const struct iio_chan_spec pair_channels[] = {
	PAIR_CHANNEL(0), PAIR_CHANNEL(1), PAIR_CHANNEL(2), PAIR_CHANNEL(3),
	IIO_CHAN_SOFT_TIMESTAMP(4),
};
/* clang-format on */

static const unsigned long imu_masks[] = { 0x3f, 0 }, pair_masks[] = { 0x3, 0xc, 0 };
static const int anglvel_rates[] = { 25, 100, 400, 800 };

static int chips_feed(void *data)
{
	struct chips_buffered *chips = data;

	while (!kthread_should_stop()) {
		int hz = max(chips->hz[0], chips->hz[1]), i;

		usleep_range(1000000 / hz, 1000000 / hz + 50);
		for (i = 0; i < 6; i++)
			chips->scan.value[i] = chips->first + 100 * (i + 1);
		iio_push_to_buffers_with_timestamp(chips->device, &chips->scan, iio_get_time_ns(chips->device));
	}
	return 0;
}

/* The value that the first channel of a scan has stands for its mask. */
static int chips_switch_on(struct iio_dev *device)
{
	struct chips_buffered *chips = iio_priv(device);

	chips->first = device->active_scan_mask[0] == 0xc ? 200 : 0;
	chips->task = kthread_run(chips_feed, chips, "iio-chips");
	return PTR_ERR_OR_ZERO(chips->task);
}

static int chips_switch_off(struct iio_dev *device)
{
	struct chips_buffered *chips = iio_priv(device);

	return kthread_stop(chips->task);
}

static const struct iio_buffer_setup_ops chips_setup = {
	.postenable = chips_switch_on,
	.predisable = chips_switch_off,
};

static int imu_read(struct iio_dev *device, struct iio_chan_spec const *channel, int *whole, int *micro, long what)
{
	struct chips_buffered *chips = iio_priv(device);
	int rotates = channel->type == IIO_ANGL_VEL;

	switch (what) {
	case IIO_CHAN_INFO_RAW:
		*whole = 100 * (channel->scan_index + 1);
		return IIO_VAL_INT;
	case IIO_CHAN_INFO_SCALE:
		*whole = 0;
		*micro = chips->gain[rotates];
		return IIO_VAL_INT_PLUS_MICRO;
	case IIO_CHAN_INFO_SAMP_FREQ:
		*whole = chips->hz[rotates];
		return IIO_VAL_INT;
	}
	return -EINVAL;
}

static int set_rate(struct chips_buffered *chips, int rotates, int hz)
{
	int i;

	if (hz < 25 || hz > 3200)
		return -EINVAL;
	for (i = 0; rotates && i < ARRAY_SIZE(anglvel_rates); i++)
		if (anglvel_rates[i] == hz)
			break;
	if (rotates && i == ARRAY_SIZE(anglvel_rates))
		return -EINVAL;
	chips->hz[rotates] = hz / 25 * 25;
	return 0;
}

static int imu_write(struct iio_dev *device, struct iio_chan_spec const *channel, int whole, int micro, long what)
{
	struct chips_buffered *chips = iio_priv(device);
	int rotates = channel->type == IIO_ANGL_VEL;

	switch (what) {
	case IIO_CHAN_INFO_SCALE:
		chips->gain[rotates] = micro;
		return 0;
	case IIO_CHAN_INFO_SAMP_FREQ:
		return set_rate(chips, rotates, whole);
	}
	return -EINVAL;
}

static int imu_available(struct iio_dev *device, struct iio_chan_spec const *channel, const int **values, int *type,
			 int *length, long what)
{
	*values = anglvel_rates;
	*type = IIO_VAL_INT;
	*length = ARRAY_SIZE(anglvel_rates);
	return IIO_AVAIL_LIST;
}

static const struct iio_info imu_info = { .read_raw = imu_read, .write_raw = imu_write, .read_avail = imu_available };

static int pair_read(struct iio_dev *device, struct iio_chan_spec const *channel, int *whole, int *micro, long what)
{
	*whole = 100 * (channel->scan_index + 1);
	return what == IIO_CHAN_INFO_RAW ? IIO_VAL_INT : -EINVAL;
}

/* "5V rail" is no name of the language, and a device with labels has no extended names. */
static int pair_label(struct iio_dev *device, struct iio_chan_spec const *channel, char *label)
{
	static const char *const labels[] = { "battery", "5V rail", "voltage0", "spare" };

	return channel->type == IIO_VOLTAGE ? sprintf(label, "%s\n", labels[channel->channel]) : -EINVAL;
}

static const struct iio_info pair_info = { .read_raw = pair_read, .read_label = pair_label };

/* ---- converters ---- */

struct chips_adc {
	int number, gain;
};

/* clang-format off */
#define SEPARATE(what) .info_mask_separate = what, .scan_index = -1
#define RAW BIT(IIO_CHAN_INFO_RAW)
#define SCALE BIT(IIO_CHAN_INFO_SCALE)
#define VOLTAGE(at) .type = IIO_VOLTAGE, .indexed = 1, .channel = at

static const struct iio_chan_spec adc_channels[] = {
	{ VOLTAGE(0), .extend_name = "supply", SEPARATE(RAW | SCALE) },
	{ VOLTAGE(1), SEPARATE(RAW), .info_mask_shared_by_type = SCALE },
	{ VOLTAGE(0), .differential = 1, .channel2 = 1, SEPARATE(RAW), .info_mask_shared_by_type = SCALE },
	{ VOLTAGE(5), SEPARATE(RAW), .info_mask_shared_by_type = SCALE },
	{ .type = IIO_TEMP, .indexed = 1, .channel = 0, SEPARATE(RAW | SCALE | BIT(IIO_CHAN_INFO_OFFSET)) },
	{ .type = IIO_TEMP, .indexed = 1, .channel = 1, SEPARATE(BIT(IIO_CHAN_INFO_PROCESSED)) },
	{ .type = IIO_CURRENT, .extend_name = "shunt", SEPARATE(BIT(IIO_CHAN_INFO_PROCESSED)) },
	{ .type = IIO_ROT, .modified = 1, .channel2 = IIO_MOD_QUATERNION, SEPARATE(RAW) },
	{ .type = IIO_PH, SEPARATE(RAW | SCALE) },
};
/* clang-format on */

static int adc_read_raw(const struct chips_adc *adc, struct iio_chan_spec const *channel, int *value, int *length)
{
	switch (channel->type) {
	case IIO_ROT:
		*length = 4;
		value[0] = 11;
		value[1] = -22;
		value[2] = 33;
		value[3] = 44;
		return IIO_VAL_INT_MULTIPLE;
	case IIO_PH:
		value[0] = 7;
		value[1] = 250000;
		return IIO_VAL_INT_PLUS_MICRO;
	case IIO_TEMP:
		value[0] = 600;
		return flaky ? -ETIMEDOUT : IIO_VAL_INT;
	default:
		value[0] = channel->differential ? -50 : 1000 * (adc->number + 1) + channel->channel;
		return channel->channel == 5 ? -EIO : IIO_VAL_INT;
	}
}

static int adc_read(struct iio_dev *device, struct iio_chan_spec const *channel, int size, int *value, int *length,
		    long what)
{
	const struct chips_adc *adc = iio_priv(device);

	*length = 2;
	switch (what) {
	case IIO_CHAN_INFO_RAW:
		return adc_read_raw(adc, channel, value, length);
	case IIO_CHAN_INFO_PROCESSED:
		value[0] = channel->type == IIO_TEMP ? 21500 : 1234;
		value[1] = channel->type == IIO_TEMP ? 0 : 500000;
		return IIO_VAL_INT_PLUS_MICRO;
	case IIO_CHAN_INFO_OFFSET:
		value[0] = -400;
		return IIO_VAL_INT;
	case IIO_CHAN_INFO_SCALE:
		value[0] = channel->type == IIO_TEMP ? 125 : adc->gain;
		value[1] = 0;
		return IIO_VAL_INT_PLUS_MICRO;
	}
	return -EINVAL;
}

static int adc_write(struct iio_dev *device, struct iio_chan_spec const *channel, int whole, int micro, long what)
{
	struct chips_adc *adc = iio_priv(device);

	if (what != IIO_CHAN_INFO_SCALE)
		return -EINVAL;
	adc->gain = whole;
	return 0;
}

static const struct iio_info adc_info = { .read_raw_multi = adc_read, .write_raw = adc_write };

/* ---- all of them ---- */

static int adc_probe(struct platform_device *parent)
{
	struct iio_dev *device = devm_iio_device_alloc(&parent->dev, sizeof(struct chips_adc));
	struct chips_adc *adc;

	if (!device)
		return -ENOMEM;
	adc = iio_priv(device);
	adc->number = parent->id;
	adc->gain = 2;
	device->name = "chips-adc";
	device->info = &adc_info;
	device->channels = adc_channels;
	device->num_channels = ARRAY_SIZE(adc_channels);
	device->modes = INDIO_DIRECT_MODE;
	return devm_iio_device_register(&parent->dev, device);
}

static int buffered_probe(struct platform_device *parent, bool is_imu)
{
	struct iio_dev *device = devm_iio_device_alloc(&parent->dev, sizeof(struct chips_buffered));
	struct chips_buffered *chips;
	int ret;

	if (!device)
		return -ENOMEM;
	chips = iio_priv(device);
	chips->device = device;
	chips->hz[0] = chips->hz[1] = 100;
	chips->gain[0] = 598;
	chips->gain[1] = 1065;
	device->name = is_imu ? "chips-imu" : "chips-pair";
	device->info = is_imu ? &imu_info : &pair_info;
	device->channels = is_imu ? imu_channels : pair_channels;
	device->num_channels = is_imu ? ARRAY_SIZE(imu_channels) : ARRAY_SIZE(pair_channels);
	device->available_scan_masks = is_imu ? imu_masks : pair_masks;
	ret = devm_iio_kfifo_buffer_setup(&parent->dev, device, &chips_setup);
	return ret ? ret : devm_iio_device_register(&parent->dev, device);
}

static int chips_probe(struct platform_device *parent)
{
	if (!strcmp(parent->name, "chips-adc"))
		return adc_probe(parent);
	return buffered_probe(parent, !strcmp(parent->name, "chips-imu"));
}

static const struct platform_device_id chips_ids[] = { { "chips-imu" }, { "chips-pair" }, { "chips-adc" }, {} };
static struct platform_driver chips_driver = {
	.probe = chips_probe,
	.driver = { .name = "iio-chips" },
	.id_table = chips_ids,
};
static struct platform_device *chips_devices[ADCS_MAX + 2];

static int __init chips_init(void)
{
	int ret = platform_driver_register(&chips_driver), i;

	if (ret)
		return ret;
	chips_devices[0] = platform_device_register_simple("chips-imu", -1, NULL, 0);
	chips_devices[1] = platform_device_register_simple("chips-pair", -1, NULL, 0);
	for (i = 0; i < adcs && i < ADCS_MAX; i++)
		chips_devices[i + 2] = platform_device_register_simple("chips-adc", i, NULL, 0);
	return 0;
}

static void __exit chips_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(chips_devices); i++)
		if (!IS_ERR_OR_NULL(chips_devices[i]))
			platform_device_unregister(chips_devices[i]);
	platform_driver_unregister(&chips_driver);
}

module_init(chips_init);
module_exit(chips_exit);

MODULE_DESCRIPTION("IIO devices of the weir rig with the peculiarities of real chips");
MODULE_LICENSE("GPL");
