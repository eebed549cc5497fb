/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <strings.h>

#include "core/report.h"

#define LENGTH_MAX 63 /* nobody means a longer word than that by a slip of the finger */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edits are: insert, delete, replace, swap two neighbours. Three rows of the usual matrix are enough for the swap. */
static unsigned edit_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
	unsigned rows[3][LENGTH_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (unsigned j = 0; j <= n_b; j++)
		above[j] = j;
	for (unsigned i = 1; i <= n_a; i++) {
		unsigned *spare = before;

		row[0] = i;
		for (unsigned j = 1; j <= n_b; j++) {
			row[j] = least(least(row[j - 1], above[j]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[n_b];
}

const char *weir_nearest(const char *word, size_t length, const char *const *words, size_t n)
{
	const char *nearest = NULL;
	unsigned best = LENGTH_MAX;

	if (length > LENGTH_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t other = strlen(words[i]);
		size_t longer = length > other ? length : other;
		unsigned distance;

		if (other == length && length && !strncasecmp(word, words[i], length))
			return words[i];
		if (other > LENGTH_MAX)
			continue;
		distance = edit_distance(word, length, words[i], other);
		if (distance < best && distance <= (longer + 2) / 3 && distance < longer) {
			best = distance;
			nearest = words[i];
		}
	}
	return nearest;
}
