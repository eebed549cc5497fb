/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `http` and `https`: records as the bodies of requests, by libcurl. A batch is delivered when the server has answered with a status
 * of 2xx. devices/curl_client.c has what becomes of others.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/curl_settings.h"
#include "weir/module.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode prepared;

static void prepare(void)
{
	prepared = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* What belongs together. */
static int http_check(struct weir_curl *curl)
{
	static const char *const tls[] = { "ca", "cert", "key" };
	struct weir_node *node = curl->bridge.node;
	const char *format = weir_payload_written_words[curl->bridge.outbox_args.payload.format];

	for (size_t i = 0; i < sizeof(tls) / sizeof(*tls); i++)
		if (!curl->bridge.broker->has_tls && weir_arg_given(node, tls[i]))
			return weir_fail_arg(node, tls[i], "as in https://HOST/PATH", "%s= needs https://", tls[i]);
	if (curl->is_array && strcmp(format, "json"))
		return weir_fail_arg(node, "array", "leave out format=", "an array has elements of JSON");
	if (!strcmp(format, "binary") && curl->batch > 1)
		return weir_fail_arg(node, "format", "add batch=1", "a binary body has one record");
	return 0;
}

static int http_allocate(struct weir_curl *curl)
{
	curl->most = curl->batch;
	curl->filling.bytes = malloc(WEIR_CURL_BODY);
	curl->sent.bytes = malloc(WEIR_CURL_BODY);
	return curl->filling.bytes && curl->sent.bytes ? 0 : -ENOMEM;
}

static int http_open(struct weir_node *node, const struct weir_schema *in)
{
	static const struct weir_outbox_ops ops = {
		.link = { .open = weir_curl_link_open, .serve = weir_curl_link_serve, .shut = weir_curl_link_shut },
		.send = weir_curl_send,
		.flush = weir_curl_flush,
		.noun = "server"
	};
	static const struct weir_bridge_peer plain = { .port = 80, .tls_port = 443, .example = "http://HOST/PATH" },
					     secure = { .port = 80, .tls_port = 443, .example = "https://HOST/PATH" };
	struct weir_curl *curl = weir_state(node);
	bool is_secure = !strcmp(weir_driver_name(node), "https");
	char place[900];
	int err;

	(void)in;
	pthread_once(&once, prepare);
	if (prepared)
		return weir_fail(node, ENOMEM, "libcurl: %s", curl_easy_strerror(prepared));
	curl->bridge.broker_args.scheme = is_secure ? WEIR_BROKER_TLS_ALWAYS : WEIR_BROKER_TLS_NEVER;
	err = weir_bridge_open(node, is_secure ? &secure : &plain);
	if (!err)
		err = http_check(curl);
	if (!err)
		err = weir_curl_settings_open(curl);
	if (!err)
		err = http_allocate(curl);
	if (err)
		return err;
	snprintf(place, sizeof(place), "%s/%s", weir_driver_name(node), curl->bridge.broker->path);
	return weir_bridge_open_outbox(&curl->bridge, &ops, place);
}

static void http_close(struct weir_node *node)
{
	struct weir_curl *curl = weir_state(node);

	weir_bridge_close(node);
	weir_curl_settings_close(curl);
	free(curl->filling.bytes);
	free(curl->sent.bytes);
}

/* Without `serve`: names, TLS and answers take their time, and have the sender's thread for it. */
static const struct weir_sink_ops sink_ops = {
	.state_bytes = sizeof(struct weir_curl),
	.open = http_open,
	.start = weir_bridge_start,
	.push = weir_bridge_push,
	.end = weir_bridge_end,
	.how = weir_bridge_sink_how,
	.progress = weir_bridge_progress,
	.close = http_close,
};

const struct weir_module weir_module_curl = {
	.abi = WEIR_ABI,
	.sink = &sink_ops,
};
