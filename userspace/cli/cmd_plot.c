/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Draw the channels of a recording over time. A pipeline turns the file, whatever it is, into CSV; gnuplot reads that, and the
 * script that stands here, from files of ours in memory.
 */
#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

#define FIELDS_MAX 64

extern char **environ;

struct arguments {
	const char *file, *out;
	const char *field[FIELDS_MAX];
	int n_fields;
};

static const struct argp_option options[] = {
	{ "output", 'o', "FILE", 0, "draw to this file, an SVG or PNG by its ending; by default FILE.svg", 0 },
	{ 0 },
};

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'o':
		arguments->out = value;
		return 0;
	case ARGP_KEY_ARG:
		if (!arguments->file)
			arguments->file = value;
		else if (arguments->n_fields < FIELDS_MAX)
			arguments->field[arguments->n_fields++] = value;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->file)
			argp_error(state, "a FILE is missing: a recording, or CSV with a column t");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* ------------------------------------------------------------------------ data */

static char *program_text(const struct arguments *arguments, const char *csv)
{
	char *text = NULL;
	size_t n;
	FILE *stream = open_memstream(&text, &n);

	if (!stream)
		return NULL;
	fputs("replay:", stream);
	cli_put_string(stream, arguments->file);
	for (int i = 0; i < arguments->n_fields; i++)
		fprintf(stream, "%s%s", i ? "," : "[", arguments->field[i]);
	fprintf(stream, "%s speed=max | csv:%s", arguments->n_fields ? "]" : "", csv);
	return fclose(stream) ? NULL : text;
}

/* The file as CSV, at `csv`. An exit status. */
static int make_csv(const struct arguments *arguments, const char *csv)
{
	char *text = program_text(arguments, csv);
	struct weir_pipeline *pipeline;
	int status;

	if (!text)
		return 1;
	status = weir_open(&pipeline, text, arguments->file, NULL);
	free(text);
	if (status)
		return status;
	status = weir_run(pipeline);
	weir_close(pipeline);
	return status;
}

/* ---------------------------------------------------------------------- script */

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && !strcmp(text + n - m, end);
}

/* In gnuplot's single quotes a quote is written twice, and nothing else means anything. */
static void put_quoted(FILE *to, const char *text)
{
	fputc('\'', to);
	for (; *text; text++) {
		if (*text == '\'')
			fputc('\'', to);
		fputc(*text, to);
	}
	fputc('\'', to);
}

static bool is_number(const char *cell)
{
	char *end;

	strtod(cell, &end);
	return end != cell && (*end == 0 || *end == '\n');
}

/* Which columns hold numbers, by the first two lines, of which the second then ends after the time. Returns how many. */
static int find_columns(char *header, char *first, int column[FIELDS_MAX], const char *name[FIELDS_MAX])
{
	char *cell, *value;
	int n = 0;

	strsep(&header, ",");
	strsep(&first, ",");
	for (int i = 2; n < FIELDS_MAX && (cell = strsep(&header, ",\n")) && *cell; i++) {
		value = strsep(&first, ",\n");
		/* A text may hold commas, but then the number behind it is not found, and not drawn in its place. */
		if (!value || *value == '"')
			break;
		if (!is_number(value))
			continue;
		column[n] = i;
		name[n++] = cell;
	}
	return n;
}

/* The next cell, with its end cut off. Within quotes a comma is text. NULL: there is none. */
static char *next_cell(char **line)
{
	char *cell = *line, *at = cell;
	bool is_quoted = false;

	if (!cell)
		return NULL;
	for (; *at && *at != '\n' && (is_quoted || *at != ','); at++)
		is_quoted ^= *at == '"';
	*line = *at == ',' ? at + 1 : NULL;
	*at = 0;
	return cell;
}

static void find_numbers(char *line, const int *column, bool *has_numbers, int n)
{
	char *cell;

	for (int i = 1, k = 0; k < n && (cell = next_cell(&line)); i++) {
		if (i != column[k])
			continue;
		has_numbers[k] |= is_number(cell) && isfinite(strtod(cell, NULL));
		k++;
	}
}

/* gnuplot ends at a field without a single number, and what comes after it would not be drawn. Returns how many fields are left. */
static int leave_out_empty(FILE *rows, int *column, const char **name, int n)
{
	bool has_numbers[FIELDS_MAX] = { false };
	char *line = NULL;
	size_t room = 0;
	int left = 0;

	while (getline(&line, &room, rows) > 0)
		find_numbers(line, column, has_numbers, n);
	free(line);
	for (int i = 0; i < n; i++) {
		if (!has_numbers[i]) {
			fprintf(stderr, "weir: field '%s' has no numbers and is not drawn\n", name[i]);
			continue;
		}
		column[left] = column[i];
		name[left++] = name[i];
	}
	return left;
}

static void put_script(FILE *script, const struct arguments *arguments, const char *csv, const int *column,
		       const char *const *name, int n, const char *t0)
{
	bool is_png = ends_with(arguments->out, ".png");

	fprintf(script, "set terminal %s noenhanced size 1000,%d\nset output ", is_png ? "pngcairo" : "svg",
		120 + 180 * n);
	put_quoted(script, arguments->out);
	fputs("\nset datafile separator ','\nset datafile missing 'nan'\nset key off\nset grid\nset lmargin 12\n",
	      script);
	fputs("set multiplot title ", script);
	put_quoted(script, arguments->file);
	fprintf(script, " layout %d,1\n", n);
	for (int i = 0; i < n; i++) {
		fputs("set ylabel ", script);
		put_quoted(script, name[i]);
		fprintf(script, "\n%splot ", i + 1 == n ? "set xlabel 'seconds since the first record'\n" : "");
		put_quoted(script, csv);
		fprintf(script, " skip 1 using (($1-(%s))/1e9):%d with lines\n", t0, column[i]);
	}
	fputs("unset multiplot\n", script);
}

static int write_script(FILE *script, const struct arguments *arguments, const char *csv)
{
	char *line[2] = { NULL, NULL };
	size_t room[2] = { 0, 0 };
	const char *name[FIELDS_MAX];
	int column[FIELDS_MAX], n = 0;
	FILE *file = fopen(csv, "r");
	long rows;

	if (file && getline(&line[0], &room[0], file) > 0 && (rows = ftell(file)) >= 0 &&
	    getline(&line[1], &room[1], file) > 0) {
		n = find_columns(line[0], line[1], column, name);
		n = fseek(file, rows, SEEK_SET) ? 0 : leave_out_empty(file, column, name, n);
	}
	if (n)
		put_script(script, arguments, csv, column, name, n, line[1]);
	if (file)
		fclose(file);
	free(line[0]);
	free(line[1]);
	return n;
}

/* ------------------------------------------------------------------------- run */

static int run_gnuplot(const char *script)
{
	char name[] = "gnuplot", *argv[] = { name, strdup(script), NULL };
	int status = -1, err;
	pid_t pid;

	err = argv[1] ? posix_spawnp(&pid, name, NULL, NULL, argv, environ) : ENOMEM;
	free(argv[1]);
	if (err == ENOENT)
		fputs("weir: gnuplot is not here; it draws what `weir plot` shows: apt install gnuplot-nox\n", stderr);
	else if (err)
		fprintf(stderr, "weir: cannot run gnuplot: %s\n", strerror(err));
	if (err || waitpid(pid, &status, 0) < 0)
		return 1;
	return status ? 1 : 0;
}

static int draw(const struct arguments *arguments, const char *csv)
{
	char path[64];
	int fd = memfd_create("weir-plot", 0), status, n;
	FILE *script = fd < 0 ? NULL : fdopen(fd, "w");

	if (!script)
		return 1;
	n = write_script(script, arguments, csv);
	fflush(script);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	status = n ? run_gnuplot(path) : 1;
	if (!n)
		fprintf(stderr, "weir: there are no numbers to draw in '%s'\n", arguments->file);
	fclose(script);
	return status;
}

static int plot(const struct arguments *arguments)
{
	char csv[64];
	int fd = memfd_create("weir-plot-data", 0), status;

	if (fd < 0)
		return 1;
	snprintf(csv, sizeof(csv), "/proc/self/fd/%d", fd);
	status = make_csv(arguments, csv);
	if (!status)
		status = draw(arguments, csv);
	close(fd);
	return status;
}

int cmd_plot(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		parse,
		"FILE [FIELD...]",
		"Draw the channels of a recording, or of CSV with a column t, over time; all that are numbers, or "
		"those that "
		"are named. gnuplot does it.",
		NULL,
		NULL,
		NULL,
	};
	struct arguments arguments = { 0 };
	char *out = NULL;
	int status;

	cli_parse(&argp, argc, argv, &arguments);
	if (!arguments.out && asprintf(&out, "%s.svg", arguments.file) >= 0)
		arguments.out = out;
	if (!arguments.out)
		return 1;
	if (!ends_with(arguments.out, ".svg") && !ends_with(arguments.out, ".png")) {
		fprintf(stderr, "weir: '%s' ends neither in .svg nor in .png\n", arguments.out);
		return CLI_USAGE;
	}
	status = plot(&arguments);
	free(out);
	return status;
}
