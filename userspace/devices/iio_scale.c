/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/iio_scale.h"

static int scale_open_file(const char *dir, const char *file)
{
	char path[WEIR_SYSFS_PATH + WEIR_IIO_FILE_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return *file ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/* A channel without the attribute keeps the number. */
static int scale_read_number(const char *file, int fd, double *number)
{
	char text[64], *end;
	ssize_t n;
	double value;

	if (!*file)
		return 0;
	if (fd < 0)
		return -EACCES;
	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	value = strtod(text, &end);
	if (end == text || !isfinite(value))
		return -EINVAL;
	*number = value;
	return 0;
}

/* Nothing changes unless both could be read. */
static bool scale_read(struct weir_iio_scale *scale)
{
	double factor = scale->scale, offset = scale->offset;
	bool has_changed;

	scale->err = scale_read_number(scale->scale_file, scale->scale_fd, &factor);
	if (!scale->err)
		scale->err = scale_read_number(scale->offset_file, scale->offset_fd, &offset);
	if (!scale->err && factor == 0)
		scale->err = -ERANGE;
	if (scale->err)
		return false;
	has_changed = factor != scale->scale || offset != scale->offset;
	scale->scale = factor;
	scale->offset = offset;
	return has_changed;
}

uint32_t weir_iio_scales_add(struct weir_iio_scales *scales, const char *dir, const struct weir_iio_channel *channel)
{
	struct weir_iio_scale *scale = &scales->scale[scales->n];

	*scale = (struct weir_iio_scale){ .scale = 1 };
	weir_iio_channel_file(dir, channel, "scale", scale->scale_file);
	weir_iio_channel_file(dir, channel, "offset", scale->offset_file);
	for (uint32_t i = 0; i < scales->n; i++)
		if (!strcmp(scales->scale[i].scale_file, scale->scale_file) &&
		    !strcmp(scales->scale[i].offset_file, scale->offset_file))
			return i;
	scale->scale_fd = scale_open_file(dir, scale->scale_file);
	scale->offset_fd = scale_open_file(dir, scale->offset_file);
	scale_read(scale);
	return scales->n++;
}

bool weir_iio_scales_read(struct weir_iio_scales *scales)
{
	bool has_changed = false;

	for (uint32_t i = 0; i < scales->n; i++)
		has_changed |= scale_read(&scales->scale[i]);
	return has_changed;
}

void weir_iio_scales_close(struct weir_iio_scales *scales)
{
	for (uint32_t i = 0; i < scales->n; i++) {
		if (scales->scale[i].scale_fd >= 0)
			close(scales->scale[i].scale_fd);
		if (scales->scale[i].offset_fd >= 0)
			close(scales->scale[i].offset_fd);
	}
	scales->n = 0;
}
