/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file polled.h
 * @brief Values that are read from files of sysfs at a period, each checked and with its failures counted by cause.
 *
 * What hwmon:, thermal: and w1: have in common. A driver adds channels in open(); each is one file and one field, a real. A row has
 * a value for each channel. A channel without a value is NaN there, and counted as lost (device).
 */
#ifndef WEIR_DEVICES_POLLED_H
#define WEIR_DEVICES_POLLED_H

#include <stdatomic.h>
#include <sys/types.h>

#include "devices/schedule.h"
#include "devices/sysfs.h"
#include "weir/driver.h"

#define WEIR_POLLED_PATH (2 * WEIR_SYSFS_PATH) /**< bytes of a file's path with its zero */
#define WEIR_POLLED_CAUSES 6                   /**< causes of one channel that are counted apart */

/** Causes besides those of errno. Positive, as errno is. */
enum weir_polled_cause {
	WEIR_POLLED_NO_NUMBER = 1000, /**< the text is empty or something else than one whole number */
	WEIR_POLLED_OUT_OF_RANGE,     /**< a number that the quantity cannot have */
	WEIR_POLLED_FAULT,            /**< the chip reports a fault of its sensor */
	WEIR_POLLED_CRC,              /**< the checksum of the transfer is wrong */
	WEIR_POLLED_NO_ANSWER, /**< the sensor did not answer, or all that its driver tried had a wrong checksum */
	WEIR_POLLED_POWER_ON,  /**< the value that the chip has before its first conversion */
};

struct weir_polled_channel;

/**
 * @brief Read a channel's value once. May block for as long as the device takes.
 * @return 0; or a cause: a positive errno or one of enum weir_polled_cause, `*value` untouched.
 */
typedef int weir_polled_read(struct weir_polled_channel *channel, double *value);

struct weir_polled_channel {
	char name[WEIR_NAME_MAX];          /**< of its field */
	char path[WEIR_POLLED_PATH];       /**< of its file */
	int fd;                            /**< kept open, so that a reading is one system call; -1 before start */
	char fault_path[WEIR_POLLED_PATH]; /**< a file that reads 1 while the value is invalid; empty: none */
	int fault_fd;
	int kind;               /**< for the driver's read() */
	double least, most;     /**< of a value that the quantity can have */
	weir_polled_read *read; /**< NULL: weir_polled_read_number() */
	double value;           /**< of the present row */
	bool is_read;           /**< in the present row */
	int failed;             /**< cause of the last attempt, 0: none */
	bool has_warned;
	_Atomic uint64_t lost;                         /**< rows without its value */
	_Atomic uint64_t failures[WEIR_POLLED_CAUSES]; /**< attempts that failed, by cause; the last takes the rest */
	_Atomic int cause[WEIR_POLLED_CAUSES];         /**< 0: unused */
};

struct weir_polled {
	double rate_hz; /**< arguments of WEIR_POLLED_PARAMS */
	uint32_t retry;
	bool is_realtime;
	char title[2 * WEIR_SYSFS_PATH]; /**< what messages call the device */
	char dir[WEIR_SYSFS_PATH];       /**< of the device: while it is there with the same inode, so is the device */
	ino_t inode;
	struct weir_polled_channel channel[WEIR_FIELDS_MAX];
	uint32_t n;
	struct weir_schedule schedule;
	_Atomic uint64_t rows; /**< that were due and tried */
	uint32_t empty;        /**< rows without any value, in succession */
	/** Before the first attempt of a row; may block. NULL: nothing to do. */
	void (*prepare)(struct weir_polled *polled, struct weir_node *node);
	char how[768];
};

/** Rows of the parameter table of a driver whose state `type` has the struct weir_polled `member`. `every` and `again` are the
 *  defaults. */
#define WEIR_POLLED_PARAMS(type, member, every, again)                                                           \
	WEIR_P_RATE("rate", type, member.rate_hz, every, "readings per second", .min = 1e-5, .max = 1e4),        \
		WEIR_P_INT("retry", type, member.retry, again,                                                   \
			   "further attempts after a failed reading, evenly spaced within its period", .min = 0, \
			   .max = WEIR_RETRY_MAX),                                                               \
		WEIR_P_WORD("clock", type, member.is_realtime, "monotonic", weir_polled_clocks,                  \
			    "clock of the time stamps")
extern const char *const weir_polled_clocks[];

/** @brief From open(): set title and directory, and begin the schema. @return 0; -errno where there is no such directory. */
int weir_polled_open(struct weir_polled *polled, const char *title, const char *dir,
		     struct weir_schema *out) WEIR_MUST_CHECK;

/**
 * @brief Add a channel and its field.
 * @param file below the device's directory; the caller fills in what else it needs in `*channel`.
 * @return 0, or what weir_fail_arg() returned.
 */
int weir_polled_add(struct weir_polled *polled, struct weir_node *node, struct weir_schema *out, const char *name,
		    const char *unit, const char *file, struct weir_polled_channel **channel) WEIR_MUST_CHECK;

/** @brief Open the files; the first row is due now. @return 0, or what weir_fail_device() returned. */
int weir_polled_start(struct weir_polled *polled, struct weir_node *node) WEIR_MUST_CHECK;

/**
 * @brief One row if it is due; its time is that of the attempt that completed it, taken before that attempt's first reading.
 *
 * A channel that failed is tried again as often as `retry` says; others keep the value that they have. A row without any value is
 * left out and counted. At the end of the run it returns after the present reading. After ten such rows in succession, or when the device is gone, weir_fail_device() ends the run.
 * @return 1; -EAGAIN with `wait` set; -errno after a message.
 */
int weir_polled_produce(struct weir_polled *polled, struct weir_node *node, struct weir_rows *rows,
			struct weir_wait *wait);

/** @brief Channels that could not be read, how often and by which cause; NULL: all could. Any thread. */
const char *weir_polled_how(struct weir_polled *polled);

void weir_polled_close(struct weir_polled *polled);

/** @brief A file's one whole number, checked against the channel's range. */
weir_polled_read weir_polled_read_number;

/**
 * @brief Read a text again from its beginning. @return its bytes, a zero behind them, or -errno. A text that fills `size` is cut.
 */
ssize_t weir_polled_text(int fd, char *text, size_t size);

/** @brief The one whole decimal number of a text, blanks and a newline behind it. @return 0 or WEIR_POLLED_NO_NUMBER. */
int weir_polled_parse(const char *text, double *value);

/** @brief A cause in words. */
const char *weir_polled_why(int cause);

#endif
