/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a line of NMEA, as they are and with the right checksum behind them. A position is within its ranges, a fix has both
 * coordinates, no fix has none, and a right checksum is never found wrong.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "devices/serial_nmea.h"
#include "input.h"

#define RUNS 20000
#include "standalone.h"

static void check_range(double value, double least, double most)
{
	if (!isnan(value) && !(value >= least && value <= most))
		abort();
}

static void check_position(const struct weir_nmea *nmea)
{
	check_range(nmea->latitude, -90, 90);
	check_range(nmea->longitude, -180, 180);
	check_range(nmea->speed, 0, 1e5);
	check_range(nmea->course, 0, 360);
	check_range(nmea->satellites, 0, 999);
	/* 1980 to 2079. */
	check_range(nmea->utc, 315532800, 3471292800);
	if (nmea->is_valid ? isnan(nmea->latitude) || isnan(nmea->longitude)
			   : !isnan(nmea->latitude) || !isnan(nmea->longitude) || !isnan(nmea->altitude))
		abort();
	if (strcmp(nmea->sentence, "RMC") && strcmp(nmea->sentence, "GGA"))
		abort();
}

static enum weir_nmea_result check_line(const char *line, size_t n)
{
	struct weir_nmea nmea, untouched = { .sentence = "abc" };
	enum weir_nmea_result result;

	nmea = untouched;
	result = weir_nmea_read(line, n, &nmea);
	if (result == WEIR_NMEA_POSITION)
		check_position(&nmea);
	else if (memcmp(&nmea, &untouched, sizeof(nmea)))
		abort();
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char line[WEIR_NMEA_MAX + 8];
	uint8_t sum = 0;

	/* In memory of its own size, so that a byte behind it is noticed. */
	char *copy = malloc(size ? size : 1);

	memcpy(copy, data, size);
	check_line(copy, size);
	free(copy);
	if (size > WEIR_NMEA_MAX - 4 || memchr(data, 0, size))
		return 0;
	for (size_t i = 0; i < size; i++)
		sum ^= data[i];
	line[0] = '$';
	memcpy(line + 1, data, size);
	snprintf(line + 1 + size, 4, "*%02X", sum);
	if (check_line(line, size + 4) == WEIR_NMEA_CHECKSUM)
		abort();
	return 0;
}

/* clang-format off */
static const char *const words[] = {
	"GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W", "GNGGA,123519.00,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
	"GPRMC,", "GNGGA,", "PUBX,", "$", "*", ",", ",", ",", ",A,", ",V,", ",N,", ",S,", ",E,", ",W,", ",M,", "123519", "235960.999", "230394", "311279",
	"4807.038", "9000.000", "00000.000", "17959.999", "18000.001", "-1", "nan", "1e5", ".5", "5.", "99999999999999999999", "*6A", "\r",
};
/* clang-format on */

FUZZER(words)
