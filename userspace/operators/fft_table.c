/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of `fft`. Its operations are in a module, made of fft.c. */
#include "fft_table.h"

#define SIZE_MAX_RECORDS (1u << 20)

static const char *const tapers[] = { "hann", "hamming", "blackman", "none", NULL };

static const struct weir_param params[] = {
	WEIR_P_INT("size", struct fft_args, size, NULL,
		   "records in a window; fast where it has no prime factor above 7", .style = WEIR_POSITIONAL,
		   .required = true, .min = 4, .max = SIZE_MAX_RECORDS),
	WEIR_FRAMES_PARAM_STEP(struct fft_args, step),
	WEIR_CHANNELS_PARAMS(struct fft_args, channels_args),
	WEIR_P_BOOL("peak", struct fft_args, peak, "no",
		    "give each window's strongest frequency and its power instead of all"),
	WEIR_P_RATE("rate", struct fft_args, rate, NULL,
		    "records a second that come here; by default what the times in the window say", .min = 1e-9,
		    .max = 1e9),
	WEIR_P_WORD("taper", struct fft_args, shape, "hann", tapers,
		    "weighting of the window, against leakage from its ends"),
	{ 0 },
};

static const struct weir_library library = {
	.name = "FFTW",
	.package = "libfftw3-double3",
	.build_package = "libfftw3-dev",
	.weir_package = "weir-dsp",
};

const struct weir_driver weir_operator_fft = {
	.name = "fft",
	.doc = "power spectrum of windows, or its peak",
	.operator_params = params,
	.library = &library,
	.stage = &weir_unopened_stage,
};
