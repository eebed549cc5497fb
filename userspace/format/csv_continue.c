/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a CSV file can be continued. What is in it is only sampled, its first 64 KiB and its last: no sample is too small to
 * show another header, and other forms of time or number show in nearly every line. Where it ends is found exactly: a line that is
 * torn within a quote would swallow all that follows.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/output_internal.h"
#include "weir/csv.h"

#define SAMPLE_BYTES (64u << 10)

struct sample {
	const struct weir_output *output;
	char *why;
	struct weir_csv csv;
	uint64_t size; /* of the file */
	size_t n;      /* bytes of text */
	char header[WEIR_FIELDS_MAX * (2 * WEIR_NAME_MAX + 3) + 4];
	char text[SAMPLE_BYTES + 1];
};

static int read_at(int fd, char *to, size_t n, uint64_t at)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, to + done, n - done, (off_t)(at + done));

		if (got < 0 && errno != EINTR)
			return -errno;
		if (!got)
			break;
		done += got > 0 ? (size_t)got : 0;
	}
	return (int)done;
}

static bool has_text(const struct weir_schema *schema)
{
	for (uint32_t i = 0; i < schema->n_fields; i++)
		if (schema->field[i].kind == WEIR_TEXT)
			return true;
	return false;
}

/* ------------------------------------------------------------------- header */

/* The header of these records, had they another separator or another column of times. */
static const char *header_as(struct sample *sample, char separator, bool has_time)
{
	struct weir_output *as = malloc(sizeof(*as));
	size_t n = 0;

	if (as) {
		*as = *sample->output;
		as->config.separator = separator;
		as->config.time = has_time ? WEIR_TIME_NS : WEIR_TIME_NONE;
		n = weir_output_header(as, sample->header) - 1;
	}
	free(as);
	sample->header[n] = 0;
	return sample->header;
}

/* Bytes of the header at the beginning of the sample, with the end of its line; 0: it is not there. */
static size_t find_header(const struct sample *sample, const char *header)
{
	size_t n = strlen(header), at = sample->n >= 3 && !memcmp(sample->text, "\xef\xbb\xbf", 3) ? 3 : 0;

	if (sample->n < at + n || memcmp(sample->text + at, header, n))
		return 0;
	at += n;
	at += at < sample->n && sample->text[at] == '\r';
	/* It may be all that there is. */
	if (at == sample->n && at == sample->size)
		return at;
	return at < sample->n && sample->text[at] == '\n' ? at + 1 : 0;
}

static bool explain_header(struct sample *sample)
{
	static const char others[] = ",;\t| ";
	const struct weir_output_config *config = &sample->output->config;
	bool has_time = config->time != WEIR_TIME_NONE;
	int n = (int)strcspn(sample->text, "\r\n");

	for (const char *other = others; *other; other++)
		if (*other != config->separator && find_header(sample, header_as(sample, *other, has_time))) {
			snprintf(sample->why, WEIR_CSV_WHY, "its cells are separated by '%c', not by '%c'",
				 *other == '\t' ? ' ' : *other, config->separator == '\t' ? ' ' : config->separator);
			return false;
		}
	if (find_header(sample, header_as(sample, config->separator, !has_time))) {
		snprintf(sample->why, WEIR_CSV_WHY, "its records have %s times, and these have %s",
			 has_time ? "no" : "their", has_time ? "them" : "none");
		return false;
	}
	header_as(sample, config->separator, has_time);
	snprintf(sample->why, WEIR_CSV_WHY, "its header is '%.*s', not '%.100s'", n < 100 ? n : 100, sample->text,
		 sample->header);
	return false;
}

/* -------------------------------------------------------------------- lines */

static bool differs(const struct sample *sample, const char *what, const char *text)
{
	snprintf(sample->why, WEIR_CSV_WHY, "line %u has %s: '%.60s'", sample->csv.line, what, text);
	return false;
}

/* Nine decimals, as weir writes seconds. */
static bool is_seconds(const char *text, char mark)
{
	const char *point = text + (*text == '-');
	size_t n = strspn(point, "0123456789");

	point += n;
	return n && *point == mark && strspn(point + 1, "0123456789") == 9 && !point[10];
}

static char other_mark(char mark)
{
	return mark == '.' ? ',' : '.';
}

static enum weir_time_form form_of(const char *text, char mark)
{
	int64_t t;

	if (is_seconds(text, mark) || is_seconds(text, other_mark(mark)))
		return WEIR_TIME_S;
	if (!weir_read_integer(text, &t))
		return WEIR_TIME_NS;
	return weir_read_iso(text, &t) ? WEIR_TIME_NONE : WEIR_TIME_ISO;
}

static bool is_number(const char *text, char mark)
{
	double value;

	return weir_read_time(text, 0, mark, &(int64_t){ 0 }) != -EINVAL || !weir_read_real(text, &value);
}

/* A number with the other decimal mark. A cell that is no number at all says nothing: it may be torn. */
static bool has_other_mark(const char *text, char mark)
{
	return strchr(text, other_mark(mark)) && weir_read_time(text, 0, other_mark(mark), &(int64_t){ 0 }) != -EINVAL;
}

/* `is_first`: there is no header that says what the columns are. */
static bool line_fits(const struct sample *sample, bool is_first)
{
	const struct weir_output_config *config = &sample->output->config;
	const struct weir_schema *schema = sample->output->schema;
	const char *const *cell = sample->csv.cell;
	uint32_t n_times = config->time != WEIR_TIME_NONE;
	enum weir_time_form form = n_times ? form_of(cell[0], config->mark) : WEIR_TIME_NONE;

	if (sample->csv.n_cells != schema->n_fields + n_times)
		return !is_first || differs(sample, "another number of cells", cell[0]);
	if (form != config->time && (is_first || form != WEIR_TIME_NONE))
		return differs(sample, "another form of time", cell[0]);
	if (form == WEIR_TIME_S && !is_seconds(cell[0], config->mark))
		return differs(sample, "another decimal mark", cell[0]);
	for (uint32_t i = 0; i < schema->n_fields; i++) {
		const char *text = cell[i + n_times];

		if (schema->field[i].kind == WEIR_TEXT)
			continue;
		if (has_other_mark(text, config->mark))
			return differs(sample, "another decimal mark", text);
		if (is_first && *text && !is_number(text, config->mark))
			return differs(sample, "text in a column of numbers", text);
	}
	return true;
}

/* All whole lines from `at` on. */
static bool lines_fit(struct sample *sample, size_t at, bool is_first)
{
	size_t used;

	sample->csv.separator = sample->output->config.separator;
	while (weir_csv_look(&sample->csv, sample->text + at, sample->n - at, sample->n == sample->size, &used) == 1) {
		at += used;
		if (!line_fits(sample, is_first))
			return false;
		is_first = false;
	}
	return true;
}

static int head_fits(struct sample *sample, int fd)
{
	const struct weir_output_config *config = &sample->output->config;
	int got = read_at(fd, sample->text, SAMPLE_BYTES, 0);
	size_t begin;

	if (got < 0)
		return got;
	sample->n = (size_t)got;
	sample->text[got] = 0;
	begin = find_header(sample, header_as(sample, config->separator, config->time != WEIR_TIME_NONE));
	if (!begin && !config->no_header)
		return explain_header(sample);
	sample->csv.next_line = begin != 0;
	return lines_fit(sample, begin, !begin);
}

/* Where there is text, a line that seems to begin here may be within a quote. */
static int tail_fits(struct sample *sample, int fd)
{
	const char *newline;
	int got;

	if (sample->size <= SAMPLE_BYTES || has_text(sample->output->schema))
		return 1;
	got = read_at(fd, sample->text, SAMPLE_BYTES, sample->size - SAMPLE_BYTES);
	if (got < 0)
		return got;
	sample->n = (size_t)got;
	newline = memchr(sample->text, '\n', sample->n);
	return !newline || lines_fit(sample, (size_t)(newline - sample->text) + 1, false);
}

int weir_csv_continues(const struct weir_output *output, int fd, char why[WEIR_CSV_WHY])
{
	struct sample *sample;
	struct stat stat;
	int fits;

	if (fstat(fd, &stat) < 0)
		return -errno;
	if (!S_ISREG(stat.st_mode) || !stat.st_size)
		return 1;
	sample = calloc(1, sizeof(*sample));
	if (!sample)
		return -ENOMEM;
	sample->output = output;
	sample->why = why;
	sample->size = (uint64_t)stat.st_size;
	fits = head_fits(sample, fd);
	if (fits > 0)
		fits = tail_fits(sample, fd);
	free(sample);
	return fits;
}

/* ---------------------------------------------------------------------- end */

/** Where a file that is read from its beginning stands. */
struct place {
	char separator;
	char before;         /* the byte before; a newline at the beginning */
	bool is_within;      /* a quote that has been opened and not closed */
	bool may_have_ended; /* the byte before is a quote within a quote */
	uint64_t line_bytes; /* since the last newline that ends a line */
};

static void pass(struct place *place, char c)
{
	bool begins = place->before == place->separator || place->before == '\n';

	place->line_bytes++;
	if (place->is_within && place->may_have_ended) {
		/* A second quote is one of the text. */
		place->is_within = c == '"';
		place->may_have_ended = false;
		if (place->is_within)
			return;
		begins = false;
	} else if (place->is_within) {
		place->may_have_ended = c == '"';
		return;
	}
	place->is_within = begins && c == '"';
	if (c == '\n')
		place->line_bytes = 0;
	place->before = c;
}

/* Bytes from `text` on that a place without a quote at hand may pass in one step: all before the next quote. */
static size_t pass_plain(struct place *place, const char *text, size_t n)
{
	const char *quote = memchr(text, '"', n), *newline;

	n = quote ? (size_t)(quote - text) : n;
	if (!n || place->may_have_ended)
		return 0;
	newline = place->is_within ? NULL : memrchr(text, '\n', n);
	place->line_bytes = newline ? (uint64_t)(text + n - newline - 1) : place->line_bytes + n;
	if (!place->is_within)
		place->before = text[n - 1];
	return n;
}

int weir_csv_torn(const struct weir_output *output, int fd, const char **mend, uint64_t *torn)
{
	struct place place = { .separator = output->config.separator, .before = '\n' };
	char *text = malloc(SAMPLE_BYTES);
	uint64_t at = 0;
	int got = text ? 0 : -ENOMEM;

	while (text && (got = read_at(fd, text, SAMPLE_BYTES, at)) > 0) {
		for (size_t i = 0; i < (size_t)got;) {
			size_t plain = pass_plain(&place, text + i, (size_t)got - i);

			if (!plain)
				pass(&place, text[i]);
			i += plain ? plain : 1;
		}
		at += (uint64_t)got;
	}
	free(text);
	*torn = place.line_bytes;
	*mend = place.is_within && !place.may_have_ended ? "\"\n" : place.line_bytes ? "\n" : "";
	return got;
}
