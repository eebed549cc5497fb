/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One run of a pipeline, from the first ring to the last parked output. The calling thread runs the loop.
 *
 * Order matters. Up: rings, readers, outputs (taken at their park value), agents, and only then the sources. Down: sources,
 * then agents as they drain, then, whatever has happened, every output that is still held is parked.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "core/disk_wait.h"
#include "core/notify.h"
#include "core/run.h"
#include "core/uevent.h"

#define DRAIN_NS INT64_C(2000000000)
#define LOOK_NS INT64_C(500000000)
#define JOIN_NS INT64_C(1000000000)  /* for threads, once their agents have been told to end */
#define DISK_NS INT64_C(15000000000) /* for those that a disk holds up */
#define DISK_LOOK_NS INT64_C(100000000)
#define DISK_LOOKS 3 /* without one: between two writes a thread runs */

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ------------------------------------------------- what the loop is told */

static void on_signal(void *context)
{
	weir_run_glance(context);
}

static void on_deadline(void *context)
{
	struct weir_pipeline *pipeline = context;

	weir_loop_stop(pipeline->runtime->loop);
}

/*
 * A finite source may leave much to drain, and nothing hurries then. But after a request to stop, an agent that hangs (a
 * full pipe, a stuck program) must not keep an output from being parked.
 */
static void set_deadline(struct weir_runtime *run, struct weir_pipeline *pipeline)
{
	int64_t when = weir_now(WEIR_CLOCK_MONOTONIC) + DRAIN_NS;

	if (!run->has_deadline && weir_loop_add_timer(run->loop, when, 0, on_deadline, pipeline) < 0)
		weir_loop_stop(run->loop);
	run->has_deadline = true;
}

static void on_wake(void *context)
{
	struct weir_pipeline *pipeline = context;
	struct weir_runtime *run = pipeline->runtime;
	bool stop = atomic_load(&run->stopping);
	uint64_t bells;

	if (read(run->wake_fd, &bells, sizeof(bells)) < 0)
		return;
	weir_pools_look(pipeline);
	for (uint32_t i = 0; i < run->n_feeds; i++)
		if (stop || atomic_load(&run->feed[i].wants_end))
			weir_feed_end(&run->feed[i]);
		else
			weir_feed_look(&run->feed[i]);
	if (atomic_load(&run->aborting) || (!atomic_load(&run->feeds_live) && !atomic_load(&run->agents_live)))
		weir_loop_stop(run->loop);
	else if (stop)
		set_deadline(run, pipeline);
}

static void on_time(void *context)
{
	weir_stop(context);
}

/*
 * Streams that wait for each other wait for ever: a zip whose inputs have one source but not equally many records, with more
 * between them than the rings can hold. Nobody is on the way to make anything, so that is not mistaken for slowness.
 */
static bool is_stuck(const struct weir_pipeline *pipeline)
{
	const struct weir_runtime *run = pipeline->runtime;

	for (uint32_t i = 0; i < run->n_feeds; i++) {
		const struct weir_feed *feed = &run->feed[i];

		/* Whether an agent waits for its own source or for another agent shows in how it sleeps. */
		if (feed->reader && feed->reader->worker)
			continue;
		if (!feed->over &&
		    !(feed->stream->ring && atomic_load(&feed->waits) && weir_ring_is_full(feed->stream->ring)))
			return false;
	}
	return atomic_load(&run->agents_live) && weir_workers_rest(pipeline);
}

static void on_look(void *context)
{
	struct weir_pipeline *pipeline = context;

	if (!is_stuck(pipeline))
		return;
	weir_report_add(
		pipeline->report, WEIR_EXIT_RUNTIME, (struct weir_span){ 0, 0 },
		"join and merge go by time and need no equal numbers; a larger --ring or policy=drop_oldest may do",
		"the streams wait for each other: a zip of unequal streams, or a merge of more records of one "
		"time than the rings hold");
	weir_abort(pipeline);
}

static void on_uevent(void *context)
{
	struct weir_pipeline *pipeline = context;
	struct weir_runtime *run = pipeline->runtime;

	if (weir_uevent_removed(run->uevent_fd))
		for (uint32_t i = 0; i < run->n_feeds; i++)
			weir_feed_check(&run->feed[i]);
}

/* ------------------------------------------------------------------- open */

/* nohup wants it to be ignored. */
static bool is_hangup_ignored(void)
{
	struct sigaction action;

	return !sigaction(SIGHUP, NULL, &action) && action.sa_handler == SIG_IGN;
}

static int open_signals(struct weir_runtime *run)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (!is_hangup_ignored())
		sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	/* A file that has come to its limit is a write(2) that fails. */
	signal(SIGXFSZ, SIG_IGN);
	/* Threads inherit the mask, so only the loop meets these signals. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	run->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return run->signal_fd < 0 ? -errno : 0;
}

static int open_events(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;
	int err = weir_loop_add_watch(run->loop, run->wake_fd, on_wake, pipeline);
	if (err >= 0 && pipeline->options.handle_signals)
		err = open_signals(run);
	if (err >= 0 && run->signal_fd >= 0)
		err = weir_loop_add_watch(run->loop, run->signal_fd, on_signal, pipeline);
	if (err >= 0)
		err = weir_watchdog_begin(pipeline);
	if (err >= 0 && weir_pipeline_can_jam(pipeline))
		err = weir_loop_add_timer(run->loop, weir_now(WEIR_CLOCK_MONOTONIC) + LOOK_NS, LOOK_NS, on_look,
					  pipeline);
	run->uevent_fd = weir_uevent_open();
	if (err >= 0 && run->uevent_fd >= 0)
		err = weir_loop_add_watch(run->loop, run->uevent_fd, on_uevent, pipeline);
	if (err >= 0 && pipeline->options.for_ns)
		err = weir_loop_add_timer(run->loop, run->started_ns + pipeline->options.for_ns, 0, on_time, pipeline);
	return err < 0 ? err : 0;
}

/* Who reads a source that lends its rows. */
static void introduce(struct weir_pipeline *pipeline, struct weir_feed *feed)
{
	for (uint32_t i = 0; i < pipeline->n_agents && feed->stream->is_lent; i++) {
		struct weir_agent *agent = pipeline->agent[i];

		if (agent->port[0].from != feed->stream)
			continue;
		feed->reader = agent;
		agent->port[0].feed = feed;
	}
}

static uint32_t n_agents(const struct weir_pipeline *pipeline)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		n += !pipeline->agent[i]->is_out;
	return n;
}

static int open_feeds(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;
	int err = 0;

	run->feed = calloc(pipeline->n_streams + 1, sizeof(*run->feed));
	if (!run->feed)
		return -ENOMEM;
	for (uint32_t i = 0; i < pipeline->n_streams; i++) {
		struct weir_stream *stream = pipeline->stream[i];

		if (stream->from->role == WEIR_SOURCE)
			run->feed[run->n_feeds++] = (struct weir_feed){
				.node = stream->from,
				.stream = stream,
				.pipeline = pipeline,
				.taken = run->taken,
				.intake = -1,
				.is_pulled = weir_source_is_pulled(stream->from),
				.is_pooled = stream->is_pooled,
			};
	}
	for (uint32_t i = 0; i < run->n_feeds; i++)
		introduce(pipeline, &run->feed[i]);
	for (uint32_t i = 0; i < run->n_feeds && !err; i++)
		if (run->feed[i].reader)
			err = weir_lent_open(&run->feed[i]);
	atomic_store(&run->feeds_live, run->n_feeds);
	atomic_store(&run->agents_live, n_agents(pipeline));
	return err;
}

/* How many streams there may be is a matter of memory, and so of this machine. */
static void refuse_ring(struct weir_pipeline *pipeline, uint32_t i, uint32_t rows, int err)
{
	weir_report_add(pipeline->report, WEIR_EXIT_RUNTIME, pipeline->stream[i]->from->args->where,
			"--ring=N asks for rings of N records", "stream %u of %u cannot have a ring of %u records: %s",
			i + 1, pipeline->n_streams, rows, strerror(-err));
}

static int open_rings(struct weir_pipeline *pipeline)
{
	uint32_t rows = weir_pipeline_ring_rows(pipeline);
	int err = 0;

	for (uint32_t i = 0; i < pipeline->n_streams && err >= 0; i++) {
		err = weir_stream_open(pipeline->stream[i], rows);
		if (err == -ENOMEM || err == -EMFILE || err == -ENFILE)
			refuse_ring(pipeline, i, rows, err);
	}
	if (err >= 0)
		err = weir_workers_open(pipeline);
	for (uint32_t i = 0; i < pipeline->n_agents && err >= 0; i++)
		if (!pipeline->agent[i]->is_out)
			err = weir_agent_open(pipeline->agent[i]);
	if (err >= 0)
		weir_session_finish_rings(pipeline);
	return err;
}

static int prepare(struct weir_pipeline *pipeline)
{
	static const enum weir_backend backend[] = { WEIR_BACKEND_AUTO, WEIR_BACKEND_URING, WEIR_BACKEND_POLL };
	struct weir_runtime *run = pipeline->runtime;
	int err;

	err = weir_loop_open(&run->loop, backend[pipeline->options.io]);
	if (err >= 0)
		err = open_events(pipeline);
	if (err >= 0)
		err = open_rings(pipeline);
	if (err >= 0)
		err = open_feeds(pipeline);
	if (err >= 0)
		err = weir_pools_open(pipeline);
	if (err >= 0)
		err = weir_pools_watch(pipeline);
	return err;
}

/* ------------------------------------------------------------------ start */

/* From the second session on, sinks go on where they are. */
static int start_ends(struct weir_pipeline *pipeline, bool is_first)
{
	for (uint32_t i = 0; i < pipeline->n_nodes; i++) {
		struct weir_node *node = pipeline->node[i];
		int err = 0;

		if (node->role == WEIR_ACTUATOR && !node->agent->is_out)
			err = weir_actuate_start(node);
		else if (is_first && node->role == WEIR_SINK && node->driver->sink->start)
			err = node->driver->sink->start(node);
		if (err < 0)
			return err;
	}
	return 0;
}

/* But for those that begin with their sources. */
static int start_workers(struct weir_runtime *run)
{
	for (uint32_t i = 0; i < run->n_workers; i++) {
		int err = run->worker[i].agent[0]->port[0].feed ? 0 : weir_worker_start(&run->worker[i]);

		if (err < 0)
			return err;
	}
	return 0;
}

static int start_feeds(struct weir_runtime *run)
{
	for (uint32_t i = 0; i < run->n_feeds; i++) {
		int err = weir_feed_start(&run->feed[i]);

		if (err < 0)
			return err;
	}
	return 0;
}

/* ------------------------------------------------------------------- down */

static void end_feeds(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;

	weir_run_halt(pipeline);
	for (uint32_t i = 0; i < run->n_feeds; i++)
		weir_feed_end(&run->feed[i]);
}

static void interrupt_rings(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_streams; i++)
		if (pipeline->stream[i]->ring)
			weir_ring_interrupt(pipeline->stream[i]->ring);
}

static bool join_threads(struct weir_pipeline *pipeline, int64_t within_ns)
{
	struct weir_runtime *run = pipeline->runtime;
	int64_t until_ns = weir_now(WEIR_CLOCK_REALTIME) + within_ns;
	struct timespec until = { .tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000 };
	bool have_ended = true;

	for (uint32_t i = 0; i < run->n_workers; i++)
		have_ended &= weir_worker_join(&run->worker[i], &until) >= 0;
	return weir_pools_join(pipeline, &until) >= 0 && have_ended;
}

/* When the loop has ended in good order all agents are through; else those that only wait are let go, and others left. */
static void end_agents(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;

	if (atomic_load(&run->agents_live)) {
		atomic_store(&run->aborting, true);
		weir_run_halt(pipeline);
		interrupt_rings(pipeline);
	}
	weir_prompt_end(pipeline);
	run->abandoned = !join_threads(pipeline, JOIN_NS);
}

/* With all outputs parked nothing hurries, and a slow disk (a card may take seconds) is no reason to leave a thread behind. */
static void await_disk(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;
	int64_t until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + DISK_NS;
	int looks = DISK_LOOKS;

	while (run->abandoned && looks && weir_now(WEIR_CLOCK_MONOTONIC) < until_ns) {
		looks = weir_disk_is_awaited() ? DISK_LOOKS : looks - 1;
		run->abandoned = !join_threads(pipeline, DISK_LOOK_NS);
	}
	if (run->abandoned)
		weir_report_add(pipeline->report, WEIR_EXIT_RUNTIME, (struct weir_span){ 0, 0 }, NULL,
				"a stage does not end; outputs are parked, what it still held is lost");
}

static void park_all(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		if (pipeline->node[i]->role == WEIR_ACTUATOR)
			weir_actuate_park(pipeline->node[i]);
	weir_guarding_end(pipeline);
}

static void clear(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;

	run->ended_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	weir_run_set_up(pipeline, false);
	if (run->abandoned)
		return;
	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		weir_agent_close(pipeline->agent[i]);
	weir_workers_close(pipeline);
	weir_pools_close(pipeline);
	for (uint32_t i = 0; i < pipeline->n_streams; i++)
		weir_stream_close(pipeline->stream[i]);
	weir_guarding_close(pipeline);
	weir_loop_close(run->loop);
	free(run->turns);
	close_fd(run->signal_fd);
	close_fd(run->uevent_fd);
	for (uint32_t i = 0; i < run->n_feeds; i++)
		free(run->feed[i].rows);
	free(run->feed);
	run->signal_fd = run->uevent_fd = -1;
	run->feed = NULL;
	run->turns = NULL;
	run->loop = NULL;
}

static int start(struct weir_pipeline *pipeline, bool is_first)
{
	int err = start_ends(pipeline, is_first);

	if (err >= 0) {
		weir_guarding_release(pipeline->runtime->left);
		pipeline->runtime->left = NULL;
		err = weir_guarding_begin(pipeline);
	}
	if (err >= 0)
		err = start_workers(pipeline->runtime);
	weir_prompt_begin(pipeline);
	if (err >= 0)
		err = start_feeds(pipeline->runtime);
	return err;
}

/* Agents that were never started cannot tell that they are through. */
static void discount_unstarted(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		if (!pipeline->agent[i]->is_out && !weir_agent_has_started(pipeline->agent[i]))
			atomic_fetch_sub(&pipeline->runtime->agents_live, 1);
}

static int conclude(struct weir_pipeline *pipeline, int err)
{
	enum weir_exit status;

	if (err < 0 && weir_report_status(pipeline->report) == WEIR_EXIT_OK)
		weir_report_add(pipeline->report, WEIR_EXIT_RUNTIME, (struct weir_span){ 0, 0 }, NULL, "cannot run: %s",
				strerror(-err));
	weir_report_print(pipeline->report, weir_messages(pipeline));
	status = weir_report_status(pipeline->report);
	if (status == WEIR_EXIT_OK && pipeline->options.strict && weir_pipeline_lost(pipeline))
		return WEIR_EXIT_LOST;
	return status;
}

static void notify(const struct weir_pipeline *pipeline, const char *lines)
{
	/* A manager that cannot be reached acts as its unit says. */
	if (pipeline->options.notify)
		(void)!weir_notify(lines);
}

static int run_once(struct weir_pipeline *pipeline, bool is_first)
{
	int err = is_first ? 0 : weir_session_begin(pipeline);

	if (err >= 0)
		err = prepare(pipeline);
	if (err >= 0)
		err = start(pipeline, is_first);
	if (err >= 0) {
		weir_run_set_up(pipeline, true);
		if (is_first)
			notify(pipeline, "READY=1");
		err = weir_loop_run(pipeline->runtime->loop);
	}
	discount_unstarted(pipeline);
	end_feeds(pipeline);
	end_agents(pipeline);
	atomic_store(&pipeline->runtime->is_over, true);
	end_feeds(pipeline);
	park_all(pipeline);
	await_disk(pipeline);
	if (pipeline->runtime->n_feeds)
		pipeline->runtime->taken = pipeline->runtime->feed[0].taken;
	weir_leftover_count(pipeline);
	clear(pipeline);
	return err;
}

int weir_run(struct weir_pipeline *pipeline)
{
	int err;

	pipeline->runtime->started_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	err = run_once(pipeline, true);
	while (err >= 0 && weir_session_next(pipeline)) {
		err = run_once(pipeline, false);
		if (err < 0)
			weir_session_failed(pipeline);
	}
	if (!weir_wants_reload(pipeline))
		notify(pipeline, "STOPPING=1");
	return conclude(pipeline, err);
}
