/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables of `http` and, for https.c, of `https`. Their operations are in one module, made of curl.c. */
#include "devices/curl_client.h"

static const char *const method_words[] = { "POST", "PUT", NULL };

const struct weir_param weir_curl_params[] = {
	WEIR_OUTBOX_PARAMS(struct weir_curl, bridge.outbox_args),
	WEIR_BROKER_LOGIN_PARAMS(struct weir_curl, bridge.broker_args),
	WEIR_BROKER_CERTIFICATE_PARAMS(struct weir_curl, bridge.broker_args),
	WEIR_P_WORD("method", struct weir_curl, method, "POST", method_words, "method of the requests"),
	WEIR_P_INT("batch", struct weir_curl, batch, "500", "largest number of records in a request", .min = 1,
		   .max = WEIR_OUTBOX_WINDOW),
	WEIR_P_DURATION("batch_time", struct weir_curl, batch_time_ns, "100ms",
			"time for which a record waits for others of its request", .max = 3600),
	WEIR_P_BOOL("array", struct weir_curl, is_array, "no",
		    "yes: a JSON array of the records; no: each record on a line of its own"),
	WEIR_P_TEXT("header", struct weir_curl, header, NULL, "a header of all requests, \"NAME: VALUE\""),
	WEIR_P_TEXT("header_file", struct weir_curl, header_file, NULL,
		    "file with headers of all requests, one a line; for secrets, and for several"),
	WEIR_P_TEXT("token_file", struct weir_curl, token_file, NULL,
		    "file with a token in its first line, sent as Authorization; read again with each connection"),
	WEIR_P_TEXT("token_env", struct weir_curl, token_env, NULL, "environment variable with that token"),
	WEIR_P_TEXT("token_scheme", struct weir_curl, token_scheme, "Bearer",
		    "word before the token; InfluxDB has Token"),
	WEIR_P_TEXT("id_header", struct weir_curl, id_header, "Idempotency-Key",
		    "header with the id of a request, the same when it is sent again; \"\": none"),
	WEIR_P_TEXT("content_type", struct weir_curl, content_type, NULL,
		    "media type of the body; default: that of format="),
	WEIR_P_DURATION("timeout", struct weir_curl, timeout_ns, "30s", "time for the answer to a request", .min = 0.1,
			.max = 3600),
	WEIR_P_TEXT("proxy", struct weir_curl, proxy, NULL, "address of an HTTP or SOCKS proxy; default: none"),
	{ 0 }
};

const struct weir_library weir_curl_library = {
	.name = "libcurl",
	.package = "libcurl4",
	.build_package = "libcurl4-openssl-dev",
	.weir_package = "weir-brokers",
	.module = "curl",
};

const struct weir_driver weir_bridge_curl = {
	.name = "http",
	.doc = "requests to an HTTP server, with records as their bodies",
	.target = "//[USER@]HOST[:PORT]/PATH",
	.sink_params = weir_curl_params,
	.library = &weir_curl_library,
	.sink = &weir_unopened_sink,
};
