/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The io_uring back end, and the only file that includes liburing.
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
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/loop_internal.h"

#define NSEC_PER_SEC 1000000000
#define OP_READ_MULTISHOT 49 /* IORING_OP_READ_MULTISHOT of Linux 6.7; liburing 2.3 is older */

#define SQ_ENTRIES 256
#define CQ_ENTRIES 4096 /* room for a full window of several intakes */
#define FIXED_MAX 64    /* rings whose memory is registered; further ones do without */
#define WINDOW_MAX 1024 /* rows that a multishot read may fill ahead of us; a power of two */
#define NO_FIXED (-1)

/** What a completion is of: the low bits of its user data, below the pointer. Zero: nothing that matters. */
enum request { REQUEST_NONE, REQUEST_POLL, REQUEST_READ, REQUEST_MULTISHOT, REQUEST_WATCH };
#define REQUEST_BITS 7u

struct uring {
	struct io_uring ring;
	bool started;
	bool multishot; /* the kernel has the operation */
	int n_fixed;    /* of FIXED_MAX; NO_FIXED: no table */
	uint16_t n_groups;
};

struct uring_intake {
	enum request under_way;
	bool disarming;
	bool multishot;
	int fixed; /* index of the ring's memory among the registered buffers, or NO_FIXED */
	/* Multishot. Rows at the head: `skew` that nobody wants, `landed`, then what is left of `offered`. */
	struct io_uring_buf_ring *buffers;
	uint16_t group;
	uint32_t window;
	uint16_t next;    /* index of the buffer of the first offered row */
	uint32_t offered; /* rows that the kernel has, the landed ones included */
	uint32_t landed;  /* completed, not yet shown */
	uint32_t skew;    /* a filter dropped as many, so what is landing now lies so far beyond the head */
};

/* ------------------------------------------------------------------- setup */

static int set_up(struct io_uring *ring)
{
	/* Disabled at first: the thread that runs the loop, and not the one that opens it, is the single issuer. */
	static const unsigned flags[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, /* Linux 6.1 */
		IORING_SETUP_COOP_TASKRUN,                               /* Linux 5.19 */
		0,
	};
	int error = -EINVAL;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]) && error == -EINVAL; i++) {
		struct io_uring_params params = {
			.flags = flags[i] | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE,
			.cq_entries = CQ_ENTRIES,
		};

		error = io_uring_queue_init_params(SQ_ENTRIES, ring, &params);
	}
	if (error)
		return error;
	if (!(ring->features & IORING_FEAT_EXT_ARG) || !(ring->features & IORING_FEAT_NODROP)) {
		io_uring_queue_exit(ring);
		return -ENOSYS;
	}
	return 0;
}

static bool has_operation(struct io_uring *ring, int operation)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool has = probe && io_uring_opcode_supported(probe, operation);

	io_uring_free_probe(probe);
	return has;
}

static int uring_open(struct weir_loop *loop, unsigned forbidden)
{
	struct uring *uring = calloc(1, sizeof(*uring));
	int error;

	if (!uring)
		return -ENOMEM;
	error = set_up(&uring->ring);
	if (error) {
		free(uring);
		return error;
	}
	uring->multishot = !(forbidden & WEIR_LOOP_NO_MULTISHOT) && has_operation(&uring->ring, OP_READ_MULTISHOT);
	if (forbidden & WEIR_LOOP_NO_FIXED || io_uring_register_buffers_sparse(&uring->ring, FIXED_MAX))
		uring->n_fixed = NO_FIXED;
	loop->own = uring;
	return 0;
}

static void uring_close(struct weir_loop *loop)
{
	struct uring *uring = loop->own;

	io_uring_queue_exit(&uring->ring);
	free(uring);
}

static int uring_start(struct weir_loop *loop)
{
	struct uring *uring = loop->own;

	/* By hand: liburing 2.3 forgot to export io_uring_enable_rings(). */
	if (!uring->started &&
	    syscall(SYS_io_uring_register, uring->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0)
		return -errno;
	uring->started = true;
	return 0;
}

/* May well be refused, by RLIMIT_MEMLOCK for one; plain reads do as well, only slower. */
static int register_memory(struct uring *uring, struct weir_ring *ring)
{
	struct iovec memory;
	__u64 tag = 0;

	if (uring->n_fixed == NO_FIXED || uring->n_fixed == FIXED_MAX)
		return NO_FIXED;
	memory.iov_base = weir_ring_memory(ring, &memory.iov_len);
	memory.iov_len *= 2; /* both mappings: a claim may cross from one to the other */
	if (io_uring_register_buffers_update_tag(&uring->ring, (unsigned)uring->n_fixed, &memory, &tag, 1) != 1)
		return NO_FIXED;
	return uring->n_fixed++;
}

static size_t buffers_bytes(void)
{
	return WINDOW_MAX * sizeof(struct io_uring_buf);
}

static bool set_up_multishot(struct uring *uring, struct uring_intake *own)
{
	void *memory = mmap(NULL, buffers_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct io_uring_buf_reg reg = { .ring_entries = WINDOW_MAX, .bgid = uring->n_groups };

	if (memory == MAP_FAILED)
		return false;
	reg.ring_addr = (uintptr_t)memory;
	if (io_uring_register_buf_ring(&uring->ring, &reg, 0)) {
		munmap(memory, buffers_bytes());
		return false;
	}
	own->buffers = memory;
	own->group = uring->n_groups++;
	return true;
}

/* What is offered is lost to a slow drop_oldest reader, so never more than a quarter of the ring. */
static uint32_t window_of(const struct weir_ring *ring)
{
	uint32_t quarter = weir_ring_capacity(ring) / 4;

	return quarter > WINDOW_MAX ? WINDOW_MAX : quarter ? quarter : 1;
}

static int uring_adopt(struct weir_loop_intake *intake)
{
	struct uring *uring = intake->loop->own;
	struct uring_intake *own = calloc(1, sizeof(*own));

	if (!own)
		return -ENOMEM;
	own->fixed = register_memory(uring, intake->config.ring);
	own->window = window_of(intake->config.ring);
	if (intake->config.kind == WEIR_INTAKE_MULTISHOT && uring->multishot)
		own->multishot = set_up_multishot(uring, own);
	intake->own = own;
	return 0;
}

static void uring_forget(struct weir_loop_intake *intake)
{
	struct uring_intake *own = intake->own;
	struct uring *uring = intake->loop->own;

	if (own->buffers) {
		io_uring_unregister_buf_ring(&uring->ring, own->group);
		munmap(own->buffers, buffers_bytes());
	}
	free(own);
}

static const char *uring_kind(const struct weir_loop_intake *intake)
{
	const struct uring_intake *own = intake->own;

	if (own->multishot)
		return "io_uring multishot read";
	return own->fixed == NO_FIXED ? "io_uring poll + read" : "io_uring poll + fixed read";
}

/* ------------------------------------------------------------------ arming */

static __u64 tagged(const void *item, enum request request)
{
	return (uintptr_t)item | request;
}

/* NULL when the queue is full and the kernel takes nothing: what is not armed now is armed in the next turn. */
static struct io_uring_sqe *new_request(struct weir_loop *loop)
{
	struct uring *uring = loop->own;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	if (!sqe) {
		io_uring_submit(&uring->ring);
		sqe = io_uring_get_sqe(&uring->ring);
	}
	return sqe;
}

static void arm_watch(struct weir_loop *loop, struct weir_loop_watch *watch)
{
	struct io_uring_sqe *sqe = new_request(loop);

	if (!sqe)
		return;
	io_uring_prep_poll_add(sqe, watch->fd, POLLIN);
	sqe->user_data = tagged(watch, REQUEST_WATCH);
	watch->armed = true;
}

static void arm_poll(struct weir_loop_intake *intake)
{
	struct uring_intake *own = intake->own;
	struct io_uring_sqe *sqe = new_request(intake->loop);

	if (!sqe)
		return;
	io_uring_prep_poll_add(sqe, intake->config.fd, POLLIN);
	sqe->user_data = tagged(intake, REQUEST_POLL);
	own->under_way = REQUEST_POLL;
}

static void arm_read(struct weir_loop_intake *intake)
{
	struct uring_intake *own = intake->own;
	struct io_uring_sqe *sqe = new_request(intake->loop);
	unsigned bytes = intake->claimed * intake->row_bytes;
	__u64 here = (__u64)-1;

	if (!sqe)
		return;
	if (own->fixed != NO_FIXED && !intake->refusing)
		io_uring_prep_read_fixed(sqe, intake->config.fd, intake->rows, bytes, here, own->fixed);
	else
		io_uring_prep_read(sqe, intake->config.fd, intake->rows, bytes, here);
	sqe->user_data = tagged(intake, REQUEST_READ);
	own->under_way = REQUEST_READ;
}

static void arm_multishot(struct weir_loop_intake *intake)
{
	struct uring_intake *own = intake->own;
	struct io_uring_sqe *sqe = new_request(intake->loop);

	if (!sqe)
		return;
	io_uring_prep_rw(OP_READ_MULTISHOT, sqe, intake->config.fd, NULL, 0, (__u64)-1);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = own->group;
	sqe->user_data = tagged(intake, REQUEST_MULTISHOT);
	own->under_way = REQUEST_MULTISHOT;
}

/* Give the kernel the rows that have become free. Not while there is skew: what the kernel has then must run out first,
 * so that we can start again at the head. */
static void offer(struct weir_loop_intake *intake)
{
	struct uring_intake *own = intake->own;
	uint32_t got, from = own->offered;
	uint8_t *rows;

	if (!own->offered)
		own->skew = 0;
	if (own->skew)
		return;
	rows = weir_ring_reserve(intake->config.ring, own->window, &got);
	if (got <= from)
		return;
	for (uint32_t i = from; i < got; i++) {
		unsigned short id = (uint16_t)(own->next + i) & (WINDOW_MAX - 1);

		io_uring_buf_ring_add(own->buffers, rows + (size_t)i * intake->row_bytes, intake->row_bytes, id,
				      WINDOW_MAX - 1, (int)(i - from));
	}
	io_uring_buf_ring_advance(own->buffers, (int)(got - from));
	own->offered = got;
}

/* Only while no read is under way: nobody but us then looks at the tail. */
static void take_back(struct uring_intake *own)
{
	if (!own->offered)
		return;
	io_uring_buf_ring_advance(own->buffers, -(int)own->offered);
	own->offered = own->skew = 0;
}

static void arm(struct weir_loop_intake *intake)
{
	struct uring_intake *own = intake->own;

	if (own->multishot)
		offer(intake);
	if (own->offered)
		arm_multishot(intake);
	else
		arm_poll(intake);
}

static void arm_all(struct weir_loop *loop)
{
	for (struct weir_loop_watch *watch = loop->watches; watch; watch = watch->next)
		if (!watch->over && !watch->armed)
			arm_watch(loop, watch);
	for (struct weir_loop_intake *intake = loop->intakes; intake; intake = intake->next) {
		const struct uring_intake *own = intake->own;

		if (weir_intake_wants_data(intake) && own->under_way == REQUEST_NONE)
			arm(intake);
	}
}

/* ------------------------------------------------------------- completions */

static void on_watch(struct weir_loop_watch *watch, int result)
{
	watch->armed = false;
	weir_watch_serve(watch, result < 0 ? POLLNVAL : (unsigned)result);
}

static void on_poll(struct weir_loop_intake *intake, int result)
{
	struct uring_intake *own = intake->own;

	own->under_way = REQUEST_NONE;
	if (own->disarming)
		return;
	if (result < 0)
		weir_intake_end(intake, -result);
	else if (weir_intake_is_readable(intake, (unsigned)result) && weir_intake_claim(intake))
		arm_read(intake);
}

static void on_read(struct weir_loop_intake *intake, int result)
{
	struct uring_intake *own = intake->own;

	own->under_way = REQUEST_NONE;
	if (result != -ECANCELED)
		weir_intake_took(intake, result);
}

/* Show and commit all that has landed since the last time, in one go. */
static void flush(struct weir_loop_intake *intake)
{
	struct uring_intake *own = intake->own;
	uint32_t n = own->landed, got;
	int kept;

	if (!n || intake->over)
		return;
	own->landed = 0;
	own->offered -= n;
	own->next += (uint16_t)n;
	uint8_t *rows = weir_ring_reserve(intake->config.ring, n, &got);

	if (own->skew)
		memmove(rows, rows + (size_t)own->skew * intake->row_bytes, (size_t)n * intake->row_bytes);
	kept = weir_intake_land(intake, rows, n);
	if (kept < 0)
		return;
	own->skew += n - (uint32_t)kept;
	if (own->under_way == REQUEST_MULTISHOT)
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

static void on_multishot(struct weir_loop_intake *intake, int result, unsigned flags)
{
	struct uring_intake *own = intake->own;
	uint16_t expected = (uint16_t)(own->next + own->landed) & (WINDOW_MAX - 1);
	bool is_row = result == (int)intake->row_bytes && flags >> IORING_CQE_BUFFER_SHIFT == expected;

	if (is_row)
		own->landed++;
	if (!(flags & IORING_CQE_F_MORE))
		own->under_way = REQUEST_NONE;
	if (result > 0 && !is_row) {
		flush(intake);
		weir_intake_end(intake, EIO);
	} else if (own->under_way == REQUEST_NONE) {
		flush(intake);
		multishot_stopped(intake, result);
	}
}

static void complete(__u64 user_data, int result, unsigned flags)
{
	void *item = (void *)(uintptr_t)(user_data & ~(__u64)REQUEST_BITS);

	switch ((enum request)(user_data & REQUEST_BITS)) {
	case REQUEST_WATCH:
		on_watch(item, result);
		break;
	case REQUEST_POLL:
		on_poll(item, result);
		break;
	case REQUEST_READ:
		on_read(item, result);
		break;
	case REQUEST_MULTISHOT:
		on_multishot(item, result, flags);
		break;
	case REQUEST_NONE:
		break;
	}
}

static void dispatch(struct weir_loop *loop)
{
	struct uring *uring = loop->own;
	struct io_uring_cqe *cqe;

	/* Only what is there now, so that a fast device does not keep the timers waiting. */
	for (unsigned left = io_uring_cq_ready(&uring->ring); left && !io_uring_peek_cqe(&uring->ring, &cqe); left--) {
		__u64 user_data = cqe->user_data;
		int result = cqe->res;
		unsigned flags = cqe->flags;

		/* Before the callback, because that may look at the queue too: see uring_disarm(). */
		io_uring_cqe_seen(&uring->ring, cqe);
		complete(user_data, result, flags);
	}
	for (struct weir_loop_intake *intake = loop->intakes; intake; intake = intake->next)
		flush(intake);
}

static int uring_turn(struct weir_loop *loop, int64_t deadline_ns)
{
	struct uring *uring = loop->own;
	int64_t left = deadline_ns - weir_now(WEIR_CLOCK_MONOTONIC);
	struct io_uring_cqe *cqe;
	int result;

	left = left < 0 ? 0 : left;
	struct __kernel_timespec timeout = { .tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC };

	arm_all(loop);
	/* Wait for one: with more, DEFER_TASKRUN lets a lone multishot read starve until the timeout. */
	result = io_uring_submit_and_wait_timeout(&uring->ring, &cqe, 1, deadline_ns == INT64_MAX ? NULL : &timeout,
						  NULL);
	if (result < 0 && result != -ETIME && result != -EINTR)
		return result;
	dispatch(loop);
	return 0;
}

/* --------------------------------------------------------------- disarming */

/* Serve the completions of one intake where they lie in the queue, and leave the others for their turn: we are perhaps
 * within a callback of one of those. */
static void complete_only(struct weir_loop_intake *intake)
{
	struct uring *uring = intake->loop->own;
	struct io_uring_cqe *cqe;
	unsigned head;

	io_uring_for_each_cqe (&uring->ring, head, cqe) {
		__u64 user_data = cqe->user_data;

		if ((user_data & ~(__u64)REQUEST_BITS) != (uintptr_t)intake)
			continue;
		cqe->user_data = REQUEST_NONE;
		complete(user_data, cqe->res, cqe->flags);
	}
}

static bool cancel(struct weir_loop_intake *intake)
{
	const struct uring_intake *own = intake->own;
	struct io_uring_sqe *sqe = new_request(intake->loop);

	if (!sqe)
		return false;
	io_uring_prep_cancel64(sqe, tagged(intake, own->under_way), 0);
	sqe->user_data = REQUEST_NONE;
	return true;
}

static void uring_disarm(struct weir_loop_intake *intake)
{
	struct uring *uring = intake->loop->own;
	struct uring_intake *own = intake->own;
	bool cancelled = false;
	int error = 0;

	own->disarming = true;
	complete_only(intake);
	while (own->under_way != REQUEST_NONE && (error >= 0 || error == -EINTR)) {
		cancelled = cancelled || cancel(intake);
		error = io_uring_submit_and_wait(&uring->ring, io_uring_cq_ready(&uring->ring) + 1);
		complete_only(intake);
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
