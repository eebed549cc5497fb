/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chips of Linux's hardware monitoring: temperature, humidity, voltage, current, power, fans. Many sensors that one buys for
 * a Raspberry Pi are here and not in IIO: SHT3x, AHT20, INA219, LM75. The files have no buffer and no interrupt: they are polled.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/hwmon_list.h"
#include "devices/iio_names.h"
#include "devices/polled.h"
#include "weir/paced.h"

struct hwmon {
	struct weir_hwmon_chip *chip;
	struct weir_polled polled;
};

static const struct weir_param params[] = { WEIR_POLLED_PARAMS(struct hwmon, polled, "1Hz", "0"), { .name = NULL } };

/* Only a channel's present value has a fault of its own; limits have not. */
static int hwmon_add(struct weir_node *node, struct weir_schema *out, const struct weir_hwmon_channel *of,
		     const char *file, const char *name)
{
	struct hwmon *hwmon = weir_state(node);
	struct weir_hwmon_quantity quantity = weir_hwmon_quantity(file);
	struct weir_polled_channel *channel;
	char fault[sizeof(of->id) + 8];
	int err = weir_polled_add(&hwmon->polled, node, out, name, quantity.unit, file, &channel);

	if (err)
		return err;
	channel->least = quantity.least;
	channel->most = quantity.most;
	snprintf(fault, sizeof(fault), "%s_fault", of->id);
	if (!strcmp(file, of->file) && weir_sysfs_has(hwmon->chip->dir, fault))
		snprintf(channel->fault_path, sizeof(channel->fault_path), "%s/%s", hwmon->chip->dir, fault);
	return 0;
}

static int hwmon_add_named(struct weir_node *node, struct weir_schema *out, const char *word)
{
	struct hwmon *hwmon = weir_state(node);
	char file[sizeof(hwmon->chip->channel[0].file)], name[WEIR_NAME_MAX], path[2 * WEIR_SYSFS_PATH];
	int found = weir_hwmon_find_channel(hwmon->chip, word, file);

	if (found < 0)
		return weir_hwmon_fail_channel(node, hwmon->chip, word, found);
	snprintf(path, sizeof(path), "%s/%s", hwmon->chip->dir, file);
	for (uint32_t i = 0; i < hwmon->polled.n; i++)
		if (!strcmp(hwmon->polled.channel[i].path, path))
			return weir_fail_arg(node, NULL, "name each channel once", "'%s' and '%s' are the same channel",
					     hwmon->polled.channel[i].name, word);
	weir_iio_field_name(word, name, sizeof(name));
	return hwmon_add(node, out, &hwmon->chip->channel[found], file, name);
}

static int hwmon_add_all(struct weir_node *node, struct weir_schema *out)
{
	struct hwmon *hwmon = weir_state(node);
	const struct weir_hwmon_chip *chip = hwmon->chip;
	int err = 0;

	if (!chip->n_channels)
		return weir_fail_arg(node, NULL, "weir list devices shows chips with channels",
				     "'%s' has no channel to read", chip->title);
	for (uint32_t i = 0; i < chip->n_channels && !err; i++)
		err = hwmon_add(node, out, &chip->channel[i], chip->channel[i].file, chip->channel[i].id);
	return err;
}

static int hwmon_open(struct weir_node *node, struct weir_schema *out)
{
	struct hwmon *hwmon = weir_state(node);
	uint32_t n;
	const char *const *word = weir_columns(node, &n);
	int err;

	hwmon->chip = calloc(1, sizeof(*hwmon->chip));
	if (!hwmon->chip)
		return -ENOMEM;
	err = weir_hwmon_choose_chip(node, weir_target(node), hwmon->chip);
	if (err)
		return err;
	err = weir_polled_open(&hwmon->polled, hwmon->chip->title, hwmon->chip->dir, out);
	if (err)
		return weir_fail_device(node, hwmon->chip->title, "open", -err, hwmon->chip->dir);
	weir_is_paced(node, hwmon->polled.rate_hz);
	if (!n)
		return hwmon_add_all(node, out);
	for (uint32_t i = 0; i < n && !err; i++)
		err = hwmon_add_named(node, out, word[i]);
	return err;
}

static int hwmon_start(struct weir_node *node, bool unread)
{
	struct hwmon *hwmon = weir_state(node);

	(void)unread;
	return weir_polled_start(&hwmon->polled, node);
}

static int hwmon_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct hwmon *hwmon = weir_state(node);

	return weir_polled_produce(&hwmon->polled, node, rows, wait);
}

static const char *hwmon_how(const struct weir_node *node)
{
	struct hwmon *hwmon = weir_state(node);

	return weir_polled_how(&hwmon->polled);
}

static void hwmon_close(struct weir_node *node)
{
	struct hwmon *hwmon = weir_state(node);

	weir_polled_close(&hwmon->polled);
	free(hwmon->chip);
}

static const struct weir_source_ops source = {
	.state_bytes = sizeof(struct hwmon),
	.open = hwmon_open,
	.start = hwmon_start,
	.produce = hwmon_produce,
	.close = hwmon_close,
	.how = hwmon_how,
	.devices = weir_hwmon_tell_devices,
};

const struct weir_driver weir_sensor_hwmon = {
	.name = "hwmon",
	.doc = "chip of Linux's hardware monitoring, by name, NAME@ADDRESS, label, path or hwmonN",
	.target = "CHIP[CHANNEL,…]",
	.source_params = params,
	.source = &source,
};
