/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The page's server: requests of HTTP as they should and should not be, who may, and clients that are slow, many or hostile. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "display/http_request.h"
#include "shown.h"

#define PROGRAM "a = synth:counter rate=1kHz | select n = value, twice = 2 * value\na | null\na | where n > 1e9 | null"
#define HOST "Host: localhost\r\n"

/* --- requests ------------------------------------------------------------------------ */

static int status_of(const char *text, size_t *used)
{
	struct http_request request;

	return http_request_read(&request, text, strlen(text), 8192, used);
}

static void requests_are_read_by_the_rules(void **state)
{
	static const struct {
		const char *text;
		int status;
	} requests[] = {
		{ "GET / HTTP/1.1\r\n" HOST "\r\n", 200 },
		{ "HEAD /metrics?x=1 HTTP/1.1\r\nhost:x\r\n\r\n", 200 },
		{ "GET / HTTP/1.0\r\n\r\n", 200 },
		{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 200 },
		{ "", 0 },
		{ "GET / HTTP/1.1\r\n" HOST, 0 },
		{ "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\n\n", 400 },
		{ "GET /\r\n\r\n", 400 },
		{ "GET  / HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "GET http://x/ HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "nocolon\r\n\r\n", 400 },
		{ "GET /\x01 HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 405 },
		{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 413 },
		{ "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 413 },
		{ "GET / HTTP/2.0\r\n" HOST "\r\n", 505 },
	};
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		assert_int_equal(status_of(requests[i].text, &used), requests[i].status);
	assert_int_equal(status_of("GET / HTTP/1.1\r\n" HOST "\r\nGET /b", &used), 200);
	assert_int_equal(used, strlen("GET / HTTP/1.1\r\n" HOST "\r\n"));
}

static void only_loopback_is_local(void **state)
{
	static const char *const local[] = { "localhost",      "LOCALHOST:80", "127.0.0.1",
					     "127.1.2.3:8080", "[::1]",        "[::1]:8080" };
	static const char *const others[] = {
		"",    "evil", "127.0.0.1.evil.org", "localhost.evil.org", "127.evil:80", "[::2]",
		"::1", ":80",  "10.0.0.1",           "127.0.0.1:80:evil"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		assert_true(http_host_is_local((struct http_text){ local[i], strlen(local[i]) }));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(http_host_is_local((struct http_text){ others[i], strlen(others[i]) }));
}

static void a_token_is_the_whole_token(void **state)
{
	(void)state;
	assert_true(http_text_is_secret((struct http_text){ "abcdef", 6 }, "abcdef"));
	assert_false(http_text_is_secret((struct http_text){ "abcde", 5 }, "abcdef"));
	assert_false(http_text_is_secret((struct http_text){ "abcdefa", 7 }, "abcdef"));
	assert_false(http_text_is_secret((struct http_text){ "abcdeX", 6 }, "abcdef"));
	assert_false(http_text_is_secret((struct http_text){ "", 0 }, "abcdef"));
	assert_false(http_text_is_secret((struct http_text){ "", 0 }, ""));
}

/* --- a server -------------------------------------------------------------------------- */

struct served {
	struct shown shown;
	unsigned port;
};

/* Whose state takes some 50 KB. */
static const char *wide_program(void)
{
	static char text[16384];
	size_t n = (size_t)sprintf(text, "a = synth:counter rate=100Hz\n");

	for (int i = 0; i < 60; i++)
		n += (size_t)sprintf(
			text + n,
			"a | where value > 1e9 and value < 2e9 and value != 1.5e9 | select number%d = value | null\n",
			i);
	return text;
}

static void serve_program(struct served *served, const char *token_file, const char *program)
{
	char *said = NULL;
	size_t n;
	FILE *messages = open_memstream(&said, &n);
	const struct weir_display_options options = {
		.name = "test", .http = "127.0.0.1:0", .token_file = token_file, .messages = messages
	};

	shown_start(&served->shown, program, &options);
	fflush(messages);
	assert_int_equal(sscanf(said, "weir: http://127.0.0.1:%u/", &served->port), 1);
	fclose(messages);
	free(said);
}

static void serve(struct served *served, const char *token_file)
{
	serve_program(served, token_file, PROGRAM);
}

static int reach(const struct served *served)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)served->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* The answer of a request after which the server closes: to free(). */
static char *fetch(const struct served *served, const char *target, const char *headers)
{
	char request[2048], *text = calloc(1, 1 << 20);
	struct pollfd ready = { .fd = reach(served), .events = POLLIN };
	size_t n = 0;
	ssize_t got;

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nConnection: close\r\n%s\r\n", target, headers);
	assert_true(shown_say(ready.fd, request, strlen(request)));
	while (poll(&ready, 1, 5000) > 0 && (got = recv(ready.fd, text + n, (1 << 20) - 1 - n, 0)) > 0)
		n += (size_t)got;
	close(ready.fd);
	return text;
}

static bool answers(const struct served *served, const char *target, const char *headers, const char *expected)
{
	char *text = fetch(served, target, headers);
	bool is = strstr(text, expected) != NULL;

	if (!is)
		fprintf(stderr, "%s: %.200s\n", target, text);
	free(text);
	return is;
}

static void what_there_is(void **state)
{
	struct served served;

	(void)state;
	serve(&served, NULL);
	assert_true(answers(&served, "/", HOST, "200 OK"));
	assert_true(answers(&served, "/", HOST, "</html>"));
	assert_true(answers(&served, "/", HOST, "frame-ancestors 'none'"));
	assert_true(answers(&served, "/state", HOST, "\"nodes\""));
	assert_true(answers(&served, "/health", HOST, "\"status\":\"ok\""));
	assert_true(answers(&served, "/history?node=1&points=5", HOST, "\"twice\""));
	assert_true(answers(&served, "/metrics", HOST, "# TYPE weir_records_in_total counter\nweir_records_in_total{"));
	assert_true(answers(&served, "/metrics", HOST, "field=\"twice\",unit=\"\"} "));
	assert_true(answers(&served, "/history?node=9", HOST, " 404 "));
	assert_true(answers(&served, "/history?node=1&points=0", HOST, " 400 "));
	assert_true(answers(&served, "/history?points=5", HOST, " 400 "));
	assert_true(answers(&served, "/history?node=99999999999", HOST, " 400 "));
	shown_stop(&served.shown);
}

/* Paths are names and no files; other sites and other names of this machine are refused. */
static void tricks_are_refused(void **state)
{
	static const char *const paths[] = {
		"/../etc/passwd", "/..%2f..%2fetc/passwd", "//",          "/%2e",    "/./", "/state/",
		"/STATE",         "/metrics%00",           "/index.html", "/;/state"
	};
	struct served served;

	(void)state;
	serve(&served, NULL);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_true(answers(&served, paths[i], HOST, " 404 "));
	assert_true(answers(&served, "/state", "Host: evil.example\r\n", " 403 "));
	assert_true(answers(&served, "/state", HOST "Origin: http://evil.example\r\n", " 403 "));
	assert_true(answers(&served, "/state", HOST "Origin: null\r\n", " 403 "));
	assert_true(answers(&served, "/state", HOST "Origin: http://localhost\r\n", " 200 "));
	shown_stop(&served.shown);
}

static void a_token_is_needed_where_there_is_one(void **state)
{
	char path[] = "/tmp/weir-token-XXXXXX";
	struct served served;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "0123456789abcdef-\n", 18), 18);
	close(fd);
	serve(&served, path);
	assert_true(answers(&served, "/state", HOST, " 401 "));
	assert_true(answers(&served, "/metrics", HOST, "WWW-Authenticate"));
	assert_true(answers(&served, "/state?token=0123456789abcdef", HOST, " 401 "));
	assert_true(answers(&served, "/state?token=0123456789abcdef-", HOST, " 200 "));
	assert_true(answers(&served, "/history?node=1&token=0123456789abcdef-", "Host: pi.lan\r\n", " 200 "));
	assert_true(answers(&served, "/state", HOST "Authorization: Bearer 0123456789abcdef-\r\n", " 200 "));
	assert_true(answers(&served, "/state", HOST "Authorization: Basic 0123456789abcdef-\r\n", " 401 "));
	shown_stop(&served.shown);
	unlink(path);
}

static int opens(const char *http, const char *token, mode_t mode)
{
	char path[] = "/tmp/weir-token-XXXXXX";
	FILE *nowhere = fopen("/dev/null", "w");
	struct weir_display_options options = { .http = http, .messages = nowhere };
	struct weir_display *display;
	int status, fd = mkstemp(path);

	if (token) {
		assert_int_equal(write(fd, token, strlen(token)), strlen(token));
		fchmod(fd, mode);
		options.token_file = path;
	}
	status = weir_display_open(&display, &options);
	assert_true(!status == (display != NULL));
	weir_display_close(display);
	close(fd);
	unlink(path);
	fclose(nowhere);
	return status;
}

static void addresses_and_tokens(void **state)
{
	static const char *const wrong[] = { "",         "80",           "localhost",
					     ":80",      "localhost:",   "localhost:65536",
					     "host:80",  "localhost:8x", "[::1:80",
					     "1.2.3:80", "127.0.0.1:-1" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(opens(wrong[i], NULL, 0), 2);
	assert_int_equal(opens("localhost:0", NULL, 0), 0);
	assert_int_equal(opens("0.0.0.0:0", NULL, 0), 2);
	assert_int_equal(opens("0.0.0.0:0", "0123456789abcdef", 0600), 0);
	assert_int_equal(opens("0.0.0.0:0", "0123456789abcdef", 0644), 2);
	assert_int_equal(opens("0.0.0.0:0", "0123456789abcde", 0600), 2);
	assert_int_equal(opens("0.0.0.0:0", "0123456789 abcdef", 0600), 2);
}

/* --- clients -------------------------------------------------------------------------- */

/* A viewer that does not read for a while hears how many events it missed, and the records are not held up. */
static void a_slow_viewer_sees_gaps(void **state)
{
	static const char request[] = "GET /events HTTP/1.1\r\n" HOST "\r\n";
	struct served served;
	char *text = calloc(1, 1 << 22);
	struct pollfd ready = { .events = POLLIN };
	size_t n = 0;
	ssize_t got;

	(void)state;
	serve_program(&served, NULL, wide_program());
	ready.fd = reach(&served);
	setsockopt(ready.fd, SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int));
	assert_true(shown_say(ready.fd, request, sizeof(request) - 1));
	for (int i = 0; i < 6; i++) {
		poll(NULL, 0, 1000);
		assert_true(answers(&served, "/health", HOST, "\"total\":0"));
	}
	while (n < (1 << 22) - 16384 && !strstr(text, "event: gap\ndata: {\"missed\":") && poll(&ready, 1, 3000) > 0) {
		got = recv(ready.fd, text + n, 16384, 0);
		assert_true(got > 0);
		n += (size_t)got;
	}
	assert_non_null(strstr(text, "event: state\ndata: {"));
	assert_non_null(strstr(text, "event: gap\ndata: {\"missed\":"));
	close(ready.fd);
	free(text);
	shown_stop(&served.shown);
}

/* A header that never ends, one that is too long, and a thousand connections: each has a limit, and others are answered. */
static void hostile_clients_have_limits(void **state)
{
	struct served served;
	char junk[9000];
	int fd[1000];

	(void)state;
	serve(&served, NULL);
	memset(junk, 'x', sizeof(junk));
	memcpy(junk, "GET / HTTP/1.1\r\nX: ", 19);
	fd[0] = reach(&served);
	(void)!shown_say(fd[0], junk, sizeof(junk));
	assert_true(shown_is_closed(fd[0], 5000));
	close(fd[0]);
	for (int i = 0; i < 1000; i++) {
		fd[i] = reach(&served);
		(void)!shown_say(fd[i], "GET / HT", (size_t)(i % 9));
		if (i % 100 == 99)
			assert_true(answers(&served, "/health", HOST, " 200 "));
	}
	for (int i = 0; i < 1000; i++)
		close(fd[i]);
	fd[0] = reach(&served);
	for (int i = 0; i < 40 && shown_say(fd[0], "x", 1); i++)
		poll(NULL, 0, 400);
	assert_true(shown_is_closed(fd[0], 100));
	close(fd[0]);
	shown_stop(&served.shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_read_by_the_rules),
		cmocka_unit_test(only_loopback_is_local),
		cmocka_unit_test(a_token_is_the_whole_token),
		cmocka_unit_test(what_there_is),
		cmocka_unit_test(tricks_are_refused),
		cmocka_unit_test(a_token_is_needed_where_there_is_one),
		cmocka_unit_test(addresses_and_tokens),
		cmocka_unit_test(a_slow_viewer_sees_gaps),
		cmocka_unit_test(hostile_clients_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
