/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file callee.h
 * @brief For drivers that run a C function (weir/call.h) in whatever role: finding it, its state, and values to it and from it.
 *
 * The driver's table has the parameters that WEIR_CALLEE_PARAMS lists. All functions are for open(), close() and the thread that
 * runs the node.
 */
#ifndef WEIR_CALLEE_H
#define WEIR_CALLEE_H

#include "weir/call.h"
#include "weir/driver.h"
#include "weir/members.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One use of a function. Zeroed state of a node will do as one that is not open. */
struct weir_callee {
	const struct weir_callee_args *args;
	const struct weir_call *function;
	void *state;
	uint32_t most;                 /**< records that it may give at a time */
	uint32_t n_in;                 /**< fields that it takes */
	int from[WEIR_FIELDS_MAX];     /**< by field that it takes: the stream's, or WEIR_FIELD_TIME */
	bool to_real[WEIR_FIELDS_MAX]; /**< the stream has an integer where the function takes a real */
	void *library;                 /**< NULL: the application gave the function */
	bool owns_state, has_begun;
};

/** Values by field, then by record. */
struct weir_callee_table {
	uint32_t n_fields;
	int64_t *t;
	union weir_call_value *column[WEIR_FIELDS_MAX];
};

/** The arguments of such a driver: a member of its state. */
struct weir_callee_args {
	const char *function, *arg;
	bool skips;                       /**< on_error=skip */
	struct weir_windows_args windows; /**< of drivers whose functions take windows */
	uint32_t width;                   /**< of drivers whose functions give text */
};

#define WEIR_CALLEE_PARAMS(type, member)                                                                         \
	WEIR_P_TEXT("function", type, member.function, NULL,                                                     \
		    "LIBRARY:FUNCTION, as in ./libmine.so:norm, or the name of a function that the application " \
		    "gives",                                                                                     \
		    .style = WEIR_POSITIONAL, .required = true),                                                 \
		WEIR_P_TEXT("arg", type, member.arg, NULL, "a text for the function's begin()"),                 \
		WEIR_PARAM_ON_ERROR(type, member.skips,                                                          \
				    "when the function fails: stop the run, or skip the records and count them")

/** The same for drivers whose functions take windows: see weir/members.h. */
#define WEIR_CALLEE_WINDOW_PARAMS(type, member)                                                           \
	WEIR_P_SPAN("window", type, member.windows.layout.size, NULL,                                     \
		    "window for a function of a list: a count of records, or a duration"),                \
		WEIR_P_SPAN("step", type, member.windows.layout.step, NULL,                               \
			    "from one window's start to the next; by default windows follow each other"), \
		WEIR_LAYOUT_PARAMS(type, member.windows.layout), WEIR_WINDOW_GAP_PARAM(type, member.windows.gap_ns)

/** The same for drivers whose functions give text. */
#define WEIR_CALLEE_WIDTH_PARAM(type, member) \
	WEIR_PARAM_WIDTH(                     \
		type, member.width,           \
		"bytes of text that the function gives, where it does not say; longer text is cut, and counted")

/**
 * @brief Find the function that the arguments name, and the fields that it takes in a stream.
 * @param args in the state of the node.
 * @param in NULL: it takes none, as a source.
 * @return 0, or what weir_fail_arg() returned.
 */
int weir_callee_open(struct weir_callee *callee, struct weir_node *node, const struct weir_callee_args *args,
		     const struct weir_schema *in) WEIR_MUST_CHECK;
/** @brief Append fields that it gives to a schema, as `text`, function->out or a part of it, declares them. 0 or as above. */
int weir_callee_declare(struct weir_node *node, const struct weir_callee_args *args, const char *text,
			struct weir_schema *out) WEIR_MUST_CHECK;
/** @brief The windows, where `window` is given: *members stays NULL where they are not. 0 or as above. */
int weir_callee_members(const struct weir_callee *callee, struct weir_node *node,
			struct weir_members **members) WEIR_MUST_CHECK;
/** @brief Make its state, as the last thing of open(). 0, -ENOMEM or as above. */
int weir_callee_begin(struct weir_callee *callee, struct weir_node *node) WEIR_MUST_CHECK;
void weir_callee_close(struct weir_callee *callee);

/** @brief Room for `room` records of `n_fields` fields. 0 or -ENOMEM. weir_callee_free() also after that. */
int weir_callee_table(struct weir_callee_table *table, uint32_t n_fields, uint32_t room) WEIR_MUST_CHECK;
void weir_callee_free(struct weir_callee_table *table);

/** @brief What a function of an element is given of a record: `value` has room for n_in. Texts stay in the block. */
void weir_callee_row(const struct weir_callee *callee, const struct weir_block *in, uint32_t row,
		     union weir_call_value *value);
/** @brief The same of all records of a block, for a function of a list. */
struct weir_call_list weir_callee_list(const struct weir_callee *callee, const struct weir_block *in,
				       const struct weir_callee_table *table);

/** @brief Write a value that it gave to a cell. Text that is too long is cut and counted. */
void weir_callee_put(struct weir_node *node, const struct weir_field *field, union weir_call_value value, void *cell);

/** @brief It returned less than zero for `records` records, or says that it gave more than it can have given: count, and
 *  0 under on_error=skip, else what weir_fail() returned. */
int weir_callee_failed(const struct weir_callee *callee, struct weir_node *node, int result, uint32_t records);

#ifdef __cplusplus
}
#endif
#endif
