/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/iio_names.h"

/* Equal, where `_` in the word stands for any character that is not one of a name. */
static bool same_name(const char *id, const char *word)
{
	for (; *id && *word; id++, word++)
		if (*id != *word && (*word != '_' || isalnum((unsigned char)*id)))
			return false;
	return !*id && !*word;
}

/* What a channel is called among its like: "x" of accel_x, "0" of voltage0. */
static const char *suffix(const char *id)
{
	const char *last = strrchr(id, '_');
	const char *digits = id + strlen(id);

	if (last)
		return last + 1;
	while (digits > id && isdigit((unsigned char)digits[-1]))
		digits--;
	return digits;
}

enum weir_fit weir_iio_fit_channel(const char *id, const char *word)
{
	if (same_name(id, word) || (!strncmp(word, "in_", 3) && same_name(id, word + 3)))
		return WEIR_FIT_WHOLE;
	return *word && !strcmp(suffix(id), word) ? WEIR_FIT_SUFFIX : WEIR_FIT_NONE;
}

void weir_iio_field_name(const char *id, char *name, size_t size)
{
	snprintf(name, size, "%s%s", isdigit((unsigned char)*id) ? "_" : "", id);
	for (; *name; name++)
		if (!isalnum((unsigned char)*name))
			*name = '_';
}

bool weir_iio_fits_device(const char *id, const char *name, const char *label, const char *word)
{
	const char *index = id + strcspn(id, "0123456789");

	return !strcmp(id, word) || !strcmp(index, word) || (name && !strcmp(name, word)) ||
	       (label && !strcmp(label, word));
}

const char *weir_iio_unit(const char *id)
{
	/* Longer names before those that they begin with. */
	static const struct {
		const char *type, *unit;
	} table[] = {
		{ "accel", "m/s^2" },
		{ "activity", "%" },
		{ "altvoltage", "mV" },
		{ "anglvel", "rad/s" },
		{ "angl", "rad" },
		{ "capacitance", "nF" },
		{ "cct", "K" },
		{ "concentration", "%" },
		{ "current", "mA" },
		{ "distance", "m" },
		{ "electricalconductivity", "S/m" },
		{ "energy", "J" },
		{ "gravity", "m/s^2" },
		{ "humidityrelative", "m%" },
		{ "illuminance", "lx" },
		{ "incli", "deg" },
		{ "magn", "G" },
		{ "massconcentration", "ug/m^3" },
		{ "phase", "rad" },
		{ "power", "mW" },
		{ "pressure", "kPa" },
		{ "proximity", "m" },
		{ "resistance", "Ohm" },
		{ "temp", "m°C" },
		{ "velocity", "m/s" },
		{ "voltage", "mV" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strncmp(id, table[i].type, strlen(table[i].type)))
			return table[i].unit;
	return "";
}

/* "[least step most]": the multiple of step above least that is nearest. */
static int nearest_in_range(const char *available, double hz, char *text, size_t size)
{
	double least, step, most, steps;

	if (sscanf(available, "[%lf %lf %lf", &least, &step, &most) != 3)
		return -EINVAL;
	steps = step > 0 ? round((hz - least) / step) : 0;
	hz = fmin(fmax(least + steps * step, least), most);
	snprintf(text, size, "%.9g", hz);
	return 0;
}

int weir_iio_nearest_rate(const char *available, double hz, char *text, size_t size)
{
	double best = INFINITY;
	int length;

	available += strspn(available, " ");
	if (*available == '[')
		return nearest_in_range(available, hz, text, size);
	for (; *available; available += length, available += strspn(available, " ")) {
		char *end;
		double rate = strtod(available, &end);

		length = (int)strcspn(available, " ");
		if (end != available + length || fabs(rate - hz) >= best)
			continue;
		best = fabs(rate - hz);
		snprintf(text, size, "%.*s", length, available);
	}
	return best == INFINITY ? -EINVAL : 0;
}
