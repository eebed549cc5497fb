/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file serial_nmea.h
 * @brief Sentences of NMEA 0183 from GNSS receivers: checksum, RMC and GGA to values. Text alone: no I/O.
 *
 *     $GPRMC,123519.00,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A
 *     $GNGGA,123519.00,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47
 */
#ifndef WEIR_DEVICES_SERIAL_NMEA_H
#define WEIR_DEVICES_SERIAL_NMEA_H

#include <stdbool.h>
#include <stddef.h>

#define WEIR_NMEA_MAX 128 /**< bytes of a sentence without its line end. The standard allows 82; receivers send more */

enum weir_nmea_result {
	WEIR_NMEA_POSITION,    /**< RMC or GGA, read */
	WEIR_NMEA_OTHER,       /**< a valid sentence of another kind */
	WEIR_NMEA_NO_SENTENCE, /**< empty, or not a sentence: receivers also print text */
	WEIR_NMEA_CHECKSUM,    /**< the checksum is missing or wrong */
	WEIR_NMEA_MALFORMED,   /**< the checksum is right, and a value is not what it should be */
};

/** What RMC and GGA say. NaN: the sentence does not have it, or the receiver has no fix. */
struct weir_nmea {
	char sentence[4];           /**< "RMC" or "GGA" */
	bool is_valid;              /**< the receiver has a fix */
	double utc;                 /**< RMC: s since 1970, with the date; GGA: NaN */
	double latitude, longitude; /**< deg, north and east positive */
	double speed;               /**< RMC: m/s over ground */
	double course;              /**< RMC: deg from true north */
	double altitude;            /**< GGA: m above mean sea level */
	double hdop;                /**< GGA: horizontal dilution of precision */
	double satellites;          /**< GGA: in use */
};

/**
 * @brief Read one line, without its line end.
 * @param n its bytes; it may contain any.
 * @param out written for WEIR_NMEA_POSITION alone.
 */
enum weir_nmea_result weir_nmea_read(const char *line, size_t n, struct weir_nmea *out);

#endif
