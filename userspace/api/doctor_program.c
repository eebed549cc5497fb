/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one program needs of this machine: its devices, modules, filters, outputs and clock, and what it writes to disk a day. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#include "api/catalogue.h"
#include "api/finding.h"
#include "core/internal.h"

#define SECONDS_A_DAY 86400
#define MANY_MB 1000 /* a day: an SD card of 32 GB that endures some 10 TB lasts 27 years at this, a small one a few */

/* What the program is made of. */
struct needs {
	bool iio, timer, gpio, outputs, filters;
};

/* --- the program itself ------------------------------------------------------- */

/* An error is a line, below it the place, and last the hint, where there is one. */
static void doctor_add_error(struct weir_findings *findings, char *error)
{
	struct weir_finding finding = weir_finding_make(WEIR_HEALTH_BROKEN, NULL, "%.*s", (int)strcspn(error, "\n"),
							error);
	char *last = NULL;

	for (char *line = strchr(error, '\n'); line; line = strchr(line + 1, '\n'))
		if (line[1] == ' ')
			last = line + 1 + strspn(line + 1, " ");
	if (last && *last != '^' && *last != '~')
		snprintf(finding.advice, sizeof(finding.advice), "%.*s", (int)strcspn(last, "\n"), last);
	weir_findings_add(findings, &finding);
}

/* "…: error: hwmon 'sht3x': cannot …": a chip of the catalogue? */
static void doctor_add_chip(struct weir_findings *findings, const char *error)
{
	char driver[32], device[64];
	const char *fault = strstr(error, ": error: ");
	const struct weir_chip *chip;
	struct weir_finding finding;

	if (!fault || sscanf(fault, ": error: %31[a-z0-9] '%63[^']':", driver, device) != 2)
		return;
	chip = weir_catalogue_of_device(driver, device);
	if (!chip)
		return;
	finding = weir_finding_make(WEIR_HEALTH_LACKING, NULL, "the catalogue has '%s': %s", device, chip->title);
	snprintf(finding.advice, sizeof(finding.advice), "weir setup %s", chip->chip);
	weir_findings_add(findings, &finding);
}

static void doctor_add_errors(struct weir_findings *findings, char *text, bool is_device_missing)
{
	for (char *error = text, *next; *error; error = next) {
		next = error + strcspn(error, "\n");
		while (next[0] == '\n' && next[1] == ' ')
			next += 1 + strcspn(next + 1, "\n");
		if (*next)
			*next++ = '\0';
		doctor_add_error(findings, error);
		if (is_device_missing)
			doctor_add_chip(findings, error);
	}
}

static int doctor_open(struct weir_pipeline **out, const char *text, const char *name, struct weir_options options,
		       struct weir_findings *findings)
{
	char *messages = NULL;
	size_t n;
	int status;

	options.messages = open_memstream(&messages, &n);
	options.check_only = true;
	if (!options.messages)
		return WEIR_EXIT_RUNTIME;
	status = weir_open(out, text, name, &options);
	if (fclose(options.messages) || !messages)
		return WEIR_EXIT_RUNTIME;
	if (status)
		doctor_add_errors(findings, messages, status == WEIR_EXIT_DEVICE);
	/* Its messages, from now on. */
	if (*out)
		(*out)->options.messages = stderr;
	free(messages);
	return status;
}

/* --- its parts ------------------------------------------------------------------ */

static void doctor_look_at_node(const struct weir_node *node, struct needs *needs)
{
	needs->iio |= !strcmp(node->driver->name, "iio");
	needs->timer |= !strcmp(node->driver->name, "iio") && node->role == WEIR_SOURCE && weir_arg_given(node, "rate");
	needs->gpio |= !strcmp(node->driver->name, "gpio");
	needs->outputs |= node->role == WEIR_ACTUATOR;
}

static struct weir_finding doctor_clock(void)
{
	struct timex clock = { .modes = 0 };

	if (adjtimex(&clock) == TIME_ERROR)
		return weir_finding_make(WEIR_HEALTH_LACKING, "timedatectl set-ntp true",
					 "the clock is not synchronised: dates of records may be wrong");
	return weir_finding_make(WEIR_HEALTH_GOOD, NULL, "the clock is synchronised");
}

static void doctor_look_at_machine(const struct needs *needs, struct weir_findings *findings)
{
	const struct {
		bool is_needed;
		struct weir_finding (*look)(void);
	} parts[] = {
		{ true, weir_doctor_uring },
		{ needs->filters, weir_doctor_batch },
		{ needs->filters && needs->iio, weir_doctor_inline },
		{ needs->iio, weir_doctor_iio },
		{ needs->timer, weir_doctor_hrtimer },
		{ needs->gpio, weir_doctor_gpio },
		{ needs->gpio && needs->outputs, weir_doctor_released_lines },
		{ needs->outputs, weir_doctor_guard },
		{ true, doctor_clock },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		struct weir_finding finding;

		if (!parts[i].is_needed)
			continue;
		finding = parts[i].look();
		weir_findings_add(findings, &finding);
	}
}

/* --- what it writes ------------------------------------------------------------- */

static const struct weir_param *doctor_find_param(const struct weir_node *node, const char *name)
{
	for (uint32_t i = 0; i < node->args->n_params; i++)
		if (!strcmp(node->args->params[i].name, name))
			return &node->args->params[i];
	return NULL;
}

static bool doctor_has(const struct weir_node *node, const char *name)
{
	return doctor_find_param(node, name) && weir_arg_given(node, name);
}

/* One record in each time that such an argument gives; 0: it is by count, or not given. */
static double doctor_rate_of_span(const struct weir_node *node, const char *name)
{
	if (!doctor_has(node, name) || !weir_arg_is_time(node, name))
		return 0;
	return weir_arg_int(node, name) > 0 ? 1e9 / (double)weir_arg_int(node, name) : 0;
}

/* Of stages that give at most one record for each that they take. */
static bool doctor_is_narrowing(const struct weir_node *node)
{
	static const char *const names[] = { "where",  "select", "every",  "changed", "window", "sort",
					     "switch", "ewma",   "median", "zscore",  "fir",    "butter" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(node->driver->name, names[i]))
			return node->role == WEIR_OPERATOR && !node->n_ups && node->up;
	return false;
}

static double doctor_rate_of_source(const struct weir_node *node)
{
	const struct weir_param *rate = doctor_find_param(node, "rate");

	return rate && rate->value == WEIR_V_RATE && weir_arg_given(node, "rate") ? weir_arg_real(node, "rate")
										  : INFINITY;
}

/* Records a second that a node emits at most; INFINITY: not known before it runs. */
static double doctor_rate(const struct weir_node *node)
{
	double most = INFINITY;

	while (doctor_is_narrowing(node)) {
		bool is_window = !strcmp(node->driver->name, "window");
		double own = doctor_rate_of_span(node, is_window ? "step" : "span");

		if (is_window && own <= 0)
			own = doctor_rate_of_span(node, "size");
		if (own > 0 && own < most)
			most = own;
		node = node->up;
	}
	if (node->role == WEIR_SOURCE && doctor_rate_of_source(node) < most)
		most = doctor_rate_of_source(node);
	return most;
}

/* Of a record in a file: a text of numbers, or their binary form. */
static double doctor_bytes(const struct weir_node *node)
{
	const struct weir_schema *schema = &node->up->out;
	bool is_text = !strcmp(node->driver->name, "csv");
	double bytes = is_text ? 20 : 16;

	for (uint32_t i = 0; i < schema->n_fields; i++)
		bytes += schema->field[i].kind == WEIR_TEXT ? schema->field[i].bytes : is_text ? 12 : 8;
	return bytes;
}

/* The name of the file, or what else it writes to; NULL: it writes to no disk. */
static const char *doctor_file(const struct weir_node *node)
{
	bool is_file = !strcmp(node->driver->name, "csv") || !strcmp(node->driver->name, "record");

	if (node->role != WEIR_SINK || !node->up || !(is_file || doctor_has(node, "spool")))
		return NULL;
	return node->args->target;
}

static void doctor_look_at_writes(const struct weir_node *node, struct weir_findings *findings)
{
	const char *file = doctor_file(node);
	double rate, bytes, mb;
	struct weir_finding finding;

	if (!file)
		return;
	rate = doctor_rate(node->up);
	bytes = doctor_bytes(node);
	mb = rate * bytes * SECONDS_A_DAY / 1e6;
	if (rate == INFINITY)
		finding = weir_finding_make(
			WEIR_HEALTH_GOOD, NULL,
			"%s:%s writes about %.0f bytes a record, %.3g MB a day for each record a second; "
			"the program does not say at which rate",
			node->driver->name, file, bytes, bytes * SECONDS_A_DAY / 1e6);
	else
		finding = weir_finding_make(
			mb > MANY_MB ? WEIR_HEALTH_LACKING : WEIR_HEALTH_GOOD,
			mb > MANY_MB ? "an SD card wears out: put `window`, `every` or `changed` in front, or "
				       "write to a disk"
				     : NULL,
			"%s:%s writes at most about %.3g MB a day (%.3g records a second of %.0f bytes)",
			node->driver->name, file, mb, rate, bytes);
	weir_findings_add(findings, &finding);
}

int weir_doctor_program(const char *text, const char *name, const struct weir_options *options, FILE *stream,
			enum weir_format format)
{
	struct weir_pipeline *pipeline = NULL;
	struct weir_findings findings;
	struct needs needs = { 0 };
	int status;

	weir_findings_begin(&findings, stream, format);
	status = doctor_open(&pipeline, text, name, *options, &findings);
	for (uint32_t i = 0; pipeline && i < pipeline->n_nodes; i++)
		doctor_look_at_node(pipeline->node[i], &needs);
	for (uint32_t i = 0; pipeline && i < pipeline->n_streams; i++)
		needs.filters |= pipeline->stream[i]->wants_filter;
	doctor_look_at_machine(&needs, &findings);
	for (uint32_t i = 0; pipeline && i < pipeline->n_nodes; i++)
		doctor_look_at_writes(pipeline->node[i], &findings);
	weir_close(pipeline);
	return weir_findings_end(&findings) && !status ? WEIR_EXIT_RUNTIME : status;
}
