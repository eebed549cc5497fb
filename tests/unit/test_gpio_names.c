/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words to GPIO lines. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* --- advice ------------------------------------------------------------------- */

#define HEADER_LINES 54

static struct weir_gpio_line header[2 * HEADER_LINES];

/* A computer's pins, all with names, and an expander whose lines have none. */
static void make_header(void)
{
	for (uint32_t i = 0; i < 2 * HEADER_LINES; i++) {
		bool is_first = i < HEADER_LINES;

		header[i] = (struct weir_gpio_line){ .offset = i % HEADER_LINES };
		strcpy(header[i].chip, is_first ? "gpiochip0" : "gpiochip4");
		strcpy(header[i].label, is_first ? "pinctrl" : "expander");
		if (is_first)
			snprintf(header[i].name, sizeof(header[i].name), "GPIO%u", i);
	}
}

/* Room for 80 bytes or more: each name in it is whole, and a list that goes on shows it. */
static void expect_whole(const char *text, size_t bytes)
{
	const char *at = strstr(text, "named lines are: ");

	assert_true(strlen(text) < bytes);
	for (at = at ? at + strlen("named lines are: ") : NULL; at && *at;) {
		size_t length = strcspn(at, ", ;");
		bool is_name = false;

		for (uint32_t i = 0; i < HEADER_LINES; i++)
			is_name |= strlen(header[i].name) == length && !strncmp(at, header[i].name, length);
		assert_true(is_name || !strcmp(at, "…"));
		at += length + strspn(at + length, ", ;");
	}
	if (strstr(text, "named lines are") && !strstr(text, "GPIO53"))
		assert_string_equal(text + strlen(text) - 3, "…");
}

static void expect_meant(const char *word, const char *meant)
{
	char text[1024], quoted[64];

	snprintf(quoted, sizeof(quoted), "'%s'", meant);
	for (size_t bytes = 80; bytes < sizeof(text); bytes += 7) {
		weir_gpio_advise(header, 2 * HEADER_LINES, word, text, bytes);
		if (!strstr(text, quoted))
			fail_msg("%s in %zu bytes: %s", word, bytes, text);
		expect_whole(text, bytes);
	}
}

/* However many names there are and however little room, what was perhaps meant is there. */
static void typing_errors(void **state)
{
	char word[64], meant[64];

	(void)state;
	make_header();
	for (uint32_t i = 10; i < HEADER_LINES; i++) {
		snprintf(meant, sizeof(meant), "GPIO%u", i);
		snprintf(word, sizeof(word), "GPI0%u", i);
		expect_meant(word, meant);
		snprintf(word, sizeof(word), "GPOI%u", i);
		expect_meant(word, meant);
		snprintf(word, sizeof(word), "gpio%u", i);
		expect_meant(word, meant);
		snprintf(word, sizeof(word), "GPIO_%u", i);
		expect_meant(word, meant);
	}
	expect_meant("GPIOO7", "GPIO7");
}

/* A number, in the ways in which other programs write it: the line that is named so, and each chip's. */
static void numbers(void **state)
{
	static const char *const words[] = { "17", "017", "BCM17", "bcm17", "gpio17", "GPIO_17", "pin17", "Line 17" };

	(void)state;
	make_header();
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		expect_meant(words[i], "GPIO17");
		expect_meant(words[i], "gpiochip0/17");
		expect_meant(words[i], "gpiochip4/17");
	}
}

static void expect_advice(const char *word, const char *part)
{
	char text[400];

	weir_gpio_advise(header, 2 * HEADER_LINES, word, text, sizeof(text));
	if (!strstr(text, part))
		fail_msg("%s: %s", word, text);
}

/* Of a place, what is wrong with it: the chip or the line. */
static void places(void **state)
{
	(void)state;
	make_header();
	expect_advice("gpiochip0/54", "lines are 0 to 53");
	expect_advice("expander/99", "lines are 0 to 53");
	expect_advice("/dev/gpiochip4/99", "lines are 0 to 53");
	expect_advice("gpiochp0/5", "did you mean 'gpiochip0'");
	expect_advice("gpiochip7/5", "gpiochip4");
	expect_advice("nothing", "CHIP/OFFSET");
}

/* Where several fit, each is listed whole. */
static void several(void **state)
{
	char text[400];

	(void)state;
	weir_gpio_list_fitting(lines, sizeof(lines) / sizeof(*lines), "BUSY", text, sizeof(text));
	assert_string_equal(text, "say which: gpiochip0/12 gpiochip1/0");
	weir_gpio_list_fitting(lines, sizeof(lines) / sizeof(*lines), "BUSY", text, 30);
	assert_string_equal(text, "say which: gpiochip0/12 …");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_name),       cmocka_unit_test(by_offset),
		cmocka_unit_test(not_by_halves), cmocka_unit_test(name_before_offset),
		cmocka_unit_test(typing_errors), cmocka_unit_test(numbers),
		cmocka_unit_test(places),        cmocka_unit_test(several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
