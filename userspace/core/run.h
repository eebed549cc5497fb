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
	bool abandoned; /**< a thread did not end: its memory must stay */
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

/* agent.c */
int weir_agent_open(struct weir_agent *agent) WEIR_MUST_CHECK;
int weir_agent_start(struct weir_agent *agent) WEIR_MUST_CHECK;
/** @brief Wait for its thread until a CLOCK_REALTIME deadline. 0 or -ETIMEDOUT. */
int weir_agent_join(struct weir_agent *agent, const struct timespec *deadline);
void weir_agent_close(struct weir_agent *agent);

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
/** @brief End of stream, or enough: every stage gives what it still holds, from the top down. The first failure, or 0. */
int weir_chain_flush(struct weir_node *first, int64_t time_ns);
/** @brief The last stage of a chain, where records leave the agent. */
struct weir_node *weir_chain_last(struct weir_node *first);
/** @brief Does any stage of it live by ticks? */
bool weir_chain_ticks(const struct weir_node *first);
/** @brief flush() of one stage, where it has one. */
int weir_node_flush(struct weir_node *node);

/* actuate.c */
int weir_actuate_start(struct weir_node *node) WEIR_MUST_CHECK;
int weir_actuate(struct weir_node *node, const struct weir_block *block);
void weir_actuate_park(struct weir_node *node);

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
