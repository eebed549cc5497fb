// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A hwmon chip and a thermal zone whose values and failures are parameters, which tests write.
 *
 * chip `play`        temp1 with a label and a fault, humidity1
 * zone `play-zone`   the same temperature
 */

#include <linux/hwmon.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/thermal.h>

static int temp = 21500, humidity = 45000, fault;
module_param(temp, int, 0644);
MODULE_PARM_DESC(temp, "temperature in thousandths of a degree");
module_param(humidity, int, 0644);
MODULE_PARM_DESC(humidity, "relative humidity in thousandths of a percent");
module_param(fault, int, 0644);
MODULE_PARM_DESC(fault, "the chip reports a fault of its temperature sensor");

static int error = EIO, failures;
module_param(error, int, 0644);
MODULE_PARM_DESC(error, "errno of readings of the temperature that fail");
module_param(failures, int, 0644);
MODULE_PARM_DESC(failures, "how many readings to come fail; -1: all");

static int play_temp(int *value)
{
	if (failures) {
		failures -= failures > 0;
		return -error;
	}
	*value = temp;
	return 0;
}

static int play_read(struct device *device, enum hwmon_sensor_types type, u32 attr, int channel, long *value)
{
	int number = type == hwmon_humidity ? humidity : fault;
	int err = type == hwmon_temp && attr == hwmon_temp_input ? play_temp(&number) : 0;

	*value = number;
	return err;
}

static int play_read_string(struct device *device, enum hwmon_sensor_types type, u32 attr, int channel,
			    const char **text)
{
	*text = "Board";
	return 0;
}

static umode_t play_is_visible(const void *data, enum hwmon_sensor_types type, u32 attr, int channel)
{
	return 0444;
}

static const struct hwmon_ops play_ops = {
	.is_visible = play_is_visible,
	.read = play_read,
	.read_string = play_read_string,
};

static const struct hwmon_channel_info *const play_channels[] = {
	HWMON_CHANNEL_INFO(temp, HWMON_T_INPUT | HWMON_T_LABEL | HWMON_T_FAULT),
	HWMON_CHANNEL_INFO(humidity, HWMON_H_INPUT),
	NULL,
};

static const struct hwmon_chip_info play_chip = { .ops = &play_ops, .info = play_channels };

static int play_zone_temp(struct thermal_zone_device *zone, int *value)
{
	return play_temp(value);
}

static const struct thermal_zone_device_ops play_zone_ops = { .get_temp = play_zone_temp };
static const struct thermal_zone_params play_zone_params = { .no_hwmon = true };

static struct platform_device *device;
static struct device *chip;
static struct thermal_zone_device *zone;

static int __init play_init(void)
{
	device = platform_device_register_simple("hwmon-play", 0, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	chip = hwmon_device_register_with_info(&device->dev, "play", NULL, &play_chip, NULL);
	if (IS_ERR(chip)) {
		platform_device_unregister(device);
		return PTR_ERR(chip);
	}
	zone = thermal_tripless_zone_device_register("play-zone", NULL, &play_zone_ops, &play_zone_params);
	if (IS_ERR(zone)) {
		hwmon_device_unregister(chip);
		platform_device_unregister(device);
		return PTR_ERR(zone);
	}
	return thermal_zone_device_enable(zone);
}

static void __exit play_exit(void)
{
	thermal_zone_device_unregister(zone);
	hwmon_device_unregister(chip);
	platform_device_unregister(device);
}

module_init(play_init);
module_exit(play_exit);
MODULE_DESCRIPTION("hwmon chip and thermal zone whose values and failures are parameters");
MODULE_LICENSE("GPL");
