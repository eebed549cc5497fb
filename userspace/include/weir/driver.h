/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file driver.h
 * @brief What the author of a sensor, operator, bridge or actuator needs: the whole of it.
 *
 * A driver is one `.c` file that includes this header and at most one library of its own, and that ends in one const
 * `struct weir_driver`. The build finds the file by its directory and the table by its name:
 *
 *     sensors/NAME.c              const struct weir_driver weir_sensor_NAME
 *     actuators/NAME.c            const struct weir_driver weir_actuator_NAME
 *     userspace/operators/NAME.c  const struct weir_driver weir_operator_NAME
 *     userspace/bridges/NAME.c    const struct weir_driver weir_bridge_NAME
 *
 * NAME is unique among all files of the product. Hardware sources are in `sensors/`, other sources and all sinks in
 * `userspace/bridges/`. Two roles of one name may be two files, as csv_source.c and csv_sink.c are.
 *
 * A driver with a library has two files: the table is in NAME_table.c, a part of weir itself; the operations are in NAME.c, a
 * module that is opened when a program names the driver (weir/module.h). Members of the state that the table names are in a
 * header for both, which does without the library.
 *
 * One handle serves every role: a `struct weir_node` is one use of a driver in a pipeline. It holds the arguments that
 * the program gave, the driver's private state, and the counters.
 *
 * The core calls close() exactly once for every node, also when its open() failed half way: state starts zeroed, so close()
 * frees what is there.
 *
 * Return values are `0` or a count on success and `-errno` on failure. A call that fails has said why through one of
 * the weir_fail functions, so the user reads a sentence and not a number.
 */
#ifndef WEIR_DRIVER_H
#define WEIR_DRIVER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/block.h"
#include "weir/expressions.h"
#include "weir/params.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_node;

/* --------------------------------------------------------------- parameters */

/** How an argument is written in a program. */
enum weir_style {
	WEIR_KEY,        /**< `name=value` */
	WEIR_POSITIONAL, /**< by position, before any other */
	WEIR_KEYWORD,    /**< `name value`, as in `window 1s step 100ms` */
};

/** The kind of an argument's value. weir/params.h has a row for each, with the type of the member that holds it. */
enum weir_value {
	WEIR_V_INT,        /**< integer */
	WEIR_V_REAL,       /**< number */
	WEIR_V_DURATION,   /**< `10ms`; ns */
	WEIR_V_RATE,       /**< `200Hz`, or `max` (INFINITY) where `words` has it; Hz */
	WEIR_V_SIZE,       /**< `64KiB`; bytes */
	WEIR_V_SPAN,       /**< a count or a duration, as in `window 100` and `every 1s` */
	WEIR_V_BOOL,       /**< `yes|no|on|off|true|false`, or the bare name for true; 0 or 1 */
	WEIR_V_WORD,       /**< one of `words`; its index */
	WEIR_V_TEXT,       /**< a word or a string */
	WEIR_V_EXPR,       /**< an expression over the input's fields */
	WEIR_V_FIELDS,     /**< `a = EXPR, b, …` */
	WEIR_V_AGGREGATES, /**< `mean(EXPR) as name, …` with functions from `words` */
};

/** One parameter: a row of weir/params.h. Parsing, checking, `weir list` and the manual page all read this table and nothing else. */
struct weir_param {
	const char *name;
	enum weir_style style;
	enum weir_value value;
	bool required;
	bool must_be_bool;    /**< WEIR_V_EXPR: must be a condition */
	bool takes_text;      /**< WEIR_V_FIELDS: an expression may be a text */
	const char *instead;  /**< WEIR_POSITIONAL: the WEIR_KEYWORD that may be given in its place; NULL: none */
	const char *fallback; /**< the default as one would write it; NULL: none */
	double min, max;      /**< inclusive range in base units (s for durations, Hz, bytes); both 0: unbounded */
	/** NULL-terminated; WEIR_V_WORD, WEIR_V_AGGREGATES, `max` of WEIR_V_RATE, and `w` of a WEIR_V_SPAN that may be in weeks */
	const char *const *words;
	const char *const *pairs; /**< WEIR_V_AGGREGATES: words that take two expressions, NULL-terminated; or NULL */
	const char *const *texts; /**< WEIR_V_AGGREGATES: words whose first expression may be a text, likewise */
	const char *help;         /**< one line, no full stop */
	bool is_placed;           /**< the value goes to a member of the driver's state; else only the core reads it */
	uint32_t offset, bytes;   /**< of that member */
	double member_max;        /**< the greatest value that it holds; 0: it is not an integer */
};

/**
 * @brief Does the program give the argument whose value is in that member of the state, as in weir_given(node, &pid->min)?
 * From open() to close(), on any thread. A member that no row of the driver's table names is a bug and aborts.
 */
bool weir_given(const struct weir_node *node, const void *member);

/** @brief The name by which the program uses the driver, where several drivers share a module. Any thread. */
const char *weir_driver_name(const struct weir_node *node);

/* Accessors: valid from open() to close(), on any thread. A name that the driver's own table does not have is a bug and
 * aborts. An argument that was not given reads as its fallback, or as 0 / NULL where there is none. */
bool weir_arg_given(const struct weir_node *node, const char *name);
int64_t weir_arg_int(const struct weir_node *node, const char *name);
double weir_arg_real(const struct weir_node *node, const char *name);
bool weir_arg_is_time(const struct weir_node *node, const char *name);
const char *weir_arg_text(const struct weir_node *node, const char *name);
const struct weir_expr *weir_arg_expr(const struct weir_node *node, const char *name);
const struct weir_binding *weir_arg_bindings(const struct weir_node *node, const char *name, uint32_t *n);

/** @brief For which of the named streams this use of a stage that splits is, from 0; *n: how many there are. */
uint32_t weir_branch(const struct weir_node *node, uint32_t *n);

/** @brief What follows the colon: `accel_3d` in `iio:accel_3d[x,y]`. Empty when there is none. */
const char *weir_target(const struct weir_node *node);

/** @brief The words in the brackets after the target, in order; *n is 0 when there are no brackets. */
const char *const *weir_columns(const struct weir_node *node, uint32_t *n);

/* ------------------------------------------------------- what a driver tells */

/** Why a record did not arrive. Each is counted apart, per node. */
enum weir_loss {
	WEIR_LOST_DEVICE, /**< the device's or kernel's own FIFO overflowed: a gap in sequence numbers or in time */
	WEIR_LOST_RING,   /**< a reader was too slow for its ring */
	WEIR_LOST_FILTER, /**< the kernel filter's ring buffer was full */
	WEIR_LOST_POISON, /**< a record that a stage could not use, skipped under on_error=skip */
	WEIR_LOST_CUT,    /**< text longer than its cell was cut, or a malformed line was skipped */
	WEIR_LOST_LATE,   /**< it came after its time had been closed: see `lateness` */
	WEIR_LOST_UNSENT, /**< a broker did not take it, or a file: it was deleted, or its disk was full */
	WEIR_LOST_END,    /**< it was under way when its chain failed, or when the run ended before it was worked off */
	WEIR_LOST_CAUSES,
};

/** @brief Add to a loss counter. Any one thread per node; lock-free. */
void weir_lost(struct weir_node *node, enum weir_loss cause, uint64_t n);

/**
 * @brief From push() or flush(): `n` records are dropped because the run is about to end. From a source that answers for its records they come
 * again in the next run, and nothing that came after them is acknowledged; from others they are lost, and counted as `cause`.
 */
void weir_undone(struct weir_node *node, enum weir_loss cause, uint64_t n);

/** @brief From start() on: is this sink served by the thread of its chain? See serve(). */
bool weir_is_attached(const struct weir_node *node);

/** @brief From open(), of a stage or a sink: each record may keep it busy for long. Where the source answers for its records, it is
 *  given one at a time, so that each is acknowledged when it is done. */
void weir_is_slow(struct weir_node *node);

/**
 * @brief Refuse an argument of the program: the message points at it. Exit code 2. For open() only.
 * @param name a parameter, or NULL for the target.
 * @param hint what to write instead, or NULL.
 * @return -EINVAL.
 */
int weir_fail_arg(struct weir_node *node, const char *name, const char *hint, const char *format, ...)
	WEIR_PRINTF(4, 5);

/**
 * @brief Report that a device is missing, refused or lost. Exit code 3. Any thread.
 * @param device what the user calls it.
 * @param operation what was attempted: "open", "enable the buffer".
 * @param error positive errno.
 * @param advice what to do, one sentence, or NULL.
 * @return -error.
 */
int weir_fail_device(struct weir_node *node, const char *device, const char *operation, int error, const char *advice);

/** @brief Report any other failure at run time. Exit code 1. Any thread. @return -error. */
int weir_fail(struct weir_node *node, int error, const char *format, ...) WEIR_PRINTF(3, 4);

/** @brief Count a silence of more than `gap_ns` (WEIR_PARAM_GAP), and report the node's first; `effect`: "no beats there". Any thread. */
void weir_hole(struct weir_node *node, int64_t gap_ns, const char *effect);

/** @brief The same of a source that is gone, a program for one: the exit status is that of a missing device. */
int weir_fail_gone(struct weir_node *node, int error, const char *format, ...) WEIR_PRINTF(3, 4);

/** @brief Say something on standard error that does not stop the run. Not for the data path. */
void weir_warn(struct weir_node *node, const char *format, ...) WEIR_PRINTF(2, 3);

/** @brief The driver's private state: zeroed, `state_bytes` of its role, freed by the core after close(). */
void *weir_state(const struct weir_node *node);

/** @brief The input's schema (operators, sinks, actuators) or the output's (any node that has one). */
const struct weir_schema *weir_in(const struct weir_node *node);
const struct weir_schema *weir_out(const struct weir_node *node);

/** @brief Now, in ns of a clock (0: of a clock that does not go on by itself). */
int64_t weir_now(enum weir_clock clock);

/** @brief Is this only `weir check` or `weir explain`? Then open() may look at devices, but nothing will be started. */
bool weir_is_check(const struct weir_node *node);

/** @brief Is this a dry run? Then an actuator is opened and asked for its park value, but never started: a missing output is
 * no error. */
bool weir_is_rehearsal(const struct weir_node *node);

/**
 * @brief From a source's open(): scales or offsets of its fields may change while it runs. Its rows are raw integers.
 */
void weir_may_rescale(struct weir_node *node);

/**
 * @brief Scales and offsets of a source's fields are these from now on, `n_fields` of each. After weir_may_rescale(), from start() until
 * stop(), from one thread at a time.
 *
 * Rows that have not been decoded yet get the new ones. raw() and `changed` go on counting in units of the scale that open() told.
 * @return 0; -ENOTSUP after a message, and the run ends: a filter that compares raw integers was made for the former scale.
 */
int weir_rescale(struct weir_node *node, const char *device, const double *scale, const double *offset);

/**
 * @brief A descriptor that is readable once the run is asked to end, for a driver that has to wait for something else than
 * records: it must then be done within a second. Not to be read from. Any thread.
 */
int weir_halt_fd(const struct weir_node *node);

/* -------------------------------------------------------------------- roles */

/** How a pulled source wants to be called again. */
struct weir_wait {
	int64_t until_ns; /**< CLOCK_MONOTONIC; INT64_MAX: not by time */
	int fd;           /**< wait until readable; -1: none */
	bool is_idle; /**< to the driver: nothing has come since it said what to wait for, so that reading would be in vain */
	/** From a source: records gather until `until_ns`. From a sink: its peer's answers may wait until the source's records have
	 *  gathered, so that both cost one wake-up; it is then served first. */
	bool gathers;
};

/** How a device with a descriptor collects rows until somebody reads them. */
struct weir_collected {
	uint32_t watermark; /**< rows worth a wake-up, at least 1 */
	uint32_t capacity;  /**< rows that it holds, at least 1 */
	int64_t row_ns;     /**< nominal distance of rows; 0: unknown */
	int64_t latency_ns; /**< longest time that a row may wait for others, at least 1 */
	bool by_time; /**< a read below the watermark costs no more than another, and poll() does not wait for the watermark */
};

/** One more line on a device: a name, a channel, a rate, a program that reads it. */
struct weir_device_fact {
	const char *key, *value;
};

/**
 * @brief Told of a device: the target by which a program names it, a line on what it is, and `n` facts (NULL for none). Facts of one
 * key stand together. All are the caller's.
 */
typedef void weir_tell_device(void *context, const char *target, const char *what, const struct weir_device_fact *fact,
			      size_t n);

/**
 * @brief A source fills rows. Two forms:
 *
 * **Descriptor** (`fd` set): the core's loop reads whole rows from the descriptor straight into ring memory and shows
 * them to `landed`. For IIO buffers and GPIO events. Never blocks anybody; a slow reader loses its oldest records.
 *
 * **Pulled** (`produce` set): a thread of the source's own calls `produce`, which may block for as long as its device
 * takes (a sysfs read) but waits for time or data only through `struct weir_wait`, so that stopping is immediate.
 *
 * **Lent** (`lend` and `take_back` set): pulled, but the rows lie somewhere already. A single chain that reads them takes them from
 * there, on a thread of its own; for several they are copied into a ring. Such a source has no stop().
 */
struct weir_source_ops {
	size_t state_bytes;
	/** Resolve the device, fill `out`. Changes nothing in the world: `weir check` calls it. */
	int (*open)(struct weir_node *node, struct weir_schema *out);
	/** Begin capture. `unread`: an in-kernel filter takes the samples, so configure the smallest buffer. */
	int (*start)(struct weir_node *node, bool unread);
	/** Descriptor form: non-blocking descriptor, valid after start. */
	int (*fd)(const struct weir_node *node);
	/** Descriptor form, after start: how the device collects rows. NULL: it gives each as it comes. */
	void (*collects)(const struct weir_node *node, struct weir_collected *out);
	/** Descriptor form: inspect rows just read, count gaps. Called before any filter in user space, in arrival order, on
	 *  the loop's thread; must not block. May be NULL. */
	int (*landed)(struct weir_node *node, const void *rows, uint32_t n);
	/** Descriptor form: the device went quiet or the descriptor reported an error: is it still there? 0, or what
	 *  weir_fail_device() returned. Called on error conditions and when a device of this machine was removed; where that is not
	 *  reported, about once a second while nothing arrives. */
	int (*alive)(struct weir_node *node);
	/** What the stream begins with: after start() until it returns 0, a row each time. The first says how things stand, and is not for
	 *  a chain that was there before a reload; others are what the device had already. Returns 1, 0 or -errno. May be NULL. */
	int (*initial)(struct weir_node *node, void *row);
	/** Pulled form: a row of what none has told yet, after the last produce(); never waits. Returns 1, 0 or -errno. May be NULL. */
	int (*finish)(struct weir_node *node, void *row);
	/** Pulled form: add rows. Returns 1: call it again; 0 at the end; -EAGAIN with `wait` set; -errno. Rows that were added are
	 *  delivered in each of these cases, before the end or the failure takes effect. There is room for one row at least. */
	int (*produce)(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait);
	/**
	 * Pulled and lent form, of a source that answers for its records, as one does that reads from a broker: their stream has
	 * ended, and the chains work off what they have been given. Called like produce, on the same thread and instead of stop(),
	 * until it returns 0: everything is answered, or nothing more can be. Takes nothing new. NULL: there is nothing to answer.
	 */
	int (*conclude)(struct weir_node *node, struct weir_wait *wait);
	/** Lent form: show up to `max` rows, contiguous. Returns how many; 0, -EAGAIN and -errno as of produce(). A stage's time may
	 *  have to pass meanwhile, so it never blocks. */
	int (*lend)(struct weir_node *node, uint32_t max, const void **rows, struct weir_wait *wait);
	/** Lent form: the first `n` of the rows that lend() showed last have been read. Returns how many of them, counted from the first, have
	 *  changed meanwhile and must be forgotten; the driver has counted them as lost. */
	uint32_t (*take_back)(struct weir_node *node, uint32_t n);
	/** Pulled form: its records may come in sessions, see weir_begin_session(). */
	bool has_sessions;
	/** End capture; the descriptor stays valid until close. */
	void (*stop)(struct weir_node *node);
	void (*close)(struct weir_node *node);
	/** IIO: the kernel's number of the device (`iio:deviceN`), so that an inline filter meets this device only. NULL: none. */
	int (*iio_device)(const struct weir_node *node);
	/** The object file of an eBPF filter that rows have to pass (bpf/weir/custom.h), or NULL. NULL: there never is one. */
	const char *(*custom_filter)(const struct weir_node *node);
	/** How records or their losses come about, where there is more than one way: a line for explain and the summary, or
	 *  NULL. From open() on. May be NULL. */
	const char *(*how)(const struct weir_node *node);
	/** Tell of each device of this machine that it could read, for `weir list devices`. Looks, and changes nothing. NULL: it
	 *  reads no devices. */
	void (*devices)(weir_tell_device *tell, void *context);
};

/**
 * @brief What push, flush and weir_emit() may return beside 0 and -errno: this chain wants no more records. Its agent then
 * flushes and ends in good order. Pass on what weir_emit() returns.
 */
#define WEIR_ENOUGH 1

/** An operator transforms blocks. Called on one thread from open to close; no I/O, no allocation after open. */
struct weir_operator_ops {
	size_t state_bytes;
	/** A program names several streams that this stage makes: `a, b = … | split x > 0`. For each of them the driver is opened
	 *  once and given all records; weir_branch() says for which. */
	bool splits;
	/** `in` is NULL where the stage closes a circle (see `resolve`). */
	int (*open)(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out);
	/** It may close a circle of streams, because what it emits does not wait for what it is given: then open() is called
	 *  before its input is known, `out` having the circle's clock, and this when it is. NULL: it may not. Expressions among its
	 *  arguments are constants. */
	int (*resolve)(struct weir_node *node, const struct weir_schema *in);
	/** Before the first record: emit what the output begins with; may be NULL. */
	int (*begin)(struct weir_node *node);
	int (*push)(struct weir_node *node, const struct weir_block *in);
	/** The stream's own time has come to `now_ns`, exactly what weir_tick_at() asked for: every record of that time or
	 *  before has been pushed, none after it. Emits, and asks anew, as it likes; may be NULL. */
	int (*tick)(struct weir_node *node, int64_t now_ns);
	int (*flush)(struct weir_node *node);  /**< end of stream: emit all that is open; may be NULL */
	void (*close)(struct weir_node *node); /**< may be NULL */
	bool may_wait; /**< for the world outside, as no other operator does: it shares its thread with no other agent */
	/** A record costs it no more than a few hundred instructions, whatever its arguments: from a source to an actuator such
	 *  stages may run on the thread that reads the source, so that none has to be woken up. */
	bool is_brief;
	/** What it makes of a record has been emitted when push() returns. Later records get nothing of it but a decision, or the value
	 *  before theirs. */
	bool keeps_nothing;
};

/**
 * @brief From produce(), of a source with has_sessions: the next record belongs to another session, whose clock began again.
 * @return true: return 0 now. Chains are flushed as at the end of a run, stages begin as in a new one, sinks go on where they are, and
 * then produce() is called again. False: the source is not the only one of its program, and goes on as if there was one session.
 */
bool weir_begin_session(struct weir_node *node);

/** @brief Hand a block downstream, from push, tick or flush. Passes on what the stages below return. An empty block is a no-op. */
int weir_emit(struct weir_node *node, const struct weir_block *block) WEIR_MUST_CHECK;

/**
 * @brief Ask for tick() when the stream's own time reaches `t_ns`; the last call counts. From open, push, tick or flush.
 *
 * Records of exactly that time come before the tick, later ones after it: blocks are cut there. Where nothing arrives, the
 * tick of a live stream comes when its clock has passed that time and the stage's lateness (see WEIR_PARAM_LATENESS) is over;
 * a record that arrives after such a tick and should have come before it is left out and counted as WEIR_LOST_LATE. So what
 * follows from ticks depends on the records' times alone. At the end of a stream the ticks up to the time of its last record
 * come before flush(); the rest never come.
 *
 * @param t_ns from tick() later than its now_ns; INT64_MAX: never, as it is at first and after each tick.
 */
void weir_tick_at(struct weir_node *node, int64_t t_ns);

/**
 * @brief Take only the first `n` records of the block that push() was given, at least one: the rest is pushed again after
 * push() has returned, with the tick between where it belongs.
 *
 * For an operator with tick() that has just asked for a time which lies before the block's last record. A block reaches no
 * further than the time that was asked for when push() was called.
 */
void weir_took(struct weir_node *node, uint32_t n);

/**
 * @brief From open(): what this operator emits can be older, by up to `lag_ns`, than the newest record or tick that it was given
 * before. For a stage that holds records back and lets them keep their time. INT64_MAX: there is no bound.
 *
 * Time below the stage runs that much later: without it, ticks there would come too early.
 */
void weir_lags(struct weir_node *node, int64_t lag_ns);

/**
 * @brief From open(): with these arguments it will never ask for a tick, although its table has tick(). Nothing below or above needs
 * to tell it the time, and its blocks are not looked through for where time runs backwards.
 */
void weir_never_ticks(struct weir_node *node);

/**
 * @brief From flush(): the time that the stream has come to, that of its last record even where that did not reach this stage;
 * INT64_MIN where a stage below had enough before the end. What flush() emits must not be older, but for weir_lags().
 */
int64_t weir_time(const struct weir_node *node);
/** @brief From flush(), for what the end brings out: `t_ns`, or weir_time() where that is later. */
int64_t weir_time_at_end(const struct weir_node *node, int64_t t_ns);

/** @brief From open(): it emits one record for each that it is given, before push() returns, and no others but from begin(). So what
 *  was lost above is known to be missing below, and a zip there leaves out its counterpart. */
void weir_one_for_one(struct weir_node *node);
/** @brief From open(): begin() will emit `n` records, and the ring below must hold them. */
void weir_begins_with(struct weir_node *node, uint32_t n);

/**
 * @brief From open(), of an operator: it needs a record until the last result with that record has been emitted. It says by
 * weir_needs() from which record on, so that a source with weir_awaits_windows() can acknowledge the others.
 * @param records the most that it needs at one time; 0: as many as come in `span_ns`, which is INT64_MAX where there is no bound.
 */
void weir_keeps(struct weir_node *node, uint64_t records, int64_t span_ns);
/** @brief From push(), of such an operator: does anybody want to hear of it? Its chain is then given one record at a time. */
bool weir_is_kept(const struct weir_node *node);
/** @brief From push(), where weir_is_kept(): the place of this record in the stream that its chain reads. Places wrap. */
uint64_t weir_place(const struct weir_node *node);
/** @brief From push(), tick() and flush(), where weir_is_kept(): records are needed from this place on. NULL: none is. */
void weir_needs(struct weir_node *node, const uint64_t *place);

/** How many messages come from a broker before it wants an answer; see weir_awaits_windows(). */
struct weir_credit {
	uint32_t messages;    /**< at least 1 */
	const char *argument; /**< that says so; NULL: none does */
	int64_t longest_ns;   /**< the broker takes a message back that has no answer by then; 0: it waits */
	const char *remedy;   /**< where that is too short; NULL: none */
};

/**
 * @brief From open(), of a source with conclude() and a parameter `ack`: a record is answered for when the last window with that record
 * has been. The program is refused where that could not be, or would stop the stream.
 */
void weir_awaits_windows(struct weir_node *node, const struct weir_credit *credit);

/** @brief From open(), of an operator, or of a combiner by time for each input: where `lateness` was given, records come in the order of
 *  their times. All wait so long for older ones; what comes later still is left out and counted as WEIR_LOST_LATE. */
void weir_sorts(struct weir_node *node);

/** One of the streams that a combiner reads. */
struct weir_tributary {
	const char *name; /**< of the stream, or `in1`, `in2` … where it has none; lives until open() returns */
	const struct weir_schema *schema;
};

/**
 * @brief A combiner makes one stream of several; all of the same clock. Otherwise as an operator. Of `rows` and `push` it has one:
 *
 * **By number** (`rows`): the k-th record of each input goes with the k-th of every other. A record whose counterpart was lost is
 * left out as well and counted, so that they never come out of step. Its output ends when one of its inputs has ended.
 *
 * **By time** (`push`): the records of all inputs come in the order of their times, those of equal time in the order of the
 * inputs. It ends when all inputs have. A live input with nothing to say is waited for no longer than the lateness.
 */
struct weir_combiner_ops {
	size_t state_bytes;
	/** The schemas that `in` names live as long as the node. */
	int (*open)(struct weir_node *node, const struct weir_tributary *in, uint32_t n, struct weir_schema *out);
	/** As many records of each input, in[0] to in[n - 1]. */
	int (*rows)(struct weir_node *node, const struct weir_block *const *in);
	int (*push)(struct weir_node *node, uint32_t input, const struct weir_block *in);
	/** By time: no more can be pushed just now. What was gathered must be emitted; may be NULL. */
	int (*settle)(struct weir_node *node);
	int (*tick)(struct weir_node *node, int64_t now_ns);  /**< may be NULL; settle() follows */
	int (*ended)(struct weir_node *node, uint32_t input); /**< nothing more comes from this input; may be NULL */
	int (*flush)(struct weir_node *node);                 /**< may be NULL */
	void (*close)(struct weir_node *node);                /**< may be NULL */
};

/** How far a sink has come: counts of the same things, in the order in which they were pushed. */
struct weir_progress {
	uint64_t taken;    /**< by push */
	uint64_t answered; /**< of these, what needs this process no more: written, delivered, or lost and counted */
};

/** A sink ends a chain. start() is the first moment at which it may touch the world. */
struct weir_sink_ops {
	size_t state_bytes;
	int (*open)(struct weir_node *node, const struct weir_schema *in);
	int (*start)(struct weir_node *node); /**< may be NULL */
	int (*push)(struct weir_node *node, const struct weir_block *in);
	int (*flush)(struct weir_node *node); /**< end of stream, or nothing more to read just now; may be NULL */
	int (*end)(struct weir_node *node); /**< end of stream, after the last flush; may take its time; may be NULL */
	int (*session)(struct weir_node *node); /**< after a flush: what comes next is another session; may be NULL */
	void (*close)(struct weir_node *node);  /**< may be NULL */
	/** What became of the connection, say: a line for the summary, or NULL. From open() on. May be NULL. */
	const char *(*how)(const struct weir_node *node);
	/**
	 * For a sink with a peer of its own that can be served by the thread that runs its chain, instead of by another one: called
	 * when there is nothing more to push, and again when what `wait` said has come. 1: records were answered for; 0: none;
	 * -errno as push. NULL: it has a thread, or needs none.
	 */
	int (*serve)(struct weir_node *node, struct weir_wait *wait);
	bool may_wait; /**< its push or flush may keep its thread for long, as one does that runs a program */
	bool may_share; /**< its calls last microseconds as a rule, end() too: its chain may share a thread with others */
	/** Its push takes a few hundred instructions and never waits, so that the loop may run the chain. */
	bool is_brief;
	/** Its input comes through a ring, where displays see the newest records. */
	bool reads_ring;
	/** For a sink that keeps records after push and flush: how many of them are answered for, so that a source upstream may
	 *  acknowledge them. Any thread, from start() on. NULL: what was flushed is, or pushed where there is no flush. */
	struct weir_progress (*progress)(const struct weir_node *node);
};

/** Lines of one output that are set at once. */
#define WEIR_PHYSICAL_LINES 16

/**
 * @brief A physical output as the guard process holds it: GPIO lines of one chip in one request, or one attribute file that
 * takes a whole number. A plain value: it crosses a socket.
 */
struct weir_physical {
	char title[64];   /**< what messages and the audit call it */
	char device[128]; /**< the chip's device file, or the attribute's path: with the offsets, its identity */
	uint32_t n;       /**< lines, 1 to WEIR_PHYSICAL_LINES; 1 for an attribute */
	uint32_t is_file; /**< an attribute and not lines */
	uint32_t offset[WEIR_PHYSICAL_LINES];
	char name[WEIR_PHYSICAL_LINES][32];
	uint8_t active_low, drive,
		bias; /**< indices of the words in actuators/gpio_lines.c and of weir_gpio_bias_words */
	double park[WEIR_PHYSICAL_LINES];
	double factor, add; /**< an attribute is set to round(value * factor + add) */
	double least, most; /**< to which an attribute's value is limited */
};

/**
 * @brief A physical output. The core decides when to act: it drops repeats, honours `--dry-run`, counts, turns NaN into the
 * park value, and calls park on end, error and signal. apply and park come from one thread at a time.
 */
struct weir_actuator_ops {
	size_t state_bytes;
	int (*open)(struct weir_node *node, const struct weir_schema *in); /**< resolve; touch nothing */
	int (*start)(struct weir_node *node); /**< take the output, already at its park value */
	int (*apply)(struct weir_node *node, double value);
	int (*park)(
		struct weir_node *node); /**< go to the declared safe state; may be called in any state after start */
	void (*close)(struct weir_node *node);
	double (*parked)(const struct weir_node *node); /**< the value that park drives, for messages and dry runs */
	/** Fields of a record that it takes, each for one line. NULL: the first alone. With more than one, bit i of the values above
	 *  is line i. */
	uint32_t (*lines)(const struct weir_node *node);
	/**
	 * Describe the output for the guard, which then holds and drives it in place of start, apply and park. `fd` NULL: touch
	 * nothing. Else make it ready as well, at its park value where it was not ready, and `*fd` is the attribute, open for writing,
	 * which becomes the caller's; -1 for lines. A driver that has this ends its parameters with WEIR_GUARD_PARAMS. NULL: it is not
	 * for a guard (null, print).
	 */
	int (*describe)(const struct weir_node *node, struct weir_physical *out, int *fd);
	size_t output_args; /**< with describe: offset of its struct weir_output_args in the state */
	bool is_brief;      /**< apply() is one system call that does not wait; see weir_operator_ops */
};

/** The library of a driver whose operations are in a module. */
struct weir_library {
	const char *name;
	const char *package;       /**< of Debian: the library, which the module needs */
	const char *build_package; /**< of Debian: its headers, which the build of the module needs */
	const char *weir_package;  /**< of weir: has the module; NULL: none has it */
	const char *module;        /**< the module's name, where several drivers share it; NULL: the driver's */
};

/* The operations of a driver in a table without them: the module has others in their place. */
extern const struct weir_source_ops weir_unopened_source;
extern const struct weir_operator_ops weir_unopened_stage;
extern const struct weir_sink_ops weir_unopened_sink;

/** The ways in which one driver can be used. A NULL role does not exist. */
struct weir_driver {
	const char *name;   /**< the word in the language */
	const char *doc;    /**< one line */
	const char *target; /**< what follows the colon, for help: "LINE"; NULL: no target */
	const struct weir_param *source_params, *operator_params, *sink_params, *actuator_params; /**< end: name NULL */
	const struct weir_library *library; /**< NULL: the operations are here, and not in a module */
	const struct weir_source_ops *source;
	const struct weir_operator_ops *stage;
	const struct weir_combiner_ops *combiner; /**< a stage too: a driver has only one of the two */
	const struct weir_sink_ops *sink;
	const struct weir_actuator_ops *actuator;
};
#ifdef __cplusplus
}
#endif
#endif
