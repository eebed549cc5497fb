/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lines of simulated chips as gpio-sim shows them in sysfs: an input is
 * driven by its "pull", an output is seen in its "value".
 */
#ifndef WEIR_RIG_GPIO_SIM_H
#define WEIR_RIG_GPIO_SIM_H

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/gpio.h>
#include <sys/ioctl.h>

#define GPIO_SIM_PATH 128

struct gpio_sim_line {
	char chip[GPIO_SIM_PATH]; /* device node */
	char dir[GPIO_SIM_PATH];  /* in sysfs */
	unsigned int offset;
};

static int gpio_sim_describe(int fd, unsigned int offset, struct gpio_v2_line_info *info)
{
	memset(info, 0, sizeof(*info));
	info->offset = offset;
	return ioctl(fd, GPIO_V2_GET_LINEINFO_IOCTL, info) < 0 ? -errno : 0;
}

/* Finds @name, or an offset in decimal, on the open chip. */
static int gpio_sim_find_offset(int fd, const char *name, unsigned int *offset)
{
	struct gpio_v2_line_info info;
	char number[16];

	for (*offset = 0; !gpio_sim_describe(fd, *offset, &info); (*offset)++) {
		snprintf(number, sizeof(number), "%u", *offset);
		if (!strcmp(info.name, name) || !strcmp(number, name))
			return 0;
	}
	return -ENOENT;
}

static int gpio_sim_probe(const char *dir, const char *name, struct gpio_sim_line *line)
{
	int fd, ret;

	snprintf(line->chip, sizeof(line->chip), "/dev/%s", strrchr(dir, '/') + 1);
	fd = open(line->chip, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = gpio_sim_find_offset(fd, name, &line->offset);
	close(fd);
	if (!ret)
		snprintf(line->dir, sizeof(line->dir), "%s/sim_gpio%u", dir, line->offset);
	return ret;
}

/* Finds a line by name, or by offset on the first chip. Returns 0 or -errno. */
static int gpio_sim_find(const char *name, struct gpio_sim_line *line)
{
	glob_t chips;
	int ret = -ENODEV;

	if (!glob("/sys/devices/platform/gpio-sim.*/gpiochip*", 0, NULL, &chips))
		for (size_t i = 0; ret && i < chips.gl_pathc; i++)
			ret = gpio_sim_probe(chips.gl_pathv[i], name, line);
	globfree(&chips);
	return ret;
}

/* Opens the line's "pull" or "value". Returns a descriptor or -errno. */
static int gpio_sim_open(const struct gpio_sim_line *line, const char *attribute, int flags)
{
	char path[GPIO_SIM_PATH + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", line->dir, attribute);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

#endif
