/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens to released lines is asked of the driver that owns the chip, not of a module that happens to be there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/released.h"

static char root[64];

static void run(const char *format, ...)
{
	char command[1000];
	int length = snprintf(command, sizeof(command), "cd %s && ", root);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command + length, sizeof(command) - (size_t)length, format, arguments);
	va_end(arguments);
	assert_int_equal(system(command), 0);
}

/* A chip at some depth below the device that a driver is bound to. */
static void add_chip(const char *chip, const char *below, const char *device, const char *driver)
{
	run("mkdir -p bus/gpio/devices devices/%s%s/%s drivers/%s", device, below, chip, driver);
	run("ln -sfn ../../../devices/%s%s/%s bus/gpio/devices/%s", device, below, chip, chip);
	if (*driver)
		run("ln -sfn ../../drivers/%s devices/%s/driver", driver, device);
}

static void set_parameter(const char *module, const char *value)
{
	run("mkdir -p module/%s/parameters && echo %s >module/%s/parameters/persist_gpio_outputs", module, value,
	    module);
}

static int make_root(void **state)
{
	(void)state;
	strcpy(root, "/tmp/weir-released-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	(void)state;
	run("rm -rf %s", root);
	return 0;
}

static void the_owner_decides(void **state)
{
	char text[600];

	(void)state;
	/* Both drivers are in the kernel; only one owns a chip. */
	set_parameter("pinctrl_bcm2835", "Y");
	set_parameter("pinctrl_rp1", "N");
	assert_int_equal(weir_released_lines(root, text, sizeof(text)), 0);
	add_chip("gpiochip0", "", "soc/1f000d0000.gpio", "pinctrl-rp1");
	assert_int_equal(weir_released_lines(root, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "pinctrl-rp1 (gpiochip0): a released line becomes an input"));
	assert_null(strstr(text, "bcm2835"));
	set_parameter("pinctrl_rp1", "Y");
	weir_released_lines(root, text, sizeof(text));
	assert_non_null(strstr(text, "pinctrl-rp1 (gpiochip0): a released line keeps its last level"));
}

static void chips_of_one_driver_stand_together(void **state)
{
	char text[600], small[40];

	(void)state;
	add_chip("gpiochip10", "/bank1", "soc/107d508500.gpio", "brcmstb-gpio");
	add_chip("gpiochip9", "/bank0", "soc/107d508500.gpio", "brcmstb-gpio");
	add_chip("gpiochip0", "", "soc/fe200000.gpio", "pinctrl-bcm2835");
	add_chip("gpiochip1", "", "soc/nobody", "");
	set_parameter("pinctrl_bcm2835", "N");
	assert_int_equal(weir_released_lines(root, text, sizeof(text)), 4);
	assert_non_null(strstr(text, "brcmstb-gpio (gpiochip9, gpiochip10): a released line is left to the driver"));
	assert_non_null(strstr(text, "pinctrl-bcm2835 (gpiochip0): a released line becomes an input"));
	assert_non_null(strstr(text, "unknown driver (gpiochip1): "));
	weir_released_lines(root, small, sizeof(small));
	assert_true(strlen(small) < sizeof(small));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_owner_decides, make_root, remove_root),
		cmocka_unit_test_setup_teardown(chips_of_one_driver_stand_together, make_root, remove_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
