/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command lines of a systemd unit, as systemd reads them as far as ours go: words, and $NAME from the environment. */
#ifndef WEIR_RIG_UNIT_FILE_H
#define WEIR_RIG_UNIT_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_WORDS 16

struct unit_command {
	char line[256];
	char *word[UNIT_WORDS + 1];
};

static inline void unit_split(struct unit_command *command, char *text)
{
	unsigned n = 0;

	for (char *word = strtok(text, " \n"); word && n < UNIT_WORDS; word = strtok(NULL, " \n")) {
		char *value = *word == '$' ? getenv(word + 1) : word;

		if (value)
			command->word[n++] = value;
	}
	command->word[n] = NULL;
}

/* Line number `index` of those that begin with KEY=. Returns whether there is one. */
static inline int unit_command(const char *unit, const char *key, unsigned index, struct unit_command *command)
{
	size_t length = strlen(key);
	FILE *file = fopen(unit, "r");
	int found = 0;

	while (file && !found && fgets(command->line, sizeof(command->line), file))
		found = !strncmp(command->line, key, length) && command->line[length] == '=' && index-- == 0;
	if (file)
		fclose(file);
	if (found)
		unit_split(command, command->line + length + 1);
	return found;
}

/* All of them, `room` at most. Returns how many. */
static inline unsigned unit_commands(const char *unit, const char *key, struct unit_command *command, unsigned room)
{
	unsigned n = 0;

	while (n < room && unit_command(unit, key, n, &command[n]))
		n++;
	return n;
}

#endif
