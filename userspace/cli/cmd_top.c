/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* top: a running pipeline, live in the terminal. */
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "top.h"

enum { KEY_ONCE = 256, KEY_EVERY };

struct top_arguments {
	const char *which;
	bool once, json;
	long long every_ns;
};

static const struct argp_option top_options[] = {
	{ "once", KEY_ONCE, NULL, 0, "print once, and end", 0 },
	{ "json", 'j', NULL, 0, "print JSON once, and end", 0 },
	{ "every", KEY_EVERY, "TIME", 0, "time between two looks (default 1s)", 0 },
	{ 0 },
};

static error_t top_parse(int key, char *value, struct argp_state *state)
{
	struct top_arguments *arguments = state->input;

	switch (key) {
	case KEY_ONCE:
		arguments->once = true;
		return 0;
	case 'j':
		arguments->once = arguments->json = true;
		return 0;
	case KEY_EVERY:
		arguments->every_ns = cli_duration(value);
		if (arguments->every_ns < 100000000 || arguments->every_ns > 3600000000000)
			argp_error(state, "--every: '%s' is not a time of 100ms to 1h", value);
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->which)
			argp_error(state, "one NAME or PID only");
		arguments->which = value;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void top_say_none(const char *which)
{
	if (which)
		fprintf(stderr, "weir: no pipeline '%s' is running; `weir ps` lists those that are\n", which);
	else
		fputs("weir: no pipeline is running\n", stderr);
}

static int top_once(struct top *top, const struct top_arguments *arguments)
{
	json_t *all = running_load(arguments->which);
	size_t n = json_array_size(all);

	if (n && arguments->json) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		fputc('\n', stdout);
	}
	top_screen_size(&top->width, &top->height);
	top->height = 0;
	for (size_t i = 0; i < n && !arguments->json; i++)
		top_draw(top, json_array_get(all, i), i, n, stdout);
	if (all && !n)
		top_say_none(arguments->which);
	json_decref(all);
	return n ? 0 : 1;
}

static void top_paint(struct top *top, const json_t *all, size_t index)
{
	char *text = NULL;
	size_t bytes;
	FILE *to = open_memstream(&text, &bytes);

	if (!to)
		return;
	top_screen_size(&top->width, &top->height);
	if (json_array_size(all))
		top_draw(top, json_array_get(all, index), index, json_array_size(all), to);
	else
		fputs("no pipeline is running; q quits\033[K\r\n", to);
	if (!fclose(to))
		top_screen_show(text);
	free(text);
}

/* @return whether to go on. */
static bool top_obey(struct top *top, int key, size_t *index)
{
	switch (key) {
	case ' ':
	case 'p':
		top->is_paused = !top->is_paused;
		break;
	case 's':
		top->order = (top->order + 1) % TOP_ORDERS;
		break;
	case 'n':
	case '\t':
		++*index;
		top_spark_close(top);
		break;
	case 'q':
	case -1:
		return false;
	}
	return true;
}

static long long top_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void top_live(struct top *top, const struct top_arguments *arguments)
{
	long long next_ms = 0;
	json_t *all = NULL;
	size_t index = 0;
	int key = 0;

	do {
		if (top_now_ms() >= next_ms && !(top->is_paused && all)) {
			json_decref(all);
			all = running_load(arguments->which);
			next_ms = top_now_ms() + arguments->every_ns / 1000000;
			if (json_array_size(all))
				top_spark_add(top, json_array_get(all, index % json_array_size(all)));
		}
		if (json_array_size(all))
			index %= json_array_size(all);
		top_paint(top, all, index);
		key = top_screen_wait(top->is_paused           ? 1000
				      : next_ms > top_now_ms() ? (int)(next_ms - top_now_ms())
							       : 0);
	} while (top_obey(top, key, &index));
	json_decref(all);
}

int cmd_top(int argc, char **argv)
{
	static const struct argp argp = {
		.options = top_options,
		.parser = top_parse,
		.args_doc = "[NAME|PID]",
		.doc = "Show a running pipeline live: rates, losses, rings, values and outputs. Keys: q quits, space "
		       "pauses, s "
		       "changes the order, n shows the next pipeline.",
	};
	struct top_arguments arguments = { .every_ns = 1000000000 };
	struct top top = { 0 };
	int status = 0;

	cli_parse(&argp, argc, argv, &arguments);
	setlocale(LC_CTYPE, "");
	top.is_plain = strcmp(nl_langinfo(CODESET), "UTF-8");
	if (arguments.once || top_screen_open() < 0) {
		status = top_once(&top, &arguments);
	} else {
		top_live(&top, &arguments);
		top_screen_close();
	}
	top_spark_close(&top);
	return status;
}
