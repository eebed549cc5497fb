// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Drives an input line of the simulated chip.
 *
 * The simulator merges edges that come faster than the interrupt's thread runs,
 * and nothing shows it. Where every edge counts, --handshake feeds the next one
 * when the reader has printed a line for the one before.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "gpio_sim.h"

/* The reader may answer before the thread of the interrupt is done; an edge fed then is merged with the one before. */
#define SETTLE_NS 100000
#define HANDSHAKE_MS 50 /* unless said otherwise */
#define ENABLE_US 50000 /* from the mark on a line to its interrupt, which a guest may take some 40 ms to enable */

struct feeder {
	struct gpio_sim_line line;
	uint64_t edges; /* to feed, 0: until the end */
	double rate;
	unsigned int pulse_us;
	int handshake_ms, now, level; /* no handshake: 0 */
	FILE *log;

	int pull;
	uint64_t fed, answered, late;
};

static volatile sig_atomic_t stop;

static void usage(FILE *out)
{
	fputs("usage: gpio_feed LINE [OPTION]...\n"
	      "  LINE           a line's name, or its offset\n"
	      "  -n EDGES       how many, 0 without end (0)\n"
	      "  -r RATE        edges per second, 0 as fast as possible (10)\n"
	      "  --pulse US     two edges each time, US apart\n"
	      "  --handshake[=MS]  wait for a line on standard input after each edge, at most\n"
	      "                 MS (50): READER | gpio_feed LINE --handshake\n"
	      "  --level 0|1    only set the level, and end\n"
	      "  --start now    do not wait until a reader asks for the line's edges\n"
	      "  --log FILE     CSV of what was fed: ns,level, ns being CLOCK_MONOTONIC\n",
	      out);
}

static int fail(const char *what, int err)
{
	fprintf(stderr, "gpio_feed: %s: %s\n", what, strerror(-err));
	return 1;
}

static int set_level(struct feeder *f, int level)
{
	const char *pull = level ? "pull-up" : "pull-down";

	f->level = level;
	return pwrite(f->pull, pull, strlen(pull), 0) < 0 ? -errno : 0;
}

/* What the line is pulled to. */
static int read_level(const struct feeder *f)
{
	char pull[16] = "";

	if (pread(f->pull, pull, sizeof(pull) - 1, 0) < 0)
		return -errno;
	return !strncmp(pull, "pull-up", 7);
}

/* The time is taken before: the edge is never earlier than its log says. */
static int feed_edge(struct feeder *f)
{
	uint64_t ns = clock_now_ns();
	int ret = set_level(f, !f->level);

	if (ret)
		return ret;
	f->fed++;
	if (f->log)
		fprintf(f->log, "%" PRIu64 ",%d\n", ns, f->level);
	return 0;
}

static uint64_t count_lines(const char *text, ssize_t len)
{
	uint64_t lines = 0;

	while (len-- > 0)
		lines += text[len] == '\n';
	return lines;
}

/*
 * Waits until the reader has printed a line for each edge; 0 if it is gone. An
 * answer that comes too late counts for a later edge, but for one only.
 */
static int await_answer(struct feeder *f)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char text[4096];
	ssize_t len;

	while (f->answered < f->fed) {
		if (poll(&in, 1, f->handshake_ms) <= 0) {
			f->late += f->fed - f->answered;
			break;
		}
		len = read(STDIN_FILENO, text, sizeof(text));
		if (len <= 0)
			return 0;
		f->answered += count_lines(text, len);
	}
	f->answered = f->fed;
	return 1;
}

static int more(const struct feeder *f)
{
	return !stop && (!f->edges || f->fed < f->edges);
}

static int feed_group(struct feeder *f)
{
	int ret = feed_edge(f);

	if (ret || !f->pulse_us || !more(f))
		return ret;
	clock_sleep_until_ns(clock_now_ns() + f->pulse_us * 1000ull);
	return feed_edge(f);
}

static int feed(struct feeder *f)
{
	uint64_t start = clock_now_ns();
	int ret = 0;

	for (uint64_t i = 0; !ret && more(f); i++) {
		if (f->rate > 0 && !f->handshake_ms)
			clock_sleep_until_ns(start + (uint64_t)(i * 1e9 / f->rate));
		ret = feed_group(f);
		if (f->handshake_ms && !await_answer(f))
			break;
		if (f->handshake_ms)
			clock_sleep_until_ns(clock_now_ns() + SETTLE_NS);
	}
	return ret;
}

/* Whether somebody has requested the line with edge detection. */
static int is_watched(int chip, unsigned int offset)
{
	const uint64_t edges = GPIO_V2_LINE_FLAG_EDGE_RISING | GPIO_V2_LINE_FLAG_EDGE_FALLING;
	struct gpio_v2_line_info info;

	return !gpio_sim_describe(chip, offset, &info) && (info.flags & GPIO_V2_LINE_FLAG_USED) && (info.flags & edges);
}

/* The kernel marks the line as watched before it enables the interrupt. */
static int await_reader(const struct feeder *f)
{
	int chip = open(f->line.chip, O_RDONLY | O_CLOEXEC);

	if (chip < 0)
		return -errno;
	while (!stop && !is_watched(chip, f->line.offset))
		usleep(1000);
	usleep(ENABLE_US);
	close(chip);
	return 0;
}

static void report(const struct feeder *f, uint64_t start)
{
	double seconds = (clock_now_ns() - start) * 1e-9;

	fprintf(stderr, "gpio_feed: fed %" PRIu64 " edges in %.3f s, %.0f/s, %" PRIu64 " not answered\n", f->fed,
		seconds, f->fed / seconds, f->late);
}

static double number(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || value < 0) {
		fprintf(stderr, "gpio_feed: not a number: %s\n", text);
		exit(2);
	}
	return value;
}

static FILE *open_log(const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		exit(fail(path, -errno));
	fputs("ns,level\n", file);
	return file;
}

static const struct option long_options[] = {
	{ "pulse", required_argument, NULL, 'p' },
	{ "handshake", optional_argument, NULL, 'H' },
	{ "level", required_argument, NULL, 'v' },
	{ "start", required_argument, NULL, 's' },
	{ "log", required_argument, NULL, 'L' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void wrong_usage(void)
{
	usage(stderr);
	exit(2);
}

static void parse_option(struct feeder *f, int c)
{
	switch (c) {
	case 'n':
		f->edges = (uint64_t)number(optarg);
		break;
	case 'r':
		f->rate = number(optarg);
		break;
	case 'p':
		f->pulse_us = (unsigned int)number(optarg);
		break;
	case 'H':
		f->handshake_ms = optarg ? (int)number(optarg) : HANDSHAKE_MS;
		break;
	case 'v':
		f->level = number(optarg) != 0;
		break;
	case 's':
		if (strcmp(optarg, "now"))
			wrong_usage();
		f->now = 1;
		break;
	case 'L':
		f->log = open_log(optarg);
		break;
	case 'h':
		usage(stdout);
		exit(0);
	default:
		wrong_usage();
	}
}

static void on_signal(int signo)
{
	(void)signo;
	stop = 1;
}

static int run(struct feeder *f)
{
	uint64_t start;
	int ret;

	if (f->level >= 0)
		return set_level(f, f->level);
	ret = read_level(f);
	if (ret < 0)
		return ret;
	f->level = ret;
	ret = f->now ? 0 : await_reader(f);
	if (ret)
		return ret;
	start = clock_now_ns();
	ret = feed(f);
	report(f, start);
	return ret;
}

int main(int argc, char **argv)
{
	struct feeder f = { .rate = 10, .level = -1 };
	int c, ret;

	while ((c = getopt_long(argc, argv, "n:r:", long_options, NULL)) >= 0)
		parse_option(&f, c);
	if (optind != argc - 1)
		wrong_usage();
	ret = gpio_sim_find(argv[optind], &f.line);
	if (ret)
		return fail(argv[optind], ret);
	f.pull = gpio_sim_open(&f.line, "pull", O_RDWR);
	if (f.pull < 0)
		return fail(f.line.dir, f.pull);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	ret = run(&f);
	if (f.log)
		fclose(f.log);
	return ret ? fail(argv[optind], ret) : 0;
}
