/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program that reads a file needs nobody who writes to it meanwhile: it cannot be waited for, and cannot be left waiting. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stream/bytes.h"
#include "stream/record.h"
#include "weir/output.h"
#include "weir/sheet.h"
#include "weir/text.h"

const char *const weir_sheet_words[] = { [WEIR_SHEET_LINES] = "lines",
					 [WEIR_SHEET_CSV] = "csv",
					 [WEIR_SHEET_JSONL] = "jsonl",
					 [WEIR_SHEET_RAW] = "raw",
					 NULL };

struct weir_sheet {
	enum weir_sheet_form form;
	int fd;
	const struct weir_schema *schema;
	struct weir_output *output; /* of CSV and JSON */
	struct weir_schema native;  /* of raw rows */
	char *buffer;               /* of lines and raw rows: WEIR_BLOCK_MAX of them */
};

enum weir_sheet_form weir_sheet_form_of(const struct weir_node *node, const enum weir_sheet_form *input)
{
	const struct weir_schema *in = weir_in(node);

	if (weir_given(node, input))
		return *input;
	return in->n_fields == 1 && in->field[0].kind == WEIR_TEXT ? WEIR_SHEET_LINES : WEIR_SHEET_CSV;
}

/* Bytes that a record takes at most: a row, or a line. */
static size_t record_max(const struct weir_sheet *sheet)
{
	size_t n = 1;

	if (sheet->form == WEIR_SHEET_RAW)
		return sheet->native.row_bytes;
	for (uint32_t i = 0; i < sheet->schema->n_fields; i++)
		n += sheet->schema->field[i].kind == WEIR_TEXT ? sheet->schema->field[i].bytes : WEIR_NUMBER_MAX + 1;
	return n;
}

static int open_form(struct weir_sheet *sheet)
{
	int err;

	if (sheet->form == WEIR_SHEET_LINES || sheet->form == WEIR_SHEET_RAW) {
		sheet->buffer = malloc(WEIR_BLOCK_MAX * record_max(sheet));
		return sheet->buffer ? 0 : -ENOMEM;
	}
	err = weir_output_open(&sheet->output, sheet->schema, sheet->form == WEIR_SHEET_CSV ? WEIR_CSV : WEIR_JSONL);
	/* It learns its descriptor here; what it writes at once is cleared before anybody reads it. */
	return err < 0 ? err : weir_output_start(sheet->output, sheet->fd);
}

int weir_sheet_open(struct weir_sheet **out, const struct weir_schema *schema, enum weir_sheet_form form)
{
	struct weir_sheet *sheet = calloc(1, sizeof(*sheet));

	*out = sheet;
	if (!sheet)
		return -ENOMEM;
	sheet->form = form;
	sheet->schema = schema;
	weir_schema_native(schema, &sheet->native);
	sheet->fd = memfd_create("weir-records", MFD_CLOEXEC);
	return sheet->fd < 0 ? -errno : open_form(sheet);
}

void weir_sheet_close(struct weir_sheet *sheet)
{
	if (!sheet)
		return;
	weir_output_close(sheet->output);
	if (sheet->fd >= 0)
		close(sheet->fd);
	free(sheet->buffer);
	free(sheet);
}

int weir_sheet_clear(struct weir_sheet *sheet, bool has_header)
{
	if (ftruncate(sheet->fd, 0) < 0 || lseek(sheet->fd, 0, SEEK_SET) < 0)
		return -errno;
	return has_header && sheet->output ? weir_output_start(sheet->output, sheet->fd) : 0;
}

/* A text within a line: what would end the line, or the field, is a blank. */
static size_t write_text(char *to, const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		to[i] = text[i] == '\n' || text[i] == '\r' || text[i] == '\t' ? ' ' : text[i];
	return n;
}

static size_t write_line(char *to, const struct weir_block *block, uint32_t row)
{
	char *end = to;

	for (uint32_t i = 0; i < block->schema->n_fields; i++) {
		const struct weir_field *field = &block->schema->field[i];
		union weir_column column = block->column[i];

		if (i)
			*end++ = '\t';
		if (field->kind == WEIR_TEXT)
			end += write_text(end, column.text + (size_t)row * field->bytes);
		else
			end += field->kind == WEIR_REAL ? weir_write_real(end, column.real[row])
							: weir_write_integer(end, column.integer[row]);
	}
	*end++ = '\n';
	return (size_t)(end - to);
}

static size_t write_lines(char *to, const struct weir_block *block, uint32_t from, uint32_t n)
{
	size_t bytes = 0;

	for (uint32_t row = from; row < from + n; row++)
		bytes += write_line(to + bytes, block, row);
	return bytes;
}

static size_t write_rows(const struct weir_sheet *sheet, const struct weir_block *block, uint32_t from, uint32_t n)
{
	weir_rows_encode(&sheet->native, block, from, n, sheet->buffer);
	return (size_t)n * sheet->native.row_bytes;
}

static int add_buffered(struct weir_sheet *sheet, const struct weir_block *block)
{
	int err = 0;

	for (uint32_t from = 0; from < block->n && !err; from += WEIR_BLOCK_MAX) {
		uint32_t n = block->n - from < WEIR_BLOCK_MAX ? block->n - from : WEIR_BLOCK_MAX;
		size_t bytes = sheet->form == WEIR_SHEET_RAW ? write_rows(sheet, block, from, n)
							     : write_lines(sheet->buffer, block, from, n);

		err = weir_bytes_write(sheet->fd, sheet->buffer, bytes);
	}
	return err;
}

int weir_sheet_add(struct weir_sheet *sheet, const struct weir_block *block)
{
	int err;

	if (!sheet->output)
		return add_buffered(sheet, block);
	err = weir_output_block(sheet->output, block);
	return err < 0 ? err : weir_output_flush(sheet->output);
}

int weir_sheet_fd(struct weir_sheet *sheet)
{
	lseek(sheet->fd, 0, SEEK_SET);
	return sheet->fd;
}

ssize_t weir_sheet_read(const struct weir_sheet *sheet, size_t at, char *to, size_t n)
{
	ssize_t got = pread(sheet->fd, to, n, (off_t)at);

	return got < 0 ? -errno : got;
}
