/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file notes.h
 * @brief What the readers of a stream must know of certain rows and no row says: one writer, many readers, beside the ring.
 *
 * - How far time had come before a row, where that is further than this row and all before it show: the stream is out of order, and
 *   what would have shown it did not pass. A mark says the same of now; a note says it of a place in the stream, so that it does not
 *   matter when it is read.
 * - How many rows are missing before a row, because some reader above was too slow, or some reader here that wants no newer ones.
 *
 * Both only grow, so that of several notes the last counts. A note is written before its row is committed.
 */
#ifndef WEIR_STREAM_NOTES_H
#define WEIR_STREAM_NOTES_H

#include "weir/driver.h"

struct weir_note {
	uint64_t position; /**< in the ring, of the row before which it stands */
	int64_t time_ns;   /**< INT64_MIN: not known */
	uint64_t missing;  /**< rows, since the beginning */
};

struct weir_notes;

/** @param rows the ring's capacity: so many notes are kept. @return 0 or -ENOMEM. Free with weir_notes_close(), which takes NULL. */
int weir_notes_open(struct weir_notes **out, uint32_t rows) WEIR_MUST_CHECK;
void weir_notes_close(struct weir_notes *notes);

/** @brief Writer's thread, before the row is committed. At most one for each row. */
void weir_notes_add(struct weir_notes *notes, const struct weir_note *note);
/**
 * @brief The first note from number `*next` on. A reader that has been overtaken is put forward to the oldest that is left.
 * @param next the reader's own, 0 at first; count it up to go past a note.
 * @return false: there is none.
 */
bool weir_notes_peek(const struct weir_notes *notes, uint64_t *next, struct weir_note *note);

#endif
