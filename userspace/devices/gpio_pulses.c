/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "devices/gpio_pulses.h"

#define EVENTS_UNREAD 16 /* the last of them is enough; this is the kernel's own default */

/* ----------------------------------------------------------------- deciding */

bool weir_gpio_pulses_wanted(const struct weir_node *node)
{
	return weir_arg_given(node, "count") || weir_arg_given(node, "glitch") || weir_arg_given(node, "pulse_min") ||
	       weir_arg_given(node, "pulse_max");
}

static void make_job(struct weir_gpio_job *job, const struct weir_node *node, uint32_t edges)
{
	struct weir_pulse_rule *rule = &job->rule;

	job->counts = weir_arg_given(node, "count");
	job->is_debounced = weir_arg_int(node, "debounce") > 0;
	rule->glitch_ns = (uint64_t)weir_arg_int(node, "glitch");
	rule->least_ns = (uint64_t)weir_arg_int(node, "pulse_min");
	rule->most_ns = weir_arg_given(node, "pulse_max") ? (uint64_t)weir_arg_int(node, "pulse_max") : UINT64_MAX;
	rule->has_width = weir_arg_given(node, "pulse_min") || weir_arg_given(node, "pulse_max");
	rule->edges = edges;
	job->filters = rule->glitch_ns || rule->has_width;
}

static void describe_counts(struct weir_schema *out, enum weir_clock clock)
{
	weir_schema_init(out, clock);
	weir_schema_add(out, "count", WEIR_INT, "", 8);
	weir_schema_add(out, "hz", WEIR_REAL, "Hz", 8);
}

static void say_how(struct weir_gpio_pulses *pulses, const char *why)
{
	const char *what = pulses->job.filters ? "pulses filtered" : "edges counted";

	if (pulses->tap)
		snprintf(pulses->how, sizeof(pulses->how), "%s in the kernel (%s)", what,
			 weir_gpio_tap_hook(pulses->tap));
	else
		snprintf(pulses->how, sizeof(pulses->how), "%s: %s",
			 pulses->job.filters ? "pulses filtered in user space"
					     : "edges counted by the numbers of the kernel's events",
			 why);
}

int weir_gpio_pulses_open(struct weir_gpio_pulses *pulses, struct weir_gpio *gpio, struct weir_node *node,
			  uint32_t edges, struct weir_schema *out)
{
	char why[256];
	int err;

	pulses->gpio = gpio;
	pulses->fd = pulses->watch_fd = -1;
	make_job(&pulses->job, node, edges);
	if (pulses->job.rule.least_ns > pulses->job.rule.most_ns)
		return weir_fail_arg(node, "pulse_max", NULL, "no pulse is at least pulse_min and at most pulse_max");
	pulses->interval_ns = weir_arg_int(node, "count");
	if (pulses->job.counts)
		describe_counts(out, out->clock);
	err = weir_gpio_tap_open(&pulses->tap, node, &pulses->job, why);
	say_how(pulses, why);
	return err;
}

/* ----------------------------------------------------------------- starting */

/* Errors of the request are always told, so that an unplugged chip is noticed; its events are not asked for. */
static int watch(struct weir_gpio_pulses *pulses)
{
	struct epoll_event passing = { .events = EPOLLIN }, gone = { .events = 0 };

	pulses->watch_fd = epoll_create1(EPOLL_CLOEXEC);
	if (pulses->watch_fd < 0 ||
	    epoll_ctl(pulses->watch_fd, EPOLL_CTL_ADD, weir_gpio_tap_fd(pulses->tap), &passing) ||
	    epoll_ctl(pulses->watch_fd, EPOLL_CTL_ADD, pulses->fd, &gone))
		return -errno;
	return 0;
}

/* Hooks may be switched off although they can be had, and a chip may make events in a way of its own. */
static void do_without(struct weir_gpio_pulses *pulses, struct weir_node *node)
{
	weir_warn(node, "the kernel's hook does not see '%s': its edges are %s in user space", pulses->gpio->title,
		  pulses->job.counts ? "counted" : "filtered");
	weir_gpio_tap_close(pulses->tap);
	pulses->tap = NULL;
	say_how(pulses, "the hook does not see this line");
}

static int settle(struct weir_gpio_pulses *pulses, struct weir_node *node)
{
	int err = pulses->tap ? weir_gpio_tap_settle(pulses->tap, node) : 0;

	if (err < 0)
		return err;
	if (err > 0)
		do_without(pulses, node);
	err = 0;
	if (pulses->tap && pulses->job.filters && !pulses->job.counts)
		err = watch(pulses);
	if (!err && fcntl(pulses->fd, F_SETFL, fcntl(pulses->fd, F_GETFL) | O_NONBLOCK))
		err = -errno;
	return err ? weir_fail(node, -err, "cannot watch '%s': %s", pulses->gpio->title, strerror(-err)) : 0;
}

int weir_gpio_pulses_start(struct weir_gpio_pulses *pulses, struct weir_node *node,
			   struct gpiod_line_settings *settings, size_t events)
{
	bool is_unread = !pulses->job.filters;
	int err;

	if (pulses->tap)
		weir_gpio_tap_aim(pulses->tap);
	err = weir_gpio_request(pulses->gpio, node, settings, is_unread ? EVENTS_UNREAD : events);
	if (err)
		return err;
	pulses->fd = gpiod_line_request_get_fd(pulses->gpio->request);
	pulses->since_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	pulses->next_ns = pulses->since_ns + pulses->interval_ns;
	return settle(pulses, node);
}

void weir_gpio_pulses_close(struct weir_gpio_pulses *pulses)
{
	weir_gpio_tap_close(pulses->tap);
	pulses->tap = NULL;
	if (pulses->watch_fd > 0)
		close(pulses->watch_fd);
	pulses->watch_fd = -1;
}
