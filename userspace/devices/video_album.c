/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A picture is written under another name and renamed, so that whoever finds it finds all of it; and it is removed, never written
 * over, so that whoever has it open goes on reading the picture that he opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/video_picture.h"
#include "stream/bytes.h"

#define NAME_BYTES sizeof("/frame-4294967295.ppm")

struct weir_video_album {
	struct weir_video_shape shape;
	uint8_t *picture;  /**< owned; as it is written */
	uint32_t *number;  /**< owned; the frames whose pictures there are: `keep` places, used in turns */
	uint32_t keep, n;  /**< n: pictures so far, up to keep */
	uint32_t at;       /**< the place of the next */
	char *path, *part; /**< owned; room for a path */
	char dir[];
};

size_t weir_video_album_path_bytes(const char *dir)
{
	return strlen(dir) + NAME_BYTES;
}

static void name_picture(const struct weir_video_album *album, uint32_t number, char *path)
{
	sprintf(path, "%s/frame-%010u.%s", album->dir, number, album->shape.format->has_colour ? "ppm" : "pgm");
}

int weir_video_album_open(struct weir_video_album **out, const char *dir, uint32_t keep,
			  const struct weir_video_shape *shape)
{
	struct weir_video_album *album = calloc(1, sizeof(*album) + strlen(dir) + 1);
	size_t bytes = weir_video_album_path_bytes(dir);

	*out = album;
	if (!album)
		return -ENOMEM;
	strcpy(album->dir, dir);
	album->shape = *shape;
	album->keep = keep;
	album->picture = malloc(weir_video_picture_max(shape));
	album->number = calloc(keep, sizeof(*album->number));
	album->path = malloc(bytes);
	album->part = malloc(bytes);
	if (!album->picture || !album->number || !album->path || !album->part)
		return -ENOMEM;
	snprintf(album->part, bytes, "%s/frame.part", dir);
	return mkdir(dir, 0777) && errno != EEXIST ? -errno : 0;
}

static int write_file(const char *path, const uint8_t *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), err;

	if (fd < 0)
		return -errno;
	err = weir_bytes_write(fd, bytes, n);
	close(fd);
	return err;
}

static void drop(struct weir_video_album *album, uint32_t place)
{
	name_picture(album, album->number[place], album->path);
	unlink(album->path);
}

int weir_video_album_add(struct weir_video_album *album, const struct weir_video_frame *frame, char *path)
{
	size_t n = weir_video_encode(&album->shape, frame->bytes, album->picture);
	int err = write_file(album->part, album->picture, n);

	name_picture(album, frame->sequence, path);
	if (!err && rename(album->part, path))
		err = -errno;
	if (err)
		return err;
	if (album->n == album->keep)
		drop(album, album->at);
	else
		album->n++;
	album->number[album->at] = frame->sequence;
	album->at = (album->at + 1) % album->keep;
	return 0;
}

void weir_video_album_close(struct weir_video_album *album)
{
	if (!album)
		return;
	/* The first `n` places are in use, whichever is the next. */
	for (uint32_t i = 0; i < album->n; i++)
		drop(album, i);
	if (album->part)
		unlink(album->part);
	free(album->picture);
	free(album->number);
	free(album->path);
	free(album->part);
	free(album);
}
