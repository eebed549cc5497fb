/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file zone.h
 * @brief Time zones: the distance of local time from UTC, from files of /usr/share/zoneinfo (RFC 8536) and texts as of TZ (POSIX).
 *
 * A zone is read once and never changes: any number of threads may look it up. No look-up makes a system call or takes memory.
 * Seconds are those of the realtime clock, which has no leap seconds.
 */
#ifndef WEIR_ZONE_H
#define WEIR_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_zone;

/** A time without a change of the offset. */
struct weir_zone_span {
	int64_t from, until; /**< s since 1970 UTC: from <= t < until; INT64_MIN and INT64_MAX: without end */
	int32_t offset;      /**< s to add to UTC to get local time, less than a day and two hours */
};

/**
 * @brief Read a zone.
 * @param name as in TZ: `Europe/Berlin`, a path, or a text such as `CET-1CEST,M3.5.0,M10.5.0/3`; with or without a colon before it.
 * NULL: the zone of the process, TZ or else /etc/localtime, and UTC where that cannot be read.
 * @return 0; -ENOENT: there is no such zone; -EBADMSG: its file is damaged; -EOPNOTSUPP: it counts leap seconds; -EFBIG: a file
 * of more than 64 KiB; -ENOMEM; or -errno of open(2) or read(2). Free with weir_zone_close(), which takes NULL.
 */
int weir_zone_open(struct weir_zone **out, const char *name) __attribute__((warn_unused_result));
/** @brief The same of the bytes of such a file. 0, -EBADMSG, -EOPNOTSUPP or -ENOMEM. */
int weir_zone_read(struct weir_zone **out, const void *bytes, size_t n) __attribute__((warn_unused_result));
void weir_zone_close(struct weir_zone *zone);

/** @brief What was asked for: `Europe/Berlin`; of the zone of the process TZ, or `local time`. Lives as long as the zone. */
const char *weir_zone_name(const struct weir_zone *zone);

/** @brief The span that has this second. */
struct weir_zone_span weir_zone_at(const struct weir_zone *zone, int64_t second);

/**
 * @brief The second of a local time, which counts as seconds of UTC would. Of a time that comes twice the first, or with `later`
 * the second. A time that is left out moves forward by as much as is left out.
 */
int64_t weir_zone_second(const struct weir_zone *zone, int64_t local, bool later);

#ifdef __cplusplus
}
#endif
#endif
