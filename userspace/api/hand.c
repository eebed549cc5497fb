/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `weir set`, `weir get`, `weir park`: what a person does to outputs. All of it goes through the guard, which is started if
 * there is none, so that an output that was set is held, and by its rules.
 *
 * An output is written as in a program; its driver finds it. That is why a small program is opened around it, and never run.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/counters.h"
#include "core/guard_link.h"
#include "core/run.h"

static int fail(FILE *messages, const struct weir_guard_link *link, const char *output, const char *what, int err)
{
	const char *why = link && *link->reply.text ? link->reply.text : strerror(-err);

	if (err == -ETIMEDOUT)
		why = "the guard does not answer; weir-guard --park replaces one that hangs";

	fprintf(messages, "weir: %s: cannot %s: %s\n", output, what, why);
	return err == -EPERM ? WEIR_EXIT_RUNTIME : WEIR_EXIT_DEVICE;
}

static int reach(struct weir_guard_link *link, bool start, FILE *messages)
{
	int err = weir_guard_link_open(link, start);
	const char *why = *link->why ? link->why : strerror(-err);

	if (err == -ENOENT && !start)
		fputs("weir: no guard is running, so nothing is held\n", messages);
	else if (err < 0)
		fprintf(messages, "weir: cannot %s: %s\n", err == -ENOEXEC ? "start a guard" : "reach the guard", why);
	return err < 0 ? WEIR_EXIT_RUNTIME : WEIR_EXIT_OK;
}

/* --- which output --------------------------------------------------------------- */

static struct weir_node *actuator_of(const struct weir_pipeline *pipeline)
{
	struct weir_node *node = pipeline->node[pipeline->n_nodes - 1];

	return node->role == WEIR_ACTUATOR && node->driver->actuator->describe ? node : NULL;
}

/* A field for each of WEIR_PHYSICAL_LINES. On a line of its own: an error shows the line of the output, and no program that nobody
 * has written. */
static const char around[] = "synth:counter rate=1Hz | select a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, "
			     "i = 0, j = 0, k = 0, l = 0, m = 0, n = 0, o = 0, p = 0 |\n";

/* A line's name alone is a GPIO line's. */
static int open_around(struct weir_pipeline **out, const char *output, FILE *messages)
{
	const struct weir_options options = { .messages = messages, .check_only = true };
	const char *kind = strchr(output, ':') ? "" : "gpio:";
	size_t bytes = sizeof(around) + strlen(kind) + strlen(output);
	char *text = malloc(bytes);
	int status;

	if (!text)
		return WEIR_EXIT_RUNTIME;
	snprintf(text, bytes, "%s%s%s", around, kind, output);
	status = weir_open(out, text, "", &options);
	free(text);
	if (!status && !actuator_of(*out)) {
		fprintf(messages, "weir: '%s' is no output that can be held\n", output);
		status = WEIR_EXIT_USAGE;
	}
	return status;
}

/* --- set, park ------------------------------------------------------------------ */

static bool read_value(const char *text, double *value)
{
	static const struct {
		const char *word;
		double value;
	} words[] = { { "on", 1 }, { "off", 0 }, { "true", 1 }, { "false", 0 } };
	char *end;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(text, words[i].word)) {
			*value = words[i].value;
			return true;
		}
	*value = strtod(text, &end);
	return end != text && !*end && *value - *value == 0;
}

/* Of several lines bit i is line i, as it is of a record's number. */
static int spread_value(struct weir_guard_request *request, const char *output, FILE *messages)
{
	uint32_t n = request->what.n;
	double value = request->value[0];

	if (n == 1 || request->verb != WEIR_GUARD_SET)
		return WEIR_EXIT_OK;
	if (value < 0 || value >= (double)(UINT64_C(1) << n) || value != (double)(uint64_t)value) {
		fprintf(messages,
			"weir: %s: a value for %u lines is a whole number below %llu; bit 0 is the first line\n",
			output, n, (unsigned long long)(UINT64_C(1) << n));
		return WEIR_EXIT_USAGE;
	}
	for (uint32_t i = 0; i < n; i++)
		request->value[i] = ((uint64_t)value >> i) & 1;
	return WEIR_EXIT_OK;
}

/*
 * An attribute is made ready by its driver, here: not one that a pipeline is using, and for parking none that is held already. What
 * the guard then refuses it would refuse anyway.
 */
static int make_ready(struct weir_node *node, struct weir_guard_link *link, struct weir_guard_request *request,
		      int *file)
{
	int held = request->what.is_file ? weir_guard_link_look(link, &request->what) : 0;

	*file = -1;
	if ((held == -EBUSY || held == 1) && request->verb == WEIR_GUARD_PARK)
		return 0;
	return held < 0 ? held : weir_held_describe(node, request, file);
}

static void tell_value(const struct weir_guard_link *link, const struct weir_guard_request *request, const char *output,
		       FILE *messages)
{
	double now = link->reply.value[0];

	if (request->verb == WEIR_GUARD_SET && request->what.n == 1 && request->what.is_file &&
	    now != request->value[0])
		fprintf(messages, "weir: %s: %g cannot be had; it is %g now\n", output, request->value[0], now);
}

static int call(struct weir_guard_link *link, struct weir_node *node, struct weir_guard_request *request,
		const char *output, FILE *messages)
{
	const char *what = request->verb == WEIR_GUARD_SET ? "set it" : "park";
	int file = -1, err = node ? make_ready(node, link, request, &file) : 0;

	if (err < 0 && node && weir_report_status(node->pipeline->report)) {
		weir_report_print(node->pipeline->report, messages);
		return weir_report_status(node->pipeline->report);
	}
	if (err >= 0)
		err = weir_guard_link_call(link, request, file);
	if (file >= 0)
		close(file);
	if (err < 0)
		return fail(messages, link, output, what, err);
	tell_value(link, request, output, messages);
	return WEIR_EXIT_OK;
}

/* `output` NULL: all that there are. */
static int ask(const char *output, struct weir_guard_request *request, FILE *messages)
{
	struct weir_guard_link link = { .fd = -1, .bell = -1, .fds = { -1, -1, -1 } };
	struct weir_pipeline *pipeline = NULL;
	struct weir_node *node = NULL;
	int status = output ? open_around(&pipeline, output, messages) : WEIR_EXIT_OK;

	if (!status && output) {
		node = actuator_of(pipeline);
		if (weir_held_describe(node, request, NULL) < 0) {
			weir_report_print(pipeline->report, messages);
			status = weir_report_status(pipeline->report);
		}
	}
	if (!status)
		status = spread_value(request, output, messages);
	if (!status)
		status = reach(&link, true, messages);
	if (!status)
		status = call(&link, node, request, output ? output : "all outputs", messages);
	weir_guard_link_close(&link);
	weir_close(pipeline);
	return status;
}

int weir_set(const char *output, const char *value, int64_t for_ns, FILE *messages)
{
	struct weir_guard_request request = { .verb = WEIR_GUARD_SET, .for_ns = for_ns };

	if (!read_value(value, &request.value[0])) {
		fprintf(messages, "weir: '%s' is neither on, off nor a number\n", value);
		return WEIR_EXIT_USAGE;
	}
	return ask(output, &request, messages);
}

int weir_park(const char *output, bool release, FILE *messages)
{
	struct weir_guard_request request = { .verb = WEIR_GUARD_PARK, .index = release };

	return ask(output, &request, messages);
}

/* --- get ------------------------------------------------------------------------ */

static const char *state_of(const struct weir_guard_reply *reply)
{
	if (!reply->is_held)
		return "parked, held for nobody";
	return reply->is_live ? "live" : "parked";
}

static const char *line_name(const struct weir_physical *what, uint32_t line)
{
	return what->n > 1 ? what->name[line] : what->title;
}

static void print_text(const struct weir_guard_reply *reply, uint32_t line, FILE *stream)
{
	fprintf(stream, "%-20s %-8g %s", line_name(&reply->what, line), reply->value[line], state_of(reply));
	fprintf(stream, " (%s)", weir_cause_name(reply->cause));
	if (reply->pid)
		fprintf(stream, ", %s, process %d", reply->text, (int)reply->pid);
	if (reply->refused)
		fprintf(stream, ", %llu refused", (unsigned long long)reply->refused);
	fputc('\n', stream);
}

static json_t *line_json(const struct weir_guard_reply *reply, uint32_t line)
{
	return json_pack("{s:s, s:f, s:f, s:b, s:b, s:s, s:s, s:i, s:I, s:I, s:I}", "output",
			 line_name(&reply->what, line), "value", reply->value[line], "park", reply->what.park[line],
			 "held", (int)reply->is_held, "live", (int)reply->is_live, "cause",
			 weir_cause_name(reply->cause), "holder", reply->pid ? reply->text : "", "process",
			 (int)reply->pid, "done", (json_int_t)reply->done, "refused", (json_int_t)reply->refused,
			 "parked", (json_int_t)reply->parks);
}

static bool is_meant(const struct weir_physical *what, uint32_t line, const char *output)
{
	/* As in a program, or by its name alone: no driver's name has a slash, as a device's may before its colon. */
	const char *colon = output ? strchr(output, ':') : NULL;
	const char *word = colon && !memchr(output, '/', (size_t)(colon - output)) ? colon + 1 : output;

	return !word || !strcmp(line_name(what, line), word) || !strcmp(what->title, word);
}

static uint32_t print_output(const struct weir_guard_reply *reply, const char *output, json_t *document, FILE *stream)
{
	uint32_t n = 0;

	for (uint32_t line = 0; line < reply->what.n; line++) {
		if (!is_meant(&reply->what, line, output))
			continue;
		n++;
		if (document)
			json_array_append_new(document, line_json(reply, line));
		else
			print_text(reply, line, stream);
	}
	return n;
}

int weir_get(const char *output, FILE *stream, FILE *messages, enum weir_format format)
{
	struct weir_guard_request request = { .verb = WEIR_GUARD_LIST };
	json_t *document = format == WEIR_FORMAT_JSON ? json_array() : NULL;
	struct weir_guard_link link;
	uint32_t n = 0;
	int status = reach(&link, false, messages), err = 0;

	for (; !status && (err = weir_guard_link_call(&link, &request, -1)) >= 0; request.index++)
		n += print_output(&link.reply, output, document, stream);
	if (!status && err != -ENOENT)
		status = fail(messages, &link, output ? output : "all outputs", "show", err);
	weir_guard_link_close(&link);
	if (document)
		weir_json_print(document, stream);
	if (!status && output && !n) {
		fprintf(messages, "weir: the guard does not hold '%s'\n", output);
		status = WEIR_EXIT_DEVICE;
	}
	return status;
}
