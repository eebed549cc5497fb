/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `http` with TLS: the same module, named in curl_table.c. */
#include "devices/curl_client.h"

const struct weir_driver weir_bridge_https = {
	.name = "https",
	.doc = "requests to an HTTP server over TLS, with records as their bodies",
	.target = "//[USER@]HOST[:PORT]/PATH",
	.sink_params = weir_curl_params,
	.library = &weir_curl_library,
	.sink = &weir_unopened_sink,
};
