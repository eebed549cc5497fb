/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/iio_channel.h"
#include "devices/iio_names.h"

/* Statistics of a channel, not its value: in_voltage0_mean_raw. */
static const char *const statistics[] = { "_mean", "_peak", "_trough", "_quadrature_correction" };

/* The channels that have been found so far. */
struct channels {
	const char *dir;
	struct weir_iio_channel *channel;
	uint32_t n;
};

static bool ends_in(const char *text, size_t length, const char *end)
{
	size_t n = strlen(end);

	return length > n && !memcmp(text + length - n, end, n);
}

/* Does a file's name say "in_ID" or "out_ID" before `suffix`? Then what is the ID? */
static bool channel_take_apart(const char *file, const char *suffix, char id[WEIR_IIO_ID_MAX], bool *is_output)
{
	size_t length = strlen(file);

	*is_output = !strncmp(file, "out_", 4);
	if ((!*is_output && strncmp(file, "in_", 3)) || !ends_in(file, length, suffix))
		return false;
	file += *is_output ? 4 : 3;
	length = strlen(file) - strlen(suffix);
	for (size_t i = 0; i < sizeof(statistics) / sizeof(*statistics); i++)
		if (ends_in(file, length, statistics[i]))
			return false;
	if (!length || length >= WEIR_IIO_ID_MAX)
		return false;
	memcpy(id, file, length);
	id[length] = '\0';
	return true;
}

static struct weir_iio_channel *channels_find(struct channels *channels, const char *id, bool is_output)
{
	struct weir_iio_channel *grown;

	for (uint32_t i = 0; i < channels->n; i++)
		if (channels->channel[i].is_output == is_output && !strcmp(channels->channel[i].id, id))
			return &channels->channel[i];
	grown = reallocarray(channels->channel, channels->n + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	channels->channel = grown;
	grown += channels->n++;
	*grown = (struct weir_iio_channel){ .is_output = is_output };
	snprintf(grown->id, sizeof(grown->id), "%s", id);
	return grown;
}

static int channels_note_value(struct channels *channels, const char *file)
{
	char id[WEIR_IIO_ID_MAX];
	bool is_output, is_raw = channel_take_apart(file, "_raw", id, &is_output);
	struct weir_iio_channel *channel;

	if (!is_raw && !channel_take_apart(file, "_input", id, &is_output))
		return 0;
	channel = channels_find(channels, id, is_output);
	if (!channel)
		return -ENOMEM;
	channel->has_raw |= is_raw;
	channel->has_input |= !is_raw;
	return 0;
}

bool weir_iio_parse_type(const char *text, struct weir_iio_element *element)
{
	char order, sign;
	int at = 0, more = 0;

	element->repeat = 1;
	element->shift = 0;
	if (sscanf(text, "%ce:%c%u/%u%n", &order, &sign, &element->bits, &element->storage, &at) != 4)
		return false;
	if (sscanf(text + at, "X%u%n", &element->repeat, &more) == 1)
		at += more;
	if (sscanf(text + at, ">>%u", &element->shift) != 1 && text[at])
		return false;
	element->is_big_endian = order == 'b';
	element->is_signed = sign == 's' || sign == 'S';
	element->is_float = sign == 'f' || sign == 'F';
	return (order == 'b' || order == 'l') && strchr("sSuUfF", sign);
}

/* NAME_en of scan_elements has NAME_index and NAME_type beside it. */
static int channels_note_element(struct channels *channels, const char *file)
{
	char id[WEIR_IIO_ID_MAX], name[WEIR_IIO_FILE_MAX + 32], text[WEIR_SYSFS_TEXT];
	struct weir_iio_element element = { 0 };
	int stem = (int)strlen(file) - 3;
	struct weir_iio_channel *channel;
	double index;
	bool is_output;

	if (!channel_take_apart(file, "_en", id, &is_output))
		return 0;
	snprintf(name, sizeof(name), "scan_elements/%.*s_index", stem, file);
	if (weir_sysfs_number(channels->dir, name, &index))
		return 0;
	snprintf(name, sizeof(name), "scan_elements/%.*s_type", stem, file);
	if (weir_sysfs_read(channels->dir, name, text, sizeof(text)) || !weir_iio_parse_type(text, &element))
		return 0;
	channel = channels_find(channels, id, is_output);
	if (!channel)
		return -ENOMEM;
	element.index = lrint(index);
	channel->element = element;
	channel->is_scanned = true;
	channel->is_timestamp = !strcmp(id, "timestamp");
	return 0;
}

static int channels_walk(struct channels *channels, const char *below,
			 int (*note)(struct channels *channels, const char *file))
{
	char path[WEIR_SYSFS_PATH + 16];
	int err = 0;
	DIR *files;

	snprintf(path, sizeof(path), "%s%s", channels->dir, below);
	files = opendir(path);
	if (!files)
		return -errno;
	for (struct dirent *entry; !err && (entry = readdir(files));)
		if (strlen(entry->d_name) < WEIR_IIO_FILE_MAX)
			err = note(channels, entry->d_name);
	closedir(files);
	return err;
}

static int channel_compare(const void *left, const void *right)
{
	const struct weir_iio_channel *a = left, *b = right;

	if (a->is_output != b->is_output)
		return a->is_output - b->is_output;
	if (a->is_scanned != b->is_scanned)
		return b->is_scanned - a->is_scanned;
	if (a->is_scanned && a->element.index != b->element.index)
		return a->element.index < b->element.index ? -1 : 1;
	return strverscmp(a->id, b->id);
}

static void channel_finish(const char *dir, struct weir_iio_channel *channel)
{
	char file[WEIR_IIO_FILE_MAX];

	snprintf(channel->element.unit, sizeof(channel->element.unit), "%s", weir_iio_unit(channel->id));
	snprintf(file, sizeof(file), "%s_%s_label", channel->is_output ? "out" : "in", channel->id);
	weir_sysfs_read(dir, file, channel->label, sizeof(channel->label));
}

int weir_iio_channels_read(const char *dir, struct weir_iio_channel **out, uint32_t *n)
{
	struct channels channels = { .dir = dir };
	int err = channels_walk(&channels, "", channels_note_value);

	/* A device without a buffer has no scan. */
	if (!err && weir_sysfs_has(dir, "scan_elements"))
		err = channels_walk(&channels, "/scan_elements", channels_note_element);
	for (uint32_t i = 0; i < channels.n; i++)
		channel_finish(dir, &channels.channel[i]);
	if (channels.n)
		qsort(channels.channel, channels.n, sizeof(*channels.channel), channel_compare);
	*out = channels.channel;
	*n = channels.n;
	return err;
}

/* A channel's own, its type's, its direction's, the device's; `which` counts from 0. False: there are no more. */
static bool channel_candidate(const struct weir_iio_channel *channel, const char *attribute, unsigned which,
			      char file[WEIR_IIO_FILE_MAX])
{
	const char *direction = channel->is_output ? "out" : "in", *id = channel->id;
	int letters = 0;

	while (isalpha((unsigned char)id[letters]))
		letters++;
	switch (which) {
	case 0:
		snprintf(file, WEIR_IIO_FILE_MAX, "%s_%s_%s", direction, id, attribute);
		return true;
	case 1:
		snprintf(file, WEIR_IIO_FILE_MAX, "%s_%.*s-%.*s_%s", direction, letters, id, letters, id, attribute);
		return true;
	case 2:
		snprintf(file, WEIR_IIO_FILE_MAX, "%s_%.*s_%s", direction, letters, id, attribute);
		return true;
	case 3:
		snprintf(file, WEIR_IIO_FILE_MAX, "%s_%s", direction, attribute);
		return true;
	case 4:
		snprintf(file, WEIR_IIO_FILE_MAX, "%s", attribute);
		return true;
	}
	return false;
}

bool weir_iio_channel_file(const char *dir, const struct weir_iio_channel *channel, const char *attribute,
			   char file[WEIR_IIO_FILE_MAX])
{
	bool is_difference = strchr(channel->id, '-');

	for (unsigned which = 0; channel_candidate(channel, attribute, which, file); which++)
		if ((which != 1 || is_difference) && weir_sysfs_has(dir, file))
			return true;
	*file = '\0';
	return false;
}

int weir_iio_channel_number(const char *dir, const struct weir_iio_channel *channel, const char *attribute, double *out)
{
	char file[WEIR_IIO_FILE_MAX];
	double value;
	int err;

	if (!weir_iio_channel_file(dir, channel, attribute, file))
		return -ENOENT;
	err = weir_sysfs_number(dir, file, &value);
	if (!err)
		*out = value;
	return err;
}

bool weir_iio_is_scanned(const struct weir_iio_channel *channel)
{
	return channel->is_scanned && !channel->is_output && !channel->is_timestamp;
}

bool weir_iio_is_readable(const struct weir_iio_channel *channel)
{
	return !channel->is_output && (channel->has_raw || channel->has_input);
}
