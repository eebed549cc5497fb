/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devices/curl_settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "devices/openssl_exit.h"

#define LINE_MAX_BYTES 8192
#define REACH_MS 5000L

/* ---------------------------------------------------------------------- words */

static const char *curl_default_type(const struct weir_curl *curl)
{
	static const char *const types[] = { "application/x-ndjson", "text/csv; charset=utf-8",
					     "text/plain; charset=utf-8", "text/plain; charset=utf-8",
					     "application/octet-stream" };
	int format = curl->bridge.outbox_args.payload.format;

	if (!format && (curl->is_array || curl->batch == 1))
		return "application/json";
	return types[format];
}

/* The characters of a token of RFC 9110. */
static size_t curl_token_span(const char *text)
{
	return strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static bool is_clean(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

/* NULL, or what is wrong with it. */
static const char *curl_check_header(const char *line)
{
	size_t n = curl_token_span(line);

	if (!n || line[n] != ':')
		return "a header is NAME: VALUE";
	if (!is_clean(line))
		return "a header has no control characters";
	if (!strncasecmp(line, "Content-Length:", 15) || !strncasecmp(line, "Transfer-Encoding:", 18))
		return "weir itself sets the length";
	return NULL;
}

/* -------------------------------------------------------------------- headers */

static int curl_add_line(struct weir_curl *curl, const char *line)
{
	struct curl_slist *longer = curl_slist_append(curl->headers, line);

	if (!longer)
		return -ENOMEM;
	curl->headers = longer;
	return 0;
}

static int curl_add_header(struct weir_curl *curl, const char *argument, const char *line)
{
	const char *wrong = curl_check_header(line);

	if (wrong)
		return weir_fail_arg(curl->bridge.node, argument, "as in header=\"X-Site: attic\"", "%s", wrong);
	return curl_add_line(curl, line);
}

static int curl_read_headers(struct weir_curl *curl, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[LINE_MAX_BYTES];
	int err = 0;

	if (!file)
		return weir_fail_arg(curl->bridge.node, "header_file", NULL, "cannot read %s: %s", path,
				     strerror(errno));
	for (int n = 0; !err && fgets(line, sizeof(line), file);) {
		line[strcspn(line, "\r\n")] = 0;
		if (!*line || *line == '#')
			continue;
		err = n++ == WEIR_CURL_HEADERS ? weir_fail_arg(curl->bridge.node, "header_file", NULL,
							       "%s has more than %d headers", path, WEIR_CURL_HEADERS)
					       : curl_add_header(curl, "header_file", line);
	}
	explicit_bzero(line, sizeof(line));
	fclose(file);
	return err;
}

/* An empty line is no token. 0 or -errno. */
static int curl_read_line(const char *path, char *to, size_t room)
{
	int err = weir_broker_read_line(path, to, room);

	return err || *to ? err : -ENODATA;
}

static int curl_read_token(struct weir_curl *curl)
{
	struct weir_node *node = curl->bridge.node;
	const char *file = curl->token_file, *variable = curl->token_env;
	const char *value = variable ? getenv(variable) : NULL;
	int err;

	if (!file && !variable)
		return 0;
	if (file && variable)
		return weir_fail_arg(node, "token_env", NULL, "there is a token_file= already");
	if (curl->bridge.broker->user)
		return weir_fail_arg(node, file ? "token_file" : "token_env", "leave out one of them",
				     "a user and a token are two ways to log in");
	if (variable && (!value || !*value))
		return weir_fail_arg(node, "token_env", NULL, "the environment has no variable %s", variable);
	err = file ? curl_read_line(file, curl->token, sizeof(curl->token)) : 0;
	if (err == -ENODATA)
		return weir_fail_arg(node, "token_file", NULL, "%s has no first line", file);
	if (err < 0)
		return weir_fail_arg(node, "token_file", NULL, "cannot read %s: %s", file, strerror(-err));
	if (variable)
		snprintf(curl->token, sizeof(curl->token), "%s", value);
	return is_clean(curl->token) ? 0
				     : weir_fail_arg(node, file ? "token_file" : "token_env", NULL,
						     "a token has no control characters");
}

static int curl_add_authorization(struct weir_curl *curl)
{
	char line[WEIR_CURL_SECRET + 64];
	int err;

	if (!*curl->token)
		return 0;
	snprintf(line, sizeof(line), "Authorization: %.32s %s", curl->token_scheme, curl->token);
	err = curl_add_line(curl, line);
	explicit_bzero(line, sizeof(line));
	return err;
}

/* A secret has no place in a program, where others read it. */
static int curl_check_given(struct weir_curl *curl)
{
	struct weir_node *node = curl->bridge.node;

	if (curl->header &&
	    (!strncasecmp(curl->header, "Authorization:", 14) || !strncasecmp(curl->header, "Cookie:", 7)))
		return weir_fail_arg(node, "header", "use token_file=, password_file= or header_file=",
				     "a secret has no place in a program");
	if (curl->token_scheme[curl_token_span(curl->token_scheme)] || !*curl->token_scheme)
		return weir_fail_arg(node, "token_scheme", "as in token_scheme=Token", "a scheme is one word");
	if (*curl->id_header && curl->id_header[curl_token_span(curl->id_header)])
		return weir_fail_arg(node, "id_header", "as in id_header=Idempotency-Key",
				     "the name of a header is one word");
	if (strlen(curl->id_header) > 100)
		return weir_fail_arg(node, "id_header", NULL, "the name is longer than 100 bytes");
	return 0;
}

static int curl_make_headers(struct weir_curl *curl)
{
	char type[300];
	int err = 0;

	snprintf(type, sizeof(type), "Content-Type: %s",
		 curl->content_type ? curl->content_type : curl_default_type(curl));
	err = curl_add_header(curl, "content_type", type);
	if (!err)
		err = curl_add_line(curl, "Expect:"); /* the body follows at once */
	if (!err && curl->header)
		err = curl_add_header(curl, "header", curl->header);
	if (!err && curl->header_file)
		err = curl_read_headers(curl, curl->header_file);
	return err ? err : curl_add_authorization(curl);
}

/* ------------------------------------------------------------------------ url */

static int curl_make_url(struct weir_curl *curl)
{
	const struct weir_broker *broker = curl->bridge.broker;
	bool is_six = strchr(broker->host, ':');

	for (const char *at = broker->path; *at; at++)
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
			return weir_fail_arg(curl->bridge.node, NULL, "write a blank as %20",
					     "a URL has no blanks and no characters beyond ASCII");
	if (asprintf(&curl->url, "%s://%s%s%s:%d/%s", broker->has_tls ? "https" : "http", is_six ? "[" : "",
		     broker->host, is_six ? "]" : "", broker->port, broker->path) < 0) {
		curl->url = NULL;
		return -ENOMEM;
	}
	return 0;
}

int weir_curl_settings_open(struct weir_curl *curl)
{
	int err = curl_check_given(curl);

	if (!err)
		err = curl_make_url(curl);
	if (!err)
		err = curl_read_token(curl);
	if (!err)
		err = curl_make_headers(curl);
	curl->id_line = err ? NULL : calloc(1, sizeof(*curl->id_line));
	return err || curl->id_line ? err : -ENOMEM;
}

void weir_curl_settings_close(struct weir_curl *curl)
{
	for (struct curl_slist *line = curl->headers; line; line = line->next)
		explicit_bzero(line->data, strlen(line->data));
	curl_slist_free_all(curl->headers);
	curl->headers = NULL;
	explicit_bzero(curl->token, sizeof(curl->token));
	free(curl->id_line);
	free(curl->url);
}

void weir_curl_settings_renew(struct weir_curl *curl)
{
	char token[WEIR_CURL_SECRET];
	struct curl_slist *line = curl->headers;

	if (!curl->token_file || curl_read_line(curl->token_file, token, sizeof(token)) < 0 || !is_clean(token) ||
	    !strcmp(token, curl->token))
		return;
	strcpy(curl->token, token);
	explicit_bzero(token, sizeof(token));
	/* It is the last line. */
	while (line->next && line->next->next)
		line = line->next;
	explicit_bzero(line->next->data, strlen(line->next->data));
	curl_slist_free_all(line->next);
	line->next = NULL;
	(void)curl_add_authorization(curl);
}

/* ---------------------------------------------------------------------- apply */

static CURLcode curl_apply_tls(const struct weir_broker *broker, CURL *handle)
{
	CURLcode got = curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);

	if (!got)
		got = curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, broker->is_unchecked ? 0L : 1L);
	if (!got)
		got = curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, broker->is_unchecked ? 0L : 2L);
	if (!got && broker->ca)
		got = curl_easy_setopt(handle, CURLOPT_CAINFO, broker->ca);
	if (!got && broker->ca)
		got = curl_easy_setopt(handle, CURLOPT_CAPATH, NULL); /* no others */
	if (!got && broker->cert)
		got = curl_easy_setopt(handle, CURLOPT_SSLCERT, broker->cert);
	if (!got && broker->key)
		got = curl_easy_setopt(handle, CURLOPT_SSLKEY, broker->key);
	return got;
}

static CURLcode curl_apply_login(const struct weir_broker *broker, CURL *handle)
{
	CURLcode got = curl_easy_setopt(handle, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);

	if (!got)
		got = curl_easy_setopt(handle, CURLOPT_USERNAME, broker->user);
	return got ? got : curl_easy_setopt(handle, CURLOPT_PASSWORD, broker->password ? broker->password : "");
}

CURLcode weir_curl_settings_apply(struct weir_curl *curl, CURL *handle)
{
	const struct weir_broker *broker = curl->bridge.broker;
	CURLcode got = curl_easy_setopt(handle, CURLOPT_URL, curl->url);

	curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, curl->error);
	curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, REACH_MS);
	curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (!got)
		got = curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
	if (!got)
		got = curl_easy_setopt(handle, CURLOPT_PROXY, curl->proxy ? curl->proxy : "");
	if (!got)
		got = curl_easy_setopt(handle, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
	if (!got && broker->has_tls)
		got = curl_apply_tls(broker, handle);
	return got || !broker->user ? got : curl_apply_login(broker, handle);
}

/* ----------------------------------------------------------------------- mask */

static void curl_mask_one(const char *secret, char *text)
{
	size_t n = secret ? strlen(secret) : 0;

	if (n < 4)
		return; /* it would be found everywhere */
	while ((text = strstr(text, secret)))
		memset(text, '*', n);
}

/* Also where an answer was cut in the middle of a secret. */
static void curl_mask_end(const char *secret, char *text)
{
	size_t n = secret ? strlen(secret) : 0, length = strlen(text);

	for (size_t k = n < length ? n : length; k >= 4; k--)
		if (!memcmp(text + length - k, secret, k)) {
			memset(text + length - k, '*', k);
			return;
		}
}

static void curl_mask(const char *secret, char *text)
{
	curl_mask_one(secret, text);
	curl_mask_end(secret, text);
}

void weir_curl_settings_mask(const struct weir_curl *curl, char *text)
{
	curl_mask(curl->token, text);
	curl_mask(curl->bridge.broker->password, text);
	for (const struct curl_slist *line = curl->headers; line && curl->header_file; line = line->next) {
		const char *value = strchr(line->data, ':');

		value += value ? 1 + strspn(value + 1, " \t") : 0;
		if (value && strncasecmp(line->data, "Content-Type:", 13))
			curl_mask(value, text);
	}
}
