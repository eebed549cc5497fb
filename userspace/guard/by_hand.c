/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* weir set, weir park, weir get: what a person asks for goes by the same rules. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guard/guard.h"

static void shut(int file)
{
	if (file >= 0)
		close(file);
}

static void describe_park(struct guard *guard, uint32_t lease, const struct weir_physical *what)
{
	for (uint32_t i = 0; i < what->n; i++)
		guard->bank.line[guard->bank.lease[lease].line[i]].rule.park = what->park[i];
}

/* Set by hand already: it stays where it is, but for what is described in another way now. */
static int hold_on(struct guard *guard, uint32_t lease, const struct weir_physical *what, int file, char *text)
{
	int error = 0;

	if (memcmp(&guard->holding[lease].what, what, sizeof(*what))) {
		describe_park(guard, lease, what);
		error = guard_output_take(guard, lease, what, file, text);
		guard_share(guard, lease, true);
	} else {
		shut(file);
	}
	return error ? -error : (int)lease;
}

int guard_hold(struct guard *guard, const struct weir_physical *what, int file, char *text)
{
	int lease = guard_lease_of(guard, what), error;

	if (lease >= 0 && guard->bank.lease[lease].is_held && guard->holding[lease].session < 0)
		return hold_on(guard, (uint32_t)lease, what, file, text);
	lease = guard_lease_find(guard, what, text);
	if (lease < 0) {
		shut(file);
		return lease;
	}
	describe_park(guard, (uint32_t)lease, what);
	error = guard_lease_take_output(guard, (uint32_t)lease, what, file, text);
	if (error)
		return -error;
	guard->bank.lease[lease].patience = guard->bank.lease[lease].stale = 0;
	weir_bank_take(&guard->bank, (uint32_t)lease, guard_now());
	guard_share(guard, (uint32_t)lease, true);
	return lease;
}

static void describe(const struct guard *guard, uint32_t lease, struct weir_guard_reply *reply)
{
	const struct guard_holding *holding = &guard->holding[lease];

	reply->what = holding->what;
	reply->is_held = guard->bank.lease[lease].is_held;
	reply->is_live = guard->bank.lease[lease].is_live;
	reply->is_direct = holding->is_direct;
	reply->cause = holding->cause;
	reply->epoch = guard->bank.lease[lease].epoch;
	reply->done = holding->done;
	reply->refused = holding->refused;
	reply->parks = holding->parks;
	for (uint32_t i = 0; i < holding->what.n; i++)
		reply->value[i] = guard->bank.line[guard->bank.lease[lease].line[i]].value;
	if (holding->what.is_file && holding->has_taken)
		reply->value[0] = holding->taken;
	if (holding->session >= 0) {
		reply->pid = guard->session[holding->session].pid;
		snprintf(reply->text, sizeof(reply->text), "%s", guard->session[holding->session].title);
	}
}

int guard_set(struct guard *guard, const struct weir_guard_request *request, int file, struct weir_guard_reply *reply)
{
	struct weir_wish wish = { .by_hand = true };
	enum weir_refusal refusal;
	int lease;

	if (!guard_is_sound(&request->what) || request->for_ns < 0 || request->for_ns > INT64_MAX / 4) {
		shut(file);
		return EINVAL;
	}
	lease = guard_hold(guard, &request->what, file, reply->text);
	if (lease < 0)
		return -lease;
	guard->holding[lease].is_kept = true;
	guard->holding[lease].left_by = 0;
	guard_remember(guard, (uint32_t)lease);
	guard->holding[lease].record_t = 0;
	wish.epoch = guard->bank.lease[lease].epoch;
	for (uint32_t i = 0; i < request->what.n; i++)
		wish.value[i] = isnan(request->value[i]) ? request->what.park[i] : request->value[i];
	weir_bank_tick(&guard->bank, guard_now());
	refusal = weir_bank_ask(&guard->bank, (uint32_t)lease, &wish, guard_now());
	guard_settle(guard);
	if (refusal) {
		snprintf(reply->text, sizeof(reply->text), "its rule %s does not allow it now",
			 weir_refusal_name(refusal));
		return EPERM;
	}
	if (request->for_ns)
		guard->bank.lease[lease].expires_ns = guard_now() + request->for_ns;
	describe(guard, (uint32_t)lease, reply);
	return guard->holding[lease].error;
}

void guard_park_lease(struct guard *guard, uint32_t lease, enum weir_cause cause, bool release)
{
	struct guard_holding *holding = &guard->holding[lease];

	weir_bank_park(&guard->bank, lease, cause, true, guard_now());
	guard_settle(guard);
	if (holding->session >= 0) {
		struct guard_session *session = &guard->session[holding->session];

		atomic_store(&session->tells->slot[holding->slot].is_gone, 1);
		session->lease[holding->slot] = -1;
		holding->session = -1;
	}
	holding->is_kept = !release;
	holding->left_by = 0;
	guard_remember(guard, lease);
}

static void park_all(struct guard *guard, bool release)
{
	for (uint32_t i = 0; i < guard->bank.n_leases; i++)
		if (guard->bank.lease[i].n)
			guard_park_lease(guard, i, WEIR_BY_HAND, release);
	if (release)
		guard_forget_orphans(guard);
}

/* Free when we answer, if they may be. */
static void tidy(struct guard *guard)
{
	int64_t next = INT64_MAX;

	guard_lease_tidy(guard, guard_now(), &next);
}

int guard_park(struct guard *guard, const struct weir_guard_request *request, int file, struct weir_guard_reply *reply)
{
	int lease, error;

	if (!request->what.n) {
		shut(file);
		park_all(guard, request->index);
		tidy(guard);
		return 0;
	}
	if (!guard_is_sound(&request->what)) {
		shut(file);
		return EINVAL;
	}
	lease = guard_lease_of(guard, &request->what);
	if (lease < 0)
		lease = guard_hold(guard, &request->what, file, reply->text);
	else
		shut(file);
	if (lease < 0)
		return -lease;
	guard_park_lease(guard, (uint32_t)lease, WEIR_BY_HAND, request->index);
	describe(guard, (uint32_t)lease, reply);
	error = guard->holding[lease].error;
	tidy(guard);
	return error;
}

int guard_list(const struct guard *guard, uint32_t index, struct weir_guard_reply *reply)
{
	for (uint32_t i = 0; i < guard->bank.n_leases; i++) {
		if (!guard->bank.lease[i].n)
			continue;
		if (index--)
			continue;
		describe(guard, i, reply);
		return 0;
	}
	return ENOENT;
}
