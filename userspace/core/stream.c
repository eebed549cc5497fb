/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/rescale.h"
#include "core/run.h"
#include "stream/notes.h"
#include "stream/record.h"

int weir_stream_open(struct weir_stream *stream, uint32_t rows)
{
	struct weir_ring_config config = {
		.row_bytes = stream->schema.row_bytes,
		.rows = rows > stream->least_rows ? rows : stream->least_rows,
		.fd = stream->filter ? weir_filter_ring_fd(stream->filter) : -1,
		.start_at = stream->from->pipeline->first_row,
	};
	int err = stream->is_lent ? 0 : weir_ring_open(&stream->ring, &config);

	stream->told_ns = stream->shown_ns = INT64_MIN;
	atomic_store(&stream->wanted_ns, INT64_MAX);
	stream->missing = stream->noted = stream->lent = 0;
	if (err >= 0 && stream->from->may_rescale) {
		stream->rescale = calloc(1, sizeof(*stream->rescale));
		err = stream->rescale ? err : -ENOMEM;
	}
	return err < 0 || stream->is_lent ? err : weir_notes_open(&stream->notes, weir_ring_capacity(stream->ring));
}

uint64_t weir_stream_head(const struct weir_stream *stream)
{
	return stream->ring ? weir_ring_head(stream->ring) : stream->from->pipeline->first_row + stream->lent;
}

void weir_stream_close(struct weir_stream *stream)
{
	weir_ring_close(stream->ring);
	weir_notes_close(stream->notes);
	free(stream->rescale);
	stream->ring = NULL;
	stream->notes = NULL;
	stream->rescale = NULL;
}

void weir_stream_note(struct weir_stream *stream, uint32_t ahead, int64_t t_ns)
{
	struct weir_note note = {
		.position = weir_ring_head(stream->ring) + ahead,
		.time_ns = stream->is_timed ? stream->told_ns : INT64_MIN,
		.missing = stream->missing,
	};
	bool is_behind = stream->is_timed && stream->told_ns > stream->shown_ns && t_ns < stream->told_ns;

	if (!is_behind && stream->missing == stream->noted)
		return;
	weir_notes_add(stream->notes, &note);
	stream->noted = stream->missing;
	if (note.time_ns > stream->shown_ns)
		stream->shown_ns = note.time_ns;
}

static void show_time(struct weir_stream *stream, int64_t t_ns)
{
	if (t_ns > stream->shown_ns)
		stream->shown_ns = t_ns;
}

int weir_stream_write(struct weir_stream *stream, const struct weir_block *block)
{
	for (uint32_t from = 0, got; from < block->n; from += got) {
		void *rows = weir_ring_reserve(stream->ring, block->n - from, &got);

		if (got) {
			weir_stream_note(stream, 0, block->t[from]);
			show_time(stream, block->t[from]);
			show_time(stream, block->t[from + got - 1]);
			weir_rows_encode(&stream->schema, block, from, got, rows);
			weir_ring_commit(stream->ring, got);
			continue;
		}
		/* Nobody waits for a drop_newest reader. */
		if (weir_ring_refuses(stream->ring)) {
			weir_ring_refuse(stream->ring, block->n - from);
			stream->missing += block->n - from;
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
