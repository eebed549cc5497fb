/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "guard/guard.h"

int64_t guard_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- deciding ----------------------------------------------------------------- */

static bool is_park(enum weir_cause cause)
{
	return cause != WEIR_ASKED && cause != WEIR_GRANTED && cause != WEIR_BY_HAND;
}

void guard_decided(void *context, const struct weir_decision *decision)
{
	struct guard *guard = context;
	struct guard_holding *holding = &guard->holding[decision->lease];
	struct weir_actuation *actuation;
	uint32_t i = 0;

	/* More than fit: tell what there is. Every entry is of a lease, so this ends. */
	if (guard->n_decisions == GUARD_DECISIONS)
		guard_settle(guard);
	while (i < holding->what.n && guard->bank.lease[decision->lease].line[i] != decision->line)
		i++;
	guard->decided_by[guard->n_decisions] = decision->lease;
	actuation = &guard->decision[guard->n_decisions++];
	*actuation = (struct weir_actuation){
		.t = decision->now_ns,
		.record_t = is_park(decision->cause) ? 0 : holding->record_t,
		.asked = decision->asked,
		.done = decision->value,
		.cause = decision->cause,
		.refusal = decision->refusal,
	};
	snprintf(actuation->output, sizeof(actuation->output), "%s",
		 holding->what.n > 1 ? holding->what.name[i % WEIR_LEASE_LINES] : holding->what.title);
	guard_remember_line(guard, decision->line);
	holding->cause = decision->cause;
	holding->refused += decision->refusal != 0;
	holding->done += !decision->refusal && !is_park(decision->cause);
	holding->parks += is_park(decision->cause) && decision->cause != WEIR_LEFT;
	/* A holder with the descriptor may be anywhere in its code: it must be gone before its lines are parked. */
	holding->must_kill |= holding->is_direct && (is_park(decision->cause) || decision->cause == WEIR_BY_HAND) &&
			      decision->cause != WEIR_LEFT && decision->cause != WEIR_TAKEN;
	holding->is_dirty |= !decision->refusal || holding->is_done;
}

/* --- doing -------------------------------------------------------------------- */

static bool goes_on(const struct guard *guard, uint32_t lease)
{
	for (uint32_t i = 0; i < guard->bank.lease[lease].n; i++)
		if (guard->bank.line[guard->bank.lease[lease].line[i]].value != 0)
			return true;
	return false;
}

static void drive(struct guard *guard, uint32_t lease)
{
	struct guard_holding *holding = &guard->holding[lease];

	if (holding->must_kill && holding->session >= 0)
		guard_session_kill(&guard->session[holding->session]);
	holding->error = guard_output_drive(guard, lease);
	holding->is_dirty = holding->must_kill = false;
}

/* An attribute may have come to another value than was decided. */
static void correct(const struct guard_holding *holding, struct weir_actuation *actuation)
{
	if (holding->what.is_file && holding->has_taken && actuation->done == holding->wanted)
		actuation->done = holding->taken;
}

static void audit(struct guard *guard)
{
	for (uint32_t s = 0; s < GUARD_SESSIONS; s++) {
		struct guard_session *session = &guard->session[s];

		for (uint32_t i = 0; session->fd >= 0 && session->listens && i < guard->n_decisions; i++) {
			struct weir_actuation *actuation = &guard->decision[i];

			actuation->failed = (uint32_t)guard->holding[guard->decided_by[i]].error;
			correct(&guard->holding[guard->decided_by[i]], actuation);
			actuation->missed = session->missed;
			if (send(session->fd, actuation, sizeof(*actuation), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
				session->missed++;
			else
				session->missed = 0;
		}
	}
	guard->n_decisions = 0;
}

/* Break before make, between leases too. */
void guard_settle(struct guard *guard)
{
	for (int on = 0; on <= 1; on++)
		for (uint32_t i = 0; i < guard->bank.n_leases; i++)
			if (guard->holding[i].is_dirty && goes_on(guard, i) == on)
				drive(guard, i);
	audit(guard);
}

static void tell_lease(const struct guard *guard, uint32_t lease)
{
	const struct guard_holding *holding = &guard->holding[lease];
	struct weir_guard_tell_slot *slot = &guard->session[holding->session].tells->slot[holding->slot];

	atomic_store(&slot->done, holding->done);
	atomic_store(&slot->refused, holding->refused);
	atomic_store(&slot->parks, holding->parks);
	atomic_store(&slot->error, (uint32_t)holding->error);
	atomic_store(&slot->epoch, guard->bank.lease[lease].epoch);
}

/* --- each time ---------------------------------------------------------------- */

static void take_beats(struct guard *guard, int64_t now)
{
	for (uint32_t i = 0; i < guard->bank.n_leases; i++) {
		const struct guard_holding *holding = &guard->holding[i];
		const struct weir_guard_ask_slot *slot;

		if (!guard->bank.lease[i].is_held || holding->session < 0)
			continue;
		slot = &guard->session[holding->session].asks->slot[holding->slot];
		weir_bank_beat(&guard->bank, i, atomic_load(&slot->beat_ns), atomic_load(&slot->fresh_ns), now);
	}
}

static void take_ask(struct guard *guard, uint32_t lease, const struct weir_guard_ask *ask, int64_t now)
{
	struct guard_holding *holding = &guard->holding[lease];
	struct weir_wish wish = { .epoch = ask->epoch, .retake = ask->how & WEIR_ASK_RETAKES };

	for (uint32_t i = 0; i < holding->what.n; i++)
		wish.value[i] = isnan(ask->value[i]) ? holding->what.park[i] : ask->value[i];
	holding->record_t = ask->record_t;
	if (ask->how & WEIR_ASK_PARKS && ask->epoch == guard->bank.lease[lease].epoch) {
		weir_bank_park(&guard->bank, lease, WEIR_LEFT, false, now);
		return;
	}
	holding->is_done = ask->how & WEIR_ASK_IS_DONE;
	/* What a direct holder set by itself needs driving only if it may not stand. */
	if (!weir_bank_ask(&guard->bank, lease, &wish, now) && holding->is_done)
		holding->is_dirty = false;
	holding->is_done = false;
}

/* Bounded: a user that asks faster than we judge does not keep us from the others. */
static void take_asks(struct guard *guard, uint32_t lease, int64_t now)
{
	struct guard_holding *holding = &guard->holding[lease];
	const struct weir_guard_ask_slot *asks = &guard->session[holding->session].asks->slot[holding->slot];
	_Atomic uint64_t *tail = &guard->session[holding->session].tells->slot[holding->slot].tail;
	uint64_t at = atomic_load(tail), head = atomic_load_explicit(&asks->head, memory_order_acquire);

	for (unsigned n = 0; at != head && n < WEIR_GUARD_QUEUE; n++, at++) {
		struct weir_guard_ask ask = asks->ask[at % WEIR_GUARD_QUEUE];

		take_ask(guard, lease, &ask, now);
		/* One at a time, so that of several asks each is seen by the line. */
		guard_settle(guard);
		atomic_store_explicit(tail, at + 1, memory_order_release);
	}
}

/* A holder wants to see that we live, also while there is nothing to judge. */
static int64_t next_sign(const struct guard *guard, int64_t now)
{
	int64_t next = INT64_MAX;

	for (uint32_t i = 0; i < guard->bank.n_leases; i++) {
		const struct weir_lease *lease = &guard->bank.lease[i];

		if (lease->is_held && lease->patience && now + lease->patience < next)
			next = now + lease->patience;
	}
	return next;
}

int64_t guard_work(struct guard *guard)
{
	int64_t now = guard_now(), next;

	take_beats(guard, now);
	weir_bank_tick(&guard->bank, now);
	guard_settle(guard);
	for (uint32_t i = 0; i < guard->bank.n_leases; i++)
		if (guard->bank.lease[i].n && guard->holding[i].session >= 0)
			take_asks(guard, i, now);
	next = weir_bank_tick(&guard->bank, now);
	guard_settle(guard);
	for (uint32_t i = 0; i < guard->bank.n_leases; i++)
		if (guard->bank.lease[i].n && guard->holding[i].session >= 0)
			tell_lease(guard, i);
	for (uint32_t s = 0; s < GUARD_SESSIONS; s++)
		if (guard->session[s].fd >= 0 && guard->session[s].tells)
			atomic_store(&guard->session[s].tells->beat_ns, now);
	return next < next_sign(guard, now) ? next : next_sign(guard, now);
}
