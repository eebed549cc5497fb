/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "devices/video_picture.h"

static uint64_t sum_row(const uint8_t *luma, uint32_t step, uint32_t n)
{
	uint64_t sum = 0;

	if (step == 1)
		for (uint32_t i = 0; i < n; i++)
			sum += luma[i];
	else
		for (uint32_t i = 0; i < n; i++)
			sum += luma[2 * (size_t)i];
	return sum;
}

static uint32_t bound(uint32_t k, uint32_t n, uint32_t pixels)
{
	return (uint32_t)((uint64_t)k * pixels / n);
}

static uint64_t sum_cell(const struct weir_video_shape *shape, const uint8_t *bytes, uint32_t left, uint32_t right,
			 uint32_t top, uint32_t bottom)
{
	const uint8_t *first = bytes + shape->format->luma + (size_t)left * shape->format->step;
	uint64_t sum = 0;

	for (uint32_t y = top; y < bottom; y++)
		sum += sum_row(first + (size_t)y * shape->stride, shape->format->step, right - left);
	return sum;
}

double weir_video_cells(const struct weir_video_shape *shape, const uint8_t *bytes, uint32_t columns, uint32_t rows,
			double *cell)
{
	uint64_t total = 0;

	for (uint32_t k = 0; k < columns * rows; k++) {
		uint32_t column = k % columns, row = k / columns;
		uint32_t left = bound(column, columns, shape->width), right = bound(column + 1, columns, shape->width);
		uint32_t top = bound(row, rows, shape->height), bottom = bound(row + 1, rows, shape->height);
		uint64_t sum = sum_cell(shape, bytes, left, right, top, bottom);

		cell[k] = (double)sum / ((double)(right - left) * (bottom - top));
		total += sum;
	}
	return (double)total / ((double)shape->width * shape->height);
}

/* ------------------------------------------------------------------- pictures */

#define HEADER_MAX 64

size_t weir_video_picture_max(const struct weir_video_shape *shape)
{
	return HEADER_MAX + (size_t)shape->width * shape->height * 3;
}

static uint8_t clip(int value)
{
	return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* BT.601, brightness from 16 to 235 and differences from 16 to 240, in 256ths. */
static uint8_t *put_pixel(uint8_t *to, int y, int blue, int red)
{
	int level = 298 * (y - 16) + 128;

	blue -= 128;
	red -= 128;
	*to++ = clip((level + 409 * red) >> 8);
	*to++ = clip((level - 100 * blue - 208 * red) >> 8);
	*to++ = clip((level + 516 * blue) >> 8);
	return to;
}

/* A pair of pixels is four bytes, in which brightness and colour take turns. */
static uint8_t *put_colour_row(uint8_t *to, const struct weir_video_shape *shape, const uint8_t *row)
{
	const uint8_t *luma = row + shape->format->luma, *colour = row + 1 - shape->format->luma;

	for (uint32_t x = 0; x < shape->width; x++) {
		size_t pair = x / 2 * 4;

		to = put_pixel(to, luma[2 * (size_t)x], colour[pair], colour[pair + 2]);
	}
	return to;
}

static uint8_t *put_grey_row(uint8_t *to, const struct weir_video_shape *shape, const uint8_t *row)
{
	for (uint32_t x = 0; x < shape->width; x++)
		*to++ = row[shape->format->luma + (size_t)x * shape->format->step];
	return to;
}

size_t weir_video_encode(const struct weir_video_shape *shape, const uint8_t *bytes, uint8_t *picture)
{
	bool has_colour = shape->format->has_colour;
	uint8_t *to = picture + snprintf((char *)picture, HEADER_MAX, "P%d\n%u %u\n255\n", has_colour ? 6 : 5,
					 shape->width, shape->height);

	for (uint32_t y = 0; y < shape->height; y++) {
		const uint8_t *row = bytes + (size_t)y * shape->stride;

		to = has_colour ? put_colour_row(to, shape, row) : put_grey_row(to, shape, row);
	}
	return (size_t)(to - picture);
}
