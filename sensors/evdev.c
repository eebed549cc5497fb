/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Input devices of the kernel (evdev): buttons, rotary encoders, switches, remotes, and accelerometers whose driver is one of
 * these. With codes in brackets a record has their values after each packet; without, each event is a record.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "devices/input_device.h"
#include "weir/text.h"

#define EVENTS 64 /* read at once */

struct input {
	bool is_realtime, grabs;
	struct weir_input_device device;
	struct weir_input_state state;
	struct weir_input_code channel[WEIR_FIELDS_MAX];
	int64_t value[WEIR_FIELDS_MAX]; /* of the present packet */
	uint32_t n_channels;            /* 0: each event is a record */
	bool has_changed;               /* one of the channels, in this packet */
	struct input_event event[EVENTS];
	uint32_t n, at;                 /* events that were read; the next one */
	struct weir_input_values fresh; /* read after events were dropped */
	int repaired;                   /* how far the state is like them; -1: it is */
	bool has_warned;
	int failed; /* reported; what came before it is delivered first */
};

static const char *const clocks[] = { "monotonic", "realtime", NULL };

static const struct weir_param params[] = {
	WEIR_P_WORD("clock", struct input, is_realtime, "monotonic", clocks, "clock of the time stamps"),
	WEIR_P_BOOL("grab", struct input, grabs, "no", "exclusive use: no other program gets the events"),
	{ .name = NULL },
};

/* ---------------------------------------------------------------------- open */

static int input_add_channel(struct weir_node *node, struct weir_schema *out, const char *word)
{
	struct input *input = weir_state(node);
	struct weir_input_code code;
	char name[WEIR_NAME_MAX];
	bool is_level;

	if (!weir_input_parse_code(word, &code) || !weir_input_device_has(&input->device, code))
		return weir_input_fail_code(node, &input->device, word);
	if (code.type == EV_ABS && code.code >= ABS_MT_SLOT)
		return weir_fail_arg(node, NULL, "write input:DEVICE without brackets",
				     "'%s' has a value for each contact, and not one", word);
	snprintf(name, sizeof(name), "%s", word);
	if (strchr(name, ':'))
		*strchr(name, ':') = '_';
	is_level = code.type == EV_KEY || code.type == EV_SW;
	if (weir_schema_add(out, name, is_level ? WEIR_BOOL : WEIR_INT, "", 8) < 0)
		return weir_fail_arg(node, NULL, "name each code once, at most 64", "code '%s' cannot be added", word);
	input->channel[input->n_channels++] = code;
	return 0;
}

static int input_open(struct weir_node *node, struct weir_schema *out)
{
	struct input *input = weir_state(node);
	uint32_t n;
	const char *const *word = weir_columns(node, &n);
	int err = weir_input_device_open(&input->device, node);

	input->repaired = -1;
	if (err)
		return err;
	weir_schema_init(out, input->is_realtime ? WEIR_CLOCK_REALTIME : WEIR_CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < n && !err; i++)
		err = input_add_channel(node, out, word[i]);
	if (err || n)
		return err;
	weir_schema_add(out, "code", WEIR_TEXT, "", WEIR_INPUT_CODE_NAME);
	weir_schema_add(out, "value", WEIR_INT, "", 8);
	return 0;
}

static int input_fail(struct weir_node *node, const char *operation, int error)
{
	struct input *input = weir_state(node);

	return weir_fail_device(node, input->device.title, operation, error,
				error == ENODEV ? "it was unplugged, or its driver unloaded; connect it and start again"
				: error == EBUSY ? "another program has grabbed it; end that, or leave grab= away"
						 : NULL);
}

static int input_start(struct weir_node *node, bool unread)
{
	struct input *input = weir_state(node);
	int clock = input->is_realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC, err;

	(void)unread;
	if (ioctl(input->device.fd, EVIOCSCLOCKID, &clock))
		return input_fail(node, "set the clock of", errno);
	if (input->grabs && ioctl(input->device.fd, EVIOCGRAB, 1))
		return input_fail(node, "grab", errno);
	/* Events from before the start, and the SYN_DROPPED that a change of the clock puts in their place. */
	while (read(input->device.fd, input->event, sizeof(input->event)) > 0)
		;
	err = weir_input_device_read(&input->device, &input->state.values);
	if (err)
		return input_fail(node, "read the state of", -err);
	for (uint32_t i = 0; i < input->n_channels; i++) {
		int index = weir_input_index(input->channel[i]);

		input->value[i] = index < 0 ? 0 : input->state.values.of[index];
	}
	return 0;
}

/* --------------------------------------------------------------------- events */

static void input_write(const struct weir_schema *schema, uint32_t field, char *row, int64_t value)
{
	memcpy(row + schema->field[field].at, &value, sizeof(value));
}

static void input_write_time(const struct weir_schema *schema, const struct input_event *event, char *row)
{
	int64_t t = (int64_t)event->input_event_sec * INT64_C(1000000000) + (int64_t)event->input_event_usec * 1000;

	memset(row, 0, schema->row_bytes);
	memcpy(row + schema->t.at, &t, sizeof(t));
}

static void input_write_event(struct weir_node *node, struct weir_rows *rows, const struct input_event *event,
			      struct weir_input_code code, int32_t value)
{
	const struct weir_schema *schema = weir_out(node);
	char *row = weir_rows_next(rows), name[WEIR_INPUT_CODE_NAME];

	input_write_time(schema, event, row);
	weir_input_print_code(code, name, sizeof(name));
	weir_text_put(row + schema->field[0].at, WEIR_INPUT_CODE_NAME, name, strlen(name));
	input_write(schema, 1, row, value);
	weir_rows_add(rows);
}

/* Relative changes and messages belong to their packet alone; the rest stays. */
static void input_write_packet(struct weir_node *node, struct weir_rows *rows, const struct input_event *event)
{
	struct input *input = weir_state(node);
	char *row = weir_rows_next(rows);

	input_write_time(weir_out(node), event, row);
	for (uint32_t i = 0; i < input->n_channels; i++) {
		input_write(weir_out(node), i, row, input->value[i]);
		if (weir_input_index(input->channel[i]) < 0)
			input->value[i] = 0;
	}
	weir_rows_add(rows);
	input->has_changed = false;
}

static void input_take(struct input *input, struct weir_input_code code, int32_t value)
{
	for (uint32_t i = 0; i < input->n_channels; i++) {
		if (input->channel[i].type != code.type || input->channel[i].code != code.code)
			continue;
		input->value[i] = code.type == EV_REL ? input->value[i] + value : value;
		input->has_changed = true;
	}
}

/* Events that were read before the state are older than it, and would undo it. */
static void input_discard(struct weir_node *node)
{
	struct input *input = weir_state(node);

	for (; input->n > input->at; input->n--)
		if (input->event[input->n - 1].type != EV_SYN)
			weir_lost(node, WEIR_LOST_DEVICE, 1);
}

static int input_resync(struct weir_node *node)
{
	struct input *input = weir_state(node);
	int err;

	input_discard(node);
	err = weir_input_device_read(&input->device, &input->fresh);
	input->repaired = 0;
	if (!input->has_warned)
		weir_warn(node,
			  "the kernel dropped events of '%s', which came faster than they were read; its state was "
			  "read again",
			  input->device.title);
	input->has_warned = true;
	return err ? input_fail(node, "read the state of", -err) : 0;
}

/* Each difference as an event, as far as there is room; in a record of their own where codes are chosen. */
static void input_repair(struct weir_node *node, struct weir_rows *rows, const struct input_event *event)
{
	struct input *input = weir_state(node);

	while (input->repaired >= 0 && weir_rows_next(rows)) {
		int index = weir_input_repair(&input->state, &input->fresh, input->repaired);

		input->repaired = index < 0 ? -1 : index + 1;
		if (index < 0 && input->has_changed)
			input_write_packet(node, rows, event);
		if (index < 0)
			return;
		if (input->n_channels)
			input_take(input, weir_input_code_at(index), input->state.values.of[index]);
		else
			input_write_event(node, rows, event, weir_input_code_at(index), input->state.values.of[index]);
	}
}

static int input_take_event(struct weir_node *node, struct weir_rows *rows, const struct input_event *event)
{
	struct input *input = weir_state(node);
	struct weir_input_code code = { event->type, event->code };

	switch (weir_input_push(&input->state, event)) {
	case WEIR_INPUT_EVENT:
		if (!input->n_channels)
			input_write_event(node, rows, event, code, event->value);
		else if (event->type != EV_KEY || event->value != 2)
			input_take(input, code, event->value);
		return 0;
	case WEIR_INPUT_REPORT:
		if (input->has_changed)
			input_write_packet(node, rows, event);
		return 0;
	case WEIR_INPUT_DROPPED:
		weir_lost(node, WEIR_LOST_DEVICE, 1);
		return 0;
	case WEIR_INPUT_RESYNC:
		return input_resync(node);
	case WEIR_INPUT_NOTHING:
		break;
	}
	return 0;
}

static int input_read(struct weir_node *node)
{
	struct input *input = weir_state(node);
	ssize_t got = read(input->device.fd, input->event, sizeof(input->event));

	input->n = input->at = 0;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (got < 0)
		return input_fail(node, "read", errno);
	if (!got || got % (ssize_t)sizeof(*input->event))
		return input_fail(node, "read whole events of", EIO);
	input->n = (uint32_t)(got / (ssize_t)sizeof(*input->event));
	return 0;
}

static int input_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct input *input = weir_state(node);
	int err = input->failed;

	*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = input->device.fd };
	while (!err && weir_rows_next(rows)) {
		if (input->repaired >= 0)
			input_repair(node, rows, &input->event[input->at - 1]);
		else if (input->at == input->n)
			err = input_read(node);
		else
			err = input_take_event(node, rows, &input->event[input->at++]);
	}
	input->failed = err == -EAGAIN ? 0 : err;
	return rows->n ? 1 : err ? err : -EAGAIN;
}

static void input_close(struct weir_node *node)
{
	struct input *input = weir_state(node);

	weir_input_device_close(&input->device);
}

static const struct weir_source_ops source = {
	.state_bytes = sizeof(struct input),
	.open = input_open,
	.start = input_start,
	.produce = input_produce,
	.close = input_close,
	.devices = weir_input_tell_devices,
};

const struct weir_driver weir_sensor_evdev = {
	.name = "input",
	.doc = "input device: buttons, encoders, switches, remotes, by name, eventN or path",
	.target = "DEVICE[CODE,…]",
	.source_params = params,
	.source = &source,
};
