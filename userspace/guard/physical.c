/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The description of an output, as requests carry it. */
#include <math.h>
#include <string.h>

#include "guard/guard.h"

static bool ends(const char *text, size_t bytes)
{
	return memchr(text, '\0', bytes);
}

bool guard_is_sound(const struct weir_physical *what)
{
	if (!what->n || what->n > WEIR_LEASE_LINES || what->is_file > 1 || (what->n > 1 && what->is_file))
		return false;
	if (!*what->device || !ends(what->device, sizeof(what->device)) || !ends(what->title, sizeof(what->title)))
		return false;
	for (uint32_t i = 0; i < what->n; i++)
		if (!isfinite(what->park[i]) || !ends(what->name[i], sizeof(what->name[i])))
			return false;
	return !what->is_file || (isfinite(what->factor) && isfinite(what->add) && what->least <= what->most);
}

bool guard_is_same_output(const struct weir_physical *a, const struct weir_physical *b)
{
	return a->n == b->n && a->is_file == b->is_file && !strcmp(a->device, b->device) &&
	       !memcmp(a->offset, b->offset, a->n * sizeof(a->offset[0]));
}
