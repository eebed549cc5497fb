/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file w1_therm.h
 * @brief The text in which the kernel's driver w1_therm shows a thermometer of the 1-Wire bus, checked. Text alone: no I/O.
 *
 * The file `w1_slave` has two lines: the nine bytes of the scratchpad as they were read, the checksum and its verdict; and the nine bytes
 * of the last reading *with a right checksum*, and the temperature of these:
 *
 *     50 05 4b 46 7f ff 0c 10 1c : crc=1c YES
 *     50 05 4b 46 7f ff 0c 10 1c t=85000
 *
 * So a reading with a wrong checksum shows an old temperature in the second line. Kernels since 5.10 read up to five times until the
 * checksum is right; after that, and when the chip does not answer, the text is empty. Format: Documentation/w1/slaves/w1_therm.rst; scratchpads:
 * data sheets of DS18S20, DS1822, DS18B20, DS1825, MAX31850, DS28EA00.
 */
#ifndef WEIR_DEVICES_W1_THERM_H
#define WEIR_DEVICES_W1_THERM_H

#include <stdbool.h>

/** @brief The family of a thermometer's id, 0x28 of "28-000005e2fdc3"; -1: not the id of a thermometer. */
int weir_w1_family(const char *id);

/** @brief The chip of a family, "DS18B20"; "" for one that is not a thermometer's. */
const char *weir_w1_chip(int family);

/**
 * @brief Check the text of `w1_slave` and read its temperature.
 *
 * Not values are: a wrong checksum; a scratchpad of zeros, which a bus in short circuit gives with a right checksum; the 85 °C that a
 * chip has after power comes on, told by its reserved byte; a fault that a MAX31850 reports; a temperature beyond the chip's range.
 *
 * @param milli the temperature in m°C, untouched on error.
 * @return 0, or one of enum weir_polled_cause. An empty text is WEIR_POLLED_NO_ANSWER.
 */
int weir_w1_parse(const char *text, int family, double *milli);

#endif
