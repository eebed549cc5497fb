/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recordings of any bytes: reading ends, within the bytes that are there, and what comes out has a sound schema and whole rows.
 * Half of the inputs are sealed with right checksums, so that what lies behind those is met too.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "format/record_format.h"
#include "standalone.h"
#include "stream/record.h"
#include "weir/record_file.h"

static void append(char *file, size_t *at, const struct weir_record_header *header, const void *payload)
{
	weir_record_header_write(header, (unsigned char *)file + *at);
	memcpy(file + *at + WEIR_RECORD_HEADER, payload, header->bytes);
	*at += WEIR_RECORD_HEADER + header->bytes;
}

/* The input as the text of a schema block, and once more as rows. */
static size_t seal(const uint8_t *data, size_t size, char *file)
{
	uint32_t bytes = (uint32_t)size & ~(WEIR_RECORD_ALIGN - 1);
	struct weir_record_header header = {
		.kind = WEIR_RECORD_SCHEMA,
		.session = size,
		.bytes = bytes,
		.sum = weir_record_sum(data, bytes),
	};
	size_t at = 0;

	append(file, &at, &header, data);
	header.kind = WEIR_RECORD_ROWS;
	for (header.n = 1; header.n < 64; header.n *= 2)
		append(file, &at, &header, data);
	return at;
}

static void read_all(struct weir_record_reader *reader, const struct weir_schema *schema, size_t size)
{
	struct weir_record_rows rows;
	struct weir_block *block;
	uint64_t bytes = 0;

	if (weir_schema_check(schema) < 0 || weir_block_open(&block, schema) < 0)
		abort();
	while (weir_record_reader_next(reader, &rows) == 1) {
		bytes += (uint64_t)rows.n * schema->row_bytes;
		if (!rows.n || bytes > size)
			abort();
		weir_rows_decode(schema, rows.rows, rows.n < WEIR_BLOCK_MAX ? rows.n : WEIR_BLOCK_MAX, block);
	}
	weir_block_close(block);
}

static void read_file(const char *file, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct weir_record_reader *reader;
	struct weir_schema schema;

	if (fd < 0 || write(fd, file, size) != (ssize_t)size)
		abort();
	if (weir_record_reader_open(&reader, fd, &schema) < 0)
		return;
	read_all(reader, &schema, size);
	weir_record_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char file[8 * (INPUT_MAX + WEIR_RECORD_HEADER)];

	read_file((const char *)data, size);
	read_file(file, seal(data, size < INPUT_MAX ? size : INPUT_MAX, file));
	return 0;
}

static const char *const words[] = {
	"{\"clock\":\"nominal\",\"order\":\"little\",\"fields\":[",
	"{\"clock\":\"monotonic\",\"order\":\"little\",\"fields\":[{\"name\":\"x\",\"kind\":\"real\",\"unit\":"
	"\"\"}]}",
	"{\"name\":\"a\",\"kind\":\"int\",\"unit\":\"m\"}",
	"{\"name\":\"b\",\"kind\":\"text\",\"unit\":\"\",\"bytes\":9}",
	"{\"name\":\"c\",\"kind\":\"real\",\"unit\":\"\",\"scale\":1e-3,\"offset\":-4}",
	",",
	"]}",
	"wRec",
	"\1",
	"\2",
	"        ",
	"\"bytes\":-1",
	"null",
};

FUZZER(words)
