/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>

#include "core/record.h"
#include "core/run.h"

int weir_stream_open(struct weir_stream *stream, uint32_t rows)
{
	struct weir_ring_config config = {
		.row_bytes = stream->schema.row_bytes,
		.rows = rows > stream->least_rows ? rows : stream->least_rows,
		.fd = stream->filter ? weir_filter_ring_fd(stream->filter) : -1,
		.start_at = stream->from->pipeline->first_row,
	};

	return stream->is_lent ? 0 : weir_ring_open(&stream->ring, &config);
}

void weir_stream_close(struct weir_stream *stream)
{
	weir_ring_close(stream->ring);
	stream->ring = NULL;
}

int weir_stream_write(struct weir_stream *stream, const struct weir_block *block)
{
	for (uint32_t from = 0, got; from < block->n; from += got) {
		void *rows = weir_ring_reserve(stream->ring, block->n - from, &got);

		if (got) {
			weir_rows_encode(&stream->schema, block, from, got, rows);
			weir_ring_commit(stream->ring, got);
			continue;
		}
		/* Nobody waits for a drop_newest reader. */
		if (weir_ring_refuses(stream->ring)) {
			weir_ring_refuse(stream->ring, block->n - from);
			return 0;
		}
		if (weir_ring_is_interrupted(stream->ring))
			return -EINTR;
		stream->writer->wants_space = stream->ring;
		weir_worker_wait(stream->writer);
		stream->writer->wants_space = NULL;
	}
	return 0;
}
