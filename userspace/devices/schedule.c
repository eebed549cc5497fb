/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devices/schedule.h"

void weir_schedule_begin(struct weir_schedule *schedule, int64_t now_ns, int64_t period_ns, uint32_t retry)
{
	*schedule = (struct weir_schedule){
		.period_ns = period_ns,
		.retry = retry,
		.due_ns = now_ns,
		.next_ns = now_ns,
	};
}

bool weir_schedule_is_due(struct weir_schedule *schedule, int64_t now_ns, uint64_t *missed)
{
	int64_t late = now_ns - schedule->next_ns;

	*missed = 0;
	if (late < 0)
		return false;
	/* Only the first attempt decides which row it is: a further one belongs to a row that has begun. */
	if (schedule->attempt)
		return true;
	*missed = (uint64_t)(late / schedule->period_ns);
	schedule->due_ns += (int64_t)*missed * schedule->period_ns;
	return true;
}

bool weir_schedule_again(struct weir_schedule *schedule)
{
	if (schedule->attempt == schedule->retry)
		return false;
	schedule->attempt++;
	schedule->next_ns = schedule->due_ns + schedule->period_ns / (schedule->retry + 1) * schedule->attempt;
	return true;
}

void weir_schedule_done(struct weir_schedule *schedule)
{
	schedule->attempt = 0;
	schedule->due_ns += schedule->period_ns;
	schedule->next_ns = schedule->due_ns;
}
