/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "weir/link.h"
#include "weir/text.h"

#define FIRST_NS INT64_C(100000000)
#define LAST_NS INT64_C(30000000000)
#define ANSWER_NS INT64_C(10000000000) /* to be usable after open() */
#define LASTS_NS (2 * LAST_NS) /* two clients of one name, who take turns at the longest pause, do not get there */

struct weir_link {
	struct weir_node *node;
	const struct weir_link_ops *ops;
	void *context;
	char peer[300];
	bool is_open, is_over;
	bool has_warned;                    /* of this outage */
	bool is_flapping;                   /* connections end too soon, which is told once */
	int error;                          /* of the last loss */
	int64_t opened_ns, up_ns, retry_ns; /* the last time of each */
	int64_t delay_ns, first_ns, lasts_ns;
	uint64_t dice;
	pthread_mutex_t lock; /* of what people are told */
	bool is_up;
	uint32_t connections, attempts; /* that worked, all */
	char why[WEIR_LINK_WHY];
};

int weir_link_open(struct weir_link **out, struct weir_node *node, const struct weir_link_ops *ops, void *context,
		   const char *peer)
{
	struct weir_link *link = calloc(1, sizeof(*link));

	*out = link;
	if (!link)
		return -ENOMEM;
	link->node = node;
	link->ops = ops;
	link->context = context;
	link->delay_ns = link->first_ns = ops->first_ns ? ops->first_ns : FIRST_NS;
	link->lasts_ns = ops->lasts_ns ? ops->lasts_ns : LASTS_NS;
	link->dice = (uint64_t)weir_now(WEIR_CLOCK_REALTIME) | 1;
	snprintf(link->peer, sizeof(link->peer), "%s", peer);
	pthread_mutex_init(&link->lock, NULL);
	return 0;
}

void weir_link_close(struct weir_link *link)
{
	if (!link)
		return;
	weir_link_shut(link);
	pthread_mutex_destroy(&link->lock);
	free(link);
}

/* ---------------------------------------------------------------- up and down */

static void set_up(struct weir_link *link, bool is_up)
{
	pthread_mutex_lock(&link->lock);
	link->connections += is_up && !link->is_up;
	link->is_up = is_up;
	pthread_mutex_unlock(&link->lock);
}

static void shut(struct weir_link *link)
{
	if (link->is_open)
		link->ops->shut(link->context);
	link->is_open = false;
}

/* Xorshift (Marsaglia 2003): any spread will do. */
static int64_t jittered(struct weir_link *link, int64_t ns)
{
	link->dice ^= link->dice << 13;
	link->dice ^= link->dice >> 7;
	link->dice ^= link->dice << 17;
	return ns - ns / 4 + (int64_t)(link->dice % (uint64_t)(ns / 2));
}

static void say_lost(struct weir_link *link, bool was_up, bool is_brief)
{
	if (is_brief && !link->is_flapping)
		weir_warn(link->node, "the connections to %s do not last: %s; trying again, with growing pauses",
			  link->peer, link->why);
	else if (!link->has_warned)
		weir_warn(link->node,
			  was_up ? "lost the connection to %s: %s; trying again"
				 : "no connection to %s: %s; trying again",
			  link->peer, link->why);
	link->has_warned = true;
	link->is_flapping |= is_brief;
}

static bool has_lasted(const struct weir_link *link)
{
	return weir_now(WEIR_CLOCK_MONOTONIC) - link->up_ns >= link->lasts_ns;
}

static void lose(struct weir_link *link, int error, const char *why)
{
	bool was_up = link->is_up, is_over = was_up && has_lasted(link);

	pthread_mutex_lock(&link->lock);
	link->is_up = false;
	/* The peer's words, maybe. */
	weir_text_line(link->why, sizeof(link->why), why);
	pthread_mutex_unlock(&link->lock);
	shut(link);
	link->error = error;
	say_lost(link, was_up, was_up && !is_over && link->delay_ns > link->first_ns);
	/* A connection that is soon lost again was no success: the pauses go on growing. */
	if (is_over)
		link->delay_ns = link->first_ns;
	link->retry_ns = weir_now(WEIR_CLOCK_MONOTONIC) + jittered(link, link->delay_ns);
	link->delay_ns = link->delay_ns * 2 < LAST_NS ? link->delay_ns * 2 : LAST_NS;
}

void weir_link_lost(struct weir_link *link, const char *why)
{
	lose(link, -EIO, why);
}

int weir_link_error(const struct weir_link *link)
{
	return link->error;
}

/* Who has been let in before is not given up on: a broker that restarts may not know its users yet. */
static int fail(struct weir_link *link, int err, const char *why)
{
	if (err == -EPERM || (err == -EACCES && !link->connections)) {
		pthread_mutex_lock(&link->lock);
		weir_text_line(link->why, sizeof(link->why), why);
		pthread_mutex_unlock(&link->lock);
		shut(link);
		return weir_fail_device(link->node, link->peer, "connect", EACCES, link->why);
	}
	lose(link, err, why);
	return 0;
}

/* After connections that did not last, the next one is told of when it has lasted. */
static void come_up(struct weir_link *link)
{
	if (!link->is_up) {
		set_up(link, true);
		link->up_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	}
	if (!link->has_warned || (link->is_flapping && !has_lasted(link)))
		return;
	weir_warn(link->node, "connected to %s", link->peer);
	link->has_warned = link->is_flapping = false;
}

/* ----------------------------------------------------------------------- step */

static void pause_until(int wake_fd, int64_t until_ns)
{
	struct pollfd wake = { .fd = wake_fd, .events = POLLIN };
	int64_t left = weir_link_left(until_ns, INT64_MAX);
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };

	if (left > 0)
		ppoll(&wake, 1, &timeout, NULL);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int begin(struct weir_link *link, char *why)
{
	link->opened_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	link->is_open = true;
	pthread_mutex_lock(&link->lock);
	link->attempts++;
	pthread_mutex_unlock(&link->lock);
	return link->ops->open(link->context, why);
}

static int serve(struct weir_link *link, int wake_fd, int64_t until_ns, char *why)
{
	int64_t deadline = link->opened_ns + ANSWER_NS;
	int got = link->ops->serve(link->context, wake_fd, link->is_up ? until_ns : earlier(until_ns, deadline), why);

	if (!got && weir_now(WEIR_CLOCK_MONOTONIC) > deadline) {
		snprintf(why, WEIR_LINK_WHY, "no answer");
		got = -ETIMEDOUT;
	}
	if (got > 0)
		come_up(link);
	return got;
}

int weir_link_step(struct weir_link *link, int wake_fd, int64_t until_ns)
{
	char why[WEIR_LINK_WHY] = "";
	int got = 0;

	if (link->is_over)
		return 0;
	if (!link->is_open && weir_now(WEIR_CLOCK_MONOTONIC) < link->retry_ns) {
		pause_until(wake_fd, earlier(until_ns, link->retry_ns));
		return 0;
	}
	if (!link->is_open)
		got = begin(link, why);
	if (got >= 0)
		got = serve(link, wake_fd, until_ns, why);
	return got < 0 ? fail(link, got, why) : got;
}

void weir_link_wait(struct weir_link *link, struct weir_wait *wait)
{
	*wait = (struct weir_wait){ .until_ns = link->retry_ns, .fd = -1 };
	if (!link->is_open)
		return;
	link->ops->wait(link->context, wait);
	if (!link->is_up)
		wait->until_ns = earlier(wait->until_ns, link->opened_ns + ANSWER_NS + 1);
}

bool weir_link_is_up(const struct weir_link *link)
{
	return link->is_up;
}

uint32_t weir_link_count(const struct weir_link *link)
{
	return link->connections;
}

void weir_link_shut(struct weir_link *link)
{
	shut(link);
	link->is_over = true;
}

int weir_link_how(struct weir_link *link, char *text, size_t room)
{
	int n;

	pthread_mutex_lock(&link->lock);
	if (link->is_up && link->connections == 1)
		n = snprintf(text, room, "connected to %s", link->peer);
	else if (link->is_up)
		n = snprintf(text, room, "connected to %s, %u times so far; before that: %s", link->peer,
			     link->connections, link->why);
	else if (link->attempts)
		n = snprintf(text, room, "not connected to %s: %s (%u attempts)", link->peer,
			     *link->why ? link->why : "no answer yet", link->attempts);
	else
		n = snprintf(text, room, "not connected to %s: no attempt was made yet", link->peer);
	pthread_mutex_unlock(&link->lock);
	return n < (int)room ? n : (int)room - 1;
}
