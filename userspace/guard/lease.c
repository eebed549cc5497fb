/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "guard/guard.h"

static bool is_line(const struct guard *guard, uint32_t line, const struct weir_physical *what, uint32_t i)
{
	const struct guard_known *known = &guard->memory->line[line];

	return known->offset == what->offset[i] && !strcmp(known->device, what->device);
}

/* The bank's number of a line, with its history if it is known already; -1: the bank is full. */
static int line_of(struct guard *guard, const struct weir_physical *what, uint32_t i)
{
	struct guard_known *known;
	int unused = -1;

	for (uint32_t line = 0; line < WEIR_BANK_LINES; line++) {
		if (is_line(guard, line, what, i))
			return (int)line;
		if (unused < 0 && !*guard->memory->line[line].device)
			unused = (int)line;
	}
	if (unused < 0)
		return -1;
	if ((uint32_t)unused >= guard->bank.n_lines)
		guard->bank.n_lines = (uint32_t)unused + 1;
	/* A line that was never driven is wherever its park value is. */
	guard->bank.line[unused] = (struct weir_line){ .value = what->park[i] };
	guard_remember_line(guard, (uint32_t)unused);
	known = &guard->memory->line[unused];
	known->offset = what->offset[i];
	snprintf(known->device, sizeof(known->device), "%s", what->device);
	return unused;
}

static uint32_t shared_lines(const struct guard *guard, uint32_t lease, const struct weir_physical *what)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < guard->bank.lease[lease].n; k++)
		for (uint32_t i = 0; i < what->n; i++)
			n += is_line(guard, guard->bank.lease[lease].line[k], what, i);
	return n;
}

/* Same lines in the same order: bit i is line i. */
static bool is_same(const struct guard *guard, uint32_t lease, const struct weir_physical *what)
{
	const struct weir_physical *held = &guard->holding[lease].what;

	if (guard->bank.lease[lease].n != what->n || (held->n && held->is_file != what->is_file))
		return false;
	for (uint32_t i = 0; i < what->n; i++)
		if (!is_line(guard, guard->bank.lease[lease].line[i], what, i))
			return false;
	return true;
}

int guard_lease_of(const struct guard *guard, const struct weir_physical *what)
{
	for (uint32_t i = 0; i < guard->bank.n_leases; i++)
		if (is_same(guard, i, what))
			return (int)i;
	return -1;
}

static int refuse_busy(const struct guard *guard, uint32_t lease, char *text)
{
	const struct guard_holding *holding = &guard->holding[lease];

	if (holding->session >= 0)
		snprintf(text, WEIR_GUARD_TEXT, "%s, process %d, has it", guard->session[holding->session].title,
			 (int)guard->session[holding->session].pid);
	else
		snprintf(text, WEIR_GUARD_TEXT, "it was set by hand; weir park gives it up");
	return -EBUSY;
}

static int new_lease(struct guard *guard, const struct weir_physical *what)
{
	uint32_t number = 0;
	struct weir_lease *lease;

	while (number < guard->bank.n_leases && guard->bank.lease[number].n)
		number++;
	if (number == WEIR_BANK_LEASES)
		return -ENOSPC;
	lease = &guard->bank.lease[number];
	*lease = (struct weir_lease){ .epoch = lease->epoch };
	guard->holding[number] = (struct guard_holding){ .lines = -1, .file = -1, .session = -1 };
	for (uint32_t i = 0; i < what->n; i++) {
		int line = line_of(guard, what, i);

		if (line < 0)
			return -ENOSPC;
		lease->line[i] = (uint16_t)line;
	}
	lease->n = what->n;
	if (number == guard->bank.n_leases)
		guard->bank.n_leases++;
	return (int)number;
}

/* The new one first: what is known of a line that it shares with an old one stays known. */
static int replace(struct guard *guard, const struct weir_physical *what)
{
	int lease = new_lease(guard, what);

	for (uint32_t i = 0; i < guard->bank.n_leases; i++)
		if (lease >= 0 && i != (uint32_t)lease && shared_lines(guard, i, what))
			guard_lease_drop(guard, i);
	return lease;
}

int guard_lease_find(struct guard *guard, const struct weir_physical *what, char *text)
{
	int same = guard_lease_of(guard, what);

	for (uint32_t i = 0; i < guard->bank.n_leases; i++) {
		if (!shared_lines(guard, i, what))
			continue;
		if (guard->bank.lease[i].is_held)
			return refuse_busy(guard, i, text);
		if ((int)i == same)
			return same;
	}
	return replace(guard, what);
}

int guard_lease_inherit(struct guard *guard, const struct weir_physical *what, int lines)
{
	char text[WEIR_GUARD_TEXT];
	int lease = guard_lease_find(guard, what, text);

	if (lease < 0)
		return lease;
	guard->holding[lease].what = *what;
	guard->holding[lease].lines = lines;
	return lease;
}

static bool is_leased(const struct guard *guard, uint32_t line)
{
	for (uint32_t i = 0; i < guard->bank.n_leases; i++)
		for (uint32_t k = 0; k < guard->bank.lease[i].n; k++)
			if (guard->bank.lease[i].line[k] == line)
				return true;
	return false;
}

void guard_lease_forget_lines(struct guard *guard)
{
	for (uint32_t i = 0; i < WEIR_BANK_LINES; i++)
		if (!is_leased(guard, i))
			*guard->memory->line[i].device = '\0';
}

void guard_lease_drop(struct guard *guard, uint32_t number)
{
	struct weir_lease *lease = &guard->bank.lease[number];
	uint32_t n = lease->n;

	guard_forget(guard, number);
	guard_share(guard, number, false);
	guard_output_release(&guard->holding[number]);
	lease->n = 0;
	lease->is_held = lease->is_live = false;
	for (uint32_t i = 0; i < n; i++)
		if (!is_leased(guard, lease->line[i]))
			*guard->memory->line[lease->line[i]].device = '\0';
}

int guard_lease_take_output(struct guard *guard, uint32_t lease, const struct weir_physical *what, int file, char *text)
{
	int error = guard_output_take(guard, lease, what, file, text);

	/* What was held before, parked, stays held. */
	if (error && !guard->holding[lease].what.n)
		guard_lease_drop(guard, lease);
	return error;
}

bool guard_lease_tidy(struct guard *guard, int64_t now, int64_t *next)
{
	bool remains = false;

	for (uint32_t i = 0; i < guard->bank.n_leases; i++) {
		const struct weir_lease *lease = &guard->bank.lease[i];
		int64_t until;

		if (!lease->n)
			continue;
		until = weir_bank_remembers(&guard->bank, i);
		if (lease->is_held || guard->holding[i].is_kept) {
			remains = true;
		} else if (now < until) {
			remains = true;
			*next = until < *next ? until : *next;
		} else {
			guard_lease_drop(guard, i);
		}
	}
	return remains;
}
