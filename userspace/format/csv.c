/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "weir/csv.h"

static char separator_of(const struct weir_csv *csv)
{
	return csv->separator ? csv->separator : ',';
}

/* What stands behind the quote that closes the one at `from`; NULL where none does. */
static char *close_quote(char *from, const char *end)
{
	for (char *at = from + 1; at < end; at += 2) {
		at = memchr(at, '"', (size_t)(end - at));
		if (!at || at + 1 == end || at[1] != '"')
			return at ? at + 1 : NULL;
	}
	return NULL;
}

/* The newline at which a record with quotes in it ends; `end`: nowhere before; NULL: within the quote at *quote. */
static char *find_quoted_end(char separator, char *text, char *end, char **quote)
{
	for (char *at = text; at < end; at++) {
		if (*at == '"') {
			*quote = at;
			at = close_quote(at, end);
			if (!at)
				return NULL;
		}
		while (at < end && *at != separator && *at != '\n')
			at++;
		if (at < end && *at == '\n')
			return at;
	}
	return end;
}

/* Where the record at `text` ends: its newline; the end of all when `is_last`; or NULL while that is not known, and *quote is the one
 * that is open. */
static char *find_end(const struct weir_csv *csv, char *text, size_t n, bool is_last, char **quote)
{
	char *end = find_quoted_end(separator_of(csv), text, text + n, quote);

	if (!end)
		return NULL;
	*quote = NULL;
	return end < text + n || (is_last && n) ? end : NULL;
}

/* Take the quotes off a cell in place. Returns what stands after it: a separator, or `end`. */
static char *unquote(char *from, const char *end, char separator)
{
	char *to = from++;

	while (from < end && (from[0] != '"' || (from + 1 < end && from[1] == '"'))) {
		from += from[0] == '"';
		*to++ = *from++;
	}
	from += from < end;
	/* What follows a closing quote belongs to the cell: lenient, as spreadsheets are. */
	while (from < end && *from != separator)
		*to++ = *from++;
	if (to < from)
		*to = 0;
	return from;
}

void weir_csv_split(struct weir_csv *csv, char *text, size_t length)
{
	char *at = text, *end = text + length, *stop, separator = separator_of(csv);

	csv->n_cells = 0;
	for (;; at = stop + 1) {
		if (csv->n_cells < WEIR_CELLS_MAX) {
			csv->cell[csv->n_cells] = at;
			csv->column[csv->n_cells] = (uint32_t)(at - text) + 1;
		}
		csv->n_cells++;
		stop = at < end && *at == '"' ? unquote(at, end, separator) : memchr(at, separator, (size_t)(end - at));
		if (!stop || stop == end)
			break;
		*stop = 0;
	}
	*end = 0;
}

static uint32_t count_newlines(const char *text, const char *end)
{
	uint32_t n = 0;

	while ((text = memchr(text, '\n', (size_t)(end - text)))) {
		n++;
		text++;
	}
	return n;
}

static bool is_comment(const struct weir_csv *csv, const char *text, const char *end)
{
	size_t n = strlen(csv->comment);

	return n && (size_t)(end - text) >= n && !memcmp(text, csv->comment, n);
}

/* The record that ends at `end`, with `n_newlines` before that; false when it is blank or a comment. */
static bool take(struct weir_csv *csv, char *text, char *end, uint32_t n_newlines)
{
	char *stop = end > text && end[-1] == '\r' ? end - 1 : end;

	csv->line = csv->next_line + 1;
	csv->next_line += n_newlines + 1;
	if (stop == text || (csv->comment && is_comment(csv, text, stop)))
		return false;
	csv->has_zero = csv->input && weir_input_has_zero(csv->input) && memchr(text, 0, (size_t)(stop - text));
	weir_csv_split(csv, text, (size_t)(stop - text));
	return true;
}

/* A comment ends with its line, whatever quotes are in it. */
static char *find_comment_end(const struct weir_csv *csv, char *text, size_t n, bool is_last)
{
	char *newline = is_comment(csv, text, text + n) ? memchr(text, '\n', n) : NULL;

	return newline || !is_last || !is_comment(csv, text, text + n) ? newline : text + n;
}

/* Where the record cannot be read, and that it cannot. */
static int refuse(struct weir_csv *csv, const char *text, const char *quote, int error)
{
	const char *at = quote ? quote : text, *begin = at;

	while (begin > text && begin[-1] != '\n')
		begin--;
	csv->line = csv->next_line + 1 + count_newlines(text, at);
	csv->column[0] = (uint32_t)(at - begin) + 1;
	csv->n_cells = 0;
	return error;
}

/* The record at `text`: 1; 0: blank or a comment; -errno as of weir_csv_look(). *used is its bytes. */
static int look_at(struct weir_csv *csv, char *text, size_t n, bool is_last, size_t *used)
{
	char *newline = memchr(text, '\n', n), *quote = NULL, *end;

	/* Nearly no line has a quote in it, and looking for one is fast. */
	if (newline && !memchr(text, '"', (size_t)(newline - text))) {
		*used = (size_t)(newline - text) + 1;
		return take(csv, text, newline, 0);
	}
	end = csv->comment ? find_comment_end(csv, text, n, is_last) : NULL;
	if (!end)
		end = find_end(csv, text, n, is_last, &quote);
	if (!end)
		return is_last ? refuse(csv, text, quote, -EBADMSG) : -EAGAIN;
	/* The last line has no newline to be consumed with it. */
	*used = (size_t)(end - text) + (end < text + n);
	return take(csv, text, end, count_newlines(text, end));
}

int weir_csv_look(struct weir_csv *csv, char *text, size_t n, bool is_last, size_t *used)
{
	*used = 0;
	while (*used < n) {
		size_t more = 0;
		int got = look_at(csv, text + *used, n - *used, is_last, &more);

		*used += more;
		if (got)
			return got;
	}
	return is_last ? 0 : -EAGAIN;
}

/* The mark of UTF-8 before the first line; false while it is not known whether it is there. */
static bool begin(struct weir_csv *csv)
{
	static const char mark[3] = { '\xef', '\xbb', '\xbf' };
	size_t n;
	const char *text = weir_input_unread(csv->input, &n);

	if (n < 3 && !weir_input_at_end(csv->input) && !memcmp(text, mark, n))
		return false;
	if (n >= 3 && !memcmp(text, mark, 3))
		weir_input_consume(csv->input, 3);
	csv->has_begun = true;
	return true;
}

/* Consume up to the end of the line that is left out; true when it has been reached. */
static bool skip(struct weir_csv *csv)
{
	size_t n;
	const char *text = weir_input_unread(csv->input, &n), *newline = memchr(text, '\n', n);

	weir_input_consume(csv->input, newline ? (size_t)(newline - text) + 1 : n);
	csv->is_skipping = !newline && !weir_input_at_end(csv->input);
	csv->next_line += !csv->is_skipping;
	return !csv->is_skipping;
}

void weir_csv_skip(struct weir_csv *csv)
{
	csv->is_skipping = true;
}

static int look(struct weir_csv *csv)
{
	size_t n, used;
	char *text;
	int got;

	if ((!csv->has_begun && !begin(csv)) || (csv->is_skipping && !skip(csv)))
		return -EAGAIN;
	text = weir_input_unread(csv->input, &n);
	got = weir_csv_look(csv, text, n, weir_input_at_end(csv->input), &used);
	/* The record stays in place until the next call. */
	if (got == 1)
		csv->bytes = used;
	else
		weir_input_consume(csv->input, used);
	return got;
}

void weir_csv_done(struct weir_csv *csv)
{
	weir_input_consume(csv->input, csv->bytes);
	csv->bytes = 0;
}

int weir_csv_next(struct weir_csv *csv)
{
	weir_csv_done(csv);
	for (;;) {
		int got = look(csv);

		if (got != -EAGAIN)
			return got;
		got = weir_input_more(csv->input);
		if (got == -ENOBUFS) {
			size_t n;
			char *text = weir_input_unread(csv->input, &n), *quote;

			quote = NULL;
			find_end(csv, text, n, false, &quote);
			return refuse(csv, text, quote, -E2BIG);
		}
		if (got < 0)
			return got;
	}
}
