/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file weir.h
 * @brief For applications: open a program in the weir language, run it, read its counters.
 *
 *     struct weir_options options = { .limit = 1000 };
 *     struct weir_pipeline *pipeline;
 *     int status = weir_open(&pipeline, "synth:sine rate=100Hz | print", "<example>", &options);
 *     if (!status)
 *             status = weir_run(pipeline);
 *     weir_close(pipeline);
 *
 * Functions that return `int` return an exit status of the table in enum weir_status unless they say otherwise. Not
 * thread-safe per pipeline except where said; several pipelines may run in one process.
 */
#ifndef WEIR_H
#define WEIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_pipeline;
struct weir_call;

/** A C function that a program may use by its name: `call NAME` as a source, a stage or a sink. */
struct weir_native {
	const char *name;             /**< a word */
	const struct weir_call *call; /**< what it takes and gives: weir/call.h; it must live until weir_close() */
	void *state; /**< handed to it, in place of memory of weir's; one use of it at a time. NULL: as call->state_bytes says */
};

/** How the early filter must run. */
enum weir_filter_tier { WEIR_FILTER_AUTO, WEIR_FILTER_INLINE, WEIR_FILTER_BATCH, WEIR_FILTER_USER };

/** How bytes must be moved. */
enum weir_io { WEIR_IO_AUTO, WEIR_IO_URING, WEIR_IO_POLL };

/** How listings and the summary are written. */
enum weir_format { WEIR_FORMAT_TEXT, WEIR_FORMAT_JSON };

/** What `print` writes records as, where the program does not say. */
enum weir_records { WEIR_RECORDS_JSONL, WEIR_RECORDS_CSV, WEIR_RECORDS_INFLUX, WEIR_RECORDS_RAW };

/** Zero is the default for every member. */
struct weir_options {
	bool check_only; /**< resolve, start nothing */
	bool dry_run;    /**< actuators print what they would do */
	bool no_guard;   /**< drive outputs from this process; rules that need the guard are then errors */
	bool strict;     /**< exit 4 when data was lost */
	bool quiet;      /**< no warnings */
	bool show_code;  /**< weir_explain() lists generated eBPF */
	bool handle_signals; /**< SIGINT, SIGTERM: drain, park, end; a second SIGINT aborts. For a program's main pipeline only */
	bool reload; /**< with handle_signals: SIGHUP ends the run in good order and makes weir_wants_reload() true; else it
		      *   ends the run as SIGTERM does */
	bool drop_privileges; /**< weir_open() gives up the process's capabilities but those that outputs and devices need; with
			       *   `reload`, a process is forked that keeps the right to load filters. Before any thread */
	bool notify; /**< tell the service manager of $NOTIFY_SOCKET: READY=1 when all stages have begun, STOPPING=1 at the
		      *   end, and WATCHDOG=1 while chains get on. For a program's main pipeline only */
	bool keep_rings;     /**< also sources that need none have a ring, where displays see their newest values */
	bool no_input;       /**< standard input is taken: a source that would read it is refused */
	uint64_t limit;      /**< records to take from each source; 0: no limit */
	int64_t for_ns;      /**< run time; 0: no limit */
	uint32_t ring_rows;  /**< least capacity of a ring, in records; 0: 65536 */
	uint32_t threads;    /**< that run stages, beside those of sources; 0: as the plan sees fit */
	uint32_t block_rows; /**< most records that stages are given at once; 0: as many as there are. For tests */
	enum weir_filter_tier tier;
	enum weir_io io;
	enum weir_records records;
	const struct weir_native *functions; /**< of the application: n_functions of them, until weir_open() returns */
	uint32_t n_functions;
	FILE *messages; /**< NULL: stderr */
	/** Values of the program's parameters: "NAME=VALUE", NULL-terminated, the later one counts. Until weir_open() returns. */
	const char *const *parameters;
	uint32_t
		n_shared_parameters; /**< the first of them are of a file with environment variables: a name of capitals that the
				       *   program does not declare is then no error */
};

/** The version, "0.1.0". */
const char *weir_version(void);

/**
 * @brief Parse, check and plan a program. Errors go to options->messages, all in one go, with line, column and caret.
 * @param out set to NULL on error. Close with weir_close().
 * @param text the program; `name` is what messages call it, "" if they must not say where in it they are.
 * @return 0, 2 (wrong program), 3 (device missing) or 1 (out of memory).
 */
int weir_open(struct weir_pipeline **out, const char *text, const char *name, const struct weir_options *options);
void weir_close(struct weir_pipeline *pipeline);

/** @brief Run to the end, once, on the calling thread and threads of its own. Outputs are parked when it returns, whatever it
 * returns. */
int weir_run(struct weir_pipeline *pipeline);

/** @brief Has a run ended because it was asked to read its program again? False when a stage did not end: its memory stays in use,
 * and nothing may follow in this process. */
bool weir_wants_reload(const struct weir_pipeline *pipeline);

/** What early filters remember (`every`, `changed`), and the outputs that a guard holds, so that they outlive a pipeline. The guard
 * holds them, parked, until the next pipeline has started or, without one, until `weir park --release`. */
struct weir_memories;

/** @brief After weir_run() and before weir_close(). @return 0, or 1 (out of memory) and NULL. */
int weir_memories_take(struct weir_memories **out, const struct weir_pipeline *pipeline);
/** @brief Before weir_run(): a source that reads the same, with the same stages in its filter, goes on where it was. Takes
 * `memories`, which may be NULL. */
void weir_memories_give(struct weir_memories *memories, struct weir_pipeline *pipeline);
void weir_memories_close(struct weir_memories *memories);

/** @brief Tell the service manager of $NOTIFY_SOCKET that a program is read again; the next run with `notify` says READY=1. No-op
 *  without one. */
void weir_notify_reload(void);

/** @brief Ask a pipeline to drain and end; before weir_run() it makes that end at once. Any thread, async-signal-safe. */
void weir_stop(struct weir_pipeline *pipeline);
/** @brief End without draining; outputs are still parked. Any thread, async-signal-safe. */
void weir_abort(struct weir_pipeline *pipeline);

/** @brief Print the plan: threads, rings, what runs in the kernel, and why not. */
void weir_explain(const struct weir_pipeline *pipeline, FILE *stream, enum weir_format format);

/** @brief Print the counters of a run: records in and out, filtered in the kernel, lost by cause, actuations, tier. */
void weir_summary(const struct weir_pipeline *pipeline, FILE *stream, enum weir_format format);

/** Counts of records. All but `lost` and `lost_by` are zero where they have no meaning. */
struct weir_counters {
	uint64_t in;         /**< that sources have taken from their devices; of a node: that it was given */
	uint64_t filtered;   /**< of these, dropped by early filters */
	uint64_t out;        /**< that sinks were given; of a node: that it has emitted */
	uint64_t actuations; /**< changes of outputs */
	uint64_t refused;    /**< changes that the guard has refused */
	uint64_t lost;       /**< for any cause */
	struct {
		uint64_t device; /**< the FIFO of the device or of the kernel overflowed */
		uint64_t ring;   /**< a reader was too slow */
		uint64_t filter; /**< the buffer of the kernel's filter was full */
		uint64_t poison; /**< a stage could not use it */
		uint64_t cut;    /**< a text or a line was truncated */
		uint64_t late;   /**< it came after its time was closed */
		uint64_t unsent; /**< a broker or a file did not take it */
		uint64_t end;    /**< it was under way at the end of the run */
	} lost_by;
};

/**
 * @brief Read the counters of a pipeline, from weir_open() to weir_close(). Any thread, also while it runs; the counters are then not
 * of one instant, and `filtered` includes records that are just being worked on.
 */
void weir_read_counters(const struct weir_pipeline *pipeline, struct weir_counters *out);

/**
 * @brief The same of one node: a source, a stage, a sink or an actuator, in the order of the summary.
 * @param index from 0.
 * @param text its text in the program, up to `bytes` with the zero; NULL: not asked for.
 * @return 0; -ENOENT: there are fewer nodes.
 */
int weir_read_node_counters(const struct weir_pipeline *pipeline, uint32_t index, struct weir_counters *out, char *text,
			    size_t bytes);

/** @brief Print the drivers: "sensors", "stages", "sinks", "actuators", or NULL for all; "devices", those of this machine that
 *  sources can read; or "streams", what other processes publish (takes a quarter of a second). 0, or 2 for another word. */
int weir_list(const char *what, FILE *stream, enum weir_format format);
/** @brief Print one driver with its parameters. 0, or 2 when there is none of that name. */
int weir_describe(const char *driver, FILE *stream, enum weir_format format);
/**
 * @brief Print the parameters of a program: name, default and help.
 * @param name what messages call the program. They go to `messages`.
 * @return 0; 2: the program cannot be parsed; 1: out of memory.
 */
int weir_list_parameters(const char *text, const char *name, FILE *stream, FILE *messages, enum weir_format format);
/** @brief For the completion of shells: print the words that may stand at the end of the beginning of a program, one a line. `gpio:` gives
 *  the lines of this machine, `weir:` what other processes publish (takes a quarter of a second). @return 0. */
int weir_complete(const char *text, FILE *stream);
/** @brief If the driver needs a library and its module is not installed, print one line with the file and the Debian package. @return
 *  whether it is missing. */
bool weir_tell_absent(const char *driver, FILE *stream);

/**
 * @brief Set an output by hand, through the guard and by its rules; a guard is started if there is none, and holds it.
 * @param output a line's name, or an output as in a program: "gpio:LAMP active_low".
 * @param value "on", "off" or a number.
 * @param for_ns then park it; 0: until weir_park(), or until a pipeline takes it.
 * @return 0; 1: refused by a rule, or no guard; 2; 3: another one has it, or it does not exist.
 */
int weir_set(const char *output, const char *value, int64_t for_ns, FILE *messages);
/** @brief Print what the guard holds: one output, or all (NULL). 0; 1: no guard is running; 3: it does not hold that one. */
int weir_get(const char *output, FILE *stream, FILE *messages, enum weir_format format);
/**
 * @brief Park an output, or all (NULL): those that the guard holds, and those that it held when it was killed. A pipeline that
 * has one of them loses it and ends.
 * @param release then let go of it, so that another program may have the line, as soon as no rule needs it any more: a
 * min_off=, break= or starts= that is running.
 * @return as weir_set().
 */
int weir_park(const char *output, bool release, FILE *messages);

/**
 * @brief The nearest of `n` words to a misspelt one, by edit distance (transposition counts one), or NULL when none is near:
 * the distance must be at most a third of the longer word, rounded up. A word that differs in case alone is nearest.
 */
const char *weir_nearest(const char *word, size_t length, const char *const *words, size_t n);

/** A question to the catalogue of chips. Members that are NULL or false: the default. */
struct weir_setup_request {
	const char *word;   /**< a chip, or a word to search for; NULL: all chips */
	const char *root;   /**< directory of the system, such as a mounted SD card; NULL: this system */
	const char *config; /**< path of config.txt; NULL: boot/firmware/config.txt or boot/config.txt below `root` */
	bool is_applied;    /**< append the chip's line to config.txt, and keep the old file as config.txt.weir-N */
};

/**
 * @brief Print the chips of the catalogue, those with a word, or for one chip its line for config.txt, the driver in the kernel's
 * lists of modules, the device in sysfs and a program. No module is loaded, no bus accessed. Any thread.
 * @return 0; 1: config.txt cannot be changed; 2: no such chip; 3: the device is missing, or there is no config.txt to change.
 */
int weir_setup(const struct weir_setup_request *request, FILE *stream, FILE *messages, enum weir_format format);

/** @brief Look at this machine: kernel features by trying them, permissions, devices, and what mends each. 0, or 1 when
 *  something that weir cannot do without is missing. */
int weir_doctor(FILE *stream, enum weir_format format);

/**
 * @brief The same for what one program needs: its devices, modules, filters, outputs and clock, with what it writes to disk a day.
 * Nothing is started. @param options as for weir_open(), whose messages become findings.
 * @return 0; 1: a need is not met; 2 (wrong program) or 3 (device missing) as weir_open().
 */
int weir_doctor_program(const char *text, const char *name, const struct weir_options *options, FILE *stream,
			enum weir_format format);

#ifdef __cplusplus
}
#endif
#endif
