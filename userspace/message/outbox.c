/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records become messages in the queue. Where the sink is attached and the connection is up, they are sent at once, on the thread
 * of the chain, which also takes the broker's answers while it has nothing else to do. Otherwise the sender's thread does both
 * (outbox_sender.c); it sleeps in the link's serve(), with an epoll descriptor that says that there is more to send, that the run is
 * told to end, or that the chain has ended.
 */
#include "message/outbox_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/internal.h"
#include "spool/spool_memory.h"

const char *const weir_outbox_full_words[] = { [WEIR_SPOOL_DROP_OLDEST] = "drop_oldest",
					       [WEIR_SPOOL_DROP_NEWEST] = "drop_newest",
					       [WEIR_SPOOL_BLOCK] = "block",
					       NULL };

/* ----------------------------------------------------------------------- open */

static uint64_t hash(const char *text)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return value;
}

/* The environment does not count where we have more rights than our user. */
static const char *home_of_user(void)
{
	const struct passwd *user = getpwuid(getuid());

	return user && user->pw_dir ? user->pw_dir : "";
}

/* Where programs keep what must outlive them: systemd says it; else root has a place, and users have one of their own. */
static void state_directory(char dir[WEIR_OUTBOX_PATH])
{
	const char *given = secure_getenv("STATE_DIRECTORY"), *xdg = secure_getenv("XDG_STATE_HOME"),
		   *home = secure_getenv("HOME");

	if (given && *given)
		snprintf(dir, WEIR_OUTBOX_PATH, "%.*s", (int)strcspn(given, ":"), given);
	else if (!geteuid())
		snprintf(dir, WEIR_OUTBOX_PATH, "/var/lib/weir");
	else if (xdg && *xdg)
		snprintf(dir, WEIR_OUTBOX_PATH, "%s/weir", xdg);
	else
		snprintf(dir, WEIR_OUTBOX_PATH, "%s/.local/state/weir", home ? home : home_of_user());
}

static int find_directory(struct weir_outbox *outbox, const char *peer, const char *place)
{
	const char *given = outbox->args->spool_dir;
	char state[WEIR_OUTBOX_PATH], target[1024];
	int n;

	if (given && !outbox->is_kept)
		return weir_fail_arg(outbox->node, "spool_dir", "add spool=SIZE", "spool_dir= needs spool=");
	state_directory(state);
	snprintf(target, sizeof(target), "%s/%s", peer, place);
	if (given)
		n = snprintf(outbox->dir, WEIR_OUTBOX_PATH, "%s", given);
	else
		n = snprintf(outbox->dir, WEIR_OUTBOX_PATH, "%.400s/spool/%016" PRIx64, state, hash(target));
	return n < WEIR_OUTBOX_PATH ? 0 : weir_fail_arg(outbox->node, "spool_dir", NULL, "the path is too long");
}

static int open_wake(struct weir_outbox *outbox)
{
	outbox->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	outbox->control_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return outbox->wake_fd < 0 || outbox->control_fd < 0 ? -errno : 0;
}

/* {NAME} or {NAME#} somewhere in a text. */
static bool has_placeholder(const char *text)
{
	for (; (text = strchr(text, '{')); text++) {
		size_t n = strspn(text + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
		const char *end = text + 1 + n;

		end += n && *end == '#';
		if (n && *end == '}')
			return true;
	}
	return false;
}

/* What stands for a part of the topic in a source would be one literal place for all records in a sink. */
static int refuse_placeholders(struct weir_node *node)
{
	static const char *const places[] = { "exchange", "message_key", "will_topic" };

	if (has_placeholder(weir_target(node)))
		return weir_fail_arg(node, NULL,
				     "write the place in full; a source takes {name} for a part of its topic",
				     "a sink has one place for all records: no field stands in its target");
	for (const struct weir_param *param = node->driver->sink_params; param->name; param++)
		for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
			if (!strcmp(param->name, places[i]) && weir_arg_given(node, places[i]) &&
			    has_placeholder(weir_arg_text(node, places[i])))
				return weir_fail_arg(node, places[i], "write it in full",
						     "no field stands in %s=", places[i]);
	return 0;
}

int weir_outbox_open(struct weir_outbox **out, struct weir_node *node, const struct weir_outbox_args *args,
		     const struct weir_outbox_ops *ops, void *context, const char *peer, const char *place)
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
	outbox->credit = WEIR_OUTBOX_WINDOW;
	outbox->args = args;
	outbox->is_kept = args->spool_bytes;
	err = refuse_placeholders(node);
	if (!err)
		err = find_directory(outbox, peer, place);
	if (!err)
		err = weir_payload_writer_open(&outbox->writer, node, &args->payload);
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

/* Messages that even a kill would lose. */
static uint64_t in_memory(const struct weir_spool_counts *counts)
{
	return weir_outbox_waiting(counts) - counts->waiting;
}

static void count_lost(struct weir_outbox *outbox, uint64_t total)
{
	if (total > outbox->unsent)
		weir_lost(outbox->node, WEIR_LOST_UNSENT, total - outbox->unsent);
	outbox->unsent = total > outbox->unsent ? total : outbox->unsent;
}

/* Where the newest messages are dropped, they are left out of both counts: they do not stand for older ones. */
struct weir_progress weir_outbox_progress(struct weir_outbox *outbox)
{
	bool drops_newest = outbox->args->when_full == WEIR_SPOOL_DROP_NEWEST;
	struct weir_spool_counts counts;
	uint64_t lost, safe;

	weir_spool_read_counts(outbox->spool, &counts);
	lost = counts.lost_limit + counts.lost_disk;
	safe = outbox->is_kept ? counts.waiting - counts.unsynced - counts.recovered : 0;
	return (struct weir_progress){ counts.appended - (drops_newest ? lost : 0),
				       counts.acknowledged + safe + counts.lost_corrupt + (drops_newest ? 0 : lost) };
}

/* ---------------------------------------------------------------------- start */

/* With the directories above it. */
static void make_directory(const char *dir)
{
	char path[WEIR_OUTBOX_PATH];

	snprintf(path, sizeof(path), "%s", dir);
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = 0;
		(void)mkdir(path, 0755);
		*at = '/';
	}
}

static int open_spool(struct weir_outbox *outbox)
{
	const struct weir_outbox_args *args = outbox->args;
	struct weir_node *node = outbox->node;
	struct weir_spool_config config = {
		.dir = outbox->is_kept ? outbox->dir : NULL,
		.limit_bytes = outbox->is_kept ? args->spool_bytes : args->queue_bytes,
		.policy = (enum weir_spool_policy)args->when_full,
		.memory_bytes = outbox->is_kept ? args->queue_bytes : 0,
		.rate = args->spool_rate_hz,
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
	/* What goes through a disk is written and read by the spool's own thread. */
	outbox->is_attached = weir_is_attached(outbox->node) && !outbox->is_kept;
	err = watch(outbox, outbox->control_fd, EPOLLIN);
	if (!err)
		err = watch(outbox, weir_spool_fd(outbox->spool), EPOLLIN);
	if (!err)
		err = watch(outbox, weir_halt_fd(outbox->node), EPOLLIN | EPOLLET); /* it stays readable */
	if (!err)
		err = -pthread_create(&outbox->thread, NULL, weir_outbox_run, outbox);
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

static bool is_ours(struct weir_outbox *outbox)
{
	return atomic_load_explicit(&outbox->owner, memory_order_acquire) == WEIR_OUTBOX_CHAIN;
}

/* A queue that is full waits for the sender, which must then have the link. */
static int take_and_send(struct weir_outbox *outbox, const struct weir_block *in)
{
	int err;

	weir_spool_announce(outbox->spool, false);
	if (!weir_spool_has_room(outbox->spool, (uint64_t)in->n * weir_payload_max(outbox->writer)))
		weir_outbox_hand_back(outbox);
	err = take_records(outbox, in);
	if (!err && is_ours(outbox)) {
		(void)weir_outbox_send(outbox);
		if (!weir_link_is_up(outbox->link))
			weir_outbox_hand_back(outbox);
	}
	return err;
}

int weir_outbox_serve(struct weir_outbox *outbox, struct weir_wait *wait)
{
	bool is_idle = wait->is_idle, has_answers;
	uint32_t before;
	int64_t due;
	int up;

	if (!is_ours(outbox))
		return atomic_load(&outbox->failed);
	before = outbox->n_flights;
	up = weir_link_step(outbox->link, -1, is_idle ? WEIR_LINK_IDLE : 0);
	if (up <= 0) {
		weir_outbox_hand_back(outbox);
		return up;
	}
	has_answers = before > outbox->n_flights;
	due = weir_outbox_send(outbox);
	weir_link_wait(outbox->link, wait);
	wait->gathers &= due == INT64_MAX && weir_outbox_may_gather(outbox);
	if (due < wait->until_ns)
		wait->until_ns = due;
	return has_answers;
}

int weir_outbox_push(struct weir_outbox *outbox, const struct weir_block *in)
{
	struct weir_spool_counts counts;
	int err = atomic_load(&outbox->failed);

	if (!err)
		err = is_ours(outbox) ? take_and_send(outbox, in) : take_records(outbox, in);
	weir_spool_read_counts(outbox->spool, &counts);
	count_lost(outbox, dropped(outbox, &counts));
	return err;
}

static void join(struct weir_outbox *outbox, int64_t deadline_ns)
{
	if (!outbox->is_running)
		return;
	weir_outbox_lower_deadline(outbox, deadline_ns);
	atomic_store(&outbox->is_ending, true);
	weir_outbox_hand_back(outbox);
	(void)eventfd_write(outbox->control_fd, 1);
	pthread_join(outbox->thread, NULL);
	outbox->is_running = false;
}

int weir_outbox_end(struct weir_outbox *outbox)
{
	struct weir_spool_counts counts;

	join(outbox, weir_now(WEIR_CLOCK_MONOTONIC) + outbox->args->linger_ns);
	weir_spool_end(outbox->spool);
	weir_spool_read_counts(outbox->spool, &counts);
	/* What is on disk goes out next time. */
	count_lost(outbox, dropped(outbox, &counts) + (outbox->is_kept ? 0 : weir_outbox_waiting(&counts)));
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
		snprintf(waits, sizeof(waits), "%" PRIu64 " waiting", weir_outbox_waiting(&counts));
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
