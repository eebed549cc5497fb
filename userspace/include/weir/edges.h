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

/** What a filter passes or, the last of them, keeps back. */
enum weir_shape { WEIR_LOW, WEIR_HIGH, WEIR_BAND, WEIR_STOP, WEIR_SHAPES };

struct weir_edges {
	double low, high; /**< Hz, above 0 and below half the rate; high is 0 where there is one edge */
};

/** The arguments of such a filter: a member of its driver's state. */
struct weir_edges_args {
	double edge[WEIR_SHAPES], to; /**< Hz; the argument that is given says which shape it is */
};

#define WEIR_EDGE(word, type, member, text) \
	WEIR_P_RATE(word, type, member, NULL, text, .style = WEIR_KEYWORD, .min = 0, .max = 1e9)

/** The parameters of weir_edges_read(), beside `rate`. */
#define WEIR_EDGES_PARAMS(type, member)                                                                                \
	WEIR_EDGE("low", type, member.edge[WEIR_LOW], "pass what is below this frequency"),                            \
		WEIR_EDGE("high", type, member.edge[WEIR_HIGH], "pass what is above this frequency"),                  \
		WEIR_EDGE("band", type, member.edge[WEIR_BAND], "pass what is between this frequency and that of to"), \
		WEIR_EDGE("stop", type, member.edge[WEIR_STOP],                                                        \
			  "keep back what is between this frequency and that of to"),                                  \
		WEIR_EDGE("to", type, member.to, "upper edge of a band")

/** An argument, and the member of the driver's state in which it is. */
struct weir_choice {
	const char *word;
	const void *member;
};

/** The arguments that stand for a shape, at its index. */
#define WEIR_EDGES_CHOICES(args)                                                                             \
	[WEIR_LOW] = { "low", &(args)->edge[WEIR_LOW] }, [WEIR_HIGH] = { "high", &(args)->edge[WEIR_HIGH] }, \
	[WEIR_BAND] = { "band", &(args)->edge[WEIR_BAND] }, [WEIR_STOP] = { "stop", &(args)->edge[WEIR_STOP] }

/**
 * @brief Which one of several arguments is given. For open().
 * @param choices the last has no word; `hint` and `question` are the message where it is none of them.
 * @return its index; -EINVAL after a report where it is none or more than one.
 */
int weir_edges_find(struct weir_node *node, const struct weir_choice *choices, const char *hint, const char *question);

/** @brief The edges of a shape at a rate in Hz. For open(). @return 0; -EINVAL after a report. */
int weir_edges_read(struct weir_node *node, enum weir_shape shape, const struct weir_edges_args *args, double rate,
		    struct weir_edges *out) WEIR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
