/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file video_picture.h
 * @brief What is made of a frame: the brightness of the cells of a grid, and a picture in a file.
 */
#ifndef WEIR_DEVICES_VIDEO_PICTURE_H
#define WEIR_DEVICES_VIDEO_PICTURE_H

#include "devices/video_device.h"

/**
 * @brief The mean brightness of each cell of a grid, 0 to 255, row by row from the upper left.
 * @param columns, rows at least 1, and at most as many as the frame has pixels that way.
 * @param cell room for columns * rows.
 * @return the mean of the whole frame.
 */
double weir_video_cells(const struct weir_video_shape *shape, const uint8_t *bytes, uint32_t columns, uint32_t rows,
			double *cell);

/** @brief Bytes that weir_video_encode() writes at most. */
size_t weir_video_picture_max(const struct weir_video_shape *shape);

/**
 * @brief A picture that any viewer knows: a portable grey map (PGM), or in colour a pixel map (PPM) after ITU-R BT.601.
 * @return bytes written.
 */
size_t weir_video_encode(const struct weir_video_shape *shape, const uint8_t *bytes, uint8_t *picture);

/** The newest pictures as files of a directory. Starts zeroed. */
struct weir_video_album;

/**
 * @brief Keep the last `keep` pictures in `dir`, which is made if it is not there.
 * @return 0; -ENOMEM; -errno of mkdir(2).
 */
int weir_video_album_open(struct weir_video_album **out, const char *dir, uint32_t keep,
			  const struct weir_video_shape *shape);
/** @brief Bytes of a picture's path in `dir` with its zero. */
size_t weir_video_album_path_bytes(const char *dir);
/**
 * @brief Write a frame's picture and remove the oldest. A file has its name only when it is complete.
 * @param path what it is called; weir_video_album_path_bytes() bytes.
 * @return 0 or -errno.
 */
int weir_video_album_add(struct weir_video_album *album, const struct weir_video_frame *frame, char *path);
/** @brief Remove all that it keeps. Takes NULL. */
void weir_video_album_close(struct weir_video_album *album);

#endif
