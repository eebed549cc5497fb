/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file http.h @brief What is to be had by HTTP: the page, events, state and history as JSON, metrics, health. */
#ifndef WEIR_DISPLAY_HTTP_H
#define WEIR_DISPLAY_HTTP_H

#include "display/server.h"

/** @brief Listen at ADDRESS:PORT, with a token where others than this machine can connect. @return an exit status, after a message. */
int display_http_open(struct weir_display *display, const struct weir_display_options *options);

/** @brief Answer the request in client->in, if it is whole. @return bytes that are used up; 0: it is not whole. */
size_t display_answer_http(struct weir_display *display, struct display_client *client);
/** @brief Give all clients that get events a new one, or count it as missed. */
void display_send_events(struct weir_display *display);

/** @brief A state as text of Prometheus, version 0.0.4: to free(). NULL: no memory. */
char *display_metrics(const json_t *state);

#endif
