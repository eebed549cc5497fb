/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames in a file: crc, length, id, message. All numbers are little-endian. */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "spool/spool_internal.h"

#define SECTOR 4096
#define READ_TRIES 3

void weir_spool_put32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

void weir_spool_put64(uint8_t *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

uint32_t weir_spool_get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

uint64_t weir_spool_get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

uint32_t weir_spool_crc(const void *bytes, uint32_t n)
{
	return (uint32_t)crc32(0, bytes, n);
}

uint32_t weir_spool_frame_bytes(const uint8_t *frame)
{
	return WEIR_SPOOL_FRAME + weir_spool_get32(frame + 4);
}

static uint32_t frame_crc(const uint8_t *frame)
{
	return weir_spool_crc(frame + 4, WEIR_SPOOL_FRAME - 4 + weir_spool_get32(frame + 4));
}

void weir_spool_seal(uint8_t *frame, uint64_t id)
{
	weir_spool_put64(frame + 8, id);
	weir_spool_put32(frame, frame_crc(frame));
}

void weir_spool_name(char name[WEIR_SPOOL_NAME], uint64_t first)
{
	snprintf(name, WEIR_SPOOL_NAME, "%016" PRIx64 ".seg", first);
}

bool weir_spool_parse_name(const char *name, uint64_t *first)
{
	char again[WEIR_SPOOL_NAME];

	if (sscanf(name, "%16" SCNx64, first) != 1)
		return false;
	weir_spool_name(again, *first);
	return !strcmp(name, again);
}

/* A disk that fails once may not fail again. */
int weir_spool_read(const struct weir_spool_io *io, int fd, void *bytes, uint32_t n, uint64_t at)
{
	int got = -EIO;

	for (int i = 0; i < READ_TRIES && got < 0; i++)
		got = io->read(io->context, fd, bytes, n, at);
	return got;
}

/* Is there a whole frame at `at`, of a message that belongs here? */
static bool is_frame(const struct weir_spool_file *file, uint32_t at, uint64_t least, uint64_t most)
{
	const uint8_t *frame = file->chunk + at;
	uint32_t left = file->have - at;
	uint64_t id;

	if (left < WEIR_SPOOL_FRAME || weir_spool_get32(frame + 4) > left - WEIR_SPOOL_FRAME)
		return false;
	id = weir_spool_get64(frame + 8);
	return id >= least && id <= most && weir_spool_get32(frame + 4) <= WEIR_SPOOL_MESSAGE_MAX &&
	       weir_spool_get32(frame) == frame_crc(frame);
}

/* Move what is left to the front, and read on behind it. @return false: there is no more. */
static bool load(struct weir_spool_file *file)
{
	uint64_t from = file->base + file->have;
	uint32_t room;
	int got;

	if (from >= file->end)
		return false;
	memmove(file->chunk, file->chunk + file->at, file->have - file->at);
	file->base += file->at;
	file->have -= file->at;
	file->at = 0;
	room = WEIR_SPOOL_CHUNK - file->have;
	if (room > file->end - from)
		room = (uint32_t)(file->end - from);
	got = weir_spool_read(file->io, file->fd, file->chunk + file->have, room, from);
	file->failed = got < 0;
	if (got > 0) {
		file->have += (uint32_t)got;
		file->stride = 0;
	}
	return got > 0;
}

/* The more in a row cannot be read, the larger the steps: a file that is lost as a whole must not take for ever. */
bool weir_spool_file_skip(struct weir_spool_file *file)
{
	uint64_t to = (file->base + file->have) / SECTOR * SECTOR;

	file->stride = file->stride ? 2 * file->stride : SECTOR;
	to += file->stride;
	file->failed = false;
	if (to >= file->end)
		return false;
	file->skipped += to - file->base - file->at;
	file->base = to;
	file->have = file->at = 0;
	return true;
}

/* No frame needs more, so with this much in the chunk what is none will not become one. */
static bool has_enough(const struct weir_spool_file *file)
{
	return file->have - file->at >= WEIR_SPOOL_FRAME + WEIR_SPOOL_MESSAGE_MAX;
}

bool weir_spool_file_next(struct weir_spool_file *file, uint64_t least, uint64_t most, struct weir_spool_message *out)
{
	for (;;) {
		uint8_t *frame = file->chunk + file->at;

		if (is_frame(file, file->at, least, most)) {
			out->id = weir_spool_get64(frame + 8);
			out->n = weir_spool_get32(frame + 4);
			out->bytes = frame + WEIR_SPOOL_FRAME;
			file->at += WEIR_SPOOL_FRAME + out->n;
			return true;
		}
		if (!has_enough(file) && load(file))
			continue;
		if (file->at == file->have || file->failed)
			return false;
		file->at++;
		file->skipped++;
	}
}

void weir_spool_file_end(struct weir_spool_file *file)
{
	if (file->fd >= 0)
		file->io->close(file->io->context, file->fd);
	file->fd = -1;
	file->have = file->at = file->stride = 0;
	file->failed = false;
}

int weir_spool_file_begin(struct weir_spool_file *file, uint64_t first)
{
	char name[WEIR_SPOOL_NAME];

	weir_spool_file_end(file);
	weir_spool_name(name, first);
	file->fd = file->io->open(file->io->context, name);
	file->base = WEIR_SPOOL_HEADER;
	file->end = 0;
	return file->fd < 0 ? file->fd : 0;
}
