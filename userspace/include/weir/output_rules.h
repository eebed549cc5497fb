/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file output_rules.h
 * @brief For drivers of physical outputs: the parameters that state the rules which the guard keeps.
 */
#ifndef WEIR_OUTPUT_RULES_H
#define WEIR_OUTPUT_RULES_H

#include "weir/driver.h"

/** The arguments of a physical output: a member of its driver's state, at the offset that its operations tell. In ns; 0: none. */
struct weir_output_args {
	int64_t deadline_ns, stale_ns;
	int64_t max_on_ns, min_on_ns, min_off_ns, break_ns;
	const char *interlock; /**< NULL: none */
	uint32_t starts;
	int64_t per_ns;
	bool direct; /**< of a driver with a parameter for it */
};

/** What the guard must know of every physical output: the last rows of such an actuator's table, and its end. */
#define WEIR_GUARD_PARAMS(type, member)                                                                            \
	WEIR_P_DURATION("deadline", type, member.deadline_ns, "100ms",                                             \
			"parked within this time when the pipeline dies or hangs", .min = 0.01, .max = 3600),      \
		WEIR_P_DURATION("stale", type, member.stale_ns, NULL,                                              \
				"parked when its source has brought no record for this time", .min = 0.01,         \
				.max = 1e6),                                                                       \
		WEIR_P_DURATION("max_on", type, member.max_on_ns, NULL, "longest time on"),                        \
		WEIR_P_DURATION("min_on", type, member.min_on_ns, NULL,                                            \
				"shortest time on; parking does not wait for it"),                                 \
		WEIR_P_DURATION("min_off", type, member.min_off_ns, NULL, "shortest time off"),                    \
		WEIR_P_TEXT("interlock", type, member.interlock, NULL,                                             \
			    "name of a group of outputs, of which at most one is on"),                             \
		WEIR_P_DURATION("break", type, member.break_ns, NULL,                                              \
				"time between the off of one output of the group and the on of another"),          \
		WEIR_P_INT("starts", type, member.starts, NULL,                                                    \
			   "how many times it may leave its park value in the time of per=", .min = 1, .max = 32), \
		WEIR_P_DURATION("per", type, member.per_ns, "1h", "see starts="),                                  \
	{                                                                                                          \
		.name = NULL                                                                                       \
	}

#endif
