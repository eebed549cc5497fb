/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file visited.h
 * @brief The states that a breadth-first search has seen, in the order in which it saw them. Fails the test when there is no
 * more room.
 */
#ifndef VISITED_H
#define VISITED_H

#include <stdint.h>

#define VISITED_KEY 24 /**< bytes that tell states apart */

struct visited {
	uint8_t (*key)[VISITED_KEY]; /**< of state 0, 1, … */
	uint32_t n, room;
	uint32_t *slot; /**< a hash table: number of the key + 1, or 0 */
};

void visited_open(struct visited *visited, uint32_t room);
/** @brief Add a state unless it is there. */
void visited_add(struct visited *visited, const uint8_t key[VISITED_KEY]);
void visited_close(struct visited *visited);

#endif
