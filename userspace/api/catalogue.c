/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/catalogue.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

#define WORD_BYTES 64

const struct weir_chip weir_catalogue[] = {
#include "catalogue_rows.h"
};
const size_t weir_n_catalogue = sizeof(weir_catalogue) / sizeof(*weir_catalogue);

/* "HC-SR04" and "hcsr04" are one name. */
static bool catalogue_is_same(const char *a, size_t n, const char *b)
{
	size_t i = 0;

	for (;; i++, b++) {
		while (i < n && a[i] == '-')
			i++;
		while (*b == '-')
			b++;
		if (i == n || !*b)
			return i == n && !*b;
		if (tolower((unsigned char)a[i]) != tolower((unsigned char)*b))
			return false;
	}
}

static bool catalogue_is_word(const char *list, const char *word)
{
	for (; list && *list; list += strspn(list, " ")) {
		size_t n = strcspn(list, " ");

		if (catalogue_is_same(list, n, word))
			return true;
		list += n;
	}
	return false;
}

const struct weir_chip *weir_catalogue_find(const char *word)
{
	const struct weir_chip *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < weir_n_catalogue; i++)
		if (catalogue_is_same(weir_catalogue[i].chip, strlen(weir_catalogue[i].chip), word))
			return &weir_catalogue[i];
	for (size_t i = 0; i < weir_n_catalogue; i++) {
		if (!catalogue_is_word(weir_catalogue[i].words, word))
			continue;
		found = &weir_catalogue[i];
		n++;
	}
	/* A word of several chips is one to search for. */
	return n == 1 ? found : NULL;
}

bool weir_catalogue_has(const struct weir_chip *chip, const char *word)
{
	const char *const text[] = { chip->chip,   chip->title,     chip->words, chip->channels,
				     chip->driver, chip->subsystem, chip->group };

	for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++)
		if (text[i] && strcasestr(text[i], word))
			return true;
	return false;
}

bool weir_catalogue_lists(const char *list, const char *word)
{
	char pattern[WORD_BYTES];

	for (; *list; list += strspn(list, " ")) {
		size_t n = strcspn(list, " ");

		if (n < sizeof(pattern)) {
			memcpy(pattern, list, n);
			pattern[n] = '\0';
			if (!fnmatch(pattern, word, 0))
				return true;
		}
		list += n;
	}
	return false;
}

const struct weir_chip *weir_catalogue_of_device(const char *subsystem, const char *device)
{
	const struct weir_chip *found = NULL;
	char name[WORD_BYTES];
	size_t n = strcspn(device, "@");

	if (n >= sizeof(name))
		return NULL;
	memcpy(name, device, n);
	name[n] = '\0';
	for (size_t i = 0; i < weir_n_catalogue; i++) {
		if (strcmp(weir_catalogue[i].subsystem, subsystem) ||
		    !weir_catalogue_lists(weir_catalogue[i].sysfs, name))
			continue;
		/* can0 may be each of several. */
		if (found)
			return NULL;
		found = &weir_catalogue[i];
	}
	return found ? found : weir_catalogue_find(name);
}
