/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file fft_table.h @brief Arguments of `fft`, for its table and for its module. */
#ifndef WEIR_OPERATORS_FFT_TABLE_H
#define WEIR_OPERATORS_FFT_TABLE_H

#include "weir/frames.h"

struct fft_args {
	uint32_t size, step;
	struct weir_channels_args channels_args;
	bool peak;
	double rate; /**< 0: the window's own */
	int shape;   /**< of the taper, as in the words */
};

#endif
