/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A request of HTTP in any bytes: it is read within them, the result does not depend on what follows, and what is not whole becomes
 * whole by more bytes alone. */
#include <stdlib.h>
#include <string.h>

#include "display/http_request.h"
#include "standalone.h"

static bool lies_in(struct http_text text, const uint8_t *data, size_t size)
{
	return !text.at || (text.at >= (const char *)data && text.at + text.n <= (const char *)data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_request request, again;
	size_t used, used_again;
	/* Memory that ends with the input. */
	uint8_t *copy = size ? memcpy(malloc(size), data, size) : NULL;
	int status = http_request_read(&request, (const char *)copy, size, 8192, &used);

	if (status == 200) {
		if (used > size || !lies_in(request.path, copy, size) || !lies_in(request.query, copy, size) ||
		    !lies_in(request.host, copy, size) || request.path.n < 1 || *request.path.at != '/')
			abort();
		if (http_request_read(&again, (const char *)copy, used, 8192, &used_again) != 200 || used_again != used)
			abort();
		if (!lies_in(http_request_parameter(&request, "token"), copy, size))
			abort();
		http_host_is_local(request.host);
	}
	if (!status && size >= 8192)
		abort();
	free(copy);
	return 0;
}

/* clang-format off */
static const char *const words[] = {
	"GET / HTTP/1.1\r\n", "Host: localhost\r\n", "\r\n\r\n", "HEAD ", "?token=", "&node=", "Content-Length: 0\r\n", "Origin: ",
	"HTTP/1.0\r\n\r\n", "[::1]:80", "127.0.0.1", "GET /state?node=1&token=abc HTTP/1.1\r\nHost: localhost:80\r\n\r\n", "\r", "\n", ":",
};
/* clang-format on */

FUZZER(words)
