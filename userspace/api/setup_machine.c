/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drivers by the lists that depmod writes, devices by sysfs: nothing is loaded, and no bus is accessed. */
#include <dirent.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "api/setup_parts.h"

#define LINE_BYTES 1024

/* -------------------------------------------------------------------- the kernel */

/* In file names of modules - and _ are the same. */
static bool setup_is_module(const char *path, const char *driver)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	for (; *driver; name++, driver++)
		if (*name != *driver && !((*name == '-' || *name == '_') && (*driver == '-' || *driver == '_')))
			return false;
	return !strncmp(name, ".ko", 3);
}

/* 1: a line names the module; 0: none does; -1: there is no such file. Behind a colon are the modules that it needs. */
static int setup_list_has(const char *directory, const char *list, const char *driver)
{
	char path[PATH_MAX], line[LINE_BYTES];
	FILE *file;
	int found = 0;
	bool is_begun = true;

	snprintf(path, sizeof(path), "%s/%s", directory, list);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (!found && fgets(line, sizeof(line), file)) {
		bool is_whole = strchr(line, '\n');

		line[strcspn(line, ":\n")] = '\0';
		found = is_begun && setup_is_module(line, driver);
		is_begun = is_whole;
	}
	fclose(file);
	return found;
}

static int setup_is_release(const struct dirent *entry)
{
	return *entry->d_name != '.';
}

/* The modules of the running kernel, or of the newest one of another system. */
static bool setup_find_modules(const char *root, char directory[PATH_MAX], char release[NAME_MAX])
{
	struct utsname running;
	struct dirent **entry;
	int n;

	*release = '\0';
	if (!uname(&running))
		snprintf(release, NAME_MAX, "%.64s", running.release);
	snprintf(directory, PATH_MAX, "%s/lib/modules/%s", root, release);
	if (!access(directory, X_OK) || !*root)
		return !access(directory, X_OK);
	snprintf(directory, PATH_MAX, "%s/lib/modules", root);
	n = scandir(directory, &entry, setup_is_release, versionsort);
	for (int i = 0; i < n; i++) {
		if (i == n - 1) {
			snprintf(release, NAME_MAX, "%.200s", entry[i]->d_name);
			snprintf(directory, PATH_MAX, "%s/lib/modules/%s", root, release);
		}
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	return n > 0;
}

static bool setup_is_older(const char *release, const char *since)
{
	int major = 0, minor = 0, wanted = 0, wanted_minor = 0;

	sscanf(release, "%d.%d", &major, &minor);
	sscanf(since, "%d.%d", &wanted, &wanted_minor);
	return major < wanted || (major == wanted && minor < wanted_minor);
}

enum weir_setup_driver weir_setup_find_driver(const struct weir_chip *chip, const char *root, char release[NAME_MAX])
{
	char directory[PATH_MAX];
	bool has_lists = setup_find_modules(root, directory, release);
	int built_in, module;

	if (!strcmp(chip->driver, "-"))
		return WEIR_SETUP_NOT_NEEDED;
	if (!has_lists)
		return WEIR_SETUP_UNKNOWN;
	built_in = setup_list_has(directory, "modules.builtin", chip->driver);
	module = setup_list_has(directory, "modules.dep", chip->driver);
	if (built_in < 0 && module < 0)
		return WEIR_SETUP_UNKNOWN;
	if (built_in <= 0 && module <= 0)
		return WEIR_SETUP_NO_DRIVER;
	if (chip->since && setup_is_older(release, chip->since))
		return WEIR_SETUP_TOO_OLD;
	return built_in > 0 ? WEIR_SETUP_BUILT_IN : WEIR_SETUP_MODULE;
}

/* ---------------------------------------------------------------------- devices */

static void setup_read_name(const char *directory, const char *file, char name[NAME_MAX])
{
	char path[PATH_MAX];
	FILE *stream;

	*name = '\0';
	snprintf(path, sizeof(path), "%s/%s", directory, file);
	stream = fopen(path, "re");
	if (!stream)
		return;
	if (!fgets(name, NAME_MAX, stream))
		*name = '\0';
	name[strcspn(name, "\n")] = '\0';
	fclose(stream);
}

/* The first of the directories whose file, or whose own name, is of the chip; `needs` is a file that it must have. */
static bool setup_find_one(const struct weir_chip *chip, const char *root, const char *pattern, const char *file,
			   const char *needs, char place[NAME_MAX])
{
	char path[PATH_MAX], name[NAME_MAX];
	glob_t found;
	bool is_found = false;

	snprintf(path, sizeof(path), "%s%s", root, pattern);
	if (glob(path, 0, NULL, &found))
		return false;
	for (size_t i = 0; i < found.gl_pathc && !is_found; i++) {
		const char *last = strrchr(found.gl_pathv[i], '/') + 1;

		if (file)
			setup_read_name(found.gl_pathv[i], file, name);
		else
			snprintf(name, sizeof(name), "%.200s", last);
		snprintf(path, sizeof(path), "%s/%s", found.gl_pathv[i], needs ? needs : "");
		is_found = weir_catalogue_lists(chip->sysfs, name) && !access(path, F_OK);
		if (is_found)
			snprintf(place, NAME_MAX, "%.200s", last);
	}
	globfree(&found);
	return is_found;
}

/* Where the devices of a subsystem are, and the file with their names; NULL: the name of the directory. */
static const struct setup_class {
	const char *subsystem, *pattern, *file;
} setup_classes[] = {
	{ "iio", "/sys/bus/iio/devices/iio:device*", "name" },
	{ "hwmon", "/sys/class/hwmon/hwmon*", "name" },
	{ "w1", "/sys/bus/w1/devices/*", NULL },
	{ "input", "/sys/class/input/input*", "name" },
	{ "can", "/sys/class/net/can*", NULL },
	{ "thermal", "/sys/class/thermal/thermal_zone*", "type" },
	{ "v4l2", "/sys/class/video4linux/video*", "name" },
};

enum weir_setup_device weir_setup_find_device(const struct weir_chip *chip, const char *root, char place[NAME_MAX])
{
	static const char *const buses[] = { "/sys/bus/i2c/devices/*-*", "/sys/bus/spi/devices/spi*" };
	static const char *const files[] = { "name", "modalias" };
	const struct setup_class *class = NULL;

	*place = '\0';
	for (size_t i = 0; i < sizeof(setup_classes) / sizeof(*setup_classes); i++)
		if (!strcmp(setup_classes[i].subsystem, chip->subsystem))
			class = &setup_classes[i];
	if (!class)
		return WEIR_SETUP_SILENT;
	if (setup_find_one(chip, root, class->pattern, class->file, NULL, place))
		return WEIR_SETUP_BOUND;
	for (size_t i = 0; i < 2; i++)
		if (setup_find_one(chip, root, buses[i], files[i], "driver", place))
			return WEIR_SETUP_BOUND;
	for (size_t i = 0; i < 2; i++)
		if (setup_find_one(chip, root, buses[i], files[i], NULL, place))
			return WEIR_SETUP_DECLARED;
	return WEIR_SETUP_ABSENT;
}
