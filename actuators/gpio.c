/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A GPIO line as an output. It is requested at its park value, so taking it moves nothing, and it is driven to its park
 * value before it is released: some chips, the Raspberry Pi's among them, keep a released line as it was.
 */
#include <errno.h>
#include <string.h>

#include "devices/gpio_line.h"
#include "weir/driver.h"

struct output {
	struct weir_gpio gpio;
};

enum { PARK_OFF, PARK_ON };
static const char *const park_words[] = { "off", "on", NULL };
static const char *const drive_words[] = { "push-pull", "open-drain", "open-source", NULL };

static const struct weir_param params[] = {
	{ .name = "park",
	  .value = WEIR_V_WORD,
	  .fallback = "off",
	  .words = park_words,
	  .help = "the safe state: before the first command, and whenever weir ends" },
	{ .name = "active_low", .value = WEIR_V_BOOL, .help = "on is the low voltage" },
	{ .name = "drive",
	  .value = WEIR_V_WORD,
	  .fallback = "push-pull",
	  .words = drive_words,
	  .help = "how the pin is driven" },
	{ .name = "bias",
	  .value = WEIR_V_WORD,
	  .fallback = "as-is",
	  .words = weir_gpio_bias_words,
	  .help = "the pin's internal resistor" },
	{ .name = NULL },
};

static int output_open(struct weir_node *node, const struct weir_schema *in)
{
	struct output *output = weir_state(node);

	(void)in;
	/* A rehearsal runs where the lines are not. */
	return weir_is_rehearsal(node) ? 0 : weir_gpio_open(&output->gpio, node);
}

static enum gpiod_line_value park_value(const struct weir_node *node)
{
	return weir_arg_int(node, "park") == PARK_ON ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE;
}

static struct gpiod_line_settings *output_settings(const struct weir_node *node)
{
	static const enum gpiod_line_drive drive[] = { GPIOD_LINE_DRIVE_PUSH_PULL, GPIOD_LINE_DRIVE_OPEN_DRAIN,
						       GPIOD_LINE_DRIVE_OPEN_SOURCE };
	struct gpiod_line_settings *settings = gpiod_line_settings_new();

	if (!settings)
		return NULL;
	gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_OUTPUT);
	gpiod_line_settings_set_drive(settings, drive[weir_arg_int(node, "drive")]);
	gpiod_line_settings_set_bias(settings, weir_gpio_bias(node));
	gpiod_line_settings_set_active_low(settings, weir_arg_int(node, "active_low"));
	gpiod_line_settings_set_output_value(settings, park_value(node));
	return settings;
}

static int output_start(struct weir_node *node)
{
	struct output *output = weir_state(node);
	struct gpiod_line_settings *settings = output_settings(node);
	int err = weir_gpio_request(&output->gpio, node, settings, 0);

	gpiod_line_settings_free(settings);
	return err;
}

static int set(struct weir_node *node, enum gpiod_line_value value)
{
	struct output *output = weir_state(node);

	if (gpiod_line_request_set_value(output->gpio.request, output->gpio.line.offset, value))
		return weir_fail_device(node, output->gpio.title, "set the line", errno, NULL);
	return 0;
}

static int output_apply(struct weir_node *node, double value)
{
	return set(node, value != 0 ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE);
}

static int output_park(struct weir_node *node)
{
	struct output *output = weir_state(node);

	return output->gpio.request ? set(node, park_value(node)) : 0;
}

static void output_close(struct weir_node *node)
{
	struct output *output = weir_state(node);

	if (output->gpio.request)
		output_park(node);
	weir_gpio_release(&output->gpio);
}

static double output_parked(const struct weir_node *node)
{
	return weir_arg_int(node, "park") == PARK_ON;
}

static const struct weir_actuator_ops actuator = {
	.state_bytes = sizeof(struct output),
	.open = output_open,
	.start = output_start,
	.apply = output_apply,
	.park = output_park,
	.close = output_close,
	.parked = output_parked,
};

const struct weir_driver weir_actuator_gpio = {
	.name = "gpio",
	.doc = "a GPIO line as an output, by name or CHIP/OFFSET",
	.target = "LINE",
	.actuator_params = params,
	.actuator = &actuator,
};
