/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/released.h"

#define CHIPS_MAX 64
#define ANCESTORS_MAX 4
#define DRIVER_MAX 64

struct chip {
	char name[32];
	char driver[DRIVER_MAX]; /* empty: none is known */
};

/* The driver's name, of the device that the chip is a part of. */
static void chip_read_driver(struct chip *chip, const char *sys)
{
	char path[PATH_MAX], link[PATH_MAX + 16], target[PATH_MAX];

	snprintf(link, sizeof(link), "%s/bus/gpio/devices/%s", sys, chip->name);
	if (!realpath(link, path))
		return;
	for (int i = 0; i < ANCESTORS_MAX && strchr(path, '/'); i++) {
		ssize_t n;

		*strrchr(path, '/') = '\0';
		snprintf(link, sizeof(link), "%s/driver", path);
		n = readlink(link, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		snprintf(chip->driver, sizeof(chip->driver), "%.63s",
			 strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
		return;
	}
}

/* The parameter persist_gpio_outputs of the driver's module: 'Y', 'N', or 0 where there is none. */
static char driver_persists(const char *sys, const char *driver)
{
	char module[DRIVER_MAX], path[PATH_MAX], answer = 0;
	FILE *file;

	snprintf(module, sizeof(module), "%s", driver);
	for (char *c = module; *c; c++)
		if (*c == '-')
			*c = '_';
	snprintf(path, sizeof(path), "%s/module/%s/parameters/persist_gpio_outputs", sys, module);
	file = *driver ? fopen(path, "re") : NULL;
	if (!file)
		return 0;
	if (fread(&answer, 1, 1, file) != 1)
		answer = 0;
	fclose(file);
	return answer == '1' ? 'Y' : answer == '0' ? 'N' : answer;
}

static const char *driver_does(char persists)
{
	switch (persists) {
	case 0:
		return "a released line is left to the driver; see docs/safety.md";
	case 'Y':
		return "a released line keeps its last level (persist_gpio_outputs=Y)";
	default:
		return "a released line becomes an input (persist_gpio_outputs=N): fit a resistor that pulls each "
		       "output to its safe level";
	}
}

static int is_chip(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "gpiochip", strlen("gpiochip"));
}

static unsigned find_chips(const char *sys, struct chip *chip)
{
	struct dirent **entry;
	char path[PATH_MAX];
	unsigned n = 0;
	int found;

	snprintf(path, sizeof(path), "%s/bus/gpio/devices", sys);
	found = scandir(path, &entry, is_chip, versionsort);
	for (int i = 0; i < found; i++) {
		if (n < CHIPS_MAX) {
			chip[n] = (struct chip){ .driver = "" };
			snprintf(chip[n].name, sizeof(chip[n].name), "%.31s", entry[i]->d_name);
			chip_read_driver(&chip[n++], sys);
		}
		free(entry[i]);
	}
	if (found >= 0)
		free(entry);
	return n;
}

/* Chips of one driver stand together. */
static void print_driver(const char *sys, const struct chip *chip, unsigned n, unsigned first, FILE *out)
{
	const char *driver = chip[first].driver;

	fprintf(out, "%s (", *driver ? driver : "unknown driver");
	for (unsigned i = first; i < n; i++)
		if (!strcmp(chip[i].driver, driver))
			fprintf(out, "%s%s", i == first ? "" : ", ", chip[i].name);
	fprintf(out, "): %s", driver_does(driver_persists(sys, driver)));
}

static bool is_first_of_driver(const struct chip *chip, unsigned which)
{
	for (unsigned i = 0; i < which; i++)
		if (!strcmp(chip[i].driver, chip[which].driver))
			return false;
	return true;
}

unsigned weir_released_lines(const char *sys, char *text, size_t size)
{
	struct chip chip[CHIPS_MAX];
	unsigned n = find_chips(sys, chip);
	FILE *out = fmemopen(text, size, "w");

	if (!out)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		if (!is_first_of_driver(chip, i))
			continue;
		if (i)
			fputs("; ", out);
		print_driver(sys, chip, n, i, out);
	}
	fclose(out);
	text[size - 1] = '\0';
	return n;
}
