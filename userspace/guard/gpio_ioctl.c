/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* By the kernel's own interface: a request that came as a descriptor is none of libgpiod's. */
#include <errno.h>
#include <linux/gpio.h>
#include <sys/ioctl.h>

#include "guard/protocol.h"

static uint64_t bits_of(uint32_t n, const double *value)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < n; i++)
		bits |= (uint64_t)(value[i] != 0) << i;
	return bits;
}

static uint64_t all(uint32_t n)
{
	return (UINT64_C(1) << n) - 1;
}

int weir_lines_set(int lines, uint32_t n, const double *value)
{
	struct gpio_v2_line_values values = { .bits = bits_of(n, value), .mask = all(n) };

	return ioctl(lines, GPIO_V2_LINE_SET_VALUES_IOCTL, &values) < 0 ? -errno : 0;
}

int weir_lines_configure(int lines, const struct weir_physical *what, const double *value)
{
	static const uint64_t drive[] = { 0, GPIO_V2_LINE_FLAG_OPEN_DRAIN, GPIO_V2_LINE_FLAG_OPEN_SOURCE };
	static const uint64_t bias[] = { 0, GPIO_V2_LINE_FLAG_BIAS_PULL_UP, GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN,
					 GPIO_V2_LINE_FLAG_BIAS_DISABLED };
	struct gpio_v2_line_config config = { .flags = GPIO_V2_LINE_FLAG_OUTPUT, .num_attrs = 1 };

	config.flags |= drive[what->drive % 3] | bias[what->bias % 4];
	config.flags |= what->active_low ? GPIO_V2_LINE_FLAG_ACTIVE_LOW : 0;
	config.attrs[0].mask = all(what->n);
	config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
	config.attrs[0].attr.values = bits_of(what->n, value);
	return ioctl(lines, GPIO_V2_LINE_SET_CONFIG_IOCTL, &config) < 0 ? -errno : 0;
}
