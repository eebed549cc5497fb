/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices on a serial port: lines of text, NMEA sentences, or binary frames that the program describes. The time of a record is the
 * arrival of its last byte.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/serial_frame.h"
#include "devices/serial_nmea.h"
#include "devices/serial_port.h"
#include "weir/answer.h"

#define BUFFER_BYTES 8192
#define AGAIN_NS INT64_C(500000000) /* between two attempts to open a port that is gone */
#define QUIET_NS INT64_C(100000000)
#define USELESS_BYTES 1000 /* without one record, until the user hears of it */
#define QUIET_BITS 200     /* of silence before the first byte, so that it begins a line */

enum serial_form { SERIAL_LINES, SERIAL_NMEA, SERIAL_FRAMES };

struct serial {
	struct weir_serial_port port;
	bool is_nmea, skips;
	int64_t reconnect_ns;
	const char *frame, *length, *checksum;
	struct weir_answer_args answers;
	enum serial_form form;
	struct weir_frame_format format;
	struct weir_answer *answer;
	struct weir_block *block;
	bool is_torn;  /* inside a line whose beginning is missing */
	bool is_first; /* no byte has come since the port was opened */
	int64_t arrival_ns;
	int64_t gone_ns, again_ns; /* CLOCK_MONOTONIC: since when the port is gone; the next attempt */
	size_t n, at;              /* bytes in the buffer; the first that is unread */
	int failed;                /* reported; what came before it is delivered first */
	_Atomic uint64_t checksums, malformed, too_long, disconnections, overruns;
	_Atomic uint64_t skipped; /* bytes or lines that belong to no frame or sentence: not lost, but telling */
	bool has_found, has_warned;
	char how[256];
	uint8_t buffer[BUFFER_BYTES + 1]; /* weir_answer_line() writes behind a line */
};

static const char *const parities[] = { "none", "even", "odd", NULL };

static const struct weir_param params[] = {
	WEIR_P_INT("baud", struct serial, port.baud, "9600", "bits per second", .min = 50, .max = 4e6),
	WEIR_P_WORD("parity", struct serial, port.parity, "none", parities, "parity bit"),
	WEIR_P_INT("bits", struct serial, port.bits, "8", "data bits", .min = 5, .max = 8),
	WEIR_P_INT("stop", struct serial, port.stop, "1", "stop bits", .min = 1, .max = 2),
	WEIR_P_DURATION("reconnect", struct serial, reconnect_ns, "0", "time to wait for a port that was unplugged",
			.min = 0, .max = 1e9),
	WEIR_P_BOOL("nmea", struct serial, is_nmea, "no", "sentences of a GNSS receiver: RMC and GGA"),
	WEIR_P_TEXT("frame", struct serial, frame, NULL, "binary frames: the bytes that begin one, \"42 4d\""),
	WEIR_P_TEXT("length", struct serial, length, NULL, "bytes of a frame: 32, or u16be@2+4"),
	WEIR_P_TEXT("checksum", struct serial, checksum, NULL,
		    "checksum of a frame: none sum8 neg8 xor8 sum16 sum16le crc16, as in sum8 or sum8@8:2"),
	WEIR_ANSWER_PARAMS(struct serial, answers),
	WEIR_P_WORD("on_error", struct serial, skips, "skip", weir_on_error_words,
		    "at a malformed line, stop the run, or skip the line and count it"),
	{ .name = NULL },
};

/* ---------------------------------------------------------------------- open */

static int serial_open_nmea(struct weir_schema *out)
{
	static const struct {
		const char *name, *unit;
	} reals[] = { { "utc", "s" },      { "latitude", "deg" }, { "longitude", "deg" }, { "speed", "m/s" },
		      { "course", "deg" }, { "altitude", "m" },   { "hdop", "" },         { "satellites", "" } };

	weir_schema_init(out, WEIR_CLOCK_MONOTONIC);
	/* Expressions work on numbers: the sentence is a truth value. */
	weir_schema_add(out, "rmc", WEIR_BOOL, "", 8);
	weir_schema_add(out, "valid", WEIR_BOOL, "", 8);
	for (size_t i = 0; i < sizeof(reals) / sizeof(*reals); i++)
		weir_schema_add(out, reals[i].name, WEIR_REAL, reals[i].unit, 8);
	return 0;
}

static int serial_open_frames(struct weir_node *node, struct serial *serial, struct weir_schema *out)
{
	static const char *const names[4] = { "frame", "length", "checksum", "out" };
	const char *const texts[4] = { serial->frame, serial->length, serial->checksum, serial->answers.out };
	char why[WEIR_FRAME_WHY];
	const char *which;

	weir_schema_init(out, WEIR_CLOCK_MONOTONIC);
	if (!weir_frame_parse(&serial->format, out, texts, &which, why))
		return 0;
	for (size_t i = 0; i < 4; i++)
		if (!texts[i] && which && !strcmp(which, names[i]))
			which = NULL;
	return weir_fail_arg(node, which, "as in frame=\"42 4d\" length=32 checksum=sum16 out=\"pm25=u16be@12\"", "%s",
			     why);
}

static int serial_choose_form(struct weir_node *node, struct serial *serial)
{
	bool is_frame = serial->frame || serial->length || serial->checksum;

	serial->form = serial->is_nmea ? SERIAL_NMEA : is_frame ? SERIAL_FRAMES : SERIAL_LINES;
	if (serial->is_nmea && (is_frame || serial->answers.out || weir_given(node, &serial->answers.form)))
		return weir_fail_arg(node, "nmea", "leave one of them out",
				     "nmea has fields of its own: no frame=, length=, checksum=, out=, output=");
	if (is_frame && weir_given(node, &serial->answers.form))
		return weir_fail_arg(node, "output", "leave one of the two out",
				     "output= is about lines, and not frames");
	return 0;
}

static int serial_open(struct weir_node *node, struct weir_schema *out)
{
	struct serial *serial = weir_state(node);
	int err = weir_serial_find(&serial->port, node);

	if (!err)
		err = serial_choose_form(node, serial);
	if (err)
		return err;
	if (serial->form == SERIAL_NMEA)
		return serial_open_nmea(out);
	if (serial->form == SERIAL_FRAMES)
		return serial_open_frames(node, serial, out);
	err = weir_answer_open(&serial->answer, node, &serial->answers, out, WEIR_CLOCK_MONOTONIC, false);
	return err ? err : weir_block_open(&serial->block, weir_out(node));
}

static void serial_begin(struct serial *serial)
{
	serial->is_first = serial->is_torn = true;
	serial->n = serial->at = 0;
}

static int serial_start(struct weir_node *node, bool unread)
{
	struct serial *serial = weir_state(node);
	int err = weir_serial_open(&serial->port);

	(void)unread;
	serial_begin(serial);
	return err ? weir_serial_fail_open(&serial->port, node, err) : 0;
}

/* ---------------------------------------------------------------------- bytes */

static void serial_count(struct weir_node *node, _Atomic uint64_t *counter, enum weir_loss cause, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
	weir_lost(node, cause, n);
}

/* The first bytes of a line that is on its way when the port is opened are missing. After a silence they are not. */
static void serial_judge_first(struct serial *serial)
{
	int64_t quiet = QUIET_BITS * INT64_C(1000000000) / serial->port.baud;

	quiet = quiet > QUIET_NS ? quiet : QUIET_NS;
	if (serial->is_first)
		serial->is_torn = serial->arrival_ns - serial->port.opened_ns < quiet;
	serial->is_first = false;
}

/* 0: it is open again; -EAGAIN: not yet; -errno after a message. */
static int serial_reopen(struct weir_node *node)
{
	struct serial *serial = weir_state(node);
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);
	int err;

	if (now - serial->gone_ns >= serial->reconnect_ns)
		return weir_fail_device(node, serial->port.path, "read", ENODEV,
					"it was unplugged; reconnect=1h waits for it, by a name of /dev/serial/by-id");
	if (now < serial->again_ns)
		return -EAGAIN;
	serial->again_ns = now + AGAIN_NS;
	err = weir_serial_open(&serial->port);
	/* Until udev has set its group, a port that is back may not be opened. */
	if (err)
		return -EAGAIN;
	weir_warn(node, "'%s' is back", serial->port.path);
	return 0;
}

static int serial_lose_port(struct weir_node *node)
{
	struct serial *serial = weir_state(node);

	weir_serial_close(&serial->port);
	/* What is left is the beginning of something whose end does not come. */
	if (serial->n > serial->at && !serial->is_torn)
		serial_count(node, &serial->malformed, WEIR_LOST_CUT, 1);
	serial_begin(serial);
	atomic_fetch_add_explicit(&serial->disconnections, 1, memory_order_relaxed);
	serial->gone_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	serial->again_ns = serial->gone_ns + AGAIN_NS;
	if (serial->reconnect_ns)
		weir_warn(node, "'%s' is gone; waiting for it to come back", serial->port.path);
	return serial_reopen(node);
}

static int serial_more(struct weir_node *node)
{
	struct serial *serial = weir_state(node);
	ssize_t got;

	if (serial->port.fd < 0)
		return serial_reopen(node);
	memmove(serial->buffer, serial->buffer + serial->at, serial->n - serial->at);
	serial->n -= serial->at;
	serial->at = 0;
	got = weir_serial_read(&serial->port, serial->buffer + serial->n, BUFFER_BYTES - serial->n);
	if (got == -EAGAIN)
		return -EAGAIN;
	if (got < 0)
		return serial_lose_port(node);
	serial->n += (size_t)got;
	serial->arrival_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	serial_judge_first(serial);
	serial_count(node, &serial->overruns, WEIR_LOST_DEVICE, weir_serial_lost(&serial->port, serial->arrival_ns));
	return 0;
}

/* ---------------------------------------------------------------------- lines */

/* A line that fills the buffer has no end that could be waited for. */
static void serial_drop_long_line(struct weir_node *node)
{
	struct serial *serial = weir_state(node);

	if (serial->n - serial->at < BUFFER_BYTES)
		return;
	serial->at = serial->n;
	if (!serial->is_torn)
		serial_count(node, &serial->too_long, WEIR_LOST_CUT, 1);
	serial->is_torn = true;
}

/* The next line that is whole and not empty, without its end; NULL: there is none. */
static char *serial_line(struct weir_node *node, size_t *n)
{
	struct serial *serial = weir_state(node);

	while (serial->at < serial->n) {
		uint8_t *line = serial->buffer + serial->at, *end = line, *stop = serial->buffer + serial->n;
		bool was_torn = serial->is_torn;

		while (end < stop && *end != '\n' && *end != '\r')
			end++;
		if (end == stop)
			break;
		*n = (size_t)(end - line);
		serial->at += *n + 1;
		serial->is_torn = false;
		if (*n && !was_torn)
			return (char *)line;
	}
	serial_drop_long_line(node);
	return NULL;
}

static int serial_take_text(struct weir_node *node, char *line, size_t n)
{
	struct serial *serial = weir_state(node);
	const char *why = "a byte is zero, as after a parity error";

	/* A byte of zero is one that arrived damaged. */
	if (!memchr(line, '\0', n)) {
		if (weir_answer_line(serial->answer, line, n, serial->block, serial->arrival_ns) >= 0)
			return 0;
		why = weir_answer_why(serial->answer);
	}
	serial_count(node, &serial->malformed, WEIR_LOST_CUT, serial->skips);
	return serial->skips ? 0 : weir_fail(node, EINVAL, "a line of '%s': %s", serial->port.path, why);
}

static int serial_take_lines(struct weir_node *node, struct weir_rows *rows)
{
	struct serial *serial = weir_state(node);
	char *line;
	size_t n;
	int err = 0;

	serial->block->n = 0;
	while (!err && !weir_block_is_full(serial->block) && serial->block->n < weir_rows_room(rows) &&
	       (line = serial_line(node, &n)))
		err = serial_take_text(node, line, n);
	weir_rows_put(rows, serial->block);
	return err;
}

/* ----------------------------------------------------------------------- NMEA */

/* Bytes at a wrong rate are still bytes. */
static void serial_warn_useless(struct weir_node *node, const char *what)
{
	struct serial *serial = weir_state(node);
	uint64_t skipped = atomic_load_explicit(&serial->skipped, memory_order_relaxed);

	if (serial->has_found || serial->has_warned || skipped < USELESS_BYTES)
		return;
	weir_warn(node, "%llu bytes of '%s' and not one %s: is baud= that of the device?", (unsigned long long)skipped,
		  serial->port.path, what);
	serial->has_warned = true;
}

static void serial_write_position(struct weir_node *node, struct weir_rows *rows, const struct weir_nmea *nmea)
{
	const struct serial *serial = weir_state(node);
	const struct weir_schema *schema = weir_out(node);
	const double reals[] = { nmea->utc,    nmea->latitude, nmea->longitude, nmea->speed,
				 nmea->course, nmea->altitude, nmea->hdop,      nmea->satellites };
	int64_t valid = nmea->is_valid, is_rmc = !strcmp(nmea->sentence, "RMC");
	char *row = weir_rows_next(rows);

	memcpy(row + schema->t.at, &serial->arrival_ns, sizeof(serial->arrival_ns));
	memcpy(row + schema->field[0].at, &is_rmc, sizeof(is_rmc));
	memcpy(row + schema->field[1].at, &valid, sizeof(valid));
	for (size_t i = 0; i < sizeof(reals) / sizeof(*reals); i++)
		memcpy(row + schema->field[2 + i].at, &reals[i], sizeof(reals[i]));
	weir_rows_add(rows);
}

static int serial_take_sentences(struct weir_node *node, struct weir_rows *rows)
{
	struct serial *serial = weir_state(node);
	struct weir_nmea nmea;
	char *line;
	size_t n;

	while (weir_rows_next(rows) && (line = serial_line(node, &n))) {
		switch (weir_nmea_read(line, n, &nmea)) {
		case WEIR_NMEA_POSITION:
			serial->has_found = true;
			serial_write_position(node, rows, &nmea);
			break;
		case WEIR_NMEA_CHECKSUM:
			serial_count(node, &serial->checksums, WEIR_LOST_CUT, 1);
			break;
		case WEIR_NMEA_MALFORMED:
			serial_count(node, &serial->malformed, WEIR_LOST_CUT, 1);
			break;
		case WEIR_NMEA_OTHER:
			serial->has_found = true;
			break;
		case WEIR_NMEA_NO_SENTENCE:
			atomic_fetch_add_explicit(&serial->skipped, n, memory_order_relaxed);
			break;
		}
	}
	serial_warn_useless(node, "sentence");
	return 0;
}

/* --------------------------------------------------------------------- frames */

static void serial_write_frame(struct weir_node *node, struct weir_rows *rows, const uint8_t *frame)
{
	const struct serial *serial = weir_state(node);
	const struct weir_schema *schema = weir_out(node);
	char *row = weir_rows_next(rows);

	memcpy(row + schema->t.at, &serial->arrival_ns, sizeof(serial->arrival_ns));
	weir_frame_write(&serial->format, schema, frame, row);
	weir_rows_add(rows);
}

static int serial_take_frames(struct weir_node *node, struct weir_rows *rows)
{
	struct serial *serial = weir_state(node);
	enum weir_frame_result result = WEIR_FRAME_WHOLE;

	while (weir_rows_next(rows) && result != WEIR_FRAME_PART) {
		size_t skip, length;

		result = weir_frame_find(&serial->format, serial->buffer + serial->at, serial->n - serial->at, &skip,
					 &length);
		serial->at += skip;
		atomic_fetch_add_explicit(&serial->skipped, skip, memory_order_relaxed);
		serial->has_found |= result == WEIR_FRAME_WHOLE;
		if (result == WEIR_FRAME_WHOLE)
			serial_write_frame(node, rows, serial->buffer + serial->at);
		serial->at += length;
		if (result == WEIR_FRAME_CHECKSUM)
			serial_count(node, &serial->checksums, WEIR_LOST_CUT, 1);
		if (result == WEIR_FRAME_LENGTH)
			serial_count(node, &serial->malformed, WEIR_LOST_CUT, 1);
	}
	/* For the loss of the port: what waits is the beginning of a frame. */
	serial->is_torn = serial->n == serial->at;
	serial_warn_useless(node, "frame");
	return 0;
}

/* -------------------------------------------------------------------- produce */

static int serial_take(struct weir_node *node, struct weir_rows *rows)
{
	const struct serial *serial = weir_state(node);

	if (serial->form == SERIAL_NMEA)
		return serial_take_sentences(node, rows);
	return serial->form == SERIAL_FRAMES ? serial_take_frames(node, rows) : serial_take_lines(node, rows);
}

static int serial_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct serial *serial = weir_state(node);
	int err = serial->failed;

	while (!err && weir_rows_next(rows)) {
		err = serial_take(node, rows);
		if (err || rows->n)
			break;
		err = serial_more(node);
	}
	serial->failed = err == -EAGAIN ? 0 : err;
	*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = serial->port.fd };
	if (serial->port.fd < 0)
		wait->until_ns = serial->again_ns;
	return rows->n ? 1 : err ? err : -EAGAIN;
}

static void serial_append(struct serial *serial, const _Atomic uint64_t *counter, const char *what)
{
	size_t length = strlen(serial->how);
	uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);

	if (n)
		snprintf(serial->how + length, sizeof(serial->how) - length, "%s%llu %s", length ? ", " : "",
			 (unsigned long long)n, what);
}

static const char *serial_how(const struct weir_node *node)
{
	struct serial *serial = weir_state(node);

	*serial->how = '\0';
	serial_append(serial, &serial->checksums, "with a wrong checksum");
	serial_append(serial, &serial->malformed, "malformed or unfinished");
	serial_append(serial, &serial->too_long, "too long");
	serial_append(serial, &serial->overruns, "bytes lost by the hardware");
	serial_append(serial, &serial->skipped, "bytes between records");
	serial_append(serial, &serial->disconnections, "times unplugged");
	return *serial->how ? serial->how : NULL;
}

static void serial_close(struct weir_node *node)
{
	struct serial *serial = weir_state(node);

	/* Zeroed state, of an open() that was never called, has no descriptor. */
	if (serial->port.fd > 0)
		weir_serial_close(&serial->port);
	weir_answer_close(serial->answer);
	weir_block_close(serial->block);
}

static const struct weir_source_ops source = {
	.state_bytes = sizeof(struct serial),
	.open = serial_open,
	.start = serial_start,
	.produce = serial_produce,
	.close = serial_close,
	.how = serial_how,
	.devices = weir_serial_tell_devices,
};

const struct weir_driver weir_sensor_serial = {
	.name = "serial",
	.doc = "serial port: lines, NMEA sentences or binary frames",
	.target = "PORT",
	.source_params = params,
	.source = &source,
};
