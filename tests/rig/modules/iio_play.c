// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An IIO device that measures what it is told: whole scans written to
 * /dev/iio-play are pushed into its buffer, one after the other, before the
 * write returns. Its channels are of every width, sign and byte order, some of
 * them shifted, with scales and offsets of both signs. Readers of a part of
 * the channels get their scans cut by the IIO core. With fifo=1 it says that it
 * has a FIFO of its own, and counts how often that is asked for what it holds.
 */

#include <linux/iio/buffer.h>
#include <linux/iio/iio.h>
#include <linux/iio/kfifo_buf.h>
#include <linux/iio/sysfs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/uaccess.h>

#define CHANNELS 17
#define SCAN_BYTES 80 /* as the IIO core lays the channels out, the time last */

/* In millionths; a value between -1 and 0 has its sign in the second part. */
struct play_number {
	int whole, micro;
};

/* clang-format off */
static const struct {
	struct play_number scale, offset;
} play_numbers[CHANNELS] = {
	{ { 1, 0 }, { 0, 0 } },
	{ { 0, -250000 }, { 0, 0 } },
	{ { 0, 1333 }, { 7, 0 } },
	{ { 0, 500000 }, { -2048, 0 } },
	{ { 0, -9806 }, { 0, 0 } },
	{ { 100, 0 }, { -40, 0 } },
	{ { 0, 1 }, { 0, 0 } },
	{ { -1, 0 }, { -8388608, 0 } },
	{ { 0, 598 }, { 273, 150000 } },
	{ { 3, 0 }, { 0, -500000 } },
	{ { 1, 0 }, { 0, 0 } },
	{ { 0, -1000 }, { 12, 0 } },
	{ { -2, 700000 }, { 1, 100000 } },
	{ { 0, 10000 }, { -5, 0 } },
	{ { 1, 0 }, { 0, 0 } },
	{ { -1, 0 }, { 0, 0 } },
	{ { 0, 9806 }, { -1, 0 } },
};
/* clang-format on */

#define PLAY_CHANNEL(at, s, bits, storage, right, order)                                                         \
	{                                                                                                        \
		.type = IIO_VOLTAGE, .indexed = 1, .channel = at, .scan_index = at,                              \
		.info_mask_separate = BIT(IIO_CHAN_INFO_SCALE) | BIT(IIO_CHAN_INFO_OFFSET),                      \
		.scan_type = {                                                                                   \
			.sign = s, .realbits = bits, .storagebits = storage, .shift = right, .endianness = order \
		},                                                                                               \
	}

/* clang-format off */
static const struct iio_chan_spec play_channels[] = {
	PLAY_CHANNEL(0, 'u', 8, 8, 0, IIO_CPU),
	PLAY_CHANNEL(1, 's', 8, 8, 0, IIO_CPU),
	PLAY_CHANNEL(2, 's', 12, 16, 4, IIO_LE),
	PLAY_CHANNEL(3, 'u', 12, 16, 0, IIO_BE),
	PLAY_CHANNEL(4, 's', 16, 16, 0, IIO_LE),
	PLAY_CHANNEL(5, 'u', 16, 16, 0, IIO_BE),
	PLAY_CHANNEL(6, 's', 24, 32, 8, IIO_BE),
	PLAY_CHANNEL(7, 'u', 24, 32, 0, IIO_LE),
	PLAY_CHANNEL(8, 's', 32, 32, 0, IIO_LE),
	PLAY_CHANNEL(9, 'u', 32, 32, 0, IIO_BE),
	PLAY_CHANNEL(10, 's', 64, 64, 0, IIO_LE),
	PLAY_CHANNEL(11, 'u', 64, 64, 0, IIO_BE),
	PLAY_CHANNEL(12, 's', 33, 64, 5, IIO_BE),
	PLAY_CHANNEL(13, 'u', 1, 8, 3, IIO_CPU),
	PLAY_CHANNEL(14, 's', 32, 32, 0, IIO_LE),
	PLAY_CHANNEL(15, 's', 32, 32, 0, IIO_LE),
	PLAY_CHANNEL(16, 's', 32, 32, 0, IIO_LE),
	IIO_CHAN_SOFT_TIMESTAMP(CHANNELS),
};
/* clang-format on */

/* All at once or nothing: whoever wants less has it cut. */
static const unsigned long play_masks[] = { GENMASK(CHANNELS - 1, 0), 0 };

struct play {
	struct miscdevice misc;
	struct iio_dev *device;
	u8 scan[SCAN_BYTES] __aligned(8);
};

static int play_read_raw(struct iio_dev *device, struct iio_chan_spec const *channel, int *whole, int *micro, long what)
{
	const struct play_number *number = what == IIO_CHAN_INFO_SCALE ? &play_numbers[channel->channel].scale
								       : &play_numbers[channel->channel].offset;

	*whole = number->whole;
	*micro = number->micro;
	return IIO_VAL_INT_PLUS_MICRO;
}

static const struct iio_info play_info = { .read_raw = play_read_raw };

static bool fifo;
module_param(fifo, bool, 0444);
static unsigned int flushes;
module_param(flushes, uint, 0444);

static int play_flush(struct iio_dev *device, unsigned int count)
{
	flushes++;
	return 0;
}

static const struct iio_info play_fifo_info = { .read_raw = play_read_raw, .hwfifo_flush_to_buffer = play_flush };
IIO_STATIC_CONST_DEVICE_ATTR(hwfifo_watermark_max, "64");
static const struct iio_dev_attr *play_fifo_attributes[] = { &iio_dev_attr_hwfifo_watermark_max, NULL };

/* A full buffer drops a scan, as with any device. */
static int play_push(struct play *play, const char __user *from, size_t bytes)
{
	size_t at;

	for (at = 0; at < bytes; at += SCAN_BYTES) {
		if (copy_from_user(play->scan, from + at, SCAN_BYTES))
			return -EFAULT;
		iio_push_to_buffers(play->device, play->scan);
	}
	return 0;
}

/* The claim keeps the buffer from being switched off meanwhile. */
static ssize_t play_write(struct file *file, const char __user *from, size_t bytes, loff_t *at)
{
	struct play *play = container_of(file->private_data, struct play, misc);
	int ret;

	if (!bytes || bytes % SCAN_BYTES)
		return -EINVAL;
	ret = iio_device_claim_buffer_mode(play->device);
	if (ret)
		return ret;
	ret = play_push(play, from, bytes);
	iio_device_release_buffer_mode(play->device);
	return ret ? ret : bytes;
}

static const struct file_operations play_operations = {
	.owner = THIS_MODULE,
	.write = play_write,
};

static void play_unregister(void *misc)
{
	misc_deregister(misc);
}

static int play_register_misc(struct device *parent, struct play *play)
{
	int ret;

	play->misc = (struct miscdevice){ .minor = MISC_DYNAMIC_MINOR, .name = "iio-play", .fops = &play_operations };
	ret = misc_register(&play->misc);
	return ret ? ret : devm_add_action_or_reset(parent, play_unregister, &play->misc);
}

static int play_probe(struct platform_device *parent)
{
	struct iio_dev *device = devm_iio_device_alloc(&parent->dev, sizeof(struct play));
	struct play *play;
	int ret;

	if (!device)
		return -ENOMEM;
	play = iio_priv(device);
	play->device = device;
	device->name = "play";
	device->info = fifo ? &play_fifo_info : &play_info;
	device->channels = play_channels;
	device->num_channels = ARRAY_SIZE(play_channels);
	device->available_scan_masks = play_masks;
	ret = devm_iio_kfifo_buffer_setup_ext(&parent->dev, device, NULL, fifo ? play_fifo_attributes : NULL);
	if (!ret)
		ret = devm_iio_device_register(&parent->dev, device);
	return ret ? ret : play_register_misc(&parent->dev, play);
}

static struct platform_driver play_driver = { .driver = { .name = "iio-play" } };
static struct platform_device *play_platform;

static int __init play_init(void)
{
	play_platform = platform_create_bundle(&play_driver, play_probe, NULL, 0, NULL, 0);
	return PTR_ERR_OR_ZERO(play_platform);
}

static void __exit play_exit(void)
{
	platform_device_unregister(play_platform);
	platform_driver_unregister(&play_driver);
}

module_init(play_init);
module_exit(play_exit);

MODULE_DESCRIPTION("IIO device of the weir rig, fed through /dev/iio-play");
MODULE_LICENSE("GPL");
