/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A camera as a sensor. A frame is far larger than a record: what a record says of it is how bright it is and where it has
 * changed, by the cells of a grid; the picture itself goes to a file that the record names.
 *
 * A cell's brightness is a mean over hundreds of pixels, so the noise of single ones does not look like motion.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/video_device.h"
#include "devices/video_picture.h"
#include "weir/driver.h"

#define CAMERAS_MAX 32
#define CELLS_MAX 4096
#define LIST_MAX 400
#define SILENCE_NS INT64_C(2000000000) /* after which a camera is asked whether it is still there */

enum { FIELD_FRAME, FIELD_BRIGHTNESS, FIELD_MOTION, FIELD_MOVED, FIELD_CELLS };

struct v4l2 {
	const char *size, *grid; /**< WIDTHxHEIGHT */
	uint32_t format;         /**< as in weir_video_formats */
	struct weir_video video;
	double rate_hz;         /**< wanted; 0: whatever it is */
	uint32_t columns, rows; /**< of the grid */
	double threshold;
	double *cell, *last; /**< owned: brightness of this frame's cells, and of those of the frame before */
	bool has_last;
	bool shows_cells;
	const char *dir; /**< of pictures; NULL: none */
	uint32_t keep;
	struct weir_video_album *album;
	char how[64];
};

/* ----------------------------------------------------------------------- open */

static int fail_device(struct weir_node *node, struct v4l2 *v4l2, int err)
{
	const char *advice = err == -EACCES       ? "become a member of the group video"
			     : err == -EBUSY      ? "another program is using it"
			     : err == -ENODEV     ? "it was unplugged, or its driver unloaded"
			     : err == -ENXIO      ? "no video can be captured from it in one piece"
			     : err == -ENOTTY     ? "it is no video device"
			     : err == -EOPNOTSUPP ? "it has one rate only: leave rate= away"
			     : err == -EPROTO     ? "its frames are not what it had agreed to"
			     : err == -EIO        ? "the cable or the bus may be bad"
						  : NULL;

	return weir_fail_device(node, weir_target(node), v4l2->video.operation, -err, advice);
}

static void append(char *list, const char *format, const char *word)
{
	size_t n = strlen(list);

	snprintf(list + n, LIST_MAX - n, format, word);
}

static int fail_unknown(struct weir_node *node, const struct weir_video_entry *list, size_t n)
{
	char advice[LIST_MAX] = "there are no cameras on this machine";

	if (n)
		strcpy(advice, "there are:");
	for (size_t i = 0; i < n; i++) {
		append(advice, i ? ", %s" : " %s", list[i].path);
		append(advice, " (%s)", *list[i].card ? list[i].card : list[i].name);
	}
	return weir_fail_device(node, weir_target(node), "find the camera", ENOENT, advice);
}

static int open_camera(struct weir_node *node, struct v4l2 *v4l2)
{
	struct weir_video_entry list[CAMERAS_MAX];
	size_t n = weir_video_list(WEIR_VIDEO_CLASS, list, CAMERAS_MAX);
	char path[WEIR_VIDEO_PATH];
	int err = weir_video_find(list, n, weir_target(node), path);

	if (err == -ENOTUNIQ)
		return weir_fail_arg(node, NULL, "give its path, as in v4l2:/dev/video0",
				     "several cameras are called '%s'", weir_target(node));
	if (err == -ENAMETOOLONG)
		return weir_fail_arg(node, NULL, NULL, "the path is too long");
	if (!err)
		err = weir_video_open(&v4l2->video, path);
	if (err == -ENOENT)
		return fail_unknown(node, list, n);
	return err ? fail_device(node, v4l2, err) : 0;
}

/* WIDTHxHEIGHT */
static int read_pair(struct weir_node *node, const char *name, const char *text, const char *example, uint32_t *width,
		     uint32_t *height)
{
	int end = 0;

	if (sscanf(text, "%5ux%5u%n", width, height, &end) == 2 && !text[end] && *width && *height)
		return 0;
	return weir_fail_arg(node, name, example, "'%s' is not WIDTHxHEIGHT", text);
}

static int fail_format(struct weir_node *node, struct v4l2 *v4l2)
{
	char offers[LIST_MAX - 64], hint[LIST_MAX];

	weir_video_offers(&v4l2->video, offers, sizeof(offers));
	snprintf(hint, sizeof(hint), "weir reads YUYV, UYVY and GREY; it has %s", *offers ? offers : "none");
	return weir_fail_arg(node, weir_given(node, &v4l2->format) ? "format" : NULL, hint,
			     "the camera has no such frames");
}

/* width, height 0: whatever the camera has. */
static int agree(struct weir_node *node, struct v4l2 *v4l2, uint32_t width, uint32_t height)
{
	const struct weir_video_shape *shape = &v4l2->video.shape;
	const struct weir_video_format *format = NULL;
	char hint[LIST_MAX];
	int err;

	if (weir_given(node, &v4l2->format))
		format = &weir_video_formats[v4l2->format];
	err = weir_video_agree(&v4l2->video, format, width, height);
	if (err)
		return err == -EPROTONOSUPPORT ? fail_format(node, v4l2) : fail_device(node, v4l2, err);
	if (!width || (shape->width == width && shape->height == height))
		return 0;
	snprintf(hint, sizeof(hint), "the nearest is size=%ux%u", shape->width, shape->height);
	return weir_fail_arg(node, "size", hint, "the camera has no frames of %ux%u", width, height);
}

static int lay_grid(struct weir_node *node, struct v4l2 *v4l2)
{
	uint64_t n = (uint64_t)v4l2->columns * v4l2->rows;

	if (n > CELLS_MAX || v4l2->columns > v4l2->video.shape.width || v4l2->rows > v4l2->video.shape.height)
		return weir_fail_arg(node, "grid", NULL, "a grid has at most %d cells, and each holds a pixel at least",
				     CELLS_MAX);
	v4l2->cell = calloc(n, sizeof(*v4l2->cell));
	v4l2->last = calloc(n, sizeof(*v4l2->last));
	return v4l2->cell && v4l2->last ? 0 : -ENOMEM;
}

static int add_cells(struct weir_node *node, const struct v4l2 *v4l2, struct weir_schema *out)
{
	for (uint32_t k = 0; v4l2->shows_cells && k < v4l2->columns * v4l2->rows; k++) {
		char name[32];

		snprintf(name, sizeof(name), "c%u_%u", k % v4l2->columns, k / v4l2->columns);
		if (weir_schema_add(out, name, WEIR_REAL, "", 0) < 0)
			return weir_fail_arg(node, "cells", "give a coarser grid", "a record has no room for %u cells",
					     v4l2->columns * v4l2->rows);
	}
	return 0;
}

static int add_picture(struct weir_node *node, const struct v4l2 *v4l2, struct weir_schema *out)
{
	size_t bytes = v4l2->dir ? weir_video_album_path_bytes(v4l2->dir) : 0;

	if (!v4l2->dir || weir_schema_add(out, "picture", WEIR_TEXT, "", (uint32_t)(bytes + 7) / 8 * 8) >= 0)
		return 0;
	return weir_fail_arg(node, "pictures", NULL, "a record has no room for this path");
}

static int describe(struct weir_node *node, struct v4l2 *v4l2, struct weir_schema *out)
{
	int err;

	weir_schema_init(out, WEIR_CLOCK_MONOTONIC);
	weir_schema_add(out, "frame", WEIR_INT, "", 0);
	weir_schema_add(out, "brightness", WEIR_REAL, "", 0);
	weir_schema_add(out, "motion", WEIR_REAL, "", 0);
	weir_schema_add(out, "moved", WEIR_REAL, "", 0);
	err = add_cells(node, v4l2, out);
	return err ? err : add_picture(node, v4l2, out);
}

static int read_arguments(struct weir_node *node, struct v4l2 *v4l2, uint32_t *width, uint32_t *height)
{
	int err = 0;

	if (v4l2->size)
		err = read_pair(node, "size", v4l2->size, "as in size=640x480", width, height);
	return err ? err : read_pair(node, "grid", v4l2->grid, "as in grid=8x6", &v4l2->columns, &v4l2->rows);
}

static int v4l2_open(struct weir_node *node, struct weir_schema *out)
{
	struct v4l2 *v4l2 = weir_state(node);
	uint32_t width = 0, height = 0;
	int err = read_arguments(node, v4l2, &width, &height);

	if (!err)
		err = open_camera(node, v4l2);
	if (!err)
		err = agree(node, v4l2, width, height);
	if (!err)
		err = lay_grid(node, v4l2);
	return err ? err : describe(node, v4l2, out);
}

static void v4l2_close(struct weir_node *node)
{
	struct v4l2 *v4l2 = weir_state(node);

	weir_video_close(&v4l2->video);
	weir_video_album_close(v4l2->album);
	free(v4l2->cell);
	free(v4l2->last);
}

/* --------------------------------------------------------------------- frames */

static int v4l2_start(struct weir_node *node, bool unread)
{
	struct v4l2 *v4l2 = weir_state(node);
	const struct weir_video_shape *shape = &v4l2->video.shape;
	int err = weir_video_start(&v4l2->video, v4l2->rate_hz);

	(void)unread;
	if (err)
		return fail_device(node, v4l2, err);
	snprintf(v4l2->how, sizeof(v4l2->how), "%s %ux%u", shape->format->name, shape->width, shape->height);
	if (v4l2->video.rate_hz > 0)
		snprintf(v4l2->how + strlen(v4l2->how), sizeof(v4l2->how) - strlen(v4l2->how), " at %.4g Hz",
			 v4l2->video.rate_hz);
	err = v4l2->dir ? weir_video_album_open(&v4l2->album, v4l2->dir, v4l2->keep, shape) : 0;
	return err ? weir_fail_device(node, v4l2->dir, "make the directory", -err, NULL) : 0;
}

static void put(const struct weir_schema *out, uint32_t field, void *row, const void *value)
{
	memcpy((char *)row + out->field[field].at, value, 8);
}

/* How far the cell that has changed most has changed, and the share of those that have changed by the threshold. */
static void compare(const struct v4l2 *v4l2, double *motion, double *moved)
{
	uint32_t n = v4l2->columns * v4l2->rows, far = 0;
	double most = 0;

	for (uint32_t k = 0; k < n; k++) {
		double change = fabs(v4l2->cell[k] - v4l2->last[k]);

		most = change > most ? change : most;
		far += change >= v4l2->threshold;
	}
	*motion = v4l2->has_last ? most : NAN;
	*moved = v4l2->has_last ? (double)far / n : NAN;
}

static void measure(struct v4l2 *v4l2, const struct weir_schema *out, const struct weir_video_frame *frame, void *row)
{
	double brightness = weir_video_cells(&v4l2->video.shape, frame->bytes, v4l2->columns, v4l2->rows, v4l2->cell);
	double *spare = v4l2->last, motion, moved;
	int64_t number = frame->sequence;

	compare(v4l2, &motion, &moved);
	put(out, FIELD_FRAME, row, &number);
	put(out, FIELD_BRIGHTNESS, row, &brightness);
	put(out, FIELD_MOTION, row, &motion);
	put(out, FIELD_MOVED, row, &moved);
	for (uint32_t k = 0; v4l2->shows_cells && k < v4l2->columns * v4l2->rows; k++)
		put(out, FIELD_CELLS + k, row, &v4l2->cell[k]);
	v4l2->last = v4l2->cell;
	v4l2->cell = spare;
	v4l2->has_last = true;
}

static int take_frame(struct weir_node *node, struct v4l2 *v4l2, const struct weir_video_frame *frame, void *row)
{
	const struct weir_schema *out = weir_out(node);
	const struct weir_field *picture = &out->field[out->n_fields - 1];
	int err;

	memset(row, 0, out->row_bytes);
	memcpy((char *)row + out->t.at, &frame->t_ns, sizeof(frame->t_ns));
	measure(v4l2, out, frame, row);
	if (!v4l2->album)
		return 0;
	err = weir_video_album_add(v4l2->album, frame, (char *)row + picture->at);
	return err ? weir_fail_device(node, v4l2->dir, "write a picture to", -err, NULL) : 0;
}

/* One frame into a row: 0; -EAGAIN; what has been reported. */
static int next_frame(struct weir_node *node, struct v4l2 *v4l2, void *row)
{
	struct weir_video_frame frame;
	int err = weir_video_take(&v4l2->video, &frame);
	int given;

	if (frame.lost)
		weir_lost(node, WEIR_LOST_DEVICE, frame.lost);
	if (err)
		return err == -EAGAIN ? err : fail_device(node, v4l2, err);
	err = take_frame(node, v4l2, &frame, row);
	given = weir_video_give(&v4l2->video, &frame);
	return !err && given ? fail_device(node, v4l2, given) : err;
}

static int v4l2_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct v4l2 *v4l2 = weir_state(node);
	int err = next_frame(node, v4l2, weir_rows_next(rows));

	*wait = (struct weir_wait){ .until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + SILENCE_NS, .fd = v4l2->video.fd };
	if (!err)
		weir_rows_add(rows);
	return err ? err : 1;
}

static void v4l2_stop(struct weir_node *node)
{
	struct v4l2 *v4l2 = weir_state(node);

	weir_video_stop(&v4l2->video);
}

static const char *v4l2_how(const struct weir_node *node)
{
	const struct v4l2 *v4l2 = weir_state(node);

	return *v4l2->how ? v4l2->how : NULL;
}

static void v4l2_devices(weir_tell_device *tell, void *context)
{
	struct weir_video_entry list[CAMERAS_MAX];
	size_t n = weir_video_list(WEIR_VIDEO_CLASS, list, CAMERAS_MAX);

	for (size_t i = 0; i < n; i++)
		tell(context, list[i].path, *list[i].card ? list[i].card : list[i].name, NULL, 0);
}

/* In the order of weir_video_formats. */
static const char *const formats[] = { "yuyv", "uyvy", "grey", NULL };

static const struct weir_param params[] = {
	WEIR_P_TEXT("size", struct v4l2, size, NULL, "WIDTHxHEIGHT of a frame; default: the camera's setting"),
	WEIR_P_RATE("rate", struct v4l2, rate_hz, NULL, "frames per second; the nearest rate of the camera is used",
		    .min = 1e-3, .max = 1e4),
	WEIR_P_WORD("format", struct v4l2, format, NULL, formats,
		    "layout of the pixels; default: the first of these that the camera has"),
	WEIR_P_TEXT("grid", struct v4l2, grid, "8x6", "COLUMNSxROWS of the cells for motion detection"),
	WEIR_P_REAL("threshold", struct v4l2, threshold, "8", "least change of brightness of a cell that moved= counts",
		    .min = 0, .max = 255),
	WEIR_P_BOOL("cells", struct v4l2, shows_cells, NULL,
		    "also the brightness of each cell: fields c0_0, c1_0 … by column and row"),
	WEIR_P_TEXT("pictures", struct v4l2, dir, NULL,
		    "directory for this camera alone, best in memory, for a picture of each frame: field picture"),
	WEIR_P_INT("keep", struct v4l2, keep, "64",
		   "largest number of pictures; older ones are removed, and all of them at the end", .min = 1,
		   .max = 65536),
	{ 0 },
};

static const struct weir_source_ops v4l2_ops = {
	.state_bytes = sizeof(struct v4l2),
	.open = v4l2_open,
	.start = v4l2_start,
	.produce = v4l2_produce,
	.stop = v4l2_stop,
	.close = v4l2_close,
	.how = v4l2_how,
	.devices = v4l2_devices,
};

const struct weir_driver weir_sensor_v4l2 = {
	.name = "v4l2",
	.doc = "frames of a camera: brightness, motion, pictures",
	.target = "DEVICE",
	.source_params = params,
	.source = &v4l2_ops,
};
