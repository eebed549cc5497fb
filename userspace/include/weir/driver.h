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

#include "weir/params.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_NAME_MAX 48   /**< bytes of a field's name, with the terminating zero */
#define WEIR_UNIT_MAX 16   /**< bytes of a unit, with the terminating zero */
#define WEIR_FIELDS_MAX 64 /**< fields in one schema */
#define WEIR_ROW_MAX 4096  /**< bytes of one row */

/** Records in one block: 8 KiB a column, so that a stage's working set stays in the first-level cache. */
#define WEIR_BLOCK_MAX 1024

#define WEIR_MUST_CHECK __attribute__((warn_unused_result))
#define WEIR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

struct weir_node;
struct weir_expr;

/* ------------------------------------------------------------------ records */

/** What the values of a field are, and so the C type of its column in a block. */
enum weir_kind {
	WEIR_REAL, /**< double */
	WEIR_INT,  /**< int64_t */
	WEIR_BOOL, /**< int64_t, 0 or 1 */
	WEIR_TEXT, /**< char[bytes], zero-padded; never longer than bytes - 1 */
};

/** The clock that stamps a stream's records. Streams of different clocks are never joined. */
enum weir_clock {
	WEIR_CLOCK_MONOTONIC, /**< CLOCK_MONOTONIC: the default wherever a device lets us choose */
	WEIR_CLOCK_REALTIME,  /**< CLOCK_REALTIME */
	WEIR_CLOCK_NOMINAL, /**< counted from zero by a source that is not live: replay, csv, a generator at full speed */
};

/**
 * @brief One named quantity, and where its bits are in a row.
 *
 * The vocabulary is that of IIO's scan elements (Documentation/ABI/testing/sysfs-bus-iio, `in_<type>_type`):
 * `[be|le]:[s|u]bits/storagebits>>shift`. The physical value is `(raw + offset) * scale`.
 */
struct weir_field {
	char name[WEIR_NAME_MAX];
	char unit[WEIR_UNIT_MAX]; /**< UCUM-like text, e.g. "m/s^2"; empty where it is not known */
	enum weir_kind kind;
	uint32_t at;    /**< byte offset in the row */
	uint32_t bytes; /**< storage: 1, 2, 4 or 8; the cell's size for WEIR_TEXT */
	uint8_t bits;   /**< significant bits, 1 to 8 * bytes */
	uint8_t shift;  /**< right shift that comes before masking */
	bool is_signed;
	bool is_big_endian;
	bool is_float; /**< IEEE 754 of 4 or 8 bytes; bits, shift and sign do not apply */
	double scale;  /**< 1 where the raw integer is the value */
	double offset;
};

/** What a stream carries. A plain value: copy it with `=`. */
struct weir_schema {
	uint32_t row_bytes; /**< 1 to WEIR_ROW_MAX; a multiple of 8 lets eBPF filter the rows in place */
	uint32_t n_fields;
	enum weir_clock clock;
	struct weir_field t; /**< where a row's time is: ns of `clock`, 8 bytes */
	struct weir_field field[WEIR_FIELDS_MAX];
};

/** A column of a block. Which member counts follows from the field's kind. */
union weir_column {
	double *real;
	int64_t *integer; /**< WEIR_INT and WEIR_BOOL */
	char *text;       /**< cell i starts at i * field.bytes */
	void *any;
};

/**
 * @brief A contiguous batch of records, by column.
 *
 * The stage that emits a block owns it; the stage that receives it may read it until its push returns.
 */
struct weir_block {
	const struct weir_schema *schema;
	uint32_t n; /**< records, 0 to WEIR_BLOCK_MAX */
	int64_t *t;
	union weir_column column[WEIR_FIELDS_MAX];
};

/** @brief Start a schema of packed rows: nothing but the time, 8 bytes at offset 0. */
void weir_schema_init(struct weir_schema *schema, enum weir_clock clock);

/**
 * @brief Append a native field (8 bytes for REAL, INT and BOOL; `bytes` for TEXT) to a schema from weir_schema_init().
 * @return the field's index; -E2BIG when WEIR_FIELDS_MAX, WEIR_ROW_MAX or WEIR_NAME_MAX is reached; -EEXIST when the name is
 * taken: `t` always is, by the time.
 */
int weir_schema_add(struct weir_schema *schema, const char *name, enum weir_kind kind, const char *unit,
		    uint32_t bytes);

/** @brief The index of a field by name, or -ENOENT. */
int weir_schema_find(const struct weir_schema *schema, const char *name);

/**
 * @brief Allocate a block of WEIR_BLOCK_MAX records for `schema`, which must outlive it. For open(), never for push().
 * @return 0 or -ENOMEM. Free with weir_block_close(), which takes NULL.
 */
int weir_block_open(struct weir_block **out, const struct weir_schema *schema) WEIR_MUST_CHECK;
void weir_block_close(struct weir_block *block);

/** @brief Copy record `from` of `src` to the end of `dst`. Same field list. The caller has seen to it that there is room. */
void weir_block_append(struct weir_block *dst, const struct weir_block *src, uint32_t from);

/** @brief Copy `n` records of `src`, those whose numbers `index` lists, to the end of `dst`. Otherwise as weir_block_append(). */
void weir_block_gather(struct weir_block *dst, const struct weir_block *src, const uint32_t *index, uint32_t n);

/** @brief Make `view` show `n` records of `src` from record `from` on. Copies nothing: it lives as long as `src` does. */
void weir_block_slice(struct weir_block *view, const struct weir_block *src, uint32_t from, uint32_t n);

/* --------------------------------------------------------------- parameters */

/** How an argument is written in a program. */
enum weir_style {
	WEIR_KEY,        /**< `name=value` */
	WEIR_POSITIONAL, /**< by position, before any other */
	WEIR_KEYWORD,    /**< `name value`, as in `window 1s step 100ms` */
};

/** What an argument's value is, and which accessor reads it. */
enum weir_value {
	WEIR_V_INT,      /**< integer: weir_arg_int() */
	WEIR_V_REAL,     /**< number: weir_arg_real() */
	WEIR_V_DURATION, /**< `10ms`: weir_arg_int(), ns */
	WEIR_V_RATE,     /**< `200Hz`, or `max` (read as INFINITY) where `words` has it: weir_arg_real(), Hz */
	WEIR_V_SIZE,     /**< `64KiB`: weir_arg_int(), bytes */
	WEIR_V_SPAN, /**< a count or a duration, as in `window 100` and `every 1s`: weir_arg_int(), and weir_arg_is_time() */
	WEIR_V_BOOL,       /**< `yes|no|on|off|true|false`, or the bare name for true: weir_arg_int(), 0 or 1 */
	WEIR_V_WORD,       /**< one of `words`: weir_arg_int() is its index */
	WEIR_V_TEXT,       /**< a word or a string: weir_arg_text() */
	WEIR_V_EXPR,       /**< an expression over the input's fields: weir_arg_expr() */
	WEIR_V_FIELDS,     /**< `a = EXPR, b, …`: weir_arg_bindings() */
	WEIR_V_AGGREGATES, /**< `mean(EXPR) as name, …` with functions from `words`: weir_arg_bindings() */
};

/** One parameter. Parsing, checking, `weir list` and the manual page all read this table and nothing else. */
struct weir_param {
	const char *name;
	enum weir_style style;
	enum weir_value value;
	bool required;
	bool must_be_bool;        /**< WEIR_V_EXPR: must be a condition */
	const char *instead;      /**< WEIR_POSITIONAL: the WEIR_KEYWORD that may be given in its place; NULL: none */
	const char *fallback;     /**< the default as one would write it; NULL: none */
	double min, max;          /**< inclusive range in base units (s for durations, Hz, bytes); both 0: unbounded */
	const char *const *words; /**< NULL-terminated; WEIR_V_WORD, WEIR_V_AGGREGATES, and `max` of WEIR_V_RATE */
	const char *help;         /**< one line, no full stop */
};

/** What stands for `t`, the record's time, which is no field of the schema, in place of a field's index. */
#define WEIR_FIELD_TIME (-2)

/** One item of WEIR_V_FIELDS or WEIR_V_AGGREGATES. */
struct weir_binding {
	const char *name; /**< of the resulting field */
	int function;     /**< aggregates: index into `words`; -1 for plain fields */
	int field; /**< index of the input field, or WEIR_FIELD_TIME, when the expression is just that; else -1 */
	const struct weir_expr *expr; /**< NULL for `count()` */
	double parameter;             /**< aggregates: the number in `quantile(x, 0.95)`; NaN: there is none */
};

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

/* -------------------------------------------------------------- expressions */

/**
 * @brief Evaluate for each record of a block: out[i] for i < block->n. One thread at a time for one expression.
 *
 * prev() and delta() remember the record before: what an expression is given, through this function and weir_expr_test()
 * together, is one sequence of records, in whatever blocks.
 */
void weir_expr_eval(const struct weir_expr *expr, const struct weir_block *block, double *out);

/** @brief Evaluate a condition: out[i] is 1 where it holds, else 0. NaN compares false, `!=` excepted, as in C. */
void weir_expr_test(const struct weir_expr *expr, const struct weir_block *block, uint8_t *out);

/** @brief Is the result a truth value (a comparison, `and`, `or`, `not`)? */
bool weir_expr_is_bool(const struct weir_expr *expr);

/** @brief The unit of its values, such as "m/s^2"; empty when it is not known. Lives as long as the expression. */
const char *weir_expr_unit(const struct weir_expr *expr);

/** @brief The source text, for messages and `weir explain`. Lives as long as the expression. */
const char *weir_expr_text(const struct weir_expr *expr);

/* ------------------------------------------------------- what a driver tells */

/** Why a record did not arrive. Each is counted apart, per node. */
enum weir_loss {
	WEIR_LOST_DEVICE, /**< the device's or kernel's own FIFO overflowed: a gap in sequence numbers or in time */
	WEIR_LOST_RING,   /**< a reader was too slow for its ring */
	WEIR_LOST_FILTER, /**< the kernel filter's ring buffer was full */
	WEIR_LOST_POISON, /**< a record that a stage could not use, skipped under on_error=skip */
	WEIR_LOST_CUT,    /**< text longer than its cell was cut, or a malformed line was skipped */
	WEIR_LOST_LATE,   /**< it came after its time had been closed: see `lateness` */
	WEIR_LOST_UNSENT, /**< a broker did not take it: it was away for too long, or refused it */
	WEIR_LOST_CAUSES,
};

/** @brief Add to a loss counter. Any one thread per node; lock-free. */
void weir_lost(struct weir_node *node, enum weir_loss cause, uint64_t n);

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

/** @brief Say something on standard error that does not stop the run. Not for the data path. */
void weir_warn(struct weir_node *node, const char *format, ...) WEIR_PRINTF(2, 3);

/** @brief The driver's private state: zeroed, `state_bytes` of its role, freed by the core after close(). */
void *weir_state(const struct weir_node *node);

/** @brief The input's schema (operators, sinks, actuators) or the output's (any node that has one). */
const struct weir_schema *weir_in(const struct weir_node *node);
const struct weir_schema *weir_out(const struct weir_node *node);

/** @brief Now, in ns of a clock (WEIR_CLOCK_NOMINAL reads as 0). */
int64_t weir_now(enum weir_clock clock);

/** @brief Is this only `weir check` or `weir explain`? Then open() may look at devices, but nothing will be started. */
bool weir_is_check(const struct weir_node *node);

/** @brief Is this a dry run? Then an actuator is opened and asked for its park value, but never started: a missing output is
 * no error. */
bool weir_is_rehearsal(const struct weir_node *node);

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
};

/** @brief Told of a device: the target by which a program names it, and a line on what it is. Both are the caller's. */
typedef void weir_tell_device(void *context, const char *target, const char *what);

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
	/** Descriptor form: rows worth waiting for, at least 1. NULL: 1. */
	uint32_t (*watermark)(const struct weir_node *node);
	/** Descriptor form: inspect rows just read, count gaps. Called before any filter in user space, in arrival order, on
	 *  the loop's thread; must not block. May be NULL. */
	int (*landed)(struct weir_node *node, const void *rows, uint32_t n);
	/** Descriptor form: the device went quiet or the descriptor reported an error: is it still there? 0, or what
	 *  weir_fail_device() returned. Called on error conditions and about once a second while nothing arrives. */
	int (*alive)(struct weir_node *node);
	/** Pulled form: fill up to `max` rows. Returns rows filled; 0 at the end; -EAGAIN with `wait` set; -errno. */
	int (*produce)(struct weir_node *node, void *rows, uint32_t max, struct weir_wait *wait);
	/** Lent form: show up to `max` rows, contiguous. Result as of produce(); a stage's time may have to pass meanwhile, so it
	 *  never blocks. */
	int (*lend)(struct weir_node *node, uint32_t max, const void **rows, struct weir_wait *wait);
	/** Lent form: the `n` rows that lend() showed last have been read. Returns how many of them, counted from the first, have
	 *  changed meanwhile and must be forgotten; the driver has counted them as lost. */
	uint32_t (*take_back)(struct weir_node *node, uint32_t n);
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
};

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

/** A sink ends a chain. start() is the first moment at which it may touch the world. */
struct weir_sink_ops {
	size_t state_bytes;
	int (*open)(struct weir_node *node, const struct weir_schema *in);
	int (*start)(struct weir_node *node); /**< may be NULL */
	int (*push)(struct weir_node *node, const struct weir_block *in);
	int (*flush)(struct weir_node *node); /**< end of stream, or nothing more to read just now; may be NULL */
	int (*end)(struct weir_node *node); /**< end of stream, after the last flush; may take its time; may be NULL */
	void (*close)(struct weir_node *node); /**< may be NULL */
	/** What became of the connection, say: a line for the summary, or NULL. From open() on. May be NULL. */
	const char *(*how)(const struct weir_node *node);
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
	uint8_t active_low, drive, bias; /**< indices of the words in actuators/gpio.c and of weir_gpio_bias_words */
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
	 * Describe the output for the guard, which then holds and drives it in place of start, apply and park. `*fd`: the
	 * attribute, open for writing, which becomes the caller's; -1 for lines. A driver that has this ends its parameters with
	 * WEIR_GUARD_PARAMS. NULL: it is not for a guard (null, print).
	 */
	int (*describe)(const struct weir_node *node, struct weir_physical *out, int *fd);
	bool is_brief; /**< apply() is one system call that does not wait; see weir_operator_ops */
};

/** What the guard must know of every physical output: the last rows of such an actuator's table, and its end. */
#define WEIR_GUARD_PARAMS                                                                               \
	{ .name = "deadline",                                                                           \
	  .value = WEIR_V_DURATION,                                                                     \
	  .fallback = "100ms",                                                                          \
	  .min = 0.01,                                                                                  \
	  .max = 3600,                                                                                  \
	  .help = "parked within this time when the pipeline dies or hangs" },                          \
		{ .name = "stale",                                                                      \
		  .value = WEIR_V_DURATION,                                                             \
		  .min = 0.01,                                                                          \
		  .max = 1e6,                                                                           \
		  .help = "parked when its source has brought nothing for this long" },                 \
		{ .name = "max_on", .value = WEIR_V_DURATION, .help = "never on for longer" },          \
		{ .name = "min_on",                                                                     \
		  .value = WEIR_V_DURATION,                                                             \
		  .help = "once on, stays on so long unless it is parked" },                            \
		{ .name = "min_off", .value = WEIR_V_DURATION, .help = "once off, stays off so long" }, \
		{ .name = "interlock",                                                                  \
		  .value = WEIR_V_TEXT,                                                                 \
		  .help = "a group's name: of all outputs that name it, at most one is on" },           \
		{ .name = "break",                                                                      \
		  .value = WEIR_V_DURATION,                                                             \
		  .help = "after one of the group went off, wait so long before this one goes on" },    \
		{ .name = "starts",                                                                     \
		  .value = WEIR_V_INT,                                                                  \
		  .min = 1,                                                                             \
		  .max = 32,                                                                            \
		  .help = "leaves its park value at most so often in the time of per=" },               \
		{ .name = "per", .value = WEIR_V_DURATION, .fallback = "1h", .help = "see starts=" },   \
	{                                                                                               \
		.name = NULL                                                                            \
	}

/** The ways in which one driver can be used. A NULL role does not exist. */
struct weir_driver {
	const char *name;   /**< the word in the language */
	const char *doc;    /**< one line */
	const char *target; /**< what follows the colon, for help: "LINE"; NULL: no target */
	const struct weir_param *source_params, *operator_params, *sink_params, *actuator_params; /**< end: name NULL */
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
