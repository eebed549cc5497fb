/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_capture.h
 * @brief Buffered capture: the kernel collects scans, a descriptor gives them. The descriptor form of `iio:`.
 *
 * The kernel's buffer is set up through sysfs and its character device is opened, in this order: the character device
 * first, because only one may have it, so whoever gets it owns the settings.
 */
#ifndef WEIR_DEVICES_IIO_CAPTURE_H
#define WEIR_DEVICES_IIO_CAPTURE_H

#include "devices/iio_device.h"
#include "devices/iio_follow.h"
#include "devices/iio_gaps.h"
#include "devices/iio_rate.h"
#include "devices/iio_trigger.h"
#include "filter/bpf_loss.h"

/** `loss=` of a program. */
enum weir_iio_loss { WEIR_IIO_LOSS_AUTO, WEIR_IIO_LOSS_COUNT, WEIR_IIO_LOSS_INFER };

/** The arguments of a capture, in the state of the node. */
struct weir_iio_capture_args {
	double rate_hz;             /**< 0: not given */
	const char *trigger;        /**< NULL: not given */
	uint32_t watermark, buffer; /**< 0: not given */
	int64_t latency_ns;         /**< 0: not given */
	enum weir_clock clock;
	enum weir_iio_loss loss;
};

struct weir_iio_capture {
	const struct weir_iio_capture_args *args;
	struct weir_iio_device *device; /**< borrowed */
	struct weir_iio_trigger trigger;
	struct weir_sysfs_undo undo;
	struct weir_iio_gaps gaps;
	long index[WEIR_FIELDS_MAX + 1]; /**< of the channels to capture, the timestamp's with them */
	uint32_t n_indexes;
	struct weir_iio_rates rates; /**< what sets the rate of the wanted channels */
	struct weir_iio_follow follow;
	int fd;                          /**< -1 before start */
	struct weir_collected collected; /**< since start */
	bool is_on, has_warned;
	struct weir_loss_tap *tap; /**< counts what was lost; NULL: it is inferred, by `gaps` */
	uint64_t told;             /**< of what the tap counted */
	char why[256];             /**< it is not counted */
	char how[320];             /**< which of the two, and why */
};

/** The kernel buffer's two sizes, in scans. */
struct weir_iio_sizes {
	uint32_t length, watermark;
};

/**
 * @brief Sizes for a rate: a watermark of 20 ms, and a length of a second, 8 watermarks and 1024 scans at the least but of
 * no more than 2 MiB, because the kernel wants it in one piece. A power of two, because the kernel's FIFO is one.
 * @param hz 0: unknown. @param length, watermark what the program demands; 0: nothing. At most `length` if both.
 */
struct weir_iio_sizes weir_iio_sizes(double hz, uint32_t row_bytes, uint32_t length, uint32_t watermark);

/** @brief Decide everything, change nothing. @return 0, or -errno after a message. Close also after an error. */
int weir_iio_capture_open(struct weir_iio_capture *capture, struct weir_iio_device *device, struct weir_node *node,
			  const struct weir_iio_capture_args *args, struct weir_schema *out) WEIR_MUST_CHECK;

/** @brief Set up and switch on. `unread`: the smallest buffer. @return 0, or -errno after a message. */
int weir_iio_capture_start(struct weir_iio_capture *capture, struct weir_node *node, bool unread) WEIR_MUST_CHECK;

/**
 * @brief The watermark of a rate and a latency, in scans: as many as come in that time, at least 1, at most half of 2 MiB. With `hz`
 * 0 for an unknown rate half of the shortest buffer. @param watermark the greatest; 0: any.
 */
uint32_t weir_iio_latency_watermark(double hz, uint32_t row_bytes, int64_t latency_ns, uint32_t watermark);

/**
 * @brief The rows of one read: count what was lost among or before them, and look at the scales if they are the first after a
 * silence. @return 0, or -errno after a message.
 */
int weir_iio_capture_landed(struct weir_iio_capture *capture, struct weir_node *node, const void *rows,
			    uint32_t n) WEIR_MUST_CHECK;

/** @brief What the buffer refuses is no loss: another way takes the samples. Before start switches it on. */
void weir_iio_capture_ignore_loss(struct weir_iio_capture *capture);

/** @brief Switch off, and count what turned out to be lost only now. Nothing lands after this. */
void weir_iio_capture_stop(struct weir_iio_capture *capture, struct weir_node *node);

/** @brief Put everything back as it was found. */
void weir_iio_capture_close(struct weir_iio_capture *capture);

#endif
