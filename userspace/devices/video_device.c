/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/video_device.h"
#include "weir/driver.h"

#define CAPTURE V4L2_BUF_TYPE_VIDEO_CAPTURE
#define RATE_PARTS 1000 /* a rate is asked for as so many parts of a frame in a second */

const struct weir_video_format weir_video_formats[] = {
	{ .name = "yuyv", .fourcc = V4L2_PIX_FMT_YUYV, .luma = 0, .step = 2, .has_colour = true },
	{ .name = "uyvy", .fourcc = V4L2_PIX_FMT_UYVY, .luma = 1, .step = 2, .has_colour = true },
	{ .name = "grey", .fourcc = V4L2_PIX_FMT_GREY, .luma = 0, .step = 1 },
	{ 0 },
};

static int kernel_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument);
}

static int ask(struct weir_video *video, const char *operation, unsigned long request, void *argument)
{
	int result;

	video->operation = operation;
	do
		result = video->ask(video->fd, request, argument);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : 0;
}

/* ----------------------------------------------------------------------- open */

static int identify(struct weir_video *video)
{
	struct v4l2_capability capability = { 0 };
	uint32_t wanted = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING, has;
	int err = ask(video, "ask what it is", VIDIOC_QUERYCAP, &capability);

	if (err)
		return err;
	memcpy(video->card, capability.card, sizeof(video->card) - 1);
	has = capability.capabilities & V4L2_CAP_DEVICE_CAPS ? capability.device_caps : capability.capabilities;
	return (has & wanted) == wanted ? 0 : -ENXIO;
}

int weir_video_open(struct weir_video *video, const char *path)
{
	if (!video->ask)
		video->ask = kernel_ioctl;
	video->operation = "open";
	if (strlen(path) >= sizeof(video->path))
		return -ENAMETOOLONG;
	strcpy(video->path, path);
	video->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (video->fd < 0)
		return -errno;
	video->is_open = true;
	return identify(video);
}

void weir_video_close(struct weir_video *video)
{
	weir_video_stop(video);
	if (video->is_open)
		close(video->fd);
	video->is_open = false;
}

/* -------------------------------------------------------------------- formats */

static int try_format(struct weir_video *video, const struct weir_video_format *wanted, const struct v4l2_format *base)
{
	struct v4l2_format format = *base;
	struct v4l2_pix_format *pix = &format.fmt.pix;
	int err;

	pix->pixelformat = wanted->fourcc;
	pix->field = V4L2_FIELD_ANY;
	pix->bytesperline = pix->sizeimage = 0;
	err = ask(video, "agree on a format", VIDIOC_TRY_FMT, &format);
	if (err == -EINVAL || (!err && pix->pixelformat != wanted->fourcc))
		return -EPROTONOSUPPORT;
	if (err)
		return err;
	video->shape = (struct weir_video_shape){
		.format = wanted,
		.width = pix->width,
		.height = pix->height,
		.stride = pix->bytesperline,
	};
	/* A driver that leaves the distance of rows out means that there is nothing between them. */
	if (video->shape.stride < pix->width * wanted->step)
		video->shape.stride = pix->width * wanted->step;
	video->shape.bytes = video->shape.stride * pix->height;
	/* Where pixels share their colour there are whole pairs of them. */
	return pix->width && pix->height && pix->width % wanted->step == 0 ? 0 : -EPROTONOSUPPORT;
}

int weir_video_agree(struct weir_video *video, const struct weir_video_format *format, uint32_t width, uint32_t height)
{
	struct v4l2_format base = { .type = CAPTURE };
	int err = ask(video, "read the format", VIDIOC_G_FMT, &base);

	if (err)
		return err;
	if (width && height) {
		base.fmt.pix.width = width;
		base.fmt.pix.height = height;
	}
	if (format)
		return try_format(video, format, &base);
	err = -EPROTONOSUPPORT;
	for (format = weir_video_formats; format->name && err == -EPROTONOSUPPORT; format++)
		err = try_format(video, format, &base);
	return err;
}

void weir_video_offers(struct weir_video *video, char *text, size_t size)
{
	struct v4l2_fmtdesc offer = { .type = CAPTURE };
	size_t n = 0;

	*text = '\0';
	for (; n + 6 < size && !ask(video, "list its formats", VIDIOC_ENUM_FMT, &offer); offer.index++) {
		if (n)
			text[n++] = ' ';
		/* The highest bit marks big-endian variants. */
		for (unsigned int i = 0; i < 4; i++)
			text[n++] = (char)(offer.pixelformat >> 8 * i & 0x7f);
		text[n] = '\0';
	}
}

/* ---------------------------------------------------------------------- start */

static int set_format(struct weir_video *video)
{
	const struct weir_video_shape *shape = &video->shape;
	struct v4l2_format format = { .type = CAPTURE };
	struct v4l2_pix_format *pix = &format.fmt.pix;
	int err;

	pix->width = shape->width;
	pix->height = shape->height;
	pix->pixelformat = shape->format->fourcc;
	pix->field = V4L2_FIELD_ANY;
	err = ask(video, "set the format", VIDIOC_S_FMT, &format);
	if (err)
		return err;
	if (pix->width != shape->width || pix->height != shape->height || pix->pixelformat != shape->format->fourcc)
		return -EPROTO;
	if (pix->bytesperline >= shape->width * shape->format->step)
		video->shape.stride = pix->bytesperline;
	video->shape.bytes = shape->stride * shape->height;
	return 0;
}

/* A camera that has only one rate need not know of rates at all. */
static int set_rate(struct weir_video *video, double rate_hz)
{
	struct v4l2_streamparm parameters = { .type = CAPTURE };
	struct v4l2_fract *frame = &parameters.parm.capture.timeperframe;
	int err = ask(video, "set the rate", VIDIOC_G_PARM, &parameters);

	if (err || !(parameters.parm.capture.capability & V4L2_CAP_TIMEPERFRAME))
		return rate_hz ? -EOPNOTSUPP : 0;
	if (rate_hz) {
		*frame = (struct v4l2_fract){ RATE_PARTS, (uint32_t)lround(rate_hz * RATE_PARTS) };
		err = ask(video, "set the rate", VIDIOC_S_PARM, &parameters);
	}
	video->rate_hz = !err && frame->numerator ? (double)frame->denominator / frame->numerator : 0;
	return err;
}

static int map_buffer(struct weir_video *video, uint32_t index)
{
	struct v4l2_buffer buffer = { .type = CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = index };
	int err = ask(video, "ask for a buffer", VIDIOC_QUERYBUF, &buffer);
	void *at;

	if (err)
		return err;
	if (buffer.length < video->shape.bytes)
		return -EPROTO;
	video->operation = "map a buffer";
	at = mmap(NULL, buffer.length, PROT_READ, MAP_SHARED, video->fd, buffer.m.offset);
	if (at == MAP_FAILED)
		return -errno;
	video->buffer[index].at = at;
	video->buffer[index].bytes = buffer.length;
	video->n_buffers = index + 1;
	return 0;
}

static int queue(struct weir_video *video, uint32_t index)
{
	struct v4l2_buffer buffer = { .type = CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = index };

	return ask(video, "give a buffer", VIDIOC_QBUF, &buffer);
}

static int make_buffers(struct weir_video *video)
{
	struct v4l2_requestbuffers request = { .count = WEIR_VIDEO_BUFFERS,
					       .type = CAPTURE,
					       .memory = V4L2_MEMORY_MMAP };
	int err = ask(video, "make buffers", VIDIOC_REQBUFS, &request);

	/* The driver decides how many: with one it could not write while that is read. */
	if (!err && request.count < 2)
		return -ENOMEM;
	for (uint32_t i = 0; !err && i < request.count && i < WEIR_VIDEO_BUFFERS; i++)
		err = map_buffer(video, i);
	for (uint32_t i = 0; !err && i < video->n_buffers; i++)
		err = queue(video, i);
	return err;
}

int weir_video_start(struct weir_video *video, double rate_hz)
{
	int type = CAPTURE;
	int err = set_format(video);

	if (!err)
		err = set_rate(video, rate_hz);
	if (!err)
		err = make_buffers(video);
	if (!err)
		err = ask(video, "begin", VIDIOC_STREAMON, &type);
	video->is_streaming = !err;
	video->has_sequence = false;
	return err;
}

static void free_buffers(struct weir_video *video)
{
	struct v4l2_requestbuffers none = { .type = CAPTURE, .memory = V4L2_MEMORY_MMAP };

	for (uint32_t i = 0; i < video->n_buffers; i++)
		munmap(video->buffer[i].at, video->buffer[i].bytes);
	if (video->n_buffers)
		ask(video, "free its buffers", VIDIOC_REQBUFS, &none);
	video->n_buffers = 0;
}

void weir_video_stop(struct weir_video *video)
{
	int type = CAPTURE;

	if (video->is_streaming)
		ask(video, "stop", VIDIOC_STREAMOFF, &type);
	video->is_streaming = false;
	free_buffers(video);
}

/* --------------------------------------------------------------------- frames */

static int64_t time_of(const struct v4l2_buffer *buffer)
{
	if ((buffer->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC)
		return weir_now(WEIR_CLOCK_MONOTONIC);
	return (int64_t)buffer->timestamp.tv_sec * 1000000000 + (int64_t)buffer->timestamp.tv_usec * 1000;
}

/* Numbers have 32 bits and go round. A driver that begins anew has lost nothing that it knows of. */
static uint32_t missed(struct weir_video *video, uint32_t sequence)
{
	uint32_t gap = video->has_sequence ? sequence - video->sequence - 1 : 0;

	video->has_sequence = true;
	video->sequence = sequence;
	return gap < UINT32_C(1) << 31 ? gap : 0;
}

static bool is_whole(const struct weir_video *video, const struct v4l2_buffer *buffer)
{
	return !(buffer->flags & V4L2_BUF_FLAG_ERROR) && buffer->bytesused >= video->shape.bytes;
}

int weir_video_take(struct weir_video *video, struct weir_video_frame *frame)
{
	frame->lost = 0;
	for (;;) {
		struct v4l2_buffer buffer = { .type = CAPTURE, .memory = V4L2_MEMORY_MMAP };
		int err = ask(video, "read a frame", VIDIOC_DQBUF, &buffer);

		if (err)
			return err;
		if (buffer.index >= video->n_buffers)
			return -EIO;
		frame->lost += missed(video, buffer.sequence);
		frame->index = buffer.index;
		frame->bytes = video->buffer[buffer.index].at;
		frame->sequence = buffer.sequence;
		frame->t_ns = time_of(&buffer);
		if (is_whole(video, &buffer))
			return 0;
		frame->lost++;
		err = queue(video, buffer.index);
		if (err)
			return err;
	}
}

int weir_video_give(struct weir_video *video, const struct weir_video_frame *frame)
{
	return queue(video, frame->index);
}
