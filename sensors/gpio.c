/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Edges of a GPIO line. A row is the kernel's own struct gpio_v2_line_event, so nothing is copied or translated on the way
 * into the ring.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "devices/gpio_line.h"
#include "devices/gpio_pulses.h"
#include "weir/driver.h"

#define LATE_MS 2 /* an event may come so much later than its edge */

struct edges {
	struct weir_gpio_pulses_args args;
	int wanted, bias; /* as in the words */
	bool initial, active_low, realtime;
	uint32_t buffer; /* events that the kernel holds */
	struct weir_gpio gpio;
	int fd;              /* -1 before start */
	uint32_t next_seqno; /* of the line; the kernel begins with 1 */
	bool begins;         /* with a record of the level as it stands */
	bool has_begun, has_first;
	int64_t asked_ns;                /* before the line was requested, by the clock that stamps the edges */
	struct gpio_v2_line_event first; /* an edge that was read to learn the level before it */
	bool has_warned;
	bool is_pulled; /* counted or filtered: `pulses` does all but finding the line */
	struct weir_gpio_pulses pulses;
};

enum { EDGES_BOTH, EDGES_RISING, EDGES_FALLING };
static const char *const edge_words[] = { "both", "rising", "falling", NULL };
static const char *const clock_words[] = { "monotonic", "realtime", NULL };

static const struct weir_param params[] = {
	WEIR_P_WORD("edges", struct edges, wanted, "both", edge_words,
		    "edges that make a record, or that count= counts; with count= rising unless given"),
	WEIR_P_BOOL("initial", struct edges, initial, "yes",
		    "with edges=both, begin with a record of the level at the start"),
	WEIR_P_DURATION("debounce", struct edges, args.debounce_ns, NULL,
			"debounce time: a level counts after it has been stable for this time", .min = 1e-6,
			.max = 4000),
	WEIR_P_DURATION("count", struct edges, args.count_ns, NULL, "period of records with the number of edges",
			.min = 1e-3, .max = 86400),
	WEIR_P_DURATION("glitch", struct edges, args.glitch_ns, NULL,
			"shortest pulse of either level; shorter ones are dropped with both edges", .min = 1e-6,
			.max = 3600),
	WEIR_P_DURATION("pulse_min", struct edges, args.pulse_min_ns, NULL, "shortest pulse of level 1", .min = 1e-9,
			.max = 86400),
	WEIR_P_DURATION("pulse_max", struct edges, args.pulse_max_ns, NULL, "longest pulse of level 1", .min = 1e-9,
			.max = 86400),
	WEIR_P_WORD("bias", struct edges, bias, "as-is", weir_gpio_bias_words, "the pin's internal resistor"),
	WEIR_P_BOOL("active_low", struct edges, active_low, NULL, "the low voltage is level 1"),
	WEIR_P_WORD("clock", struct edges, realtime, "monotonic", clock_words, "clock of the time stamps"),
	WEIR_P_INT("buffer", struct edges, buffer, "1024", "edges that the kernel keeps for weir", .min = 1,
		   .max = 1024),
	{ .name = NULL },
};

static struct weir_field event_field(const char *name, enum weir_kind kind, size_t at)
{
	struct weir_field field = { .kind = kind, .at = (uint32_t)at, .bytes = 4, .bits = 32, .scale = 1 };

	strcpy(field.name, name);
	return field;
}

static void describe_event(struct weir_schema *out, enum weir_clock clock)
{
	weir_schema_init(out, clock);
	out->row_bytes = sizeof(struct gpio_v2_line_event);
	out->t.at = offsetof(struct gpio_v2_line_event, timestamp_ns);
	out->n_fields = 2;
	out->field[0] = event_field("level", WEIR_BOOL, offsetof(struct gpio_v2_line_event, id));
	/* id is 1 for rising and 2 for falling: (id - 2) * -1 is the level. */
	out->field[0].offset = -GPIO_V2_LINE_EVENT_FALLING_EDGE;
	out->field[0].scale = -1;
	/* So few values that conditions on it can be pushed down; the kernel has no others. */
	out->field[0].bits = 2;
	out->field[1] = event_field("line_seq", WEIR_INT, offsetof(struct gpio_v2_line_event, line_seqno));
}

/* One word for those of a record and, with count=, for those that count; a pulse is one rising edge. */
static int wanted_edges(const struct edges *edges, const struct weir_node *node)
{
	return edges->args.count_ns && !weir_given(node, &edges->wanted) ? EDGES_RISING : edges->wanted;
}

static int open_pulses(struct edges *edges, struct weir_node *node, struct weir_schema *out)
{
	static const uint32_t which[] = {
		[EDGES_BOTH] = WEIR_PULSE_RISING | WEIR_PULSE_FALLING,
		[EDGES_RISING] = WEIR_PULSE_RISING,
		[EDGES_FALLING] = WEIR_PULSE_FALLING,
	};

	edges->is_pulled = true;
	return weir_gpio_pulses_open(&edges->pulses, &edges->gpio, node, &edges->args, which[wanted_edges(edges, node)],
				     out);
}

/* A level is no edge: it stands beside edges of both kinds, and not for one of them, a pulse or a number. */
static int decide_initial(struct edges *edges, struct weir_node *node)
{
	bool fits = wanted_edges(edges, node) == EDGES_BOTH && !edges->args.count_ns && !edges->args.pulse_min_ns &&
		    !edges->args.pulse_max_ns;

	edges->begins = fits && edges->initial;
	if (!fits && weir_given(node, &edges->initial) && edges->initial)
		return weir_fail_arg(node, "initial", "leave it out, or the other argument",
				     "initial= needs edges=both, without count=, pulse_min= and pulse_max=");
	return 0;
}

static int gpio_open(struct weir_node *node, struct weir_schema *out)
{
	struct edges *edges = weir_state(node);
	int err = decide_initial(edges, node);

	if (err < 0)
		return err;
	edges->fd = -1;
	edges->next_seqno = 1;
	describe_event(out, edges->realtime ? WEIR_CLOCK_REALTIME : WEIR_CLOCK_MONOTONIC);
	err = weir_gpio_open(&edges->gpio, node);
	return err || !weir_gpio_pulses_wanted(&edges->args) ? err : open_pulses(edges, node, out);
}

static enum gpiod_line_edge edges_to_ask_for(const struct edges *edges, const struct weir_node *node)
{
	static const enum gpiod_line_edge edge[] = {
		[EDGES_BOTH] = GPIOD_LINE_EDGE_BOTH,
		[EDGES_RISING] = GPIOD_LINE_EDGE_RISING,
		[EDGES_FALLING] = GPIOD_LINE_EDGE_FALLING,
	};

	/* A pulse has two edges, whichever of them makes the record. */
	return edge[edges->is_pulled && edges->pulses.job.filters ? EDGES_BOTH : wanted_edges(edges, node)];
}

static struct gpiod_line_settings *input_settings(const struct edges *edges, const struct weir_node *node)
{
	struct gpiod_line_settings *settings = gpiod_line_settings_new();

	if (!settings)
		return NULL;
	gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_INPUT);
	gpiod_line_settings_set_edge_detection(settings, edges_to_ask_for(edges, node));
	gpiod_line_settings_set_bias(settings, weir_gpio_bias(edges->bias));
	gpiod_line_settings_set_active_low(settings, edges->active_low);
	gpiod_line_settings_set_debounce_period_us(settings, (unsigned long)(edges->args.debounce_ns / 1000));
	gpiod_line_settings_set_event_clock(settings,
					    edges->realtime ? GPIOD_LINE_CLOCK_REALTIME : GPIOD_LINE_CLOCK_MONOTONIC);
	return settings;
}

static int gpio_start(struct weir_node *node, bool unread)
{
	struct edges *edges = weir_state(node);
	struct gpiod_line_settings *settings = input_settings(edges, node);
	int err;

	(void)unread; /* no filter takes events away from the loop */
	edges->asked_ns = weir_now(weir_out(node)->clock);
	err = edges->is_pulled ? weir_gpio_pulses_start(&edges->pulses, node, settings, edges->buffer)
			       : weir_gpio_request(&edges->gpio, node, settings, edges->buffer);
	gpiod_line_settings_free(settings);
	if (err || edges->is_pulled)
		return err;
	edges->fd = gpiod_line_request_get_fd(edges->gpio.request);
	/* libgpiod makes it blocking, and a blocking descriptor never completes a multishot read. */
	if (fcntl(edges->fd, F_SETFL, fcntl(edges->fd, F_GETFL) | O_NONBLOCK))
		return weir_fail(node, errno, "fcntl: %s", strerror(errno));
	return 0;
}

static int gpio_fd(const struct weir_node *node)
{
	const struct edges *edges = weir_state(node);

	if (edges->is_pulled)
		return -ENOTSUP;
	return edges->fd >= 0 ? edges->fd : -EAGAIN;
}

static int gpio_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct edges *edges = weir_state(node);

	return weir_gpio_pulses_produce(&edges->pulses, node, rows, wait);
}

/* An edge that is there already, or on its way: its direction; 0: there is none. It is kept for its place in the stream. */
static int first_edge(struct edges *edges, struct weir_node *node)
{
	struct pollfd request = { .fd = edges->fd, .events = POLLIN };

	if (edges->is_pulled)
		return weir_gpio_pulses_first(&edges->pulses, node, LATE_MS);
	if (poll(&request, 1, LATE_MS) <= 0 || !(request.revents & POLLIN))
		return 0;
	edges->has_first = read(edges->fd, &edges->first, sizeof(edges->first)) == (ssize_t)sizeof(edges->first);
	return edges->has_first ? (int)edges->first.id : 0;
}

/*
 * The line as it stood before the first edge, at a time that is before that of any edge. What is read is read with edges
 * being taken note of, so none can be missed between; an edge that has come by then tells what was before it.
 */
static int say_level(struct edges *edges, struct weir_node *node, struct gpio_v2_line_event *event)
{
	int now = gpiod_line_request_get_value(edges->gpio.request, edges->gpio.line.offset), edge;

	if (now < 0)
		return weir_fail_device(node, edges->gpio.title, "read the level of", errno, NULL);
	edge = first_edge(edges, node);
	if (edge < 0)
		return edge;
	if (edge)
		now = edge == GPIO_V2_LINE_EVENT_FALLING_EDGE;
	*event = (struct gpio_v2_line_event){
		.timestamp_ns = (uint64_t)edges->asked_ns,
		.id = now ? GPIO_V2_LINE_EVENT_RISING_EDGE : GPIO_V2_LINE_EVENT_FALLING_EDGE,
		.offset = edges->gpio.line.offset,
	};
	return 1;
}

static int gpio_initial(struct weir_node *node, void *row)
{
	struct edges *edges = weir_state(node);

	if (!edges->has_begun) {
		edges->has_begun = true;
		return edges->begins ? say_level(edges, node, row) : 0;
	}
	if (!edges->has_first)
		return 0;
	edges->has_first = false;
	memcpy(row, &edges->first, sizeof(edges->first));
	return 1;
}

static int gpio_finish(struct weir_node *node, void *row)
{
	struct edges *edges = weir_state(node);

	return weir_gpio_pulses_finish(&edges->pulses, node, row);
}

/* The record that is none of the kernel's. Later a number of 0 is one that has wrapped. */
static bool is_initial(const struct edges *edges, const struct gpio_v2_line_event *event)
{
	return !event->line_seqno && edges->next_seqno == 1;
}

static int gpio_landed(struct weir_node *node, const void *rows, uint32_t n)
{
	const struct gpio_v2_line_event *event = rows;
	struct edges *edges = weir_state(node);
	uint32_t lost = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (is_initial(edges, &event[i]))
			continue;
		lost += event[i].line_seqno - edges->next_seqno;
		edges->next_seqno = event[i].line_seqno + 1;
	}
	if (!lost)
		return 0;
	weir_lost(node, WEIR_LOST_DEVICE, lost);
	if (!edges->has_warned)
		weir_warn(node, "'%s' lost edges before weir could read them", edges->gpio.title);
	edges->has_warned = true;
	return 0;
}

static int gpio_alive(struct weir_node *node)
{
	struct edges *edges = weir_state(node);

	return weir_gpio_alive(&edges->gpio, node);
}

static void gpio_close(struct weir_node *node)
{
	struct edges *edges = weir_state(node);

	weir_gpio_release(&edges->gpio);
	if (edges->is_pulled)
		weir_gpio_pulses_close(&edges->pulses);
}

static const char *gpio_how(const struct weir_node *node)
{
	const struct edges *edges = weir_state(node);

	return edges->is_pulled ? edges->pulses.how : NULL;
}

static const struct weir_source_ops source = {
	.state_bytes = sizeof(struct edges),
	.open = gpio_open,
	.start = gpio_start,
	.fd = gpio_fd,
	.landed = gpio_landed,
	.alive = gpio_alive,
	.initial = gpio_initial,
	.finish = gpio_finish,
	.produce = gpio_produce,
	.close = gpio_close,
	.how = gpio_how,
	.devices = weir_gpio_tell_devices,
};

const struct weir_driver weir_sensor_gpio = {
	.name = "gpio",
	.doc = "edges of a GPIO line, by name or CHIP/OFFSET",
	.target = "LINE",
	.source_params = params,
	.source = &source,
};
