/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guard holds is also noted in a file beside its socket, so that the next one, should this one be killed, can take the
 * same outputs and park them: nobody else may know them any more. So are those that a guard was still holding for somebody
 * dead when it was told to end. The second half of the file has what was noted before and could not be taken again yet.
 *
 * On a file system in memory (/run), which a boot clears: after a boot nothing was left on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard/guard.h"

#define AGAIN_NS INT64_C(5000000)
#define TRIES 2000 /* ten seconds */
#define NOTES (2 * WEIR_BANK_LEASES)

struct note {
	uint32_t magic, bytes;
	struct weir_physical what;
};

/* One write for each, whole or not at all as far as a killed process goes. */
static void write_note(const struct guard *guard, uint32_t place, const struct weir_physical *what)
{
	struct note note = { .magic = WEIR_GUARD_MAGIC, .bytes = sizeof(note) };

	if (what)
		note.what = *what;
	if (pwrite(guard->notes, &note, sizeof(note), (off_t)(place * sizeof(note))) < 0)
		return; /* as if this guard had been the first: a memory file system that is full is no reason not to hold */
}

void guard_remember(const struct guard *guard, uint32_t lease)
{
	write_note(guard, lease, &guard->holding[lease].what);
}

void guard_forget(const struct guard *guard, uint32_t lease)
{
	write_note(guard, lease, NULL);
}

/* What a pipeline still has, which outlives the guard by the time it needs to park, is busy: it is tried again. */
static bool recover(struct guard *guard, const struct weir_physical *what)
{
	int file = what->is_file ? open(what->device, O_WRONLY | O_CLOEXEC) : -1;
	struct weir_guard_request request = { .what = *what };
	struct weir_guard_reply reply = { 0 };

	return guard_park(guard, &request, file, &reply) != EBUSY;
}

int64_t guard_recover_more(struct guard *guard, int64_t now)
{
	bool remains = false;

	if (now < guard->orphans_due)
		return guard->orphans_due;
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++) {
		struct weir_physical *orphan = &guard->orphan[i];

		if (orphan->n && (recover(guard, orphan) || guard->orphan_tries > TRIES)) {
			orphan->n = 0;
			if (guard->orphan_tries)
				write_note(guard, WEIR_BANK_LEASES + i, NULL);
		}
		remains |= orphan->n != 0;
	}
	guard->orphan_tries++;
	guard->orphans_due = remains ? now + AGAIN_NS : INT64_MAX;
	return guard->orphans_due;
}

void guard_forget_orphans(struct guard *guard)
{
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++) {
		if (guard->orphan[i].n)
			write_note(guard, WEIR_BANK_LEASES + i, NULL);
		guard->orphan[i].n = 0;
	}
}

static bool is_note(const struct note *note)
{
	return note->magic == WEIR_GUARD_MAGIC && note->bytes == sizeof(*note) && note->what.n &&
	       note->what.n <= WEIR_LEASE_LINES;
}

static void adopt(struct guard *guard, const struct note *note, uint32_t n)
{
	uint32_t orphans = 0;

	for (uint32_t i = 0; i < n && orphans < WEIR_BANK_LEASES; i++)
		if (is_note(&note[i]))
			guard->orphan[orphans++] = note[i].what;
}

/* Only now: to write would keep the parking waiting. */
static void rewrite(struct guard *guard, const struct note *note, uint32_t n)
{
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++)
		if (guard->orphan[i].n)
			write_note(guard, WEIR_BANK_LEASES + i, &guard->orphan[i]);
	for (uint32_t i = 0; i < n; i++)
		if (is_note(&note[i]) &&
		    (i < WEIR_BANK_LEASES ? !guard->bank.lease[i].n : !guard->orphan[i - WEIR_BANK_LEASES].n))
			write_note(guard, i, NULL);
}

static void path_of_notes(const char *path, char *notes, size_t bytes)
{
	snprintf(notes, bytes, "%s.held", path);
}

void guard_recover(struct guard *guard, const char *path)
{
	static struct note note[NOTES];
	char notes[GUARD_PATH + 8];
	ssize_t n;

	path_of_notes(path, notes, sizeof(notes));
	guard->notes = open(notes, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	n = guard->notes < 0 ? -1 : pread(guard->notes, note, sizeof(note), 0);
	if (n < 0)
		guard_fail("cannot use", notes);
	n = n < 0 ? 0 : n / (ssize_t)sizeof(*note);
	adopt(guard, note, (uint32_t)n);
	guard_recover_more(guard, 0);
	rewrite(guard, note, (uint32_t)n);
}

void guard_leave_notes(const struct guard *guard, const char *path)
{
	char notes[GUARD_PATH + 8];
	uint32_t held = 0;

	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++)
		held += guard->bank.lease[i].n != 0 || guard->orphan[i].n;
	path_of_notes(path, notes, sizeof(notes));
	if (!held)
		unlink(notes);
}
