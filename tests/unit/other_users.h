/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a test can be other users: root can, but not in a user namespace that has no others. */
#ifndef WEIR_TESTS_OTHER_USERS_H
#define WEIR_TESTS_OTHER_USERS_H

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* The first range of user_namespaces(7): all of them, or the test's own user alone. */
static inline bool there_are_other_users(void)
{
	unsigned inside = 1, outside, n = 0;
	FILE *map = fopen("/proc/self/uid_map", "re");
	bool is_read = map && fscanf(map, "%u %u %u", &inside, &outside, &n) == 3;

	if (map)
		fclose(map);
	return geteuid() == 0 && is_read && inside == 0 && n >= 65536;
}

#endif
