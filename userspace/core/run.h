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
	bool started;     /**< the device captures */
	bool told;        /**< its failure has been reported */
	bool over;        /**< loop thread: its ring is finished */
	pthread_t thread; /**< pulled */
	bool threaded;
	_Atomic bool wants_end; /**< it has given all that it should */
};

struct weir_runtime {
	struct weir_loop *loop;
	struct weir_feed *feed;
	uint32_t n_feeds;
	int wake_fd; /**< eventfd: something below changed, look at it on the loop's thread */
	int halt_fd; /**< eventfd that stays readable once feeds must stop: pulled threads poll it */
	int signal_fd, uevent_fd;
	_Atomic bool stopping, aborting;
	_Atomic uint32_t feeds_live, agents_live;
	unsigned interrupts;
	bool has_deadline;
	bool abandoned;                 /**< a thread did not end: its memory must stay */
	struct weir_guarding *guarding; /**< the outputs that a guard holds; NULL: none. actuate_guard.c */
	int64_t started_ns, ended_ns;
};

/* stream.c */
int weir_stream_open(struct weir_stream *stream, uint32_t rows) WEIR_MUST_CHECK;
void weir_stream_close(struct weir_stream *stream);
/** @brief Encode a block into the stream's ring; waits for space as the readers' policies have it. 0 or -EINTR. Agent thread. */
int weir_stream_write(struct weir_stream *stream, const struct weir_block *block);

/* source.c: all on the loop's thread but for the pulled thread itself */
int weir_feed_start(struct weir_feed *feed) WEIR_MUST_CHECK;
/** @brief Take what the device still holds, stop it, finish the ring. Idempotent. */
void weir_feed_end(struct weir_feed *feed);
/** @brief A device may have gone: look. */
void weir_feed_check(struct weir_feed *feed);
void weir_feed_join(struct weir_feed *feed);
/** @brief Records that its device has brought so far, those that the kernel filtered out too. Loop's thread. */
uint64_t weir_feed_seen(struct weir_feed *feed);

/* agent.c */
int weir_agent_open(struct weir_agent *agent) WEIR_MUST_CHECK;
int weir_agent_start(struct weir_agent *agent) WEIR_MUST_CHECK;
/** @brief Wait for its thread until a CLOCK_REALTIME deadline. 0 or -ETIMEDOUT. */
int weir_agent_join(struct weir_agent *agent, const struct timespec *deadline);
void weir_agent_close(struct weir_agent *agent);
/** @brief Hand a block to one stage, whatever its role. 0, WEIR_ENOUGH or -errno. */
int weir_node_push(struct weir_node *node, const struct weir_block *block);

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
