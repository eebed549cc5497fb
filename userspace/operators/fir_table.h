/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file fir_table.h @brief Arguments of `fir`, for its table and for its module. */
#ifndef WEIR_OPERATORS_FIR_TABLE_H
#define WEIR_OPERATORS_FIR_TABLE_H

#include "weir/channels.h"
#include "weir/edges.h"

#define TAPS_MAX 8192u

struct fir_args {
	struct weir_edges_args edges;
	const char *taps, *file;
	double rate, attenuation;
	uint32_t order;
	struct weir_channels_args channels_args;
};

#endif
