/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is queued for a client. It is bounded: a client that has something queued is asked nothing more. */
#include <stdlib.h>
#include <string.h>

#include "display/server.h"

void display_send(struct display_client *client, const char *bytes, size_t n)
{
	char *out = realloc(client->out, client->n_out + n);

	if (!out) {
		client->closes = true;
		return;
	}
	client->out = out;
	memcpy(client->out + client->n_out, bytes, n);
	client->n_out += n;
}

void display_send_json(struct display_client *client, json_t *document)
{
	char *text = document ? json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

	if (text) {
		display_send(client, text, strlen(text));
		display_send(client, "\n", 1);
	} else {
		client->closes = true;
	}
	free(text);
	json_decref(document);
}
