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
	bool started;              /**< the device captures */
	bool told;                 /**< its failure has been reported */
	bool over;                 /**< loop thread: its ring is finished */
	pthread_t thread;          /**< pulled */
	bool threaded;
	_Atomic bool wants_end; /**< it has given all that it should */
	_Atomic bool waits;     /**< pulled: for space in its ring */
};

struct weir_runtime {
	struct weir_loop *loop;
	struct weir_feed *feed;
	uint32_t n_feeds;
	struct weir_worker *worker;
	uint32_t n_workers;
	int wake_fd; /**< eventfd: something below changed, look at it on the loop's thread */
	int halt_fd; /**< eventfd that stays readable once feeds must stop: pulled threads poll it */
	int signal_fd, uevent_fd;
	_Atomic bool stopping, aborting;
	_Atomic uint32_t feeds_live, agents_live;
	unsigned interrupts;
	bool wants_reload; /**< loop thread, then whoever ran it */
	bool has_deadline;
	bool abandoned;                 /**< a thread did not end: its memory must stay */
	struct weir_guarding *guarding; /**< the outputs that a guard holds; NULL: none. actuate_guard.c */
	int64_t started_ns, ended_ns;
};

/* stream.c */
int weir_stream_open(struct weir_stream *stream, uint32_t rows) WEIR_MUST_CHECK;
void weir_stream_close(struct weir_stream *stream);
/** @brief Before rows are committed, of which the first is of time `t_ns`: note what they do not say. Writer's thread. */
void weir_stream_note(struct weir_stream *stream, int64_t t_ns);
/** @brief Encode a block into the stream's ring; waits for space as the readers' policies have it. 0 or -EINTR. Agent thread. */
int weir_stream_write(struct weir_stream *stream, const struct weir_block *block);

/* source.c: all on the loop's thread but for the pulled thread itself */
int weir_feed_start(struct weir_feed *feed) WEIR_MUST_CHECK;
/** @brief Take what the device still holds, stop it, finish the ring. Idempotent. */
void weir_feed_end(struct weir_feed *feed);
/** @brief A device may have gone: look. */
void weir_feed_check(struct weir_feed *feed);
void weir_feed_join(struct weir_feed *feed);
/** @brief It has given all that it should. Any thread. */
void weir_feed_want_end(struct weir_feed *feed);
/** @brief Rows that --limit still allows. On the thread that feeds, as the next two. */
uint64_t weir_feed_allowance(const struct weir_feed *feed);
/** @brief Rows have come, and go on. */
void weir_feed_count(struct weir_feed *feed, uint32_t n);
/** @brief Sleep until the driver's time or data, or until the run wants to end. */
void weir_feed_wait(const struct weir_feed *feed, const struct weir_wait *wait);
/** @brief Records that its device has brought so far, those that the kernel filtered out too. Loop's thread. */
uint64_t weir_feed_seen(struct weir_feed *feed);

/* lent.c: rows that are read where the source has them */
/** @brief What produce() does, for a source that lends. On its thread. */
int weir_lent_copy(struct weir_feed *feed, void *rows, uint32_t max, struct weir_wait *wait);
/** @brief Decode up to `max` rows, if there are any. On the agent's thread, as the next. */
void weir_lent_fill(struct weir_port *port, uint32_t max);
/** @brief Sleep until there may be more, until the run wants to end, or until a time of CLOCK_MONOTONIC. */
void weir_lent_wait(const struct weir_port *port, int64_t deadline_ns);

/* agent.c: on the thread that runs it, but for open, close and free */
int weir_agent_open(struct weir_agent *agent) WEIR_MUST_CHECK;
void weir_agent_close(struct weir_agent *agent);
void weir_agent_free(struct weir_agent *agent);
/** @brief From the first record to the end of what it writes. */
void weir_agent_run(struct weir_agent *agent);
/** @brief A prompt agent: do what there is to do, up to a bound and without waiting; deadline_ns says when it wants to be served at the
 *  latest. */
void weir_agent_serve(struct weir_agent *agent);
/** @brief Nothing more comes, or `err` has happened: end what it writes, and tell the run. */
void weir_agent_end(struct weir_agent *agent, int err);
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
/** @brief Have the rows before this position of its ring gone down every chain that reads it? Any thread while it runs. */
bool weir_stream_is_done(const struct weir_stream *stream, uint64_t position);
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

/* prompt.c: agents that the loop runs itself; on its thread but for the first */
/** @brief Is that what is best for this agent? For the plan. */
bool weir_agent_suits_loop(const struct weir_agent *agent);
/** @brief Have the loop run them. */
void weir_prompt_begin(struct weir_pipeline *pipeline);
/** @brief Take note of signals, where the loop is not coming back to do it. The loop's thread. */
void weir_run_glance(struct weir_pipeline *pipeline);
/** @brief The loop has ended: end those that have not. */
void weir_prompt_end(struct weir_pipeline *pipeline);

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
/** @brief On the agent's own stack: wait for what it says it waits for. */
void weir_worker_wait(struct weir_agent *agent);
/** @brief Do all workers sleep, with nobody left to wake them but a source? */
bool weir_workers_rest(const struct weir_pipeline *pipeline);

/* chain.c: the stages of one agent, called one through the other; on its thread */
/** @brief Hand a block to one stage, whatever its role. 0, WEIR_ENOUGH or -errno. */
int weir_node_push(struct weir_node *node, const struct weir_block *block);
/** @brief Hand a block to a chain, and let time pass by its records. `*time_ns` is that of the newest record so far, INT64_MIN
 *  at first. Result as of weir_node_push(). */
int weir_chain_push(struct weir_node *first, const struct weir_block *block, int64_t *time_ns);
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
/** @brief The last stage of a chain, where records leave the agent. */
struct weir_node *weir_chain_last(struct weir_node *first);
/** @brief Does any stage of it live by ticks? */
bool weir_chain_ticks(const struct weir_node *first);
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
/** @brief What the guard must know to take a node's output. `*file` becomes the caller's; -1: none. */
int weir_held_describe(struct weir_node *node, struct weir_guard_request *request, int *file);
/** @brief Do the arguments for the guard make sense together? 0, or -EINVAL after weir_fail_arg(). */
int weir_held_check(struct weir_node *node);
/** @brief Have the guard take a node's output, starting a guard if there is none. node->held is set on success. */
int weir_held_start(struct weir_node *node) WEIR_MUST_CHECK;
/** @brief Ask for values. While the guard has the lease parked they are only remembered. 0 or -errno. */
int weir_held_ask(struct weir_node *node, const double *value, uint32_t n, int64_t t);
void weir_held_park(struct weir_node *node);
/** @brief Beat from now on, and listen to the guard. Nothing to do where no output is held. */
int weir_guarding_begin(struct weir_pipeline *pipeline) WEIR_MUST_CHECK;
/** @brief All outputs are parked when this returns, and their counters are in the nodes. */
void weir_guarding_end(struct weir_pipeline *pipeline);
/** @brief Forget the guard. Not while an agent may still ask. */
void weir_guarding_close(struct weir_pipeline *pipeline);

/* run.c */
int weir_runtime_open(struct weir_pipeline *pipeline) WEIR_MUST_CHECK;
void weir_runtime_close(struct weir_runtime *run);
/** @brief Tell the loop's thread to look at what has changed. Any thread, async-signal-safe. */
void weir_run_wake(struct weir_pipeline *pipeline);
/** @brief A feed's ring is finished. Loop's thread. */
void weir_run_feed_over(struct weir_pipeline *pipeline);
/** @brief An agent is through. Its thread. */
void weir_run_agent_over(struct weir_pipeline *pipeline, int error);

#endif
