/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nothing that a file says is believed before it was found to be within the file and within bounds. Changes are from the file; after
 * the last of them its rule holds, if it has one. Of version 1, which has neither 64 bits nor a rule, the 32 bits are read.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream/bytes.h"
#include "stream/zone_rule.h"

#define FILE_MAX (64u << 10)
#define HEADER 44u
#define CHANGES_MAX 4096u
#define TYPES_MAX 256u
#define OFFSET_MIN (-89999) /* as RFC 8536 has it */
#define OFFSET_MAX 93599
#define NAME_MAX_BYTES 128
#define ZONES "/usr/share/zoneinfo"
#define LOCAL "/etc/localtime"

struct weir_zone {
	char name[NAME_MAX_BYTES];
	bool has_rule;
	struct weir_zone_rule rule;
	int32_t first; /* offset before the first change */
	uint32_t n;
	int64_t *change; /* seconds, ascending */
	int32_t *offset; /* from each change on */
};

/* --------------------------------------------------------------------- file */

struct zone_counts {
	uint32_t is_utc, is_standard, leaps, changes, types, letters;
};

static uint32_t zone_get32(const unsigned char *from)
{
	return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static int64_t zone_get_time(const unsigned char *from, uint32_t bytes)
{
	if (bytes == 4)
		return (int32_t)zone_get32(from);
	return (int64_t)((uint64_t)zone_get32(from) << 32 | zone_get32(from + 4));
}

/* False: this is no header, or one of what no zone has. */
static bool zone_counts_read(const unsigned char *from, size_t n, struct zone_counts *counts)
{
	if (n < HEADER || memcmp(from, "TZif", 4) != 0)
		return false;
	*counts = (struct zone_counts){
		.is_utc = zone_get32(from + 20),
		.is_standard = zone_get32(from + 24),
		.leaps = zone_get32(from + 28),
		.changes = zone_get32(from + 32),
		.types = zone_get32(from + 36),
		.letters = zone_get32(from + 40),
	};
	return counts->is_utc <= TYPES_MAX && counts->is_standard <= TYPES_MAX && counts->leaps <= CHANGES_MAX &&
	       counts->changes <= CHANGES_MAX && counts->types && counts->types <= TYPES_MAX && counts->letters &&
	       counts->letters <= FILE_MAX;
}

static size_t zone_body_bytes(const struct zone_counts *counts, uint32_t time_bytes)
{
	return (size_t)counts->changes * (time_bytes + 1) + (size_t)counts->types * 6 + counts->letters +
	       (size_t)counts->leaps * (time_bytes + 4) + counts->is_standard + counts->is_utc;
}

static int zone_take_offset(const unsigned char *types, const struct zone_counts *counts, uint32_t type,
			    int32_t *offset)
{
	if (type >= counts->types)
		return -EBADMSG;
	*offset = (int32_t)zone_get32(types + (size_t)type * 6);
	return *offset < OFFSET_MIN || *offset > OFFSET_MAX ? -EBADMSG : 0;
}

/* All of the body is there. */
static int zone_take_body(struct weir_zone *zone, const unsigned char *body, const struct zone_counts *counts,
			  uint32_t time_bytes)
{
	const unsigned char *index = body + (size_t)counts->changes * time_bytes, *types = index + counts->changes;
	int err = counts->leaps ? -EOPNOTSUPP : zone_take_offset(types, counts, 0, &zone->first);

	if (err < 0)
		return err;
	zone->change = calloc(counts->changes + 1, sizeof(*zone->change));
	zone->offset = calloc(counts->changes + 1, sizeof(*zone->offset));
	if (!zone->change || !zone->offset)
		return -ENOMEM;
	for (uint32_t i = 0; i < counts->changes; i++) {
		zone->change[i] = zone_get_time(body + (size_t)i * time_bytes, time_bytes);
		if (i && zone->change[i] <= zone->change[i - 1])
			return -EBADMSG;
		err = zone_take_offset(types, counts, index[i], &zone->offset[i]);
		if (err < 0)
			return err;
	}
	zone->n = counts->changes;
	return 0;
}

/* Between two line feeds; an empty one says nothing. */
static int zone_take_footer(struct weir_zone *zone, const unsigned char *from, size_t n)
{
	const unsigned char *end = n ? memchr(from + 1, '\n', n - 1) : NULL;

	if (!end || from[0] != '\n')
		return -EBADMSG;
	zone->has_rule = end > from + 1;
	if (zone->has_rule && !weir_zone_rule_read(&zone->rule, (const char *)from + 1, (size_t)(end - from - 1)))
		return -EBADMSG;
	return 0;
}

static int zone_take_file(struct weir_zone *zone, const unsigned char *at, size_t n)
{
	struct zone_counts counts;
	size_t bytes;
	int err;

	if (!zone_counts_read(at, n, &counts))
		return -EBADMSG;
	bytes = HEADER + zone_body_bytes(&counts, 4);
	if (bytes > n)
		return -EBADMSG;
	if (at[4] < '2')
		return zone_take_body(zone, at + HEADER, &counts, 4);
	at += bytes;
	n -= bytes;
	if (!zone_counts_read(at, n, &counts))
		return -EBADMSG;
	bytes = HEADER + zone_body_bytes(&counts, 8);
	if (bytes > n)
		return -EBADMSG;
	err = zone_take_body(zone, at + HEADER, &counts, 8);
	return err < 0 ? err : zone_take_footer(zone, at + bytes, n - bytes);
}

int weir_zone_read(struct weir_zone **out, const void *bytes, size_t n)
{
	struct weir_zone *zone = calloc(1, sizeof(*zone));
	int err = zone ? zone_take_file(zone, bytes, n) : -ENOMEM;

	*out = err < 0 ? NULL : zone;
	if (err < 0)
		weir_zone_close(zone);
	return err;
}

void weir_zone_close(struct weir_zone *zone)
{
	if (!zone)
		return;
	free(zone->change);
	free(zone->offset);
	free(zone);
}

/* --------------------------------------------------------------------- open */

static int zone_read_all(int fd, unsigned char *to, size_t *n)
{
	ssize_t got;

	*n = 0;
	while (*n <= FILE_MAX && (got = read(fd, to + *n, FILE_MAX + 1 - *n)) != 0) {
		if (got < 0 && errno != EINTR)
			return -errno;
		*n += got < 0 ? 0 : (size_t)got;
	}
	return *n > FILE_MAX ? -EFBIG : 0;
}

static int zone_open_file(struct weir_zone **out, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), err;
	unsigned char *bytes;
	struct stat status;
	size_t n;

	if (fd < 0)
		return -errno;
	bytes = malloc(FILE_MAX + 1);
	err = !bytes ? -ENOMEM : fstat(fd, &status) < 0 ? -errno : !S_ISREG(status.st_mode) ? -ENOENT : 0;
	if (!err)
		err = zone_read_all(fd, bytes, &n);
	if (!err)
		err = weir_zone_read(out, bytes, n);
	free(bytes);
	close(fd);
	return err;
}

static int zone_open_rule(struct weir_zone **out, const char *text)
{
	struct weir_zone *zone = calloc(1, sizeof(*zone));

	if (!zone)
		return -ENOMEM;
	zone->has_rule = weir_zone_rule_read(&zone->rule, text, strlen(text));
	if (!zone->has_rule) {
		free(zone);
		return -ENOENT;
	}
	*out = zone;
	return 0;
}

/* With the rights of another user, only files of the system's own directory are read. */
static int zone_open_name(struct weir_zone **out, const char *name)
{
	const char *directory = secure_getenv("TZDIR");
	char path[PATH_MAX];
	int err = -ENOENT;

	if (!*name)
		return zone_open_rule(out, "UTC0");
	if (getauxval(AT_SECURE) && (*name == '/' || strstr(name, "..")))
		return -ENOENT;
	if (snprintf(path, sizeof(path), "%s%s%s",
		     *name == '/'              ? ""
		     : directory && *directory ? directory
					       : ZONES,
		     *name == '/' ? "" : "/", name) < (int)sizeof(path))
		err = zone_open_file(out, path);
	/* Names that no file can have are texts, too. */
	if (err == -ENOENT || err == -ENOTDIR || err == -ENAMETOOLONG)
		err = zone_open_rule(out, name);
	return err;
}

/* As the C library: without a zone that can be read, times are UTC. */
static int zone_open_own(struct weir_zone **out)
{
	const char *name = getenv("TZ");
	int err = name ? zone_open_name(out, name + (*name == ':')) : zone_open_file(out, LOCAL);

	return err < 0 && err != -ENOMEM ? zone_open_rule(out, "UTC0") : err;
}

int weir_zone_open(struct weir_zone **out, const char *name)
{
	const char *own = getenv("TZ");
	int err;

	*out = NULL;
	err = name ? zone_open_name(out, name + (*name == ':')) : zone_open_own(out);
	if (err < 0)
		return err;
	snprintf((*out)->name, sizeof((*out)->name), "%s", name ? name : own ? own : "local time");
	return 0;
}

const char *weir_zone_name(const struct weir_zone *zone)
{
	return zone->name;
}

/* ------------------------------------------------------------------ look-up */

/* How many changes are at or before this second. */
static uint32_t zone_changes_until(const struct weir_zone *zone, int64_t second)
{
	uint32_t low = 0, high = zone->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (zone->change[middle] <= second)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct weir_zone_span weir_zone_at(const struct weir_zone *zone, int64_t second)
{
	uint32_t i = zone_changes_until(zone, second);
	struct weir_zone_span span = { INT64_MIN, INT64_MAX, zone->first };

	if (i == zone->n && zone->has_rule)
		span = weir_zone_rule_at(&zone->rule, second);
	else if (i)
		span.offset = zone->offset[i - 1];
	if (i && span.from < zone->change[i - 1])
		span.from = zone->change[i - 1];
	if (i < zone->n)
		span.until = zone->change[i];
	return span;
}

#define NEAR_S (4 * 86400) /* more than two offsets differ, and changes are apart */

int64_t weir_zone_second(const struct weir_zone *zone, int64_t local, bool later)
{
	struct weir_zone_span span = weir_zone_at(zone, local < INT64_MIN + NEAR_S ? INT64_MIN : local - NEAR_S);
	bool is_found = false;
	int64_t found = local;

	for (;;) {
		int64_t second;

		if (__builtin_sub_overflow(local, span.offset, &second))
			return local < 0 ? INT64_MIN : INT64_MAX;
		/* Before this span: it was in one before, or is left out between them. */
		if (second < span.from)
			return found;
		if (second < span.until || !is_found)
			found = second;
		is_found |= second < span.until;
		if ((is_found && !later) || span.until > INT64_MAX - NEAR_S || span.until - NEAR_S > local)
			return found;
		span = weir_zone_at(zone, span.until);
	}
}
