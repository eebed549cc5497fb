/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file internal.h
 * @brief What the core shares with itself, with lang/ and with nobody else: nodes, and the pipeline that they form.
 *
 * lang/ builds a pipeline (add nodes, plan), core/ runs it. Drivers never see this file.
 */
#ifndef WEIR_CORE_INTERNAL_H
#define WEIR_CORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/report.h"
#include "filter/filter.h"
#include "loop/loop.h"
#include "stream/clock.h"
#include "stream/ring.h"
#include "weir/driver.h"
#include "weir/output_rules.h"
#include "weir/weir.h"

#define WEIR_INPUTS_MAX 32 /**< of one combiner */

struct weir_worker;
struct weir_fiber;
struct weir_sorter;
struct weir_notes;
struct weir_module;

enum weir_role { WEIR_SOURCE, WEIR_OPERATOR, WEIR_SINK, WEIR_ACTUATOR };

/** The value of one argument, at the index of its parameter in the driver's table. */
struct weir_arg {
	bool given; /**< false: the fallback's value, or zero */
	bool is_time, is_weeks;
	struct weir_span where;
	int64_t integer;
	double real;
	char *text;                    /**< owned */
	struct weir_expr *expr;        /**< owned */
	struct weir_binding *bindings; /**< owned, with names and expressions */
	uint32_t n_bindings;
};

/** What the core does with expressions; expr/expr.h has the rest. */
struct weir_expr_ops {
	void (*close)(struct weir_expr *expr);
	/** Has it been asked for the hour of a time that is no date? On the thread that evaluates it. */
	bool (*met_undated)(const struct weir_expr *expr);
	/** Has it a regular expression, which may take long? */
	bool (*can_fail)(const struct weir_expr *expr);
	/** The records that were invalid for it, or whose text was cut, since the last time. On that thread too. */
	void (*take_faults)(const struct weir_expr *expr, uint64_t *invalid, uint64_t *cut);
};

/** All arguments of one use of a driver. */
struct weir_args {
	const struct weir_param *params;
	uint32_t n_params;
	struct weir_arg *arg;             /**< n_params of them */
	const struct weir_expr_ops *expr; /**< of the expressions in them; NULL: there are none */
	char *target;                     /**< never NULL */
	char **columns;
	uint32_t n_columns;
	bool columns_read;             /**< the driver has asked for them: one that does not takes none */
	uint32_t branch, n_branches;   /**< of a stage that splits */
	struct weir_span where;        /**< the whole head or stage */
	struct weir_span target_where; /**< what follows the colon */
	enum weir_policy policy;       /**< `policy=`, understood for every stage that reads a ring */
	bool policy_given;
};

/** @brief Fallbacks are not filled in: check.c does, through the code that reads written values. NULL: no memory. */
struct weir_args *weir_args_new(const struct weir_param *params);
void weir_args_free(struct weir_args *args);
/** @brief Put the values into the members of the driver's state, zeroed before, that the rows of its table name. They live as long as
 *  `args`. */
void weir_args_place(const struct weir_args *args, void *state);

/** Of one expression among arguments; true: look no further. */
typedef bool weir_visit_expr(const struct weir_args *args, const struct weir_expr *expr, void *context);

/** @brief Visit all expressions among arguments. @return whether a visit was the last. */
bool weir_args_visit_exprs(const struct weir_args *args, weir_visit_expr *visit, void *context);

/** One use of a driver in a pipeline. */
struct weir_node {
	const struct weir_driver *driver;
	enum weir_role role;
	struct weir_args *args; /**< owned */
	struct weir_pipeline *pipeline;
	void *state;
	char *name;             /**< of the stream that it makes, where the program names it; owned */
	struct weir_node *up;   /**< NULL for a source; the first input of a combiner */
	struct weir_node **ups; /**< combiners: all inputs, n_ups of them; owned */
	uint32_t n_ups;
	uint32_t input;             /**< combiners, on the agent's thread: which one is being pushed */
	struct weir_node **readers; /**< that read this one, in their order; owned */
	uint32_t n_readers;
	bool opened;
	bool warned_undated;  /**< see weir_node_warn_undated() */
	bool has_expressions; /**< of its arguments; set when its agent is opened */
	/** A source whose scales may change while it runs. */
	bool may_rescale;
	bool closes_circle;             /**< its input comes later in the program, and is made of its output */
	uint32_t begins_with;           /**< records that it emits before the first that it is given */
	bool is_live;                   /**< set by the plan: a device that will not wait feeds it */
	int64_t lateness_ns;            /**< set by the plan: how long what feeds it may be under way */
	bool absorbed;                  /**< absorbed: a filter in the kernel does this stage's work; it is not run */
	char (*up_name)[WEIR_NAME_MAX]; /**< combiners: what the program calls its inputs; owned */
	struct weir_node *down;         /**< set by the plan: the next stage in the same agent */
	struct weir_stream *stream;     /**< set by the plan: the ring that its output goes to, if any */
	/* Time, on the thread that runs the node. */
	int64_t tick_ns;        /**< when to call tick(); INT64_MAX: never */
	bool never_ticks;       /**< whatever its table says */
	bool is_prompt;         /**< the loop's thread runs it; set at start */
	uint32_t n_ticks;       /**< that it had */
	bool feeds_numbers;     /**< a combiner by number reads what is made of it */
	bool one_for_one;       /**< a record that is missing before it is missing behind it */
	bool keeps;             /**< it needs records until their last results are out; see weir_keeps() */
	uint64_t keeps_records; /**< at most; 0: those of keeps_ns */
	int64_t keeps_ns;
	bool feeds_answers;  /**< set by the plan: a source's answers wait for what it keeps */
	bool awaits_windows; /**< sources: answers wait for such stages */
	struct weir_credit credit;
	bool sorts; /**< its input, by up to sorts_ns */
	int64_t sorts_ns;
	int64_t lag_ns;     /**< how much older than its input its output can be; INT64_MAX: no bound */
	int64_t time_ns;    /**< to which its input had come, when it is flushed; INT64_MIN: not known */
	uint32_t took;      /**< records of the block that is being pushed */
	int64_t emitted_ns; /**< time of the newest record that it emitted; INT64_MIN: none */
	bool has_enough;    /**< it, or a stage below it, wants no more */
	bool is_attached;   /**< sinks: the thread of its chain serves it; set by the plan */
	bool feeds_output;  /**< an actuator or a circle waits for what is made of it; set by the plan */
	double paced_hz;    /**< sources that wait for time alone: rows per second, at most; 0: it is none */
	/** Slow sources: how long it or its chain had kept a shared thread when it got its own. 0: it has none. */
	_Atomic int64_t held_ns;
	bool is_slow;             /**< each record may keep it busy for long: it is given one at a time */
	struct weir_agent *agent; /**< that runs it; set at start */
	/* Counters. Written by the thread that runs the node, read by anyone. */
	_Atomic uint64_t records_in, records_out, actuations;
	_Atomic uint64_t refused, parked; /**< actuators: by the guard's rules; by the guard in the middle of the run */
	_Atomic uint64_t answered;        /**< sinks without progress() of their own: records that have gone out */
	_Atomic uint64_t lost[WEIR_LOST_CAUSES];
	_Atomic uint64_t holes;   /**< in the records' times, longer than `gap=` */
	_Atomic uint64_t evicted; /**< keys whose state went because there were too many */
	/* Actuators: what the output was last told. Written by the agent's thread, read by any. */
	_Atomic double applied;
	bool started, acted;
	struct weir_held
		*held; /**< actuators: the guard has the output; NULL: its driver has. Set by actuate_guard.c */
	/** What it emits. A sink or an actuator has memory for no fields. */
	struct weir_schema out;
};

/** Stages that one early filter stands for. */
#define WEIR_PUSHED_MAX 16

/** A schema plus a ring: what a name in the language denotes. */
struct weir_stream {
	struct weir_node *from;
	struct weir_ring *ring;
	struct weir_agent *writer;       /**< set by the plan; NULL: a source */
	uint32_t least_rows;             /**< that its ring must hold */
	const struct weir_agent *reader; /**< set by the plan: one of those that read it, which have n_ports in all */
	uint32_t n_ports;
	bool is_timed;            /**< somebody below wants to know of time that passes without records */
	bool is_lent;             /**< its one reader takes rows where the source has them: there is no ring */
	bool is_pooled;           /**< of a slow source: a thread of several runs it, and its reader where it is lent */
	struct weir_notes *notes; /**< what no row says; only while it runs */
	/** Of a source whose scales may change; only while it runs. */
	struct weir_rescale *rescale;
	uint32_t n_initial;        /**< rows that say how things stood at the start, in its ring before all others */
	_Atomic int64_t wanted_ns; /**< behind a filter: no reader needs to hear of time up to here. See filtered.c */
	/* The writer's own. */
	int64_t told_ns;         /**< what time those below were told, at least, by the end of the last block */
	int64_t shown_ns;        /**< to what time its rows and notes have come, as far as the writer has looked */
	uint64_t missing, noted; /**< rows, since the beginning; as the last note says */
	uint64_t lent;           /**< without a ring: rows that its reader has taken, since the beginning */
	/* The early filter, for the stream of a source. Set by the plan. */
	bool wants_filter;
	struct weir_custom *custom;       /**< a user's own filter, before all stages; NULL: none */
	struct weir_predicate *predicate; /**< owned, as the next two are; NULL where no filter is wanted */
	struct bpf_insn *code;            /**< WEIR_FILTER_CODE_MAX of them */
	uint16_t *origin;                 /**< of the code: nodes of the predicate */
	uint32_t n_code;
	struct weir_node *pushed[WEIR_PUSHED_MAX]; /**< the stages that it is made of */
	uint32_t n_pushed;
	char why_not[256];     /**< why there is no filter, or no better tier */
	char why_inexact[256]; /**< why the last of these stages still has to decide; empty: it need not */
	char why_no_more
		[256]; /**< why the stage behind them, one that could have been pushed down, is not; empty: there is none */
	struct weir_filter *filter;
	/** Of the rows in the ring. There is memory for the fields that it has, and for no more. */
	struct weir_schema schema;
};

/** Where an agent reads one stream. */
struct weir_port {
	struct weir_stream *from;
	enum weir_policy policy;
	bool knows_start; /**< its chain ran before a reload: it is not told again how things stand at the start */
	/* Only while it runs. */
	bool has_passed_over;       /**< rows of which it is not told */
	struct weir_reader *reader; /**< NULL where rows are lent */
	struct weir_feed *feed;     /**< and then its source's */
	struct weir_wait wait;      /**< for what, when it had none to lend */
	bool is_idle;               /**< nothing has come since then */
	uint64_t base;              /**< position of the reader when it was opened */
	struct weir_block *block;   /**< what has been taken from the ring */
	/** Of the rows, with the scales of now, and as much of the stream's changes as it has; NULL: they do not change. */
	struct weir_schema *scaled;
	uint32_t rescaled;
	struct weir_sorter *sorter;  /**< puts it in order; NULL: it stays as it is */
	bool is_dry;                 /**< the ring is at its end */
	uint64_t next_note, missing; /**< rows that are missing before `row`; it counts them */
	bool heeds_missing;          /**< else rows that are missing count for nothing */
	uint64_t expected;           /**< `row` of the next record that is taken, if none is lost */
	uint64_t lost;      /**< records that are missing before the next one, and of which those below do not know */
	int64_t reached_ns; /**< where the ring's writer says that the stream has come to */
	uint32_t at;        /**< the next record of it */
	uint64_t left_at;   /**< position in the ring, and records taken from there, that the agent left behind */
	uint32_t left_n;
	_Atomic uint64_t done; /**< position in the ring: what lies before it has gone down the chain. Read by anyone */
	_Atomic uint64_t released; /**< the same, and no stage needs it any more: see weir_keeps() */
	uint64_t row;              /**< the number of that record in its stream */
	int64_t time_ns;           /**< nothing older will come, but for what is late; INT64_MIN at first */
	int64_t promised_ns; /**< the same, said by the clock where nothing had arrived: what is older is left out */
	bool ended;          /**< everything was taken */
	bool told;           /**< the combiner knows that it has ended */
	bool goes_on;        /**< by number: it has more records than the shortest */
};

/** What runs a chain of stages on what its ports bring. Set by the plan. */
struct weir_agent {
	struct weir_port *port; /**< owned; one, or those of a combiner */
	uint32_t n_ports;
	struct weir_node *first; /**< the chain: first, first->down, … */
	struct weir_pipeline *pipeline;
	int64_t lateness_ns;        /**< how long a live stream's time waits for records under way */
	bool is_timed;              /**< time without records matters to it, or to somebody below */
	bool numbers;               /**< its stages are such that what is missing above is missing below */
	bool is_fresh;              /**< its sink has written or answered something: the source may acknowledge more */
	bool flushes;               /**< it ends in a sink that writes when it is idle; set when it is opened */
	struct weir_wait sink_wait; /**< of an attached sink */
	bool takes_one;             /**< its records are acknowledged one by one */
	struct weir_node *keeper;   /**< of its stages, the one that a source's answers wait for; NULL: none */
	_Atomic bool is_out;        /**< it has ended in an earlier session, before its source did */
	bool is_prompt;             /**< the loop runs it itself, between reading its source and sleeping; prompt.c */
	bool is_pooled;             /**< a thread of slow sources runs it, after its source; pool.c */
	/* Only while it runs. */
	struct weir_worker *worker;    /**< NULL: it is prompt or pooled */
	struct weir_fiber *fiber;      /**< NULL where it has its thread to itself */
	struct weir_ring *wants_space; /**< what it waits for; NULL: news of a port */
	int64_t deadline_ns;           /**< or this time of CLOCK_MONOTONIC */
	bool is_pausing;               /**< or nothing at all */
	bool has_begun;                /**< prompt or pooled: its stages have */
	uint32_t turns;
	uint64_t place; /**< position of the record that is being pushed; with a keeper */
	bool is_needed; /**< the keeper needs records from `needed` on */
	uint64_t needed;
	uint64_t row;           /**< by number: of the next that it makes, if none is lost */
	int64_t time_ns;        /**< of the newest record so far; INT64_MIN: none */
	bool has_failed;        /**< it ended before it had worked off what there was; before `ended` */
	bool has_counted_block; /**< the block in which it failed is counted */
	_Atomic bool ended;
	_Atomic bool
		has_undone; /**< it has dropped records, or failed: what it was given from then on is not worked off */
	_Atomic bool waiting;      /**< for something to come, or its turn */
	_Atomic uint32_t progress; /**< goes up with each turn */
};

struct weir_pipeline {
	struct weir_options options;
	struct weir_report *report; /**< owned */
	char **environment; /**< owned: WEIR_PARAM_NAME=VALUE of each parameter, NULL-terminated; NULL: there is none */
	struct weir_node **node; /**< owned, in the order of the program: upstream before downstream */
	uint32_t n_nodes;
	struct weir_stream **stream; /**< owned */
	uint32_t n_streams;
	struct weir_agent **agent; /**< owned */
	uint32_t n_agents;
	bool reads_input;             /**< a source reads standard input */
	bool has_printed_header;      /**< of CSV, on standard output */
	unsigned printed;             /**< layouts of the sinks that write there: a set of 1 << enum weir_layout */
	uint64_t first_row;           /**< of each ring; 0 but in tests, of streams that have run for years */
	struct weir_runtime *runtime; /**< what exists only while it runs */
};

/* Build: one thread. */
int weir_pipeline_new(struct weir_pipeline **out, const struct weir_options *options, const char *name,
		      const char *text);
/**
 * @brief Append a node and open its driver on the schema of `up`. Takes `args`, also on failure.
 * @return 0 and *out (usable as `up`); -errno after a report when the driver refused: *out is then NULL.
 */
int weir_pipeline_add(struct weir_pipeline *pipeline, const struct weir_driver *driver, enum weir_role role,
		      struct weir_args *args, struct weir_node *up, struct weir_node **out);
/** @brief The same for a combiner of several streams, whose names are `names`. */
int weir_pipeline_combine(struct weir_pipeline *pipeline, const struct weir_driver *driver, struct weir_args *args,
			  struct weir_node *const *ups, const char *const *names, uint32_t n, struct weir_node **out);
/** @brief The same for a stage that closes a circle of that clock: its input is not known yet. */
int weir_pipeline_add_circle(struct weir_pipeline *pipeline, const struct weir_driver *driver, struct weir_args *args,
			     enum weir_clock clock, struct weir_node **out);
/** @brief Its input is known now. -errno after a report. */
int weir_pipeline_close_circle(struct weir_node *node, struct weir_node *up);
/** @brief A node reads another: remember it, and report the first that is one too many. 0 or -ENOMEM. */
int weir_node_add_reader(struct weir_node *up, struct weir_node *reader) WEIR_MUST_CHECK;
/** @brief An array with room for one more than its `n` elements: doubled at powers of two, so there is no capacity to keep. NULL: no
 *  memory. */
void *weir_append(void *array, uint32_t n, size_t element);
/** @brief Give a node's output a stream. */
int weir_pipeline_stream(struct weir_pipeline *pipeline, struct weir_node *from) WEIR_MUST_CHECK;
/** @brief The capacity that its rings are asked to have, in rows. */
uint32_t weir_pipeline_ring_rows(const struct weir_pipeline *pipeline);
/** @brief Can streams of it come to wait for each other? */
bool weir_pipeline_can_jam(const struct weir_pipeline *pipeline);
/** @brief Group nodes into agents and streams. pushdown/plan.c, which also derives the early filters, calls it. */
int weir_pipeline_group(struct weir_pipeline *pipeline);

/* node.c */
/** What a node reads. */
struct weir_inputs {
	struct weir_node *const *up;
	const char *const *name; /**< combiners */
	uint32_t n;              /**< 0 for a source, and for a stage that closes a circle */
	enum weir_clock clock;   /**< of that circle */
};
/** @brief Open a driver on its inputs. Takes `args`, also on failure. close() of a driver runs even when its open() failed. */
int weir_node_open(struct weir_node **out, struct weir_pipeline *pipeline, const struct weir_driver *driver,
		   enum weir_role role, struct weir_args *args, const struct weir_inputs *in) WEIR_MUST_CHECK;
void weir_node_close(struct weir_node *node);
/** @brief The arguments of a physical output; meaningless for an actuator without describe(). */
static inline const struct weir_output_args *weir_output_args(const struct weir_node *node)
{
	return (const struct weir_output_args *)((const char *)node->state + node->driver->actuator->output_args);
}
/** @brief Bytes of a driver's state in that role. */
size_t weir_state_bytes(const struct weir_driver *driver, enum weir_role role);
/** @brief A stage that runs: close its driver, and open it again on the same inputs as if it had seen nothing. Its counters go on. No-op
 *  for others. */
void weir_node_shut(struct weir_node *node);
int weir_node_reopen(struct weir_node *node) WEIR_MUST_CHECK;

/** @brief Is this source asked for rows (produce), or does the loop read its descriptor? From open() on. node_facts.c */
bool weir_source_is_pulled(const struct weir_node *node);
/** @brief Ask a pulled source for rows, unless there is no room for any. As its produce(). feed.c */
int weir_source_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait);
/** @brief What a source says of how its records come about, or a sink of how they go; NULL: nothing, or an inline filter gets
 *  them instead. source.c */
const char *weir_node_how(const struct weir_node *node);

/** @brief Records lost so far, all nodes and causes. */
uint64_t weir_pipeline_lost(const struct weir_pipeline *pipeline);

FILE *weir_messages(const struct weir_pipeline *pipeline);
/** @brief Can the times of all streams that the node reads be compared? node_facts.c */
bool weir_node_is_of_one_clock(const struct weir_node *node);
/** @brief Warn, once, when an expression of the node has met a time that is no date. lang/undated.c */
void weir_node_warn_undated(struct weir_node *node);
/** @brief Is any argument an expression, so that these two have something to look at? */
bool weir_node_has_expressions(const struct weir_node *node);
/** @brief Count what was invalid for the expressions of a node, or cut in them. The thread that evaluates them. */
void weir_node_count_faults(struct weir_node *node);

/** A module that is a part of this program. */
struct weir_builtin {
	const char *name; /**< of the driver */
	const struct weir_module *module;
};

/* The registry: generated from the list of files. */
extern const struct weir_driver *const weir_drivers[];
extern const size_t weir_n_drivers;
extern const struct weir_builtin weir_builtins[]; /**< the last has no name */
/** @brief By name and role, or NULL. */
const struct weir_driver *weir_driver_find(const char *name, enum weir_role role);
/** @brief Is it the name of a stage, a sink or an actuator? */
bool weir_is_stage(const char *name);
const struct weir_param *weir_driver_params(const struct weir_driver *driver, enum weir_role role);
const char *weir_role_name(enum weir_role role);

#endif
