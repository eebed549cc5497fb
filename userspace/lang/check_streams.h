/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file check_streams.h
 * @brief The names of a program: which stream each stands for, and which are only known later.
 */
#ifndef WEIR_LANG_CHECK_STREAMS_H
#define WEIR_LANG_CHECK_STREAMS_H

#include "lang/check.h"

/** A name that a chain gives. */
struct weir_stream_name {
	const struct weir_tree_name *tree;
	uint32_t chain;
	struct weir_node *node; /**< NULL: not there yet, or something in it is wrong */
	bool is_used;
	uint32_t next; /**< of the same name, in the order of the program; WEIR_NO_NAME: none */
};

/** A stage whose input is defined behind it. */
struct weir_circle {
	struct weir_node *node;
	struct weir_tree_name name;
};

struct weir_checker {
	struct weir_pipeline *pipeline;
	const struct weir_tree *tree;
	struct weir_stream_name *names; /**< in the order of the program; owned */
	uint32_t n_names;
	uint32_t *first;             /**< of each chain, the first of its names; owned */
	struct weir_names index;     /**< the first of each name */
	struct weir_circle *circles; /**< owned */
	uint32_t n_circles;
	struct weir_checking to; /**< where errors are said; its schema is that of the part at hand */
};

/** @brief Collect the names. 0 or -ENOMEM. */
int weir_streams_open(struct weir_checker *checker);
void weir_streams_close(struct weir_checker *checker);

/** @brief The stream that chain `chain` means by a name. NULL after a report, or, without one, where the stream could not be
 *  made or `silent`. */
struct weir_node *weir_find_stream(struct weir_checker *checker, const struct weir_tree_name *name, uint32_t chain,
				   bool silent);
/** @brief Chain `chain` has made what its name number `i` stands for; NULL: it could not. Reports a name that is taken. */
void weir_name_stream(struct weir_checker *checker, uint32_t chain, uint32_t i, struct weir_node *node);
/** @brief Report names that nobody uses. */
void weir_check_use(struct weir_checker *checker);

/** @brief Is this, said in chain `chain`, the name of a stream that a later chain makes by zip()? *clock is then the circle's. */
bool weir_is_circle(struct weir_checker *checker, const struct weir_tree_name *name, uint32_t chain,
		    enum weir_clock *clock);
/** @brief Remember a stage that reads such a stream; at most one in each chain. */
void weir_keep_circle(struct weir_checker *checker, struct weir_node *node, const struct weir_tree_name *name);
/** @brief All names are known: let those stages read what they name. */
void weir_close_circles(struct weir_checker *checker);

#endif
