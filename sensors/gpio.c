/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Edges of a GPIO line. A row is the kernel's own struct gpio_v2_line_event, so nothing is copied or translated on the way
 * into the ring.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <string.h>

#include "devices/gpio_line.h"
#include "devices/gpio_pulses.h"
#include "weir/driver.h"

struct edges {
	struct weir_gpio gpio;
	int fd;              /* -1 before start */
	uint32_t next_seqno; /* of the line; the kernel begins with 1 */
	bool has_warned;
	bool is_pulled; /* counted or filtered: `pulses` does all but finding the line */
	struct weir_gpio_pulses pulses;
};

enum { EDGES_BOTH, EDGES_RISING, EDGES_FALLING };
static const char *const edge_words[] = { "both", "rising", "falling", NULL };
static const char *const clock_words[] = { "monotonic", "realtime", NULL };

static const struct weir_param params[] = {
	{ .name = "edges",
	  .value = WEIR_V_WORD,
	  .fallback = "both",
	  .words = edge_words,
	  .help = "edges that make a record; of a count, those that count: rising unless given" },
	{ .name = "debounce",
	  .value = WEIR_V_DURATION,
	  .min = 1e-6,
	  .max = 4000,
	  .help = "a level counts when it has been stable for so long" },
	{ .name = "count",
	  .value = WEIR_V_DURATION,
	  .min = 1e-3,
	  .max = 86400,
	  .help = "make a record of how many edges there were, each time this is over" },
	{ .name = "glitch",
	  .value = WEIR_V_DURATION,
	  .min = 1e-6,
	  .max = 3600,
	  .help = "pulses of either level that are shorter are dropped, with both edges" },
	{ .name = "pulse_min",
	  .value = WEIR_V_DURATION,
	  .min = 1e-9,
	  .max = 86400,
	  .help = "of pulses of level 1, only those at least so long" },
	{ .name = "pulse_max",
	  .value = WEIR_V_DURATION,
	  .min = 1e-9,
	  .max = 86400,
	  .help = "of pulses of level 1, only those at most so long" },
	{ .name = "bias",
	  .value = WEIR_V_WORD,
	  .fallback = "as-is",
	  .words = weir_gpio_bias_words,
	  .help = "the pin's internal resistor" },
	{ .name = "active_low", .value = WEIR_V_BOOL, .help = "the low voltage is level 1" },
	{ .name = "clock",
	  .value = WEIR_V_WORD,
	  .fallback = "monotonic",
	  .words = clock_words,
	  .help = "clock that stamps the edges" },
	{ .name = "buffer",
	  .value = WEIR_V_INT,
	  .fallback = "1024",
	  .min = 1,
	  .max = 1024,
	  .help = "edges that the kernel keeps for weir" },
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
static int wanted_edges(const struct weir_node *node)
{
	if (weir_arg_given(node, "count") && !weir_arg_given(node, "edges"))
		return EDGES_RISING;
	return (int)weir_arg_int(node, "edges");
}

static int open_pulses(struct edges *edges, struct weir_node *node, struct weir_schema *out)
{
	static const uint32_t which[] = {
		[EDGES_BOTH] = WEIR_PULSE_RISING | WEIR_PULSE_FALLING,
		[EDGES_RISING] = WEIR_PULSE_RISING,
		[EDGES_FALLING] = WEIR_PULSE_FALLING,
	};

	edges->is_pulled = true;
	return weir_gpio_pulses_open(&edges->pulses, &edges->gpio, node, which[wanted_edges(node)], out);
}

static int gpio_open(struct weir_node *node, struct weir_schema *out)
{
	struct edges *edges = weir_state(node);
	int err;

	edges->fd = -1;
	edges->next_seqno = 1;
	describe_event(out, weir_arg_int(node, "clock") ? WEIR_CLOCK_REALTIME : WEIR_CLOCK_MONOTONIC);
	err = weir_gpio_open(&edges->gpio, node);
	return err || !weir_gpio_pulses_wanted(node) ? err : open_pulses(edges, node, out);
}

static enum gpiod_line_edge edges_to_ask_for(const struct edges *edges, const struct weir_node *node)
{
	static const enum gpiod_line_edge edge[] = {
		[EDGES_BOTH] = GPIOD_LINE_EDGE_BOTH,
		[EDGES_RISING] = GPIOD_LINE_EDGE_RISING,
		[EDGES_FALLING] = GPIOD_LINE_EDGE_FALLING,
	};

	/* A pulse has two edges, whichever of them makes the record. */
	return edge[edges->is_pulled && edges->pulses.job.filters ? EDGES_BOTH : wanted_edges(node)];
}

static struct gpiod_line_settings *input_settings(const struct edges *edges, const struct weir_node *node)
{
	struct gpiod_line_settings *settings = gpiod_line_settings_new();

	if (!settings)
		return NULL;
	gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_INPUT);
	gpiod_line_settings_set_edge_detection(settings, edges_to_ask_for(edges, node));
	gpiod_line_settings_set_bias(settings, weir_gpio_bias(node));
	gpiod_line_settings_set_active_low(settings, weir_arg_int(node, "active_low"));
	gpiod_line_settings_set_debounce_period_us(settings, (unsigned long)(weir_arg_int(node, "debounce") / 1000));
	gpiod_line_settings_set_event_clock(settings, weir_arg_int(node, "clock") ? GPIOD_LINE_CLOCK_REALTIME
										  : GPIOD_LINE_CLOCK_MONOTONIC);
	return settings;
}

static int gpio_start(struct weir_node *node, bool unread)
{
	struct edges *edges = weir_state(node);
	struct gpiod_line_settings *settings = input_settings(edges, node);
	size_t events = (size_t)weir_arg_int(node, "buffer");
	int err;

	(void)unread; /* no filter takes events away from the loop */
	err = edges->is_pulled ? weir_gpio_pulses_start(&edges->pulses, node, settings, events)
			       : weir_gpio_request(&edges->gpio, node, settings, events);
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

static int gpio_produce(struct weir_node *node, void *rows, uint32_t max, struct weir_wait *wait)
{
	struct edges *edges = weir_state(node);

	return weir_gpio_pulses_produce(&edges->pulses, node, rows, max, wait);
}

static int gpio_landed(struct weir_node *node, const void *rows, uint32_t n)
{
	const struct gpio_v2_line_event *event = rows;
	struct edges *edges = weir_state(node);
	uint32_t lost = 0;

	for (uint32_t i = 0; i < n; i++) {
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
