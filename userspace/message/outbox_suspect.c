/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which message does a peer hang up at, and is the message the reason? See struct weir_outbox_suspect. */
#include <errno.h>

#include "message/outbox_internal.h"

/* Is it longer than all that were taken, and not shorter than one that was set aside? */
static bool is_of_bad_length(const struct weir_outbox_suspect *suspect, uint32_t n)
{
	return suspect->n_refused && n >= suspect->n_refused && n > suspect->n_taken &&
	       weir_now(WEIR_CLOCK_MONOTONIC) - suspect->learned_ns < WEIR_OUTBOX_LEARNED_NS;
}

static unsigned needed_strikes(const struct weir_outbox_suspect *suspect, uint32_t n)
{
	return is_of_bad_length(suspect, n) ? WEIR_OUTBOX_STRIKES - 1 : WEIR_OUTBOX_STRIKES;
}

/* The last strike counts only when another message was taken before it. */
static void strike(struct weir_outbox_suspect *suspect, const struct flight *flight)
{
	if (suspect->id != flight->id)
		suspect->control_id = suspect->strikes = 0;
	if (suspect->strikes + 1 < needed_strikes(suspect, flight->n) || suspect->is_checked)
		suspect->strikes++;
	suspect->id = flight->id;
	suspect->n = flight->n;
	suspect->is_checked = suspect->goes_unchecked = false;
}

/* The peer has said that it is the message: no other one need be tried. */
static void convict(struct weir_outbox_suspect *suspect, const struct flight *flight)
{
	suspect->id = flight->id;
	suspect->n = flight->n;
	suspect->strikes = WEIR_OUTBOX_STRIKES;
	suspect->control_id = 0;
	suspect->is_checked = suspect->goes_unchecked = false;
}

void weir_outbox_suspect(struct weir_outbox *outbox)
{
	struct weir_outbox_suspect *suspect = &outbox->suspect;
	int error = weir_link_error(outbox->link);
	const struct flight *last = NULL;

	if (!outbox->n_open || (error != -ECONNRESET && error != -EBADMSG))
		return;
	for (uint32_t i = 0; i < outbox->n_flights; i++)
		if (!weir_outbox_flight(outbox, i)->is_settled)
			last = weir_outbox_flight(outbox, i);
	if (last->id > suspect->until_id)
		suspect->until_id = last->id;
	/* Of several, which one is not known: others may have been taken, and their answers may have been under way. */
	if (outbox->n_open > 1)
		return;
	if (error == -EBADMSG)
		convict(suspect, last);
	else if (weir_outbox_flight(outbox, 0)->is_postponed && weir_outbox_flight(outbox, 0)->id == suspect->id)
		suspect->control_id = last->id;
	else
		strike(suspect, last);
}

void weir_outbox_clear(struct weir_outbox *outbox, const struct flight *flight, enum weir_outbox_fate fate)
{
	struct weir_outbox_suspect *suspect = &outbox->suspect;

	if (fate == WEIR_OUTBOX_DELIVERED && flight->n > suspect->n_taken)
		suspect->n_taken = flight->n;
	if (flight->id == suspect->id)
		suspect->id = suspect->strikes = 0;
	else
		suspect->is_checked |= fate != WEIR_OUTBOX_POSTPONED;
}

/* Two are needed to believe that it is the length. */
static void learn(struct weir_outbox_suspect *suspect, uint32_t n)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);
	bool is_longer = suspect->n_taken && n > suspect->n_taken;

	suspect->is_learned = is_longer && suspect->n_refused > suspect->n_taken &&
			      now - suspect->learned_ns < WEIR_OUTBOX_LEARNED_NS;
	if (!suspect->is_learned || n < suspect->n_refused)
		suspect->n_refused = is_longer ? n : 0;
	suspect->learned_ns = now;
}

bool weir_outbox_is_set_aside(struct weir_outbox *outbox)
{
	struct weir_outbox_suspect *suspect = &outbox->suspect;
	uint32_t n = outbox->pending.n;

	if (suspect->id != outbox->pending.id || suspect->strikes < needed_strikes(suspect, n))
		return suspect->is_learned && is_of_bad_length(suspect, n);
	learn(suspect, n);
	suspect->id = 0;
	return true;
}

/* ------------------------------------------------------------------- one by one */

static bool seeks_control(const struct weir_outbox_suspect *suspect)
{
	return suspect->id && !suspect->is_checked && !suspect->goes_unchecked &&
	       suspect->strikes + 1 == needed_strikes(suspect, suspect->n);
}

bool weir_outbox_is_passed_over(const struct weir_outbox *outbox)
{
	const struct weir_outbox_suspect *suspect = &outbox->suspect;
	uint64_t id = outbox->pending.id;

	return seeks_control(suspect) && (id == suspect->id || (id > suspect->id && id <= suspect->control_id));
}

bool weir_outbox_is_alone(struct weir_outbox *outbox)
{
	return outbox->n_open && weir_outbox_flight(outbox, outbox->n_flights - 1)->id <= outbox->suspect.until_id;
}

/*
 * So goes a control, and a message of more than twice the length of any that the peer has taken: if the peer hangs up at it, no
 * answers to others are lost, which without ids would come twice.
 */
bool weir_outbox_isolate(struct weir_outbox *outbox)
{
	struct weir_outbox_suspect *suspect = &outbox->suspect;

	if (!seeks_control(suspect) && outbox->pending.n / 2 <= suspect->n_taken)
		return true;
	if (outbox->n_open)
		return false;
	if (outbox->pending.id > suspect->until_id)
		suspect->until_id = outbox->pending.id;
	return true;
}

bool weir_outbox_recall(struct weir_outbox *outbox, bool is_end)
{
	struct weir_outbox_suspect *suspect = &outbox->suspect;

	if (!outbox->n_flights || outbox->n_open || !weir_outbox_flight(outbox, 0)->is_postponed ||
	    (!suspect->is_checked && !is_end))
		return false;
	if (!suspect->is_checked) {
		suspect->goes_unchecked = true;
		suspect->control_id = 0;
	}
	weir_outbox_again(outbox);
	return true;
}
