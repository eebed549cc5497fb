/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file serial_port.h
 * @brief A serial port for reading: settings, bytes, and what happens when its adapter is unplugged and comes back.
 */
#ifndef WEIR_DEVICES_SERIAL_PORT_H
#define WEIR_DEVICES_SERIAL_PORT_H

#include <sys/types.h>
#include <termios.h>

#include "weir/driver.h"

#define WEIR_SERIAL_PATH 256

enum weir_serial_parity { WEIR_SERIAL_NONE, WEIR_SERIAL_EVEN, WEIR_SERIAL_ODD };

struct weir_serial_port {
	uint32_t baud;
	uint8_t parity, bits, stop; /* enum weir_serial_parity; 5 to 8; 1 or 2 */
	char path[WEIR_SERIAL_PATH];
	int fd;                /**< non-blocking; -1: not open, or gone */
	struct termios before; /**< settings of before, for the end */
	int64_t opened_ns;     /**< CLOCK_MONOTONIC */
	uint64_t overruns; /**< bytes that the hardware or its driver has lost since it was opened, as counted so far */
	int64_t counted_ns; /**< CLOCK_MONOTONIC: when they were */
};

/** @brief From open(): check the settings and find the port of the program's target, a path or a name below /dev/serial/by-id or
 *  /dev. Opens nothing, because that resets some boards. @return 0, or what weir_fail_arg() or weir_fail_device() returned. */
int weir_serial_find(struct weir_serial_port *port, struct weir_node *node) WEIR_MUST_CHECK;

/** @brief Open the port, set it, and discard what came before. @return 0, or -errno without a message. */
int weir_serial_open(struct weir_serial_port *port) WEIR_MUST_CHECK;
/** @brief Put the settings back and close it; a port that is not open is left alone. */
void weir_serial_close(struct weir_serial_port *port);

/** @brief Report that the port cannot be opened. @param err of weir_serial_open(). @return err. */
int weir_serial_fail_open(const struct weir_serial_port *port, struct weir_node *node, int err);

/**
 * @brief Read what is there, without waiting.
 * @return bytes, > 0; -EAGAIN; -ENODEV: the port is gone.
 */
ssize_t weir_serial_read(struct weir_serial_port *port, void *to, size_t room);

/** @brief Bytes that the hardware or its driver has lost since the last call; looks at most once a second. 0 where it does not count. */
uint64_t weir_serial_lost(struct weir_serial_port *port, int64_t now_ns);

/** @brief Tell of each port of this machine by its persistent name. */
void weir_serial_tell_devices(weir_tell_device *tell, void *context);

#endif
