/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The catalogue of chips for the user: a list, a search, and for one chip the state of this machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/setup_parts.h"
#include "core/counters.h"
#include "weir/weir.h"

/* --------------------------------------------------------------- list and search */

static void setup_list_one(const struct weir_chip *chip, const char **group, FILE *stream)
{
	if (!*group || strcmp(*group, chip->group))
		fprintf(stream, "%s%s\n", *group ? "\n" : "", chip->group);
	*group = chip->group;
	fprintf(stream, "  %-14s  %s\n", chip->chip, chip->title);
}

static json_t *setup_members(const struct weir_chip *chip)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s}", "chip", chip->chip,
			 "title", chip->title, "group", chip->group, "subsystem", chip->subsystem, "config",
			 chip->config, "attach", chip->attach, "bus", chip->bus, "channels", chip->channels, "read",
			 chip->read, "kernels", chip->kernels, "instead", chip->instead, "note", chip->note, "program",
			 chip->program);
}

static int setup_list(const char *word, FILE *stream, enum weir_format format)
{
	json_t *list = json_array();
	const char *group = NULL;
	size_t n = 0;

	for (size_t i = 0; i < weir_n_catalogue; i++) {
		if (word && !weir_catalogue_has(&weir_catalogue[i], word))
			continue;
		n++;
		if (format == WEIR_FORMAT_TEXT)
			setup_list_one(&weir_catalogue[i], &group, stream);
		else
			json_array_append_new(list, setup_members(&weir_catalogue[i]));
	}
	if (n && format == WEIR_FORMAT_JSON)
		weir_json_print(list, stream);
	else
		json_decref(list);
	return n ? WEIR_EXIT_OK : WEIR_EXIT_USAGE;
}

static int setup_fail_unknown(const char *word, FILE *messages)
{
	const char **names = calloc(weir_n_catalogue, sizeof(*names)), *nearest = NULL;

	fprintf(messages, "weir: the catalogue has no chip '%s', and no chip with that word\n", word);
	for (size_t i = 0; names && i < weir_n_catalogue; i++)
		names[i] = weir_catalogue[i].chip;
	if (names)
		nearest = weir_nearest(word, strlen(word), names, weir_n_catalogue);
	if (nearest)
		fprintf(messages, "    did you mean '%s'?\n", nearest);
	else
		fprintf(messages,
			"    `weir setup` lists the chips, `weir list devices` the devices of this machine\n");
	free(names);
	return WEIR_EXIT_USAGE;
}

/* ------------------------------------------------------------------------ one chip */

struct setup_state {
	const struct weir_chip *chip;
	struct weir_setup_config config;
	enum weir_setup_driver driver;
	enum weir_setup_device device;
	char release[NAME_MAX], place[NAME_MAX];
};

static void setup_show_config(const struct setup_state *state, FILE *stream)
{
	const struct weir_setup_config *config = &state->config;

	fprintf(stream, "  config.txt  %s\n", state->chip->config ? state->chip->config : "no line needed");
	if (!state->chip->config)
		return;
	if (!*config->path)
		fprintf(stream, "              this machine has no config.txt; --config=FILE names one\n");
	else if (config->err)
		fprintf(stream, "              %s: %s\n", config->path, strerror(config->err));
	else if (config->line)
		fprintf(stream, "              is line %u of %s\n", config->line, config->path);
	else if (config->near)
		fprintf(stream, "              line %u of %s is %s\n", config->near, config->path, config->near_text);
	else
		fprintf(stream, "              not in %s; --apply puts it there\n", config->path);
}

static void setup_show_driver(const struct setup_state *state, FILE *stream)
{
	const struct weir_chip *chip = state->chip;

	switch (state->driver) {
	case WEIR_SETUP_NOT_NEEDED:
		fprintf(stream, "  driver      none needed\n");
		break;
	case WEIR_SETUP_MODULE:
		fprintf(stream, "  driver      %s: a module of kernel %s\n", chip->driver, state->release);
		break;
	case WEIR_SETUP_BUILT_IN:
		fprintf(stream, "  driver      %s: a part of kernel %s\n", chip->driver, state->release);
		break;
	case WEIR_SETUP_TOO_OLD:
		fprintf(stream, "  driver      %s: supports this chip from Linux %s; the kernel is %s\n", chip->driver,
			chip->since, state->release);
		break;
	case WEIR_SETUP_UNKNOWN:
		fprintf(stream, "  driver      %s: unknown, kernel %s has no lists of modules here\n", chip->driver,
			state->release);
		break;
	case WEIR_SETUP_NO_DRIVER:
		fprintf(stream, "  driver      %s: not in kernel %s\n", chip->driver, state->release);
		break;
	}
	if (chip->instead && (state->driver == WEIR_SETUP_TOO_OLD || state->driver == WEIR_SETUP_NO_DRIVER))
		fprintf(stream, "  instead     %s\n", chip->instead);
}

static void setup_show_device(const struct setup_state *state, FILE *stream)
{
	switch (state->device) {
	case WEIR_SETUP_BOUND:
		fprintf(stream, "  device      %s: a driver has it\n", state->place);
		break;
	case WEIR_SETUP_DECLARED:
		fprintf(stream, "  device      %s: no driver has it; check wiring, address and driver\n", state->place);
		break;
	case WEIR_SETUP_ABSENT:
		fprintf(stream, "  device      none\n");
		break;
	case WEIR_SETUP_SILENT:
		fprintf(stream, "  device      not visible in sysfs; the program shows whether it sends\n");
		break;
	}
}

static void setup_show(const struct setup_state *state, FILE *stream)
{
	const struct weir_chip *chip = state->chip;

	fprintf(stream, "%s  %s\n", chip->chip, chip->title);
	setup_show_config(state, stream);
	if (chip->attach)
		fprintf(stream, "  then        echo %s | sudo tee /sys/bus/i2c/devices/i2c-1/new_device\n",
			chip->attach);
	fprintf(stream, "  bus         %s\n", chip->bus);
	setup_show_driver(state, stream);
	setup_show_device(state, stream);
	fprintf(stream, "  channels    %s (%s)\n", chip->channels, chip->read);
	if (chip->note)
		fprintf(stream, "  note        %s\n", chip->note);
	fprintf(stream, "  program     weir run '%s'\n", chip->program);
}

static void setup_show_json(const struct setup_state *state, FILE *stream)
{
	static const char *const drivers[] = { "missing", "module", "builtin", "too old", "not needed", "unknown" },
				 *const devices[] = { "absent", "declared", "bound", "invisible" };
	json_t *members = setup_members(state->chip);

	json_object_update_new(members,
			       json_pack("{s:{s:s, s:s, s:s}, s:{s:s, s:s}, s:s, s:i}", "driver", "name",
					 state->chip->driver, "state", drivers[state->driver], "kernel", state->release,
					 "device", "state", devices[state->device], "place", state->place,
					 "config_file", state->config.path, "config_line", (int)state->config.line));
	weir_json_print(members, stream);
}

/* --------------------------------------------------------------------- a changed file */

static int setup_fail_apply(const struct setup_state *state, int err, FILE *messages)
{
	fprintf(messages, "weir: %s cannot be changed: %s\n", state->config.path, strerror(err));
	if (err == EACCES || err == EPERM)
		fprintf(messages, "    run as root: sudo weir setup --apply %s\n", state->chip->chip);
	return WEIR_EXIT_RUNTIME;
}

/* 0, or the exit status after a message. */
static int setup_apply(const struct setup_state *state, FILE *stream, FILE *messages)
{
	const struct weir_setup_config *config = &state->config;
	char backup[PATH_MAX];
	int err;

	if (!state->chip->config) {
		fprintf(stream, "%s needs no line in config.txt\n", state->chip->chip);
		return WEIR_EXIT_OK;
	}
	if (!*config->path) {
		fprintf(messages, "weir: this machine has no config.txt\n"
				  "    --config=FILE names one, --root=DIRECTORY a mounted SD card\n");
		return WEIR_EXIT_DEVICE;
	}
	if (config->err)
		return setup_fail_apply(state, config->err, messages);
	if (config->line) {
		fprintf(stream, "%s is line %u of %s already\n", state->chip->config, config->line, config->path);
		return WEIR_EXIT_OK;
	}
	if (config->near) {
		fprintf(messages,
			"weir: line %u of %s has that overlay with other parameters: %s\n"
			"    change that line by hand, to %s\n",
			config->near, config->path, config->near_text, state->chip->config);
		return WEIR_EXIT_RUNTIME;
	}
	err = weir_setup_append(config, state->chip->config, backup);
	if (err)
		return setup_fail_apply(state, -err, messages);
	fprintf(stream, "%s: added %s; the old file is %s\nreboot, then `weir setup %s` shows the device\n",
		config->path, state->chip->config, backup, state->chip->chip);
	return WEIR_EXIT_OK;
}

int weir_setup(const struct weir_setup_request *request, FILE *stream, FILE *messages, enum weir_format format)
{
	const char *root = request->root ? request->root : "";
	struct setup_state state = { .chip = request->word ? weir_catalogue_find(request->word) : NULL };

	if (!state.chip && request->word && request->is_applied)
		return setup_fail_unknown(request->word, messages);
	if (!state.chip) {
		int status = setup_list(request->word, stream, format);

		return status ? setup_fail_unknown(request->word, messages) : WEIR_EXIT_OK;
	}
	weir_setup_read_config(&state.config, request->config, root, state.chip->config);
	state.driver = weir_setup_find_driver(state.chip, root, state.release);
	state.device = weir_setup_find_device(state.chip, root, state.place);
	if (request->is_applied)
		return setup_apply(&state, stream, messages);
	if (format == WEIR_FORMAT_JSON)
		setup_show_json(&state, stream);
	else
		setup_show(&state, stream);
	return state.device == WEIR_SETUP_ABSENT || state.device == WEIR_SETUP_DECLARED ? WEIR_EXIT_DEVICE
											: WEIR_EXIT_OK;
}
