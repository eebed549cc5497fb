/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file share_list.h
 * @brief The streams that are published on this machine, for `weir list streams`.
 */
#ifndef WEIR_SHARE_SHARE_LIST_H
#define WEIR_SHARE_SHARE_LIST_H

#include <jansson.h>
#include <stdio.h>

/** @brief Print them to `stream`, or, where that is NULL, put them into `document` as "streams". */
void weir_share_list(FILE *stream, json_t *document);

#endif
