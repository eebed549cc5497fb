/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words to GPIO lines. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "devices/gpio_names.h"

static const struct weir_gpio_line lines[] = {
	{ "gpiochip0", "soc", "DOOR", 0 },
	{ "gpiochip0", "soc", "", 1 },
	{ "gpiochip0", "soc", "BUSY", 12 },
	{ "gpiochip1", "expander", "BUSY", 0 },
	{ "gpiochip1", "expander", "gpiochip0/1", 1 },
	{ "gpiochip2", "expander", "a/b", 0 },
	{ "gpiochip10", "dev/odd", "", 3 },
};

static int find(const char *word)
{
	return weir_gpio_find(lines, sizeof(lines) / sizeof(*lines), word);
}

/* A line is found by name over all chips; a name that two lines have is refused. */
static void by_name(void **state)
{
	(void)state;
	assert_int_equal(find("DOOR"), 0);
	assert_int_equal(find("a/b"), 5);
	assert_int_equal(find("BUSY"), -ENOTUNIQ);
	assert_int_equal(find("door"), -ENOENT);
	assert_int_equal(find(""), -ENOENT);
}

/* By chip and offset: name, label or device file of the chip; a label that two chips have is refused. */
static void by_offset(void **state)
{
	(void)state;
	assert_int_equal(find("gpiochip0/12"), 2);
	assert_int_equal(find("/dev/gpiochip0/12"), 2);
	assert_int_equal(find("soc/1"), 1);
	assert_int_equal(find("gpiochip1/0"), 3);
	assert_int_equal(find("expander/0"), -ENOTUNIQ);
	assert_int_equal(find("dev/odd/3"), 6);
}

/* Half an address, another chip's prefix, and trailing garbage find nothing. */
static void not_by_halves(void **state)
{
	(void)state;
	assert_int_equal(find("gpiochip0"), -ENOENT);
	assert_int_equal(find("gpiochip0/"), -ENOENT);
	assert_int_equal(find("gpiochip0/2"), -ENOENT);
	assert_int_equal(find("gpiochip1/3"), -ENOENT);
	assert_int_equal(find("gpiochip0/12x"), -ENOENT);
	assert_int_equal(find("gpiochip0/-1"), -ENOENT);
	assert_int_equal(find("/dev/soc/1"), -ENOENT);
	assert_int_equal(find("/12"), -ENOENT);
}

/* A line may be named like another one's address: the name wins. */
static void name_before_offset(void **state)
{
	(void)state;
	assert_int_equal(find("gpiochip0/1"), 4);
	assert_int_equal(find("/dev/gpiochip0/1"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_name),
		cmocka_unit_test(by_offset),
		cmocka_unit_test(not_by_halves),
		cmocka_unit_test(name_before_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
