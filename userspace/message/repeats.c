/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "message/repeats.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* In the order in which they were handed on. What was taken has no print, until the array is full. */
struct weir_repeats {
	struct weir_repeat *repeat;
	uint32_t n, n_max; /* n_max: twice the capacity, so that making room is cheap on average */
	uint32_t n_old;
	uint32_t next; /* where to look first: they come again in their order */
	uint32_t next_unplaced;
	uint64_t answered; /* of this connection, as far as is known */
	uint64_t settled;
	uint64_t key[2];
};

struct weir_repeats *weir_repeats_new(uint32_t capacity)
{
	struct weir_repeats *repeats = calloc(1, sizeof(*repeats));

	if (!repeats)
		return NULL;
	repeats->n_max = 2 * capacity;
	repeats->repeat = calloc(repeats->n_max, sizeof(*repeats->repeat));
	if (repeats->repeat && getrandom(repeats->key, sizeof(repeats->key), 0) == sizeof(repeats->key))
		return repeats;
	weir_repeats_free(repeats);
	return NULL;
}

void weir_repeats_free(struct weir_repeats *repeats)
{
	if (!repeats)
		return;
	free(repeats->repeat);
	free(repeats);
}

bool weir_repeats_has_old(const struct weir_repeats *repeats)
{
	return repeats->n_old;
}

/* ---------------------------------------------------------------------- print */

/* SipHash-2-4: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012. */
struct sip {
	uint64_t v[4];
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void sip_word(struct sip *sip, uint64_t word)
{
	sip->v[3] ^= word;
	sip_round(sip->v);
	sip_round(sip->v);
	sip->v[0] ^= word;
}

static void sip_begin(struct sip *sip, const uint64_t key[2])
{
	sip->v[0] = key[0] ^ UINT64_C(0x736f6d6570736575);
	sip->v[1] = key[1] ^ UINT64_C(0x646f72616e646f6d);
	sip->v[2] = key[0] ^ UINT64_C(0x6c7967656e657261);
	sip->v[3] = key[1] ^ UINT64_C(0x7465646279746573);
}

static uint64_t sip_end(struct sip *sip)
{
	sip->v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(sip->v);
	return sip->v[0] ^ sip->v[1] ^ sip->v[2] ^ sip->v[3];
}

uint64_t weir_repeats_print(const struct weir_repeats *repeats, uint64_t salt, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	struct sip sip;
	uint64_t word, print;

	sip_begin(&sip, repeats->key);
	sip_word(&sip, salt);
	for (size_t left = n; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sip_word(&sip, word);
	}
	word = (uint64_t)(n + sizeof(salt)) << 56;
	for (size_t i = 0; i < n % sizeof(word); i++)
		word |= (uint64_t)at[i] << 8 * i;
	sip_word(&sip, word);
	print = sip_end(&sip);
	return print ? print : 1;
}

/* ----------------------------------------------------------------------- list */

/* Keep those for which it is true, in their order. */
static void keep_if(struct weir_repeats *repeats, bool (*is_kept)(const struct weir_repeat *repeat, uint64_t mark),
		    uint64_t mark)
{
	uint32_t n = 0, unplaced = 0;

	repeats->n_old = 0;
	for (uint32_t i = 0; i < repeats->n; i++) {
		const struct weir_repeat *repeat = &repeats->repeat[i];

		if (!repeat->print || !is_kept(repeat, mark))
			continue;
		unplaced += i < repeats->next_unplaced;
		repeats->n_old += repeat->is_old;
		repeats->repeat[n++] = *repeat;
	}
	repeats->n = n;
	repeats->next_unplaced = unplaced;
	repeats->next = 0;
}

static bool has_no_answer(const struct weir_repeat *repeat, uint64_t mark)
{
	return repeat->is_old || repeat->mark > mark;
}

static bool is_awaited(const struct weir_repeat *repeat, uint64_t mark)
{
	return !repeat->is_old || repeat->mark > mark;
}

static void drop_oldest(struct weir_repeats *repeats, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		repeats->n_old -= repeats->repeat[i].is_old;
	repeats->n -= n;
	memmove(repeats->repeat, repeats->repeat + n, repeats->n * sizeof(*repeats->repeat));
	repeats->next_unplaced -= repeats->next_unplaced < n ? repeats->next_unplaced : n;
	repeats->next = 0;
}

void weir_repeats_add(struct weir_repeats *repeats, const struct weir_repeat *repeat)
{
	if (repeats->n == repeats->n_max)
		keep_if(repeats, has_no_answer, repeats->answered);
	if (repeats->n == repeats->n_max)
		weir_repeats_forget(repeats);
	if (repeats->n == repeats->n_max)
		drop_oldest(repeats, repeats->n_max / 2);
	repeats->repeat[repeats->n++] = *repeat;
}

void weir_repeats_answered(struct weir_repeats *repeats, uint64_t mark, uint64_t settled)
{
	repeats->answered = mark;
	repeats->settled = settled;
}

void weir_repeats_drop(struct weir_repeats *repeats, uint64_t mark)
{
	for (uint32_t i = repeats->n; i--;)
		if (repeats->repeat[i].mark == mark && !repeats->repeat[i].is_old)
			repeats->repeat[i].print = 0;
}

void weir_repeats_place(struct weir_repeats *repeats, uint64_t mark, uint64_t position)
{
	for (; repeats->next_unplaced < repeats->n && repeats->repeat[repeats->next_unplaced].mark <= mark;
	     repeats->next_unplaced++) {
		struct weir_repeat *repeat = &repeats->repeat[repeats->next_unplaced];

		if (!repeat->is_placed)
			repeat->position = position;
		repeat->is_placed = true;
	}
}

bool weir_repeats_take(struct weir_repeats *repeats, uint64_t print, struct weir_repeat *found)
{
	for (uint32_t i = 0; i < repeats->n && repeats->n_old; i++) {
		uint32_t at = (repeats->next + i) % repeats->n;
		struct weir_repeat *repeat = &repeats->repeat[at];

		if (!repeat->is_old || repeat->print != print)
			continue;
		*found = *repeat;
		*repeat = (struct weir_repeat){ .mark = repeat->mark };
		repeats->n_old--;
		repeats->next = at + 1;
		return true;
	}
	return false;
}

void weir_repeats_lose(struct weir_repeats *repeats)
{
	keep_if(repeats, has_no_answer, repeats->answered);
	for (uint32_t i = 0; i < repeats->n; i++)
		repeats->repeat[i].is_old = true;
	repeats->n_old = repeats->n;
}

void weir_repeats_forget(struct weir_repeats *repeats)
{
	keep_if(repeats, is_awaited, repeats->settled);
}
