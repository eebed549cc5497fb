/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_gaps.h
 * @brief How many scans the kernel's FIFO or the trigger lost, inferred from timestamps.
 *
 * IIO counts nothing when its FIFO overflows; the newest scan vanishes. A gap in time alone is no proof: a source may
 * pause. Two things are proof:
 *
 * - **Overflow.** The FIFO drops a scan only while it is full: when as many rows as it holds have come in since the last
 *   read. That is so if the read that began one FIFO's size of rows before a row came after the row before it.
 * - **A timer trigger**, whose raster is known: every tick that makes no row is lost.
 *
 * How many were lost is what rows are late against the period's raster and do not make up for within a window of some
 * tens of rows. The period is measured, over up to 8192 intervals. That is exact as long as the source's drift over the
 * gap stays below half a period and some rows of every window are in time; for a source without a steady period it is
 * an estimate.
 *
 * On a machine that stalls, rows come in rushes, and a rush may be taken for the period. Two things keep the count sane: a
 * period is given up when rows that are both many and much of the time come at less than a third of its rate; and no more
 * are counted than a source of twice the mean rate would have made, where that rate is believed for four times as long as it was
 * seen, and for the rest the one at which rows arrived, or the device's own. So without a claim of the device no more than
 * nine times the rows that arrived are ever said to be lost. For the sake of this the first second's count is told at its end.
 *
 * What no method can see: samples that the device itself never delivered, when it has no raster; and a source that
 * pauses while its FIFO is full, unread, is taken for an overflow.
 */
#ifndef WEIR_DEVICES_IIO_GAPS_H
#define WEIR_DEVICES_IIO_GAPS_H

#include "weir/driver.h"

#define WEIR_IIO_FIRST 15   /**< intervals that give a first idea of the period */
#define WEIR_IIO_OCTAVES 64 /**< of intervals, from 1 ns up */

/** Belongs to the thread that calls weir_iio_gaps_landed(). */
struct weir_iio_gaps {
	int64_t *read_ns; /**< for each slot of the FIFO: when the read was that began with the row in it, else 0 */
	uint64_t fifo;    /**< rows that the FIFO holds, a power of two */
	uint64_t row;     /**< rows so far */
	int64_t last_ns;  /**< the last row's time */
	uint64_t lost;    /**< rows that were told to be lost */
	uint64_t owed;    /**< counted, not told yet: at the beginning nothing is known that bounds it */
	double all_ns, longest_ns;         /**< all intervals so far, and the longest of them */
	double whole_ns, longest_whole_ns; /**< those in which no row was lost, likewise */
	uint64_t n_whole;
	double nominal_ns;               /**< the period that the device claims; 0: unknown */
	double first_ns[WEIR_IIO_FIRST]; /**< the first intervals */
	uint32_t n_first;
	struct {
		double rows, ns;
	} octave[WEIR_IIO_OCTAVES]; /**< the latest intervals that may not have lost a row, by size: how many, and their sum */
	uint32_t n_octaves;         /**< rows since all of that was halved */
	double span_ns;             /**< sum of the `intervals` latest intervals */
	uint32_t intervals;
	bool is_rough;    /**< there was no steady period all the time: what was counted is no more than an estimate */
	bool is_measured; /**< the period is span_ns / intervals, else nominal_ns */
	bool on_raster;   /**< a timer trigger paces the device at exactly nominal_ns */
	bool is_suspect;  /**< what is late may have been lost */
	double late_ns;   /**< behind the raster */
	double late_before_ns; /**< as the window began */
	double least_late_ns;  /**< the least of late_ns in the window */
	uint32_t window;       /**< rows in the window */
	uint32_t steady;       /**< rows since one that caught up */
	uint32_t odd_windows;  /**< since one in which rows kept to the raster, up to a few */
};

/**
 * @param length the kernel buffer's length; its FIFO is the next power of two.
 * @param period_ns what the device or the trigger claims; 0: unknown.
 * @param on_raster a timer trigger paces the device.
 * @return 0 or -ENOMEM.
 */
int weir_iio_gaps_open(struct weir_iio_gaps *gaps, uint32_t length, double period_ns, bool on_raster) WEIR_MUST_CHECK;
void weir_iio_gaps_close(struct weir_iio_gaps *gaps);

/**
 * @brief Look at the rows of one read.
 * @param now_ns when they were read, by the clock that stamps them.
 * @return rows that were lost before or between them, as far as is certain by now.
 */
uint64_t weir_iio_gaps_landed(struct weir_iio_gaps *gaps, const struct weir_schema *schema, const void *rows,
			      uint32_t n, int64_t now_ns);

/** @brief No more rows will come. @return rows lost that were not certain yet. */
uint64_t weir_iio_gaps_finish(struct weir_iio_gaps *gaps);

#endif
