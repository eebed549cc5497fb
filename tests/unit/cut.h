/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file cut.h
 * @brief A sender, a broker and a reader, of which some are killed at random, many times. Nothing that the sender had on disk or
 * the broker had answered for may be missing at the reader, and without what came twice, by its id, everything is in order.
 */
#ifndef CUT_H
#define CUT_H

#include "server.h"

struct cut {
	struct server *server;
	const char *sink, *source; /**< of weir; the test adds `spool=`, and `out=` and `id_as=` */
	unsigned hz;               /**< records that the sender makes */
	unsigned n_kills;
	bool is_orderly;       /**< victims are told to end (SIGTERM), and must end well */
	unsigned broker_every; /**< the broker is among the victims once in so many kills */
	/**
	 * The broker answers before it keeps. Then it is killed only where the reader is there, when what it has written to the
	 * reader has been read; or it is told to end, which may be at any time.
	 */
	bool is_forgetful;
	const char *greeting; /**< what such a broker says when the reader has come */
};

/** @brief The number of kills: WEIR_CUTS of the environment, or else that many. */
unsigned cut_count(unsigned otherwise);

/** @brief Do it, and fail the test if something is missing, comes anew, or out of order. Prints a line. */
void cut_run(const struct cut *cut);

#endif
