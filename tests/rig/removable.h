/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may be taken from a pipeline while it runs: a sensor on the HID bus, and a second simulated chip with the line EXTRA. */
#ifndef WEIR_RIG_REMOVABLE_H
#define WEIR_RIG_REMOVABLE_H

#include <glob.h>
#include <sys/stat.h>

#include "gpio_sim.h"

#define REMOVABLE_CHIP "/sys/kernel/config/gpio-sim/weir-extra"

static inline int sensor_is_there(void)
{
	glob_t names;
	int found = 0;

	if (glob("/sys/bus/iio/devices/iio:device*/name", 0, NULL, &names))
		return 0;
	for (size_t i = 0; i < names.gl_pathc && !found; i++) {
		char name[16] = "";
		int fd = open(names.gl_pathv[i], O_RDONLY | O_CLOEXEC);

		found = fd >= 0 && read(fd, name, sizeof(name) - 1) > 0 && !strcmp(name, "accel_3d\n");
		if (fd >= 0)
			close(fd);
	}
	globfree(&names);
	return found;
}

static inline int chip_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

/* All of these: 0 or -errno. */
static inline int chip_make(void)
{
	int err = chip_put(REMOVABLE_CHIP "/live", "0");

	/* EPERM: somebody has left it, removed already. */
	if (err != -ENOENT)
		return err == -EPERM ? 0 : err;
	if (mkdir(REMOVABLE_CHIP, 0755) || mkdir(REMOVABLE_CHIP "/bank0", 0755) ||
	    mkdir(REMOVABLE_CHIP "/bank0/line0", 0755))
		return -errno;
	err = chip_put(REMOVABLE_CHIP "/bank0/num_lines", "1");
	return err ? err : chip_put(REMOVABLE_CHIP "/bank0/line0/name", "EXTRA");
}

static inline int chip_insert(void)
{
	return chip_put(REMOVABLE_CHIP "/live", "1");
}

static inline int chip_remove(void)
{
	return chip_put(REMOVABLE_CHIP "/live", "0");
}

/* An edge up and one down on EXTRA, as soon as it is there. */
static inline void chip_feed(void)
{
	struct gpio_sim_line line;
	int fd = gpio_sim_find("EXTRA", &line);

	if (!fd)
		fd = gpio_sim_open(&line, "pull", O_WRONLY);
	if (fd < 0 || pwrite(fd, "pull-up", 7, 0) < 0 || pwrite(fd, "pull-down", 9, 0) < 0)
		return;
	close(fd);
}

#endif
