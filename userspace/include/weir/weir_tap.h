/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file weir_tap.h
 * @brief Read a stream that `weir:NAME` publishes, without the rest of weir and without a copy. Link with -lweir.
 *
 *     char why[WEIR_TAP_WHY];
 *     struct weir_tap *tap;
 *     if (weir_tap_open(&tap, "level", WEIR_TAP_DROP_OLDEST, why) < 0)
 *             errx(1, "%s", why);
 *     while (weir_tap_wait(tap, -1) > 0) {
 *             const char *rows = weir_tap_peek(tap, 1024, &n);
 *             … use n rows of weir_tap_row_bytes(tap) bytes: they are the publisher's memory, read-only …
 *             spoilt = weir_tap_release(tap, n);      the first `spoilt` of them were overwritten meanwhile: forget those
 *     }
 *     weir_tap_close(tap);
 *
 * A row begins with its time, int64_t nanoseconds; every field is 8 bytes (double, or int64_t for integers and truth values), a text
 * its bytes with a zero at the end, padded to 8. All of the machine's own byte order. A tap belongs to one thread at a time.
 */
#ifndef WEIR_TAP_H
#define WEIR_TAP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_TAP_WHY 512 /**< bytes of a reason */

/** What happens when this reader is too slow. */
enum weir_tap_policy {
	WEIR_TAP_AS_ALLOWED,  /**< the publisher waits, if it waits for any; else as the next */
	WEIR_TAP_DROP_OLDEST, /**< rows are overwritten unread, and counted: weir_tap_lost() */
	WEIR_TAP_BLOCK,       /**< the publisher waits; refused where it does not do that */
};

struct weir_tap;

struct weir_tap_field {
	const char *name, *unit; /**< live as long as the tap */
	char kind;               /**< 'f' double, 'i' int64_t, 'b' int64_t 0 or 1, 's' text */
	uint32_t at, bytes;      /**< in a row; of a text the whole cell */
};

/**
 * @brief Subscribe to a stream; the first row is the next one published.
 * @param why becomes a sentence on failure, of WEIR_TAP_WHY bytes; may be NULL.
 * @return 0; -EINVAL: no such name can be; -ENOENT: nobody publishes it; -EACCES: not for this user; -EPERM: the publisher does not
 * wait; -EUSERS: it has too many readers; -ETIMEDOUT: it does not answer; -EPROTO: what it says makes no sense; -ENOMEM; -errno.
 */
int weir_tap_open(struct weir_tap **out, const char *name, int policy, char *why);
void weir_tap_close(struct weir_tap *tap);

/** @brief The schema as JSON: {"clock":…, "fields":[{"name":…, "kind":"real|int|bool|text", "unit":…, "bytes":…}, …]}. */
const char *weir_tap_text(const struct weir_tap *tap);
/** @brief Describe field `i`, the first being 0. -ENOENT: there are not so many. */
int weir_tap_describe(const struct weir_tap *tap, uint32_t i, struct weir_tap_field *field);
uint32_t weir_tap_row_bytes(const struct weir_tap *tap);

/** @brief Up to `max` unread rows, contiguous; *n is 0 when there are none just now. Never waits. */
const void *weir_tap_peek(struct weir_tap *tap, uint32_t max, uint32_t *n);
/** @brief Give the first `n` rows of the last peek back. @return how many of these had been overwritten. They count as lost. */
uint32_t weir_tap_release(struct weir_tap *tap, uint32_t n);

/**
 * @brief Sleep until there are rows.
 * @param timeout_ms -1: for ever; 0: only look.
 * @return 1: there are; 0: not yet; -ENODATA: the stream is over; -EPIPE: its publisher has gone, or has turned us out; -EPROTO: the
 * publisher's memory makes no sense; -EINTR: a signal. Rows that were published before any of these ends come first.
 */
int weir_tap_wait(struct weir_tap *tap, int timeout_ms);

/** @brief For a poll() of one's own: call weir_tap_arm(), and if it returned 0, wait until weir_tap_fd() is readable. */
int weir_tap_arm(struct weir_tap *tap);
int weir_tap_fd(const struct weir_tap *tap);

uint64_t weir_tap_lost(const struct weir_tap *tap);     /**< rows that came too fast */
uint64_t weir_tap_position(const struct weir_tap *tap); /**< number of the row that peek gives next */

#ifdef __cplusplus
}
#endif
#endif
