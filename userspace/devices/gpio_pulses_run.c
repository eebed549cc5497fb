/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counting and filtering, once the line is taken: what gpio_pulses.c has set up. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "devices/gpio_pulses.h"

#define SLACK_NS INT64_C(2000000) /* an event may come so much later than its edge */
#define PATIENCE_MAX_NS \
	INT64_C(10000000) /* with noise on the line, no edge waits longer than this beside its own time */

/* ------------------------------------------------------------------ the line */

static int fail_read(struct weir_gpio_pulses *pulses, struct weir_node *node, int error)
{
	int err = weir_gpio_alive(pulses->gpio, node);

	pulses->is_gone = true;

	return err ? err : weir_fail_device(node, pulses->gpio->title, "read edges of", error, NULL);
}

/* Where events are not read, an unplugged chip shows in this way. */
static int check_alive(struct weir_gpio_pulses *pulses, struct weir_node *node)
{
	struct pollfd request = { .fd = pulses->fd };

	return poll(&request, 1, 0) > 0 ? fail_read(pulses, node, ENODEV) : 0;
}

static void count_lost(struct weir_gpio_pulses *pulses, struct weir_node *node, enum weir_loss cause, uint64_t lost)
{
	if (lost == pulses->lost)
		return;
	if (!pulses->lost)
		weir_warn(node, "'%s' lost edges: what is made of those around them may be wrong", pulses->gpio->title);
	weir_lost(node, cause, lost - pulses->lost);
	pulses->lost = lost;
}

/* Up to WEIR_GPIO_READ events. 0: there are none; -errno after a message. Follows the line's numbers. */
static int read_events(struct weir_gpio_pulses *pulses, struct weir_node *node, struct gpio_v2_line_event *event,
		       uint64_t *skipped)
{
	ssize_t bytes = read(pulses->fd, event, WEIR_GPIO_READ * sizeof(*event));
	int n = (int)(bytes / (ssize_t)sizeof(*event));

	if (bytes < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : fail_read(pulses, node, errno);
	for (int i = 0; i < n; i++) {
		uint32_t step = event[i].line_seqno - (uint32_t)pulses->seqno;

		*skipped += step - 1;
		pulses->seqno += step;
	}
	return n;
}

/* ------------------------------------------------------------------ filtering */

static void queue(struct weir_gpio_pulses *pulses, const struct gpio_v2_line_event *edge, uint32_t n)
{
	if (pulses->job.counts) {
		pulses->passed += n;
		return;
	}
	memcpy(&pulses->queue[pulses->last], edge, n * sizeof(*edge));
	pulses->last += n;
}

static void queue_taken(struct weir_gpio_pulses *pulses)
{
	queue(pulses, pulses->taken, pulses->n_taken);
	pulses->n_taken = 0;
}

/* From the tap. What was taken by time goes where its number says. Negative: no room for more. */
static int queue_passed(void *context, const struct gpio_v2_line_event *edge)
{
	struct weir_gpio_pulses *pulses = context;

	if (pulses->n_taken && (int32_t)(edge->line_seqno - pulses->taken[pulses->n_taken - 1].line_seqno) > 0)
		queue_taken(pulses);
	queue(pulses, edge, 1);
	return pulses->last + WEIR_PULSE_OUT_MAX < WEIR_GPIO_QUEUE ? 0 : -ENOSPC;
}

static int read_and_queue(struct weir_gpio_pulses *pulses, struct weir_node *node, struct gpio_v2_line_event *event)
{
	struct gpio_v2_line_event out[WEIR_PULSE_OUT_MAX];
	uint64_t skipped = 0;
	int n = read_events(pulses, node, event, &skipped);

	for (int i = 0; i < n; i++)
		queue(pulses, out, weir_pulse_push(&pulses->memory, &pulses->job.rule, &event[i], out));
	count_lost(pulses, node, WEIR_LOST_DEVICE, pulses->lost + skipped);
	return n;
}

static int pump_here(struct weir_gpio_pulses *pulses, struct weir_node *node)
{
	struct gpio_v2_line_event event[WEIR_GPIO_READ];
	int n = read_and_queue(pulses, node, event);

	return n < 0 ? n : n == WEIR_GPIO_READ;
}

/* What the tap sees is not read here; what is left unread of a busy line begins with a later edge. */
int weir_gpio_pulses_first(struct weir_gpio_pulses *pulses, struct weir_node *node, int most_ms)
{
	struct pollfd request = { .fd = pulses->fd, .events = POLLIN };
	struct gpio_v2_line_event event[WEIR_GPIO_READ];
	int n;

	if (poll(&request, 1, most_ms) <= 0 || !(request.revents & POLLIN))
		return 0;
	if (pulses->tap)
		return (int)weir_gpio_tap_first(pulses->tap);
	n = read_and_queue(pulses, node, event);
	return n > 0 ? (int)event[0].id : n;
}

static int pump_tap(struct weir_gpio_pulses *pulses, struct weir_node *node)
{
	int n = weir_gpio_tap_consume(pulses->tap, queue_passed, pulses);

	if (n < 0 && n != -ENOSPC)
		return weir_fail(node, -n, "cannot read what passed: %s", strerror(-n));
	count_lost(pulses, node, WEIR_LOST_FILTER, weir_gpio_tap_lost(pulses->tap));
	return n < 0;
}

/* Queue what passes. 1: there may be more; 0: that was all; -errno after a message. */
static int pump(struct weir_gpio_pulses *pulses, struct weir_node *node)
{
	return pulses->tap ? pump_tap(pulses, node) : pump_here(pulses, node);
}

static struct weir_pulse_memory *memory_of(struct weir_gpio_pulses *pulses)
{
	return pulses->tap ? weir_gpio_tap_memory(pulses->tap) : &pulses->memory;
}

/* All has been pumped: the edge that waits may have lasted. What passed until it was taken comes before it. */
static int decide_by_time(struct weir_gpio_pulses *pulses, struct weir_node *node)
{
	int64_t until = weir_now(weir_out(node)->clock) - SLACK_NS;
	int more = 0;

	if (!pulses->n_taken)
		pulses->n_taken = weir_pulse_take(memory_of(pulses), &pulses->job.rule, (uint64_t)until, pulses->taken);
	if (pulses->tap && pulses->n_taken)
		more = pump(pulses, node);
	if (!more)
		queue_taken(pulses);
	return more;
}

static uint64_t number_held(const struct weir_pulse_memory *memory)
{
	return __atomic_load_n(&memory->held, __ATOMIC_SEQ_CST);
}

/* The edge that waits; 0: none does, and we shall be told of the next. */
static uint64_t look_at_held(struct weir_gpio_pulses *pulses)
{
	const struct weir_pulse_memory *memory = memory_of(pulses);
	uint64_t held = number_held(memory);

	if (held || !pulses->tap)
		return held;
	weir_gpio_tap_sleep(pulses->tap);
	return number_held(memory);
}

static int64_t less_often(int64_t patience_ns)
{
	int64_t next = patience_ns ? 2 * patience_ns : SLACK_NS;

	return next < PATIENCE_MAX_NS ? next : PATIENCE_MAX_NS;
}

/* When must be looked again, by CLOCK_MONOTONIC? */
static int64_t look_again_ns(struct weir_gpio_pulses *pulses, const struct weir_node *node)
{
	uint64_t held = look_at_held(pulses), before = pulses->held;
	int64_t left;

	pulses->held = held;
	if (!held || !before)
		pulses->patience_ns = 0;
	else if (held != before)
		pulses->patience_ns = less_often(pulses->patience_ns);
	if (!held)
		return INT64_MAX;
	left = (int64_t)(memory_of(pulses)->edge.timestamp_ns + pulses->job.rule.glitch_ns) + SLACK_NS -
	       weir_now(weir_out(node)->clock);
	return weir_now(WEIR_CLOCK_MONOTONIC) + (left > pulses->patience_ns ? left : pulses->patience_ns);
}

static int hand_out(struct weir_gpio_pulses *pulses, struct weir_rows *rows)
{
	pulses->first += weir_rows_copy(rows, &pulses->queue[pulses->first], pulses->last - pulses->first);
	if (pulses->first == pulses->last)
		pulses->first = pulses->last = 0;
	return 1;
}

static int fill_queue(struct weir_gpio_pulses *pulses, struct weir_node *node)
{
	int more = pump(pulses, node);

	return more ? more : decide_by_time(pulses, node);
}

static int produce_edges(struct weir_gpio_pulses *pulses, struct weir_node *node, struct weir_rows *rows,
			 struct weir_wait *wait)
{
	int more = pulses->last ? 0 : fill_queue(pulses, node);

	if (more < 0)
		return more;
	if (pulses->last)
		return hand_out(pulses, rows);
	*wait = (struct weir_wait){ .fd = pulses->tap ? pulses->watch_fd : pulses->fd };
	if (more)
		return -EAGAIN;
	wait->until_ns = look_again_ns(pulses, node);
	if (pulses->tap)
		more = check_alive(pulses, node);
	return more < 0 ? more : -EAGAIN;
}

/* ------------------------------------------------------------------- counting */

/* Without a filter the events are left in their FIFO, which drops the oldest: the last one's number is what matters. */
static int follow_numbers(struct weir_gpio_pulses *pulses, struct weir_node *node)
{
	struct gpio_v2_line_event event[WEIR_GPIO_READ];
	uint64_t unread = 0;
	int n = read_events(pulses, node, event, &unread);

	return n < 0 ? n : 0;
}

/*
 * Edges so far. The greater of both numbers, because the interrupt's hook sees nothing where a chip's interrupts come from a
 * thread, and may be skipped where a kprobe meets another.
 */
static uint64_t count_edges(struct weir_gpio_pulses *pulses)
{
	uint64_t hooked = pulses->tap ? weir_gpio_tap_count(pulses->tap) : 0;

	if (pulses->job.filters)
		return hooked + pulses->passed;
	return hooked > pulses->seqno ? hooked : pulses->seqno;
}

static void fill_row(struct weir_gpio_pulses *pulses, const struct weir_schema *schema, int64_t now, void *row)
{
	int64_t t = weir_now(schema->clock), count = (int64_t)(count_edges(pulses) - pulses->counted);
	double hz = (double)count * 1e9 / (double)(now - pulses->since_ns);

	memcpy((char *)row + schema->t.at, &t, sizeof(t));
	memcpy((char *)row + schema->field[0].at, &count, sizeof(count));
	memcpy((char *)row + schema->field[1].at, &hz, sizeof(hz));
	pulses->counted += (uint64_t)count;
	pulses->since_ns = now;
}

static int catch_up(struct weir_gpio_pulses *pulses, struct weir_node *node)
{
	int err;

	if (!pulses->job.filters)
		return follow_numbers(pulses, node);
	err = fill_queue(pulses, node);
	return err < 0 || !pulses->tap ? err : check_alive(pulses, node);
}

static int produce_count(struct weir_gpio_pulses *pulses, struct weir_node *node, struct weir_rows *rows,
			 struct weir_wait *wait)
{
	bool reads_all = pulses->job.filters && !pulses->tap;
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);
	bool is_due = now >= pulses->next_ns;
	int more = is_due || reads_all ? catch_up(pulses, node) : 0;

	if (more < 0)
		return more;
	*wait = (struct weir_wait){ .until_ns = more ? 0 : pulses->next_ns, .fd = reads_all ? pulses->fd : -1 };
	if (!is_due)
		return -EAGAIN;
	pulses->next_ns += ((now - pulses->next_ns) / pulses->interval_ns + 1) * pulses->interval_ns;
	fill_row(pulses, weir_out(node), now, weir_rows_next(rows));
	weir_rows_add(rows);
	return 1;
}

/* Of a filter without a hook, all that can be read; else what is there is known by its number. */
static int catch_up_at_end(struct weir_gpio_pulses *pulses, struct weir_node *node)
{
	int more;

	do
		more = catch_up(pulses, node);
	while (more > 0);
	return more;
}

int weir_gpio_pulses_finish(struct weir_gpio_pulses *pulses, struct weir_node *node, void *row)
{
	int err = 0;

	if (!pulses->job.counts || pulses->fd < 0)
		return 0;
	if (!pulses->is_gone)
		err = catch_up_at_end(pulses, node);
	if (err < 0)
		return err;
	if (count_edges(pulses) == pulses->counted)
		return 0;
	fill_row(pulses, weir_out(node), weir_now(WEIR_CLOCK_MONOTONIC), row);
	return 1;
}

int weir_gpio_pulses_produce(struct weir_gpio_pulses *pulses, struct weir_node *node, struct weir_rows *rows,
			     struct weir_wait *wait)
{
	if (pulses->job.counts)
		return produce_count(pulses, node, rows, wait);
	return produce_edges(pulses, node, rows, wait);
}
