/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/hwmon_chip.h"
#include "devices/iio_names.h"

#define DIGITS "0123456789"
#define ABSOLUTE_ZERO (-273150.0) /* m°C */

/* ------------------------------------------------------------------ channels */

/* Types with their units; `value` is the file that has the present value. */
static const struct {
	const char *type, *value, *unit;
	double least;
} types[] = {
	{ "temp", "input", "m°C", ABSOLUTE_ZERO },
	{ "humidity", "input", "m%", -HUGE_VAL },
	{ "in", "input", "mV", -HUGE_VAL },
	{ "curr", "input", "mA", -HUGE_VAL },
	{ "power", "input", "uW", -HUGE_VAL },
	{ "power", "average", "uW", -HUGE_VAL },
	{ "energy", "input", "uJ", -HUGE_VAL },
	{ "fan", "input", "rpm", 0 },
	{ "freq", "input", "Hz", 0 },
};

#define N_TYPES (sizeof(types) / sizeof(*types))

/* The bytes of "temp1" in "temp1_max", by its type; 0: the file is of another kind. */
static size_t hwmon_id_length(const char *file, size_t type)
{
	size_t length = strlen(types[type].type), digits;

	if (strncmp(file, types[type].type, length))
		return 0;
	digits = strspn(file + length, DIGITS);
	return digits && file[length + digits] == '_' ? length + digits : 0;
}

static bool hwmon_is_value(const char *file, size_t *id_length)
{
	for (size_t i = 0; i < N_TYPES; i++) {
		size_t length = hwmon_id_length(file, i);

		if (!length || strcmp(file + length + 1, types[i].value))
			continue;
		*id_length = length;
		return true;
	}
	return false;
}

/* What has the unit of its channel. Everything else, alarms and settings, has none. */
static bool hwmon_has_unit(const char *property)
{
	static const char *const properties[] = { "input",          "average",       "min",          "max",
						  "crit",           "lcrit",         "emergency",    "highest",
						  "lowest",         "input_highest", "input_lowest", "average_highest",
						  "average_lowest", "rated_min",     "rated_max",    "cap",
						  "target" };
	size_t length = strlen(property);

	/* A hysteresis is an absolute value in this ABI. */
	length -= length > 5 && !strcmp(property + length - 5, "_hyst") ? 5 : 0;
	for (size_t i = 0; i < sizeof(properties) / sizeof(*properties); i++)
		if (strlen(properties[i]) == length && !strncmp(property, properties[i], length))
			return true;
	return false;
}

struct weir_hwmon_quantity weir_hwmon_quantity(const char *file)
{
	for (size_t i = 0; i < N_TYPES; i++) {
		size_t length = hwmon_id_length(file, i);

		if (length && hwmon_has_unit(file + length + 1))
			return (struct weir_hwmon_quantity){ types[i].unit, types[i].least, HUGE_VAL };
	}
	return (struct weir_hwmon_quantity){ "", -HUGE_VAL, HUGE_VAL };
}

static bool hwmon_has_channel(const struct weir_hwmon_chip *chip, const char *file, size_t id_length)
{
	for (uint32_t i = 0; i < chip->n_channels; i++)
		if (strlen(chip->channel[i].id) == id_length && !strncmp(chip->channel[i].id, file, id_length))
			return true;
	return false;
}

static void hwmon_add_channel(struct weir_hwmon_chip *chip, const char *file)
{
	struct weir_hwmon_channel *channel = &chip->channel[chip->n_channels];
	char label[sizeof(channel->id) + 8];
	size_t id_length;

	if (chip->n_channels == WEIR_HWMON_CHANNELS || strlen(file) >= sizeof(channel->file) ||
	    !hwmon_is_value(file, &id_length) || id_length >= sizeof(channel->id) ||
	    hwmon_has_channel(chip, file, id_length))
		return;
	*channel = (struct weir_hwmon_channel){ 0 };
	memcpy(channel->id, file, id_length);
	strcpy(channel->file, file);
	snprintf(label, sizeof(label), "%s_label", channel->id);
	weir_sysfs_read(chip->dir, label, channel->label, sizeof(channel->label));
	chip->n_channels++;
}

static int hwmon_file_order(const struct dirent **a, const struct dirent **b)
{
	/* The other way round, so that an input comes before an average of the same channel. */
	bool is_average[2] = { strstr((*a)->d_name, "_average"), strstr((*b)->d_name, "_average") };

	if (is_average[0] != is_average[1])
		return is_average[0] - is_average[1];
	return strverscmp((*a)->d_name, (*b)->d_name);
}

static int hwmon_read_channels(struct weir_hwmon_chip *chip)
{
	struct dirent **entry;
	int n = scandir(chip->dir, &entry, NULL, hwmon_file_order);

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		hwmon_add_channel(chip, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	return 0;
}

/* --------------------------------------------------------------------- chips */

static void hwmon_read_address(struct weir_hwmon_chip *chip, const char *dir)
{
	char link[WEIR_SYSFS_PATH + 16], target[PATH_MAX];
	const char *last;
	ssize_t n;

	snprintf(link, sizeof(link), "%s/device", dir);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return;
	target[n] = '\0';
	last = strrchr(target, '/');
	snprintf(chip->address, sizeof(chip->address), "%.*s", WEIR_HWMON_NAME - 1, last ? last + 1 : target);
}

int weir_hwmon_read_chip(const char *dir, struct weir_hwmon_chip *chip)
{
	const char *id = strrchr(dir, '/');
	int err;

	*chip = (struct weir_hwmon_chip){ 0 };
	if (snprintf(chip->dir, sizeof(chip->dir), "%s", dir) >= (int)sizeof(chip->dir) - 8)
		return -ENAMETOOLONG;
	/* Drivers of before 2012 have their files in the directory of the parent. */
	if (!weir_sysfs_has(dir, "name") && weir_sysfs_has(dir, "device/name"))
		strcat(chip->dir, "/device");
	snprintf(chip->id, sizeof(chip->id), "%s", id ? id + 1 : dir);
	err = hwmon_read_channels(chip);
	weir_sysfs_read(chip->dir, "name", chip->name, sizeof(chip->name));
	weir_sysfs_read(dir, "label", chip->label, sizeof(chip->label));
	hwmon_read_address(chip, dir);
	return err;
}

static int hwmon_is_chip(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "hwmon", 5) && entry->d_name[5] && strlen(entry->d_name) < 16 &&
	       !entry->d_name[5 + strspn(entry->d_name + 5, DIGITS)];
}

int weir_hwmon_find_chip(const struct weir_hwmon_chip *chips, int n, const char *word)
{
	int found = -ENOENT;

	for (int i = 0; i < n; i++) {
		struct weir_iio_names names = { chips[i].id, chips[i].name, "", chips[i].label, chips[i].address };

		if (!weir_iio_fits_device(&names, word))
			continue;
		if (found >= 0)
			return -ENOTUNIQ;
		found = i;
	}
	return found;
}

static void hwmon_entitle(struct weir_hwmon_chip *chips, int n, int which)
{
	struct weir_hwmon_chip *chip = &chips[which];
	char placed[sizeof(chip->title)];
	const char *const names[] = { chip->label, chip->name, placed, chip->address, chip->id };

	snprintf(placed, sizeof(placed), "%.*s@%.*s", WEIR_HWMON_NAME - 1, chip->name, WEIR_HWMON_NAME - 2,
		 chip->address);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (weir_hwmon_find_chip(chips, n, names[i]) != which)
			continue;
		snprintf(chip->title, sizeof(chip->title), "%s", names[i]);
		return;
	}
}

int weir_hwmon_read_chips(const char *root, struct weir_hwmon_chip **chips)
{
	struct dirent **entry;
	int n = scandir(root, &entry, hwmon_is_chip, versionsort), found = 0;
	char dir[WEIR_SYSFS_PATH];

	*chips = NULL;
	if (n < 0)
		return errno == ENOMEM ? -ENOMEM : 0;
	*chips = calloc((size_t)n + 1, sizeof(**chips));
	for (int i = 0; i < n; i++) {
		snprintf(dir, sizeof(dir), "%.200s/%.40s", root, entry[i]->d_name);
		/* A chip that goes away just now is not there. */
		if (*chips && found < WEIR_HWMON_MAX && !weir_hwmon_read_chip(dir, &(*chips)[found]))
			found++;
		free(entry[i]);
	}
	free(entry);
	for (int i = 0; i < found; i++)
		hwmon_entitle(*chips, found, i);
	return *chips ? found : -ENOMEM;
}

/* ------------------------------------------------------------------- a channel */

/* A file of the chip, such as "temp1_max": its channel is the one before the underscore. */
static int hwmon_find_file(const struct weir_hwmon_chip *chip, const char *word, char *file)
{
	for (uint32_t i = 0; i < chip->n_channels; i++) {
		size_t length = strlen(chip->channel[i].id);

		if (strncmp(word, chip->channel[i].id, length) || word[length] != '_' || strchr(word, '/') ||
		    strlen(word) >= sizeof(chip->channel[i].file) || !weir_sysfs_has(chip->dir, word))
			continue;
		strcpy(file, word);
		return (int)i;
	}
	return -ENOENT;
}

int weir_hwmon_find_channel(const struct weir_hwmon_chip *chip, const char *word, char *file)
{
	enum weir_fit best = WEIR_FIT_NONE;
	int found = hwmon_find_file(chip, word, file);
	uint32_t rivals = 0;

	if (found >= 0)
		return found;
	for (uint32_t i = 0; i < chip->n_channels; i++) {
		enum weir_fit fit = weir_iio_fit_channel(chip->channel[i].id, chip->channel[i].label, word);

		/* A mere "1" would be temp1 here and in1 there. */
		if (fit < WEIR_FIT_WHOLE && fit != WEIR_FIT_BEGINNING)
			continue;
		if (fit < best)
			continue;
		rivals = fit > best ? 1 : rivals + 1;
		best = fit;
		found = (int)i;
	}
	if (rivals > 1)
		return -ENOTUNIQ;
	if (found >= 0)
		strcpy(file, chip->channel[found].file);
	return found;
}
