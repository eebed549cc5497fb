/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/internal.h"
#include "devices/gpio_pulses.h"

#define EVENTS_UNREAD 16 /* the last of them is enough; this is the kernel's own default */

/* ----------------------------------------------------------------- deciding */

bool weir_gpio_pulses_wanted(const struct weir_gpio_pulses_args *args)
{
	return args->count_ns || args->glitch_ns || args->pulse_min_ns || args->pulse_max_ns;
}

static void make_job(struct weir_gpio_job *job, const struct weir_gpio_pulses_args *args, uint32_t edges)
{
	struct weir_pulse_rule *rule = &job->rule;

	job->counts = args->count_ns;
	job->is_debounced = args->debounce_ns;
	rule->glitch_ns = (uint64_t)args->glitch_ns;
	rule->least_ns = (uint64_t)args->pulse_min_ns;
	rule->most_ns = args->pulse_max_ns ? (uint64_t)args->pulse_max_ns : UINT64_MAX;
	rule->has_width = args->pulse_min_ns || args->pulse_max_ns;
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

/* 0; -errno after a message: the kernel must do it, and cannot. */
static int fail_if_forced(const struct weir_gpio_pulses *pulses, struct weir_node *node, int err, const char *why)
{
	if (node->pipeline->options.tier != WEIR_FILTER_INLINE)
		return 0;
	return weir_fail(node, -err, "edges cannot be %s in the kernel: %s",
			 pulses->job.filters ? "filtered" : "counted", why);
}

/* In the kernel, as --filter-tier allows. `why` says what was tried. */
static int open_tap(struct weir_gpio_pulses *pulses, struct weir_node *node, char why[256])
{
	enum weir_filter_tier tier = node->pipeline->options.tier;
	int err;

	pulses->tap = NULL;
	why[0] = 0;
	if (tier != WEIR_FILTER_AUTO && tier != WEIR_FILTER_INLINE) {
		snprintf(why, 256, "--filter-tier=%s", weir_tier_name((enum weir_tier)tier));
		return 0;
	}
	err = weir_gpio_tap_open(&pulses->tap, &pulses->job, why);
	if (err == -WEIR_DISPROVED && tier == WEIR_FILTER_AUTO)
		weir_warn(node, "edges are filtered in user space, because: %s: please report this", why);
	return err ? fail_if_forced(pulses, node, err, why) : 0;
}

int weir_gpio_pulses_open(struct weir_gpio_pulses *pulses, struct weir_gpio *gpio, struct weir_node *node,
			  const struct weir_gpio_pulses_args *args, uint32_t edges, struct weir_schema *out)
{
	char why[256];
	int err;

	pulses->gpio = gpio;
	pulses->fd = pulses->watch_fd = -1;
	make_job(&pulses->job, args, edges);
	if (pulses->job.rule.least_ns > pulses->job.rule.most_ns)
		return weir_fail_arg(node, "pulse_max", NULL, "no pulse is at least pulse_min and at most pulse_max");
	pulses->interval_ns = args->count_ns;
	if (pulses->job.counts)
		describe_counts(out, out->clock);
	err = open_tap(pulses, node, why);
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
	bool is_unseen = pulses->tap && !weir_gpio_tap_settle(pulses->tap);
	int err = is_unseen ? fail_if_forced(pulses, node, -ENODEV, "the hook does not see this line") : 0;

	if (err < 0)
		return err;
	if (is_unseen)
		do_without(pulses, node);
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
