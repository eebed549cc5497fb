/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf_loss.h
 * @brief How many samples the kernel's FIFO of one IIO device refused, counted by bpf/overflow.bpf.c. For devices/.
 */
#ifndef WEIR_FILTER_BPF_LOSS_H
#define WEIR_FILTER_BPF_LOSS_H

#include "weir/driver.h"

struct weir_loss_tap;

/**
 * @brief Load, find out which buffer is the device's, and hook. Counts from now on, whoever enables the buffer.
 * @param iio_device the kernel's number of it.
 * @param why 256 bytes: after a failure, what was tried and what would mend it.
 * @return 0; -EPERM, -ENOTSUP, -ENODEV (a buffer that is no kfifo), …
 */
int weir_loss_tap_open(struct weir_loss_tap **out, int iio_device, char why[256]) WEIR_MUST_CHECK;
/** @brief Unhook. NULL is fine. The device should be quiet by then. */
void weir_loss_tap_close(struct weir_loss_tap *tap);

/** @brief "fexit" or "kretprobe". */
const char *weir_loss_tap_hook(const struct weir_loss_tap *tap);
/** @brief Samples refused so far. Any thread. */
uint64_t weir_loss_tap_lost(const struct weir_loss_tap *tap);

#endif
