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

#include "weir/record_file.h"
#include "weir/table.h"

struct replay {
	struct weir_table *table;          /**< of CSV; NULL: a recording */
	struct weir_record_reader *reader; /**< of a recording */
	struct weir_schema recorded;
	uint32_t from[WEIR_FIELDS_MAX]; /**< recorded fields, by those that are delivered */
	struct weir_record_rows block;  /**< what is left of the block at hand */
	uint64_t missed;                /**< records that have been counted as lost */
	bool is_paced, has_begun;
	int64_t first_t, start; /**< the session's first record, and when it was delivered */
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
	int err = 0;

	/* A replay is not live, whatever clock it was recorded by. */
	weir_schema_init(out, WEIR_CLOCK_NOMINAL);
	for (uint32_t i = 0; i < (n ? n : all) && !err; i++) {
		int from = n ? weir_schema_find(&replay->recorded, names[i]) : (int)i;

		err = from < 0 ? weir_fail_arg(node, NULL, NULL, "'%s' has no field '%s'", weir_target(node), names[i])
			       : add_field(node, replay, (uint32_t)from, out);
	}
	return err;
}

static int open_record(struct weir_node *node, int fd, struct weir_schema *out)
{
	struct replay *replay = weir_state(node);
	int err = weir_record_reader_open(&replay->reader, fd, &replay->recorded);

	replay->is_paced = weir_arg_int(node, "speed") == 0;
	if (err == -EBADMSG)
		return weir_fail(node, EBADMSG, "'%s' is damaged: nothing in it says what it holds", weir_target(node));
	if (err == -EPROTO)
		return weir_fail(node, EPROTO, "'%s' was recorded on a machine of the other byte order",
				 weir_target(node));
	if (err < 0)
		return err == -ENOMSG ? err : weir_fail_device(node, weir_target(node), "read", -err, NULL);
	return choose_fields(node, out);
}

static int open_csv(struct weir_node *node, struct weir_schema *out)
{
	struct replay *replay = weir_state(node);
	struct weir_table_config config = {
		.path = weir_target(node),
		.text_bytes = (uint32_t)weir_arg_int(node, "width"),
		.time = "t",
		.time_unit_ns = 1,
		.is_paced = weir_arg_int(node, "speed") == 0,
	};

	config.columns = weir_columns(node, &config.n_columns);
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
		replay->has_begun = false;
	return got;
}

/* When it is due, on the clock of this run. Between two sessions nobody waits. */
static int64_t due(struct replay *replay, int64_t t)
{
	if (!replay->has_begun) {
		replay->has_begun = true;
		replay->first_t = t;
		replay->start = weir_now(WEIR_CLOCK_MONOTONIC);
	}
	/* Unsigned: times that make no sense may wrap here, and are then delivered at some other time. */
	return (int64_t)((uint64_t)replay->start + (uint64_t)t - (uint64_t)replay->first_t);
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

/* Rows of the block at hand that are due, `max` at most; 0 with `wait` set when none is yet. */
static uint32_t take_rows(struct weir_node *node, char *rows, uint32_t max, struct weir_wait *wait)
{
	struct replay *replay = weir_state(node);
	int64_t now = replay->is_paced ? weir_now(WEIR_CLOCK_MONOTONIC) : 0, t;
	uint32_t n = 0;

	while (n < max && replay->block.n) {
		const char *row = replay->block.rows;

		memcpy(&t, row + replay->recorded.t.at, sizeof(t));
		if (replay->is_paced && due(replay, t) > now) {
			*wait = (struct weir_wait){ .until_ns = due(replay, t), .fd = -1 };
			break;
		}
		copy_row(node, row, rows + (size_t)n++ * weir_out(node)->row_bytes);
		replay->block.rows = row + replay->recorded.row_bytes;
		replay->block.n--;
	}
	return n;
}

static int replay_produce(struct weir_node *node, void *rows, uint32_t max, struct weir_wait *wait)
{
	struct replay *replay = weir_state(node);
	uint32_t n;

	if (replay->table)
		return weir_table_produce(replay->table, rows, max, wait);
	if (!replay->block.n) {
		int got = next_block(node, replay);

		if (got <= 0)
			return got;
	}
	n = take_rows(node, rows, max, wait);
	return n ? (int)n : -EAGAIN;
}

static void replay_close(struct weir_node *node)
{
	struct replay *replay = weir_state(node);

	weir_table_close(replay->table);
	weir_record_reader_close(replay->reader);
}

static const char *const speed_words[] = { "1", "max", NULL };

static const struct weir_param params[] = {
	{ .name = "speed",
	  .style = WEIR_KEY,
	  .value = WEIR_V_WORD,
	  .fallback = "1",
	  .words = speed_words,
	  .help = "1: records come at the distances at which they were recorded; max: as fast as they are taken" },
	WEIR_PARAM_WIDTH("of CSV: bytes of a text cell; longer text is cut at a character, and counted"),
	{ 0 }
};

static const struct weir_source_ops replay_ops = {
	.state_bytes = sizeof(struct replay),
	.open = replay_open,
	.produce = replay_produce,
	.close = replay_close,
};

const struct weir_driver weir_sensor_replay = {
	.name = "replay",
	.doc = "play back what record:FILE or csv:FILE wrote, with its times; [x,y] chooses fields",
	.target = "FILE",
	.source_params = params,
	.source = &replay_ops,
};
