/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file payload.h
 * @brief For drivers that carry records in messages: records as JSON, CSV, Influx's line protocol or compact binary, and back.
 *
 * A record is written as one message. A message that is read may hold several: JSON objects one after the other or in an array,
 * lines of CSV, binary records. docs/brokers.md has the binary form.
 */
#ifndef WEIR_PAYLOAD_H
#define WEIR_PAYLOAD_H

#include "weir/answer.h"
#include "weir/output.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const char *const weir_payload_written_words[], *const weir_payload_read_words[];

/** The arguments of a writer, a member of the driver's state. */
struct weir_payload_writer_args {
	int format; /**< as in the words */
	enum weir_time_form time;
};

/** Rows of the parameter table of who writes. */
#define WEIR_PAYLOAD_WRITER_PARAMS(type, member)                                                                    \
	WEIR_P_WORD("format", type, member.format, "json", weir_payload_written_words,                              \
		    "of a message: json, an object; csv, values with commas between; influx, line protocol; text, " \
		    "a text field as it is; binary, compact, see docs/brokers.md"),                                 \
		WEIR_P_WORD("time", type, member.time, "ns", weir_time_words,                                       \
			    "form of a record's time; none: left out")

/** The arguments of a reader, a member of the driver's state. */
struct weir_payload_reader_args {
	const char *out;   /**< declared fields; NULL: none */
	int format;        /**< as in the words */
	uint32_t width;    /**< bytes of a text cell that does not say */
	bool has_own_time; /**< time=own */
	bool stops;        /**< on_error=stop */
};

/** Rows of the parameter table of who reads. */
#define WEIR_PAYLOAD_READER_PARAMS(type, member)                                                                       \
	WEIR_P_TEXT("out", type, member.out, NULL,                                                                     \
		    "fields of a message: \"label:text, score\"; kinds real (default), int, bool, text"),              \
		WEIR_P_WORD("format", type, member.format, NULL, weir_payload_read_words,                              \
			    "of a message: json, objects; csv, lines, with or without a header; text, the message is " \
			    "one value; binary, as weir writes it. By default json with out=, else text"),             \
		WEIR_ANSWER_PARAM_WIDTH(type, member.width),                                                           \
		WEIR_P_WORD("time", type, member.has_own_time, "arrival", weir_payload_time_words,                     \
			    "time of a record: its arrival, or own: its column or member t, in ns"),                   \
		WEIR_P_WORD("on_error", type, member.stops, "skip", weir_payload_error_words,                          \
			    "malformed message: skip the rest of it and count it, or stop the run")

extern const char *const weir_payload_time_words[], *const weir_payload_error_words[];

/* Writing: one thread. */
struct weir_payload_writer;

/** @brief By the arguments of a node, for records of weir_in(). @return 0, -ENOMEM, or what weir_fail_arg() returned. Free with
 *  weir_payload_writer_close(), which takes NULL. */
int weir_payload_writer_open(struct weir_payload_writer **out, struct weir_node *node,
			     const struct weir_payload_writer_args *args) WEIR_MUST_CHECK;
/** @brief The same for JSON of a schema, which must outlive it, with the time written in that form; reads no arguments. */
int weir_payload_writer_open_json(struct weir_payload_writer **out, const struct weir_schema *schema,
				  enum weir_time_form time) WEIR_MUST_CHECK;
void weir_payload_writer_close(struct weir_payload_writer *writer);
/** @brief Bytes that a message takes at most. */
size_t weir_payload_max(const struct weir_payload_writer *writer);
/** @brief One record as a message of that many bytes at most. @return bytes; 0: it cannot be expressed. */
size_t weir_payload_write(struct weir_payload_writer *writer, char *to, const struct weir_block *block, uint32_t row);

/* Reading: one thread. */
struct weir_payload_reader;

/**
 * @brief By the arguments of a node; starts the schema of weir_out(), to which the driver may add fields of its own: they are
 * left alone, for the driver to fill in.
 * @return 0, -ENOMEM, or what weir_fail_arg() returned. Free with weir_payload_reader_close(), which takes NULL.
 */
int weir_payload_reader_open(struct weir_payload_reader **out, struct weir_node *node,
			     const struct weir_payload_reader_args *args, struct weir_schema *schema) WEIR_MUST_CHECK;
void weir_payload_reader_close(struct weir_payload_reader *reader);
/** @brief Begin with a message: it is changed in the process, bytes[n] too, and must stay until it has been read. */
void weir_payload_begin(struct weir_payload_reader *reader, char *bytes, size_t n, int64_t t);
/** @brief Its next record, into a block with room. @return 1; 0: there is no more; -EINVAL: malformed, and no more of it. */
int weir_payload_next(struct weir_payload_reader *reader, struct weir_block *block) WEIR_MUST_CHECK;
/** @brief Is nothing left of the message? What looks like more can still turn out to be nothing. */
bool weir_payload_at_end(struct weir_payload_reader *reader);
/** @brief What was wrong with the last malformed message. */
const char *weir_payload_why(const struct weir_payload_reader *reader);
/** @brief Should the run end at a malformed message? */
bool weir_payload_stops(const struct weir_payload_reader *reader);

#ifdef __cplusplus
}
#endif
#endif
