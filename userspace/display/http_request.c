/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/http_request.h"

#include <string.h>
#include <strings.h>

bool http_text_is(struct http_text text, const char *other)
{
	return text.at && text.n == strlen(other) && !memcmp(text.at, other, text.n);
}

bool http_text_is_word(struct http_text text, const char *other)
{
	return text.at && text.n == strlen(other) && !strncasecmp(text.at, other, text.n);
}

bool http_text_is_secret(struct http_text text, const char *secret)
{
	size_t n = strlen(secret);
	unsigned difference = text.n != n || !n;

	for (size_t i = 0; i < text.n; i++)
		difference |= (unsigned char)text.at[i] ^ (unsigned char)secret[n ? i % n : 0];
	return !difference;
}

struct http_text http_request_parameter(const struct http_request *request, const char *name)
{
	struct http_text rest = request->query;
	size_t length = strlen(name);

	while (rest.n) {
		const char *end = memchr(rest.at, '&', rest.n);
		size_t n = end ? (size_t)(end - rest.at) : rest.n;

		if (n > length && !memcmp(rest.at, name, length) && rest.at[length] == '=')
			return (struct http_text){ rest.at + length + 1, n - length - 1 };
		rest.at += n + (end != NULL);
		rest.n -= n + (end != NULL);
	}
	return (struct http_text){ 0 };
}

bool http_host_is_local(struct http_text host)
{
	static const char *const names[] = { "localhost", "[::1]" };
	size_t n = host.n;
	const char *colon = host.n && host.at[host.n - 1] != ']' ? memrchr(host.at, ':', host.n) : NULL;
	char address[16];

	if (colon)
		n = (size_t)(colon - host.at);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (http_text_is_word((struct http_text){ host.at, n }, names[i]))
			return true;
	/* 127.x.y.z, and no name that only begins so. */
	if (n < 9 || n >= sizeof(address) || memcmp(host.at, "127.", 4))
		return false;
	memcpy(address, host.at, n);
	address[n] = '\0';
	return strspn(address, "0123456789.") == n;
}

/* --- lines ------------------------------------------------------------------------- */

/* The next line, without its end; at.at NULL: there is no more. */
static struct http_text request_line(struct http_text *rest)
{
	const char *end = memmem(rest->at, rest->n, "\r\n", 2);
	struct http_text line = { rest->at, end ? (size_t)(end - rest->at) : 0 };

	if (!end)
		return (struct http_text){ 0 };
	rest->at = end + 2;
	rest->n -= line.n + 2;
	return line;
}

static struct http_text request_word(struct http_text *line)
{
	const char *space = memchr(line->at, ' ', line->n);
	struct http_text word = { line->at, space ? (size_t)(space - line->at) : line->n };

	line->at += word.n + (space != NULL);
	line->n -= word.n + (space != NULL);
	return word;
}

static int request_first(struct http_request *request, struct http_text line)
{
	struct http_text method = request_word(&line), target = request_word(&line);
	const char *question = target.n ? memchr(target.at, '?', target.n) : NULL;

	if (!method.n || !target.n || line.n < 5 || memcmp(line.at, "HTTP/", 5))
		return 400;
	if (!http_text_is(line, "HTTP/1.1") && !http_text_is(line, "HTTP/1.0"))
		return 505;
	request->closes = http_text_is(line, "HTTP/1.0");
	request->is_head = http_text_is(method, "HEAD");
	if (!request->is_head && !http_text_is(method, "GET"))
		return 405;
	if (*target.at != '/')
		return 400;
	request->path = (struct http_text){ target.at, question ? (size_t)(question - target.at) : target.n };
	if (question)
		request->query = (struct http_text){ question + 1, target.n - request->path.n - 1 };
	return 200;
}

static bool request_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int request_take(struct http_text *to, struct http_text value)
{
	/* Of two, a server before this one may have looked at the other. */
	if (to->at)
		return 400;
	*to = value;
	return 200;
}

static int request_header(struct http_request *request, struct http_text line)
{
	const char *colon = memchr(line.at, ':', line.n);
	struct http_text name = { line.at, colon ? (size_t)(colon - line.at) : 0 }, value;

	if (!name.n || request_is_blank(*name.at) || request_is_blank(name.at[name.n - 1]))
		return 400;
	value = (struct http_text){ colon + 1, line.n - name.n - 1 };
	while (value.n && request_is_blank(*value.at))
		value.at++, value.n--;
	while (value.n && request_is_blank(value.at[value.n - 1]))
		value.n--;
	if (http_text_is_word(name, "host"))
		return request_take(&request->host, value);
	if (http_text_is_word(name, "origin"))
		return request_take(&request->origin, value);
	if (http_text_is_word(name, "authorization"))
		return request_take(&request->authorization, value);
	if (http_text_is_word(name, "transfer-encoding"))
		return 413;
	if (http_text_is_word(name, "content-length"))
		return http_text_is(value, "0") ? 200 : 413;
	if (http_text_is_word(name, "connection") && http_text_is_word(value, "close"))
		request->closes = true;
	return 200;
}

static bool request_has_control(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if ((c < 0x20 && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
			return true;
		if (c == '\r' && i + 1 < n && bytes[i + 1] != '\n')
			return true;
		if (c == '\n' && (!i || bytes[i - 1] != '\r'))
			return true;
	}
	return false;
}

int http_request_read(struct http_request *request, const char *bytes, size_t n, size_t most, size_t *used)
{
	const char *end = n ? memmem(bytes, n, "\r\n\r\n", 4) : NULL;
	size_t length = end ? (size_t)(end - bytes) + 2 : n;
	struct http_text rest = { bytes, length }, line;
	int status;

	memset(request, 0, sizeof(*request));
	*used = n;
	if (request_has_control(bytes, length))
		return 400;
	if (!end)
		return n >= most ? 431 : 0;
	*used = length + 2;
	status = request_first(request, request_line(&rest));
	while (status == 200 && rest.n && (line = request_line(&rest)).at)
		status = request_header(request, line);
	if (status == 200 && !request->host.n && !request->closes)
		status = 400;
	return status;
}
