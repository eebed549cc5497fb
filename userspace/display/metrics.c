/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text format of Prometheus, https://prometheus.io/docs/instrumenting/exposition_formats/: all samples of a metric in one piece. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "display/http.h"

static void metrics_label(FILE *to, const char *name, const char *value)
{
	fprintf(to, "%s=\"", name);
	for (; value && *value; value++) {
		if (*value == '\n')
			fputs("\\n", to);
		else
			fprintf(to, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
	}
	fputc('"', to);
}

static const char *metrics_text(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

/* NAME{pipeline=…,node=…,role=…,text=… */
static void metrics_begin(FILE *to, const char *metric, const json_t *state, const json_t *node)
{
	fprintf(to, "%s{", metric);
	metrics_label(to, "pipeline", metrics_text(state, "name"));
	fprintf(to, ",node=\"%lld\",", (long long)json_integer_value(json_object_get(node, "id")));
	metrics_label(to, "role", metrics_text(node, "role"));
	fputc(',', to);
	metrics_label(to, "text", metrics_text(node, "text"));
}

static void metrics_head(FILE *to, const char *metric, const char *type, const char *help)
{
	fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric, type);
}

static void metrics_value(FILE *to, const json_t *value)
{
	if (json_is_boolean(value))
		fprintf(to, "} %d\n", json_is_true(value));
	else if (json_is_integer(value))
		fprintf(to, "} %lld\n", (long long)json_integer_value(value));
	else
		fprintf(to, "} %.17g\n", json_number_value(value));
}

/** A number of a node, or of an object in it. */
struct metric {
	const char *name, *type, *help, *object, *member;
};

static void metrics_nodes(FILE *to, const json_t *state, const struct metric *metric)
{
	const json_t *node;
	size_t i;

	metrics_head(to, metric->name, metric->type, metric->help);
	json_array_foreach(json_object_get(state, "nodes"), i, node)
	{
		const json_t *from = metric->object ? json_object_get(node, metric->object) : node;
		const json_t *value = json_object_get(from, metric->member);

		if (!value)
			continue;
		metrics_begin(to, metric->name, state, node);
		metrics_value(to, value);
	}
}

static void metrics_losses(FILE *to, const json_t *state)
{
	static const char name[] = "weir_lost_records_total";
	const char *cause;
	json_t *n;

	metrics_head(to, name, "counter", "Records lost, by cause.");
	json_object_foreach(json_object_get(state, "lost"), cause, n)
	{
		if (!strcmp(cause, "total"))
			continue;
		fprintf(to, "%s{", name);
		metrics_label(to, "pipeline", metrics_text(state, "name"));
		fputc(',', to);
		metrics_label(to, "cause", cause);
		metrics_value(to, n);
	}
}

static void metrics_fields(FILE *to, const json_t *state)
{
	const json_t *node, *field;
	size_t i, k;

	metrics_head(to, "weir_field", "gauge", "Newest value of a field.");
	json_array_foreach(json_object_get(state, "nodes"), i, node)
		json_array_foreach(json_object_get(node, "fields"), k, field)
	{
		const json_t *value = json_object_get(field, "value");

		if (!json_is_number(value) && !json_is_boolean(value))
			continue;
		metrics_begin(to, "weir_field", state, node);
		fputc(',', to);
		metrics_label(to, "field", metrics_text(field, "name"));
		fputc(',', to);
		metrics_label(to, "unit", metrics_text(field, "unit"));
		metrics_value(to, value);
	}
}

static void metrics_about(FILE *to, const json_t *state)
{
	metrics_head(to, "weir_info", "gauge", "Version of weir.");
	fputs("weir_info{", to);
	metrics_label(to, "pipeline", metrics_text(state, "name"));
	fputc(',', to);
	metrics_label(to, "version", metrics_text(state, "version"));
	fputs("} 1\n", to);
	metrics_head(to, "weir_up", "gauge", "1 while the pipeline runs, 0 while it starts or ends.");
	fprintf(to, "weir_up{");
	metrics_label(to, "pipeline", metrics_text(state, "name"));
	fprintf(to, "} %d\n", json_object_get(state, "nodes") != NULL);
	metrics_head(to, "weir_uptime_seconds", "gauge", "Time since the start of the run.");
	fputs("weir_uptime_seconds{", to);
	metrics_label(to, "pipeline", metrics_text(state, "name"));
	metrics_value(to, json_object_get(state, "uptime"));
}

char *display_metrics(const json_t *state)
{
	static const struct metric metrics[] = {
		{ "weir_records_in_total", "counter", "Records that came to a node.", NULL, "in" },
		{ "weir_records_out_total", "counter", "Records that a node emitted.", NULL, "out" },
		{ "weir_filtered_records_total", "counter", "Records that the early filter dropped.", NULL,
		  "filtered" },
		{ "weir_ring_capacity_records", "gauge", "Records that a ring can hold.", "ring", "capacity" },
		{ "weir_ring_unread_records", "gauge", "Records that the slowest reader has not taken.", "ring",
		  "unread" },
		{ "weir_output_value", "gauge", "Value of an output.", "output", "value" },
		{ "weir_output_live", "gauge", "1: driven by the pipeline, 0: parked.", "output", "live" },
		{ "weir_actuations_total", "counter", "Changes of an output.", "output", "actuations" },
		{ "weir_refused_actuations_total", "counter", "Changes that the guard refused.", "output", "refused" },
		{ "weir_parks_total", "counter", "Times that the guard parked an output.", "output", "parked" },
	};
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	if (!to)
		return NULL;
	metrics_about(to, state);
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		metrics_nodes(to, state, &metrics[i]);
	metrics_losses(to, state);
	metrics_fields(to, state);
	if (fclose(to)) {
		free(text);
		return NULL;
	}
	return text;
}
