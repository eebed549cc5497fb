/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file dice.h
 * @brief Random numbers with their state: same seed, same sequence on every machine.
 */
#ifndef WEIR_TESTS_DICE_H
#define WEIR_TESTS_DICE_H

#include <stdint.h>

struct dice {
	uint64_t state;
};

/** 64 random bits, by splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators). */
static inline uint64_t roll(struct dice *dice)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/** 0 to n - 1. */
static inline uint32_t roll_below(struct dice *dice, uint32_t n)
{
	return (uint32_t)(roll(dice) % n);
}

#endif
