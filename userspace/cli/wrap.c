/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listings have two columns; where a line is wider than the terminal, the second one goes on below itself. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

#define LEAST_WIDTH 40 /* below, nothing is gained by breaking lines */

/* COLUMNS where it is set, else the terminal's; 0: lines stay as they are, for whatever reads them. */
static unsigned width_of(FILE *to)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	long width = columns ? strtol(columns, NULL, 10) : 0;

	if (width > 0)
		return width < LEAST_WIDTH ? LEAST_WIDTH : (unsigned)width;
	if (!isatty(fileno(to)) || ioctl(fileno(to), TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return 0;
	return size.ws_col < LEAST_WIDTH ? LEAST_WIDTH : size.ws_col;
}

/* Characters, not bytes. */
static unsigned count(const char *text, size_t n)
{
	unsigned characters = 0;

	for (size_t i = 0; i < n; i++)
		characters += ((unsigned char)text[i] & 0xc0) != 0x80;
	return characters;
}

/* Where the second column begins: behind the first two blanks in a row that follow a word. */
static size_t second_column(const char *line, size_t n)
{
	size_t at = strspn(line, " ");

	for (; at + 2 < n; at++)
		if (line[at] == ' ' && line[at + 1] == ' ')
			return at + strspn(line + at, " ");
	return 0;
}

/* How much of the text fits into `room` characters, up to a blank; a word that does not fit goes on beyond. */
static size_t fitting(const char *text, size_t n, unsigned room)
{
	size_t last = 0;

	for (size_t i = 0; i < n; i++) {
		if (count(text, i) > room && last)
			return last;
		if (text[i] == ' ')
			last = i;
	}
	return count(text, n) > room && last ? last : n;
}

/* A command is there to be copied, and the terminal's own way of breaking it does not hinder that. */
static bool is_kept(const char *line, size_t n)
{
	return memmem(line, n, "weir run", 8);
}

static void print_line(const char *line, size_t n, unsigned width, FILE *to)
{
	size_t done = second_column(line, n), part;
	unsigned indent = count(line, done);

	if (count(line, n) <= width || is_kept(line, n)) {
		fwrite(line, 1, n, to);
		return;
	}
	if (!indent || indent > width / 2) {
		done = strspn(line, " ");
		indent = (unsigned)done + 4;
	}
	fwrite(line, 1, done, to);
	part = fitting(line + done, n - done, width - count(line, done));
	fwrite(line + done, 1, part, to);
	for (done += part; done < n; done += part) {
		done += line[done] == ' ';
		part = fitting(line + done, n - done, width - indent);
		fprintf(to, "\n%*s%.*s", (int)indent, "", (int)part, line + done);
	}
}

void cli_print_wrapped(const char *text, FILE *to)
{
	unsigned width = width_of(to);
	const char *end;

	if (!width) {
		fputs(text, to);
		return;
	}
	for (; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, '\n');
		print_line(text, (size_t)(end - text), width, to);
		if (*end)
			fputc('\n', to);
	}
}
