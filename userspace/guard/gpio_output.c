/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests allocate, inside libgpiod. Driving does not. */
#include <errno.h>
#include <fcntl.h>
#include <gpiod.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guard/attribute.h"
#include "guard/guard.h"

static struct gpiod_line_settings *settings_of(const struct weir_physical *what)
{
	static const enum gpiod_line_drive drive[] = { GPIOD_LINE_DRIVE_PUSH_PULL, GPIOD_LINE_DRIVE_OPEN_DRAIN,
						       GPIOD_LINE_DRIVE_OPEN_SOURCE };
	static const enum gpiod_line_bias bias[] = { GPIOD_LINE_BIAS_AS_IS, GPIOD_LINE_BIAS_PULL_UP,
						     GPIOD_LINE_BIAS_PULL_DOWN, GPIOD_LINE_BIAS_DISABLED };
	struct gpiod_line_settings *settings = gpiod_line_settings_new();

	if (!settings)
		return NULL;
	gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_OUTPUT);
	gpiod_line_settings_set_drive(settings, drive[what->drive % 3]);
	gpiod_line_settings_set_bias(settings, bias[what->bias % 4]);
	gpiod_line_settings_set_active_low(settings, what->active_low);
	return settings;
}

static struct gpiod_line_config *config_of(const struct weir_physical *what, const double *value)
{
	enum gpiod_line_value values[WEIR_LEASE_LINES];
	struct gpiod_line_settings *settings = settings_of(what);
	struct gpiod_line_config *config = gpiod_line_config_new();
	int failed = 1;

	for (uint32_t i = 0; i < what->n; i++)
		values[i] = value[i] != 0 ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE;
	if (settings && config)
		failed = gpiod_line_config_add_line_settings(config, what->offset, what->n, settings) ||
			 gpiod_line_config_set_output_values(config, values, what->n);
	gpiod_line_settings_free(settings);
	if (!failed)
		return config;
	gpiod_line_config_free(config);
	return NULL;
}

/* Who has the first of the lines that is taken. */
static void name_consumer(struct gpiod_chip *chip, const struct weir_physical *what, char *text)
{
	for (uint32_t i = 0; i < what->n; i++) {
		struct gpiod_line_info *info = gpiod_chip_get_line_info(chip, what->offset[i]);
		const char *consumer = info ? gpiod_line_info_get_consumer(info) : NULL;

		if (info && gpiod_line_info_is_used(info))
			snprintf(text, WEIR_GUARD_TEXT, "'%s' is using it", consumer ? consumer : "the kernel");
		gpiod_line_info_free(info);
	}
}

/* Its descriptor outlives libgpiod's request, and this process where another one has it too. */
static int keep_descriptor(struct gpiod_line_request *request, int *lines)
{
	int error;

	if (!request)
		return errno;
	*lines = fcntl(gpiod_line_request_get_fd(request), F_DUPFD_CLOEXEC, 3);
	error = *lines < 0 ? errno : 0;
	gpiod_line_request_release(request);
	return error;
}

static int request_lines(struct gpiod_chip *chip, struct gpiod_line_config *config, const struct weir_physical *what,
			 int *lines, char *text)
{
	struct gpiod_request_config *request = gpiod_request_config_new();
	int error = ENOMEM;

	if (request) {
		gpiod_request_config_set_consumer(request, "weir-guard");
		error = keep_descriptor(gpiod_chip_request_lines(chip, request, config), lines);
	}
	gpiod_request_config_free(request);
	if (error == EBUSY)
		name_consumer(chip, what, text);
	else if (error == EINVAL || error == ENOTSUP || error == ENXIO)
		snprintf(text, WEIR_GUARD_TEXT, "its chip cannot do that: look at bias= and drive=");
	return error;
}

static void values_of(const struct guard *guard, uint32_t lease, double *value)
{
	for (uint32_t i = 0; i < guard->bank.lease[lease].n; i++)
		value[i] = guard->bank.line[guard->bank.lease[lease].line[i]].value;
}

/* What is held is never let go of in between: it stays where it is. */
static int take_lines(struct guard *guard, uint32_t lease, const struct weir_physical *what, char *text)
{
	struct guard_holding *holding = &guard->holding[lease];
	struct gpiod_line_config *config;
	double value[WEIR_LEASE_LINES];
	struct gpiod_chip *chip;
	int error;

	values_of(guard, lease, value);
	if (holding->lines >= 0)
		return -weir_lines_configure(holding->lines, what, value);
	config = config_of(what, value);
	if (!config)
		return ENOMEM;
	chip = gpiod_chip_open(what->device);
	error = chip ? request_lines(chip, config, what, &holding->lines, text) : errno;
	if (chip)
		gpiod_chip_close(chip);
	gpiod_line_config_free(config);
	return error;
}

int guard_output_take(struct guard *guard, uint32_t lease, const struct weir_physical *what, int file, char *text)
{
	struct guard_holding *holding = &guard->holding[lease];
	int error = 0;

	if (what->is_file) {
		if (holding->file >= 0)
			close(holding->file);
		holding->file = file;
		holding->has_taken = false;
	} else {
		if (file >= 0)
			close(file);
		error = take_lines(guard, lease, what, text);
	}
	if (!error) {
		holding->what = *what;
		guard_remember(guard, lease);
	}
	return error ? error : guard_output_drive(guard, lease);
}

static int drive_lines(const struct guard *guard, uint32_t lease)
{
	const struct guard_holding *holding = &guard->holding[lease];
	double value[WEIR_LEASE_LINES];

	values_of(guard, lease, value);
	return -weir_lines_set(holding->lines, holding->what.n, value);
}

/* What was refused before is not looked for again as long as it is asked for again. */
static int drive_file(struct guard_holding *holding, double value)
{
	int err;

	if (holding->has_taken && holding->wanted == value && holding->taken != value)
		value = holding->taken;
	else
		holding->wanted = value;
	err = weir_attribute_set(holding->file, &holding->what, value, &holding->taken);
	holding->has_taken = !err;
	return -err;
}

int guard_output_drive(struct guard *guard, uint32_t lease)
{
	struct guard_holding *holding = &guard->holding[lease];

	if (holding->what.is_file && holding->file < 0)
		return EBADF;
	if (holding->what.is_file)
		return drive_file(holding, guard->bank.line[guard->bank.lease[lease].line[0]].value);
	return holding->lines < 0 ? EBADF : drive_lines(guard, lease);
}

void guard_output_release(struct guard_holding *holding)
{
	if (holding->lines >= 0)
		close(holding->lines);
	if (holding->file >= 0)
		close(holding->file);
	holding->lines = holding->file = -1;
}
