/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a file of sysfs is set to where its driver refuses some values: the driver here is a set of whole numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "../common/dice.h"

static ssize_t take_text(int file, const void *text, size_t length, off_t at);

#define pwrite take_text
#include "guard/attribute.c"
#undef pwrite

/* Takes least to most, but for those closer than `gap` to either end, which are taken themselves. */
static struct driver {
	long long least, most, gap;
	int error; /* of those that it refuses */
	long long value;
	unsigned writes;
} driver;

static bool takes(long long raw)
{
	if (raw < driver.least || raw > driver.most)
		return false;
	return raw == driver.least || raw == driver.most ||
	       (raw - driver.least >= driver.gap && driver.most - raw >= driver.gap);
}

static ssize_t take_text(int file, const void *text, size_t length, off_t at)
{
	long long raw = strtoll(text, NULL, 10);

	(void)file;
	(void)at;
	driver.writes++;
	if (takes(raw)) {
		driver.value = raw;
		return (ssize_t)length;
	}
	errno = driver.error;
	return -1;
}

static long long distance(long long a, long long b)
{
	return a < b ? b - a : a - b;
}

static long long nearest(long long wanted)
{
	long long best = driver.least;

	for (long long raw = driver.least; raw <= driver.most; raw++)
		if (takes(raw) && distance(raw, wanted) < distance(best, wanted))
			best = raw;
	return best;
}

/* Whatever is refused, the nearest that is taken is what stands in the end, after few writes. */
static void test_nearest(void **state)
{
	struct dice dice = { 7 };

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct weir_physical what = {
			.n = 1, .is_file = 1, .factor = 1, .least = INT32_MIN, .most = INT32_MAX
		};
		long long wanted;
		double done;

		driver = (struct driver){ .error = EINVAL, .least = (long long)roll_below(&dice, 1000) - 500 };
		driver.most = driver.least + 1 + roll_below(&dice, 4000);
		/* A gap at the ends of a range that is known, as a PWM channel's is, or a range that is not. */
		if (roll_below(&dice, 2)) {
			driver.gap = roll_below(&dice, (uint32_t)(driver.most - driver.least) / 3 + 1);
			what.least = (double)driver.least;
			what.most = (double)driver.most;
		}
		what.park[0] = roll_below(&dice, 2) ? (double)driver.least : (double)driver.most;
		wanted = (long long)roll_below(&dice, 20000) - 10000;
		assert_int_equal(weir_attribute_set(0, &what, (double)wanted, &done), 0);
		assert_true(takes(driver.value));
		if (distance(driver.value, wanted) != distance(nearest(wanted), wanted))
			fail_msg("%lld of %lld to %lld without %lld: %lld, not %lld", wanted, driver.least, driver.most,
				 driver.gap, driver.value, nearest(wanted));
		assert_true(done == (double)driver.value);
		assert_true(driver.writes < 150);
	}
}

/* Far beyond a small range there is nothing to be met by chance: from the park value, or 0, it is found. */
static void test_far(void **state)
{
	static const double far[] = { 1e300, -1e300, 2147483647, -2147483648.0, 1e9, -1e9 };

	(void)state;
	for (int park = 0; park <= 1; park++)
		for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
			struct weir_physical what = {
				.n = 1, .is_file = 1, .factor = 1, .least = INT32_MIN, .most = INT32_MAX
			};

			driver = (struct driver){ .error = ERANGE, .most = 4095 };
			what.park[0] = park ? 17 : -5;
			assert_int_equal(weir_attribute_set(0, &what, far[i], NULL), 0);
			assert_int_equal(driver.value, far[i] > 0 ? 4095 : 0);
		}
}

/* A range and a scale, also a negative one, come before the driver; what was to be had exactly is told exactly. */
static void test_range(void **state)
{
	struct weir_physical what = { .n = 1, .is_file = 1, .factor = -4, .add = 100, .least = -1, .most = 2 };
	double done;

	(void)state;
	driver = (struct driver){ .error = EINVAL, .least = INT32_MIN, .most = INT32_MAX };
	assert_int_equal(weir_attribute_set(0, &what, 0.3, &done), 0);
	assert_int_equal(driver.value, 99);
	assert_true(done == 0.3);
	assert_int_equal(weir_attribute_set(0, &what, 7, &done), 0);
	assert_int_equal(driver.value, 92);
	assert_true(done == 2);
	assert_int_equal(weir_attribute_set(0, &what, -7, &done), 0);
	assert_int_equal(driver.value, 104);
	assert_true(done == -1);
	assert_int_equal(driver.writes, 3);
	/* With a factor that no type has room for, too. */
	what = (struct weir_physical){ .n = 1, .is_file = 1, .factor = 1e300, .least = -1e12, .most = 1e12 };
	assert_int_equal(weir_attribute_set(0, &what, 1e10, NULL), 0);
	assert_true(driver.value > 0);
	assert_int_equal(weir_attribute_set(0, &what, -1e10, NULL), 0);
	assert_true(driver.value < 0);
}

/* Another error than that of a value is one of the device: nothing else is tried. Nor does a device that takes nothing hang us. */
static void test_errors(void **state)
{
	struct weir_physical what = { .n = 1, .is_file = 1, .factor = 1, .least = INT32_MIN, .most = INT32_MAX };

	(void)state;
	driver = (struct driver){ .error = EIO, .most = 10 };
	assert_int_equal(weir_attribute_set(0, &what, 11, NULL), -EIO);
	assert_int_equal(driver.writes, 1);
	driver = (struct driver){ .error = EINVAL, .least = 1, .most = 0 };
	assert_int_equal(weir_attribute_set(0, &what, 11, NULL), -EINVAL);
	assert_true(driver.writes < 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_far),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
