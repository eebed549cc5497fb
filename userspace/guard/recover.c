/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guard's beginning: to take what the last one held, and park it. What it was handed it has already; the rest is in the memory
 * that the last one has left, and may still be somebody's for a while.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "guard/guard.h"

#define AGAIN_NS INT64_C(2000000)
#define TRIES 5000 /* ten seconds */

/* EBUSY: what a pipeline still has, which outlives the guard by the time it needs to park, or to die. */
static int recover(struct guard *guard, const struct guard_note *note, int output)
{
	char text[WEIR_GUARD_TEXT];
	int lease = guard_hold(guard, &note->what, output, text);
	int64_t next = INT64_MAX;

	if (lease < 0)
		return -lease;
	guard_park_lease(guard, (uint32_t)lease, WEIR_DIED, note->is_over);
	guard_lease_tidy(guard, guard_now(), &next);
	return 0;
}

static struct guard_note *orphan_of(struct guard *guard, const struct weir_physical *what)
{
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++)
		if (guard_is_same_output(&guard->memory->orphan[i].what, what))
			return &guard->memory->orphan[i];
	return NULL;
}

/* One that is not noted was about to be let go of. */
static void recover_handed(struct guard *guard, struct guard_handed *handed)
{
	struct guard_note *orphan = orphan_of(guard, &handed->what);
	const struct guard_note note = { .what = handed->what, .is_over = !orphan || orphan->is_over };
	bool is_file = note.what.is_file;

	if (handed->holder >= 0) {
		guard_kill(handed->holder);
		close(handed->holder);
	}
	if (!is_file && guard_lease_inherit(guard, &note.what, handed->output) < 0)
		close(handed->output);
	recover(guard, &note, is_file ? handed->output : -1);
	handed->what.n = 0;
	if (orphan)
		orphan->what.n = 0;
}

static bool try_again(struct guard *guard, struct guard_note *orphan)
{
	int file = orphan->what.is_file ? open(orphan->what.device, O_WRONLY | O_CLOEXEC) : -1;

	if (recover(guard, orphan, file) == EBUSY && guard->orphan_tries < TRIES)
		return true;
	orphan->what.n = 0;
	return false;
}

int64_t guard_recover_more(struct guard *guard, int64_t now)
{
	bool remains = false;

	if (now < guard->orphans_due)
		return guard->orphans_due;
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++)
		if (guard->memory->orphan[i].what.n)
			remains |= try_again(guard, &guard->memory->orphan[i]);
	guard->orphan_tries++;
	guard->orphans_due = remains ? now + AGAIN_NS : INT64_MAX;
	if (!remains)
		guard_lease_forget_lines(guard);
	return guard->orphans_due;
}

static void recall_lines(struct guard *guard)
{
	for (uint32_t i = 0; i < WEIR_BANK_LINES; i++)
		if (*guard->memory->line[i].device)
			weir_bank_recall(&guard->bank, i, &guard->memory->line[i].line, guard_now());
}

/* Copied before it is cleared: a note that is there twice does no harm. */
static void make_orphans(struct guard_memory *memory)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++)
		if (!guard_is_sound(&memory->orphan[i].what))
			memory->orphan[i].what.n = 0;
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++) {
		if (!guard_is_sound(&memory->held[i].what))
			continue;
		while (k < WEIR_BANK_LEASES && memory->orphan[k].what.n)
			k++;
		if (k < WEIR_BANK_LEASES)
			memory->orphan[k] = memory->held[i];
		memory->held[i].what.n = 0;
	}
}

void guard_recover(struct guard *guard, const char *path)
{
	guard_open_memory(guard, path);
	recall_lines(guard);
	make_orphans(guard->memory);
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++)
		if (guard->handed[i].what.n)
			recover_handed(guard, &guard->handed[i]);
	guard_recover_more(guard, 0);
}
