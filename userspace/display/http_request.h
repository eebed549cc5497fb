/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file http_request.h
 * @brief One request of HTTP/1.1, as a browser, curl or Prometheus sends it: pure, from bytes that come from anybody.
 *
 * RFC 9112. Only GET and HEAD without a body are understood. Nothing is decoded: a path is compared as it came, so `..`, `%2e` and `//`
 * name nothing.
 */
#ifndef WEIR_DISPLAY_HTTP_REQUEST_H
#define WEIR_DISPLAY_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

struct http_text {
	const char *at; /**< not terminated; into the request's bytes; NULL: there is none */
	size_t n;
};

struct http_request {
	struct http_text path, query, host, origin, authorization;
	bool is_head, closes;
};

/**
 * @brief Read the request at the beginning of `n` bytes.
 * @param used set to its bytes, when it is whole or wrong.
 * @return 0: it is not whole yet; 200; or the status of the error: 400, 405, 413, 431, 505. After an error the connection is to be
 * closed: it is not clear where the next request begins.
 */
int http_request_read(struct http_request *request, const char *bytes, size_t n, size_t most, size_t *used);

/** @brief The value of a parameter of the query, as it came. n of 0: none. */
struct http_text http_request_parameter(const struct http_request *request, const char *name);

/** @brief Are they the same? The time depends on the length of `text` alone. */
bool http_text_is_secret(struct http_text text, const char *secret);
bool http_text_is(struct http_text text, const char *other);
/** @brief Without the case of letters of ASCII. */
bool http_text_is_word(struct http_text text, const char *other);

/** @brief Is it a name of this machine's loopback, with or without a port: "localhost:8080", "127.0.0.1", "[::1]:80"? */
bool http_host_is_local(struct http_text host);

#endif
