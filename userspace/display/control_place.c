/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/control_place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

static void place_directory(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash && slash != path)
		*slash = '\0';
}

unsigned display_directories(char directory[WEIR_PLACES_MAX][WEIR_PLACE_PATH])
{
	char why[WEIR_PLACE_WHY];
	unsigned n = weir_places(directory, why);

	for (unsigned i = 0; i < n; i++)
		place_directory(directory[i]);
	return n;
}

/* Under another name until it is ready, so that it has its mode when it can be found. */
static int place_bind(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char early[WEIR_PLACE_PATH];
	int err = 0;

	if (snprintf(early, sizeof(early), "%s~", path) >= (int)sizeof(early))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, early);
	unlink(early);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (chmod(early, 0660) < 0 || listen(fd, BACKLOG) < 0 || rename(early, path) < 0) {
		err = -errno;
		unlink(early);
	}
	return err;
}

int display_listen(char path[WEIR_PLACE_PATH])
{
	char place[WEIR_PLACE_PATH], why[WEIR_PLACE_WHY];
	int err = weir_place_to_listen(place, why), fd;

	if (err < 0)
		return err;
	place_directory(place);
	if (!strcmp(place, "/run/weir") && mkdir(place, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (snprintf(path, WEIR_PLACE_PATH, "%.80s/" DISPLAY_PREFIX "%d" DISPLAY_SUFFIX, place, (int)getpid()) >=
	    WEIR_PLACE_PATH - 1)
		return -ENAMETOOLONG;
	err = weir_place_check(path, true, why);
	if (!err)
		err = weir_place_clear(path, why);
	fd = err ? err : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -errno;
	err = fd < 0 ? fd : place_bind(fd, path);
	if (err < 0 && fd >= 0)
		close(fd);
	return err < 0 ? err : fd;
}
