/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rows are gathered behind room for a header, so that a block goes out in one write: what a crash leaves is a whole block or a
 * torn last one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/record_format.h"
#include "stream/bytes.h"
#include "stream/record.h"
#include "weir/record_file.h"

#define BLOCK_BYTES (64u << 10)

struct weir_record_writer {
	struct weir_schema native;
	char *schema_text;
	const struct weir_wall *wall; /* NULL: the times are dates, or have no way to them */
	uint64_t offsets;             /* of the wall that have been written */
	int fd;
	uint64_t session;
	uint64_t first; /* number of the first record that is gathered */
	uint32_t n, capacity;
	uint64_t unsent;       /* records that could not be written */
	unsigned char *buffer; /* a header, then rows */
};

int weir_record_writer_open(struct weir_record_writer **out, const struct weir_schema *schema)
{
	struct weir_record_writer *writer = calloc(1, sizeof(*writer));

	*out = NULL;
	if (!writer)
		return -ENOMEM;
	writer->fd = -1;
	weir_schema_native(schema, &writer->native);
	writer->wall = weir_wall_of(schema);
	writer->schema_text = weir_record_schema_write(&writer->native);
	writer->capacity = BLOCK_BYTES / writer->native.row_bytes;
	writer->buffer = malloc(WEIR_RECORD_HEADER + BLOCK_BYTES);
	if (!writer->schema_text || !writer->buffer) {
		weir_record_writer_close(writer);
		return -ENOMEM;
	}
	*out = writer;
	return 0;
}

void weir_record_writer_close(struct weir_record_writer *writer)
{
	if (!writer)
		return;
	free(writer->schema_text);
	free(writer->buffer);
	free(writer);
}

/* `bytes` of payload stand in the buffer behind the room for a header. */
static int write_block(struct weir_record_writer *writer, unsigned char *buffer, enum weir_record_kind kind, uint32_t n,
		       uint32_t bytes)
{
	struct weir_record_header header = {
		.kind = (uint16_t)kind,
		.session = writer->session,
		.first = writer->first,
		.n = n,
		.bytes = bytes,
		.sum = weir_record_sum(buffer + WEIR_RECORD_HEADER, bytes),
	};

	weir_record_header_write(&header, buffer);
	return weir_bytes_write(writer->fd, buffer, WEIR_RECORD_HEADER + bytes);
}

static int write_offset(struct weir_record_writer *writer, const struct weir_wall_offset *offset)
{
	unsigned char block[WEIR_RECORD_HEADER + WEIR_RECORD_OFFSET_BYTES];

	weir_record_offset_write(offset, block + WEIR_RECORD_HEADER);
	return write_block(writer, block, WEIR_RECORD_OFFSET, 0, WEIR_RECORD_OFFSET_BYTES);
}

/* A torn end is left as it is. Blocks are looked for at multiples of eight bytes. */
static int align(int fd)
{
	static const unsigned char zeros[WEIR_RECORD_ALIGN];
	struct stat stat;

	if (fstat(fd, &stat) < 0)
		return -errno;
	return weir_bytes_write(fd, zeros, (size_t)(-stat.st_size & (WEIR_RECORD_ALIGN - 1)));
}

static int begin_session(struct weir_record_writer *writer)
{
	size_t bytes = strlen(writer->schema_text);
	int err = align(writer->fd);

	if (getrandom(&writer->session, sizeof(writer->session), 0) != sizeof(writer->session))
		return -errno;
	memcpy(writer->buffer + WEIR_RECORD_HEADER, writer->schema_text, bytes);
	/* Twice: without it all that follows would mean nothing. */
	for (int i = 0; i < 2 && !err; i++)
		err = write_block(writer, writer->buffer, WEIR_RECORD_SCHEMA, 0, (uint32_t)bytes);
	return err;
}

/* As the schema, twice: windows lie by it. */
static int begin_offsets(struct weir_record_writer *writer)
{
	struct weir_wall_offset newest;
	int err = 0;

	writer->offsets = writer->wall ? weir_wall_count(writer->wall) : 0;
	if (!writer->offsets)
		return 0;
	newest = weir_wall_entry(writer->wall, writer->offsets - 1);
	for (int i = 0; i < 2 && !err; i++)
		err = write_offset(writer, &newest);
	return err;
}

int weir_record_writer_start(struct weir_record_writer *writer, int fd)
{
	int err;

	writer->fd = fd;
	writer->first = 0;
	writer->n = 0;
	err = begin_session(writer);
	return err < 0 ? err : begin_offsets(writer);
}

int weir_record_writer_flush(struct weir_record_writer *writer)
{
	int err;

	if (!writer->n)
		return 0;
	err = write_block(writer, writer->buffer, WEIR_RECORD_ROWS, writer->n, writer->n * writer->native.row_bytes);
	if (err < 0)
		writer->unsent += writer->n;
	writer->first += writer->n;
	writer->n = 0;
	return err;
}

/* Before the records that they are for. */
static int write_offsets(struct weir_record_writer *writer, const struct weir_block *block)
{
	int err = 0;

	while (!err && writer->offsets < weir_wall_count(writer->wall)) {
		struct weir_wall_offset next = weir_wall_entry(writer->wall, writer->offsets);

		if (next.from_ns > block->t[block->n - 1])
			break;
		err = weir_record_writer_flush(writer);
		if (!err)
			err = write_offset(writer, &next);
		writer->offsets++;
	}
	return err;
}

int weir_record_writer_push(struct weir_record_writer *writer, const struct weir_block *block)
{
	uint32_t stride = writer->native.row_bytes, from = 0;
	int failed = writer->wall && block->n ? write_offsets(writer, block) : 0;

	if (failed < 0) {
		writer->unsent += block->n;
		return failed;
	}
	while (from < block->n) {
		uint32_t room = writer->capacity - writer->n, n = block->n - from < room ? block->n - from : room;
		int err;

		weir_rows_encode(&writer->native, block, from, n,
				 writer->buffer + WEIR_RECORD_HEADER + (size_t)writer->n * stride);
		writer->n += n;
		from += n;
		err = writer->n == writer->capacity ? weir_record_writer_flush(writer) : 0;
		if (err < 0) {
			writer->unsent += block->n - from;
			return err;
		}
	}
	return 0;
}

uint64_t weir_record_writer_unsent(struct weir_record_writer *writer)
{
	uint64_t n = writer->unsent;

	writer->unsent = 0;
	return n;
}
