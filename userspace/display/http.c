/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "display/http_request.h"
#include "display_page.h"

#define HISTORY_POINTS 300

#define JSON_TYPE "application/json"

struct answer {
	int status;
	const char *type;
	const char *body;
	size_t n;
};

static const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 413, "Content Too Large" },
		{ 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Error";
}

/* Nothing is kept by a browser, shown within another site, or told to one. */
#define HTTP_COMMON                                                                                                   \
	"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"              \
	"Content-Security-Policy: default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; " \
	"script-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n"

static void http_send(struct display_client *client, const struct http_request *request, const struct answer *answer)
{
	char head[1024];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s%s%s" HTTP_COMMON "\r\n",
			 answer->status, http_reason(answer->status), answer->type, answer->n,
			 answer->status == 401 ? "WWW-Authenticate: Bearer realm=\"weir\"\r\n" : "",
			 answer->status == 405 ? "Allow: GET, HEAD\r\n" : "",
			 request->closes ? "Connection: close\r\n" : "");

	display_send(client, head, (size_t)n);
	if (!request->is_head)
		display_send(client, answer->body, answer->n);
	client->closes |= request->closes;
}

static void http_send_status(struct display_client *client, const struct http_request *request, int status)
{
	char body[64];
	int n = snprintf(body, sizeof(body), "%d %s\n", status, http_reason(status));

	http_send(client, request, &(struct answer){ status, "text/plain; charset=utf-8", body, (size_t)n });
}

/* Takes `document`. */
static void http_send_json(struct display_client *client, const struct http_request *request, int status,
			   json_t *document)
{
	char *text = document ? json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

	if (text)
		http_send(client, request, &(struct answer){ status, JSON_TYPE, text, strlen(text) });
	else
		http_send_status(client, request, 503);
	free(text);
	json_decref(document);
}

/* --- what there is ------------------------------------------------------------------ */

static void http_metrics(struct weir_display *display, struct display_client *client,
			 const struct http_request *request)
{
	json_t *state = display_state_json(&display->state);
	char *text = state ? display_metrics(state) : NULL;

	if (text)
		http_send(client, request,
			  &(struct answer){ 200, "text/plain; version=0.0.4; charset=utf-8", text, strlen(text) });
	else
		http_send_status(client, request, 503);
	free(text);
	json_decref(state);
}

static void http_health(struct weir_display *display, struct display_client *client, const struct http_request *request)
{
	json_t *state = display_state_json(&display->state);
	bool is_up = json_object_get(state, "nodes");
	json_t *health = json_pack("{s:s, s:O, s:O}", "status", is_up ? "ok" : "starting or ending", "name",
				   json_object_get(state, "name"), "uptime", json_object_get(state, "uptime"));

	if (is_up)
		json_object_set(health, "lost", json_object_get(state, "lost"));
	json_decref(state);
	http_send_json(client, request, is_up ? 200 : 503, health);
}

/* -1: it is no number of at most six digits. */
static long http_number(struct http_text text)
{
	long value = 0;

	if (!text.n || text.n > 6)
		return -1;
	for (size_t i = 0; i < text.n; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return -1;
		value = 10 * value + text.at[i] - '0';
	}
	return value;
}

static void http_history(struct weir_display *display, struct display_client *client,
			 const struct http_request *request)
{
	struct http_text given = http_request_parameter(request, "points");
	long node = http_number(http_request_parameter(request, "node"));
	long points = given.at ? http_number(given) : HISTORY_POINTS;
	json_t *rows;

	if (node < 0 || points < 1) {
		http_send_status(client, request, 400);
		return;
	}
	rows = display_history_json(&display->state, (uint32_t)node, (uint32_t)points);
	if (rows)
		http_send_json(client, request, 200, rows);
	else
		http_send_status(client, request, 404);
}

static void http_begin_events(struct display_client *client, const struct http_request *request)
{
	static const char head[] =
		"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n" HTTP_COMMON "\r\n";
	static const char retry[] = "retry: 1000\n\n";

	display_send(client, head, sizeof(head) - 1);
	if (request->is_head) {
		client->closes = true;
		return;
	}
	display_send(client, retry, sizeof(retry) - 1);
	client->gets_events = true;
}

static void http_route(struct weir_display *display, struct display_client *client, const struct http_request *request)
{
	const struct answer page = { 200, "text/html; charset=utf-8", (const char *)display_page,
				     sizeof(display_page) };

	if (http_text_is(request->path, "/"))
		http_send(client, request, &page);
	else if (http_text_is(request->path, "/state"))
		http_send_json(client, request, 200, display_state_json(&display->state));
	else if (http_text_is(request->path, "/history"))
		http_history(display, client, request);
	else if (http_text_is(request->path, "/events"))
		http_begin_events(client, request);
	else if (http_text_is(request->path, "/metrics"))
		http_metrics(display, client, request);
	else if (http_text_is(request->path, "/health"))
		http_health(display, client, request);
	else
		http_send_status(client, request, 404);
}

/* --- who may ------------------------------------------------------------------------- */

static bool http_has_token(const struct weir_display *display, const struct http_request *request)
{
	static const char scheme[] = "Bearer ";
	struct http_text header = request->authorization;

	if (header.n >= sizeof(scheme) - 1 && !strncasecmp(header.at, scheme, sizeof(scheme) - 1)) {
		header.at += sizeof(scheme) - 1;
		header.n -= sizeof(scheme) - 1;
		return http_text_is_secret(header, display->token);
	}
	return http_text_is_secret(http_request_parameter(request, "token"), display->token);
}

/* A page of another site asks with its own Origin, or, by a name of its own for 127.0.0.1, with another Host. */
static bool http_is_foreign(const struct weir_display *display, const struct http_request *request)
{
	struct http_text origin = request->origin;

	if (!*display->token && !http_host_is_local(request->host))
		return true;
	if (!origin.at)
		return false;
	if (origin.n < 7 || memcmp(origin.at, "http://", 7))
		return true;
	return origin.n - 7 != request->host.n || memcmp(origin.at + 7, request->host.at, request->host.n);
}

size_t display_answer_http(struct weir_display *display, struct display_client *client)
{
	struct http_request request;
	size_t used;
	int status = http_request_read(&request, client->in, client->n_in, DISPLAY_REQUEST_MAX, &used);

	if (!status)
		return 0;
	if (status == 200 && http_is_foreign(display, &request))
		status = 403;
	else if (status == 200 && *display->token && !http_has_token(display, &request))
		status = 401;
	request.closes |= status != 200;
	if (status == 200)
		http_route(display, client, &request);
	else
		http_send_status(client, &request, status);
	return used;
}

/* --- events ---------------------------------------------------------------------------- */

static void http_send_event(struct display_client *client, const char *event, size_t n)
{
	char gap[80];

	/* It takes nothing at the moment, and what waits for it stays bounded. */
	if (client->n_out) {
		client->missed++;
		return;
	}
	if (client->missed) {
		int length = snprintf(gap, sizeof(gap), "event: gap\ndata: {\"missed\":%llu}\n\n",
				      (unsigned long long)client->missed);

		display_send(client, gap, (size_t)length);
		client->missed = 0;
	}
	display_send(client, event, n);
}

void display_send_events(struct weir_display *display)
{
	static const char begin[] = "event: state\ndata: ", end[] = "\n\n";
	json_t *state = display_state_json(&display->state);
	char *text = state ? json_dumps(state, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
	size_t n = text ? strlen(text) : 0;
	char *event = text ? malloc(sizeof(begin) + n + sizeof(end)) : NULL;

	if (event) {
		n = (size_t)sprintf(event, "%s%s%s", begin, text, end);
		for (uint32_t i = 0; i < display->n_clients; i++)
			if (display->client[i]->gets_events)
				http_send_event(display->client[i], event, n);
	}
	free(event);
	free(text);
	json_decref(state);
}
