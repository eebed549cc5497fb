/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file call.h
 * @brief For `call lib.so:function` as a stage, a source or a sink: an ordinary C function, with what it takes and gives, in a library
 * of its own. An application gives its functions to weir_open() or builds a graph of them: weir/weir.h, weir/graph.h.
 *
 *     #include <math.h>
 *     #include <weir/call.h>
 *
 *     static int norm(const union weir_call_value *in, union weir_call_value *out, void *state)
 *     {
 *             out[0].real = hypot(in[0].real, in[1].real);
 *             return 1;
 *     }
 *     WEIR_CALL(norm, .in = "x, y", .out = "norm", .element = norm);
 *
 *     cc -shared -fPIC -o libnorm.so norm.c -lm
 *     weir run 'synth:noise rate=10Hz | select x = value, y = 1 | call ./libnorm.so:norm | print'
 *
 * A function is called for one use in a program on one thread at a time. What it is given lives until it returns; text that it
 * gives must live until it is called again. It may allocate, and wait, though whoever waits downstream waits with it. A fault in
 * it ends the program: what is not trusted is run with the stage `exec`.
 */
#ifndef WEIR_CALL_H
#define WEIR_CALL_H

#include <stddef.h>
#include <stdint.h>

#define WEIR_CALL_VERSION 1

/** A value of one field, by the kind that was declared. */
union weir_call_value {
	double real;
	int64_t integer;  /**< int and bool */
	const char *text; /**< UTF-8, never NULL when given */
};

/** Records by column: column[f][i] is field f of record i. */
struct weir_call_list {
	uint32_t n;    /**< records; of a result 0 before, and what the function sets */
	uint32_t room; /**< of a result: records that fit */
	int64_t *t;    /**< times in ns; of a result set before, see weir_call.list */
	union weir_call_value **column;
};

/**
 * What a library exports for each function, as `weir_call_NAME`. Everything but `version`, `bytes` and one of `element` and `list`
 * may be left out.
 *
 * Fields are written `x, n:int, is_hot:bool, label:text:32`: kinds real (where none is told), int, bool and text, the latter with
 * its bytes. Input fields are found in the stream by their names; a real takes integers and truth values too. `t:int`, before all
 * others, is the record's time in ns.
 *
 * As a stage, a function of an element chooses records where `out` is NULL: one for which it returns 1 goes on as it is, one for
 * which it returns 0 does not. An `out` that begins with `+` adds its fields to the record's own. Neither has an end().
 *
 * As a source it is given nothing, and -ENODATA is the end of its stream. As a sink it gives nothing, `out` being NULL or a list
 * without room, and -EAGAIN means that it could not take the records just now and wants to be given them again.
 */
struct weir_call {
	uint32_t version; /**< WEIR_CALL_VERSION */
	uint32_t bytes;   /**< sizeof(struct weir_call) */
	const char *in, *out;

	/** Called for each record: `in` by field; `out` is record 0, followed by record 1 … up to `most`. Results have the record's
	 *  time. Returns how many records it gives: 0 for none, at most `most`; negative: this record cannot be used. */
	int (*element)(const union weir_call_value *in, union weir_call_value *out, void *state);

	/**
	 * Called for a list of records: what has arrived just now, in pieces of any size, or with `window=` a window. Sets out->n,
	 * at most `most` for each record of a list, or for a window. Times of results are set before: those of the records in turn,
	 * or the window's; the function may set later ones. 0, or negative: these records cannot be used.
	 */
	int (*list)(const struct weir_call_list *in, struct weir_call_list *out, void *state);

	/** At the end of the stream, before done(): what is still to come, at most `most`; times are set to the last record's. */
	int (*end)(struct weir_call_list *out, void *state);

	uint32_t most; /**< 0 means 1; at most 1024 */

	size_t state_bytes;                              /**< of `state`, zeroed before begin() */
	int (*begin)(void *state, const char *argument); /**< `argument` is that of `arg=`, or ""; negative: refused */
	void (*done)(void *state);                       /**< also when begin() has refused */
};

/** @brief Export a function under a name: `WEIR_CALL(norm, .in = …, .element = …);` */
#define WEIR_CALL(name, ...)                            \
	extern const struct weir_call weir_call_##name; \
	__attribute__((visibility("default")))          \
	const struct weir_call weir_call_##name = { WEIR_CALL_VERSION, sizeof(struct weir_call), __VA_ARGS__ }

#endif
