/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file curl_client.h
 * @brief Messages of an outbox as HTTP requests: the functions of a link (weir/link.h) and of an outbox, whose `context` is a struct
 * weir_curl. One thread.
 *
 * Messages gather in a body while the request before it is under way, so there are at most two bodies, of WEIR_CURL_BODY bytes each. One
 * request is under way at a time: messages stay in order.
 */
#ifndef WEIR_DEVICES_CURL_CLIENT_H
#define WEIR_DEVICES_CURL_CLIENT_H

#include "weir/bridge.h"

#define WEIR_CURL_BODY (1 << 20)
#define WEIR_CURL_ID 64      /**< bytes of a request's id, with its zero */
#define WEIR_CURL_HEADERS 32 /**< of header= and header_file= */
#define WEIR_CURL_SECRET 4096
#define WEIR_CURL_ERROR 256 /**< CURL_ERROR_SIZE */

struct curl_slist; /* libcurl's, whose handles have no type */

/** Messages of one request. */
struct weir_curl_batch {
	char *bytes; /**< WEIR_CURL_BODY */
	size_t n_bytes;
	uint32_t n;                                      /**< messages; 0: there is none */
	uint64_t sender, first_id, last_id, first_token; /**< tokens count up by one */
	uint64_t until_id; /**< no message behind it, because they were together before; UINT64_MAX: any */
	int64_t due_ns;    /**< to be sent, full or not */
};

/** The answer to a request, as far as people read it. */
struct weir_curl_answer {
	char status[80], text[160]; /**< "503 Service Unavailable"; the first bytes of the body */
	size_t n_text, n_bytes;
};

struct weir_curl {
	struct weir_bridge bridge;
	/* Arguments. */
	int method; /**< 0: POST, 1: PUT */
	const char *header, *header_file, *token_file, *token_env, *token_scheme, *id_header, *content_type, *proxy;
	uint32_t batch;
	int64_t batch_time_ns, timeout_ns;
	bool is_array;
	/* What they come to. */
	char *url;
	char token[WEIR_CURL_SECRET];
	struct curl_slist *headers; /**< the same in all requests */
	/* The client's. */
	void *multi, *probe, *request; /**< NULL: none is under way */
	bool is_up;                    /**< the server was reached */
	bool has_served;               /**< it has taken something, in this run */
	uint32_t most;                 /**< messages of a batch: less than batch= where the server takes no more */
	uint64_t n_sent;
	struct weir_curl_batch filling, sent;
	struct weir_curl_batch again; /**< the last that was sent without an answer: no bytes, only what was in it */
	char id[WEIR_CURL_ID + 128];  /**< the header line */
	struct curl_slist *id_line;   /**< it, and `headers` behind it */
	int64_t resume_ns, pause_ns;  /**< `sent` goes again then; the last pause, 0: none since the last success */
	struct weir_curl_answer answer;
	char error[WEIR_CURL_ERROR];
};

/* Of both drivers, `http` and `https`: bridges/curl_table.c. */
extern const struct weir_param weir_curl_params[];
extern const struct weir_library weir_curl_library;

int weir_curl_link_open(void *context, char why[WEIR_LINK_WHY]);
int weir_curl_link_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY]);
void weir_curl_link_shut(void *context);
int weir_curl_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY]);
void weir_curl_flush(void *context);

#endif
