// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From an edge of BUTTON to the same level on LAMP, in several designs, one after the other in each of some rounds:
 *
 *   c             a minimal program: wait for the edge, read it, set the line, all by libgpiod
 *   c-guard       the same, but it asks the guard for the line
 *   c-direct      the same, but it sets the line through the descriptor that the guard shares
 *   weir-alone    weir run --no-guard 'gpio:BUTTON | gpio:LAMP'
 *   weir-guard    weir run, by the guard
 *   weir-direct   weir run, with the guard and `direct`
 *   weir-stages   the same with three stages between
 *   weir-thread   weir-direct, but the stages have a thread of their own (--threads=1)
 *
 * The edge's time is taken just before the simulator is told of it, the line's is that of the kernel's trace event of the set.
 * In a guest with `scripts/rig run --counted` both are numbers of instructions, and not a matter of what else the machine does.
 *
 *   edge_latency [ROUNDS [EDGES]]
 */
#include <errno.h>
#include <gpiod.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "clock.h"
#include "core/guard_link.h"
#include "gpio_sim.h"

#define TRACE "/sys/kernel/tracing/"
#define MS 1000000ull
#define SAMPLES_MAX 100000

#define FROM_EDGE "gpio:BUTTON edges=both | "
#define STAGES "debounce 0ms level | where t > 0 | select on = level == 1 | "

enum design { C, C_GUARD, C_DIRECT, WEIR_ALONE, WEIR_GUARD, WEIR_DIRECT, WEIR_STAGES, WEIR_THREAD, DESIGNS };

static const struct {
	const char *name, *program, *option; /* program NULL: in C, here */
} designs[] = {
	[C] = { .name = "c" },
	[C_GUARD] = { .name = "c-guard" },
	[C_DIRECT] = { .name = "c-direct" },
	[WEIR_ALONE] = { "weir-alone", FROM_EDGE "gpio:LAMP", "--no-guard" },
	[WEIR_GUARD] = { "weir-guard", FROM_EDGE "gpio:LAMP deadline=10s", NULL },
	[WEIR_DIRECT] = { "weir-direct", FROM_EDGE "gpio:LAMP direct deadline=10s", NULL },
	[WEIR_STAGES] = { "weir-stages", FROM_EDGE STAGES "gpio:LAMP direct deadline=10s", NULL },
	[WEIR_THREAD] = { "weir-thread", FROM_EDGE "gpio:LAMP direct deadline=10s", "--threads=1" },
};

static struct {
	uint64_t took[SAMPLES_MAX];
	unsigned n, missed;
} result[DESIGNS];

static int failed(const char *what)
{
	fprintf(stderr, "edge_latency: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		failed(path);
	close(fd);
}

/* --- the responders in C ----------------------------------------------------------- */

static struct gpiod_line_request *request(const struct gpio_sim_line *line, bool output)
{
	struct gpiod_chip *chip = gpiod_chip_open(line->chip);
	struct gpiod_line_settings *settings = gpiod_line_settings_new();
	struct gpiod_line_config *config = gpiod_line_config_new();
	struct gpiod_line_request *taken;

	if (output)
		gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_OUTPUT);
	else
		gpiod_line_settings_set_edge_detection(settings, GPIOD_LINE_EDGE_BOTH);
	gpiod_line_config_add_line_settings(config, &line->offset, 1, settings);
	taken = gpiod_chip_request_lines(chip, NULL, config);
	if (!taken)
		failed("request");
	return taken;
}

static void take(struct weir_guard_link *link, struct weir_guard_grip *grip, const struct gpio_sim_line *lamp)
{
	struct weir_guard_request wanted = { .deadline_ns = 3600 * INT64_C(1000000000) };

	wanted.what.n = 1;
	wanted.what.offset[0] = lamp->offset;
	strcpy(wanted.what.title, "LAMP");
	snprintf(wanted.what.device, sizeof(wanted.what.device), "%.127s", lamp->chip);
	if (weir_guard_link_open(link, true) < 0 || weir_guard_link_hello(link, "edge_latency") < 0 ||
	    weir_guard_link_take(link, &wanted, -1, grip) < 0)
		failed("guard");
}

static void respond(enum design design)
{
	struct gpio_sim_line button, lamp;
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	struct gpiod_line_request *in, *out = NULL;
	struct gpiod_edge_event_buffer *events = gpiod_edge_event_buffer_new(1);

	if (gpio_sim_find("BUTTON", &button) || gpio_sim_find("LAMP", &lamp))
		failed("lines");
	if (design == C)
		out = request(&lamp, true);
	else
		take(&link, &grip, &lamp);
	in = request(&button, false);
	while (gpiod_line_request_wait_edge_events(in, -1) > 0 &&
	       gpiod_line_request_read_edge_events(in, events, 1) > 0) {
		struct gpiod_edge_event *event = gpiod_edge_event_buffer_get_event(events, 0);
		double level = gpiod_edge_event_get_event_type(event) == GPIOD_EDGE_EVENT_RISING_EDGE;

		if (design == C)
			gpiod_line_request_set_value(out, lamp.offset, level != 0);
		else if (design == C_DIRECT && weir_grip_set(&grip, &level) < 0)
			failed("set");
		if (design != C &&
		    weir_guard_link_ask(&link, &grip, &level, 0, design == C_DIRECT ? WEIR_ASK_IS_DONE : 0) < 0)
			failed("ask");
	}
}

static pid_t start(enum design design)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (!designs[design].program)
		respond(design);
	else
		execlp("weir", "weir", "run", "-q", designs[design].program, designs[design].option, NULL);
	_exit(1);
}

/* --- feeding and measuring ----------------------------------------------------------- */

static int is_watched(const struct gpio_sim_line *line)
{
	struct gpio_v2_line_info info;
	int chip = open(line->chip, O_RDONLY | O_CLOEXEC), ret = gpio_sim_describe(chip, line->offset, &info);

	close(chip);
	return !ret && (info.flags & GPIO_V2_LINE_FLAG_EDGE_RISING);
}

static void feed(const struct gpio_sim_line *button, uint64_t *fed, unsigned n)
{
	int pull = gpio_sim_open(button, "pull", O_WRONLY);

	for (unsigned i = 0; i < n; i++) {
		const char *text = i % 2 ? "pull-down" : "pull-up";

		clock_sleep_until_ns(clock_now_ns() + 3 * MS + (i * 7919 % 1000) * 1000);
		fed[i] = clock_now_ns();
		if (pwrite(pull, text, strlen(text), 0) < 0)
			failed("pull");
	}
	clock_sleep_until_ns(clock_now_ns() + 50 * MS);
	close(pull);
}

/* The trace has the time in seconds with six decimals. */
static void match(enum design design, const uint64_t *fed, unsigned n)
{
	FILE *trace = fopen(TRACE "trace", "re");
	char line[512];
	unsigned i = 0;

	while (trace && fgets(line, sizeof(line), trace)) {
		char *text = strstr(line, ": gpio_value: "), *stamp;
		int level;
		uint64_t when;

		if (!text || sscanf(text, ": gpio_value: %*u set %d", &level) != 1)
			continue;
		for (*text = '\0', stamp = text; stamp > line && stamp[-1] != ' '; stamp--)
			;
		when = (uint64_t)(strtod(stamp, NULL) * 1e9);
		while (i + 1 < n && fed[i + 1] < when)
			i++;
		if (i >= n || when < fed[i] || level != !(i % 2))
			continue;
		result[design].took[result[design].n++] = when - fed[i++];
	}
	if (trace)
		fclose(trace);
}

static void run(enum design design, unsigned edges)
{
	static uint64_t fed[SAMPLES_MAX];
	struct gpio_sim_line button;
	unsigned before = result[design].n;
	pid_t pid;

	if (gpio_sim_find("BUTTON", &button))
		failed("BUTTON");
	pid = start(design);
	while (!is_watched(&button))
		clock_sleep_until_ns(clock_now_ns() + MS);
	clock_sleep_until_ns(clock_now_ns() + 100 * MS);
	put(TRACE "trace", "");
	feed(&button, fed, edges);
	match(design, fed, edges);
	result[design].missed += edges - (result[design].n - before);
	kill(pid, designs[design].program ? SIGINT : SIGKILL);
	waitpid(pid, NULL, 0);
	/* What the guard keeps for one that died, another program could not take. */
	if (system("pkill -x weir-guard; while pgrep -x weir-guard >/dev/null; do sleep 0.05; done"))
		errno = 0;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double percentile(enum design design, unsigned percent)
{
	return result[design].n ? result[design].took[(uint64_t)(result[design].n - 1) * percent / 100] / 1e3 : 0;
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 3, edges = argc > 2 ? (unsigned)atoi(argv[2]) : 200;

	if (!rounds || !edges || rounds * edges > SAMPLES_MAX)
		return 2;
	put(TRACE "trace_clock", "mono");
	put(TRACE "events/gpio/gpio_value/enable", "1");
	for (unsigned i = 0; i < rounds; i++)
		for (enum design design = 0; design < DESIGNS; design++)
			run(design, edges);
	put(TRACE "events/gpio/gpio_value/enable", "0");
	for (enum design design = 0; design < DESIGNS; design++) {
		qsort(result[design].took, result[design].n, sizeof(uint64_t), compare);
		printf("%-12s %5u edges, %u missed, us: p50 %6.0f p99 %6.0f max %6.0f  (p50 %.2f, p99 %.2f of c)\n",
		       designs[design].name, result[design].n, result[design].missed, percentile(design, 50),
		       percentile(design, 99), percentile(design, 100), percentile(design, 50) / percentile(C, 50),
		       percentile(design, 99) / percentile(C, 99));
	}
	return 0;
}
