/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io_uring for the loop, and the only file that includes liburing. It carries requests and completions, and decides
 * nothing. */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/loop_internal.h"
#include "loop/loop_offer.h"
#include "loop/loop_uring.h"

#define NSEC_PER_SEC 1000000000
#define OP_READ_MULTISHOT 49 /* IORING_OP_READ_MULTISHOT of Linux 6.7; liburing 2.3 is older */

#define SQ_ENTRIES 256
#define CQ_ENTRIES 4096 /* room for a full offer of several intakes */
#define FIXED_MAX 64    /* rings whose memory is registered; further ones do without */
#define REQUEST_BITS 7u /* of user data: the kind of request, below the pointer to its item */

struct weir_uring {
	struct io_uring ring;
	bool enabled;
	bool multishot; /* the kernel has the operation */
	int n_fixed;    /* of FIXED_MAX; WEIR_NO_FIXED: no table */
	uint16_t n_groups;
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

int weir_uring_open(struct weir_uring **out, unsigned forbidden)
{
	struct weir_uring *uring = calloc(1, sizeof(*uring));
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
		uring->n_fixed = WEIR_NO_FIXED;
	*out = uring;
	return 0;
}

void weir_uring_close(struct weir_uring *uring)
{
	io_uring_queue_exit(&uring->ring);
	free(uring);
}

int weir_uring_enable(struct weir_uring *uring)
{
	/* By hand: liburing 2.3 forgot to export io_uring_enable_rings(). */
	if (!uring->enabled &&
	    syscall(SYS_io_uring_register, uring->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0)
		return -errno;
	uring->enabled = true;
	return 0;
}

bool weir_uring_has_multishot(const struct weir_uring *uring)
{
	return uring->multishot;
}

/* ------------------------------------------------------------------ memory */

int weir_uring_register(struct weir_uring *uring, void *memory, size_t bytes)
{
	struct iovec vector = { memory, bytes };
	__u64 tag = 0;

	if (uring->n_fixed == WEIR_NO_FIXED || uring->n_fixed == FIXED_MAX)
		return WEIR_NO_FIXED;
	if (io_uring_register_buffers_update_tag(&uring->ring, (unsigned)uring->n_fixed, &vector, &tag, 1) != 1)
		return WEIR_NO_FIXED;
	return uring->n_fixed++;
}

static size_t buffers_bytes(void)
{
	return WEIR_OFFER_MAX * sizeof(struct io_uring_buf);
}

bool weir_buffers_open(struct weir_buffers *out, struct weir_uring *uring)
{
	void *memory = mmap(NULL, buffers_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct io_uring_buf_reg reg = { .ring_entries = WEIR_OFFER_MAX, .bgid = uring->n_groups };

	if (memory == MAP_FAILED)
		return false;
	reg.ring_addr = (uintptr_t)memory;
	if (io_uring_register_buf_ring(&uring->ring, &reg, 0)) {
		munmap(memory, buffers_bytes());
		return false;
	}
	*out = (struct weir_buffers){ memory, uring->n_groups++ };
	return true;
}

void weir_buffers_close(struct weir_buffers *buffers, struct weir_uring *uring)
{
	if (!buffers->ring)
		return;
	io_uring_unregister_buf_ring(&uring->ring, buffers->group);
	munmap(buffers->ring, buffers_bytes());
}

void weir_buffers_give(struct weir_buffers *buffers, uint8_t *rows, uint32_t row_bytes, uint32_t n, uint16_t number)
{
	for (uint32_t i = 0; i < n; i++) {
		unsigned short id = (uint16_t)(number + i) & (WEIR_OFFER_MAX - 1);

		io_uring_buf_ring_add(buffers->ring, rows + (size_t)i * row_bytes, row_bytes, id, WEIR_OFFER_MAX - 1,
				      (int)i);
	}
	io_uring_buf_ring_advance(buffers->ring, (int)n);
}

void weir_buffers_take_back(struct weir_buffers *buffers, uint32_t n)
{
	io_uring_buf_ring_advance(buffers->ring, -(int)n);
}

/* ---------------------------------------------------------------- requests */

static __u64 tagged(const void *item, enum weir_request request)
{
	return (uintptr_t)item | request;
}

static struct io_uring_sqe *new_request(struct weir_uring *uring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	if (!sqe) {
		io_uring_submit(&uring->ring);
		sqe = io_uring_get_sqe(&uring->ring);
	}
	return sqe;
}

bool weir_uring_poll(struct weir_uring *uring, enum weir_request request, void *item, int fd)
{
	struct io_uring_sqe *sqe = new_request(uring);

	if (!sqe)
		return false;
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	sqe->user_data = tagged(item, request);
	return true;
}

bool weir_uring_read(struct weir_uring *uring, void *item, int fd, void *to, unsigned bytes, int fixed)
{
	struct io_uring_sqe *sqe = new_request(uring);
	__u64 here = (__u64)-1;

	if (!sqe)
		return false;
	if (fixed != WEIR_NO_FIXED)
		io_uring_prep_read_fixed(sqe, fd, to, bytes, here, fixed);
	else
		io_uring_prep_read(sqe, fd, to, bytes, here);
	sqe->user_data = tagged(item, WEIR_REQUEST_READ);
	return true;
}

bool weir_uring_read_multishot(struct weir_uring *uring, void *item, int fd, const struct weir_buffers *buffers)
{
	struct io_uring_sqe *sqe = new_request(uring);

	if (!sqe)
		return false;
	io_uring_prep_rw(OP_READ_MULTISHOT, sqe, fd, NULL, 0, (__u64)-1);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = buffers->group;
	sqe->user_data = tagged(item, WEIR_REQUEST_MULTISHOT);
	return true;
}

bool weir_uring_cancel(struct weir_uring *uring, void *item, enum weir_request request)
{
	struct io_uring_sqe *sqe = new_request(uring);

	if (!sqe)
		return false;
	io_uring_prep_cancel64(sqe, tagged(item, request), 0);
	sqe->user_data = WEIR_REQUEST_NONE;
	return true;
}

/* ------------------------------------------------------------- completions */

int weir_uring_wait(struct weir_uring *uring, int64_t deadline_ns)
{
	int64_t left = deadline_ns - weir_now(WEIR_CLOCK_MONOTONIC);
	struct io_uring_cqe *cqe;
	int result;

	left = left < 0 ? 0 : left;
	struct __kernel_timespec timeout = { .tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC };

	/* Wait for one: with more, DEFER_TASKRUN lets a lone multishot read starve until the timeout. */
	result = io_uring_submit_and_wait_timeout(&uring->ring, &cqe, 1, deadline_ns == INT64_MAX ? NULL : &timeout,
						  NULL);
	return result < 0 && result != -ETIME && result != -EINTR ? result : 0;
}

int weir_uring_wait_for_more(struct weir_uring *uring)
{
	int result = io_uring_submit_and_wait(&uring->ring, io_uring_cq_ready(&uring->ring) + 1);

	return result < 0 && result != -EINTR ? result : 0;
}

static struct weir_completion completion_of(const struct io_uring_cqe *cqe)
{
	return (struct weir_completion){
		.item = (void *)(uintptr_t)(cqe->user_data & ~(__u64)REQUEST_BITS),
		.request = (enum weir_request)(cqe->user_data & REQUEST_BITS),
		.result = cqe->res,
		.more = cqe->flags & IORING_CQE_F_MORE,
		.buffer = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT),
	};
}

void weir_uring_serve(struct weir_uring *uring, weir_completed *completed)
{
	struct io_uring_cqe *cqe;

	for (unsigned left = io_uring_cq_ready(&uring->ring); left && !io_uring_peek_cqe(&uring->ring, &cqe); left--) {
		struct weir_completion completion = completion_of(cqe);

		/* Before the callback, because that may look at the queue too: see weir_uring_serve_only(). */
		io_uring_cqe_seen(&uring->ring, cqe);
		completed(&completion);
	}
}

void weir_uring_serve_only(struct weir_uring *uring, const void *item, weir_completed *completed)
{
	struct io_uring_cqe *cqe;
	unsigned head;

	io_uring_for_each_cqe (&uring->ring, head, cqe) {
		struct weir_completion completion = completion_of(cqe);

		if (completion.item != item)
			continue;
		cqe->user_data = WEIR_REQUEST_NONE;
		completed(&completion);
	}
}
