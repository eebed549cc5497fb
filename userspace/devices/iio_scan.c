/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devices/iio_scan.h"

static bool is_storage(uint32_t bits)
{
	return bits == 8 || bits == 16 || bits == 32 || bits == 64;
}

/* A stored float is the value itself to the rest of weir: scale and offset would be passed over. */
static bool is_sound_float(const struct weir_iio_element *element)
{
	return element->storage >= 32 && element->bits == element->storage && element->scale == 1 &&
	       element->offset == 0;
}

static bool is_sound(const struct weir_iio_element *element)
{
	return is_storage(element->storage) && element->bits >= 1 &&
	       element->bits + element->shift <= element->storage && element->repeat >= 1 &&
	       element->repeat <= WEIR_FIELDS_MAX && (!element->is_float || is_sound_float(element));
}

static uint32_t size_of(const struct weir_iio_element *element)
{
	return element->storage / 8 * element->repeat;
}

static uint32_t round_up(uint32_t value, uint32_t to)
{
	return (value + to - 1) / to * to;
}

/* The element that follows `after` in a scan, or n. */
static uint32_t next_by_index(const struct weir_iio_element *element, uint32_t n, long after)
{
	uint32_t best = n;

	for (uint32_t i = 0; i < n; i++)
		if (element[i].index > after && (best == n || element[i].index < element[best].index))
			best = i;
	return best;
}

/* Fills at[i] for each element; returns the row's size. */
static uint32_t place_all(const struct weir_iio_element *element, uint32_t n, uint32_t timestamp_bytes, uint32_t *at)
{
	uint32_t bytes = 0, largest = timestamp_bytes;
	long index = -1;

	for (uint32_t i; (i = next_by_index(element, n, index)) < n; index = element[i].index) {
		uint32_t size = size_of(&element[i]);

		at[i] = round_up(bytes, size);
		bytes = at[i] + size;
		largest = size > largest ? size : largest;
	}
	bytes = round_up(bytes, timestamp_bytes) + timestamp_bytes;
	return round_up(bytes, largest);
}

static struct weir_field describe(const struct weir_iio_element *element, uint32_t at)
{
	struct weir_field field = {
		.kind = WEIR_REAL,
		.at = at,
		.bytes = element->storage / 8,
		.bits = (uint8_t)element->bits,
		.shift = (uint8_t)element->shift,
		.is_signed = element->is_signed,
		.is_big_endian = element->is_big_endian,
		.is_float = element->is_float,
		.scale = element->scale,
		.offset = element->offset,
	};

	memcpy(field.unit, element->unit, sizeof(field.unit));
	return field;
}

static int add_fields(struct weir_schema *out, const struct weir_iio_element *element, uint32_t at)
{
	for (uint32_t i = 0; i < element->repeat; i++) {
		struct weir_field field = describe(element, at + i * element->storage / 8);
		int length;

		if (out->n_fields == WEIR_FIELDS_MAX)
			return -E2BIG;
		if (element->repeat == 1)
			length = snprintf(field.name, sizeof(field.name), "%s", element->name);
		else
			length = snprintf(field.name, sizeof(field.name), "%s_%u", element->name, i);
		if (length >= (int)sizeof(field.name))
			return -E2BIG;
		out->field[out->n_fields++] = field;
	}
	return 0;
}

int weir_iio_layout(struct weir_schema *out, enum weir_clock clock, const struct weir_iio_element *element, uint32_t n,
		    const struct weir_iio_element *timestamp)
{
	uint32_t at[WEIR_FIELDS_MAX];
	int err = 0;

	if (n > WEIR_FIELDS_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < n; i++)
		if (!is_sound(&element[i]))
			return -EINVAL;
	if (!is_sound(timestamp) || size_of(timestamp) != 8)
		return -EINVAL;
	weir_schema_init(out, clock);
	out->n_fields = 0;
	out->row_bytes = place_all(element, n, size_of(timestamp), at);
	/* iio_push_to_buffers_with_timestamp() writes to the last 8 bytes, even where a larger element pads the row. */
	out->t = describe(timestamp, out->row_bytes - 8);
	strcpy(out->t.name, "t");
	strcpy(out->t.unit, "ns");
	out->t.kind = WEIR_INT;
	out->t.scale = 1;
	out->t.offset = 0;
	for (uint32_t i = 0; i < n && !err; i++)
		if (element[i].shown)
			err = add_fields(out, &element[i], at[i]);
	return err ? err : out->row_bytes > WEIR_ROW_MAX ? -E2BIG : 0;
}
