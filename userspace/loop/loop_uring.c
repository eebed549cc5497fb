/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The io_uring back end: which request an intake or a watch needs next, and what its completion means.
 *
 * An intake has at most one request under way:
 *
 *     poll kind       POLL_ADD, once -> READ of a claim (READ_FIXED where the ring's memory could be registered)
 *     multishot kind  READ_MULTISHOT into a ring of buffers that are the next rows of our ring, in order: whatever the
 *                     kernel reads is in its place already. With no space in the ring it falls back to the poll kind
 *                     for one read, which knows how to wait and how to refuse.
 *
 * Polls are armed once and not for ever: a poll that is armed anew looks at the state, so watches are level-triggered,
 * and poll() of an IIO device honours the watermark only then.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "loop/loop_internal.h"
#include "loop/loop_offer.h"
#include "loop/loop_uring.h"

struct uring_intake {
	enum weir_request under_way;
	bool disarming;
	bool multishot;
	int fixed; /* index of the ring's memory, or WEIR_NO_FIXED */
	struct weir_buffers buffers;
	struct weir_offer offer;
};

/* ------------------------------------------------------------------- setup */

static int uring_open(struct weir_loop *loop, unsigned forbidden)
{
	struct weir_uring *uring;
	int error = weir_uring_open(&uring, forbidden);

	if (!error)
		loop->own = uring;
	return error;
}

static void uring_close(struct weir_loop *loop)
{
	weir_uring_close(loop->own);
}

static int uring_start(struct weir_loop *loop)
{
	return weir_uring_enable(loop->own);
}

static int register_memory(struct weir_uring *uring, struct weir_ring *ring)
{
	size_t bytes;
	void *memory = weir_ring_memory(ring, &bytes);

	return weir_uring_register(uring, memory, 2 * bytes); /* a claim may cross from one mapping to the other */
}

static int uring_adopt(struct weir_loop_intake *intake)
{
	struct weir_uring *uring = intake->loop->own;
	struct uring_intake *own = calloc(1, sizeof(*own));

	if (!own)
		return -ENOMEM;
	own->fixed = register_memory(uring, intake->config.ring);
	weir_offer_init(&own->offer, intake->config.ring);
	if (intake->config.kind == WEIR_INTAKE_MULTISHOT && weir_uring_has_multishot(uring))
		own->multishot = weir_buffers_open(&own->buffers, uring);
	intake->own = own;
	return 0;
}

static void uring_forget(struct weir_loop_intake *intake)
{
	struct uring_intake *own = intake->own;

	weir_buffers_close(&own->buffers, intake->loop->own);
	free(own);
}

static const char *uring_kind(const struct weir_loop_intake *intake)
{
	const struct uring_intake *own = intake->own;

	if (intake->config.kind == WEIR_INTAKE_TIMED)
		return "timer + read";
	if (own->multishot)
		return "io_uring multishot read";
	return own->fixed == WEIR_NO_FIXED ? "io_uring poll + read" : "io_uring poll + fixed read";
}

/* ------------------------------------------------------------------ arming */

static void arm_read(struct weir_loop_intake *intake)
{
	struct uring_intake *own = intake->own;
	int fixed = intake->refusing ? WEIR_NO_FIXED : own->fixed;

	if (weir_uring_read(intake->loop->own, intake, intake->config.fd, intake->rows,
			    intake->claimed * intake->row_bytes, fixed))
		own->under_way = WEIR_REQUEST_READ;
}

static void offer(struct weir_loop_intake *intake)
{
	struct uring_intake *own = intake->own;
	uint16_t number;
	uint8_t *rows;
	uint32_t n = weir_offer_extend(&own->offer, intake->config.ring, &rows, &number);

	if (n)
		weir_buffers_give(&own->buffers, rows, intake->row_bytes, n, number);
}

static void take_back(struct uring_intake *own)
{
	uint32_t n = weir_offer_withdraw(&own->offer);

	if (n)
		weir_buffers_take_back(&own->buffers, n);
}

static void arm(struct weir_loop_intake *intake)
{
	struct weir_uring *uring = intake->loop->own;
	struct uring_intake *own = intake->own;
	int fd = intake->config.fd;

	if (own->multishot)
		offer(intake);
	if (own->offer.rows) {
		if (weir_uring_read_multishot(uring, intake, fd, &own->buffers))
			own->under_way = WEIR_REQUEST_MULTISHOT;
	} else if (weir_uring_poll(uring, WEIR_REQUEST_POLL, intake, fd)) {
		own->under_way = WEIR_REQUEST_POLL;
	}
}

static void arm_all(struct weir_loop *loop)
{
	for (struct weir_loop_watch *watch = loop->watches; watch; watch = watch->next)
		if (!watch->over && !watch->armed)
			watch->armed = weir_uring_poll(loop->own, WEIR_REQUEST_WATCH, watch, watch->fd);
	for (struct weir_loop_intake *intake = loop->intakes; intake; intake = intake->next) {
		const struct uring_intake *own = intake->own;

		if (weir_intake_wants_data(intake) && own->under_way == WEIR_REQUEST_NONE)
			arm(intake);
	}
}

/* ------------------------------------------------------------- completions */

static void on_watch(struct weir_loop_watch *watch, int result)
{
	watch->armed = false;
	weir_watch_serve(watch, result < 0 ? POLLNVAL : (unsigned)result);
}

/* A device wakes the request for each row, and the kernel does not ask it whether its watermark has come. */
static int ask_again(const struct weir_loop_intake *intake)
{
	struct pollfd fd = { .fd = intake->config.fd, .events = POLLIN };

	return poll(&fd, 1, 0) < 0 ? -errno : fd.revents;
}

static void on_poll(struct weir_loop_intake *intake, int result)
{
	struct uring_intake *own = intake->own;

	own->under_way = WEIR_REQUEST_NONE;
	if (own->disarming)
		return;
	if (result == POLLIN && weir_intake_has_tail(intake))
		result = ask_again(intake);
	if (!result || result == -EINTR)
		return;
	if (result < 0)
		weir_intake_end(intake, -result);
	else if (weir_intake_is_readable(intake, (unsigned)result) && weir_intake_claim(intake))
		arm_read(intake);
}

static void on_read(struct weir_loop_intake *intake, int result)
{
	struct uring_intake *own = intake->own;

	own->under_way = WEIR_REQUEST_NONE;
	if (result != -ECANCELED)
		weir_intake_took(intake, result);
}

static void flush(struct weir_loop_intake *intake)
{
	struct uring_intake *own = intake->own;

	if (weir_offer_flush(&own->offer, intake) && own->under_way == WEIR_REQUEST_MULTISHOT)
		offer(intake);
}

static void multishot_stopped(struct weir_loop_intake *intake, int result)
{
	struct uring_intake *own = intake->own;

	switch (result) {
	case -ENOBUFS:   /* no space; arm() sees what to do about it */
	case -ECANCELED: /* by us */
	case -EAGAIN:
	case -EINTR:
		return;
	case -EINVAL:
	case -EBADFD:
	case -EOPNOTSUPP: /* not with this descriptor; if it is something else, the plain read will say so */
		own->multishot = false;
		take_back(own);
		return;
	default:
		if (result <= 0)
			weir_intake_end(intake, -result);
	}
}

static void on_multishot(struct weir_loop_intake *intake, const struct weir_completion *completion)
{
	struct uring_intake *own = intake->own;
	int result = completion->result;
	bool landed = result == (int)intake->row_bytes && weir_offer_land(&own->offer, completion->buffer);

	if (!completion->more)
		own->under_way = WEIR_REQUEST_NONE;
	if (result > 0 && !landed) {
		flush(intake);
		weir_intake_end(intake, EIO);
	} else if (own->under_way == WEIR_REQUEST_NONE) {
		flush(intake);
		multishot_stopped(intake, result);
	}
}

static void completed(const struct weir_completion *completion)
{
	switch (completion->request) {
	case WEIR_REQUEST_WATCH:
		on_watch(completion->item, completion->result);
		break;
	case WEIR_REQUEST_POLL:
		on_poll(completion->item, completion->result);
		break;
	case WEIR_REQUEST_READ:
		on_read(completion->item, completion->result);
		break;
	case WEIR_REQUEST_MULTISHOT:
		on_multishot(completion->item, completion);
		break;
	case WEIR_REQUEST_NONE:
		break;
	}
}

static int uring_turn(struct weir_loop *loop, int64_t deadline_ns)
{
	int error;

	arm_all(loop);
	error = weir_uring_wait(loop->own, deadline_ns);
	if (error)
		return error;
	/* Only what is there now, so that a fast device does not keep the timers waiting. */
	weir_uring_serve(loop->own, completed);
	for (struct weir_loop_intake *intake = loop->intakes; intake; intake = intake->next)
		flush(intake);
	return 0;
}

static void uring_disarm(struct weir_loop_intake *intake)
{
	struct weir_uring *uring = intake->loop->own;
	struct uring_intake *own = intake->own;
	bool cancelled = false;
	int error = 0;

	own->disarming = true;
	weir_uring_serve_only(uring, intake, completed);
	while (own->under_way != WEIR_REQUEST_NONE && !error) {
		cancelled = cancelled || weir_uring_cancel(uring, intake, own->under_way);
		error = weir_uring_wait_for_more(uring);
		weir_uring_serve_only(uring, intake, completed);
	}
	flush(intake);
	take_back(own);
	own->disarming = false;
}

const struct weir_loop_backend weir_loop_uring = {
	.name = "io_uring",
	.open = uring_open,
	.close = uring_close,
	.start = uring_start,
	.turn = uring_turn,
	.adopt = uring_adopt,
	.forget = uring_forget,
	.disarm = uring_disarm,
	.kind = uring_kind,
};
