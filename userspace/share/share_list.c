/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every publisher is looked at twice; what was published in between makes the rate. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "share/share_list.h"
#include "share/share_place.h"
#include "share/tap_internal.h"

#define BETWEEN_MS 250

struct stream {
	char name[WEIR_SHARE_NAME_MAX + 1];
	int fd;
	int error; /* why it cannot be looked at, or 0 */
	struct weir_share_view before, now;
	char *text;
};

struct streams {
	struct stream *stream;
	size_t n;
};

/* ---------------------------------------------------------------- finding them */

static bool take_name(const char *file, char name[WEIR_SHARE_NAME_MAX + 1])
{
	size_t n = strlen(file), suffix = strlen(WEIR_SHARE_SUFFIX);

	if (n <= suffix || n - suffix > WEIR_SHARE_NAME_MAX || strcmp(file + n - suffix, WEIR_SHARE_SUFFIX))
		return false;
	memcpy(name, file, n - suffix);
	name[n - suffix] = 0;
	return !weir_share_check_name(name);
}

static void look(struct stream *stream, struct weir_share_view *view)
{
	if (!stream->error)
		stream->error = weir_tap_look(stream->fd, view, stream->text);
}

static void add(struct streams *streams, const char *directory, const char *file)
{
	struct stream *grown = realloc(streams->stream, (streams->n + 1) * sizeof(*grown)), *stream;
	char path[PATH_MAX];

	if (!grown)
		return;
	streams->stream = grown;
	stream = &grown[streams->n];
	*stream = (struct stream){ .text = malloc(WEIR_SHARE_TEXT_MAX + 1) };
	stream->fd = snprintf(path, sizeof(path), "%s/%s", directory, file) < PATH_MAX ? weir_share_connect_path(path)
										       : -ENAMETOOLONG;
	stream->error = stream->fd < 0 ? stream->fd : 0;
	/* What a publisher has left that was killed is no stream. */
	if (!stream->text || stream->error == -ENOENT || !take_name(file, stream->name)) {
		free(stream->text);
		if (stream->fd >= 0)
			close(stream->fd);
		return;
	}
	look(stream, &stream->before);
	streams->n++;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct stream *)a)->name, ((const struct stream *)b)->name);
}

static struct streams find_streams(void)
{
	char directory[WEIR_SHARE_DIRECTORIES][PATH_MAX], name[WEIR_SHARE_NAME_MAX + 1];
	struct streams streams = { 0 };
	unsigned n = weir_share_directories(directory);

	for (unsigned i = 0; i < n; i++) {
		DIR *dir = opendir(directory[i]);
		struct dirent *entry;

		while (dir && (entry = readdir(dir)))
			if (take_name(entry->d_name, name))
				add(&streams, directory[i], entry->d_name);
		if (dir)
			closedir(dir);
	}
	if (streams.n)
		poll(NULL, 0, BETWEEN_MS);
	for (size_t i = 0; i < streams.n; i++)
		look(&streams.stream[i], &streams.stream[i].now);
	if (streams.n)
		qsort(streams.stream, streams.n, sizeof(*streams.stream), compare);
	return streams;
}

static void forget(struct streams *streams)
{
	for (size_t i = 0; i < streams->n; i++) {
		free(streams->stream[i].text);
		if (streams->stream[i].fd >= 0)
			close(streams->stream[i].fd);
	}
	free(streams->stream);
}

/* ---------------------------------------------------------------- showing them */

static double rate_of(const struct stream *stream)
{
	double seconds = 1e-9 * (double)(stream->now.now_ns - stream->before.now_ns);

	return seconds > 0 ? (double)(stream->now.rows - stream->before.rows) / seconds : 0;
}

static uint64_t lost_of(const struct stream *stream)
{
	uint64_t lost = stream->now.lost;

	for (uint32_t i = 0; i < stream->now.n_guests; i++)
		lost += stream->now.guest[i].lost;
	return lost;
}

static const char *policy_of(const struct weir_share_guest *guest)
{
	return guest->policy == WEIR_SHARE_BLOCK ? "block" : "drop_oldest";
}

static void print_schema(const struct stream *stream, FILE *out)
{
	struct weir_schema schema;

	if (weir_tap_read_schema(&schema, stream->text, stream->now.text_bytes) < 0)
		return;
	fputs("    t", out);
	for (uint32_t i = 0; i < schema.n_fields; i++)
		fprintf(out, ", %s%s%s%s", schema.field[i].name, *schema.field[i].unit ? " [" : "",
			schema.field[i].unit, *schema.field[i].unit ? "]" : "");
	fputc('\n', out);
}

static void print_stream(const struct stream *stream, FILE *out)
{
	const struct weir_share_view *view = &stream->now;

	if (stream->error) {
		fprintf(out, "  %-24s cannot be looked at: %s\n", stream->name, strerror(-stream->error));
		return;
	}
	fprintf(out, "  %-24s %" PRIu64 " records, %.0f/s, %u reader%s, %" PRIu64 " lost, published by %u\n",
		stream->name, view->rows, rate_of(stream), view->n_guests, view->n_guests == 1 ? "" : "s",
		lost_of(stream), view->pid);
	print_schema(stream, out);
	for (uint32_t i = 0; i < view->n_guests; i++)
		fprintf(out, "    reader %u: %s, %" PRIu64 " behind, %" PRIu64 " lost\n", view->guest[i].pid,
			policy_of(&view->guest[i]), view->guest[i].behind, view->guest[i].lost);
}

static json_t *readers_json(const struct weir_share_view *view)
{
	json_t *readers = json_array();

	for (uint32_t i = 0; i < view->n_guests; i++) {
		const struct weir_share_guest *guest = &view->guest[i];

		json_array_append_new(readers,
				      json_pack("{s:I, s:I, s:s, s:I, s:I}", "pid", (json_int_t)guest->pid, "uid",
						(json_int_t)guest->uid, "policy", policy_of(guest), "behind",
						(json_int_t)guest->behind, "lost", (json_int_t)guest->lost));
	}
	return readers;
}

static json_t *stream_json(const struct stream *stream)
{
	const struct weir_share_view *view = &stream->now;

	if (stream->error)
		return json_pack("{s:s, s:s}", "name", stream->name, "error", strerror(-stream->error));
	return json_pack("{s:s, s:I, s:I, s:f, s:I, s:o?, s:o}", "name", stream->name, "pid", (json_int_t)view->pid,
			 "records", (json_int_t)view->rows, "rate", rate_of(stream), "lost",
			 (json_int_t)lost_of(stream), "schema", json_loads(stream->text, 0, NULL), "readers",
			 readers_json(view));
}

void weir_share_list(FILE *stream, json_t *document)
{
	struct streams streams = find_streams();
	json_t *list = json_array();

	if (stream)
		fputs("streams\n", stream);
	for (size_t i = 0; i < streams.n; i++) {
		if (stream)
			print_stream(&streams.stream[i], stream);
		else
			json_array_append_new(list, stream_json(&streams.stream[i]));
	}
	if (stream)
		json_decref(list);
	else
		json_object_set_new(document, "streams", list);
	forget(&streams);
}
