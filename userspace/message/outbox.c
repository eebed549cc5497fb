/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two threads: the agent appends to the spool, the sender takes from it. The sender owns the link and the window of messages
 * that are under way; it sleeps in the link's serve(), with an epoll descriptor that says that there is more to send, that the run
 * is told to end, or that the agent has ended.
 */
#include "weir/outbox.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/spool.h"
#include "spool/spool_memory.h"

#define HALT_NS INT64_C(800000000) /* for the rest, once the run is told to end */
#define LOOK_NS INT64_C(100000000) /* how often the sender looks whether it may end */
#define PATH_BYTES 512

const char *const weir_outbox_full_words[] = { [WEIR_SPOOL_DROP_OLDEST] = "drop_oldest",
					       [WEIR_SPOOL_DROP_NEWEST] = "drop_newest",
					       [WEIR_SPOOL_BLOCK] = "block",
					       NULL };

/* A message that is under way. */
struct flight {
	uint64_t token, id;
	bool is_settled;
};

struct weir_outbox {
	struct weir_node *node;
	const struct weir_outbox_ops *ops;
	void *context;
	struct weir_payload_writer *writer;
	struct weir_link *link;
	struct weir_spool *spool;
	struct weir_spool_io memory;
	bool is_kept; /* on disk */
	char dir[PATH_BYTES];
	char *message;
	pthread_t thread;
	bool is_running;
	int wake_fd, control_fd;
	_Atomic bool is_ending;
	_Atomic int64_t deadline_ns; /* to be done; INT64_MAX: none */
	_Atomic int failed;
	_Atomic uint64_t rejected;
	uint64_t unsent; /* counted as lost so far; the agent's */
	/* The sender's. */
	struct flight flight[WEIR_OUTBOX_WINDOW];
	uint32_t first, n_flights;
	uint32_t connection;
	bool is_halted, has_warned;
	bool has_pending;
	struct weir_spool_message pending; /* peeked, and not taken by send() yet */
	char how[2 * WEIR_LINK_WHY + 512];
};

/* ----------------------------------------------------------------------- open */

static uint64_t hash(const char *text)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return value;
}

/* Where programs keep what must outlive them: systemd says it; else root has a place, and users have one of their own. */
static void state_directory(char dir[PATH_BYTES])
{
	const char *given = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (given && *given)
		snprintf(dir, PATH_BYTES, "%.*s", (int)strcspn(given, ":"), given);
	else if (!geteuid())
		snprintf(dir, PATH_BYTES, "/var/lib/weir");
	else if (xdg && *xdg)
		snprintf(dir, PATH_BYTES, "%s/weir", xdg);
	else
		snprintf(dir, PATH_BYTES, "%s/.local/state/weir", home ? home : "");
}

static int find_directory(struct weir_outbox *outbox, const char *peer, const char *place)
{
	const char *given = weir_arg_text(outbox->node, "spool_dir");
	char state[PATH_BYTES], target[1024];
	int n;

	if (given && !outbox->is_kept)
		return weir_fail_arg(outbox->node, "spool_dir", "add spool=SIZE", "there is no spool");
	state_directory(state);
	snprintf(target, sizeof(target), "%s/%s", peer, place);
	if (given)
		n = snprintf(outbox->dir, PATH_BYTES, "%s", given);
	else
		n = snprintf(outbox->dir, PATH_BYTES, "%.400s/spool/%016" PRIx64, state, hash(target));
	return n < PATH_BYTES ? 0 : weir_fail_arg(outbox->node, "spool_dir", NULL, "the path is too long");
}

static int open_wake(struct weir_outbox *outbox)
{
	outbox->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	outbox->control_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return outbox->wake_fd < 0 || outbox->control_fd < 0 ? -errno : 0;
}

int weir_outbox_open(struct weir_outbox **out, struct weir_node *node, const struct weir_outbox_ops *ops, void *context,
		     const char *peer, const char *place)
{
	struct weir_outbox *outbox = calloc(1, sizeof(*outbox));
	int err;

	*out = outbox;
	if (!outbox)
		return -ENOMEM;
	outbox->node = node;
	outbox->ops = ops;
	outbox->context = context;
	outbox->wake_fd = outbox->control_fd = -1;
	outbox->deadline_ns = INT64_MAX;
	outbox->is_kept = weir_arg_given(node, "spool");
	err = find_directory(outbox, peer, place);
	if (!err)
		err = weir_payload_writer_open(&outbox->writer, node);
	if (!err && weir_payload_max(outbox->writer) > WEIR_SPOOL_MESSAGE_MAX)
		err = weir_fail_arg(node, NULL, NULL, "a record of this stream can be too long for one message");
	if (!err)
		err = weir_link_open(&outbox->link, node, &ops->link, context, peer);
	if (!err)
		err = open_wake(outbox);
	outbox->message = err ? NULL : malloc(WEIR_SPOOL_MESSAGE_MAX);
	return err || outbox->message ? err : -ENOMEM;
}

/* -------------------------------------------------------------------- counters */

/* Messages that nobody has and that will go no more, as far as is known now. */
static uint64_t dropped(const struct weir_outbox *outbox, const struct weir_spool_counts *counts)
{
	return counts->lost_limit + counts->lost_disk + counts->lost_corrupt + atomic_load(&outbox->rejected);
}

/* Messages that wait for the broker. */
static uint64_t waiting(const struct weir_spool_counts *counts)
{
	return counts->appended + counts->recovered - counts->acknowledged - counts->lost_limit - counts->lost_disk -
	       counts->lost_corrupt;
}

/* Messages that even a kill would lose. */
static uint64_t in_memory(const struct weir_spool_counts *counts)
{
	return waiting(counts) - counts->waiting;
}

static void count_lost(struct weir_outbox *outbox, uint64_t total)
{
	if (total > outbox->unsent)
		weir_lost(outbox->node, WEIR_LOST_UNSENT, total - outbox->unsent);
	outbox->unsent = total > outbox->unsent ? total : outbox->unsent;
}

/* ------------------------------------------------------------------ the window */

static struct flight *flight_at(struct weir_outbox *outbox, uint32_t i)
{
	return &outbox->flight[(outbox->first + i) % WEIR_OUTBOX_WINDOW];
}

/* The spool is told of what has arrived without a gap. */
static void take_settled(struct weir_outbox *outbox)
{
	uint64_t id = 0;

	while (outbox->n_flights && flight_at(outbox, 0)->is_settled) {
		id = flight_at(outbox, 0)->id;
		outbox->first = (outbox->first + 1) % WEIR_OUTBOX_WINDOW;
		outbox->n_flights--;
	}
	if (id)
		weir_spool_ack(outbox->spool, id);
}

static void reject(struct weir_outbox *outbox)
{
	atomic_fetch_add(&outbox->rejected, 1);
	if (!outbox->has_warned)
		weir_warn(outbox->node,
			  "the broker refuses a message, and will not be asked again; others like it are only counted");
	outbox->has_warned = true;
}

void weir_outbox_settle(struct weir_outbox *outbox, uint64_t token, enum weir_outbox_fate fate)
{
	for (uint32_t i = 0; i < outbox->n_flights; i++) {
		struct flight *flight = flight_at(outbox, i);

		if (flight->token != token || flight->is_settled)
			continue;
		flight->is_settled = true;
		if (fate == WEIR_OUTBOX_REJECTED)
			reject(outbox);
		if (!i)
			take_settled(outbox);
		return;
	}
}

/* ------------------------------------------------------------------ the sender */

static int send_one(struct weir_outbox *outbox, char *why)
{
	struct weir_outbox_message message = {
		.sender = weir_spool_identity(outbox->spool),
		.id = outbox->pending.id,
		.bytes = outbox->pending.bytes,
		.n = outbox->pending.n,
	};
	struct flight *flight = flight_at(outbox, outbox->n_flights);
	uint64_t token = 0;
	int err = outbox->ops->send(outbox->context, &message, &token, why);

	if (err < 0 && err != -EMSGSIZE)
		return err;
	*flight = (struct flight){ .token = token, .id = message.id, .is_settled = err };
	outbox->n_flights++;
	outbox->has_pending = false;
	if (err == -EMSGSIZE)
		reject(outbox);
	if (err)
		take_settled(outbox);
	return 0;
}

/* As much as the window, the peer and the spool's rate let. @return when to look again. */
static int64_t send_more(struct weir_outbox *outbox)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC), due = INT64_MAX;
	char why[WEIR_LINK_WHY] = "";

	while (outbox->n_flights < WEIR_OUTBOX_WINDOW) {
		int err = 0;

		if (!outbox->has_pending && weir_spool_peek(outbox->spool, &outbox->pending, now, &due) < 0)
			return due;
		outbox->has_pending = true;
		err = send_one(outbox, why);
		if (err == -EAGAIN)
			break;
		if (err < 0) {
			weir_link_lost(outbox->link, why);
			break;
		}
	}
	return INT64_MAX;
}

/* What was under way when a connection was lost goes again. */
static void begin_anew(struct weir_outbox *outbox)
{
	if (weir_link_count(outbox->link) == outbox->connection)
		return;
	outbox->connection = weir_link_count(outbox->link);
	outbox->n_flights = 0;
	outbox->has_pending = false;
	weir_spool_rewind(outbox->spool);
}

static void lower_deadline(struct weir_outbox *outbox, int64_t deadline_ns)
{
	if (deadline_ns < atomic_load(&outbox->deadline_ns))
		atomic_store(&outbox->deadline_ns, deadline_ns);
}

/* Once told to end, nobody may be left waiting for room that does not come. */
static void heed_halt(struct weir_outbox *outbox, const struct epoll_event *event)
{
	if (event->data.fd == weir_halt_fd(outbox->node) && !outbox->is_halted) {
		outbox->is_halted = true;
		lower_deadline(outbox, weir_now(WEIR_CLOCK_MONOTONIC) + HALT_NS);
	}
}

static void drain_wake(struct weir_outbox *outbox)
{
	struct epoll_event event[4];
	int n = epoll_wait(outbox->wake_fd, event, 4, 0);
	eventfd_t value;

	for (int i = 0; i < n; i++) {
		heed_halt(outbox, &event[i]);
		if (event[i].data.fd != weir_halt_fd(outbox->node))
			(void)eventfd_read(event[i].data.fd, &value);
	}
}

static bool is_over(struct weir_outbox *outbox, int64_t now)
{
	struct weir_spool_counts counts;

	if (now >= atomic_load(&outbox->deadline_ns)) {
		weir_spool_interrupt(outbox->spool);
		return atomic_load(&outbox->is_ending);
	}
	if (!atomic_load(&outbox->is_ending))
		return false;
	weir_spool_read_counts(outbox->spool, &counts);
	return !waiting(&counts);
}

static int64_t next_look(const struct weir_outbox *outbox, int64_t now, int64_t due)
{
	bool looks = atomic_load(&outbox->is_ending) || atomic_load(&outbox->deadline_ns) < INT64_MAX;

	return looks && now + LOOK_NS < due ? now + LOOK_NS : due;
}

static void *run(void *context)
{
	struct weir_outbox *outbox = context;
	int64_t due = INT64_MAX, now = weir_now(WEIR_CLOCK_MONOTONIC);

	while (!is_over(outbox, now)) {
		int up = weir_link_step(outbox->link, outbox->wake_fd, next_look(outbox, now, due));

		drain_wake(outbox);
		if (up < 0) {
			atomic_store(&outbox->failed, up);
			weir_spool_interrupt(outbox->spool);
			break;
		}
		due = INT64_MAX;
		if (up)
			begin_anew(outbox);
		if (up)
			due = send_more(outbox);
		now = weir_now(WEIR_CLOCK_MONOTONIC);
	}
	weir_link_shut(outbox->link);
	return NULL;
}

/* ---------------------------------------------------------------------- start */

/* With the directories above it. */
static void make_directory(const char *dir)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s", dir);
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = 0;
		(void)mkdir(path, 0755);
		*at = '/';
	}
}

static int open_spool(struct weir_outbox *outbox)
{
	struct weir_node *node = outbox->node;
	struct weir_spool_config config = {
		.dir = outbox->is_kept ? outbox->dir : NULL,
		.limit_bytes = (uint64_t)weir_arg_int(node, outbox->is_kept ? "spool" : "queue"),
		.policy = (enum weir_spool_policy)weir_arg_int(node, "when_full"),
		.memory_bytes = outbox->is_kept ? (uint64_t)weir_arg_int(node, "queue") : 0,
		.rate = weir_arg_given(node, "spool_rate") ? weir_arg_real(node, "spool_rate") : 0,
	};
	char error[256];
	int err = 0;

	if (outbox->is_kept) {
		make_directory(outbox->dir);
	} else {
		err = weir_spool_memory_open(&outbox->memory);
		config.io = &outbox->memory;
		config.is_inline = true;
	}
	if (err < 0)
		return err;
	err = weir_spool_open(&outbox->spool, &config, error);
	return err < 0 ? weir_fail(node, -err, "%s%s", error,
				   err == -EBUSY ? "; give this one a spool_dir= of its own" : "")
		       : 0;
}

static int watch(struct weir_outbox *outbox, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(outbox->wake_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int weir_outbox_start(struct weir_outbox *outbox)
{
	int err = open_spool(outbox);

	if (err < 0)
		return err;
	err = watch(outbox, outbox->control_fd, EPOLLIN);
	if (!err)
		err = watch(outbox, weir_spool_fd(outbox->spool), EPOLLIN);
	if (!err)
		err = watch(outbox, weir_halt_fd(outbox->node), EPOLLIN | EPOLLET); /* it stays readable */
	if (!err)
		err = -pthread_create(&outbox->thread, NULL, run, outbox);
	outbox->is_running = !err;
	return err < 0 ? weir_fail(outbox->node, -err, "cannot start to send: %s", strerror(-err)) : 0;
}

/* ----------------------------------------------------------------------- push */

static int take_records(struct weir_outbox *outbox, const struct weir_block *in)
{
	uint64_t left_out = 0;
	int err = 0;

	for (uint32_t row = 0; row < in->n; row++) {
		size_t n = weir_payload_write(outbox->writer, outbox->message, in, row);

		if (n && !err)
			err = weir_spool_append(outbox->spool, outbox->message, (uint32_t)n);
		if (err == -EINTR)
			weir_lost(outbox->node, WEIR_LOST_UNSENT, 1);
		left_out += !n;
	}
	weir_lost(outbox->node, WEIR_LOST_POISON, left_out);
	if (!err)
		err = weir_spool_commit(outbox->spool);
	return err == -EINTR ? 0 : err;
}

int weir_outbox_push(struct weir_outbox *outbox, const struct weir_block *in)
{
	struct weir_spool_counts counts;
	int err = atomic_load(&outbox->failed);

	if (!err)
		err = take_records(outbox, in);
	weir_spool_read_counts(outbox->spool, &counts);
	count_lost(outbox, dropped(outbox, &counts));
	return err;
}

static void join(struct weir_outbox *outbox, int64_t deadline_ns)
{
	if (!outbox->is_running)
		return;
	lower_deadline(outbox, deadline_ns);
	atomic_store(&outbox->is_ending, true);
	(void)eventfd_write(outbox->control_fd, 1);
	pthread_join(outbox->thread, NULL);
	outbox->is_running = false;
}

int weir_outbox_end(struct weir_outbox *outbox)
{
	struct weir_spool_counts counts;

	join(outbox, weir_now(WEIR_CLOCK_MONOTONIC) + weir_arg_int(outbox->node, "linger"));
	weir_spool_end(outbox->spool);
	weir_spool_read_counts(outbox->spool, &counts);
	/* What is on disk goes out next time. */
	count_lost(outbox, dropped(outbox, &counts) + (outbox->is_kept ? 0 : waiting(&counts)));
	return atomic_load(&outbox->failed);
}

void weir_outbox_close(struct weir_outbox *outbox)
{
	if (!outbox)
		return;
	join(outbox, 0);
	weir_link_close(outbox->link);
	weir_spool_close(outbox->spool);
	weir_spool_memory_close(&outbox->memory);
	weir_payload_writer_close(outbox->writer);
	if (outbox->wake_fd >= 0)
		close(outbox->wake_fd);
	if (outbox->control_fd >= 0)
		close(outbox->control_fd);
	free(outbox->message);
	free(outbox);
}

/* --------------------------------------------------------------------- for people */

int weir_outbox_id(const struct weir_outbox_message *message, char text[WEIR_OUTBOX_ID])
{
	return snprintf(text, WEIR_OUTBOX_ID, "%016" PRIx64 "-%" PRIx64, message->sender, message->id);
}

static void tell_counts(const struct weir_outbox *outbox, char *to, size_t room)
{
	uint64_t rejected = atomic_load(&outbox->rejected);
	struct weir_spool_counts counts;
	char waits[80];

	weir_spool_read_counts(outbox->spool, &counts);
	if (!outbox->is_kept)
		snprintf(waits, sizeof(waits), "%" PRIu64 " waiting", waiting(&counts));
	else if (in_memory(&counts))
		snprintf(waits, sizeof(waits), "%" PRIu64 " waiting on disk and %" PRIu64 " in memory", counts.waiting,
			 in_memory(&counts));
	else
		snprintf(waits, sizeof(waits), "%" PRIu64 " waiting on disk", counts.waiting);
	snprintf(to, room, "; %" PRIu64 " messages delivered, %s, %" PRIu64 " refused, %" PRIu64 " dropped",
		 counts.acknowledged - rejected, waits, rejected, dropped(outbox, &counts) - rejected);
}

const char *weir_outbox_how(struct weir_outbox *outbox)
{
	size_t room = sizeof(outbox->how), n = (size_t)weir_link_how(outbox->link, outbox->how, room);

	if (outbox->spool)
		tell_counts(outbox, outbox->how + n, room - n);
	else if (outbox->is_kept)
		snprintf(outbox->how + n, room - n, "; spool in %s", outbox->dir);
	return outbox->how;
}
