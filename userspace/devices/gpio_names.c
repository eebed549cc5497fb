/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/report.h"
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

/* --- advice ------------------------------------------------------------------- */

#define MEANT_MAX 5
#define CHIPS_NAMED_MAX 3 /* of those that have a line of that number */

/* Text in a buffer that takes whole items only. */
struct list {
	char *text;
	size_t bytes, length;
	bool is_full;
};

static void add(struct list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for " …" is kept, so that a list that goes on shows it. */
static void add(struct list *list, const char *format, ...)
{
	static const char more[] = " …";
	char item[2 * WEIR_GPIO_NAME + 64];
	va_list values;
	size_t n;

	va_start(values, format);
	vsnprintf(item, sizeof(item), format, values);
	va_end(values);
	n = strlen(item);
	if (list->is_full)
		return;
	list->is_full = list->length + n + sizeof(more) > list->bytes;
	strcpy(list->text + list->length, list->is_full ? more : item);
	list->length += list->is_full ? sizeof(more) - 1 : n;
}

struct meant {
	char word[MEANT_MAX][2 * WEIR_GPIO_NAME];
	unsigned n;
};

static void mean(struct meant *meant, const char *word)
{
	for (unsigned i = 0; i < meant->n; i++)
		if (!strcmp(meant->word[i], word))
			return;
	if (meant->n < MEANT_MAX)
		snprintf(meant->word[meant->n++], sizeof(meant->word[0]), "%s", word);
}

/* `17` of 17, BCM17, gpio_17; -1: the word ends in no number. */
static long number_of(const char *word, size_t *letters)
{
	size_t length = strlen(word), digits = 0;

	while (digits < length && isdigit((unsigned char)word[length - 1 - digits]))
		digits++;
	*letters = length - digits;
	return digits && digits < 6 ? strtol(word + *letters, NULL, 10) : -1;
}

/* What other programs call a line by, before its number. */
static bool is_usual(const char *word, size_t letters)
{
	static const char *const usual[] = { "", "gpio", "bcm", "pin", "line", "io" };

	while (letters && strchr("_- ", word[letters - 1]))
		letters--;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (strlen(usual[i]) == letters && !strncasecmp(word, usual[i], letters))
			return true;
	return false;
}

static void mean_number(struct meant *meant, const struct weir_gpio_line *line, size_t n, const char *word)
{
	size_t letters;
	long number = number_of(word, &letters);
	unsigned chips = 0;
	char text[2 * WEIR_GPIO_NAME];

	if (number < 0)
		return;
	snprintf(text, sizeof(text), "GPIO%ld", number);
	for (size_t i = 0; i < n; i++)
		if (!strcasecmp(line[i].name, text))
			mean(meant, line[i].name);
	for (size_t i = 0; i < n && is_usual(word, letters); i++) {
		if (line[i].offset != (uint32_t)number || chips++ >= CHIPS_NAMED_MAX)
			continue;
		snprintf(text, sizeof(text), "%s/%ld", line[i].chip, number);
		mean(meant, text);
	}
}

static size_t collect(const struct weir_gpio_line *line, size_t n, bool chips, const char **word)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		if (!chips && *line[i].name)
			word[found++] = line[i].name;
		else if (chips && (!i || strcmp(line[i].chip, line[i - 1].chip)))
			word[found++] = line[i].chip;
	return found;
}

static void add_words(struct list *list, const char *const *word, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add(list, "%s%s", i ? ", " : " ", word[i]);
}

static void add_meant(struct list *list, const struct meant *meant)
{
	for (unsigned i = 0; i < meant->n; i++)
		add(list, "%s'%s'", !i ? "did you mean " : i + 1 < meant->n ? ", " : " or ", meant->word[i]);
	if (meant->n)
		add(list, "? ");
}

/* CHIP/OFFSET of a chip that has fewer lines. */
static bool advise_offset(struct list *list, const struct weir_gpio_line *line, size_t n, const char *word)
{
	const char *slash = strrchr(word, '/'), *chip = word;
	size_t length, count = 0;

	if (!slash || !isdigit((unsigned char)slash[1]))
		return false;
	chip += strncmp(word, "/dev/", 5) ? 0 : 5;
	length = slash > chip ? (size_t)(slash - chip) : 0;
	for (size_t i = 0; i < n; i++)
		if (same(line[i].chip, chip, length) || same(line[i].label, chip, length))
			count = line[i].offset + 1 > count ? line[i].offset + 1 : count;
	if (count)
		add(list, "its lines are 0 to %zu", count - 1);
	return count;
}

static void advise(struct list *list, const struct weir_gpio_line *line, size_t n, const char *word, const char **known)
{
	bool is_place = strchr(word, '/');
	size_t chip = is_place ? (size_t)(strrchr(word, '/') - word) : 0, n_known = collect(line, n, is_place, known);
	const char *nearest = weir_nearest(word, is_place ? chip : strlen(word), known, n_known);
	struct meant meant = { .n = 0 };

	if (!is_place)
		mean_number(&meant, line, n, word);
	if (nearest)
		mean(&meant, nearest);
	add_meant(list, &meant);
	if (!meant.n && n_known && !is_place)
		add(list, "write a name or CHIP/OFFSET; ");
	add(list, is_place  ? "chips are:"
		  : n_known ? "named lines are:"
			    : "no line has a name; write CHIP/OFFSET, as in gpiochip0/5");
	add_words(list, known, n_known);
}

void weir_gpio_advise(const struct weir_gpio_line *line, size_t n, const char *word, char *text, size_t bytes)
{
	struct list list = { .text = text, .bytes = bytes };
	const char **known = calloc(n + 1, sizeof(*known));

	*text = '\0';
	if (!known)
		return;
	if (!advise_offset(&list, line, n, word))
		advise(&list, line, n, word, known);
	free(known);
}

void weir_gpio_list_fitting(const struct weir_gpio_line *line, size_t n, const char *word, char *text, size_t bytes)
{
	struct list list = { .text = text, .bytes = bytes };

	*text = '\0';
	add(&list, "say which:");
	for (size_t i = 0; i < n; i++)
		if (fits_name(&line[i], word) || fits_offset(&line[i], word))
			add(&list, " %s/%u", line[i].chip, line[i].offset);
}
