/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file record_file.h
 * @brief The file of `record:FILE`: rows in blocks behind checksums, and what the rows mean. docs/record.md has the format.
 *
 * A file is a sequence of sessions, one for each time that a writer was started on it. Whatever is cut off or damaged costs the
 * blocks that it touches and nothing else.
 */
#ifndef WEIR_RECORD_FILE_H
#define WEIR_RECORD_FILE_H

#include "weir/driver.h"
#include "weir/wall.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_record_writer;
struct weir_record_reader;

/* ------------------------------------------------------------------ writing */

/**
 * @brief For records of `schema`, which must outlive it. Touches no file.
 * @return 0 or -ENOMEM. Free with weir_record_writer_close(), which takes NULL, drops what was not flushed, and leaves the
 * descriptor alone.
 */
int weir_record_writer_open(struct weir_record_writer **out, const struct weir_schema *schema) WEIR_MUST_CHECK;
void weir_record_writer_close(struct weir_record_writer *writer);

/**
 * @brief Begin a session at the end of a file.
 * @param fd open for writing, with O_APPEND; nobody else writes to it.
 * @return 0 or -errno of fstat(2), write(2) or getrandom(2).
 */
int weir_record_writer_start(struct weir_record_writer *writer, int fd) WEIR_MUST_CHECK;

/** @brief Take all records of a block; write out whenever a block of the file is full. @return 0 or -errno of write(2). */
int weir_record_writer_push(struct weir_record_writer *writer, const struct weir_block *block) WEIR_MUST_CHECK;

/** @brief Write out what has been taken, as a block however small. @return 0 or -errno of write(2). */
int weir_record_writer_flush(struct weir_record_writer *writer) WEIR_MUST_CHECK;
/** @brief How many records were given to it and could not be written, since the last call. */
uint64_t weir_record_writer_unsent(struct weir_record_writer *writer);

/* ------------------------------------------------------------------ reading */

/** What could not be read so far. */
struct weir_record_damage {
	uint64_t places;  /**< runs of bytes that are no block */
	uint64_t bytes;   /**< in them */
	uint64_t records; /**< known to be missing: the blocks that are there number their records */
};

/**
 * @brief Read what the rows of a file mean. Takes `fd`, a regular file open for reading, also on failure.
 * @param schema filled with native rows, and the clock of the recording.
 * @return 0; -ENOMSG: this is no such file; -EBADMSG: it is, but nothing says what its rows mean; -EPROTO: made by a machine of
 * the other byte order or a later weir; -ENOMEM; -errno of read(2). Free with weir_record_reader_close(), which takes NULL.
 */
int weir_record_reader_open(struct weir_record_reader **out, int fd, struct weir_schema *schema) WEIR_MUST_CHECK;
void weir_record_reader_close(struct weir_record_reader *reader);

/** A block of the file. */
struct weir_record_rows {
	const void *rows; /**< until the next call */
	uint32_t n;
	bool begins; /**< the first that is read of its session: its times need not follow on those before */
	const struct weir_wall_offset
		*offset;    /**< from the recorded clock to the realtime clock, for these rows and later ones */
	uint32_t n_offsets; /**< 0: as before */
};

/**
 * @brief The next block that is whole. Blocks whose session has other fields than the first are passed over, as damage.
 * @return 1; 0 at the end of the file, as far as it has been written; or -errno of read(2).
 */
int weir_record_reader_next(struct weir_record_reader *reader, struct weir_record_rows *rows) WEIR_MUST_CHECK;

/** @brief Does the first session say how its clock was apart from the realtime clock? */
bool weir_record_reader_has_offset(const struct weir_record_reader *reader);

void weir_record_reader_damage(const struct weir_record_reader *reader, struct weir_record_damage *damage);

#ifdef __cplusplus
}
#endif
#endif
