/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Play back what `record:FILE` or `csv:FILE` wrote: the same fields, the same times. How the file begins says which it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/pace.h"
#include "weir/reading.h"
#include "weir/record_file.h"
#include "weir/table.h"

enum { SPEED_1, SPEED_MAX };

struct replay {
	struct weir_table_args args;
	int speed;
	int64_t gap_ns;
	struct weir_table *table;          /**< of CSV; NULL: a recording */
	struct weir_record_reader *reader; /**< of a recording */
	struct weir_reading *reading;      /**< of a recording */
	struct weir_wall *wall;            /**< of a recording whose clock was not the realtime clock; or NULL */
	bool begins_again;                 /**< the session at hand: its clock began again */
	struct weir_schema recorded;
	uint32_t from[WEIR_FIELDS_MAX]; /**< recorded fields, by those that are delivered */
	struct weir_record_rows block;  /**< what is left of the block at hand */
	uint64_t missed;                /**< records that have been counted as lost */
	bool has_times;
	int64_t newest; /**< of the session, if it has times */
	bool is_paced;
	struct weir_pace pace;
};

/* ------------------------------------------------------------ what it reads */

static int add_field(struct weir_node *node, struct replay *replay, uint32_t from, struct weir_schema *out)
{
	const struct weir_field *field = &replay->recorded.field[from];
	int to = weir_schema_add(out, field->name, field->kind, field->unit, field->bytes);

	if (to < 0)
		return weir_fail_arg(node, NULL, NULL, "field '%s' is named twice", field->name);
	out->field[to].scale = field->scale;
	out->field[to].offset = field->offset;
	replay->from[to] = from;
	return 0;
}

static int choose_fields(struct weir_node *node, struct weir_schema *out)
{
	struct replay *replay = weir_state(node);
	uint32_t n, all = replay->recorded.n_fields;
	const char *const *names = weir_columns(node, &n);
	enum weir_clock clock = replay->recorded.clock;
	int err = 0;

	/* A replay is not live, whatever clock it was recorded by. */
	weir_schema_init(out, clock == WEIR_CLOCK_REALTIME || clock == WEIR_CLOCK_DATED ? WEIR_CLOCK_DATED
											: WEIR_CLOCK_NOMINAL);
	for (uint32_t i = 0; i < (n ? n : all) && !err; i++) {
		int from = n ? weir_schema_find(&replay->recorded, names[i]) : (int)i;

		err = from < 0 ? weir_fail_arg(node, NULL, NULL, "'%s' has no field '%s'", weir_target(node), names[i])
			       : add_field(node, replay, (uint32_t)from, out);
	}
	return err;
}

/* A recording says all about itself. */
static int refuse_form(struct weir_node *node)
{
	const struct replay *replay = weir_state(node);
	const struct {
		const char *name;
		const void *member;
	} of_csv[] = {
		{ "separator", &replay->args.separator }, { "header", &replay->args.header },
		{ "decimal", &replay->args.decimal },     { "comment", &replay->args.comment },
		{ "width", &replay->args.width },
	};

	for (size_t i = 0; i < sizeof(of_csv) / sizeof(of_csv[0]); i++)
		if (weir_given(node, of_csv[i].member))
			return weir_fail_arg(node, of_csv[i].name, NULL, "'%s' is a recording and no CSV",
					     weir_target(node));
	return 0;
}

static int open_record(struct weir_node *node, int fd, struct weir_schema *out)
{
	struct replay *replay = weir_state(node);
	int err;

	replay->reading = weir_reading_begin(fd);
	err = weir_record_reader_open(&replay->reader, fd, &replay->recorded);

	replay->is_paced = replay->speed == SPEED_1;
	if (err == -EBADMSG)
		return weir_fail(node, EBADMSG, "'%s' is damaged: nothing in it says what it holds", weir_target(node));
	if (err == -EPROTO)
		return weir_fail(node, EPROTO, "'%s' was recorded on a machine of the other byte order",
				 weir_target(node));
	if (err < 0)
		return err == -ENOMSG ? err : weir_fail_device(node, weir_target(node), "read", -err, NULL);
	if (weir_record_reader_has_offset(replay->reader)) {
		replay->wall = weir_wall_open();
		if (!replay->wall)
			return -ENOMEM;
	}
	if (refuse_form(node) < 0 || choose_fields(node, out) < 0)
		return -EINVAL;
	out->wall = out->clock == WEIR_CLOCK_NOMINAL ? replay->wall : NULL;
	return 0;
}

static int open_csv(struct weir_node *node, struct weir_schema *out)
{
	struct replay *replay = weir_state(node);
	struct weir_table_config config = {
		.time = "t",
		.unit = WEIR_UNIT_GUESS,
		.may_be_nominal = true,
		.is_paced = replay->speed == SPEED_1,
		.gap_ns = replay->gap_ns,
	};

	if (weir_table_form(node, &replay->args, &config) < 0)
		return -EINVAL;
	return weir_table_open(&replay->table, node, &config, out);
}

static int replay_open(struct weir_node *node, struct weir_schema *out)
{
	struct stat stat;
	int fd, err = -ENOMSG;

	fd = open(weir_target(node), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	/* What cannot be read at a place of one's choice is no recording. */
	if (fd >= 0 && !fstat(fd, &stat) && S_ISREG(stat.st_mode))
		err = open_record(node, fd, out);
	else if (fd >= 0)
		close(fd);
	return err == -ENOMSG ? open_csv(node, out) : err;
}

/* ------------------------------------------------------------------ records */

static int next_block(struct weir_node *node, struct replay *replay)
{
	struct weir_record_damage damage;
	int got = weir_record_reader_next(replay->reader, &replay->block);

	weir_record_reader_damage(replay->reader, &damage);
	weir_lost(node, WEIR_LOST_CUT, damage.records - replay->missed);
	replay->missed = damage.records;
	if (!got && damage.places)
		weir_warn(node,
			  "%" PRIu64 " bytes in %" PRIu64 " places were damaged and passed over, and with them %" PRIu64
			  " records that are known of",
			  damage.bytes, damage.places, damage.records);
	if (got < 0)
		return weir_fail_device(node, weir_target(node), "read", -got, NULL);
	if (got && replay->block.begins)
		replay->pace.has_begun = false; /* between two sessions nobody waits */
	return got;
}

static int64_t time_of_row(const struct replay *replay, uint32_t i)
{
	int64_t t;

	memcpy(&t, (const char *)replay->block.rows + (size_t)i * replay->recorded.row_bytes + replay->recorded.t.at,
	       sizeof(t));
	return t;
}

/* Where the clock went on, nothing tells that the machine did not just pause: stages go on as well. */
static bool begins_again(struct weir_node *node, struct replay *replay)
{
	bool begins = replay->block.begins && replay->has_times && time_of_row(replay, 0) <= replay->newest;

	replay->has_times = replay->has_times && !begins;
	for (uint32_t i = 0; i < replay->block.n; i++) {
		int64_t t = time_of_row(replay, i);

		if (!replay->has_times || t > replay->newest)
			replay->newest = t;
		replay->has_times = true;
	}
	replay->begins_again = begins;
	return begins && weir_begin_session(node);
}

/* An offset that a later session begins with says nothing about the records before it, if its clock went on. */
static void take_offsets(struct replay *replay)
{
	for (uint32_t i = 0; replay->wall && i < replay->block.n_offsets; i++) {
		struct weir_wall_offset offset = replay->block.offset[i];

		if (replay->block.begins && !replay->begins_again && weir_wall_count(replay->wall) &&
		    offset.from_ns < time_of_row(replay, 0))
			offset.from_ns = time_of_row(replay, 0);
		weir_wall_add(replay->wall, &offset);
	}
	replay->block.n_offsets = 0;
}

static void copy_row(const struct weir_node *node, const char *from, char *to)
{
	const struct replay *replay = weir_state(node);
	const struct weir_schema *out = weir_out(node);

	memset(to, 0, out->row_bytes);
	memcpy(to + out->t.at, from + replay->recorded.t.at, sizeof(int64_t));
	for (uint32_t i = 0; i < out->n_fields; i++)
		memcpy(to + out->field[i].at, from + replay->recorded.field[replay->from[i]].at, out->field[i].bytes);
}

/* Rows of the block at hand that are due: 1; -EAGAIN with `wait` set when the next is not due yet. */
static int take_rows(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct replay *replay = weir_state(node);
	int64_t now = replay->is_paced ? weir_now(WEIR_CLOCK_MONOTONIC) : 0;
	int64_t t, due;

	while (weir_rows_next(rows) && replay->block.n) {
		const char *row = replay->block.rows;

		memcpy(&t, row + replay->recorded.t.at, sizeof(t));
		due = replay->is_paced ? weir_pace_due(&replay->pace, node, replay->gap_ns, t, now) : INT64_MIN;
		if (due > now) {
			*wait = (struct weir_wait){ .until_ns = due, .fd = -1 };
			return -EAGAIN;
		}
		copy_row(node, row, weir_rows_next(rows));
		weir_rows_add(rows);
		replay->block.rows = row + replay->recorded.row_bytes;
		replay->block.n--;
	}
	return 1;
}

static int replay_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct replay *replay = weir_state(node);

	if (replay->table)
		return weir_table_produce(replay->table, rows, wait);
	if (!replay->block.n) {
		int got = next_block(node, replay);

		if (got <= 0)
			return got;
		if (begins_again(node, replay))
			return 0;
	}
	take_offsets(replay);
	return take_rows(node, rows, wait);
}

static void replay_close(struct weir_node *node)
{
	struct replay *replay = weir_state(node);

	weir_table_close(replay->table);
	weir_record_reader_close(replay->reader);
	weir_wall_close(replay->wall);
	weir_reading_end(replay->reading);
}

static const char *const speed_words[] = { "1", "max", NULL };

static const struct weir_param params[] = {
	WEIR_P_WORD("speed", struct replay, speed, "1", speed_words,
		    "1: records at their recorded distances; max: full speed"),
	WEIR_PARAM_GAP(struct replay, gap_ns, "records that are further apart come without a pause"),
	WEIR_TABLE_PARAMS(struct replay, args),
	WEIR_PARAM_WIDTH(struct replay, args.width,
			 "of CSV: bytes of a text cell; longer text is cut at a character, and counted"),
	{ 0 }
};

static const struct weir_source_ops replay_ops = {
	.state_bytes = sizeof(struct replay),
	.open = replay_open,
	.produce = replay_produce,
	.has_sessions = true,
	.close = replay_close,
};

const struct weir_driver weir_bridge_replay = {
	.name = "replay",
	.doc = "records of a file of record:FILE or csv:FILE, with their times; [x,y] chooses fields",
	.target = "FILE",
	.source_params = params,
	.source = &replay_ops,
};
