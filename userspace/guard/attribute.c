/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guard/attribute.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define RAW_MOST 9e18 /* whole numbers up to here have a type */

struct search {
	int file;
	int64_t wanted, least, most; /* raw */
	bool up_first;
	int64_t taken;
};

static int write_raw(int file, int64_t raw)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%lld\n", (long long)raw);

	return pwrite(file, text, (size_t)length, 0) < 0 ? -errno : 0;
}

static bool is_refusal(int err)
{
	return err == -EINVAL || err == -ERANGE || err == -EDOM || err == -EOVERFLOW;
}

static bool try_side(struct search *search, uint64_t distance, bool up)
{
	int64_t room = up ? search->most - search->wanted : search->wanted - search->least;
	int64_t raw;

	/* The end of the range stands for all that is beyond it. */
	if (room <= 0)
		return false;
	if (distance > (uint64_t)room)
		distance = (uint64_t)room;
	raw = search->wanted + (up ? (int64_t)distance : -(int64_t)distance);
	if (write_raw(search->file, raw) < 0)
		return false;
	search->taken = raw;
	return true;
}

static bool try_both(struct search *search, uint64_t distance)
{
	return try_side(search, distance, search->up_first) || try_side(search, distance, !search->up_first);
}

/* The distance is doubled until something is taken, then narrowed down: for a gap in what the driver takes. */
static bool find_beside(struct search *search)
{
	uint64_t reach = (uint64_t)(search->most - search->least), refused = 0, taken = 1;

	while (!try_both(search, taken)) {
		if (taken > reach)
			return false;
		refused = taken;
		taken *= 2;
	}
	while (taken - refused > 1) {
		uint64_t middle = refused + (taken - refused) / 2;

		if (try_both(search, middle))
			taken = middle;
		else
			refused = middle;
	}
	return true;
}

/* From a value that is taken toward the wanted one: for a range so small, or so far, that it was stepped over. */
static bool find_from(struct search *search, int64_t from)
{
	int64_t refused = search->wanted;

	if (from == refused || write_raw(search->file, from) < 0)
		return false;
	search->taken = from;
	/* Neither is beyond half of its type, so their difference has one. */
	while (refused - search->taken > 1 || search->taken - refused > 1) {
		int64_t middle = search->taken + (refused - search->taken) / 2;

		if (write_raw(search->file, middle) < 0)
			refused = middle;
		else
			search->taken = middle;
	}
	return true;
}

static double raw_of(const struct weir_physical *what, double value)
{
	double raw = fmax(what->least, fmin(what->most, value)) * what->factor + what->add;

	return fmax(-RAW_MOST, fmin(RAW_MOST, raw));
}

static double value_of(const struct weir_physical *what, int64_t raw)
{
	return what->factor == 0 ? 0 : ((double)raw - what->add) / what->factor;
}

/* As far as the type goes on either side of half of it, so that differences have one too. */
static int64_t limit_of(double raw)
{
	return llround(fmax(-RAW_MOST / 2, fmin(RAW_MOST / 2, raw)));
}

int weir_attribute_set(int file, const struct weir_physical *what, double value, double *done)
{
	double least = raw_of(what, what->least), most = raw_of(what, what->most);
	int64_t park = limit_of(raw_of(what, what->park[0]));
	struct search search = {
		.file = file,
		.wanted = limit_of(raw_of(what, value)),
		.least = limit_of(fmin(least, most)),
		.most = limit_of(fmax(least, most)),
	};
	int err = write_raw(file, search.wanted);

	if (done)
		*done = value >= what->least && value <= what->most ? value : value_of(what, search.wanted);
	if (!is_refusal(err))
		return err;
	search.up_first = park > search.wanted;
	if (!find_beside(&search) && !find_from(&search, park) && !find_from(&search, 0))
		return err;
	if (done)
		*done = value_of(what, search.taken);
	return 0;
}
