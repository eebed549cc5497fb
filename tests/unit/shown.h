/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file shown.h
 * @brief A program that runs on display in a thread, in a directory of its own, and clients of it.
 */
#ifndef WEIR_TESTS_SHOWN_H
#define WEIR_TESTS_SHOWN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <pthread.h>

#include "weir/display.h"

struct shown {
	char directory[64], path[128];
	struct weir_display *display;
	struct weir_pipeline *pipeline;
	pthread_t thread;
	int status;
};

/** @brief Start it, and wait until it runs. `options` may be NULL. */
void shown_start(struct shown *shown, const char *program, const struct weir_display_options *options);
void shown_start_with(struct shown *shown, const char *program, const struct weir_display_options *display,
		      const struct weir_options *options);
/** @brief Stop it; its run must have ended with status 0. */
void shown_stop(struct shown *shown);
/** @brief A connection to the control socket. */
int shown_connect(const struct shown *shown);
/** @brief Send all bytes. False: the peer has closed. */
bool shown_say(int fd, const char *bytes, size_t n);
/** @brief Read a line, as JSON, within five seconds. NULL: the peer has closed, or it is no JSON. */
json_t *shown_hear(int fd);
/** @brief Does the peer close within `ms`, whatever it sends before? */
bool shown_is_closed(int fd, int ms);
/** @brief One request of a new connection, answered. */
json_t *shown_ask(const struct shown *shown, const char *request);

#endif
