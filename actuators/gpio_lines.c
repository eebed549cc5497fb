/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GPIO lines as an output: one by its name, or several of a chip, set at once, from as many fields of a record. They are
 * requested at their park value, so taking them moves nothing. The guard holds them as a rule; without it they are driven to
 * their park value before they are released: some chips, the Raspberry Pi's among them, keep a released line as it was.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devices/gpio_line.h"
#include "weir/output_rules.h"
#include "weir/whole.h"

struct output {
	struct weir_output_args output_args;
	bool parks_on, active_low;
	uint8_t drive, bias;   /* as in the words */
	struct weir_gpio gpio; /* of several lines: the first, and their chip */
	unsigned int offset[WEIR_PHYSICAL_LINES];
	char name[WEIR_PHYSICAL_LINES][2 * WEIR_GPIO_NAME];
	uint32_t n;
};

enum { PARK_OFF, PARK_ON };
static const char *const park_words[] = { "off", "on", NULL };
static const char *const drive_words[] = { "push-pull", "open-drain", "open-source", NULL };

static const struct weir_param params[] = {
	WEIR_P_WORD("park", struct output, parks_on, "off", park_words,
		    "the safe state: before the first command, and whenever weir ends"),
	WEIR_P_BOOL("active_low", struct output, active_low, NULL, "on is the low voltage"),
	WEIR_P_WORD("drive", struct output, drive, "push-pull", drive_words, "how the pin is driven"),
	WEIR_P_WORD("bias", struct output, bias, "as-is", weir_gpio_bias_words, "the pin's internal resistor"),
	WEIR_P_BOOL("direct", struct output, output_args.direct, NULL,
		    "the pipeline sets the line, and the guard kills it before it parks; no other rules then"),
	WEIR_GUARD_PARAMS(struct output, output_args),
};

/* --- which lines -------------------------------------------------------------- */

/* A name, or an offset on the chip that the target names. */
static int open_column(struct weir_node *node, struct weir_gpio *out, const char *column)
{
	char word[2 * WEIR_GPIO_NAME];

	if (strspn(column, "0123456789") != strlen(column))
		return weir_gpio_open_word(out, node, column);
	snprintf(word, sizeof(word), "%s/%s", weir_target(node), column);
	return weir_gpio_open_word(out, node, word);
}

static int add_line(struct weir_node *node, const char *column)
{
	struct output *output = weir_state(node);
	struct weir_gpio line = { 0 };
	int err = open_column(node, &line, column);

	if (err < 0)
		return err;
	if (!output->n)
		output->gpio = line;
	if (strcmp(line.line.chip, output->gpio.line.chip))
		return weir_fail_arg(node, NULL, "write one sink for each chip",
				     "'%s' is a line of %s, not of %s: only lines of one chip can be set at once",
				     column, line.line.chip, output->gpio.line.chip);
	for (uint32_t i = 0; i < output->n; i++)
		if (output->offset[i] == line.line.offset)
			return weir_fail_arg(node, NULL, NULL, "the line '%s' is named twice", column);
	output->offset[output->n] = line.line.offset;
	strcpy(output->name[output->n++], line.title);
	return 0;
}

static int open_lines(struct weir_node *node, const char *const *column, uint32_t n)
{
	int err = 0;

	if (!n)
		return add_line(node, weir_target(node));
	for (uint32_t i = 0; i < n && err >= 0; i++)
		err = add_line(node, column[i]);
	return err;
}

static int output_open(struct weir_node *node, const struct weir_schema *in)
{
	struct output *output = weir_state(node);
	uint32_t n;
	const char *const *column = weir_columns(node, &n);

	if (n > WEIR_PHYSICAL_LINES)
		return weir_fail_arg(node, NULL, NULL, "at most %d lines can be set at once", WEIR_PHYSICAL_LINES);
	if (n > in->n_fields)
		return weir_fail_arg(node, NULL, "make them with select, in the order of the lines",
				     "%u lines need a field each, but the records have %u", n, in->n_fields);
	/* A rehearsal runs where the lines are not. */
	if (!weir_is_rehearsal(node))
		return open_lines(node, column, n);
	output->n = n ? n : 1;
	return 0;
}

static uint32_t output_lines(const struct weir_node *node)
{
	const struct output *output = weir_state(node);

	return output->n ? output->n : 1;
}

/* --- driven from here --------------------------------------------------------- */

static enum gpiod_line_value park_value(const struct weir_node *node)
{
	const struct output *output = weir_state(node);

	return output->parks_on ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE;
}

static struct gpiod_line_settings *output_settings(const struct weir_node *node)
{
	static const enum gpiod_line_drive drive[] = { GPIOD_LINE_DRIVE_PUSH_PULL, GPIOD_LINE_DRIVE_OPEN_DRAIN,
						       GPIOD_LINE_DRIVE_OPEN_SOURCE };
	const struct output *output = weir_state(node);
	struct gpiod_line_settings *settings = gpiod_line_settings_new();

	if (!settings)
		return NULL;
	gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_OUTPUT);
	gpiod_line_settings_set_drive(settings, drive[output->drive]);
	gpiod_line_settings_set_bias(settings, weir_gpio_bias(output->bias));
	gpiod_line_settings_set_active_low(settings, output->active_low);
	gpiod_line_settings_set_output_value(settings, park_value(node));
	return settings;
}

static int output_start(struct weir_node *node)
{
	struct output *output = weir_state(node);
	struct gpiod_line_settings *settings = output_settings(node);
	int err = weir_gpio_request_lines(&output->gpio, node, settings, 0, output->offset, output->n);

	gpiod_line_settings_free(settings);
	return err;
}

static int set(struct weir_node *node, uint64_t bits)
{
	struct output *output = weir_state(node);
	enum gpiod_line_value value[WEIR_PHYSICAL_LINES];

	for (uint32_t i = 0; i < output->n; i++)
		value[i] = bits >> i & 1 ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE;
	if (gpiod_line_request_set_values_subset(output->gpio.request, output->n, output->offset, value))
		return weir_fail_device(node, output->gpio.title, "set the line", errno, NULL);
	return 0;
}

static double output_parked(const struct weir_node *node)
{
	const struct output *output = weir_state(node);
	uint64_t all = (UINT64_C(1) << output_lines(node)) - 1;

	return output->parks_on ? (double)all : 0;
}

static int output_apply(struct weir_node *node, double value)
{
	const struct output *output = weir_state(node);

	return set(node, output->n == 1 ? value != 0 : weir_whole_count(value));
}

static int output_park(struct weir_node *node)
{
	struct output *output = weir_state(node);

	return output->gpio.request ? set(node, (uint64_t)output_parked(node)) : 0;
}

static void output_close(struct weir_node *node)
{
	struct output *output = weir_state(node);

	if (output->gpio.request)
		output_park(node);
	weir_gpio_release(&output->gpio);
}

/* --- driven by the guard ------------------------------------------------------ */

static int output_describe(const struct weir_node *node, struct weir_physical *out, int *fd)
{
	const struct output *output = weir_state(node);

	if (fd)
		*fd = -1;
	*out = (struct weir_physical){
		.n = output->n,
		.active_low = output->active_low,
		.drive = output->drive,
		.bias = output->bias,
	};
	snprintf(out->title, sizeof(out->title), "%.63s", output->n > 1 ? weir_target(node) : output->gpio.title);
	snprintf(out->device, sizeof(out->device), "/dev/%s", output->gpio.line.chip);
	for (uint32_t i = 0; i < output->n; i++) {
		out->offset[i] = output->offset[i];
		out->park[i] = output->parks_on;
		snprintf(out->name[i], sizeof(out->name[i]), "%.31s", output->name[i]);
	}
	return 0;
}

static const struct weir_actuator_ops actuator = {
	.state_bytes = sizeof(struct output),
	.open = output_open,
	.start = output_start,
	.apply = output_apply,
	.park = output_park,
	.close = output_close,
	.parked = output_parked,
	.lines = output_lines,
	.describe = output_describe,
	.output_args = offsetof(struct output, output_args),
	.is_brief = true,
};

const struct weir_driver weir_actuator_gpio_lines = {
	.name = "gpio",
	.doc = "GPIO line as an output, by name or CHIP/OFFSET, or several at once: CHIP[A,B]",
	.target = "LINE",
	.actuator_params = params,
	.actuator = &actuator,
};
