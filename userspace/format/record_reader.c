/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nothing that a file says is believed before its checksum is right. Where a block is damaged, the next one is where its header
 * says that it ends, if a header stands there that carries on from it; else the file is searched, eight bytes at a time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/record_format.h"
#include "weir/record_file.h"

#define SEARCH_BYTES (64u << 10)
#define OFFSETS_MAX 16u /* between two blocks of rows; of more, the newest count */

struct weir_record_reader {
	int fd;
	off_t at; /* of the next block */
	bool has_session, was_whole;
	uint64_t session; /* whose schema has been read last */
	uint64_t next;    /* number of the record that should come next in it */
	bool begins;
	bool fits;                                   /* the session's fields are those of the first */
	struct weir_wall_offset offset[OFFSETS_MAX]; /* before the next rows */
	uint32_t n_offsets;
	bool has_offset; /* the first session has one */
	char *schema_text;
	uint32_t schema_bytes, row_bytes;
	struct weir_record_damage damage;
	unsigned char *payload; /* of the block at hand */
	uint32_t room;
};

/* ---------------------------------------------------------------- raw bytes */

/* All of it, or as much as there is. */
static ssize_t read_at(const struct weir_record_reader *reader, off_t at, void *to, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(reader->fd, (char *)to + done, n - done, at + (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* 1: a header stands there; 0: none; -errno. */
static int header_at(const struct weir_record_reader *reader, off_t at, struct weir_record_header *header)
{
	unsigned char bytes[WEIR_RECORD_HEADER];
	ssize_t n = read_at(reader, at, bytes, sizeof(bytes));

	if (n < 0)
		return (int)n;
	return n == sizeof(bytes) && weir_record_header_read(header, bytes);
}

/* A header counts only with its checksum right, and then the payload is of a bounded size. */
static int make_room(struct weir_record_reader *reader, uint32_t bytes)
{
	unsigned char *grown;

	if (reader->payload && bytes <= reader->room)
		return 0;
	grown = realloc(reader->payload, bytes + 1);
	if (!grown)
		return -ENOMEM;
	reader->payload = grown;
	reader->room = bytes;
	return 0;
}

/* 1: what the header announces is there and whole; 0: it is not; -errno. */
static int read_payload(struct weir_record_reader *reader, const struct weir_record_header *header)
{
	ssize_t n = make_room(reader, header->bytes);

	if (!n)
		n = read_at(reader, reader->at + WEIR_RECORD_HEADER, reader->payload, header->bytes);
	if (n < 0)
		return (int)n;
	return n == (ssize_t)header->bytes && weir_record_sum(reader->payload, header->bytes) == header->sum;
}

/* ------------------------------------------------------------------- damage */

static void count_damage(struct weir_record_reader *reader, off_t to)
{
	if (to == reader->at)
		return;
	reader->damage.places += reader->was_whole;
	reader->damage.bytes += (uint64_t)(to - reader->at);
	reader->was_whole = false;
	reader->at = to;
}

/* Where in these bytes a header begins; `n` when nowhere. */
static size_t find_header(const unsigned char *bytes, size_t n)
{
	struct weir_record_header header;
	size_t i = 0;

	while (i + WEIR_RECORD_HEADER <= n && !weir_record_header_read(&header, bytes + i))
		i += WEIR_RECORD_ALIGN;
	return i + WEIR_RECORD_HEADER <= n ? i : n;
}

/* Go to the next header at or behind this place, or to the end of the file: 1, 0, -errno. */
static int search(struct weir_record_reader *reader)
{
	unsigned char bytes[SEARCH_BYTES];
	off_t at = reader->at;

	for (;;) {
		ssize_t n = read_at(reader, at, bytes, sizeof(bytes));
		size_t found;

		if (n < 0)
			return (int)n;
		found = find_header(bytes, (size_t)n);
		if (found < (size_t)n || n < (ssize_t)sizeof(bytes)) {
			count_damage(reader, at + (off_t)found);
			return found < (size_t)n;
		}
		/* A header may lie across the edge. */
		at += (off_t)(sizeof(bytes) - (WEIR_RECORD_HEADER - WEIR_RECORD_ALIGN));
	}
}

/* Records that the header of a damaged block counts are missing; whoever comes after it must not count them again. */
static void miss(struct weir_record_reader *reader, const struct weir_record_header *header)
{
	if (header->kind != WEIR_RECORD_ROWS || !reader->has_session || header->session != reader->session ||
	    header->first < reader->next)
		return;
	reader->damage.records += header->first + header->n - reader->next;
	reader->next = header->first + header->n;
}

/* Past a block whose payload is not what its header says. */
static int skip_block(struct weir_record_reader *reader, const struct weir_record_header *header)
{
	off_t end = reader->at + (off_t)WEIR_RECORD_HEADER + (off_t)header->bytes;
	struct weir_record_header next;
	int found = header_at(reader, end, &next);

	miss(reader, header);
	if (found < 0)
		return found;
	if (found && next.session == header->session && next.first == header->first + header->n) {
		count_damage(reader, end);
		return 1;
	}
	/* Not the very header that was found already. */
	count_damage(reader, reader->at + (off_t)WEIR_RECORD_ALIGN);
	return search(reader);
}

/* ------------------------------------------------------------------- blocks */

/* The next whole block of any kind, its payload read: 1, 0 at the end, -errno. */
static int next_block(struct weir_record_reader *reader, struct weir_record_header *header)
{
	for (;;) {
		int found = header_at(reader, reader->at, header);

		if (found > 0) {
			found = read_payload(reader, header);
			if (found < 0)
				return found;
			if (found) {
				reader->at += (off_t)WEIR_RECORD_HEADER + (off_t)header->bytes;
				reader->was_whole = true;
				return 1;
			}
			found = skip_block(reader, header);
		} else if (!found) {
			found = search(reader);
		}
		if (found <= 0)
			return found;
	}
}

static void begin_session(struct weir_record_reader *reader, const struct weir_record_header *header)
{
	/* The second copy begins nothing. */
	if (reader->has_session && reader->session == header->session)
		return;
	reader->has_session = reader->begins = true;
	reader->session = header->session;
	reader->next = 0;
	reader->n_offsets = 0;
	reader->fits = header->bytes == reader->schema_bytes &&
		       !memcmp(reader->payload, reader->schema_text, header->bytes);
}

static bool take_rows(struct weir_record_reader *reader, const struct weir_record_header *header,
		      struct weir_record_rows *rows)
{
	bool is_ours = reader->has_session && header->session == reader->session && reader->fits;

	if (!is_ours || !header->n || (uint64_t)header->n * reader->row_bytes != header->bytes ||
	    header->first < reader->next) {
		reader->damage.places++;
		reader->damage.bytes += WEIR_RECORD_HEADER + header->bytes;
		reader->damage.records += is_ours ? 0 : header->n;
		return false;
	}
	reader->damage.records += header->first - reader->next;
	reader->next = header->first + header->n;
	*rows = (struct weir_record_rows){ reader->payload, header->n, reader->begins, reader->offset,
					   reader->n_offsets };
	reader->begins = false;
	reader->n_offsets = 0;
	return true;
}

static void take_offset(struct weir_record_reader *reader, const struct weir_record_header *header)
{
	if (!reader->has_session || header->session != reader->session || header->bytes != WEIR_RECORD_OFFSET_BYTES)
		return;
	if (reader->n_offsets == OFFSETS_MAX)
		memmove(reader->offset, reader->offset + 1, --reader->n_offsets * sizeof(reader->offset[0]));
	weir_record_offset_read(&reader->offset[reader->n_offsets++], reader->payload);
}

int weir_record_reader_next(struct weir_record_reader *reader, struct weir_record_rows *rows)
{
	struct weir_record_header header;

	for (;;) {
		int found = next_block(reader, &header);

		if (found <= 0)
			return found;
		if (header.kind == WEIR_RECORD_SCHEMA)
			begin_session(reader, &header);
		else if (header.kind == WEIR_RECORD_OFFSET)
			take_offset(reader, &header);
		else if (header.kind == WEIR_RECORD_ROWS && take_rows(reader, &header, rows))
			return 1;
	}
}

void weir_record_reader_damage(const struct weir_record_reader *reader, struct weir_record_damage *damage)
{
	*damage = reader->damage;
}

/* --------------------------------------------------------------------- open */

bool weir_record_reader_has_offset(const struct weir_record_reader *reader)
{
	return reader->has_offset;
}

/* Right behind the schema's copies. */
static int find_offset(struct weir_record_reader *reader)
{
	struct weir_record_header header;
	int found;

	while ((found = next_block(reader, &header)) > 0 && header.kind == WEIR_RECORD_SCHEMA)
		;
	reader->has_offset = found > 0 && header.kind == WEIR_RECORD_OFFSET;
	return found < 0 ? found : 0;
}

/* The first schema of the file, wherever it is. */
static int find_schema(struct weir_record_reader *reader, struct weir_schema *schema)
{
	struct weir_record_header header;
	bool is_ours = false;
	int found;

	while ((found = next_block(reader, &header)) > 0 && header.kind != WEIR_RECORD_SCHEMA)
		is_ours = true;
	if (found < 0)
		return found;
	if (!found)
		return is_ours || header_at(reader, 0, &header) > 0 ? -EBADMSG : -ENOMSG;
	reader->schema_text = malloc(header.bytes + 1);
	if (!reader->schema_text)
		return -ENOMEM;
	memcpy(reader->schema_text, reader->payload, header.bytes);
	reader->schema_bytes = header.bytes;
	found = weir_record_schema_read(schema, reader->schema_text, header.bytes);
	return found < 0 ? found : find_offset(reader);
}

int weir_record_reader_open(struct weir_record_reader **out, int fd, struct weir_schema *schema)
{
	struct weir_record_reader *reader = calloc(1, sizeof(*reader));
	int err;

	*out = NULL;
	if (!reader) {
		close(fd);
		return -ENOMEM;
	}
	reader->fd = fd;
	reader->was_whole = true;
	err = find_schema(reader, schema);
	if (err < 0) {
		weir_record_reader_close(reader);
		return err;
	}
	reader->row_bytes = schema->row_bytes;
	/* Once more from the beginning, so that what is damaged before the first schema is counted once. */
	reader->at = 0;
	reader->was_whole = true;
	reader->damage = (struct weir_record_damage){ 0 };
	*out = reader;
	return 0;
}

void weir_record_reader_close(struct weir_record_reader *reader)
{
	if (!reader)
		return;
	close(reader->fd);
	free(reader->payload);
	free(reader->schema_text);
	free(reader);
}
