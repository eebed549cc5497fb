/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of `fir`. Its operations are in a module, made of fir.c. */
#include "fir_table.h"

static const struct weir_param params[] = {
	WEIR_EDGES_PARAMS(struct fir_args, edges),
	WEIR_P_TEXT("taps", struct fir_args, taps, NULL,
		    "the weights, the one of the newest value first: \"0.25 0.5 0.25\"", .style = WEIR_KEYWORD),
	WEIR_P_TEXT("file", struct fir_args, file, NULL, "a file that has the weights, one a line or more",
		    .style = WEIR_KEYWORD),
	WEIR_CHANNELS_PARAMS(struct fir_args, channels_args),
	WEIR_P_RATE("rate", struct fir_args, rate, NULL,
		    "records a second that come here, to which the frequencies relate", .min = 1e-9, .max = 1e9),
	WEIR_P_INT("order", struct fir_args, order, "64", "taps less one: the edges are the steeper the more there are",
		   .min = 2, .max = TAPS_MAX - 1),
	WEIR_P_REAL("attenuation", struct fir_args, attenuation, "60",
		    "of what is kept back, in dB; more of it makes the edges less steep", .min = 20, .max = 120),
	{ 0 },
};

static const struct weir_library library = {
	.name = "liquid-dsp",
	.package = "libliquid1",
	.build_package = "libliquid-dev",
	.weir_package = "weir-dsp",
};

const struct weir_driver weir_operator_fir = {
	.name = "fir",
	.doc = "filter of finite memory, designed or from a list of taps",
	.operator_params = params,
	.library = &library,
	.stage = &weir_unopened_stage,
};
