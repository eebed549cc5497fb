/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "devices/gpio_names.h"

static bool fits_name(const struct weir_gpio_line *line, const char *word)
{
	return *word && !strcmp(line->name, word);
}

static bool same(const char *text, const char *word, size_t length)
{
	return strlen(text) == length && !strncmp(text, word, length);
}

/* CHIP/OFFSET, where CHIP may begin with "/dev/". */
static bool fits_offset(const struct weir_gpio_line *line, const char *word)
{
	const char *slash = strrchr(word, '/');
	char *end;

	if (!slash || !isdigit((unsigned char)slash[1]) || strtoul(slash + 1, &end, 10) != line->offset || *end)
		return false;
	if (!strncmp(word, "/dev/", 5))
		return same(line->chip, word + 5, (size_t)(slash - word - 5));
	return same(line->chip, word, (size_t)(slash - word)) || same(line->label, word, (size_t)(slash - word));
}

static int find_by(const struct weir_gpio_line *line, size_t n, const char *word,
		   bool (*fits)(const struct weir_gpio_line *, const char *))
{
	int found = -ENOENT;

	for (size_t i = 0; i < n; i++) {
		if (!fits(&line[i], word))
			continue;
		if (found >= 0)
			return -ENOTUNIQ;
		found = (int)i;
	}
	return found;
}

int weir_gpio_find(const struct weir_gpio_line *line, size_t n, const char *word)
{
	int found = find_by(line, n, word, fits_name);

	return found == -ENOENT ? find_by(line, n, word, fits_offset) : found;
}

bool weir_gpio_fits(const struct weir_gpio_line *line, const char *word)
{
	return fits_name(line, word) || fits_offset(line, word);
}
