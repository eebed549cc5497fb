/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tell what a push button says: presses that follow each other closely are one message, `.` for a short and `-` for a long one.
 *
 * A press is long once it has lasted for `long`, and the message is over there and then, unless `pattern` waits for more; else
 * it is over when the button has been up for `gap`. One record comes out for a message, with the time at which it was over:
 * `clicks`, its presses; `long`, whether the last one was; `pattern`, its dots and dashes. With `pattern=` only that one does.
 *
 * A button that is down in the first record counts from its next press. At the end of the stream a message is over, but not
 * one whose button is still down. NaN is neither up nor down and changes nothing.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "weir/watch.h"

#define PRESSES_MAX 15

struct click {
	const char *field_name;
	uint32_t field;
	int64_t gap, hold;
	const char *wanted; /* NULL: every message */
	bool has_begun, is_down;
	bool counts; /* the press that is going on is part of a message */
	int64_t due, now;
	uint32_t n;
	char pattern[PRESSES_MAX + 1];
	struct weir_block *out;
};

enum { CLICKS, LONG, PATTERN };

/* A pattern by its name, or written out. NULL: it is none. */
static const char *read_pattern(const char *text)
{
	static const char *const names[][2] = {
		{ "single", "." }, { "double", ".." }, { "triple", "..." }, { "long", "-" }
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i][0]))
			return names[i][1];
	return *text && strspn(text, ".-") == strlen(text) && strlen(text) <= PRESSES_MAX ? text : NULL;
}

static int add_fields(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	weir_schema_init(out, in->clock);
	if (weir_schema_add(out, "clicks", WEIR_INT, "", 0) < 0 || weir_schema_add(out, "long", WEIR_BOOL, "", 0) < 0 ||
	    weir_schema_add(out, "pattern", WEIR_TEXT, "", PRESSES_MAX + 1) < 0)
		return weir_fail_arg(node, NULL, NULL, "no room for the fields of a click");
	return 0;
}

static int click_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct click *click = weir_state(node);
	int field = weir_watch_find(node, click->field_name, in), err;

	if (field < 0)
		return field;
	click->field = (uint32_t)field;
	click->due = INT64_MAX;
	click->now = INT64_MIN;
	if (click->wanted) {
		click->wanted = read_pattern(click->wanted);
		if (!click->wanted)
			return weir_fail_arg(node, "pattern", "single, double, triple, long, or as in pattern=\"..-\"",
					     "a pattern is up to %d dots and dashes", PRESSES_MAX);
	}
	err = add_fields(node, in, out);
	return err < 0 ? err : weir_block_open(&click->out, weir_out(node));
}

static void expect_tick(struct weir_node *node, struct click *click, int64_t span)
{
	click->due = weir_watch_later(click->now, span);
	weir_tick_at(node, click->due);
}

static void add_press(struct click *click, char kind)
{
	if (click->n < PRESSES_MAX)
		click->pattern[click->n++] = kind;
}

static bool may_go_on(const struct click *click)
{
	return click->wanted && strlen(click->wanted) > click->n && !memcmp(click->wanted, click->pattern, click->n);
}

static void end_message(struct click *click)
{
	struct weir_block *out = click->out;
	click->pattern[click->n] = 0;
	if (!click->wanted || !strcmp(click->wanted, click->pattern)) {
		uint32_t row = weir_block_add(out);

		out->t[row] = click->now;
		out->column[CLICKS].integer[row] = click->n;
		out->column[LONG].integer[row] = click->pattern[click->n - 1] == '-';
		memset(out->column[PATTERN].text + row * sizeof(click->pattern), 0, sizeof(click->pattern));
		memcpy(out->column[PATTERN].text + row * sizeof(click->pattern), click->pattern, click->n);
	}
	click->n = 0;
	click->counts = false;
}

static void press(struct weir_node *node, struct click *click)
{
	click->counts = true;
	expect_tick(node, click, click->hold);
}

/* One that is long has been told as such by its tick. */
static void release(struct weir_node *node, struct click *click)
{
	if (click->counts && click->due != INT64_MAX)
		add_press(click, '.');
	if (click->n)
		expect_tick(node, click, click->gap);
	click->counts = false;
}

static void consider(struct weir_node *node, struct click *click, int64_t t, double value)
{
	bool is_down = value != 0;

	click->now = weir_watch_now(click->now, t);
	if (isnan(value))
		return;
	if (click->has_begun && is_down && !click->is_down)
		press(node, click);
	else if (click->has_begun && !is_down && click->is_down)
		release(node, click);
	click->has_begun = true;
	click->is_down = is_down;
}

static int click_push(struct weir_node *node, const struct weir_block *in)
{
	struct click *click = weir_state(node);

	for (uint32_t i = 0; i < in->n; i++) {
		consider(node, click, in->t[i], weir_watch_value(in, click->field, i));
		if (i + 1 < in->n && in->t[i + 1] > click->due) {
			weir_took(node, i + 1);
			break;
		}
	}
	return 0;
}

static int emit(struct weir_node *node, struct click *click)
{
	int err = weir_emit(node, click->out);

	click->out->n = 0;
	return err;
}

static int click_tick(struct weir_node *node, int64_t now_ns)
{
	struct click *click = weir_state(node);

	click->due = INT64_MAX;
	click->now = now_ns;
	if (click->counts)
		add_press(click, '-');
	if (!click->counts || !may_go_on(click))
		end_message(click);
	return emit(node, click);
}

static int click_flush(struct weir_node *node)
{
	struct click *click = weir_state(node);

	click->now = weir_time_at_end(node, click->now);
	if (click->n && !click->is_down)
		end_message(click);
	return emit(node, click);
}

static void click_close(struct weir_node *node)
{
	struct click *click = weir_state(node);

	weir_block_close(click->out);
}

static const struct weir_param params[] = {
	WEIR_WATCH_PARAM(struct click, field_name),
	WEIR_P_DURATION("gap", struct click, gap, "300ms", "time with the button up that ends a message", .min = 1e-9,
			.max = 1e9),
	WEIR_P_DURATION("long", struct click, hold, "1s", "time with the button down that makes a press long",
			.min = 1e-9, .max = 1e9),
	WEIR_P_TEXT("pattern", struct click, wanted, NULL,
		    "the only message to report: single, double, triple, long, or dots and dashes such as \"..-\""),
	WEIR_PARAM_LATENESS,
	{ 0 }
};

static const struct weir_operator_ops click_ops = {
	.state_bytes = sizeof(struct click),
	.open = click_open,
	.push = click_push,
	.tick = click_tick,
	.flush = click_flush,
	.close = click_close,
	.is_brief = true,
};

const struct weir_driver weir_operator_click = {
	.name = "click",
	.doc = "single, double and long presses of a button, and patterns of them",
	.operator_params = params,
	.stage = &click_ops,
};
