/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/report.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/secret.h"

#define MESSAGES_MAX WEIR_REPORT_MESSAGES
#define LINE_WIDTH 110  /* characters of a source line that are shown */
#define BEFORE_CARET 60 /* of which so many before the place, where the line is longer */

struct message {
	struct weir_span where;
	enum weir_exit status;
	unsigned order;
	char *text; /* NULL: there was no memory for it */
	char *hint;
};

struct weir_report {
	char *name;
	char *text;
	char *shown; /* the text without passwords, of the same length */
	uint32_t length;
	pthread_mutex_t lock; /* guards all below; the two atomics are also read without it */
	struct message message[MESSAGES_MAX];
	unsigned n;             /* kept */
	unsigned cut;           /* not kept, since the last print */
	_Atomic unsigned count; /* ever added */
	_Atomic enum weir_exit status;
};

int weir_report_open(struct weir_report **out, const char *name, const char *text)
{
	struct weir_report *report;
	size_t length = strlen(text);

	*out = NULL;
	if (length > UINT32_MAX / 2)
		return -ENOMEM;
	report = calloc(1, sizeof(*report));
	if (!report)
		return -ENOMEM;
	report->name = strdup(name);
	report->text = strdup(text);
	report->shown = strdup(text);
	report->length = (uint32_t)length;
	pthread_mutex_init(&report->lock, NULL);
	if (!report->name || !report->text || !report->shown) {
		weir_report_close(report);
		return -ENOMEM;
	}
	weir_secret_mask(report->shown, length);
	*out = report;
	return 0;
}

static void forget(struct weir_report *report)
{
	for (unsigned i = 0; i < report->n; i++) {
		free(report->message[i].text);
		free(report->message[i].hint);
	}
	report->n = 0;
	report->cut = 0;
}

void weir_report_close(struct weir_report *report)
{
	if (!report)
		return;
	forget(report);
	pthread_mutex_destroy(&report->lock);
	free(report->text);
	free(report->shown);
	free(report->name);
	free(report);
}

const char *weir_report_name(const struct weir_report *report)
{
	return report->name;
}

const char *weir_report_text(const struct weir_report *report)
{
	return report->text;
}

uint32_t weir_report_length(const struct weir_report *report)
{
	return report->length;
}

const char *weir_report_shown(const struct weir_report *report)
{
	return report->shown;
}

static int rank(enum weir_exit status)
{
	switch (status) {
	case WEIR_EXIT_USAGE:
		return 4;
	case WEIR_EXIT_DEVICE:
		return 3;
	case WEIR_EXIT_RUNTIME:
		return 2;
	case WEIR_EXIT_LOST:
		return 1;
	default:
		return 0;
	}
}

/* Two looks at the same place say the same thing once. */
static bool is_known(const struct weir_report *report, struct weir_span where, const char *text)
{
	for (unsigned i = 0; i < report->n; i++) {
		const struct message *message = &report->message[i];

		if (message->where.at == where.at && message->where.length == where.length && message->text &&
		    !strcmp(message->text, text))
			return true;
	}
	return false;
}

/* Takes `text`. */
static void keep(struct weir_report *report, enum weir_exit status, struct weir_span where, const char *hint,
		 char *text)
{
	struct message *message = &report->message[report->n];

	if (text && is_known(report, where, text)) {
		free(text);
		return;
	}
	report->count++;
	if (rank(status) > rank(report->status))
		report->status = status;
	if (report->n == MESSAGES_MAX) {
		report->cut++;
		free(text);
		return;
	}
	*message = (struct message){
		.where = where,
		.status = status,
		.order = report->n++,
		.text = text,
		.hint = hint ? strdup(hint) : NULL,
	};
}

void weir_report_vadd(struct weir_report *report, enum weir_exit status, struct weir_span where, const char *hint,
		      const char *format, va_list arguments)
{
	char *text;

	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	pthread_mutex_lock(&report->lock);
	keep(report, status, where, hint, text);
	pthread_mutex_unlock(&report->lock);
}

void weir_report_add(struct weir_report *report, enum weir_exit status, struct weir_span where, const char *hint,
		     const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	weir_report_vadd(report, status, where, hint, format, arguments);
	va_end(arguments);
}

enum weir_exit weir_report_status(const struct weir_report *report)
{
	return report->status;
}

unsigned weir_report_count(const struct weir_report *report)
{
	return report->count;
}

/* The bytes of one character: an ill-formed byte counts as a character of its own. */
static uint32_t char_bytes(const char *text, uint32_t at, uint32_t end)
{
	unsigned char first = (unsigned char)text[at];
	uint32_t n = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : 4;

	if (first >= 0x80 && (first < 0xc2 || first > 0xf4))
		return 1;
	if (n > end - at)
		return 1;
	for (uint32_t i = 1; i < n; i++)
		if (((unsigned char)text[at + i] & 0xc0) != 0x80)
			return 1;
	return n;
}

static uint32_t count_chars(const char *text, uint32_t from, uint32_t to)
{
	uint32_t n = 0;

	for (uint32_t at = from; at < to; at += char_bytes(text, at, to))
		n++;
	return n;
}

static uint32_t line_start(const struct weir_report *report, uint32_t at)
{
	while (at && report->text[at - 1] != '\n')
		at--;
	return at;
}

static uint32_t line_end(const struct weir_report *report, uint32_t at)
{
	while (at < report->length && report->text[at] != '\n')
		at++;
	while (at && at <= report->length && report->text[at - 1] == '\r')
		at--;
	return at;
}

void weir_report_locate(const struct weir_report *report, uint32_t at, uint32_t *line, uint32_t *column)
{
	if (at > report->length)
		at = report->length;
	*line = 1;
	for (uint32_t i = 0; i < at; i++)
		*line += report->text[i] == '\n';
	*column = 1 + count_chars(report->text, line_start(report, at), at);
}

/* What a terminal would act on, or could not show, is shown as `?`. */
static void print_char(const char *text, uint32_t at, uint32_t bytes, FILE *stream)
{
	unsigned char first = (unsigned char)text[at];
	bool is_control = bytes == 1 ? first < ' ' || first >= 0x7f
				     : bytes == 2 && first == 0xc2 && (unsigned char)text[at + 1] < 0xa0;

	if (is_control && first != '\t')
		fputc('?', stream);
	else
		fwrite(text + at, 1, bytes, stream);
}

void weir_print_plain(const char *text, FILE *stream)
{
	uint32_t end = (uint32_t)strnlen(text, UINT32_MAX / 2);
	char *shown = strndup(text, end);

	if (!shown)
		return; /* rather nothing than a password */
	weir_secret_mask(shown, end);
	for (uint32_t at = 0, bytes; at < end; at += bytes) {
		bytes = char_bytes(shown, at, end);
		if (shown[at] == '\n')
			fputc('\n', stream);
		else
			print_char(shown, at, bytes, stream);
	}
	free(shown);
}

static void print_line(const char *text, uint32_t start, uint32_t end, uint32_t from, FILE *stream)
{
	uint32_t n = 0;

	fputs(from ? "    ..." : "    ", stream);
	for (uint32_t at = start, bytes; at < end; at += bytes, n++) {
		bytes = char_bytes(text, at, end);
		if (n == from + LINE_WIDTH) {
			fputs("...", stream);
			break;
		}
		if (n >= from)
			print_char(text, at, bytes, stream);
	}
	fputc('\n', stream);
}

static void print_caret(const char *text, uint32_t start, uint32_t at, uint32_t from, uint32_t marks, FILE *stream)
{
	uint32_t n = 0;

	fputs(from ? "       " : "    ", stream);
	for (uint32_t i = start; i < at; i += char_bytes(text, i, at), n++)
		if (n >= from)
			fputc(text[i] == '\t' ? '\t' : ' ', stream);
	fputc('^', stream);
	for (uint32_t i = 1; i < marks; i++)
		fputc('~', stream);
	fputc('\n', stream);
}

static void print_place(const struct weir_report *report, struct weir_span where, FILE *stream)
{
	uint32_t at = where.at < report->length ? where.at : report->length;
	uint32_t start = line_start(report, at);
	uint32_t end = line_end(report, at);
	uint32_t stop = where.length < end - (at < end ? at : end) ? at + where.length : end;
	uint32_t before = count_chars(report->text, start, at);
	uint32_t marks = stop > at ? count_chars(report->text, at, stop) : 1;
	uint32_t from = 0;

	if (count_chars(report->text, start, end) > LINE_WIDTH && before > BEFORE_CARET)
		from = before - BEFORE_CARET;
	if (marks > from + LINE_WIDTH - before)
		marks = from + LINE_WIDTH - before;
	print_line(report->shown, start, end, from, stream);
	print_caret(report->shown, start, at, from, marks, stream);
}

static const char *title(const struct weir_report *report)
{
	return *report->name ? report->name : "weir";
}

static void print_message(const struct weir_report *report, const struct message *message, FILE *stream)
{
	const char *text = message->text ? message->text : "out of memory";
	uint32_t line, column;

	weir_print_plain(title(report), stream);
	if (message->where.length && *report->name) {
		weir_report_locate(report, message->where.at, &line, &column);
		fprintf(stream, ":%u:%u", line, column);
	}
	fputs(": error: ", stream);
	weir_print_plain(text, stream);
	fputc('\n', stream);
	if (message->where.length)
		print_place(report, message->where, stream);
	if (!message->hint)
		return;
	fputs("    ", stream);
	weir_print_plain(message->hint, stream);
	fputc('\n', stream);
}

/* By place; what has none comes last; otherwise in the order of arrival. */
static int compare(const void *left, const void *right)
{
	const struct message *a = left, *b = right;

	if (!a->where.length != !b->where.length)
		return a->where.length ? -1 : 1;
	if (a->where.length && a->where.at != b->where.at)
		return a->where.at < b->where.at ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void weir_report_print(struct weir_report *report, FILE *stream)
{
	pthread_mutex_lock(&report->lock);
	qsort(report->message, report->n, sizeof(report->message[0]), compare);
	for (unsigned i = 0; i < report->n; i++)
		print_message(report, &report->message[i], stream);
	if (report->cut)
		fprintf(stream, "%s: and %u more error%s\n", title(report), report->cut, report->cut == 1 ? "" : "s");
	forget(report);
	pthread_mutex_unlock(&report->lock);
}
