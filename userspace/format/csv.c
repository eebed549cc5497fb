/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "weir/csv.h"

/* Where the record at `text` ends: its newline, the end of all when `is_last`, or NULL while that is not known. */
static char *find_end(char *text, size_t n, bool is_last)
{
	char *newline = memchr(text, '\n', n);
	bool is_quoted = false;

	/* Nearly no line has a quote in it, and looking for one is fast. */
	if (newline && !memchr(text, '"', (size_t)(newline - text)))
		return newline;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '"')
			is_quoted = !is_quoted;
		else if (text[i] == '\n' && !is_quoted)
			return text + i;
	}
	return is_last && n ? text + n : NULL;
}

/* Take the quotes off a cell in place. Returns what stands after it: a comma, or `end`. */
static char *unquote(char *from, const char *end)
{
	char *to = from++;

	while (from < end && (from[0] != '"' || (from + 1 < end && from[1] == '"'))) {
		from += from[0] == '"';
		*to++ = *from++;
	}
	from += from < end;
	/* What follows a closing quote belongs to the cell: lenient, as spreadsheets are. */
	while (from < end && *from != ',')
		*to++ = *from++;
	if (to < from)
		*to = 0;
	return from;
}

void weir_csv_split(struct weir_csv *csv, char *text, size_t length)
{
	char *at = text, *end = text + length, *stop;

	csv->n_cells = 0;
	for (;; at = stop + 1) {
		if (csv->n_cells < WEIR_CELLS_MAX) {
			csv->cell[csv->n_cells] = at;
			csv->column[csv->n_cells] = (uint32_t)(at - text) + 1;
		}
		csv->n_cells++;
		stop = at < end && *at == '"' ? unquote(at, end) : memchr(at, ',', (size_t)(end - at));
		if (!stop || stop == end)
			break;
		*stop = 0;
	}
	*end = 0;
}

static uint32_t count_lines(const char *text, const char *end)
{
	uint32_t lines = 1;

	while ((text = memchr(text, '\n', (size_t)(end - text)))) {
		lines++;
		text++;
	}
	return lines;
}

/* The record that ends at `end`; false when it is blank. */
static bool take(struct weir_csv *csv, char *text, char *end)
{
	char *stop = end > text && end[-1] == '\r' ? end - 1 : end;

	csv->line = csv->next_line + 1;
	csv->next_line += count_lines(text, end);
	if (stop == text)
		return false;
	weir_csv_split(csv, text, (size_t)(stop - text));
	return true;
}

int weir_csv_next(struct weir_csv *csv)
{
	weir_input_consume(csv->input, csv->bytes);
	csv->bytes = 0;
	for (;;) {
		size_t n;
		char *text = weir_input_unread(csv->input, &n);
		char *end = find_end(text, n, weir_input_at_end(csv->input));
		int got;

		if (end) {
			/* The last line has no newline to be consumed with it. */
			csv->bytes = (size_t)(end - text) + (end < text + n);
			if (take(csv, text, end))
				return 1;
			weir_input_consume(csv->input, csv->bytes);
			csv->bytes = 0;
			continue;
		}
		got = weir_input_more(csv->input);
		if (got < 0)
			return got == -ENOBUFS ? -E2BIG : got;
		if (!got && !n)
			return 0;
	}
}
