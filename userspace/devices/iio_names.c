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

/* A type alone stands for every channel of it, and a name for the same name with something behind it. */
static bool is_beginning(const char *id, const char *word)
{
	size_t length = strlen(word);

	if (!length || strncmp(id, word, length) || strchr(id, '-'))
		return false;
	return id[length] == '_' || (isdigit((unsigned char)id[length]) && !isdigit((unsigned char)word[length - 1]));
}

static enum weir_fit fit_id(const char *id, const char *word)
{
	if (!strcmp(id, word))
		return WEIR_FIT_EXACT;
	if (same_name(id, word))
		return WEIR_FIT_WHOLE;
	if (*word && !strcmp(suffix(id), word))
		return strchr(id, '-') ? WEIR_FIT_DIFFERENCE_SUFFIX : WEIR_FIT_SUFFIX;
	return is_beginning(id, word) ? WEIR_FIT_BEGINNING : WEIR_FIT_NONE;
}

enum weir_fit weir_iio_fit_channel(const char *id, const char *label, const char *word)
{
	size_t direction = !strncmp(word, "in_", 3) ? 3 : !strncmp(word, "out_", 4) ? 4 : 0;
	enum weir_fit fit = fit_id(id, word), spelt = fit_id(id, word + direction);

	if (*label && !strcmp(label, word))
		fit = fit == WEIR_FIT_EXACT ? fit : WEIR_FIT_LABEL;
	else if (*label && fit < WEIR_FIT_WHOLE && same_name(label, word))
		fit = WEIR_FIT_WHOLE;
	/* Behind "in_" stands a name of sysfs: a whole one, or the beginning of one. */
	if (direction && (spelt >= WEIR_FIT_WHOLE || spelt == WEIR_FIT_BEGINNING) && spelt > fit)
		fit = spelt;
	return fit;
}

const char *weir_iio_split_attribute(const char *word, char *channel, size_t size)
{
	static const char *const attributes[] = { "raw", "input" };
	const char *last = strrchr(word, '_');

	snprintf(channel, size, "%s", word);
	for (size_t i = 0; last && last > word && i < sizeof(attributes) / sizeof(*attributes); i++) {
		if (strcmp(last + 1, attributes[i]))
			continue;
		snprintf(channel, size, "%.*s", (int)(last - word), word);
		return attributes[i];
	}
	return "";
}

void weir_iio_field_name(const char *id, char *name, size_t size)
{
	snprintf(name, size, "%s%s", isdigit((unsigned char)*id) ? "_" : "", id);
	for (; *name; name++)
		if (!isalnum((unsigned char)*name))
			*name = '_';
}

/* NAME@ADDRESS */
static bool is_at_address(const char *name, const char *address, const char *word)
{
	size_t length = strlen(name);

	return length && *address && !strncmp(name, word, length) && word[length] == '@' &&
	       !strcmp(word + length + 1, address);
}

bool weir_iio_fits_device(const struct weir_iio_names *names, const char *word)
{
	const char *number = names->id + strcspn(names->id, "0123456789");

	if (!*word)
		return false;
	return !strcmp(names->id, word) || !strcmp(number, word) || !strcmp(names->name, word) ||
	       !strcmp(names->chip, word) || !strcmp(names->label, word) || !strcmp(names->address, word) ||
	       is_at_address(names->chip, names->address, word) || is_at_address(names->name, names->address, word) ||
	       is_at_address(names->label, names->address, word);
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

void weir_iio_print_rate(double hz, char *text, size_t size)
{
	size_t length;

	snprintf(text, size, "%.6f", hz);
	length = strlen(text);
	while (length && text[length - 1] == '0')
		length--;
	length -= length && text[length - 1] == '.';
	text[length] = '\0';
}

/* "[least step most]": the multiple of step above least that is nearest. */
static int nearest_in_range(const char *available, double hz, char *text, size_t size)
{
	double least, step, most, steps;

	if (sscanf(available, "[%lf %lf %lf", &least, &step, &most) != 3)
		return -EINVAL;
	hz = fmin(fmax(hz, least), most);
	steps = step > 0 ? fmin(round((hz - least) / step), floor((most - least) / step + 1e-9)) : 0;
	weir_iio_print_rate(step > 0 ? least + steps * step : hz, text, size);
	return 0;
}

#define BLANKS " \t\n,"

int weir_iio_nearest_rate(const char *available, double hz, char *text, size_t size)
{
	double best = INFINITY;
	int length;

	available += strspn(available, BLANKS);
	if (*available == '[')
		return nearest_in_range(available, hz, text, size);
	for (; *available; available += length, available += strspn(available, BLANKS)) {
		char *end;
		double rate = strtod(available, &end);

		length = (int)strcspn(available, BLANKS);
		if (end != available + length || fabs(rate - hz) >= best)
			continue;
		best = fabs(rate - hz);
		snprintf(text, size, "%.*s", length, available);
	}
	return best == INFINITY ? -EINVAL : 0;
}
