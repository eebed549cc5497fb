/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file video_device.h
 * @brief A camera of the kernel's Video4Linux API: found, agreed with on a format, and read through buffers that it shares.
 *
 * Follows the kernel's Documentation/userspace-api/media/v4l: streaming I/O by memory mapping, single-planar capture.
 * Nothing here says anything to the user: a call that fails leaves in `operation` what it was about. One thread at a time.
 */
#ifndef WEIR_DEVICES_VIDEO_DEVICE_H
#define WEIR_DEVICES_VIDEO_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_VIDEO_CLASS "/sys/class/video4linux"
#define WEIR_VIDEO_PATH 128
#define WEIR_VIDEO_BUFFERS 4

/** How pixels lie in a row: the brightness of pixel i is byte `luma + i * step`. */
struct weir_video_format {
	const char *name;
	uint32_t fourcc;
	uint32_t luma, step;
	bool has_colour; /**< step is 2: each pair of pixels shares the two bytes between, blue before red difference */
};

/** Those that weir can read, the best first; the last has no name. */
extern const struct weir_video_format weir_video_formats[];

/** What a frame looks like. A plain value. */
struct weir_video_shape {
	const struct weir_video_format *format;
	uint32_t width, height; /**< pixels, at least 1 */
	uint32_t stride;        /**< bytes from one row to the next */
	uint32_t bytes;         /**< of a frame, at least */
};

/** As ioctl(2), but for the request's type. A test puts its own device here. */
typedef int weir_video_ioctl(int fd, unsigned long request, void *argument);

/** Starts zeroed, but for `ask`, which may be set: NULL is the kernel's. */
struct weir_video {
	weir_video_ioctl *ask;
	char path[WEIR_VIDEO_PATH];
	char card[32];         /**< what the driver calls the camera */
	const char *operation; /**< what was attempted last */
	int fd;                /**< while `is_open` */
	bool is_open, is_streaming;
	struct weir_video_shape shape;
	double rate_hz; /**< frames in a second, as the driver has it; 0: it does not say */
	uint32_t n_buffers;
	struct {
		uint8_t *at;
		size_t bytes;
	} buffer[WEIR_VIDEO_BUFFERS];
	bool has_sequence; /**< a frame has come */
	uint32_t sequence; /**< the number of the last one */
};

/** One frame; its bytes may be read until it is given back. */
struct weir_video_frame {
	const uint8_t *bytes;
	uint32_t index;    /**< of the buffer */
	uint32_t sequence; /**< the driver's number of it */
	int64_t t_ns;      /**< CLOCK_MONOTONIC: the driver's, or that of now where it has no such clock */
	uint64_t lost;     /**< frames that came to grief since the last one: left out by the driver, or damaged */
};

/** A camera of this machine. */
struct weir_video_entry {
	char path[WEIR_VIDEO_PATH];
	char name[64]; /**< the name in sysfs */
	char card[32]; /**< what the driver calls it; empty where it may not be opened */
};

/**
 * @brief The devices below `class` (WEIR_VIDEO_CLASS) that capture video, or cannot be asked, by their numbers.
 * @return how many, up to `max`; 0 where there is no such directory.
 */
size_t weir_video_list(const char *class, struct weir_video_entry *out, size_t max);

/**
 * @brief The device file that a word means: a path as it is, `video0`, `0`, a card or a name of a camera in `list`.
 * @return 0; -ENOENT; -ENOTUNIQ: several have that name; -ENAMETOOLONG.
 */
int weir_video_find(const struct weir_video_entry *list, size_t n, const char *word, char path[WEIR_VIDEO_PATH]);

/**
 * @brief Open a device file and ask what it is. Changes nothing. Close with weir_video_close(), also after an error.
 * @return 0; -ENXIO: no camera, or one whose frames come in several parts (planes); -ENOTTY: no video device; -errno.
 */
int weir_video_open(struct weir_video *video, const char *path);
void weir_video_close(struct weir_video *video);

/**
 * @brief Agree on a format and a size, without setting them: `video->shape`.
 * @param format one of weir_video_formats, or NULL: the first that the camera has.
 * @param width, height 0: the camera's own. It may well offer another size: see `video->shape`.
 * @return 0; -EPROTONOSUPPORT: it has no such format; -errno.
 */
int weir_video_agree(struct weir_video *video, const struct weir_video_format *format, uint32_t width, uint32_t height);

/** @brief The names of the formats that the camera has, such as "YUYV MJPG", into `text`. */
void weir_video_offers(struct weir_video *video, char *text, size_t size);

/**
 * @brief Set what was agreed on, ask for `rate_hz` frames a second (0: as it is), and begin. `video->rate_hz` is what it came to.
 * @return 0; -EBUSY: another program has it; -EOPNOTSUPP: its rate is fixed; -EPROTO: the camera has changed its mind; -errno.
 */
int weir_video_start(struct weir_video *video, double rate_hz);

/**
 * @brief The next frame. `frame->lost` counts also where there is none.
 * @return 0; -EAGAIN: there is none yet, `video->fd` will be readable; -ENODEV: it is gone; -errno.
 */
int weir_video_take(struct weir_video *video, struct weir_video_frame *frame);

/** @brief Give a frame back. @return 0 or -errno. */
int weir_video_give(struct weir_video *video, const struct weir_video_frame *frame);

void weir_video_stop(struct weir_video *video);

#endif
