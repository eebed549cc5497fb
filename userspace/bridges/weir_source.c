/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Read a stream that another process of this machine publishes with `weir:NAME`. When its publisher goes without the stream having
 * ended, we wait for the next one, and go on where that stands.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/share.h"

#define RETRY_NS INT64_C(200000000)   /* where nothing tells when to try again */
#define ANSWER_NS INT64_C(3000000000) /* for a publisher that we have asked */

struct subscribe {
	int policy; /**< as in the words */
	int64_t wait_ns;
	bool resumes;
	struct weir_tap *tap; /**< NULL: there is no publisher */
	struct weir_schema schema;
	char *text; /**< of the schema */
	int watch_fd;
	int asked_fd; /**< a publisher that has not answered yet; -1: none */
	int64_t until_ns;
	uint64_t counted; /**< of what this tap lost */
};

/* ----------------------------------------------------------------------- open */

/* Is it only that nobody is there, or not any more? */
static bool may_come(int err)
{
	return err == -ENOENT || err == -ECONNRESET || err == -EPIPE || err == -EAGAIN || err == -ETIMEDOUT;
}

static void hear(const struct subscribe *subscribe)
{
	char bytes[4096];

	while (subscribe->watch_fd >= 0 && read(subscribe->watch_fd, bytes, sizeof(bytes)) > 0)
		;
}

/* Only look: nobody is to wait for a reader that may never start. The watch stands before, so that whoever comes is noticed. */
static int look_for_publisher(struct weir_node *node, struct weir_schema *out, char why[WEIR_TAP_WHY])
{
	struct subscribe *subscribe = weir_state(node);
	int64_t until = weir_now(WEIR_CLOCK_MONOTONIC) + subscribe->wait_ns, left;
	int err;

	subscribe->watch_fd = weir_is_check(node) ? -1 : weir_tap_watch();
	for (;;) {
		struct pollfd news = { .fd = subscribe->watch_fd, .events = POLLIN };

		err = weir_share_look(weir_target(node), out, &subscribe->text, why);
		left = until - weir_now(WEIR_CLOCK_MONOTONIC);
		if (!may_come(err) || left <= 0 || weir_is_check(node))
			return err;
		poll(&news, 1, (int)((left < RETRY_NS ? left : RETRY_NS) / 1000000) + 1);
		hear(subscribe);
	}
}

static int subscribe_open(struct weir_node *node, struct weir_schema *out)
{
	struct subscribe *subscribe = weir_state(node);
	char why[WEIR_TAP_WHY];
	int err;

	subscribe->watch_fd = subscribe->asked_fd = -1;
	err = look_for_publisher(node, out, why);
	if (err == -EINVAL)
		return weir_fail_arg(node, NULL, NULL, "%s", why);
	subscribe->schema = *out;
	return err < 0 ? weir_fail_device(node, weir_target(node), "subscribe", -err, why) : 0;
}

static int policy_of(const struct weir_node *node)
{
	const struct subscribe *subscribe = weir_state(node);

	return weir_given(node, &subscribe->policy) ? subscribe->policy + WEIR_TAP_DROP_OLDEST : WEIR_TAP_AS_ALLOWED;
}

/* Does a publisher that we have found publish what the first one did? `why` becomes empty where not: the user then knows. */
static int compare(struct weir_node *node, char why[WEIR_TAP_WHY])
{
	struct subscribe *subscribe = weir_state(node);

	if (weir_share_same_schema(weir_tap_schema(subscribe->tap), &subscribe->schema))
		return 0;
	weir_fail(node, EPROTO, "'%s' is published with other fields now:\n      %s\n    before:\n      %s",
		  weir_target(node), weir_tap_text(subscribe->tap), subscribe->text);
	*why = 0;
	return -EPROTO;
}

/* `why` is empty where the user knows. */
static int tell(struct weir_node *node, int err, const char *why)
{
	return *why ? weir_fail_device(node, weir_target(node), "subscribe", -err, why) : err;
}

static int subscribe_start(struct weir_node *node, bool unread)
{
	struct subscribe *subscribe = weir_state(node);
	char why[WEIR_TAP_WHY];
	int err = weir_tap_open(&subscribe->tap, weir_target(node), policy_of(node), why);

	(void)unread;
	if (!err)
		err = compare(node, why);
	return err < 0 && !may_come(err) ? tell(node, err, why) : 0;
}

/* ------------------------------------------------------------------------ run */

static void count_lost(struct weir_node *node, struct subscribe *subscribe)
{
	uint64_t lost = weir_tap_lost(subscribe->tap);

	if (lost != subscribe->counted)
		weir_lost(node, WEIR_LOST_RING, lost - subscribe->counted);
	subscribe->counted = lost;
}

static int lose_publisher(struct weir_node *node, struct subscribe *subscribe)
{
	weir_tap_close(subscribe->tap);
	subscribe->tap = NULL;
	subscribe->counted = 0;
	if (!subscribe->resumes)
		return 0;
	weir_warn(node, "the publisher has gone; waiting for it to come back");
	return 1;
}

/* What the old one still wrote is in its memory, and was read. */
static void count_missed(struct weir_node *node, struct subscribe *subscribe)
{
	uint64_t missed = weir_tap_missed(subscribe->tap);

	weir_lost(node, WEIR_LOST_DEVICE, missed);
	weir_warn(node, "the publisher is back; %" PRIu64 " of its records had gone by", missed);
}

static void stop_asking(struct subscribe *subscribe)
{
	if (subscribe->asked_fd >= 0)
		close(subscribe->asked_fd);
	subscribe->asked_fd = -1;
}

/* Without waiting for anybody: whoever reads has other things to do as well. -EAGAIN with asked_fd: it has not answered yet. */
static int ask_publisher(struct weir_node *node, char why[WEIR_TAP_WHY])
{
	struct subscribe *subscribe = weir_state(node);
	int err;

	if (subscribe->asked_fd < 0) {
		subscribe->asked_fd = weir_tap_ask(weir_target(node), policy_of(node), why);
		subscribe->until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + ANSWER_NS;
	}
	if (subscribe->asked_fd < 0)
		return subscribe->asked_fd;
	err = weir_tap_answer(&subscribe->tap, subscribe->asked_fd, weir_target(node), why);
	if (err == -EAGAIN && weir_now(WEIR_CLOCK_MONOTONIC) < subscribe->until_ns)
		return err;
	if (!err)
		subscribe->asked_fd = -1; /* it is the tap's */
	stop_asking(subscribe);
	return err ? err : compare(node, why);
}

static int find_publisher(struct weir_node *node, struct subscribe *subscribe, struct weir_wait *wait)
{
	char why[WEIR_TAP_WHY];
	int err;

	hear(subscribe);
	err = ask_publisher(node, why);
	if (!err) {
		count_missed(node, subscribe);
		return 1;
	}
	if (!may_come(err))
		return tell(node, err, why);
	*wait = (struct weir_wait){ .until_ns = subscribe->until_ns, .fd = subscribe->asked_fd };
	if (subscribe->asked_fd >= 0)
		return -EAGAIN;
	*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = subscribe->watch_fd };
	if (err != -ENOENT || subscribe->watch_fd < 0)
		wait->until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + RETRY_NS;
	return -EAGAIN;
}

static int subscribe_lend(struct weir_node *node, uint32_t max, const void **rows, struct weir_wait *wait)
{
	struct subscribe *subscribe = weir_state(node);
	int state = 1;
	uint32_t n;

	while (state > 0) {
		if (!subscribe->tap)
			state = find_publisher(node, subscribe, wait);
		if (state <= 0)
			return state;
		*rows = weir_tap_peek(subscribe->tap, max, &n);
		if (n)
			return (int)n;
		count_lost(node, subscribe);
		state = weir_tap_arm(subscribe->tap);
		if (state == -EPIPE)
			state = lose_publisher(node, subscribe);
	}
	if (state == -EPROTO)
		return weir_fail(node, EPROTO, "the memory of the publisher makes no sense any more");
	if (state == -ENODATA || !subscribe->tap)
		return 0;
	*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = weir_tap_fd(subscribe->tap) };
	return -EAGAIN;
}

static uint32_t subscribe_take_back(struct weir_node *node, uint32_t n)
{
	struct subscribe *subscribe = weir_state(node);
	uint32_t spoilt = weir_tap_release(subscribe->tap, n);

	count_lost(node, subscribe);
	return spoilt;
}

static void subscribe_close(struct weir_node *node)
{
	struct subscribe *subscribe = weir_state(node);

	weir_tap_close(subscribe->tap);
	stop_asking(subscribe);
	free(subscribe->text);
	if (subscribe->watch_fd >= 0)
		close(subscribe->watch_fd);
}

static const char *const policies[] = { "drop_oldest", "block", NULL };

static const struct weir_param params[] = {
	WEIR_P_WORD("policy", struct subscribe, policy, NULL, policies,
		    "drop_oldest: never block the publisher; block: the publisher waits, else an error; default: the "
		    "publisher's choice"),
	WEIR_P_DURATION("wait", struct subscribe, wait_ns, "5s", "time to wait for a first publisher", .min = 0,
			.max = 86400),
	WEIR_P_BOOL("resume", struct subscribe, resumes, "yes",
		    "yes: wait for the next publisher when this one goes before the end of the stream; no: end"),
	{ 0 }
};

static const struct weir_source_ops subscribe_ops = {
	.state_bytes = sizeof(struct subscribe),
	.open = subscribe_open,
	.start = subscribe_start,
	.lend = subscribe_lend,
	.take_back = subscribe_take_back,
	.close = subscribe_close,
};

const struct weir_driver weir_bridge_weir_source = {
	.name = "weir",
	.doc = "stream that another process of this machine publishes",
	.target = "NAME",
	.source_params = params,
	.source = &subscribe_ops,
};
