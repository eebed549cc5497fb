/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file place.h
 * @brief Where guards listen, for those who listen and those who connect. All text in `why` is for the user; it is empty or
 * left alone on success.
 */
#ifndef WEIR_GUARD_PLACE_H
#define WEIR_GUARD_PLACE_H

#include <stdbool.h>

#define WEIR_PLACE_PATH 108 /**< bytes of a socket's path, with the zero */
#define WEIR_PLACE_WHY 384
#define WEIR_PLACES_MAX 4

/**
 * @brief The places where a guard may listen, by preference: $WEIR_GUARD alone, or the machine's (/run/weir/guard.sock) and,
 * of a user that is not root, `weir-guard.sock` in each of $XDG_RUNTIME_DIR, /run/user/UID and the first of
 * $RUNTIME_DIRECTORY that is a directory of this user's.
 * @return how many; 0: $WEIR_GUARD is no usable path, see `why`.
 */
unsigned weir_places(char place[WEIR_PLACES_MAX][WEIR_PLACE_PATH], char why[WEIR_PLACE_WHY]);

/**
 * @brief The place where a guard of this process listens: one of weir_places().
 * @return 0; -ENOENT: there is none; -EINVAL: as 0 of weir_places().
 */
int weir_place_to_listen(char path[WEIR_PLACE_PATH], char why[WEIR_PLACE_WHY]);

/**
 * @brief May a socket at `path` be trusted?
 * @param listens also: is the directory this user's or root's?
 * @return 0; -EPERM; -errno of a directory that cannot be used.
 */
int weir_place_check(const char *path, bool listens, char why[WEIR_PLACE_WHY]);

/** @brief Open a file of this user's beside the socket, `path` and `suffix`, made if need be. @return a descriptor or -errno. */
int weir_place_open(const char *path, const char *suffix, char why[WEIR_PLACE_WHY]);

/** @brief Remove a socket that a dead guard has left. @return 0; -EEXIST: what is there is no socket; -errno. */
int weir_place_clear(const char *path, char why[WEIR_PLACE_WHY]);

#endif
