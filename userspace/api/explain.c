/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan, for people: which thread does what, over which ring, and what runs in the kernel. */
#include <inttypes.h>

#include "core/counters.h"
#include "lang/lang.h"
#include "pushdown/pushdown.h"

static uint64_t ring_bytes(const struct weir_pipeline *pipeline, const struct weir_stream *stream)
{
	uint32_t rows = weir_ring_rows(stream->schema.row_bytes, weir_pipeline_ring_rows(pipeline));

	return (uint64_t)rows * stream->schema.row_bytes;
}

static void print_schema(const struct weir_schema *schema, FILE *out)
{
	fprintf(out, "    record: t (ns, %s clock)", weir_clock_name(schema->clock));
	for (uint32_t i = 0; i < schema->n_fields; i++)
		fprintf(out, ", %s%s%s%s", schema->field[i].name, *schema->field[i].unit ? " [" : "",
			schema->field[i].unit, *schema->field[i].unit ? "]" : "");
	fputc('\n', out);
}

static void print_pushed(const struct weir_stream *stream, FILE *out)
{
	if (stream->custom)
		fprintf(out, "%s%s", weir_custom_path(stream->custom), stream->n_pushed ? ", then " : "");
	for (uint32_t i = 0; i < stream->n_pushed; i++) {
		int length;
		const char *text = weir_node_text(stream->pushed[i], &length);

		fprintf(out, "%s%.*s", i ? " | " : "", length, text);
	}
}

static void print_custom_code(const struct weir_custom *custom, FILE *out)
{
	const struct weir_code_source source = { .lines = weir_custom_lines(custom) };
	uint32_t n;
	const struct bpf_insn *code = weir_custom_code(custom, &n);

	fprintf(out, "      %s, %u instructions:\n", weir_custom_path(custom), n);
	weir_code_print(code, n, &source, out);
}

static void print_code(const struct weir_pipeline *pipeline, const struct weir_stream *stream, FILE *out)
{
	const struct weir_code_source source = { .predicate = stream->predicate,
						 .origin = stream->origin,
						 .text = weir_report_shown(pipeline->report) };

	if (stream->custom)
		print_custom_code(stream->custom, out);
	if (stream->n_pushed)
		weir_code_print(stream->code, stream->n_code, &source, out);
}

static void print_predicate(const struct weir_stream *stream, FILE *out)
{
	if (weir_filter_tier(stream->filter) != WEIR_TIER_USER)
		fprintf(out, ", %u eBPF instructions", stream->n_code);
	fputs(" for: ", out);
	weir_predicate_print(stream->predicate, &stream->schema, out);
	fputs(stream->predicate->exact ? "\n      exact\n" : "\n      implied; the stage decides exactly: ", out);
	if (!stream->predicate->exact)
		fprintf(out, "%s\n", stream->why_inexact);
}

static void print_filter(const struct weir_pipeline *pipeline, const struct weir_stream *stream, FILE *out)
{
	if (!stream->wants_filter)
		return;
	if (!stream->filter) {
		fprintf(out, "    filter: in user space: %s\n", stream->why_not);
		return;
	}
	fputs("    filter: ", out);
	print_pushed(stream, out);
	fprintf(out, "\n      tier %s", weir_stream_tier(stream));
	if (stream->n_pushed)
		print_predicate(stream, out);
	else
		fputc('\n', out);
	if (*stream->why_no_more)
		fprintf(out, "      no further stage: %s\n", stream->why_no_more);
	if (*stream->why_not)
		fprintf(out, "      no better tier: %s\n", stream->why_not);
	if (pipeline->options.show_code)
		print_code(pipeline, stream, out);
}

static const char *thread_of(const struct weir_stream *stream)
{
	if (stream->is_pooled)
		return "a thread of several slow sources";
	if (stream->is_lent)
		return "the thread of its reader";
	return weir_source_is_pulled(stream->from) ? "its own thread" : "loop";
}

static void print_stream(const struct weir_pipeline *pipeline, const struct weir_stream *stream, FILE *out)
{
	int length;
	const char *text = weir_node_text(stream->from, &length);

	if (stream->from->role == WEIR_SOURCE)
		fprintf(out, "source %.*s (%s)\n", length, text, thread_of(stream));
	else
		fprintf(out, "stream %s\n", stream->from->name ? stream->from->name : "(unnamed)");
	if (stream->is_pooled)
		fputs("    thread: shared, until the source or its chain has kept it for 10 ms; then its own\n", out);
	if (weir_node_how(stream->from))
		fprintf(out, "    how: %s\n", weir_node_how(stream->from));
	print_schema(&stream->schema, out);
	if (stream->is_lent)
		fprintf(out, "    no ring: rows of %u bytes are read where they lie\n", stream->schema.row_bytes);
	else
		fprintf(out, "    ring: rows of %u bytes, %.1f MiB of %s\n", stream->schema.row_bytes,
			(double)ring_bytes(pipeline, stream) / (1 << 20),
			stream->filter && weir_filter_ring_fd(stream->filter) >= 0 ? "BPF map" : "memfd");
	print_filter(pipeline, stream, out);
}

static void print_agent(const struct weir_agent *agent, uint32_t number, FILE *out)
{
	fprintf(out, "agent %u%s reads", number,
		agent->is_prompt   ? ", run by the loop,"
		: agent->is_pooled ? ", run by the thread of its source,"
				   : "");
	for (uint32_t i = 0; i < agent->n_ports; i++) {
		const struct weir_node *from = agent->port[i].from->from;

		fprintf(out, "%s %s (%s)", i ? "," : "",
			from->name                  ? from->name
			: from->role == WEIR_SOURCE ? "the source"
						    : "(unnamed)",
			weir_policy_name(agent->port[i].policy));
	}
	fputc('\n', out);
	for (const struct weir_node *node = agent->first; node; node = node->down) {
		int length;
		const char *text = weir_node_text(node, &length);

		fprintf(out, "    %-9s %.*s\n", weir_role_name(node->role), length, text);
	}
}

static void explain_text(const struct weir_pipeline *pipeline, FILE *out)
{
	fprintf(out, "%u stream%s, %u agent%s\n", pipeline->n_streams, pipeline->n_streams == 1 ? "" : "s",
		pipeline->n_agents, pipeline->n_agents == 1 ? "" : "s");
	for (uint32_t i = 0; i < pipeline->n_streams; i++)
		print_stream(pipeline, pipeline->stream[i], out);
	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		print_agent(pipeline->agent[i], i + 1, out);
}

static json_t *node_text_json(const struct weir_node *node)
{
	int length;
	const char *text = weir_node_text(node, &length);

	return json_stringn(text, (size_t)length);
}

static json_t *schema_json(const struct weir_schema *schema)
{
	static const char *const kind[] = { "real", "int", "bool", "text" };
	json_t *fields = json_array();

	for (uint32_t i = 0; i < schema->n_fields; i++)
		json_array_append_new(fields, json_pack("{s:s, s:s, s:s}", "name", schema->field[i].name, "kind",
							kind[schema->field[i].kind], "unit", schema->field[i].unit));
	return fields;
}

static json_t *pushed_json(const struct weir_stream *stream)
{
	json_t *stages = json_array();

	for (uint32_t i = 0; i < stream->n_pushed; i++)
		json_array_append_new(stages, node_text_json(stream->pushed[i]));
	return stages;
}

static json_t *stream_json(const struct weir_pipeline *pipeline, const struct weir_stream *stream)
{
	json_t *object = json_pack("{s:o, s:s?, s:s, s:o, s:i, s:I, s:s}", "from", node_text_json(stream->from), "name",
				   stream->from->name, "clock", weir_clock_name(stream->schema.clock), "fields",
				   schema_json(&stream->schema), "row_bytes", (int)stream->schema.row_bytes,
				   "ring_bytes", (json_int_t)ring_bytes(pipeline, stream), "tier",
				   weir_stream_tier(stream));

	if (stream->filter) {
		json_object_set_new(object, "filter", pushed_json(stream));
		if (stream->custom)
			json_object_set_new(object, "custom", json_string(weir_custom_path(stream->custom)));
		json_object_set_new(object, "exact", json_boolean(stream->predicate->exact));
	}
	json_object_set_new(object, "is_shared", json_boolean(stream->is_pooled));
	if (weir_node_how(stream->from))
		json_object_set_new(object, "how", json_string(weir_node_how(stream->from)));
	if (*stream->why_not)
		json_object_set_new(object, "why_not", json_string(stream->why_not));
	return object;
}

static json_t *agent_json(const struct weir_agent *agent)
{
	json_t *stages = json_array(), *rest = json_array();

	for (const struct weir_node *node = agent->first; node; node = node->down)
		json_array_append_new(stages, node_text_json(node));
	for (uint32_t i = 1; i < agent->n_ports; i++)
		json_array_append_new(rest, node_text_json(agent->port[i].from->from));
	return json_pack("{s:o, s:o, s:s, s:s, s:o}", "reads", node_text_json(agent->port[0].from->from), "and", rest,
			 "policy", weir_policy_name(agent->port[0].policy), "thread",
			 agent->is_prompt   ? "loop"
			 : agent->is_pooled ? "source"
					    : "worker",
			 "stages", stages);
}

static json_t *explain_json(const struct weir_pipeline *pipeline)
{
	json_t *streams = json_array(), *agents = json_array();

	for (uint32_t i = 0; i < pipeline->n_streams; i++)
		json_array_append_new(streams, stream_json(pipeline, pipeline->stream[i]));
	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		json_array_append_new(agents, agent_json(pipeline->agent[i]));
	return json_pack("{s:o, s:o}", "streams", streams, "agents", agents);
}

void weir_explain(const struct weir_pipeline *pipeline, FILE *stream, enum weir_format format)
{
	if (format == WEIR_FORMAT_JSON)
		weir_json_print(explain_json(pipeline), stream);
	else
		explain_text(pipeline, stream);
}
