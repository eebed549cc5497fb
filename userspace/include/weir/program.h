/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file program.h
 * @brief For drivers that run another program: start it, talk with it, and be rid of it in time.
 *
 * A command is run without a shell when it is plain words; with a character in it that means something to a shell it is
 * `/bin/sh -c COMMAND`. It runs in a process group of its own, with default signals, standard error as ours, and no descriptor but
 * the first three. When it ends, or is made to, whatever is left in its group is killed.
 *
 * Whoever waits here is let go when the run is to end: from then on programs have 0.8 s in all.
 */
#ifndef WEIR_PROGRAM_H
#define WEIR_PROGRAM_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Rows of the table of a driver that hands records to programs: `deadline` and `on_error`. `share` is a string literal, what one
 *  program gets: "its record". */
#define WEIR_PROGRAM_PARAMS(type, deadline, skips, share)                             \
	WEIR_P_DURATION("deadline", type, deadline, "10s",                            \
			"it is killed when it takes longer: for " share               \
			"; for a stream, to take records, and to end after the last", \
			.min = 0.001, .max = 86400),                                  \
		WEIR_PARAM_ON_ERROR(type, skips,                                      \
				    "when it fails or is killed: stop the run, or skip and count what it was given")

struct weir_program;

/**
 * @brief Understand a command; start nothing.
 * @param argument the parameter that holds it, for messages; NULL: the target.
 * @return 0, -ENOMEM, or what weir_fail_arg() returned: it is empty, or there is no such program. Free with
 * weir_program_close(), which takes NULL and kills what still runs.
 */
int weir_program_open(struct weir_program **out, struct weir_node *node, const char *argument,
		      const char *command) WEIR_MUST_CHECK;
void weir_program_close(struct weir_program *program);

#define WEIR_PROGRAM_PIPE (-1)    /**< its standard input is a pipe from us */
#define WEIR_PROGRAM_NOTHING (-2) /**< its standard input is at its end at once */

/**
 * @brief Start it. One at a time: the one before has ended.
 * @param in a descriptor that becomes its standard input, or one of the above.
 * @param is_read its standard output comes to us; else it is ours.
 * @param environment `NAME=value`, NULL-terminated, on top of our own; NULL: none.
 * @return 0 or -errno.
 */
int weir_program_start(struct weir_program *program, int in, bool is_read, char *const *environment) WEIR_MUST_CHECK;
bool weir_program_runs(const struct weir_program *program);
/** @brief Bytes that were written to it and that it has not read; 0 where that cannot be told. */
uint64_t weir_program_unread(const struct weir_program *program);

/** @brief Its standard output, for struct weir_wait; -1: it is not read, or at its end. */
int weir_program_fd(const struct weir_program *program);

/** What is to be written to it, and what has been read from it. Zeroed but for `out` and `room`, it is at the beginning. */
struct weir_exchange {
	const char *in;
	size_t n_in;         /**< goes down; what a program no longer reads is dropped */
	bool refused;        /**< it no longer reads */
	char *out;           /**< room + 1 bytes */
	size_t begin, n_out; /**< unread bytes are from `begin` to `n_out` */
	size_t room;         /**< and so the longest line */
	bool skips;          /**< inside a line that was longer, and has been given, cut */
};

/**
 * @brief The next line, without its newline; may be written to, and lives until the next call or exchange.
 * @param all what has no newline is a line too: at the end of the output.
 * @return NULL: there is none, and there can be room for more.
 */
char *weir_exchange_line(struct weir_exchange *exchange, bool all, size_t *n);
/** @brief Make room by moving what is unread to the front. @return bytes of room; 0: lines must be taken first. */
size_t weir_exchange_room(struct weir_exchange *exchange);

/**
 * @brief Write and read what is possible, and wait until something is.
 * @param until_ns CLOCK_MONOTONIC; 0: do not wait.
 * @return 1: something was written or read; 0: its output is at its end (when it is not read: it has ended); -ETIMEDOUT;
 * -ECANCELED: the run is to end; -errno.
 */
int weir_program_exchange(struct weir_program *program, struct weir_exchange *exchange,
			  int64_t until_ns) WEIR_MUST_CHECK;

/** @brief It gets no more input: its standard input is at its end. */
void weir_program_finish(struct weir_program *program);

/**
 * @brief Wait for its end, and kill it when that does not come in time.
 * @return 0 when it exited with 0; its wait status, positive, when it did not; -ETIMEDOUT, -ECANCELED: it was killed.
 */
int weir_program_end(struct weir_program *program, int64_t until_ns) WEIR_MUST_CHECK;

/** @brief Be rid of it now: SIGTERM, and SIGKILL when it still runs `grace_ns` later. */
void weir_program_kill(struct weir_program *program, int64_t grace_ns);

/** @brief What has become of it, by such a result: "ended with status 2". Into `text`, of WEIR_PROGRAM_FATE bytes. */
#define WEIR_PROGRAM_FATE 80
void weir_program_describe(int result, char *text);

/** @brief The run is to end, and there is no more time for programs. */
bool weir_program_is_halted(const struct weir_program *program);

/**
 * @brief A program failed: count `lost` records as poison and say so; once, where failures are skipped.
 * @param result what a function above returned; not 0.
 * @return 0 when the run goes on, that is when failures are skipped or the run is to end anyway; else what weir_fail() returned.
 */
int weir_program_failed(struct weir_program *program, int result, uint64_t lost, bool skips) WEIR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
