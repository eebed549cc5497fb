/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guard holds is also noted in a file beside its socket, so that the next one, should this one be killed, can take the
 * same outputs and park them: nobody else may know them any more. A guard that ends in good order leaves an empty file.
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

#define AGAIN_NS INT64_C(20000000)
#define TRIES 500 /* ten seconds */

struct note {
	uint32_t magic, bytes;
	struct weir_physical what;
};

/* One write for each, whole or not at all as far as a killed process goes. */
static int write_note(const struct guard *guard, uint32_t lease, const struct weir_physical *what)
{
	struct note note = { .magic = WEIR_GUARD_MAGIC, .bytes = sizeof(note) };

	if (what)
		note.what = *what;
	return pwrite(guard->notes, &note, sizeof(note), (off_t)(lease * sizeof(note))) == sizeof(note) ? 0 : EIO;
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

		if (orphan->n && (recover(guard, orphan) || guard->orphan_tries > TRIES))
			orphan->n = 0;
		remains |= orphan->n != 0;
	}
	guard->orphan_tries++;
	guard->orphans_due = remains ? now + AGAIN_NS : INT64_MAX;
	return guard->orphans_due;
}

int guard_recover(struct guard *guard, const char *path)
{
	struct note note[WEIR_BANK_LEASES];
	ssize_t n;

	guard->notes = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (guard->notes < 0)
		return errno;
	n = pread(guard->notes, note, sizeof(note), 0);
	if (ftruncate(guard->notes, 0))
		return errno;
	for (ssize_t i = 0; i < n / (ssize_t)sizeof(note[0]); i++)
		if (note[i].magic == WEIR_GUARD_MAGIC && note[i].bytes == sizeof(note[i]) &&
		    note[i].what.n <= WEIR_LEASE_LINES)
			guard->orphan[i] = note[i].what;
	guard_recover_more(guard, 0);
	return 0;
}
