/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file run.h
 * @brief What exists only while a pipeline runs: feeds on the loop's side, agents on the other, and how they end.
 *
 *     feed (loop thread, or its own) -> ring -> agent thread -> ring -> agent thread -> actuator
 *
 * A run ends from the top down: feeds stop and finish their rings, agents drain them and finish theirs, and each actuator is
 * parked by the agent that drove it. Whatever does not drain in time is parked from the outside.
 */
#ifndef WEIR_CORE_RUN_H
#define WEIR_CORE_RUN_H

#include "core/internal.h"

/** A source that is running. */
struct weir_feed {
	struct weir_node *node;
	struct weir_stream *stream;
	struct weir_pipeline *pipeline;
	uint64_t taken; /**< rows inspected so far; the thread that feeds writes it */
	int intake;     /**< of the loop; -1: none */
	bool is_pulled, is_inline;
	struct weir_agent *reader; /**< of rows that are lent; NULL: there is a ring */
	void *rows;                /**< of a driver that is asked by its reader; owned */
	int result;                /**< of the driver, where rows came with it: what is told next; 1: nothing */
	bool started;              /**< the device captures */
	bool told;                 /**< its failure has been reported */
	bool over;                 /**< loop thread: its ring is finished */
	pthread_t thread;          /**< pulled */
	bool threaded;
	bool is_alone;          /**< pooled: the thread is its own by now, because it has kept it for long */
	_Atomic bool wants_end; /**< it has given all that it should */
	_Atomic bool waits;     /**< pulled: for space in its ring */
	bool is_pooled;         /**< it has no thread of its own */
	struct weir_pool *pool; /**< the thread that runs it, with others; NULL: none */
	_Atomic bool is_open;   /**< pooled: it has started */
	int64_t due_ns; /**< pooled: when it wants to be asked next, CLOCK_MONOTONIC. Its thread's own, as the next */
	bool is_done;   /**< pooled: it has ended */
};

struct weir_runtime {
	struct weir_loop *loop;
	struct weir_feed *feed;
	uint32_t n_feeds;
	struct weir_worker *worker;
	uint32_t n_workers;
	struct weir_pool *pool;
	uint32_t n_pools;
	int wake_fd; /**< eventfd: something below changed, look at it on the loop's thread */
	int halt_fd; /**< eventfd that stays readable once feeds must stop: pulled threads poll it */
	int signal_fd, uevent_fd;
	pthread_mutex_t looking; /**< held by threads that only look; never for a record. See weir_run_look() */
	bool is_up;              /**< under `looking`: rings, workers and outputs are there */
	_Atomic bool stopping, aborting;
	_Atomic bool is_over; /**< agents have ended, or will not: nothing more is answered for */
	_Atomic uint32_t feeds_live, agents_live;
	unsigned interrupts;
	bool wants_reload; /**< loop thread, then whoever ran it */
	bool has_deadline;
	_Atomic bool is_asked;          /**< to end, by a signal, a time or a caller */
	_Atomic bool has_session;       /**< its only source has another session; next_session.c */
	uint64_t taken;                 /**< rows of that source, in all sessions before this one */
	bool abandoned;                 /**< a thread did not end: its memory must stay */
	struct weir_guarding *guarding; /**< the outputs that a guard holds; NULL: none. actuate_guard.c */
	struct weir_guarding
		*left;   /**< owned: the guard holds the outputs of the program before a reload; NULL: none */
	uint32_t *turns; /**< of each agent, at the last look of the watchdog; NULL: there is none. notify.c */
	int64_t started_ns, ended_ns;
};

/* stream.c */
int weir_stream_open(struct weir_stream *stream, uint32_t rows) WEIR_MUST_CHECK;
void weir_stream_close(struct weir_stream *stream);
/** @brief Before rows are committed, of which the first is of time `t_ns` and comes behind `ahead` others: note what they do not
 *  say. Writer's thread. */
void weir_stream_note(struct weir_stream *stream, uint32_t ahead, int64_t t_ns);
/** @brief Rows that its source or agent has given so far. For another thread than the writer's only where there is a ring. */
uint64_t weir_stream_head(const struct weir_stream *stream);
/** @brief Encode a block into the stream's ring; waits for space as the readers' policies have it. 0 or -EINTR. Agent thread. */
int weir_stream_write(struct weir_stream *stream, const struct weir_block *block);

/* source.c: all on the loop's thread but for the pulled thread itself */
int weir_feed_start(struct weir_feed *feed) WEIR_MUST_CHECK;
/** @brief Take what the device still holds, stop it, finish the ring. Idempotent. */
void weir_feed_end(struct weir_feed *feed);
/** @brief A device may have gone: look. */
void weir_feed_check(struct weir_feed *feed);
void weir_feed_join(struct weir_feed *feed);
/** @brief Inline: take what has passed, and the time. Nothing where no stage goes by time. */
void weir_feed_look(struct weir_feed *feed);

/* pulled.c: on the thread that feeds */
/** @brief Ask the driver until its stream or the run ends: what a thread of the source's own does. @param context the feed. */
void *weir_feed_pull(void *context);
/** @brief Ask the driver once, without waiting. @return whether there is more to come, at `*due_ns`; after false it has ended. */
bool weir_feed_step(struct weir_feed *feed, int64_t *due_ns);

/* feed.c */
/** @brief Add to a counter of which the calling thread is the only writer. */
void weir_count(_Atomic uint64_t *counter, uint64_t n);
/** @brief Does its thread stay until the records that it has given are answered for? */
bool weir_feed_concludes(const struct weir_feed *feed);
/** @brief Its stream has ended: stay until chains have worked it off. On the thread that asks the driver. */
void weir_feed_conclude(struct weir_feed *feed);
/** @brief It has given all that it should. Any thread. */
void weir_feed_want_end(struct weir_feed *feed);
/** @brief Rows that --limit still allows. On the thread that feeds, as the next two. */
uint64_t weir_feed_allowance(const struct weir_feed *feed);
/** @brief Rows have come, and go on. */
void weir_feed_count(struct weir_feed *feed, uint32_t n);
/** @brief Sleep until the driver's time or data, or until the run wants to end. */
void weir_feed_wait(const struct weir_feed *feed, const struct weir_wait *wait);

/* feed_admit.c: on the thread that feeds */
/** @brief Rows are in the ring's memory and not yet visible: count them, thin them out. @return how many remain, or -errno after a
 *  message. */
int weir_feed_admit(struct weir_feed *feed, void *rows, uint32_t n);
/** @brief The same for as many of them as --limit allows, after the driver has looked at them. */
int weir_feed_land(struct weir_feed *feed, void *rows, uint32_t n);

/* feed_ends.c: on the thread that feeds */
/** @brief After start(), before anything else: what the source begins with. 0 or -errno after a message. */
int weir_feed_begin(struct weir_feed *feed) WEIR_MUST_CHECK;
/** @brief Pulled: what no row has told yet. */
void weir_feed_last(struct weir_feed *feed);

/* filtered.c: time behind the early filter; on the thread that feeds, but for the last */
/** @brief Batch and user tier: as weir_filter_rows(), and the dropped rows carry the time all the same. */
int weir_feed_thin_out(struct weir_feed *feed, void *rows, uint32_t n);
/** @brief What was read is committed: mark the ring with the time that it has come to. */
void weir_feed_tell_time(struct weir_feed *feed);
/** @brief Inline tier: as weir_filter_consume(), and the time. */
int weir_feed_consume(struct weir_feed *feed);
/** @brief Inline tier: have the node's counters say what the hook has seen. */
void weir_feed_count_inline(struct weir_feed *feed);
/** @brief Records that its device has brought so far, those that the kernel filtered out too. Loop's thread. */
uint64_t weir_feed_seen(struct weir_feed *feed);
/** @brief At the end: the time before which nothing is missing; INT64_MIN: its rows tell. */
int64_t weir_feed_end_time(const struct weir_feed *feed);
/** @brief Before a reader sleeps: wake it when the stream has come further than `t_ns`. INT64_MIN: further at all; INT64_MAX: no need.
 *  Any thread. */
void weir_stream_want_time(struct weir_stream *stream, int64_t t_ns);

/* lent.c: rows that are read where the source has them */
/** @brief What produce() does, for a source that lends. On its thread. */
int weir_lent_copy(struct weir_feed *feed, struct weir_rows *rows, struct weir_wait *wait);
/** @brief Decode up to `max` rows, if there are any. On the agent's thread, as the next. */
void weir_lent_fill(struct weir_port *port, uint32_t max);
/** @brief Sleep until there may be more, until the run wants to end, or until a time of CLOCK_MONOTONIC. */
void weir_lent_wait(struct weir_agent *agent);
/** @brief The time has come up to which records and the sink's answers gathered. */
bool weir_lent_has_gathered(const struct weir_agent *agent);
/** @brief Memory for a source that is asked for rows by its reader. 0 or -ENOMEM. */
int weir_lent_open(struct weir_feed *feed) WEIR_MUST_CHECK;

/* placement.c: for the plan */
/** @brief Does a chain run best on its source's thread, for this source and its only reader? */
bool weir_lent_suits(const struct weir_node *source, const struct weir_agent *reader);
/** @brief Is this a source that shares a thread with others? */
bool weir_pool_suits(const struct weir_node *source);
/** @brief Does this chain run best on such a thread, as the only reader of its source? */
bool weir_pool_suits_chain(const struct weir_node *source, const struct weir_agent *reader);
/** @brief Does this agent run best on the loop's thread? */
bool weir_agent_suits_loop(const struct weir_agent *agent);

/* kept.c: windows that a source's answers wait for */
/** @brief Find the stages that sources with weir_awaits_windows() wait for. 0, or -EINVAL after a report. For the plan. */
int weir_kept_plan(struct weir_pipeline *pipeline);
/** @brief The chain has worked off its port up to `position`: tell who waits for that. On the agent's thread. */
void weir_kept_publish(struct weir_port *port, const struct weir_agent *agent, uint64_t position);

/* leftover.c: what nobody has worked off */
/** @brief An agent leaves this port: remember what it leaves behind. On its thread. */
void weir_leftover_note(struct weir_port *port);
/** @brief Count as WEIR_LOST_END what chains that failed, or did not end, have left. When all threads have ended that will. */
void weir_leftover_count(struct weir_pipeline *pipeline);

/* agent.c: on the thread that runs it, but for open, close and free */
int weir_agent_open(struct weir_agent *agent) WEIR_MUST_CHECK;
void weir_agent_close(struct weir_agent *agent);
void weir_agent_free(struct weir_agent *agent);
/** @brief From the first record to the end of what it writes. */
void weir_agent_run(struct weir_agent *agent);
/** @brief A prompt or pooled agent: do what there is to do, up to a bound and without waiting; deadline_ns says when it wants to be served at the
 *  latest. */
void weir_agent_serve(struct weir_agent *agent);
/** @brief Nothing more comes, or `err` has happened: end what it writes, and tell the run. */
void weir_agent_end(struct weir_agent *agent, int err);

/* agent_ready.c */
/** @brief Has it begun, so that it says when it ends? */
bool weir_agent_has_started(const struct weir_agent *agent);
/** @brief Has what it waits for come? */
bool weir_agent_is_ready(const struct weir_agent *agent);
/** @brief Have the worker's bell rung when what it waits for comes; and take that back. */
void weir_agent_announce(struct weir_agent *agent);
void weir_agent_retract(struct weir_agent *agent);

/* port.c: where an agent reads a stream, on its thread but for open and close */
int weir_port_open(struct weir_port *port, const struct weir_agent *agent) WEIR_MUST_CHECK;
void weir_port_close(struct weir_port *port);
/** @brief Take rows from the ring where nothing is left of those taken before. */
void weir_port_fill(struct weir_port *port, const struct weir_agent *agent);
/** @brief Wait no longer for what is older than `t_ns`: it is late. */
void weir_port_promise(struct weir_port *port, int64_t t_ns);
/** @brief The time of the oldest record that waits for older ones; INT64_MAX: none does, or some need not. */
int64_t weir_port_oldest(const struct weir_port *port);
static inline bool weir_port_is_empty(const struct weir_port *port)
{
	return port->at == port->block->n;
}

/* combine.c */
/** @brief One turn of an agent that begins with a combiner. 0: something was done; -EAGAIN: nothing can be; else as push. */
int weir_combine(struct weir_agent *agent);
/** @brief Nothing before this will come to the combiner. */
int64_t weir_combine_frontier(const struct weir_agent *agent);
/** @brief Of a combiner by number that is over: to what time it came, as far as its inputs say; INT64_MIN: they do not. */
int64_t weir_combine_end(const struct weir_agent *agent);
/** @brief The time of the record that waits for a port with nothing to say; INT64_MAX: none does. */
int64_t weir_combine_blocked(const struct weir_agent *agent);
/** @brief Wait for such ports no longer: nothing up to `t_ns` will come from them. */
void weir_combine_promise(struct weir_agent *agent, int64_t t_ns);

/* prompt.c: agents that the loop runs itself; on its thread */
/** @brief Have the loop run them. */
void weir_prompt_begin(struct weir_pipeline *pipeline);
/** @brief The loop has ended: end those that have not. */
void weir_prompt_end(struct weir_pipeline *pipeline);

/* pool.c: threads that run slow sources, each with the chain that reads it */

struct weir_pool {
	struct weir_pipeline *pipeline;
	struct weir_feed **feed; /**< owned array */
	uint32_t n_feeds;
	int wake_fd; /**< eventfd: a source has started, or none will any more */
	_Atomic bool is_closed;
	struct weir_feed *running; /**< in the present turn, or in the last */
	_Atomic uint64_t turn;     /**< odd: it runs one. Who makes it even has the array from then on */
	_Atomic int64_t since_ns;  /**< when the turn began, CLOCK_MONOTONIC as the next */
	_Atomic int64_t next_ns;   /**< until when it sleeps, where it does */
	_Atomic bool is_left;      /**< its thread stays with `running`: it needs another one */
	pthread_t thread;
	bool started; /**< and not ended */
};

/** @brief As many as there are processors, for all sources that the plan wants to share threads. 0 or -errno. */
int weir_pools_open(struct weir_pipeline *pipeline) WEIR_MUST_CHECK;
/** @brief Its device captures: run it from now on. 0 or -errno. Loop's thread, as the next. */
int weir_pool_begin(struct weir_feed *feed) WEIR_MUST_CHECK;
/** @brief Has a source or its chain kept a thread for long: leave it alone with that one, and give the others a new thread. */
void weir_pools_look(struct weir_pipeline *pipeline);
/** @brief Look now and then while threads are shared. 0 or -ENOMEM. Before the loop runs. */
int weir_pools_watch(struct weir_pipeline *pipeline) WEIR_MUST_CHECK;
/** @brief No source begins any more: wait for the threads until a CLOCK_REALTIME deadline. 0 or -ETIMEDOUT. */
int weir_pools_join(struct weir_pipeline *pipeline, const struct timespec *deadline);
void weir_pools_close(struct weir_pipeline *pipeline);

/* worker.c */

/** A thread that runs agents. */
struct weir_worker {
	struct weir_pipeline *pipeline;
	struct weir_agent **agent; /**< owned array */
	uint32_t n_agents;
	_Atomic uint32_t bell;   /**< rung when something that one of them waits for may have come */
	_Atomic uint64_t asleep; /**< 0, or the bell at which it fell asleep without a deadline, plus 2^32 */
	pthread_t thread;
	bool started, joined;
};

/** @brief Workers for all agents, as many as the options or the plan want. */
int weir_workers_open(struct weir_pipeline *pipeline) WEIR_MUST_CHECK;
void weir_workers_close(struct weir_pipeline *pipeline);
int weir_worker_start(struct weir_worker *worker) WEIR_MUST_CHECK;
/** @brief Wait for its thread until a CLOCK_REALTIME deadline. 0 or -ETIMEDOUT. */
int weir_worker_join(struct weir_worker *worker, const struct timespec *deadline);

/* worker_sleep.c */
/** @brief Wait until one of its agents can go on. */
void weir_worker_sleep(struct weir_worker *worker);
/** @brief On the agent's own stack: wait for what it says it waits for. */
void weir_worker_wait(struct weir_agent *agent);
/** @brief Do all workers sleep, with nobody left to wake them but a source? */
bool weir_workers_rest(const struct weir_pipeline *pipeline);

/* node_facts.c */
/** @brief Are all records that come to it answered for, to sources that acknowledge them? */
bool weir_node_is_answered(const struct weir_node *node);
/** @brief Is it a stage that lives by ticks? */
bool weir_node_ticks(const struct weir_node *node);
/** @brief Does any stage of the chain? */
bool weir_chain_ticks(const struct weir_node *first);
/** @brief The last stage of a chain, where records leave the agent. */
struct weir_node *weir_chain_last(struct weir_node *first);

/* chain.c: the stages of one agent, called one through the other; on its thread */
/** @brief Hand a block to one stage, whatever its role. 0, WEIR_ENOUGH or -errno. */
int weir_node_push(struct weir_node *node, const struct weir_block *block);
/** @brief Hand a block to a chain, and let time pass by its records. `*time_ns` is that of the newest record so far, INT64_MIN
 *  at first; `told_ns` is to what time the chain has been advanced. Result as of weir_node_push(). */
int weir_chain_push(struct weir_node *first, const struct weir_block *block, int64_t *time_ns, int64_t told_ns);
/** @brief Nothing before `t_ns` will come: the ticks before it are due, from the top down. Result as of weir_node_push(). */
int weir_chain_advance(struct weir_node *first, int64_t t_ns);
/** @brief The time of the chain's input at which its first tick will be due; INT64_MAX: none is. */
int64_t weir_chain_due(const struct weir_node *first);
/** @brief How old what the chain emits can still be, when nothing before `t_ns` comes to it. */
int64_t weir_chain_horizon(const struct weir_node *first, int64_t t_ns);
/** @brief Every stage gives what its output begins with, from the top down. Result as of weir_node_push(). */
int weir_chain_begin(struct weir_node *first);
/** @brief End of stream, or enough: time passes up to `*end_ns`, and every stage gives what it still holds, from the top down.
 *  `*end_ns` becomes the end of what was emitted, in the same sense. The first failure, or 0. */
int weir_chain_flush(struct weir_node *first, int64_t *end_ns);
/** @brief How far a sink or an output has come. Any thread. */
struct weir_progress weir_node_progress(const struct weir_node *node);
/** @brief settle() of a combiner, where it has one. */
int weir_node_settle(struct weir_node *node);
/** @brief flush() of one stage, where it has one. */
int weir_node_flush(struct weir_node *node);

/* actuate.c */
int weir_actuate_start(struct weir_node *node) WEIR_MUST_CHECK;
int weir_actuate(struct weir_node *node, const struct weir_block *block);
void weir_actuate_park(struct weir_node *node);

/* actuate_guard.c: outputs that the guard holds. weir_held_… on the thread that drives the output, the rest on the loop's. */
struct weir_guard_request;
/** @brief What the guard must know to take a node's output. `*file` becomes the caller's; -1: none. NULL: touch nothing. */
int weir_held_describe(struct weir_node *node, struct weir_guard_request *request, int *file);
/** @brief Do the arguments for the guard make sense together? 0, or -EINVAL after weir_fail_arg(). */
int weir_held_check(struct weir_node *node);
/** @brief Have the guard take a node's output, starting a guard if there is none. node->held is set on success. */
int weir_held_start(struct weir_node *node) WEIR_MUST_CHECK;
/** @brief Ask for values. While the guard has the lease parked they are only remembered. 0 or -errno. */
int weir_held_ask(struct weir_node *node, const double *value, uint32_t n, int64_t t);
void weir_held_park(struct weir_node *node);
/** What the guard has done with an output that a node has. */
struct weir_held_look {
	uint64_t done, refused, parks;
	bool is_live; /**< false: parked, or the guard is gone */
};
/** @brief Any thread that holds weir_run_look(). */
void weir_held_look(const struct weir_node *node, struct weir_held_look *out);
/** @brief What the guard was asked, and what of it it has decided. Any thread. */
struct weir_progress weir_held_progress(const struct weir_node *node);
/** @brief Beat from now on, and listen to the guard. Nothing to do where no output is held. */
int weir_guarding_begin(struct weir_pipeline *pipeline) WEIR_MUST_CHECK;
/** @brief All outputs are parked when this returns, and their counters are in the nodes. */
void weir_guarding_end(struct weir_pipeline *pipeline);
/** @brief Forget the guard. Not while an agent may still ask. */
void weir_guarding_close(struct weir_pipeline *pipeline);
/** @brief The next program has taken its outputs: the guard releases those of `left` that it has not. Takes `left`, which may be NULL. */
void weir_guarding_release(struct weir_guarding *left);
/** @brief There will be no next program: the guard goes on holding all of them. Takes `left`, which may be NULL. */
void weir_guarding_free(struct weir_guarding *left);

/* next_session.c: a source whose clock begins again, as a recording of several runs. On the thread that runs the loop, between two of them */
/** @brief A run has ended in good order: is it to be followed by another session? Then all is as it was before the first. */
bool weir_session_next(struct weir_pipeline *pipeline);
/** @brief Stages, and sinks that want to know, begin another session. 0 or -errno after a report. */
int weir_session_begin(struct weir_pipeline *pipeline) WEIR_MUST_CHECK;
/** @brief It could not begin: sinks whose agents did not run any more are ended, so that what they still have is sent or counted. */
void weir_session_failed(struct weir_pipeline *pipeline);
/** @brief Streams whose agents have ended for good are at their end. */
void weir_session_finish_rings(struct weir_pipeline *pipeline);

/* runtime.c */
int weir_runtime_open(struct weir_pipeline *pipeline) WEIR_MUST_CHECK;
void weir_runtime_close(struct weir_runtime *run);

/* runtime.c: for threads that look at a run and have no part in it */
/** @brief Keep rings, agents and outputs in place. @return whether they are there; then weir_run_look_end() must follow, soon: the end of
 *  the run waits for it, no record does. */
bool weir_run_look(struct weir_pipeline *pipeline);
void weir_run_look_end(struct weir_pipeline *pipeline);
/** @brief From now on they are there, or they will be no more: waits for threads that look. Loop's thread. */
void weir_run_set_up(struct weir_pipeline *pipeline, bool is_up);

/* control.c */
/** @brief Tell the loop's thread to look at what has changed. Any thread, async-signal-safe. */
void weir_run_wake(struct weir_pipeline *pipeline);
/** @brief Feeds must end, though nobody has asked the run to stop. weir_halt_fd() says so, but at the end of a session that another one
 *  follows. Any thread. */
void weir_run_halt(struct weir_pipeline *pipeline);
/** @brief Is this session to be followed by another one, as far as is known now? Any thread. */
bool weir_run_goes_on(const struct weir_pipeline *pipeline);
/** @brief A feed's ring is finished. Loop's thread. */
void weir_run_feed_over(struct weir_pipeline *pipeline);
/** @brief An agent is through. Its thread. */
void weir_run_agent_over(struct weir_pipeline *pipeline, int error);
/** @brief Take note of signals that have come. The loop's thread. */
void weir_run_glance(struct weir_pipeline *pipeline);

#endif
