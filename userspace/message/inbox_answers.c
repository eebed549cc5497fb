/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which messages are answered for? Each that was read is a point in the stream of records, and a checkpoint follows the oldest.
 *
 * Answers go in the order of the messages. But where a window holds them back, messages of which no record is under way (malformed,
 * repeated, dropped by a filter) use up the broker's credit, and the window would never get what it waits for. They are answered
 * ahead of older ones when the credit is used up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message/inbox_internal.h"

#define POINTS 1024                 /* beyond so many, the last stands for several */
#define SOON_NS INT64_C(100000)     /* to look whether records have been answered for, at first */
#define SELDOM_NS INT64_C(50000000) /* and when that takes long */
#define LAST_NS INT64_C(200000000)  /* for answers that are missing when the chains have ended */

const char *const weir_inbox_ack_words[] = { "stage", "window", NULL };

/* ----------------------------------------------------------------------- open */

int weir_inbox_open_answers(struct weir_inbox *inbox, uint32_t n)
{
	inbox->soon_ns = SOON_NS;
	inbox->max_points = n > POINTS ? n : POINTS;
	free(inbox->point);
	inbox->point = calloc(inbox->max_points, sizeof(*inbox->point));
	return inbox->point ? 0 : -ENOMEM;
}

int weir_inbox_answer(struct weir_inbox *inbox, const struct weir_credit *credit, const char *unfit)
{
	inbox->repeats = weir_repeats_new(credit->messages);
	if (!inbox->repeats)
		return -ENOMEM;
	if (!inbox->args->awaits_windows)
		return 0;
	if (unfit)
		return weir_fail_arg(inbox->node, "ack", NULL, "ack=window needs %s", unfit);
	inbox->credit = credit->messages;
	weir_awaits_windows(inbox->node, credit);
	/* Each message without an answer has one of its own, and there may be one that was answered ahead behind each. */
	return weir_inbox_open_answers(inbox, 2 * credit->messages + 2);
}

void weir_inbox_needs_no_answers(struct weir_inbox *inbox)
{
	inbox->is_unanswered = true;
}

int weir_inbox_begin(struct weir_inbox *inbox)
{
	int err;

	/* Driven by a test, without chains below it. */
	if (!inbox->node->stream)
		return 0;
	err = weir_checkpoint_open(&inbox->checkpoint, inbox->node);
	if (err < 0)
		return weir_fail(inbox->node, -err, "cannot begin: %s", strerror(-err));
	inbox->is_slow = weir_checkpoint_is_slow(inbox->checkpoint);
	inbox->noted = weir_stream_head(inbox->node->stream);
	return 0;
}

/* --------------------------------------------------------------------- points */

static struct point *inbox_point(struct weir_inbox *inbox, uint32_t i)
{
	return &inbox->point[(inbox->first_point + i) % inbox->max_points];
}

static void inbox_set(struct weir_inbox *inbox)
{
	if (inbox->n_points)
		weir_checkpoint_set(inbox->checkpoint, inbox_point(inbox, 0)->position);
}

/* Of those that were answered ahead and have no records between them, one is enough: there may be any number. */
static bool inbox_follows(struct weir_inbox *inbox, const struct point *point)
{
	const struct point *last = inbox_point(inbox, inbox->n_points - 1);

	return point->is_free && last->is_ahead && last->position == point->position;
}

static void inbox_add_point(struct weir_inbox *inbox, const struct point *point)
{
	bool is_full = inbox->n_points == inbox->max_points;

	if (inbox->n_points && inbox_follows(inbox, point)) {
		*inbox_point(inbox, inbox->n_points - 1) = *point;
		return;
	}
	inbox->n_points += !is_full;
	*inbox_point(inbox, inbox->n_points - 1) = *point;
	if (is_full) /* it stands for several, of which some have records */
		inbox_point(inbox, inbox->n_points - 1)->is_free = false;
	if (inbox->n_points == 1)
		inbox_set(inbox);
}

static bool inbox_has_noted(struct weir_inbox *inbox)
{
	uint64_t last = inbox->n_points ? inbox_point(inbox, inbox->n_points - 1)->mark : inbox->settled;

	return !inbox->checkpoint || inbox->is_unanswered || inbox->done == last;
}

/* Rows that were given before are in the ring by now, or with the chain. */
void weir_inbox_note(struct weir_inbox *inbox)
{
	struct point point = { .mark = inbox->done };

	if (inbox_has_noted(inbox))
		return;
	point.position = weir_stream_head(inbox->node->stream);
	point.is_free = point.position == inbox->noted;
	inbox->noted = point.position;
	inbox_add_point(inbox, &point);
	if (inbox->repeats)
		weir_repeats_place(inbox->repeats, inbox->done, point.position);
}

void weir_inbox_note_empty(struct weir_inbox *inbox, const struct head *head)
{
	struct point point = { .mark = head->mark, .is_free = !head->is_held };

	/* One by one only where that matters; else it goes with the messages before it. */
	if (inbox->is_slow)
		weir_inbox_note(inbox);
	inbox->done = head->mark;
	if (!inbox->is_slow || inbox_has_noted(inbox))
		return;
	point.position = head->has_position ? head->position : weir_stream_head(inbox->node->stream);
	inbox_add_point(inbox, &point);
	if (inbox->repeats)
		weir_repeats_place(inbox->repeats, inbox->done, point.position);
}

/* -------------------------------------------------------------------- answers */

uint64_t weir_inbox_settled(struct weir_inbox *inbox)
{
	if (inbox->is_unanswered)
		return inbox->done;
	weir_inbox_note(inbox);
	while (inbox->n_points && weir_checkpoint_is_passed(inbox->checkpoint)) {
		const struct point *point = inbox_point(inbox, 0);

		inbox->settled = point->mark;
		if (!point->is_ahead)
			inbox->answerable = point->mark;
		inbox->first_point = (inbox->first_point + 1) % inbox->max_points;
		inbox->n_points--;
		inbox->soon_ns = SOON_NS;
		inbox_set(inbox);
	}
	if (inbox->repeats)
		weir_repeats_answered(inbox->repeats, inbox->answerable, inbox->settled);
	return inbox->answerable;
}

static bool inbox_has_credit(struct weir_inbox *inbox)
{
	uint32_t n = 0;

	if (inbox->n_points < inbox->credit || !weir_inbox_is_empty(inbox) || inbox->done != inbox->last)
		return true;
	for (uint32_t i = 0; i < inbox->n_points; i++)
		n += inbox_point(inbox, i)->mark > inbox->gone && !inbox_point(inbox, i)->is_ahead;
	return n < inbox->credit;
}

uint64_t weir_inbox_next_ahead(struct weir_inbox *inbox)
{
	if (!inbox->credit || inbox_has_credit(inbox))
		return 0;
	for (uint32_t i = 0; i < inbox->n_points; i++) {
		struct point *point = inbox_point(inbox, i);

		if (!point->is_free || point->is_ahead || point->mark <= inbox->gone)
			continue;
		point->is_ahead = true;
		if (inbox->repeats)
			weir_repeats_drop(inbox->repeats, point->mark);
		return point->mark;
	}
	return 0;
}

/* Nobody waits for their answers: one point stands for all of them. */
static void inbox_merge_points(struct weir_inbox *inbox)
{
	struct point point = { .position = inbox->noted };

	if (!inbox->n_points)
		return;
	point.mark = inbox_point(inbox, inbox->n_points - 1)->mark;
	inbox->first_point = 0;
	inbox->n_points = 1;
	inbox->point[0] = point;
	inbox_set(inbox);
}

void weir_inbox_lost(struct weir_inbox *inbox)
{
	inbox_merge_points(inbox);
	inbox->gone = inbox->last;
	inbox->repeats_until_ns = 0;
	if (inbox->repeats)
		weir_repeats_lose(inbox->repeats);
}

static bool inbox_is_over(const struct weir_inbox *inbox)
{
	return !inbox->checkpoint || weir_checkpoint_is_over(inbox->checkpoint) ||
	       atomic_load(&inbox->node->pipeline->runtime->is_over);
}

/* The chains have ended. A guard may still decide on what an output was last asked. */
static bool inbox_waits_for_last(struct weir_inbox *inbox)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);

	if (!inbox->over_ns)
		inbox->over_ns = now;
	return inbox->checkpoint && weir_checkpoint_can_pass(inbox->checkpoint) && now - inbox->over_ns < LAST_NS;
}

/* Before looking at what is settled: what a stage gave at its end is then part of it. */
int weir_inbox_conclude(struct weir_inbox *inbox, struct weir_link *link, struct weir_wait *wait)
{
	bool is_over = inbox_is_over(inbox), is_settled, is_up;

	inbox->is_closing = true;
	is_settled = weir_inbox_settled(inbox) == inbox->done;
	is_up = weir_link_is_up(link) && weir_link_step(link, -1, 0) > 0;
	if (is_over && (is_settled || !is_up || !inbox_waits_for_last(inbox))) {
		weir_link_shut(link);
		return 0;
	}
	wait->until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + weir_inbox_look_ns(inbox, SELDOM_NS);
	return -EAGAIN;
}

int64_t weir_inbox_look_ns(struct weir_inbox *inbox, int64_t else_ns)
{
	int64_t soon = inbox->soon_ns;

	if (inbox->is_unanswered || (!inbox->n_points && inbox->settled == inbox->done))
		return else_ns;
	/* The thread that asks is the one that answers. */
	if (inbox->node->stream && inbox->node->stream->is_lent)
		return SELDOM_NS < else_ns ? SELDOM_NS : else_ns;
	inbox->soon_ns = soon * 2 < SELDOM_NS ? soon * 2 : SELDOM_NS;
	return soon < else_ns ? soon : else_ns;
}

uint32_t weir_inbox_wants(const struct weir_inbox *inbox, uint32_t most)
{
	if (inbox->is_closing)
		return 0;
	return inbox->batch && inbox->batch < most ? inbox->batch : most;
}
