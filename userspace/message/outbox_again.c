/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages that go again: after a connection was lost, or when a broker does not take them for now, as RabbitMQ where a queue is
 * full. Then one message goes at a time until one is taken, so that a full queue costs one answer for each pause, and from there
 * twice as many for each round.
 */
#include <string.h>

#include "message/outbox_internal.h"

#define FIRST_NS INT64_C(100000000)
#define LAST_NS INT64_C(2000000000)   /* no connection is made for it, so it may be asked for soon */
#define PEACE_NS INT64_C(10000000000) /* until people hear of the next trouble */
#define SILENT_NS INT64_C(10000000000)

/* ---------------------------------------------------------------------- again */

/* Ids of a window that are answered for stay known beyond the rewind: those in it, and those that had not gone again yet. */
static void keep_answered(struct weir_outbox *outbox)
{
	uint32_t n_left = outbox->n_answered - outbox->next_answered, n = 0;
	uint64_t left[WEIR_OUTBOX_WINDOW], last = 0;

	memcpy(left, outbox->answered + outbox->next_answered, n_left * sizeof(*left));
	for (uint32_t i = 0; i < outbox->n_flights; i++) {
		last = weir_outbox_flight(outbox, i)->id;
		if (weir_outbox_flight(outbox, i)->is_settled)
			outbox->answered[n++] = last;
	}
	for (uint32_t i = 0; i < n_left && n < WEIR_OUTBOX_WINDOW; i++)
		if (left[i] > last)
			outbox->answered[n++] = left[i];
	outbox->next_answered = 0;
	outbox->n_answered = n;
}

void weir_outbox_again(struct weir_outbox *outbox)
{
	keep_answered(outbox);
	outbox->n_flights = outbox->n_open = 0;
	outbox->has_pending = false;
	outbox->is_held = false;
	weir_spool_rewind(outbox->spool);
}

bool weir_outbox_was_answered(struct weir_outbox *outbox, uint64_t id)
{
	while (outbox->next_answered < outbox->n_answered && outbox->answered[outbox->next_answered] < id)
		outbox->next_answered++;
	return outbox->next_answered < outbox->n_answered && outbox->answered[outbox->next_answered] == id;
}

/* ---------------------------------------------------------------------- pauses */

void weir_outbox_hold(struct weir_outbox *outbox)
{
	if (outbox->is_held)
		return;
	weir_outbox_stall(outbox, "its queue may be full");
	outbox->is_held = true;
	outbox->credit = 1;
	outbox->pause_ns = !outbox->pause_ns                ? FIRST_NS
			   : outbox->pause_ns * 2 < LAST_NS ? outbox->pause_ns * 2
							    : LAST_NS;
	outbox->resume_ns = weir_now(WEIR_CLOCK_MONOTONIC) + outbox->pause_ns;
}

void weir_outbox_flow(struct weir_outbox *outbox)
{
	outbox->pause_ns = 0;
	if (outbox->credit < WEIR_OUTBOX_WINDOW)
		outbox->credit++;
	if (!outbox->is_stalled || weir_now(WEIR_CLOCK_MONOTONIC) - outbox->stalled_ns < PEACE_NS)
		return;
	weir_warn(outbox->node, "the %s takes messages again", weir_outbox_noun(outbox));
	outbox->is_stalled = false;
}

void weir_outbox_stall(struct weir_outbox *outbox, const char *why)
{
	if (!outbox->is_stalled)
		weir_warn(outbox->node, "the %s takes no messages for now: %s; they wait", weir_outbox_noun(outbox),
			  why);
	outbox->is_stalled = true;
	outbox->stalled_ns = weir_now(WEIR_CLOCK_MONOTONIC);
}

/* A broker that holds up its senders says nothing, and reads nothing either. */
static void look_for_silence(struct weir_outbox *outbox, int64_t now)
{
	if (!outbox->n_open || outbox->n_answers != outbox->n_answers_seen) {
		outbox->n_answers_seen = outbox->n_answers;
		outbox->answer_ns = now;
	} else if (now - outbox->answer_ns > SILENT_NS) {
		weir_outbox_stall(outbox, "it has not answered for 10 s");
	}
}

/* Only when all have been answered for are there none that would go twice. */
bool weir_outbox_may_send(struct weir_outbox *outbox, int64_t now, int64_t *due_ns)
{
	look_for_silence(outbox, now);
	if (!outbox->is_held)
		return true;
	*due_ns = outbox->n_open ? INT64_MAX : outbox->resume_ns;
	if (outbox->n_open || now < outbox->resume_ns)
		return false;
	weir_outbox_again(outbox);
	return true;
}
