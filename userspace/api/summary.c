/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a run did: in, filtered, lost by cause, acted. The same numbers as text and as JSON. */
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "core/counters.h"
#include "core/run.h"

static uint64_t load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static double seconds(const struct weir_pipeline *pipeline)
{
	const struct weir_runtime *run = pipeline->runtime;

	return (double)(run->ended_ns - run->started_ns) / 1e9;
}

/* What the early filter has kept from ever reaching an agent. */
static uint64_t filtered(const struct weir_node *node)
{
	uint64_t in = load(&node->records_in), out = load(&node->records_out) + load(&node->lost[WEIR_LOST_FILTER]);

	return node->role == WEIR_SOURCE && node->stream && node->stream->filter && in > out ? in - out : 0;
}

static uint64_t filtered_in_kernel(const struct weir_node *node)
{
	uint64_t n = filtered(node);

	return n && weir_filter_tier(node->stream->filter) != WEIR_TIER_USER ? n : 0;
}

static uint64_t total(const struct weir_pipeline *pipeline, uint64_t (*of)(const struct weir_node *))
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		sum += of(pipeline->node[i]);
	return sum;
}

static uint64_t taken_in(const struct weir_node *node)
{
	return node->role == WEIR_SOURCE ? load(&node->records_in) : 0;
}

static uint64_t given_out(const struct weir_node *node)
{
	return node->role == WEIR_SINK ? load(&node->records_in) : 0;
}

static uint64_t acted(const struct weir_node *node)
{
	return load(&node->actuations);
}

static uint64_t lost_to(const struct weir_pipeline *pipeline, int cause)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		sum += load(&pipeline->node[i]->lost[cause]);
	return sum;
}

static uint64_t lost_by(const struct weir_node *node)
{
	uint64_t sum = 0;

	for (int cause = 0; cause < WEIR_LOST_CAUSES; cause++)
		sum += load(&node->lost[cause]);
	return sum;
}

static void print_actuator(const struct weir_node *node, FILE *stream)
{
	fprintf(stream, " %12" PRIu64 " actuations", load(&node->actuations));
	if (load(&node->refused))
		fprintf(stream, ", %" PRIu64 " refused", load(&node->refused));
	if (load(&node->parked))
		fprintf(stream, ", %" PRIu64 " times parked by the guard", load(&node->parked));
}

#define REASONS_MAX 16
#define REASON_BYTES 256

/* Has this reason not been printed yet, by this process? Beyond a number of them, each is news. */
static bool is_news(const char *reason)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char printed[REASONS_MAX][REASON_BYTES];
	static unsigned n;
	unsigned i = 0;

	pthread_mutex_lock(&lock);
	while (i < n && strncmp(printed[i], reason, REASON_BYTES - 1))
		i++;
	if (i == n && n < REASONS_MAX)
		snprintf(printed[n++], REASON_BYTES, "%s", reason);
	else if (i < n)
		reason = NULL;
	pthread_mutex_unlock(&lock);
	return reason;
}

/*
 * Of a device, why something is not done in a better way is the same for all of its kind and in every run of a service that is
 * reloaded: it stands in the first summary. What a broker's connection says is its state, and always there.
 */
static void print_how(const struct weir_node *node, const char *how, FILE *stream)
{
	const char *colon = node->role == WEIR_SOURCE && node->driver->source->devices ? strstr(how, ": ") : NULL;
	int length = colon && !is_news(colon + 2) ? (int)(colon - how) : (int)strlen(how);

	fprintf(stream, "            %.*s\n", length, how);
}

static void print_node(const struct weir_node *node, FILE *stream)
{
	int length;
	const char *text = weir_node_text(node, &length);

	if (node->absorbed)
		return;
	fprintf(stream, "  %-9s %-34.*s", weir_role_name(node->role), length < 34 ? length : 34, text);
	if (node->role == WEIR_ACTUATOR)
		print_actuator(node, stream);
	else
		fprintf(stream, " %12" PRIu64 " in", load(&node->records_in));
	if (node->role == WEIR_SOURCE || node->role == WEIR_OPERATOR)
		fprintf(stream, " %12" PRIu64 " out", load(&node->records_out));
	if (node->role == WEIR_SOURCE && node->stream && node->stream->wants_filter)
		fprintf(stream, ", %" PRIu64 " filtered, tier %s", filtered(node), weir_stream_tier(node->stream));
	if (lost_by(node))
		fprintf(stream, ", %" PRIu64 " lost", lost_by(node));
	if (load(&node->holes))
		fprintf(stream, ", %" PRIu64 " %s in time", load(&node->holes),
			load(&node->holes) == 1 ? "hole" : "holes");
	if (load(&node->evicted))
		fprintf(stream, ", %" PRIu64 " evicted", load(&node->evicted));
	fputc('\n', stream);
	if (node->held_ns)
		fprintf(stream, "            has its own thread: it or its chain kept a shared one for %.0f ms\n",
			(double)node->held_ns * 1e-6);
	if (weir_node_how(node))
		print_how(node, weir_node_how(node), stream);
}

static void print_losses(const struct weir_pipeline *pipeline, FILE *stream)
{
	const char *separator = " (";

	fprintf(stream, "%" PRIu64 " lost", weir_pipeline_lost(pipeline));
	for (int cause = 0; cause < WEIR_LOST_CAUSES; cause++) {
		if (!lost_to(pipeline, cause))
			continue;
		fprintf(stream, "%s%s %" PRIu64, separator, weir_loss_name(cause), lost_to(pipeline, cause));
		separator = ", ";
	}
	fprintf(stream, "%s\n", *separator == ',' ? ")" : "");
}

static void summary_text(const struct weir_pipeline *pipeline, FILE *stream)
{
	fprintf(stream,
		"weir: %.3f s: %" PRIu64 " records in, %" PRIu64 " filtered in the kernel, %" PRIu64
		" to sinks, %" PRIu64 " actuations, ",
		seconds(pipeline), total(pipeline, taken_in), total(pipeline, filtered_in_kernel),
		total(pipeline, given_out), total(pipeline, acted));
	print_losses(pipeline, stream);
	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		print_node(pipeline->node[i], stream);
}

static json_t *losses_json(const struct weir_pipeline *pipeline)
{
	json_t *lost = json_object();

	for (int cause = 0; cause < WEIR_LOST_CAUSES; cause++)
		json_object_set_new(lost, weir_loss_name(cause), json_integer((json_int_t)lost_to(pipeline, cause)));
	json_object_set_new(lost, "total", json_integer((json_int_t)weir_pipeline_lost(pipeline)));
	return lost;
}

static json_t *node_json(const struct weir_node *node)
{
	int length;
	const char *text = weir_node_text(node, &length);
	json_t *object = json_pack("{s:s, s:s%, s:I, s:I, s:I, s:I, s:I}", "role", weir_role_name(node->role), "text",
				   text, (size_t)length, "in", (json_int_t)load(&node->records_in), "out",
				   (json_int_t)load(&node->records_out), "filtered", (json_int_t)filtered(node), "lost",
				   (json_int_t)lost_by(node), "actuations", (json_int_t)load(&node->actuations));

	if (node->role == WEIR_ACTUATOR) {
		json_object_set_new(object, "refused", json_integer((json_int_t)load(&node->refused)));
		json_object_set_new(object, "parked", json_integer((json_int_t)load(&node->parked)));
	}
	if (load(&node->holes))
		json_object_set_new(object, "holes", json_integer((json_int_t)load(&node->holes)));
	if (load(&node->evicted))
		json_object_set_new(object, "evicted", json_integer((json_int_t)load(&node->evicted)));
	if (node->role == WEIR_SOURCE && node->stream)
		json_object_set_new(object, "tier", json_string(weir_stream_tier(node->stream)));
	if (node->held_ns)
		json_object_set_new(object, "held_ns", json_integer(node->held_ns));
	if (weir_node_how(node))
		json_object_set_new(object, "how", json_string(weir_node_how(node)));
	return object;
}

static json_t *summary_json(const struct weir_pipeline *pipeline)
{
	json_t *nodes = json_array();

	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		if (!pipeline->node[i]->absorbed)
			json_array_append_new(nodes, node_json(pipeline->node[i]));
	return json_pack("{s:f, s:I, s:I, s:I, s:I, s:o, s:o}", "seconds", seconds(pipeline), "in",
			 (json_int_t)total(pipeline, taken_in), "filtered_in_kernel",
			 (json_int_t)total(pipeline, filtered_in_kernel), "out", (json_int_t)total(pipeline, given_out),
			 "actuations", (json_int_t)total(pipeline, acted), "lost", losses_json(pipeline), "nodes",
			 nodes);
}

void weir_summary(const struct weir_pipeline *pipeline, FILE *stream, enum weir_format format)
{
	if (format == WEIR_FORMAT_JSON)
		weir_json_print(summary_json(pipeline), stream);
	else
		summary_text(pipeline, stream);
}
