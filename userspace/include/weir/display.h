/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file display.h
 * @brief A running pipeline on display: its control socket, its page and metrics by HTTP, and the pipelines that run on this machine.
 *
 * A thread of its own serves all clients. It reads counters that are there anyway and copies single rows of rings. So no stage, source
 * or output does anything for it, and no client can make one wait. docs/display.md has the protocol.
 */
#ifndef WEIR_DISPLAY_H
#define WEIR_DISPLAY_H

#include "weir/weir.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_display;

struct weir_display_options {
	const char *name;       /**< of the pipeline, in listings; NULL: "program". Copied */
	const char *http;       /**< ADDRESS:PORT to serve the page at; NULL: none */
	const char *token_file; /**< file whose first line is the token that HTTP clients must have; NULL: none */
	bool quiet;             /**< the address that was had is not printed */
	FILE *messages;         /**< NULL: stderr */
};

/**
 * @brief Open the sockets. The control socket is left out where no directory for it can be written to.
 * @param out NULL on error. Close with weir_display_close().
 * @return 0; 2: an address or a token that cannot be used; 1: the address cannot be had, or no memory. After a message.
 */
int weir_display_open(struct weir_display **out, const struct weir_display_options *options);
/** @brief Remove the control socket, close all connections. NULL is allowed. */
void weir_display_close(struct weir_display *display);

/** @brief Serve, by a thread, what `pipeline` does, until weir_display_end(): between weir_open() and weir_run(). A failure to start the
 *  thread is reported, and nothing is served. */
void weir_display_begin(struct weir_display *display, struct weir_pipeline *pipeline);
/** @brief Before weir_close(). Connections stay, for the next weir_display_begin(). NULL is allowed. */
void weir_display_end(struct weir_display *display);

/**
 * @brief The state of each pipeline of this machine that this user may look at, as a JSON array.
 * @param which a name or the number of a process; NULL: all.
 * @return a text to free(); NULL: no memory.
 */
char *weir_running(const char *which);

#ifdef __cplusplus
}
#endif
#endif
