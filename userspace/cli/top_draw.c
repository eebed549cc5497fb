/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line for each node, indented below the node that it reads; below it its fields. */
#include <stdlib.h>
#include <string.h>

#include "top.h"

#define DEPTH_MAX 12
#define TEXT_MIN 16
#define NUMBERS 47 /* columns right of the text */

struct drawing {
	struct top *top;
	const json_t *nodes;
	FILE *to;
	unsigned lines; /* drawn so far */
};

/* One line, as wide as the terminal; none beyond its height. */
static void draw_line(struct drawing *drawing, const char *text)
{
	unsigned width = 0;

	if (drawing->top->height && drawing->lines + 1 >= drawing->top->height)
		return;
	drawing->lines++;
	for (; *text; text++) {
		width += ((unsigned char)*text & 0xc0) != 0x80;
		if (width > drawing->top->width)
			break;
		fputc(*text, drawing->to);
	}
	fputs(drawing->top->height ? "\033[K\r\n" : "\n", drawing->to);
}

static int draw_id(const json_t *node)
{
	return (int)json_integer_value(json_object_get(node, "id"));
}

static long long draw_lost(const json_t *node)
{
	const json_t *n;
	const char *cause;
	long long sum = 0;

	json_object_foreach((json_t *)json_object_get(node, "lost"), cause, n) sum += json_integer_value(n);
	return sum;
}

/* `text`, in `width` columns. */
static void draw_padded(char *out, size_t bytes, const char *text, unsigned width)
{
	size_t at = 0;
	unsigned n = 0;

	for (; *text && at + 1 < bytes; text++) {
		if (((unsigned char)*text & 0xc0) != 0x80 && n++ == width)
			break;
		out[at++] = *text;
	}
	for (; n < width && at + 1 < bytes; n++)
		out[at++] = ' ';
	out[at] = '\0';
}

static void draw_fill(const json_t *node, char *out, size_t bytes)
{
	const json_t *ring = json_object_get(node, "ring");
	double capacity = running_number(ring, "capacity");

	*out = '\0';
	if (capacity > 0)
		snprintf(out, bytes, "%.0f%%", 100 * running_number(ring, "unread") / capacity);
}

static void draw_output(struct drawing *drawing, const json_t *output, unsigned depth)
{
	char line[256];

	snprintf(line, sizeof(line), "%*s= %g, %s, held by %s, %lld actuations, %lld refused, %lld parked",
		 (int)(2 * depth + 2), "", running_number(output, "value"),
		 json_is_true(json_object_get(output, "live")) ? "live" : "parked",
		 json_string_value(json_object_get(output, "held_by")),
		 (long long)json_integer_value(json_object_get(output, "actuations")),
		 (long long)json_integer_value(json_object_get(output, "refused")),
		 (long long)json_integer_value(json_object_get(output, "parked")));
	draw_line(drawing, line);
}

static void draw_value(const json_t *value, char *out, size_t bytes)
{
	if (json_is_integer(value))
		snprintf(out, bytes, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		snprintf(out, bytes, "%.6g", json_real_value(value));
	else if (json_is_boolean(value))
		snprintf(out, bytes, "%s", json_is_true(value) ? "true" : "false");
	else if (json_is_string(value))
		running_plain(out, bytes, json_string_value(value));
	else
		snprintf(out, bytes, "-");
}

static void draw_fields(struct drawing *drawing, const json_t *node, unsigned depth)
{
	const json_t *field;
	size_t i;

	json_array_foreach(json_object_get(node, "fields"), i, field)
	{
		char line[1024], name[64], unit[32], value[64], spark[4 * TOP_POINTS + 4];

		running_plain(name, sizeof(name), json_string_value(json_object_get(field, "name")));
		running_plain(unit, sizeof(unit), json_string_value(json_object_get(field, "unit")));
		draw_value(json_object_get(field, "value"), value, sizeof(value));
		top_spark_text(drawing->top, draw_id(node), name, spark, sizeof(spark));
		snprintf(line, sizeof(line), "%*s%s = %s%s%s  %s", (int)(2 * depth + 2), "", name, value,
			 *unit ? " " : "", unit, spark);
		draw_line(drawing, line);
	}
}

static void draw_node(struct drawing *drawing, const json_t *node, unsigned depth)
{
	unsigned width = drawing->top->width > NUMBERS + TEXT_MIN ? drawing->top->width - NUMBERS : TEXT_MIN;
	const char *name = json_string_value(json_object_get(node, "name"));
	size_t inputs = json_array_size(json_object_get(node, "inputs"));
	char text[512], shown[160], padded[2048], line[2304], fill[16], more[48] = "";

	running_plain(shown, sizeof(shown), json_string_value(json_object_get(node, "text")));
	if (inputs > 1)
		snprintf(more, sizeof(more), " (of %zu streams)", inputs);
	snprintf(text, sizeof(text), "%*s%.60s%s%s%s", (int)(2 * depth), "", name ? name : "", name ? " = " : "", shown,
		 more);
	draw_padded(padded, sizeof(padded), text, width);
	draw_fill(node, fill, sizeof(fill));
	snprintf(line, sizeof(line), "%s %11.1f %11.1f %6s %11lld", padded, running_number(node, "in_rate"),
		 running_number(node, "out_rate"), fill, draw_lost(node));
	draw_line(drawing, line);
	draw_fields(drawing, node, depth);
	if (json_object_get(node, "output"))
		draw_output(drawing, json_object_get(node, "output"), depth);
}

static int draw_first_input(const json_t *node)
{
	const json_t *input = json_array_get(json_object_get(node, "inputs"), 0);

	return input ? (int)json_integer_value(input) : -1;
}

/* Feedback closes a circle; it is not followed. */
static void draw_below(struct drawing *drawing, const json_t *parent, unsigned depth)
{
	const json_t *node;
	size_t i;

	draw_node(drawing, parent, depth);
	json_array_foreach(drawing->nodes, i, node) if (draw_first_input(node) == draw_id(parent) &&
							draw_id(node) > draw_id(parent) && depth < DEPTH_MAX)
		draw_below(drawing, node, depth + 1);
	else if (draw_first_input(node) == draw_id(parent) && draw_id(node) > draw_id(parent))
		draw_below(drawing, node, depth);
}

static void draw_tree(struct drawing *drawing)
{
	const json_t *node;
	size_t i;

	json_array_foreach(drawing->nodes, i,
			   node) if (draw_first_input(node) < 0 || draw_first_input(node) >= draw_id(node))
		draw_below(drawing, node, 0);
}

static int draw_by_rate(const void *a, const void *b)
{
	double left = running_number(*(json_t *const *)a, "in_rate");
	double right = running_number(*(json_t *const *)b, "in_rate");

	return (left < right) - (left > right);
}

static int draw_by_lost(const void *a, const void *b)
{
	long long left = draw_lost(*(json_t *const *)a), right = draw_lost(*(json_t *const *)b);

	return (left < right) - (left > right);
}

static void draw_sorted(struct drawing *drawing)
{
	size_t n = json_array_size(drawing->nodes);
	json_t **node = calloc(n + 1, sizeof(*node));

	for (size_t i = 0; node && i < n; i++)
		node[i] = json_array_get(drawing->nodes, i);
	if (node)
		qsort(node, n, sizeof(*node), drawing->top->order == TOP_RATE ? draw_by_rate : draw_by_lost);
	for (size_t i = 0; node && i < n; i++)
		draw_node(drawing, node[i], 0);
	free(node);
}

static void draw_head(struct drawing *drawing, const json_t *pipeline, size_t index, size_t count)
{
	static const char *const order[] = { "program", "rate", "losses" };
	unsigned width = drawing->top->width > NUMBERS + TEXT_MIN ? drawing->top->width - NUMBERS : TEXT_MIN;
	struct running_totals totals = running_totals(pipeline);
	char line[1280], uptime[32], padded[1024], state[32];

	running_duration(uptime, sizeof(uptime), running_number(pipeline, "uptime"));
	running_plain(state, sizeof(state), json_string_value(json_object_get(pipeline, "state")));
	snprintf(line, sizeof(line), "%s  pid %lld  %s  up %s  %.1f in/s  %.1f to sinks/s  %lld lost  [%zu of %zu]%s",
		 running_name(pipeline), (long long)json_integer_value(json_object_get(pipeline, "pid")), state, uptime,
		 totals.in_rate, totals.out_rate, totals.lost, index + 1, count,
		 drawing->top->is_paused ? "  PAUSED" : "");
	draw_line(drawing, line);
	if (drawing->top->height) {
		snprintf(line, sizeof(line), "q quit  space pause  s order: %s  n next pipeline",
			 order[drawing->top->order]);
		draw_line(drawing, line);
	}
	draw_padded(padded, sizeof(padded), "NODE", width);
	snprintf(line, sizeof(line), "%s %11s %11s %6s %11s", padded, "IN/s", "OUT/s", "RING", "LOST");
	draw_line(drawing, line);
}

void top_draw(struct top *top, const json_t *pipeline, size_t index, size_t count, FILE *to)
{
	struct drawing drawing = { .top = top, .nodes = json_object_get(pipeline, "nodes"), .to = to };

	draw_head(&drawing, pipeline, index, count);
	if (top->order == TOP_PROGRAM)
		draw_tree(&drawing);
	else
		draw_sorted(&drawing);
}
