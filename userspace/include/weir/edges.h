/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file edges.h
 * @brief For authors of filters: `low 10Hz`, `high 10Hz`, `band 5Hz to 20Hz`, `stop 49Hz to 51Hz` and `rate=` as arguments.
 */
#ifndef WEIR_EDGES_H
#define WEIR_EDGES_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a filter passes or, the last of them, keeps back. The first words that weir_edges_find() is given stand for these. */
enum weir_shape { WEIR_LOW, WEIR_HIGH, WEIR_BAND, WEIR_STOP };

struct weir_edges {
	double low, high; /**< Hz, above 0 and below half the rate; high is 0 where there is one edge */
};

#define WEIR_EDGE(word, text)                                                                                     \
	{                                                                                                         \
		.name = (word), .style = WEIR_KEYWORD, .value = WEIR_V_RATE, .min = 0, .max = 1e9, .help = (text) \
	}

/** The parameters that weir_edges_read() reads, beside `rate`. */
#define WEIR_EDGES_PARAMS                                                                                              \
	WEIR_EDGE("low", "pass what is below this frequency"), WEIR_EDGE("high", "pass what is above this frequency"), \
		WEIR_EDGE("band", "pass what is between this frequency and that of to"),                               \
		WEIR_EDGE("stop", "keep back what is between this frequency and that of to"),                          \
		WEIR_EDGE("to", "upper edge of a band")

/**
 * @brief Which one of several arguments is given. For open().
 * @param words NULL-terminated; `hint` and `question` are the message where it is none of them.
 * @return its index; -EINVAL after a report where it is none or more than one.
 */
int weir_edges_find(struct weir_node *node, const char *const *words, const char *hint, const char *question);

/** @brief The edges of a shape. For open(). @return 0; -EINVAL after a report. */
int weir_edges_read(struct weir_node *node, enum weir_shape shape, struct weir_edges *out) WEIR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
