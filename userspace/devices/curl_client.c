/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A connection counts as made when the server was reached, by TCP or TLS: a probe does that before the first request and after each
 * lost connection. Between requests libcurl keeps the connection, and makes another where the server has closed it.
 */
#include "devices/curl_client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/curl_settings.h"
#include "weir/text.h"

_Static_assert(CURL_ERROR_SIZE == WEIR_CURL_ERROR, "libcurl writes as much");

#define LOOK_NS INT64_C(1000000000)
#define FIRST_NS INT64_C(100000000)
#define LAST_NS INT64_C(30000000000)
#define LONGEST_S 3600         /* that a Retry-After counts */
#define ANSWER_BYTES (1 << 20) /* of an answer that are read */

/* ------------------------------------------------------------------------ open */

static int curl_lost(struct weir_curl *curl, CURLcode got, char *why)
{
	snprintf(why, WEIR_LINK_WHY, "%.150s", *curl->error ? curl->error : curl_easy_strerror(got));
	weir_curl_settings_mask(curl, why);
	return -EIO;
}

static int curl_begin_probe(struct weir_curl *curl, char *why)
{
	CURLcode got;

	curl->probe = curl_easy_init();
	if (!curl->probe)
		return -ENOMEM;
	got = weir_curl_settings_apply(curl, curl->probe);
	if (!got)
		got = curl_easy_setopt(curl->probe, CURLOPT_CONNECT_ONLY, 1L);
	if (got)
		return curl_lost(curl, got, why);
	return curl_multi_add_handle(curl->multi, curl->probe) ? -ENOMEM : 0;
}

int weir_curl_link_open(void *context, char why[WEIR_LINK_WHY])
{
	struct weir_curl *curl = context;

	snprintf(why, WEIR_LINK_WHY, "no memory");
	*curl->error = 0;
	weir_curl_settings_renew(curl);
	curl->multi = curl_multi_init();
	return curl->multi ? curl_begin_probe(curl, why) : -ENOMEM;
}

static void curl_drop(struct weir_curl *curl, void **handle)
{
	if (!*handle)
		return;
	if (curl->multi)
		curl_multi_remove_handle(curl->multi, *handle);
	curl_easy_cleanup(*handle);
	*handle = NULL;
}

/* What was sent without an answer may have arrived: it goes again in the same batch, with the same id. */
void weir_curl_link_shut(void *context)
{
	struct weir_curl *curl = context;

	curl_drop(curl, &curl->probe);
	curl_drop(curl, &curl->request);
	curl_multi_cleanup(curl->multi);
	curl->multi = NULL;
	curl->is_up = false;
	if (curl->sent.n) {
		curl->again = curl->sent;
		curl->again.bytes = NULL;
	}
	curl->sent.n = curl->filling.n = 0;
	curl->resume_ns = 0;
}

/* ---------------------------------------------------------------------- batch */

static bool is_full(const struct weir_curl *curl, const struct weir_outbox_message *message)
{
	const struct weir_curl_batch *batch = &curl->filling;

	return batch->n >= curl->most || batch->n_bytes + message->n + 3 > WEIR_CURL_BODY ||
	       message->id > batch->until_id;
}

static void curl_begin_batch(struct weir_curl *curl, const struct weir_outbox_message *message)
{
	struct weir_curl_batch *batch = &curl->filling;
	const struct weir_curl_batch *again = &curl->again;
	bool is_again = again->n && again->sender == message->sender && again->first_id == message->id;

	batch->n_bytes = 0;
	batch->sender = message->sender;
	batch->first_id = message->id;
	batch->first_token = curl->n_sent + 1;
	batch->until_id = is_again && again->n <= curl->most ? again->last_id : UINT64_MAX;
	batch->due_ns = weir_now(WEIR_CLOCK_MONOTONIC) + curl->batch_time_ns;
	if (curl->is_array)
		batch->bytes[batch->n_bytes++] = '[';
}

int weir_curl_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY])
{
	struct weir_curl *curl = context;
	struct weir_curl_batch *batch = &curl->filling;

	(void)why;
	if (batch->n && is_full(curl, message))
		return -EAGAIN;
	if (!batch->n)
		curl_begin_batch(curl, message);
	if (batch->n && curl->is_array)
		batch->bytes[batch->n_bytes++] = ',';
	memcpy(batch->bytes + batch->n_bytes, message->bytes, message->n);
	batch->n_bytes += message->n;
	if (!curl->is_array && curl->batch > 1)
		batch->bytes[batch->n_bytes++] = '\n';
	batch->n++;
	batch->last_id = message->id;
	*token = ++curl->n_sent;
	return 0;
}

/* --------------------------------------------------------------------- answer */

static size_t curl_take_head(char *bytes, size_t size, size_t n, void *context)
{
	struct weir_curl_answer *answer = context;
	const char *blank = memchr(bytes, ' ', n);
	size_t left = blank ? n - (size_t)(blank + 1 - bytes) : 0;

	(void)size;
	if (n < 5 || memcmp(bytes, "HTTP/", 5) || !blank)
		return n;
	snprintf(answer->status, sizeof(answer->status), "%.*s", (int)(left < 70 ? left : 70), blank + 1);
	for (left = strcspn(answer->status, "\r\n"); left && answer->status[left - 1] == ' ';)
		left--;
	answer->status[left] = 0;
	answer->n_text = answer->n_bytes = 0;
	return n;
}

/* An answer without an end ends the connection. */
static size_t curl_take_body(char *bytes, size_t size, size_t n, void *context)
{
	struct weir_curl_answer *answer = context;
	size_t room = sizeof(answer->text) - 1 - answer->n_text, part = n < room ? n : room;

	(void)size;
	memcpy(answer->text + answer->n_text, bytes, part);
	answer->n_text += part;
	answer->n_bytes += n;
	return answer->n_bytes > ANSWER_BYTES ? 0 : n;
}

/* The server's words, in one line, without secrets. */
static void curl_describe(struct weir_curl *curl, char why[WEIR_LINK_WHY])
{
	struct weir_curl_answer *answer = &curl->answer;
	char text[sizeof(answer->status) + sizeof(answer->text) + 4];

	answer->text[answer->n_text] = 0;
	for (char *end = answer->text; (end = strchr(end, '\r'));)
		*end = ' ';
	snprintf(text, sizeof(text), "%s%s%s", answer->status, answer->n_text ? ": " : "", answer->text);
	weir_curl_settings_mask(curl, text);
	weir_text_line(why, WEIR_LINK_WHY, text);
	for (size_t n = strlen(why); n && why[n - 1] == ' ';)
		why[--n] = 0;
}

/* -------------------------------------------------------------------- request */

static void curl_name_batch(struct weir_curl *curl)
{
	const struct weir_curl_batch *batch = &curl->sent;
	char id[WEIR_CURL_ID];

	if (batch->n == 1)
		snprintf(id, sizeof(id), "%016" PRIx64 "-%" PRIx64, batch->sender, batch->first_id);
	else
		snprintf(id, sizeof(id), "%016" PRIx64 "-%" PRIx64 "-%" PRIx64, batch->sender, batch->first_id,
			 batch->last_id);
	snprintf(curl->id, sizeof(curl->id), "%s: %s", curl->id_header, id);
	*curl->id_line = (struct curl_slist){ .data = curl->id, .next = curl->headers };
}

static CURLcode curl_set_request(struct weir_curl *curl, CURL *handle)
{
	CURLcode got = weir_curl_settings_apply(curl, handle);

	curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)curl->sent.n_bytes);
	curl_easy_setopt(handle, CURLOPT_POSTFIELDS, curl->sent.bytes);
	curl_easy_setopt(handle, CURLOPT_HTTPHEADER, *curl->id_header ? curl->id_line : curl->headers);
	curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)(curl->timeout_ns / 1000000));
	curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, curl_take_head);
	curl_easy_setopt(handle, CURLOPT_HEADERDATA, &curl->answer);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, curl_take_body);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, &curl->answer);
	if (!got && curl->method)
		got = curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, "PUT");
	return got;
}

/* @return 0 or -errno: the connection is lost. */
static int curl_begin_request(struct weir_curl *curl, char *why)
{
	CURLcode got;

	memset(&curl->answer, 0, sizeof(curl->answer));
	*curl->error = 0;
	curl_name_batch(curl);
	curl->request = curl_easy_init();
	got = curl->request ? curl_set_request(curl, curl->request) : CURLE_OUT_OF_MEMORY;
	if (!got && curl_multi_add_handle(curl->multi, curl->request))
		got = CURLE_OUT_OF_MEMORY;
	if (!got)
		return 0;
	curl_drop(curl, &curl->request);
	return curl_lost(curl, got, why);
}

/* The messages that have gathered become those that are sent; the other body is free then. */
static void curl_seal(struct weir_curl *curl)
{
	struct weir_curl_batch sealed = curl->filling;

	if (curl->is_array)
		sealed.bytes[sealed.n_bytes++] = ']';
	curl->filling = curl->sent;
	curl->filling.n = 0;
	curl->sent = sealed;
}

static bool is_due(const struct weir_curl *curl, int64_t now)
{
	const struct weir_curl_batch *batch = &curl->filling;

	return batch->n && (batch->n >= curl->most || batch->last_id == batch->until_id || now >= batch->due_ns ||
			    batch->n_bytes > WEIR_CURL_BODY / 2 || weir_outbox_is_ending(curl->bridge.outbox));
}

/* Begin with a request where one can begin. @return 0 or -errno. */
static int curl_go_on(struct weir_curl *curl, char *why)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);

	if (!curl->is_up || curl->request || (curl->sent.n && now < curl->resume_ns))
		return 0;
	if (!curl->sent.n) {
		if (!is_due(curl, now))
			return 0;
		curl_seal(curl);
	}
	return curl_begin_request(curl, why);
}

void weir_curl_flush(void *context)
{
	char why[WEIR_LINK_WHY];

	/* What fails here fails in serve() again, which says so. */
	(void)curl_go_on(context, why);
}

/* ---------------------------------------------------------------------- judge */

static void curl_settle(struct weir_curl *curl, enum weir_outbox_fate fate)
{
	uint64_t token = curl->sent.first_token;
	uint32_t n = curl->sent.n;

	curl->sent.n = curl->again.n = 0;
	curl->pause_ns = curl->resume_ns = 0;
	while (n--)
		weir_outbox_settle(curl->bridge.outbox, token++, fate);
}

/* The same batch goes again, after the time that the server names, or pauses that double, a quarter more or less. */
static void curl_postpone(struct weir_curl *curl, int64_t after_s, const char *why)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC), pause = curl->pause_ns ? 2 * curl->pause_ns : FIRST_NS;

	curl->pause_ns = pause < LAST_NS ? pause : LAST_NS;
	pause = curl->pause_ns - curl->pause_ns / 4 + now % (curl->pause_ns / 2);
	if (after_s > LONGEST_S)
		after_s = LONGEST_S;
	if (pause < after_s * 1000000000)
		pause = after_s * 1000000000;
	curl->resume_ns = now + pause;
	weir_outbox_stall(curl->bridge.outbox, why);
}

/* The sender is not let in, or the place is not there: no batch is the reason. */
static bool is_refusal(const struct weir_curl *curl, long status)
{
	if (status == 401 || status == 403 || status == 407 || (status >= 300 && status < 400))
		return true;
	return !curl->has_served && (status == 404 || status == 405 || status == 410);
}

static bool may_pass(long status)
{
	return status == 408 || status == 425 || status == 429 || status >= 500;
}

/* @return 0 or -errno: the connection is lost. */
static int curl_judge(struct weir_curl *curl, long status, int64_t after_s, char *why)
{
	curl_describe(curl, why);
	if (status >= 200 && status < 300) {
		curl->has_served = true;
		curl_settle(curl, WEIR_OUTBOX_DELIVERED);
		return 0;
	}
	if (is_refusal(curl, status))
		return curl->has_served ? -EACCES : -EPERM;
	if (may_pass(status)) {
		curl_postpone(curl, after_s, why);
		return 0;
	}
	if (status < 200)
		return -EIO;
	if (status == 413 && curl->sent.n > 1) {
		curl->most = (curl->sent.n + 1) / 2;
		return -EIO;
	}
	weir_outbox_explain(curl->bridge.outbox, why);
	curl_settle(curl, WEIR_OUTBOX_REJECTED);
	return 0;
}

static int curl_end_request(struct weir_curl *curl, CURLcode got, char *why)
{
	bool is_endless = got == CURLE_WRITE_ERROR && curl->answer.n_bytes > ANSWER_BYTES;
	curl_off_t after_s = 0;
	long status = 0;

	curl_easy_getinfo(curl->request, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl->request, CURLINFO_RETRY_AFTER, &after_s);
	if (got && !is_endless)
		return curl_lost(curl, got, why);
	curl_drop(curl, &curl->request);
	return curl_judge(curl, status, after_s, why);
}

static bool is_doubt(CURLcode got)
{
	return got == CURLE_PEER_FAILED_VERIFICATION || got == CURLE_SSL_CACERT_BADFILE ||
	       got == CURLE_SSL_CERTPROBLEM || got == CURLE_SSL_ISSUER_ERROR;
}

static int curl_end_probe(struct weir_curl *curl, CURLcode got, char *why)
{
	curl_drop(curl, &curl->probe);
	if (is_doubt(got)) {
		snprintf(why, WEIR_LINK_WHY, "TLS failed: the server's certificate is not accepted: %.90s",
			 *curl->error ? curl->error : curl_easy_strerror(got));
		return -EACCES;
	}
	if (got)
		return curl_lost(curl, got, why);
	curl->is_up = true;
	return 0;
}

/* ---------------------------------------------------------------------- serve */

static int curl_take_results(struct weir_curl *curl, char *why)
{
	const CURLMsg *message;
	int err = 0, left;

	while (!err && (message = curl_multi_info_read(curl->multi, &left))) {
		CURLcode got = message->data.result;

		if (message->msg == CURLMSG_DONE)
			err = message->easy_handle == curl->probe ? curl_end_probe(curl, got, why)
								  : curl_end_request(curl, got, why);
	}
	return err;
}

/* Until when there is nothing to do but for the server's answer. */
static int64_t curl_next_ns(const struct weir_curl *curl, int64_t until_ns)
{
	int64_t due = INT64_MAX;

	if (!curl->request && curl->is_up)
		due = curl->sent.n ? curl->resume_ns : curl->filling.n ? curl->filling.due_ns : INT64_MAX;
	return due < until_ns ? due : until_ns;
}

static int curl_perform(struct weir_curl *curl, char *why)
{
	int n;

	if (!curl_multi_perform(curl->multi, &n))
		return curl_take_results(curl, why);
	snprintf(why, WEIR_LINK_WHY, "libcurl failed");
	return -EIO;
}

int weir_curl_link_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	struct weir_curl *curl = context;
	struct curl_waitfd wake = { .fd = wake_fd, .events = CURL_WAIT_POLLIN };
	int64_t left;
	int err = curl_perform(curl, why);

	left = err ? 0 : weir_link_left(curl_next_ns(curl, until_ns), LOOK_NS);
	if (left && !curl_multi_poll(curl->multi, &wake, wake_fd >= 0, (int)((left + 999999) / 1000000), NULL))
		err = curl_perform(curl, why);
	if (!err)
		err = curl_go_on(curl, why);
	return err ? err : curl->is_up;
}
