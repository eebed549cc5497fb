/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/hwmon_list.h"
#include "devices/name_list.h"

#define LIST_BYTES 1024
#define SHOWN 8 /* channels in the program */

/* -------------------------------------------------------------------- a chip */

static int hwmon_fail_unknown(struct weir_node *node, const char *word, const struct weir_hwmon_chip *chips, int n)
{
	const char *names[WEIR_HWMON_MAX];
	char advice[LIST_BYTES] = "";

	strcpy(advice, n ? "there are:" : "this machine has no hwmon chip; is its driver loaded?");
	for (int i = 0; i < n; i++)
		names[i] = chips[i].title;
	weir_text_append_names(advice, sizeof(advice), names, (size_t)n);
	weir_text_append_nearest(advice, sizeof(advice), word, names, (size_t)n);
	return weir_fail_device(node, word, "find the chip", ENOENT, advice);
}

static int hwmon_fail_ambiguous(struct weir_node *node, const char *word, const struct weir_hwmon_chip *chips, int n)
{
	char list[LIST_BYTES] = "say which:";
	const char *separator = " ";

	for (int i = 0; i < n; i++) {
		if (weir_hwmon_find_chip(&chips[i], 1, word) < 0)
			continue;
		weir_text_append(list, sizeof(list), "%shwmon:%s", separator, chips[i].title);
		separator = ", ";
	}
	return weir_fail_arg(node, NULL, list, "several hwmon chips are called '%s'", word);
}

static int hwmon_choose_path(struct weir_node *node, const char *path, struct weir_hwmon_chip *out)
{
	int err = weir_hwmon_read_chip(path, out);

	snprintf(out->title, sizeof(out->title), "%s", path);
	return err ? weir_fail_device(node, path, "open", -err, "weir list devices shows the chips") : 0;
}

int weir_hwmon_choose_chip(struct weir_node *node, const char *word, struct weir_hwmon_chip *out)
{
	struct weir_hwmon_chip *chips;
	int n, found, err = 0;

	if (!*word)
		return weir_fail_arg(node, NULL, "write hwmon:NAME; weir list devices shows the names",
				     "which hwmon chip?");
	if (*word == '/')
		return hwmon_choose_path(node, word, out);
	n = weir_hwmon_read_chips(WEIR_HWMON_DIR, &chips);
	if (n < 0)
		return n;
	found = weir_hwmon_find_chip(chips, n, word);
	if (found >= 0)
		*out = chips[found];
	else if (found == -ENOTUNIQ)
		err = hwmon_fail_ambiguous(node, word, chips, n);
	else
		err = hwmon_fail_unknown(node, word, chips, n);
	free(chips);
	return err;
}

int weir_hwmon_fail_channel(struct weir_node *node, const struct weir_hwmon_chip *chip, const char *word, int err)
{
	const char *names[WEIR_HWMON_CHANNELS];
	char hint[LIST_BYTES] = "its channels are";

	for (uint32_t i = 0; i < chip->n_channels; i++)
		names[i] = chip->channel[i].id;
	weir_text_append_names(hint, sizeof(hint), names, chip->n_channels);
	weir_text_append_nearest(hint, sizeof(hint), word, names, chip->n_channels);
	return weir_fail_arg(node, NULL, hint,
			     err == -ENOTUNIQ ? "'%s' has several channels that '%s' may mean"
					      : "'%s' has no channel '%s'",
			     chip->title, word);
}

/* -------------------------------------------------------------------- the list */

/* The lines about one chip: up to three names, the channels, a program. */
struct hwmon_facts {
	struct weir_device_fact fact[WEIR_HWMON_CHANNELS + 5];
	char text[WEIR_HWMON_CHANNELS + 5][LIST_BYTES];
	size_t n;
};

static void hwmon_fact(struct hwmon_facts *facts, const char *key, const char *format, ...) WEIR_PRINTF(3, 4);

static void hwmon_fact(struct hwmon_facts *facts, const char *key, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(facts->text[facts->n], LIST_BYTES, format, arguments);
	va_end(arguments);
	facts->fact[facts->n] = (struct weir_device_fact){ key, facts->text[facts->n] };
	facts->n++;
}

static void hwmon_channel_fact(struct hwmon_facts *facts, const struct weir_hwmon_channel *channel)
{
	const char *unit = weir_hwmon_quantity(channel->file).unit, *quote = *channel->label ? " \"" : "";

	hwmon_fact(facts, "channel", "%s%s%s%s in %s", channel->id, quote, channel->label, *channel->label ? "\"" : "",
		   unit);
}

static void hwmon_facts(struct hwmon_facts *facts, const struct weir_hwmon_chip *chips, int n, int which)
{
	const struct weir_hwmon_chip *chip = &chips[which];
	const char *quote = strpbrk(chip->title, " [|;#") ? "\"" : "";
	char placed[2 * WEIR_HWMON_NAME], columns[LIST_BYTES] = "";

	facts->n = 0;
	snprintf(placed, sizeof(placed), "%.*s@%.*s", WEIR_HWMON_NAME - 1, chip->name, WEIR_HWMON_NAME - 2,
		 chip->address);
	hwmon_fact(facts, "name", "hwmon:%s", chip->title);
	if (strcmp(placed, chip->title) && weir_hwmon_find_chip(chips, n, placed) == which)
		hwmon_fact(facts, "name", "hwmon:%s", placed);
	for (uint32_t i = 0; i < chip->n_channels; i++) {
		hwmon_channel_fact(facts, &chip->channel[i]);
		if (i < SHOWN)
			weir_text_append(columns, sizeof(columns), "%s%s", i ? "," : "", chip->channel[i].id);
	}
	hwmon_fact(facts, "program", "hwmon:%s%s%s[%s] rate=1Hz | print", quote, chip->title, quote, columns);
}

void weir_hwmon_tell_devices_of(const char *root, weir_tell_device *tell, void *context)
{
	struct hwmon_facts *facts = malloc(sizeof(*facts));
	struct weir_hwmon_chip *chips;
	int n = weir_hwmon_read_chips(root, &chips);
	char what[3 * WEIR_HWMON_NAME];

	for (int i = 0; i < n && facts; i++) {
		if (!chips[i].n_channels)
			continue;
		hwmon_facts(facts, chips, n, i);
		snprintf(what, sizeof(what), "%s, %s%s%s, %u channels", chips[i].id, chips[i].name,
			 *chips[i].address ? " at " : "", chips[i].address, chips[i].n_channels);
		tell(context, chips[i].title, what, facts->fact, facts->n);
	}
	free(chips);
	free(facts);
}

void weir_hwmon_tell_devices(weir_tell_device *tell, void *context)
{
	weir_hwmon_tell_devices_of(WEIR_HWMON_DIR, tell, context);
}
