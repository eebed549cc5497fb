/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file control_place.h
 * @brief Where running pipelines have their control sockets: in the directories of guards, as `weir-PID.ctl`.
 */
#ifndef WEIR_DISPLAY_CONTROL_PLACE_H
#define WEIR_DISPLAY_CONTROL_PLACE_H

#include "guard/place.h"

#define DISPLAY_PREFIX "weir-"
#define DISPLAY_SUFFIX ".ctl"

/**
 * @brief Listen at a socket of this process, mode 0660, in the directory where a guard of this process would listen.
 * @param path of the socket, to be removed by the caller.
 * @return a descriptor; -ENOENT and the like: there is no such directory; -errno.
 */
int display_listen(char path[WEIR_PLACE_PATH]);

/** @brief The directories that may have control sockets of pipelines which this user may look at. @return how many. */
unsigned display_directories(char directory[WEIR_PLACES_MAX][WEIR_PLACE_PATH]);

#endif
