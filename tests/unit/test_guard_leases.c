/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which lease has which lines, and how long: in this process, on outputs that are no devices. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "guard/guard.h"

struct fixture {
	struct guard guard;
	struct guard_memory memory;
};

static struct guard *begin(struct fixture *f)
{
	struct guard *guard = &f->guard;

	memset(f, 0, sizeof(*f));
	guard->memory = &f->memory;
	guard_begin(guard);
	return guard;
}

/* Lines `first` to `first + n - 1` of a chip that is not there. */
static struct weir_physical lines(uint32_t first, uint32_t n)
{
	struct weir_physical what = { .n = n, .device = "/nonexistent/chip", .title = "x" };

	for (uint32_t i = 0; i < n; i++)
		what.offset[i] = first + i;
	return what;
}

static int find(struct guard *guard, const struct weir_physical *what)
{
	char text[WEIR_GUARD_TEXT];

	return guard_lease_find(guard, what, text);
}

/* A lease as it is once its output has been taken. */
static uint32_t hold(struct guard *guard, const struct weir_physical *what)
{
	int lease = find(guard, what);

	assert_true(lease >= 0);
	guard->holding[lease].what = *what;
	guard->holding[lease].lines = memfd_create("lines", MFD_CLOEXEC);
	return (uint32_t)lease;
}

/* The same lines in the same order are the same lease; a part of them, others, or a file of that name are not. */
static void same_lines_same_lease(void **state)
{
	struct weir_physical what = lines(3, 2), part = lines(3, 1), turned = lines(3, 2), file = lines(3, 1);
	static struct fixture f;
	struct guard *guard = begin(&f);
	uint32_t lease = hold(guard, &what);

	(void)state;
	turned.offset[0] = 4;
	turned.offset[1] = 3;
	assert_int_equal(guard_lease_of(guard, &what), lease);
	assert_int_equal(find(guard, &what), lease);
	assert_int_equal(guard_lease_of(guard, &part), -1);
	assert_int_equal(guard_lease_of(guard, &turned), -1);
	guard_lease_drop(guard, lease);
	assert_int_equal(guard_lease_of(guard, &what), -1);
	lease = hold(guard, &part);
	file.is_file = 1;
	assert_int_equal(guard_lease_of(guard, &part), lease);
	assert_int_equal(guard_lease_of(guard, &file), -1);
	guard_lease_drop(guard, lease);
}

/* Whoever asks for some of the lines that nobody holds gets them, and the lease that had them is given up; what the rules know of
 * a line goes with it, and is forgotten with the last lease that has it. */
static void lines_move_with_their_history(void **state)
{
	struct weir_physical both = lines(0, 2), one = lines(1, 1);
	static struct fixture f;
	struct guard *guard = begin(&f);
	uint32_t old = hold(guard, &both), line = guard->bank.lease[old].line[1],
		 other = guard->bank.lease[old].line[0];
	int lease;

	(void)state;
	guard->bank.line[line].changed_ns = 77;
	lease = find(guard, &one);
	assert_true(lease >= 0 && (uint32_t)lease != old);
	assert_int_equal(guard->bank.lease[old].n, 0);
	assert_int_equal(guard->bank.lease[lease].n, 1);
	assert_int_equal(guard->bank.lease[lease].line[0], line);
	assert_int_equal(guard->bank.line[line].changed_ns, 77);
	assert_true(*f.memory.line[line].device);
	assert_false(*f.memory.line[other].device);
	guard_lease_drop(guard, (uint32_t)lease);
	assert_false(*f.memory.line[line].device);
}

/* Of lines that are held none is given away. */
static void held_lines_are_busy(void **state)
{
	struct weir_physical both = lines(0, 2), one = lines(1, 1);
	static struct fixture f;
	struct guard *guard = begin(&f);
	uint32_t lease = hold(guard, &both);

	(void)state;
	weir_bank_take(&guard->bank, lease, 0);
	assert_int_equal(find(guard, &one), -EBUSY);
	assert_int_equal(find(guard, &both), -EBUSY);
	assert_int_equal(guard->bank.lease[lease].n, 2);
	guard_lease_drop(guard, lease);
}

/* An output that is not to be had leaves no lease behind; one that was held already, parked, stays held when it takes no new settings. */
static void failed_take(void **state)
{
	struct weir_physical what = lines(0, 1);
	static struct fixture f;
	struct guard *guard = begin(&f);
	char text[WEIR_GUARD_TEXT];
	uint32_t lease = (uint32_t)find(guard, &what);

	(void)state;
	assert_int_not_equal(guard_lease_take_output(guard, lease, &what, -1, text), 0);
	assert_int_equal(guard->bank.lease[lease].n, 0);
	lease = hold(guard, &what);
	guard->holding[lease].is_kept = true;
	assert_int_not_equal(guard_lease_take_output(guard, lease, &what, -1, text), 0);
	assert_int_equal(guard->bank.lease[lease].n, 1);
	assert_true(guard->holding[lease].lines >= 0);
	guard_lease_drop(guard, lease);
}

static uint32_t hold_until(struct guard *guard, uint32_t line, int64_t until)
{
	struct weir_physical what = lines(line, 1);
	uint32_t lease = hold(guard, &what);
	struct weir_line *known = &guard->bank.line[guard->bank.lease[lease].line[0]];

	known->rule.min_off = until;
	known->has_changed = true;
	return lease;
}

/* What nobody holds is kept as long as a rule needs to know of it, to the ns, and the guard looks again when the first of them ends. */
static void kept_for_the_rules(void **state)
{
	static struct fixture f;
	struct guard *guard = begin(&f);
	uint32_t late = hold_until(guard, 0, 200), early = hold_until(guard, 1, 100), kept = hold_until(guard, 2, 0);
	int64_t next = INT64_MAX;

	(void)state;
	guard->holding[kept].is_kept = true;
	assert_true(guard_lease_tidy(guard, 99, &next));
	assert_int_equal(next, 100);
	assert_int_equal(guard->bank.lease[early].n, 1);
	next = INT64_MAX;
	assert_true(guard_lease_tidy(guard, 100, &next));
	assert_int_equal(next, 200);
	assert_int_equal(guard->bank.lease[early].n, 0);
	assert_int_equal(guard->bank.lease[late].n, 1);
	next = INT64_MAX;
	assert_true(guard_lease_tidy(guard, 200, &next));
	assert_int_equal(next, INT64_MAX);
	assert_int_equal(guard->bank.lease[late].n, 0);
	guard->holding[kept].is_kept = false;
	assert_false(guard_lease_tidy(guard, 200, &next));
	assert_int_equal(guard->bank.lease[kept].n, 0);
}

/* There are as many leases and lines as there are, and a description that says more is none. */
static void bounds(void **state)
{
	static struct fixture f;
	struct guard *guard = begin(&f);
	struct weir_physical what = lines(0, WEIR_LEASE_LINES);

	(void)state;
	assert_true(guard_is_sound(&what));
	what.n++;
	assert_false(guard_is_sound(&what));
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++) {
		what = lines(i, 1);
		assert_int_equal(find(guard, &what), i);
	}
	what = lines(WEIR_BANK_LEASES, 1);
	assert_int_equal(find(guard, &what), -ENOSPC);
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++)
		guard_lease_drop(guard, i);
	for (uint32_t i = 0; i < WEIR_BANK_LINES / WEIR_LEASE_LINES; i++) {
		what = lines(i * WEIR_LEASE_LINES, WEIR_LEASE_LINES);
		assert_int_equal(find(guard, &what), i);
	}
	what = lines(WEIR_BANK_LINES, 1);
	assert_int_equal(find(guard, &what), -ENOSPC);
}

/* ------------------------------------------------------------------- a session */

/* A packet and its answer; the answer's descriptors are the caller's. */
static struct weir_guard_reply request(struct guard *guard, int user, const struct weir_guard_request *request,
				       int file, int fds[WEIR_WIRE_FDS])
{
	struct weir_guard_reply reply;
	uint32_t n = 0;

	assert_int_equal(weir_wire_send(user, request, sizeof(*request), &file, file >= 0), 0);
	guard_session_serve(guard, 0);
	assert_int_equal(weir_wire_receive(user, &reply, sizeof(reply), fds, WEIR_WIRE_FDS, &n), 0);
	assert_int_equal(reply.error, 0);
	return reply;
}

/* What a holder asked just before it left is done and counted, before its output is parked. */
static void asked_before_leaving(void **state)
{
	struct weir_guard_request hello = { .magic = WEIR_GUARD_MAGIC, .verb = WEIR_GUARD_HELLO },
				  take = { .magic = WEIR_GUARD_MAGIC, .verb = WEIR_GUARD_TAKE },
				  leave = { .magic = WEIR_GUARD_MAGIC, .verb = WEIR_GUARD_LEAVE };
	int ends[2], fds[WEIR_WIRE_FDS], file = memfd_create("attribute", MFD_CLOEXEC);
	static struct fixture f;
	struct guard *guard = begin(&f);
	struct weir_guard_asks *asks;
	struct weir_guard_reply reply;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(guard_session_open(guard, ends[1]), 0);
	request(guard, ends[0], &hello, -1, fds);
	asks = mmap(NULL, sizeof(*asks), PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	assert_true(asks != MAP_FAILED);
	weir_wire_drop(fds, 3);
	take.deadline_ns = 1000000000;
	take.what =
		(struct weir_physical){ .n = 1, .is_file = 1, .device = "/x", .title = "x", .factor = 1, .most = 9 };
	reply = request(guard, ends[0], &take, file, fds);
	asks->slot[reply.slot].ask[0] = (struct weir_guard_ask){ .epoch = reply.epoch, .value = { 1 } };
	asks->slot[reply.slot].beat_ns = asks->slot[reply.slot].fresh_ns = guard_now();
	asks->slot[reply.slot].head = 1;
	request(guard, ends[0], &leave, -1, fds);
	assert_int_equal(guard->holding[0].done, 1);
	assert_true(guard->bank.line[0].value == 0);
	munmap(asks, sizeof(*asks));
	close(ends[0]);
	guard_session_serve(guard, 0);
}

/* Outputs that are left to the next program stay held until the session leaves again. What is released has been let go of before the
 * answer: who left may be about to use the device in another way. */
static void released_before_the_answer(void **state)
{
	struct weir_guard_request hello = { .magic = WEIR_GUARD_MAGIC, .verb = WEIR_GUARD_HELLO },
				  take = { .magic = WEIR_GUARD_MAGIC, .verb = WEIR_GUARD_TAKE },
				  leave = { .magic = WEIR_GUARD_MAGIC, .verb = WEIR_GUARD_LEAVE };
	int ends[2], fds[WEIR_WIRE_FDS];
	static struct fixture f;
	struct guard *guard = begin(&f);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(guard_session_open(guard, ends[1]), 0);
	request(guard, ends[0], &hello, -1, fds);
	weir_wire_drop(fds, 3);
	take.what =
		(struct weir_physical){ .n = 1, .is_file = 1, .device = "/x", .title = "x", .factor = 1, .most = 9 };
	request(guard, ends[0], &take, memfd_create("attribute", MFD_CLOEXEC), fds);
	leave.index = WEIR_LEAVE_TO_NEXT;
	request(guard, ends[0], &leave, -1, fds);
	assert_true(guard->holding[0].file >= 0 && !guard->bank.lease[0].is_held);
	leave.index = WEIR_LEAVE_RELEASES;
	request(guard, ends[0], &leave, -1, fds);
	assert_int_equal(guard->bank.lease[0].n, 0);
	assert_int_equal(guard->holding[0].file, -1);
	close(ends[0]);
	guard_session_serve(guard, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_lines_same_lease), cmocka_unit_test(lines_move_with_their_history),
		cmocka_unit_test(held_lines_are_busy),   cmocka_unit_test(failed_take),
		cmocka_unit_test(kept_for_the_rules),    cmocka_unit_test(bounds),
		cmocka_unit_test(asked_before_leaving),  cmocka_unit_test(released_before_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
