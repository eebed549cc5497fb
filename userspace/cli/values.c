/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values for the parameters of a program: from the command line, and from a file that systemd reads as well. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_options.h"

static bool begins_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The bytes of a name that a `=` follows; 0: there is none. */
static size_t name_bytes(const char *text)
{
	size_t n = 0;

	while (begins_name(text[n]) || (n && text[n] >= '0' && text[n] <= '9'))
		n++;
	return text[n] == '=' ? n : 0;
}

bool cli_is_value(const char *operand)
{
	return name_bytes(operand);
}

const char *cli_add_value(struct cli_parameters *parameters, const char *operand)
{
	size_t bytes = name_bytes(operand) + 1;
	const char **grown;

	for (unsigned i = 0; i < parameters->n; i++)
		if (!strncmp(parameters->word[i], operand, bytes))
			return "this parameter is given twice";
	grown = realloc(parameters->word, (parameters->n + 1) * sizeof(*grown));
	if (!grown)
		return "out of memory";
	parameters->word = grown;
	parameters->word[parameters->n++] = operand;
	return NULL;
}

void cli_free_values(char **values)
{
	for (char **value = values; value && *value; value++)
		free(*value);
	free(values);
}

/* One more at the end, which it takes. False: no memory. */
static bool append(char ***values, size_t *n, char *value)
{
	char **grown = realloc(*values, (*n + 2) * sizeof(*grown));

	if (!grown || !value) {
		free(value);
		*values = grown ? grown : *values;
		return false;
	}
	grown[(*n)++] = value;
	grown[*n] = NULL;
	*values = grown;
	return true;
}

/* Without the end of the line and the quotes around the value. */
static void trim(char *line)
{
	char *value = line + name_bytes(line) + 1;
	size_t n = strlen(line);

	while (n && strchr(" \t\r\n", line[n - 1]))
		line[--n] = '\0';
	n = strlen(value);
	if (n > 1 && (*value == '"' || *value == '\'') && value[n - 1] == *value) {
		memmove(value, value + 1, n - 2);
		value[n - 2] = '\0';
	}
}

/* Comments as systemd has them. */
static bool is_blank(const char *line)
{
	line += strspn(line, " \t\r\n");
	return !*line || *line == '#' || *line == ';';
}

static int read_lines(FILE *file, const char *path, char ***values, size_t *n, FILE *messages)
{
	unsigned number = 0;
	char *line = NULL;
	size_t room = 0;
	int status = 0;

	while (!status && getline(&line, &room, file) > 0) {
		char *start = line + strspn(line, " \t");

		number++;
		if (is_blank(line))
			continue;
		if (!name_bytes(start)) {
			fprintf(messages, "%s:%u: error: expected NAME=VALUE\n", path, number);
			status = CLI_USAGE;
			continue;
		}
		trim(start);
		status = append(values, n, strdup(start)) ? 0 : 1;
	}
	free(line);
	return status;
}

static int read_file(const char *path, char ***values, size_t *n, FILE *messages)
{
	bool may_lack = *path == '-' && path[1];
	FILE *file;
	int status;

	path += may_lack;
	file = fopen(path, "r");
	if (!file && errno == ENOENT && may_lack)
		return 0;
	if (!file) {
		fprintf(messages, "weir: --params: cannot open '%s': %s\n", path, strerror(errno));
		if (errno == EACCES)
			fputs("    the user of this process must be able to read it\n", messages);
		return CLI_USAGE;
	}
	status = read_lines(file, path, values, n, messages);
	if (!status && ferror(file)) {
		fprintf(messages, "weir: --params: cannot read '%s': %s\n", path, strerror(errno));
		status = CLI_USAGE;
	}
	fclose(file);
	return status;
}

int cli_read_values(const struct cli_parameters *parameters, struct program *out, FILE *messages)
{
	size_t n = 0;
	int status = 0;

	out->values = NULL;
	if (parameters->file)
		status = read_file(parameters->file, &out->values, &n, messages);
	out->n_shared = (uint32_t)n;
	for (unsigned i = 0; i < parameters->n && !status; i++)
		status = append(&out->values, &n, strdup(parameters->word[i])) ? 0 : 1;
	if (!status)
		return 0;
	cli_free_values(out->values);
	out->values = NULL;
	return status;
}
