/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any text as a number, a time, a date and a cell. A number is what strtod() has of it, to the bit, and comes back from its
 * written form. A cell and a JSON string come back from what was written, within the bytes that were promised.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "weir/csv.h"
#include "weir/text.h"

#include "standalone.h"

static void check_real_round_trip(double value)
{
	char text[WEIR_NUMBER_MAX + 1];
	size_t n = weir_write_real(text, value);
	double again;

	if (n > WEIR_NUMBER_MAX)
		abort();
	text[n] = '\0';
	if (weir_read_real(text, &again) || (isnan(value) ? !isnan(again) : memcmp(&value, &again, 8) != 0))
		abort();
}

static void check_real(const char *text)
{
	double value, expected;
	char *end;

	if (weir_read_real(text, &value))
		return;
	expected = strtod(text, &end);
	if (end == text || (isnan(value) ? !isnan(expected) : memcmp(&value, &expected, 8) != 0))
		abort();
	(void)weir_is_rounded(text, value);
	check_real_round_trip(value);
}

static void check_integer(const char *text)
{
	char written[WEIR_NUMBER_MAX + 1];
	int64_t value, again, t;

	if (weir_read_integer(text, &value))
		return;
	written[weir_write_integer(written, value)] = '\0';
	if (weir_read_integer(written, &again) || again != value || weir_read_time(written, 0, '.', &t) || t != value)
		abort();
}

/* More decimals never make a time earlier; what is beyond the range in ns is so in every longer unit. */
static void check_times(const char *text)
{
	int64_t ns, seconds;
	int of_ns = weir_read_time(text, 0, '.', &ns), of_seconds = weir_read_time(text, 9, '.', &seconds);

	if ((of_ns == -EINVAL) != (of_seconds == -EINVAL) || (of_ns == -ERANGE && !of_seconds))
		abort();
	if (!of_ns && !of_seconds && (ns > 0 ? seconds < ns : ns < 0 && seconds > ns))
		abort();
	(void)!weir_read_time(text, 3, ',', &ns);
	(void)!weir_read_iso(text, &ns);
}

static void check_cell(const char *text)
{
	static struct weir_csv csv;
	size_t length = strlen(text), n, used;
	char *line = malloc(2 * length + 8);

	n = 2 + weir_write_csv_text(line + 2, text);
	if (n > 2 * length + 4)
		abort();
	memcpy(line, "x,", 2);
	memcpy(line + n, "\n", 2);
	memset(&csv, 0, offsetof(struct weir_csv, cell));
	if (weir_csv_look(&csv, line, n + 1, true, &used) != 1 || csv.n_cells != 2 || strcmp(csv.cell[1], text) != 0 ||
	    used != n + 1)
		abort();
	free(line);
}

static void check_json(const char *text)
{
	size_t length = strlen(text), n;
	char *written = malloc(6 * length + 2);
	json_t *whole = json_string(text), *read;

	n = weir_write_json_text(written, text);
	read = n <= 6 * length + 2 ? json_loadb(written, n, JSON_DECODE_ANY, NULL) : NULL;
	if (!json_is_string(read) || (whole && !json_equal(whole, read)))
		abort();
	json_decref(whole);
	json_decref(read);
	free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	double value;

	if (size >= sizeof(value)) {
		memcpy(&value, data, sizeof(value));
		check_real_round_trip(value);
	}
	check_real(text);
	check_integer(text);
	check_times(text);
	check_cell(text);
	check_json(text);
	free(text);
	return 0;
}

/* clang-format off */
static const char *const words[] = {
	"0", "1", "9", "12345678901234567", ".", ",", "-", "+", "e", "E", "e308", "e-324", "nan", "inf", "-inf", "0x1p3", " ", "\t",
	"\r", "\n", "\"", "\"\"", ";", "4.9406564584124654e-324", "1.7976931348623157e308", "9223372036854775807", "-9223372036854775808",
	"2026-11-22", "T", "10:41:50", ".123456789", "Z", "+01:00", " UTC", "24:00", "1677-09-21", "2262-04-11",
	"\303\251", "\357\273\277", "\355\240\200", "\\", "\177",
};
/* clang-format on */

FUZZER(words)
