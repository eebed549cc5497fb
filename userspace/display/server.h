/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file server.h
 * @brief The thread that serves displays, and its connections. Everything here has a bound: connections, bytes of a request, time for
 * one, bytes that wait to be sent.
 */
#ifndef WEIR_DISPLAY_SERVER_H
#define WEIR_DISPLAY_SERVER_H

#include <pthread.h>

#include "display/control_place.h"
#include "display/state.h"
#include "weir/display.h"

#define DISPLAY_CLIENTS_MAX 160
#define DISPLAY_CONTROL_MAX 32                  /**< of these, at the control socket */
#define DISPLAY_REQUEST_MAX 8192                /**< bytes of a request */
#define DISPLAY_REQUEST_NS INT64_C(10000000000) /**< time for a request, and between two */
#define DISPLAY_SEND_NS INT64_C(60000000000)    /**< time without progress of an answer */

enum display_kind { DISPLAY_CONTROL, DISPLAY_HTTP };

/** One connection. */
struct display_client {
	int fd;
	enum display_kind kind;
	bool closes;      /**< when all is sent */
	bool is_at_end;   /**< the peer sends nothing more */
	bool gets_events; /**< server-sent events, until it goes */
	uint64_t missed;  /**< events that it had no room for since the last one that it got */
	int64_t since_ns; /**< of its last progress */
	size_t n_in;
	char in[DISPLAY_REQUEST_MAX + 1];
	char *out; /**< owned; n_out bytes, of which `sent` are sent */
	size_t n_out, sent;
};

struct weir_display {
	char name[64], path[WEIR_PLACE_PATH];
	FILE *messages;
	int control_fd, http_fd, wake_fd; /**< -1: none */
	char token[129];                  /**< empty: none */
	pthread_t thread;
	bool is_running; /**< the thread is */
	_Atomic bool stops;
	struct display_state state; /**< of the pipeline; the thread's while it runs */
	struct display_client *client[DISPLAY_CLIENTS_MAX];
	uint32_t n_clients;
	int64_t event_ns; /**< when the next event is due */
};

/** @brief Queue bytes for a client, behind those that are queued. Without memory the client is closed. */
void display_send(struct display_client *client, const char *bytes, size_t n);
void display_send_json(struct display_client *client, json_t *document);

/** @brief A line has come at the control socket. `line` is a string. */
void display_answer_line(struct weir_display *display, struct display_client *client, const char *line);
#endif
