/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Thermal zones of the kernel: the temperature of the processor, of a battery, of a board. Polled, in m°C. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/polled.h"
#include "weir/paced.h"

#define THERMAL_DIR "/sys/class/thermal"
#define ZONES_MAX 64
#define LIST_BYTES 1024
#define ABSOLUTE_ZERO (-273150.0) /* m°C */

struct thermal_zone {
	char id[32];   /* "thermal_zone0" */
	char type[64]; /* "cpu-thermal" */
};

struct thermal {
	struct weir_polled polled;
};

static const struct weir_param params[] = { WEIR_POLLED_PARAMS(struct thermal, polled, "1Hz", "0"), { .name = NULL } };

static int thermal_is_zone(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "thermal_zone", 12) && strlen(entry->d_name) < 32;
}

static int thermal_read_zones(struct thermal_zone zones[ZONES_MAX])
{
	struct dirent **entry;
	int n = scandir(THERMAL_DIR, &entry, thermal_is_zone, versionsort), found = 0;
	char dir[WEIR_SYSFS_PATH];

	for (int i = 0; i < n; i++) {
		if (found < ZONES_MAX) {
			snprintf(dir, sizeof(dir), "%s/%.31s", THERMAL_DIR, entry[i]->d_name);
			snprintf(zones[found].id, sizeof(zones[found].id), "%.31s", entry[i]->d_name);
			weir_sysfs_read(dir, "type", zones[found].type, sizeof(zones[found].type));
			found++;
		}
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	return found;
}

static bool thermal_fits(const struct thermal_zone *zone, const char *word)
{
	return !strcmp(zone->type, word) || !strcmp(zone->id, word) || !strcmp(zone->id + strlen("thermal_zone"), word);
}

/* The type alone where one zone has it. */
static const char *thermal_title(const struct thermal_zone *zones, int n, int which)
{
	for (int i = 0; i < n; i++)
		if (i != which && thermal_fits(&zones[i], zones[which].type))
			return zones[which].id;
	return *zones[which].type ? zones[which].type : zones[which].id;
}

static void thermal_print_list(const struct thermal_zone *zones, int n, char list[LIST_BYTES])
{
	for (int i = 0; i < n; i++) {
		size_t length = strlen(list);

		snprintf(list + length, LIST_BYTES - length, "%s thermal:%s", i ? "," : "", thermal_title(zones, n, i));
	}
}

static int thermal_find(struct weir_node *node, const char *word, char dir[WEIR_SYSFS_PATH])
{
	struct thermal_zone zones[ZONES_MAX];
	char list[LIST_BYTES] = "there are:";
	int n = thermal_read_zones(zones), found = -1;

	for (int i = 0; i < n; i++) {
		if (!thermal_fits(&zones[i], word))
			continue;
		if (found >= 0)
			return weir_fail_arg(node, NULL, "write its number: thermal:0; see weir list devices",
					     "several thermal zones are of type '%s'", word);
		found = i;
	}
	thermal_print_list(zones, n, list);
	if (found < 0)
		return weir_fail_device(node, word, "find the thermal zone", ENOENT,
					n ? list : "this machine has no thermal zone");
	snprintf(dir, WEIR_SYSFS_PATH, "%s/%s", THERMAL_DIR, zones[found].id);
	return 0;
}

static int thermal_open(struct weir_node *node, struct weir_schema *out)
{
	struct thermal *thermal = weir_state(node);
	struct weir_polled *polled = &thermal->polled;
	const char *word = weir_target(node);
	struct weir_polled_channel *channel;
	char dir[WEIR_SYSFS_PATH];
	int err = 0;

	if (!*word)
		return weir_fail_arg(node, NULL, "write thermal:ZONE; weir list devices shows the zones",
				     "which thermal zone?");
	if (*word == '/')
		snprintf(dir, sizeof(dir), "%s", word);
	else
		err = thermal_find(node, word, dir);
	if (err)
		return err;
	err = weir_polled_open(polled, word, dir, out);
	if (err)
		return weir_fail_device(node, word, "open", -err, "weir list devices shows the zones");
	weir_is_paced(node, polled->rate_hz);
	err = weir_polled_add(polled, node, out, "temp", "m°C", "temp", &channel);
	if (!err)
		channel->least = ABSOLUTE_ZERO;
	return err;
}

static int thermal_start(struct weir_node *node, bool unread)
{
	struct thermal *thermal = weir_state(node);

	(void)unread;
	return weir_polled_start(&thermal->polled, node);
}

static int thermal_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct thermal *thermal = weir_state(node);

	return weir_polled_produce(&thermal->polled, node, rows, wait);
}

static const char *thermal_how(const struct weir_node *node)
{
	struct thermal *thermal = weir_state(node);

	return weir_polled_how(&thermal->polled);
}

static void thermal_close(struct weir_node *node)
{
	struct thermal *thermal = weir_state(node);

	weir_polled_close(&thermal->polled);
}

static void thermal_tell_devices(weir_tell_device *tell, void *context)
{
	struct thermal_zone zones[ZONES_MAX];
	int n = thermal_read_zones(zones);
	char what[128], channel[64], program[160];

	for (int i = 0; i < n; i++) {
		const char *title = thermal_title(zones, n, i), *quote = strpbrk(title, " [|;#") ? "\"" : "";
		struct weir_device_fact facts[] = { { "channel", channel }, { "program", program } };

		snprintf(what, sizeof(what), "%.31s, %.63s", zones[i].id, zones[i].type);
		snprintf(channel, sizeof(channel), "temp in m°C");
		snprintf(program, sizeof(program), "thermal:%s%.64s%s rate=1Hz | print", quote, title, quote);
		tell(context, title, what, facts, 2);
	}
}

static const struct weir_source_ops source = {
	.state_bytes = sizeof(struct thermal),
	.open = thermal_open,
	.start = thermal_start,
	.produce = thermal_produce,
	.close = thermal_close,
	.how = thermal_how,
	.devices = thermal_tell_devices,
};

const struct weir_driver weir_sensor_thermal = {
	.name = "thermal",
	.doc = "temperature of a thermal zone of the kernel, by type, thermal_zoneN, N or path",
	.target = "ZONE",
	.source_params = params,
	.source = &source,
};
