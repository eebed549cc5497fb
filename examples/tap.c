/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Read what `weir:NAME` publishes, where it lies: tap NAME [RECORDS] counts records and adds up the first field.
 *
 *     weir run 'iio:accel_3d[x,y,z] rate=200Hz | weir:accel' &
 *     tap accel 1000
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/weir_tap.h"

/* The rows may be overwritten while we read them: only release tells which were not, so what we found is kept until then. */
static double read_rows(struct weir_tap *tap, const struct weir_tap_field *field, uint32_t n, double *value)
{
	const char *rows = weir_tap_peek(tap, n, &n);
	double sum = 0, real;
	int64_t integer;
	uint32_t spoilt;

	for (uint32_t i = 0; i < n; i++) {
		const char *at = rows + (size_t)i * weir_tap_row_bytes(tap) + field->at;

		memcpy(&real, at, sizeof(real));
		memcpy(&integer, at, sizeof(integer));
		value[i] = field->kind == 'f' ? real : (double)integer;
	}
	spoilt = weir_tap_release(tap, n);
	for (uint32_t i = spoilt; i < n; i++)
		sum += value[i];
	return sum;
}

int main(int argc, char **argv)
{
	uint64_t wanted = argc > 2 ? strtoull(argv[2], NULL, 10) : UINT64_MAX, first, seen = 0;
	struct weir_tap_field field;
	char why[WEIR_TAP_WHY];
	double value[1024], sum = 0;
	struct weir_tap *tap;

	if (argc < 2 || weir_tap_open(&tap, argv[1], WEIR_TAP_AS_ALLOWED, why) < 0) {
		fprintf(stderr, "tap: %s\n", argc < 2 ? "which stream?" : why);
		return 1;
	}
	if (weir_tap_describe(tap, 0, &field) < 0 || field.kind == 's') {
		fputs("tap: its first field is no number\n", stderr);
		return 1;
	}
	first = weir_tap_position(tap);
	while (seen < wanted && weir_tap_wait(tap, -1) > 0) {
		sum += read_rows(tap, &field, wanted - seen < 1024 ? (uint32_t)(wanted - seen) : 1024, value);
		seen = weir_tap_position(tap) - first;
	}
	printf("%" PRIu64 " records, %" PRIu64 " lost, sum of %s %g\n", seen, weir_tap_lost(tap), field.name, sum);
	weir_tap_close(tap);
	return 0;
}
