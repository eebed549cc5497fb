/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file top.h
 * @brief `weir top`: one running pipeline as a tree, drawn again and again.
 */
#ifndef WEIR_CLI_TOP_H
#define WEIR_CLI_TOP_H

#include "running.h"

#define TOP_POINTS 32 /**< of a sparkline */

enum top_order { TOP_PROGRAM, TOP_RATE, TOP_LOST, TOP_ORDERS };

/** Values of one field over time. */
struct top_spark {
	int node;
	char field[64];
	double value[TOP_POINTS]; /**< a ring; the newest is before `n % TOP_POINTS` */
	unsigned long n;
};

struct top {
	enum top_order order;
	bool is_paused, is_plain; /**< plain: no characters beyond ASCII */
	unsigned width, height;   /**< of the terminal, in characters; height 0: no limit */
	struct top_spark *spark;  /**< owned array */
	size_t n_sparks;
};

/** @brief Draw a pipeline of the array of running ones. */
void top_draw(struct top *top, const json_t *pipeline, size_t index, size_t count, FILE *to);

/* top_spark.c */
/** @brief Add the newest values of all fields of numbers. */
void top_spark_add(struct top *top, const json_t *pipeline);
/** @brief "▁▂▇…" of a field's values; empty: fewer than two. `bytes` of at least 4 * TOP_POINTS. */
void top_spark_text(const struct top *top, int node, const char *field, char *out, size_t bytes);
void top_spark_close(struct top *top);

/* top_screen.c */
/** @brief Keys come one by one, and drawings take the place of the former. 0, or -errno: it is no terminal. */
int top_screen_open(void);
/** @brief As it was before. Async-signal-safe. */
void top_screen_close(void);
/** @brief Wait for a key. @return the key; 0: time is over, or the size has changed; -1: the end of input, or a signal to end. */
int top_screen_wait(int timeout_ms);
/** @brief Show a text in place of the former. */
void top_screen_show(const char *text);
/** @brief Size of the terminal, else 80 (or COLUMNS) by no limit. */
void top_screen_size(unsigned *width, unsigned *height);

#endif
