/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the queue to the broker. The sender connects, which may take its time. Once the connection is up, it sends as well; or it
 * gives the link to the thread of the chain, where that is attached, and stands by until it gets it back: when the connection is
 * lost, and at the end.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "message/outbox_internal.h"
#include "weir/text.h"

#define HALT_NS INT64_C(800000000) /* for the rest, once the run is told to end */
#define LOOK_NS INT64_C(100000000) /* how often the sender looks whether it may end */

/* ------------------------------------------------------------------ the window */

uint64_t weir_outbox_waiting(const struct weir_spool_counts *counts)
{
	return counts->appended + counts->recovered - counts->acknowledged - counts->lost_limit - counts->lost_disk -
	       counts->lost_corrupt;
}

/* The spool is told of what has arrived without a gap. */
static void take_settled(struct weir_outbox *outbox)
{
	uint64_t id = 0;

	while (outbox->n_flights && weir_outbox_flight(outbox, 0)->is_settled) {
		id = weir_outbox_flight(outbox, 0)->id;
		outbox->first = (outbox->first + 1) % WEIR_OUTBOX_WINDOW;
		outbox->n_flights--;
	}
	if (id)
		weir_spool_ack(outbox->spool, id);
}

static void reject(struct weir_outbox *outbox, const char *what)
{
	bool has_reason = *outbox->reason;

	atomic_fetch_add(&outbox->rejected, 1);
	if (!outbox->has_warned)
		weir_warn(outbox->node, "the %s %s%s%s%s, and will not be asked again; others like it are only counted",
			  weir_outbox_noun(outbox), what, has_reason ? " (" : "", outbox->reason,
			  has_reason ? ")" : "");
	outbox->has_warned = true;
}

void weir_outbox_explain(struct weir_outbox *outbox, const char *why)
{
	weir_text_line(outbox->reason, sizeof(outbox->reason), why);
}

bool weir_outbox_is_ending(const struct weir_outbox *outbox)
{
	return atomic_load(&outbox->is_ending) || atomic_load(&outbox->deadline_ns) < INT64_MAX;
}

static void answer(struct weir_outbox *outbox, struct flight *flight, enum weir_outbox_fate fate)
{
	outbox->n_answers++;
	outbox->n_open--;
	flight->is_postponed = fate == WEIR_OUTBOX_POSTPONED;
	flight->is_settled = !flight->is_postponed;
	if (fate == WEIR_OUTBOX_REJECTED)
		reject(outbox, "refuses a message");
	else if (fate == WEIR_OUTBOX_POSTPONED)
		weir_outbox_hold(outbox);
	else
		weir_outbox_flow(outbox);
	weir_outbox_clear(outbox, flight, fate);
}

void weir_outbox_settle(struct weir_outbox *outbox, uint64_t token, enum weir_outbox_fate fate)
{
	for (uint32_t i = 0; i < outbox->n_flights; i++) {
		struct flight *flight = weir_outbox_flight(outbox, i);

		if (flight->token != token || flight->is_settled || flight->is_postponed)
			continue;
		answer(outbox, flight, fate);
		if (!i)
			take_settled(outbox);
		return;
	}
}

/* ------------------------------------------------------------------ the sender */

/* 0; 1: it needs no sending any more; -errno. */
static int hand_over(struct weir_outbox *outbox, uint64_t *token, char *why)
{
	struct weir_outbox_message message = {
		.sender = weir_spool_identity(outbox->spool),
		.id = outbox->pending.id,
		.bytes = outbox->pending.bytes,
		.n = outbox->pending.n,
	};
	int err;

	if (weir_outbox_was_answered(outbox, message.id))
		return 1;
	if (weir_outbox_is_set_aside(outbox)) {
		reject(outbox, "closes the connection when it gets this message");
		return 1;
	}
	err = outbox->ops->send(outbox->context, &message, token, why);
	if (err != -EMSGSIZE)
		return err;
	reject(outbox, "takes no message of this length");
	return 1;
}

/* The message is in the window from here on. */
static void add_flight(struct weir_outbox *outbox, const struct flight *flight)
{
	*weir_outbox_flight(outbox, outbox->n_flights++) = *flight;
	outbox->n_open += !flight->is_settled && !flight->is_postponed;
	outbox->has_pending = false;
}

static int send_one(struct weir_outbox *outbox, char *why)
{
	struct flight flight = { .id = outbox->pending.id, .n = outbox->pending.n };
	int err = 0;

	flight.is_postponed = weir_outbox_is_passed_over(outbox);
	if (!flight.is_postponed)
		err = hand_over(outbox, &flight.token, why);
	if (err < 0)
		return err;
	flight.is_settled = err;
	add_flight(outbox, &flight);
	if (err)
		take_settled(outbox);
	return 0;
}

/* 0: the pending message has gone; 1: nothing more goes for now, and `*due` is when to look again; -errno. */
static int send_next(struct weir_outbox *outbox, int64_t now, int64_t *due, char *why)
{
	int err;

	if (!outbox->has_pending && weir_spool_peek(outbox->spool, &outbox->pending, now, due) < 0)
		return !weir_outbox_recall(outbox, *due == INT64_MAX);
	outbox->has_pending = true;
	*due = INT64_MAX;
	if (!weir_outbox_isolate(outbox))
		return 1;
	err = send_one(outbox, why);
	return err == -EAGAIN ? 1 : err;
}

/* @return when to look again. */
static int64_t send_some(struct weir_outbox *outbox)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC), due = INT64_MAX;
	char why[WEIR_LINK_WHY] = "";
	int err = 0;

	if (!weir_outbox_may_send(outbox, now, &due))
		return due;
	(void)weir_outbox_recall(outbox, false);
	while (!err && outbox->n_open < outbox->credit && !weir_outbox_is_alone(outbox) &&
	       (outbox->n_flights < WEIR_OUTBOX_WINDOW || weir_outbox_recall(outbox, true)))
		err = send_next(outbox, now, &due, why);
	if (err < 0)
		weir_link_lost(outbox->link, why);
	return due;
}

/* As much as the window, the peer and the spool's rate let. @return when to look again. */
int64_t weir_outbox_send(struct weir_outbox *outbox)
{
	int64_t due = send_some(outbox);

	if (outbox->ops->flush && outbox->n_flights && weir_link_is_up(outbox->link))
		outbox->ops->flush(outbox->context);
	return due;
}

bool weir_outbox_may_gather(struct weir_outbox *outbox)
{
	return outbox->n_open && !outbox->has_pending && !outbox->is_held && outbox->n_open < outbox->credit &&
	       outbox->n_flights < WEIR_OUTBOX_WINDOW && !weir_outbox_is_alone(outbox);
}

/* What was under way when a connection was lost goes again. */
static void begin_anew(struct weir_outbox *outbox)
{
	if (weir_link_count(outbox->link) == outbox->connection)
		return;
	outbox->connection = weir_link_count(outbox->link);
	weir_outbox_suspect(outbox);
	weir_outbox_again(outbox);
}

void weir_outbox_lower_deadline(struct weir_outbox *outbox, int64_t deadline_ns)
{
	if (deadline_ns < atomic_load(&outbox->deadline_ns))
		atomic_store(&outbox->deadline_ns, deadline_ns);
}

/* Once told to end, nobody may be left waiting for room that does not come. */
static void heed_halt(struct weir_outbox *outbox, const struct epoll_event *event)
{
	if (event->data.fd == weir_halt_fd(outbox->node) && !outbox->is_halted) {
		outbox->is_halted = true;
		weir_outbox_lower_deadline(outbox, weir_now(WEIR_CLOCK_MONOTONIC) + HALT_NS);
	}
}

static void drain_wake(struct weir_outbox *outbox)
{
	struct epoll_event event[4];
	int n = epoll_wait(outbox->wake_fd, event, 4, 0);
	eventfd_t value;

	for (int i = 0; i < n; i++) {
		heed_halt(outbox, &event[i]);
		if (event[i].data.fd != weir_halt_fd(outbox->node))
			(void)eventfd_read(event[i].data.fd, &value);
	}
}

static bool is_over(struct weir_outbox *outbox, int64_t now)
{
	struct weir_spool_counts counts;

	if (now >= atomic_load(&outbox->deadline_ns)) {
		weir_spool_interrupt(outbox->spool);
		return atomic_load(&outbox->is_ending);
	}
	if (!atomic_load(&outbox->is_ending))
		return false;
	weir_spool_read_counts(outbox->spool, &counts);
	return !weir_outbox_waiting(&counts);
}

static int64_t next_look(const struct weir_outbox *outbox, int64_t now, int64_t due)
{
	return weir_outbox_is_ending(outbox) && now + LOOK_NS < due ? now + LOOK_NS : due;
}

/* The chain has the link. What is left for the sender is to see that the run ends. */
static void outbox_stand_by(struct weir_outbox *outbox)
{
	atomic_store_explicit(&outbox->owner, WEIR_OUTBOX_CHAIN, memory_order_release);
	while (atomic_load_explicit(&outbox->owner, memory_order_acquire) == WEIR_OUTBOX_CHAIN) {
		struct pollfd wake = { .fd = outbox->wake_fd, .events = POLLIN };
		int64_t deadline = atomic_load(&outbox->deadline_ns);

		if (weir_now(WEIR_CLOCK_MONOTONIC) >= deadline)
			weir_spool_interrupt(outbox->spool);
		poll(&wake, 1, deadline < INT64_MAX ? LOOK_NS / 1000000 : -1);
		drain_wake(outbox);
	}
}

void weir_outbox_hand_back(struct weir_outbox *outbox)
{
	if (atomic_load_explicit(&outbox->owner, memory_order_acquire) == WEIR_OUTBOX_SENDER)
		return;
	weir_spool_announce(outbox->spool, true);
	atomic_store_explicit(&outbox->owner, WEIR_OUTBOX_SENDER, memory_order_release);
	(void)eventfd_write(outbox->control_fd, 1);
}

static bool may_give_away(const struct weir_outbox *outbox)
{
	return outbox->is_attached && !atomic_load(&outbox->is_ending) &&
	       atomic_load(&outbox->deadline_ns) == INT64_MAX;
}

void *weir_outbox_run(void *context)
{
	struct weir_outbox *outbox = context;
	int64_t due = INT64_MAX, now = weir_now(WEIR_CLOCK_MONOTONIC);

	while (!is_over(outbox, now)) {
		int up = weir_link_step(outbox->link, outbox->wake_fd, next_look(outbox, now, due));

		drain_wake(outbox);
		if (up < 0) {
			atomic_store(&outbox->failed, up);
			weir_spool_interrupt(outbox->spool);
			break;
		}
		due = INT64_MAX;
		if (up)
			begin_anew(outbox);
		if (up)
			due = weir_outbox_send(outbox);
		if (up && may_give_away(outbox))
			outbox_stand_by(outbox);
		now = weir_now(WEIR_CLOCK_MONOTONIC);
	}
	weir_link_shut(outbox->link);
	return NULL;
}
