/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guard holds, and what the rules know of its lines, is in a file beside its socket, mapped: so the next guard, should
 * this one be killed, can take the same outputs, which nobody else may know any more, park them, and go on by the same rules. So
 * are those that a guard was still holding for somebody dead when it was told to end. What cannot be taken again yet waits in
 * the second half.
 *
 * A line's history is written before the line is driven: what was perhaps not done any more counts as done. Whoever reads it comes
 * after the writer's death, so order within one process is all that it takes.
 *
 * After a boot nothing is on, and times begin anew: a file of another boot is as good as none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard/guard.h"

#define MEMORY_MAGIC 0x77656d31u /* "wem1" */

void guard_remember(struct guard *guard, uint32_t number)
{
	const struct weir_lease *lease = &guard->bank.lease[number];
	struct guard_note *note = &guard->memory->held[number];

	note->what = guard->holding[number].what;
	note->is_over = !lease->is_held && !guard->holding[number].is_kept;
	for (uint32_t i = 0; i < lease->n; i++)
		guard_remember_line(guard, lease->line[i]);
}

void guard_remember_line(struct guard *guard, uint32_t line)
{
	guard->memory->line[line].line = guard->bank.line[line];
}

void guard_forget(struct guard *guard, uint32_t number)
{
	guard->memory->held[number].what.n = 0;
}

void guard_forget_orphans(struct guard *guard)
{
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++)
		guard->memory->orphan[i].what.n = 0;
}

/* --- the file ------------------------------------------------------------------------ */

/* Room for all of it from the start: to run out later would be the end of whoever writes. */
static void *map_file(const char *path)
{
	char why[WEIR_PLACE_WHY];
	int fd = weir_place_open(path, ".held", why), error;
	void *memory = MAP_FAILED;

	if (fd < 0) {
		guard_fail_place(why);
		return MAP_FAILED;
	}
	error = posix_fallocate(fd, 0, sizeof(struct guard_memory));
	if (!error)
		memory = mmap(NULL, sizeof(struct guard_memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	errno = error ? error : errno;
	if (memory == MAP_FAILED)
		guard_fail("cannot use the state file of", path);
	return memory;
}

static void read_boot(char *boot, size_t bytes)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, boot, bytes - 1);

	boot[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

void guard_open_memory(struct guard *guard, const char *path)
{
	static struct guard_memory without; /* as if this guard had been the first: no reason not to hold */
	char boot[sizeof(without.boot)];
	void *memory = map_file(path);

	guard->memory = memory == MAP_FAILED ? &without : memory;
	read_boot(boot, sizeof(boot));
	if (guard->memory->magic == MEMORY_MAGIC && guard->memory->bytes == sizeof(*guard->memory) &&
	    !strncmp(guard->memory->boot, boot, sizeof(boot)))
		return;
	memset(guard->memory, 0, sizeof(*guard->memory));
	guard->memory->magic = MEMORY_MAGIC;
	guard->memory->bytes = sizeof(*guard->memory);
	snprintf(guard->memory->boot, sizeof(guard->memory->boot), "%s", boot);
}

void guard_leave_notes(const struct guard *guard, const char *path)
{
	char name[WEIR_PLACE_PATH + 8];
	uint32_t held = 0;

	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++)
		held += guard->bank.lease[i].n != 0 || guard->memory->orphan[i].what.n;
	snprintf(name, sizeof(name), "%s.held", path);
	if (!held)
		unlink(name);
}
