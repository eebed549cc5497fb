/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file channels.h
 * @brief For authors of operators that work on some fields of each record and let the others pass: filters, detectors, models.
 *
 * A channel is one field, or one expression, that such a stage works on: those that its argument `fields` names or, where it
 * names none, every REAL and INT field. `demean 500 x` puts its result in the place of x; `demean 500 d = x` and
 * `demean 500 m = x*x + y*y` leave x as it is and append a field.
 *
 * What a stage remembers of a NaN it would never forget. So only records whose channels are all finite reach it; any other is
 * poison: left out and counted, or the end of the run, as `on_error` has it.
 *
 *     weir_channels_open(&state->channels, node, &state->args) in open()
 *     weir_channels_replace(state->channels, out, true)        where each value becomes another one
 *     weir_channels_read(state->channels, in, &block)          in push()
 *     block.column[channel->to].real[i] = f(channel->x[i])     for each channel and record
 */
#ifndef WEIR_CHANNELS_H
#define WEIR_CHANNELS_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What weir_channels_open() takes: a member of the driver's state. */
struct weir_channels_args {
	struct weir_bindings fields;
	bool stops; /**< on_error=stop */
};

/** The parameter of weir_channels_open_any(), a struct weir_bindings: an entry of the driver's table. */
#define WEIR_CHANNELS_FIELDS(type, member)                                                                  \
	WEIR_P_FIELDS("fields", type, member,                                                               \
		      "fields: x, or m = x*x for an additional field; default: every number in the record", \
		      .style = WEIR_POSITIONAL)

/** The parameters of weir_channels_open(), a struct weir_channels_args. */
#define WEIR_CHANNELS_PARAMS(type, member) \
	WEIR_CHANNELS_FIELDS(type, member.fields), WEIR_CHANNELS_PARAM_ON_ERROR(type, member.stops)

/** The second of them alone, a bool, for a stage that calls its fields otherwise. */
#define WEIR_CHANNELS_PARAM_ON_ERROR(type, member)                            \
	WEIR_P_WORD("on_error", type, member, "skip", weir_channels_on_error, \
		    "when one of them is NaN or infinite: skip the record and count it, or stop the run")

extern const char *const weir_channels_on_error[];

struct weir_channel {
	char name[WEIR_NAME_MAX];
	char unit[WEIR_UNIT_MAX];
	int from;                     /**< field of the input; -1: an expression */
	const struct weir_expr *expr; /**< NULL: a field that was not named */
	uint32_t to;                  /**< field of the output; set by weir_channels_replace() */
	const double *x;              /**< the values; set by weir_channels_read() until it is called again */
	double *computed;             /**< room for those that are no REAL field */
};

struct weir_channels {
	struct weir_node *node;
	uint32_t n;
	struct weir_channel channel[WEIR_FIELDS_MAX];
	bool takes_any;                 /**< what is not finite reaches the stage too */
	bool stops;                     /**< on_error=stop */
	uint32_t n_passed;              /**< fields of the input that are in the output, at the same index */
	bool replaced[WEIR_FIELDS_MAX]; /**< by field of the output: has a column of the stage's own */
	struct weir_block *result;      /**< those columns; NULL without weir_channels_ready() */
	struct weir_block *usable;      /**< the records that are left where some are poison */
	uint32_t *index;                /**< of those */
};

/**
 * @brief Find the channels of a node.
 * @return 0; -EINVAL after a report: a text, a name twice, no number in the record; -ENOMEM. Free with weir_channels_close(), which takes NULL, also after a failure.
 */
int weir_channels_open(struct weir_channels **out, struct weir_node *node,
		       const struct weir_channels_args *args) WEIR_MUST_CHECK;
void weir_channels_close(struct weir_channels *channels);

/** @brief The same for a stage that has other parameters of WEIR_V_FIELDS: channels in the order of `lists`, which ends in NULL. */
int weir_channels_open_from(struct weir_channels **out, struct weir_node *node,
			    const struct weir_bindings *const *lists, bool stops) WEIR_MUST_CHECK;

/**
 * @brief All that a stage needs which turns each value into another of the same unit, and has a meaning for NaN and infinities:
 * every record reaches it. Opens, makes the schema and the columns; results as of those functions.
 */
int weir_channels_open_any(struct weir_channels **out, struct weir_node *node, const struct weir_bindings *fields,
			   struct weir_schema *schema) WEIR_MUST_CHECK;
/** @brief Append to a schema a field of another, with all that it says of its values. @return as weir_schema_add(). */
int weir_schema_pass(struct weir_schema *schema, const struct weir_field *from);

/**
 * @brief Make the schema of a stage that leaves all fields as they are and appends its own.
 * @return 0; -EINVAL after a report.
 */
int weir_channels_pass(struct weir_channels *channels, struct weir_schema *schema) WEIR_MUST_CHECK;

/**
 * @brief Make the schema of a stage that turns each channel's value into another REAL, and the columns for them.
 * @param schema the node's output, as its open() got it.
 * @param keeps_unit is a result in its channel's unit? Otherwise it has none.
 * @return 0; -EINVAL after a report when a field more does not fit; -ENOMEM.
 */
int weir_channels_replace(struct weir_channels *channels, struct weir_schema *schema, bool keeps_unit) WEIR_MUST_CHECK;

/**
 * @brief Append a field of the stage's own to its output, of 8 bytes.
 * @return its index; -EINVAL after a report.
 */
int weir_channels_append(struct weir_channels *channels, struct weir_schema *schema, const char *name,
			 enum weir_kind kind, const char *unit) WEIR_MUST_CHECK;

/** @brief The columns of the output: when its schema is complete. Not for a stage whose records are not its input's. 0 or -ENOMEM. */
int weir_channels_ready(struct weir_channels *channels) WEIR_MUST_CHECK;

/**
 * @brief The usable records of a block, and each channel's values in `x`.
 * @param out the records: the input's columns and, where the output has others, the stage's own. Valid as long as `in` is.
 * @return 0; -EINVAL after a report where there is poison and on_error=stop.
 */
int weir_channels_read(struct weir_channels *channels, const struct weir_block *in,
		       struct weir_block *out) WEIR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
