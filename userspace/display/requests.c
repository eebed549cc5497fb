/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control socket: a line asks, one JSON object on a line answers. */
#include <stdio.h>
#include <string.h>

#include "display/server.h"

void display_answer_line(struct weir_display *display, struct display_client *client, const char *line)
{
	size_t n = strcspn(line, "\r");
	unsigned node, points;
	char rest = '\r';

	if ((n == 5 && !strncmp(line, "state", 5)) || !n) {
		display_send_json(client, display_state_json(&display->state));
	} else if (sscanf(line, "history %u %u%c", &node, &points, &rest) >= 2 && rest == '\r') {
		json_t *rows = display_history_json(&display->state, node, points);

		display_send_json(client, rows ? rows : json_pack("{s:s}", "error", "no ring behind this node"));
	} else {
		display_send_json(client,
				  json_pack("{s:s}", "error", "unknown request; use 'state' or 'history NODE POINTS'"));
		client->closes = true;
	}
}
