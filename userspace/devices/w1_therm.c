/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/polled.h"
#include "devices/w1_therm.h"

#define SCRATCHPAD 9
#define DS18S20 0x10
#define DS1825 0x3b

static const struct {
	int family;
	const char *chip;
} w1_families[] = {
	{ DS18S20, "DS18S20" }, { 0x22, "DS1822" }, { 0x28, "DS18B20" }, { DS1825, "DS1825" }, { 0x42, "DS28EA00" },
};

#define N_FAMILIES (sizeof(w1_families) / sizeof(*w1_families))

int weir_w1_family(const char *id)
{
	char *end;
	long family = strtol(id, &end, 16);

	/* Two digits, a dash, and twelve digits. */
	if (end != id + 2 || *end != '-' || strlen(id) != 15 || strspn(id + 3, "0123456789abcdef") != 12)
		return -1;
	return *weir_w1_chip((int)family) ? (int)family : -1;
}

const char *weir_w1_chip(int family)
{
	for (size_t i = 0; i < N_FAMILIES; i++)
		if (w1_families[i].family == family)
			return w1_families[i].chip;
	return "";
}

/* CRC-8 of Maxim's application note 27: x^8 + x^5 + x^4 + 1, the lowest bit first. */
static uint8_t w1_crc(const uint8_t *bytes, size_t n)
{
	uint8_t crc = 0;

	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x8c : crc >> 1;
	}
	return crc;
}

/* Nine bytes in hex, each with a blank behind it. What follows them, or NULL. */
static const char *w1_read_pad(const char *text, uint8_t pad[SCRATCHPAD])
{
	for (int i = 0; i < SCRATCHPAD; i++, text += 3) {
		char digits[3] = { 0 };

		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) || text[2] != ' ')
			return NULL;
		memcpy(digits, text, 2);
		pad[i] = (uint8_t)strtol(digits, NULL, 16);
	}
	return text;
}

static bool w1_is_zero(const uint8_t pad[SCRATCHPAD])
{
	static const uint8_t zeros[SCRATCHPAD];

	return !memcmp(pad, zeros, SCRATCHPAD);
}

/* The reserved sixth byte, of a DS18S20 its COUNT_REMAIN, is 0c from power-on until the first conversion. */
static bool w1_is_power_on(const uint8_t pad[SCRATCHPAD], int family)
{
	uint8_t low = family == DS18S20 ? 0xaa : 0x50, high = family == DS18S20 ? 0x00 : 0x05;

	return pad[0] == low && pad[1] == high && pad[6] == 0x0c;
}

static int w1_judge(const uint8_t pad[SCRATCHPAD], int family, double milli)
{
	bool is_thermocouple = family == DS1825 && pad[4] & 0x80; /* MAX31850 */

	if (is_thermocouple && pad[0] & 1)
		return WEIR_POLLED_FAULT;
	if (is_thermocouple)
		return milli >= -270000 && milli <= 1800000 ? 0 : WEIR_POLLED_OUT_OF_RANGE;
	if (w1_is_power_on(pad, family))
		return WEIR_POLLED_POWER_ON;
	return milli >= -55000 && milli <= 125000 ? 0 : WEIR_POLLED_OUT_OF_RANGE;
}

int weir_w1_parse(const char *text, int family, double *milli)
{
	uint8_t pad[SCRATCHPAD], shown[SCRATCHPAD];
	char verdict[4];
	const char *rest;
	double number;
	int end = 0, cause;

	if (!*text)
		return WEIR_POLLED_NO_ANSWER;
	rest = w1_read_pad(text, pad);
	if (!rest || sscanf(rest, ": crc=%*2x %3[A-Z]%n", verdict, &end) != 1 || rest[end] != '\n')
		return WEIR_POLLED_NO_NUMBER;
	if (w1_is_zero(pad))
		return WEIR_POLLED_NO_ANSWER;
	if (strcmp(verdict, "YES") || w1_crc(pad, SCRATCHPAD - 1) != pad[SCRATCHPAD - 1])
		return WEIR_POLLED_CRC;
	rest = w1_read_pad(rest + end + 1, shown);
	if (!rest || memcmp(pad, shown, SCRATCHPAD) || strncmp(rest, "t=", 2) || weir_polled_parse(rest + 2, &number))
		return WEIR_POLLED_NO_NUMBER;
	cause = w1_judge(pad, family, number);
	if (!cause)
		*milli = number;
	return cause;
}
