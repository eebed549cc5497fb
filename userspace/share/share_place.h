/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file share_place.h
 * @brief Where shared streams are found: a socket `NAME.stream` in the run directory, and whose it is.
 *
 * The run directory is the first of $RUNTIME_DIRECTORY, or else of /run/weir and $XDG_RUNTIME_DIR/weir: a publisher takes the first
 * that it may write to, a reader looks in both.
 */
#ifndef WEIR_SHARE_SHARE_PLACE_H
#define WEIR_SHARE_SHARE_PLACE_H

#include <limits.h>
#include <sys/types.h>

#include "weir/driver.h"

#define WEIR_SHARE_DIRECTORIES 2
#define WEIR_SHARE_SUFFIX ".stream"

/** @brief The candidates, in order; how many there are. */
unsigned weir_share_directories(char directory[WEIR_SHARE_DIRECTORIES][PATH_MAX]);

/** A name that is ours: nobody else can publish under it while this is open. */
struct weir_share_place {
	char path[PATH_MAX], lock_path[PATH_MAX];
	int fd;      /**< the listening socket */
	int lock_fd; /**< the lock goes when the process does, however that happens */
};

/**
 * @brief Take a name and listen. What a publisher that was killed has left is replaced.
 * @param group who may connect beside ourselves, or (gid_t)-1: nobody.
 * @return 0; -EBUSY: the name is taken; -ENOENT: no run directory can be used; -ENAMETOOLONG; -errno.
 */
int weir_share_listen(struct weir_share_place *place, const char *name, gid_t group) WEIR_MUST_CHECK;
/** @brief Give the name back; a socket that was never opened is none. */
void weir_share_unlisten(struct weir_share_place *place);

/** @return a blocking socket; -ENOENT: nobody publishes this; -EACCES: not for us; -errno. */
int weir_share_connect(const char *name) WEIR_MUST_CHECK;
/** @brief The same for a socket's whole path. */
int weir_share_connect_path(const char *path) WEIR_MUST_CHECK;

/** @brief A descriptor that is readable when a socket has come into a run directory. -errno of inotify; -ENOENT: there is none. */
int weir_share_watch(void) WEIR_MUST_CHECK;

#endif
