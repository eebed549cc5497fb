/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bytes and errors of an intake mean, whoever read them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/loop_internal.h"

#define READ_BYTES 65536    /* of one read: some tens of microseconds of copying, so that nobody else waits long */
#define QUIET_NS 1000000000 /* without data, and we ask whether the device is still there */
#define STUCK_NS 1000000000 /* how long a drain waits for a reader that leaves no space */
#define DRAIN_NS 2000000000 /* how long a drain takes at most, for a device that never runs dry */
#define RECHECK_NS 1000000  /* how soon to look again when there is no space, or an error that is none */

/* At least a watermark, or data would be left that poll() does not tell of. Else at most a quarter of the ring, because
 * what is claimed is lost to a slow drop_oldest reader whether it arrives or not. */
static uint32_t rows_per_read(const struct weir_intake_config *config, uint32_t row_bytes)
{
	uint32_t capacity = weir_ring_capacity(config->ring), rows = READ_BYTES / row_bytes;

	if (rows > capacity / 4)
		rows = capacity / 4;
	if (rows < config->watermark)
		rows = config->watermark < capacity ? config->watermark : capacity;
	return rows;
}

static int check(const struct weir_intake_config *config)
{
	int flags = fcntl(config->fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (config->kind == WEIR_INTAKE_TIMED &&
	    (config->watermark < 2 || !config->capacity || config->latency_ns <= 0))
		return -EINVAL;
	/* A multishot read of a blocking descriptor never completes, and a read() of it would stop the whole loop. */
	return flags & O_NONBLOCK && config->watermark ? 0 : -EINVAL;
}

static void intake_set_timer(struct weir_loop_intake *intake)
{
	const struct weir_intake_config *config = &intake->config;
	const struct weir_read_timer_config of = {
		.watermark = config->watermark,
		.capacity = config->capacity,
		.row_ns = config->row_ns,
		.latency_ns = config->latency_ns,
	};

	intake->timer.due_ns = INT64_MAX;
	if (config->kind == WEIR_INTAKE_TIMED)
		weir_read_timer_init(&intake->timer, &of);
}

int weir_intake_new(struct weir_loop_intake **out, struct weir_loop *loop, const struct weir_intake_config *config)
{
	struct weir_loop_intake *intake;
	int error = check(config);

	if (error)
		return error;
	intake = calloc(1, sizeof(*intake));
	if (!intake)
		return -ENOMEM;
	intake->loop = loop;
	intake->config = *config;
	intake->row_bytes = weir_ring_row_bytes(config->ring);
	intake->batch = rows_per_read(config, intake->row_bytes);
	intake->heard = true;
	intake_set_timer(intake);
	intake->scratch = malloc((size_t)intake->batch * intake->row_bytes);
	error = intake->scratch ? loop->backend->adopt(intake) : -ENOMEM;
	if (error) {
		free(intake->scratch);
		free(intake);
		return error;
	}
	*out = intake;
	return 0;
}

void weir_intake_free(struct weir_loop_intake *intake)
{
	intake->loop->backend->forget(intake);
	free(intake->scratch);
	free(intake);
}

void weir_intake_end(struct weir_loop_intake *intake, int error)
{
	if (intake->over)
		return;
	intake->over = true;
	intake->loop->backend->disarm(intake);
	intake->config.ops->ended(intake->config.context, error);
}

static void rest(struct weir_loop_intake *intake)
{
	intake->rest_until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + RECHECK_NS;
}

static bool is_alive(struct weir_loop_intake *intake)
{
	const struct weir_intake_config *config = &intake->config;
	int error = config->ops->quiet ? config->ops->quiet(config->context) : 0;

	if (error < 0)
		weir_intake_end(intake, -error);
	return error >= 0;
}

bool weir_intake_is_readable(struct weir_loop_intake *intake, unsigned events)
{
	intake->troubled = events & (POLLERR | POLLHUP | POLLNVAL);
	/* Without data we ask the device; if it lives, the read tells end of file from error. */
	return events & POLLIN || is_alive(intake);
}

static void claim_scratch(struct weir_loop_intake *intake)
{
	intake->rows = intake->scratch;
	intake->claimed = intake->batch;
	intake->refusing = true;
}

bool weir_intake_claim(struct weir_loop_intake *intake)
{
	struct weir_ring *ring = intake->config.ring;

	intake->rows = weir_ring_reserve(ring, intake->batch, &intake->claimed);
	intake->refusing = !intake->claimed && weir_ring_refuses(ring);
	if (intake->refusing)
		claim_scratch(intake);
	if (!intake->claimed)
		rest(intake);
	return intake->claimed;
}

int weir_intake_land(struct weir_loop_intake *intake, void *rows, uint32_t n)
{
	const struct weir_intake_config *config = &intake->config;
	int kept = config->ops->landed(config->context, rows, n);

	intake->heard = true;
	if (kept < 0)
		weir_intake_end(intake, -kept);
	else
		weir_ring_commit(config->ring, (uint32_t)kept);
	if (kept >= 0 && config->ops->committed)
		config->ops->committed(config->context);
	return kept;
}

static void refuse(struct weir_loop_intake *intake, uint32_t n)
{
	intake->heard = true;
	weir_ring_refuse(intake->config.ring, n);
	intake->config.ops->refused(intake->config.context, n);
}

/* A read that was filled may have left rows, which are read in the next turn. */
static void intake_set_time(struct weir_loop_intake *intake, uint32_t n)
{
	const struct weir_intake_config *config = &intake->config;
	uint64_t wanted;
	int64_t now_ns;

	if (config->kind != WEIR_INTAKE_TIMED || intake->over)
		return;
	now_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	intake->unfinished += n;
	if (n == intake->claimed) {
		intake->timer.due_ns = now_ns;
		return;
	}
	wanted = config->ops->wanted ? config->ops->wanted(config->context) : UINT64_MAX;
	weir_read_timer_took(&intake->timer, now_ns, intake->unfinished, wanted ? wanted : 1);
	intake->unfinished = 0;
}

void weir_intake_took(struct weir_loop_intake *intake, int result)
{
	if (result == -EAGAIN && intake->troubled)
		rest(intake); /* poll() would return at once, again and again */
	if (result == -EAGAIN)
		intake_set_time(intake, 0);
	if (result == -EAGAIN || result == -EINTR)
		return;
	if (result <= 0) {
		weir_intake_end(intake, -result);
		return;
	}
	uint32_t n = (uint32_t)result / intake->row_bytes;

	if (n && intake->refusing)
		refuse(intake, n);
	else if (n)
		weir_intake_land(intake, intake->rows, n);
	if ((uint32_t)result % intake->row_bytes)
		weir_intake_end(intake, EIO);
	intake_set_time(intake, n);
}

int weir_intake_read(struct weir_loop_intake *intake)
{
	ssize_t got = read(intake->config.fd, intake->rows, (size_t)intake->claimed * intake->row_bytes);
	int result = got < 0 ? -errno : (int)got;

	weir_intake_took(intake, result);
	return result;
}

/* A block reader is waited for. One that is stuck must not keep outputs from being parked: the rest is refused, and so
 * counted. */
static int drain_once(struct weir_loop_intake *intake, int64_t *patience_ns)
{
	int error = 0;

	/* A reader that the loop itself runs makes space now or never. */
	if (!weir_intake_claim(intake))
		weir_loop_serve_guest(intake->loop);
	if (!intake->claimed && !weir_intake_claim(intake))
		error = weir_ring_wait_space(intake->config.ring, weir_now(WEIR_CLOCK_MONOTONIC) + *patience_ns);
	if (error == -EINTR)
		return -EAGAIN; /* interrupted: nobody wants the rest */
	if (error) {
		*patience_ns = 0;
		claim_scratch(intake);
	}
	return intake->claimed ? weir_intake_read(intake) : 0;
}

void weir_intake_drain(struct weir_loop_intake *intake)
{
	int64_t patience_ns = STUCK_NS, until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + DRAIN_NS;

	intake->loop->backend->disarm(intake);
	while (!intake->over && weir_now(WEIR_CLOCK_MONOTONIC) < until_ns)
		if (drain_once(intake, &patience_ns) == -EAGAIN)
			break;
	intake->over = true;
}

bool weir_intake_has_tail(const struct weir_loop_intake *intake)
{
	return intake->config.kind == WEIR_INTAKE_POLL && intake->config.watermark > 1;
}

static bool listens(const struct weir_loop_intake *intake)
{
	return intake->config.ops->quiet && (!intake->config.is_watched || weir_intake_has_tail(intake));
}

int64_t weir_intake_deadline(const struct weir_loop_intake *intake)
{
	int64_t quiet_ns = listens(intake) ? intake->heard_ns + QUIET_NS : INT64_MAX;

	if (intake->over)
		return INT64_MAX;
	if (intake->rest_until_ns)
		return intake->rest_until_ns;
	return intake->timer.due_ns < quiet_ns ? intake->timer.due_ns : quiet_ns;
}

void weir_intake_read_by_time(struct weir_loop_intake *intake, int64_t now_ns, int64_t next_ns)
{
	if (intake->over || intake->rest_until_ns || !weir_read_timer_joins(&intake->timer, now_ns, next_ns))
		return;
	if (weir_intake_claim(intake))
		weir_intake_read(intake);
}

/* One read in a quiet second fetches the tail; more would make devices with a FIFO of their own send it over the bus again and
 * again. */
static void fetch(struct weir_loop_intake *intake)
{
	intake->loop->backend->disarm(intake);
	if (!intake->over && weir_intake_claim(intake))
		weir_intake_read(intake);
}

void weir_intake_tend(struct weir_loop_intake *intake, int64_t now_ns)
{
	if (intake->heard)
		intake->heard_ns = now_ns;
	intake->heard = false;
	if (intake->over)
		return;
	if (now_ns >= intake->rest_until_ns)
		intake->rest_until_ns = 0;
	if (listens(intake) && now_ns - intake->heard_ns >= QUIET_NS) {
		intake->heard_ns = now_ns;
		if (is_alive(intake) && weir_intake_has_tail(intake))
			fetch(intake);
	}
}
