/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "core/internal.h"
#include "expr/letters.h"
#include "expr/measure.h"
#include "expr/unit.h"

#define DEGREE "\302\260"
#define OMEGA "\316\251"

/* What can be written behind a number. For each dimension the base unit, which is one of itself, stands first. A Greek u is
 * written as the Latin one: see compare(). */
static const struct weir_unit units[] = {
	{ "s", WEIR_DIM_TIME, 1, 1 },
	{ "ms", WEIR_DIM_TIME, 1, 1e3 },
	{ "us", WEIR_DIM_TIME, 1, 1e6 },
	{ "ns", WEIR_DIM_TIME, 1, 1e9 },
	{ "m", WEIR_DIM_TIME, 60, 1 },
	{ "h", WEIR_DIM_TIME, 3600, 1 },
	{ "d", WEIR_DIM_TIME, 86400, 1 },
	{ "Hz", WEIR_DIM_RATE, 1, 1 },
	{ "kHz", WEIR_DIM_RATE, 1e3, 1 },
	{ "MHz", WEIR_DIM_RATE, 1e6, 1 },
	{ "B", WEIR_DIM_SIZE, 1, 1 },
	{ "kB", WEIR_DIM_SIZE, 1e3, 1 },
	{ "MB", WEIR_DIM_SIZE, 1e6, 1 },
	{ "GB", WEIR_DIM_SIZE, 1e9, 1 },
	{ "KiB", WEIR_DIM_SIZE, 1024, 1 },
	{ "MiB", WEIR_DIM_SIZE, 1024 * 1024, 1 },
	{ "GiB", WEIR_DIM_SIZE, 1024 * 1024 * 1024, 1 },
	{ "mm", WEIR_DIM_LENGTH, 1, 1e3 },
	{ "cm", WEIR_DIM_LENGTH, 1, 1e2 },
	{ "km", WEIR_DIM_LENGTH, 1e3, 1 },
	{ "m/s", WEIR_DIM_VELOCITY, 1, 1 },
	{ "mm/s", WEIR_DIM_VELOCITY, 1, 1e3 },
	{ "km/h", WEIR_DIM_VELOCITY, 1e3, 3600 },
	{ "m/s^2", WEIR_DIM_ACCELERATION, 1, 1 },
	{ "mm/s^2", WEIR_DIM_ACCELERATION, 1, 1e3 },
	{ "rad", WEIR_DIM_ANGLE, 1, 1 },
	{ "mrad", WEIR_DIM_ANGLE, 1, 1e3 },
	{ "deg", WEIR_DIM_ANGLE, M_PI, 180 },
	{ DEGREE, WEIR_DIM_ANGLE, M_PI, 180 },
	{ "rad/s", WEIR_DIM_ANGULAR_VELOCITY, 1, 1 },
	{ "deg/s", WEIR_DIM_ANGULAR_VELOCITY, M_PI, 180 },
	{ DEGREE "/s", WEIR_DIM_ANGULAR_VELOCITY, M_PI, 180 },
	{ "V", WEIR_DIM_VOLTAGE, 1, 1 },
	{ "kV", WEIR_DIM_VOLTAGE, 1e3, 1 },
	{ "mV", WEIR_DIM_VOLTAGE, 1, 1e3 },
	{ "uV", WEIR_DIM_VOLTAGE, 1, 1e6 },
	{ "A", WEIR_DIM_CURRENT, 1, 1 },
	{ "mA", WEIR_DIM_CURRENT, 1, 1e3 },
	{ "uA", WEIR_DIM_CURRENT, 1, 1e6 },
	{ "W", WEIR_DIM_POWER, 1, 1 },
	{ "kW", WEIR_DIM_POWER, 1e3, 1 },
	{ "mW", WEIR_DIM_POWER, 1, 1e3 },
	{ "uW", WEIR_DIM_POWER, 1, 1e6 },
	{ "J", WEIR_DIM_ENERGY, 1, 1 },
	{ "kJ", WEIR_DIM_ENERGY, 1e3, 1 },
	{ "mJ", WEIR_DIM_ENERGY, 1, 1e3 },
	{ "Wh", WEIR_DIM_ENERGY, 3600, 1 },
	{ "kWh", WEIR_DIM_ENERGY, 3.6e6, 1 },
	{ "Ohm", WEIR_DIM_RESISTANCE, 1, 1 },
	{ "kOhm", WEIR_DIM_RESISTANCE, 1e3, 1 },
	{ "MOhm", WEIR_DIM_RESISTANCE, 1e6, 1 },
	{ OMEGA, WEIR_DIM_RESISTANCE, 1, 1 },
	{ "k" OMEGA, WEIR_DIM_RESISTANCE, 1e3, 1 },
	{ "M" OMEGA, WEIR_DIM_RESISTANCE, 1e6, 1 },
	{ "F", WEIR_DIM_CAPACITANCE, 1, 1 },
	{ "uF", WEIR_DIM_CAPACITANCE, 1, 1e6 },
	{ "nF", WEIR_DIM_CAPACITANCE, 1, 1e9 },
	{ "pF", WEIR_DIM_CAPACITANCE, 1, 1e12 },
	{ "S/m", WEIR_DIM_CONDUCTIVITY, 1, 1 },
	{ "mS/m", WEIR_DIM_CONDUCTIVITY, 1, 1e3 },
	{ "uS/cm", WEIR_DIM_CONDUCTIVITY, 1, 1e4 },
	{ "T", WEIR_DIM_MAGNETIC, 1, 1 },
	{ "mT", WEIR_DIM_MAGNETIC, 1, 1e3 },
	{ "uT", WEIR_DIM_MAGNETIC, 1, 1e6 },
	{ "G", WEIR_DIM_MAGNETIC, 1, 1e4 },
	{ "mG", WEIR_DIM_MAGNETIC, 1, 1e7 },
	{ DEGREE "C", WEIR_DIM_CELSIUS, 1, 1 },
	{ "m" DEGREE "C", WEIR_DIM_CELSIUS, 1, 1e3 },
	{ "C", WEIR_DIM_CELSIUS, 1, 1 },
	{ "K", WEIR_DIM_KELVIN, 1, 1 },
	{ "lx", WEIR_DIM_ILLUMINANCE, 1, 1 },
	{ "klx", WEIR_DIM_ILLUMINANCE, 1e3, 1 },
	{ "Pa", WEIR_DIM_PRESSURE, 1, 1 },
	{ "hPa", WEIR_DIM_PRESSURE, 1e2, 1 },
	{ "kPa", WEIR_DIM_PRESSURE, 1e3, 1 },
	{ "MPa", WEIR_DIM_PRESSURE, 1e6, 1 },
	{ "mbar", WEIR_DIM_PRESSURE, 1e2, 1 },
	{ "bar", WEIR_DIM_PRESSURE, 1e5, 1 },
	{ "%", WEIR_DIM_PERCENTAGE, 1, 1 },
	{ "m%", WEIR_DIM_PERCENTAGE, 1, 1e3 },
	{ "ug/m^3", WEIR_DIM_MASS_CONCENTRATION, 1, 1 },
	{ "mg/m^3", WEIR_DIM_MASS_CONCENTRATION, 1e3, 1 },
};
#define N_UNITS (sizeof(units) / sizeof(units[0]))

/* Behind a number `m` is the minute. */
static const struct weir_unit metre = { "m", WEIR_DIM_LENGTH, 1, 1 };

static const struct weir_unit week = { "w", WEIR_DIM_TIME, 7 * 86400, 1 };

bool weir_unit_is_week(const struct weir_unit *unit)
{
	return unit == &week;
}

/* The length of the unit's name in `text`, which may begin with either of the two Greek mu for a u; 0 when it is another. */
static uint32_t compare(const char *text, const char *name)
{
	bool is_greek = name[0] == 'u' && (!strncmp(text, "\302\265", 2) || !strncmp(text, "\316\274", 2));
	size_t length = strlen(name);

	if (is_greek)
		return strncmp(text + 2, name + 1, length - 1) ? 0 : (uint32_t)length + 1;
	return strncmp(text, name, length) ? 0 : (uint32_t)length;
}

static bool begins_operand(char c)
{
	return weir_is_name(c) || c == '.' || c == '(' || c == '-';
}

/* `5%3` is a remainder, and no word goes on behind its unit. */
static bool ends_there(const char *unit, uint32_t length)
{
	return unit[length - 1] == '%' ? !begins_operand(unit[length]) : !weir_is_unit_char(unit[length]);
}

const struct weir_unit *weir_unit_written(const char *text, uint32_t *length)
{
	const struct weir_unit *longest = NULL;

	*length = 0;
	for (size_t i = 0; i < N_UNITS; i++) {
		uint32_t n = compare(text, units[i].name);

		if (n <= *length || !ends_there(text, n))
			continue;
		longest = &units[i];
		*length = n;
	}
	if (!longest && text[0] == week.name[0] && ends_there(text, 1)) {
		*length = 1;
		return &week;
	}
	return longest;
}

const char *weir_unit_nearest(const char *text, uint32_t length)
{
	const char *names[N_UNITS];

	for (size_t i = 0; i < N_UNITS; i++)
		names[i] = units[i].name;
	return weir_nearest(text, length, names, N_UNITS);
}

const struct weir_unit *weir_unit_of_field(const char *text)
{
	if (!strcmp(text, metre.name))
		return &metre;
	for (size_t i = 0; *text && i < N_UNITS; i++)
		if (compare(text, units[i].name) == strlen(text))
			return &units[i];
	return NULL;
}

const struct weir_unit *weir_unit_base(const struct weir_unit *unit)
{
	if (unit->dimension == WEIR_DIM_LENGTH)
		return &metre;
	for (size_t i = 0; i < N_UNITS; i++)
		if (units[i].dimension == unit->dimension)
			return &units[i];
	return unit;
}

static bool is_measured(const struct weir_unit *unit, const struct weir_measure *measure)
{
	struct weir_measure own;

	weir_measure_of(&own, unit, true);
	return weir_measure_alike(&own, measure) && weir_factor_same(own.factor, measure->factor);
}

const struct weir_unit *weir_unit_of_measure(const struct weir_measure *measure)
{
	if (is_measured(&metre, measure))
		return &metre;
	for (size_t i = 0; i < N_UNITS; i++)
		if (is_measured(&units[i], measure))
			return &units[i];
	return NULL;
}

/* Between powers of ten, which nearly all are, the factor is exact and so there is one rounding. */
double weir_unit_convert(double number, const struct weir_unit *from, const struct weir_unit *to)
{
	double up = from->times * to->divided_by, down = from->divided_by * to->times;

	return up >= down ? number * (up / down) : number / (down / up);
}
