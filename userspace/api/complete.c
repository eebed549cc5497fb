/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may follow the beginning of a program, for the completion of shells: from the drivers' tables and this machine's devices. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/internal.h"
#include "share/share_list.h"
#include "weir/weir.h"

/* The end of a text: the stage that is being written, and its last word. */
struct completion {
	const char *stage; /* from behind the last |, or the beginning of a chain */
	const char *word;
	bool is_first; /* of a chain: a source or a stream */
	const char *text;
	FILE *out;
};

static bool complete_is_word(char c)
{
	return isalnum((unsigned char)c) || strchr("_-./@:,[", c);
}

/* A bar, a new line, or the = of "NAME = chain" begins a stage; in quotes they do not. */
static void complete_find_stage(struct completion *completion)
{
	bool is_quoted = false;

	completion->stage = completion->text;
	completion->is_first = true;
	for (const char *at = completion->text; *at; at++) {
		bool is_name = completion->is_first && *at == '=' && at > completion->text && at[-1] == ' ';

		is_quoted ^= *at == '"';
		if (is_quoted || !(strchr("|\n;", *at) || is_name))
			continue;
		completion->is_first = *at != '|';
		completion->stage = at + 1;
	}
	completion->stage += strspn(completion->stage, " \t");
	completion->word = completion->stage + strlen(completion->stage);
	while (completion->word > completion->stage && complete_is_word(completion->word[-1]))
		completion->word--;
}

static void complete_put(const struct completion *completion, const char *word, const char *end)
{
	if (!strncmp(word, completion->word, strlen(completion->word)))
		fprintf(completion->out, "%s%s\n", word, end);
}

static void complete_put_target(void *context, const char *target, const char *what,
				const struct weir_device_fact *fact, size_t n)
{
	const struct completion *completion = context;
	const char *colon = strchr(completion->word, ':');
	char text[300];

	(void)what;
	(void)fact;
	(void)n;
	if (strpbrk(target, " [|;#"))
		return; /* it needs quotes */
	snprintf(text, sizeof(text), "%.*s:%s", (int)(colon - completion->word), completion->word, target);
	complete_put(completion, text, "");
}

static void complete_streams(struct completion *completion)
{
	json_t *document = json_object(), *stream;
	size_t i;

	weir_share_list(NULL, document);
	json_array_foreach(json_object_get(document, "streams"), i, stream)
	{
		const char *name = json_string_value(json_object_get(stream, "name"));

		complete_put_target(completion, name ? name : "", NULL, NULL, 0);
	}
	json_decref(document);
}

/* Behind DRIVER: the devices of this machine, or what other processes publish. */
static void complete_target(struct completion *completion, size_t n_name)
{
	char name[64];
	const struct weir_driver *driver;

	snprintf(name, sizeof(name), "%.*s", (int)n_name, completion->word);
	driver = weir_driver_find(name, WEIR_SOURCE);
	if (!strcmp(name, "weir"))
		complete_streams(completion);
	else if (driver && driver->source->devices)
		driver->source->devices(complete_put_target, completion);
}

static void complete_drivers(const struct completion *completion)
{
	static const enum weir_role behind_bar[] = { WEIR_OPERATOR, WEIR_SINK, WEIR_ACTUATOR },
				    first[] = { WEIR_SOURCE };
	const enum weir_role *role = completion->is_first ? first : behind_bar;
	size_t n_roles = completion->is_first ? 1 : sizeof(behind_bar) / sizeof(*behind_bar);

	for (size_t k = 0; k < n_roles; k++)
		for (size_t i = 0; i < weir_n_drivers; i++)
			if (weir_driver_find(weir_drivers[i]->name, role[k]) == weir_drivers[i])
				complete_put(completion, weir_drivers[i]->name, weir_drivers[i]->target ? ":" : "");
}

/* Streams that the text has named so far: NAME = … */
static void complete_names(const struct completion *completion)
{
	for (const char *line = completion->text; *line;) {
		size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), end = n;
		char name[64];

		end += strspn(line + n, " \t");
		if (n && line[end] == '=' && n < sizeof(name)) {
			snprintf(name, sizeof(name), "%.*s", (int)n, line);
			complete_put(completion, name, "");
		}
		line += strcspn(line, "\n");
		line += strspn(line, " \t\n");
	}
}

static void complete_values(const struct completion *completion, const struct weir_param *param)
{
	bool are_units = param->value == WEIR_V_SPAN;

	for (const char *const *word = param->words; word && *word && !are_units; word++)
		complete_put(completion, *word, "");
	if (param->value == WEIR_V_BOOL) {
		complete_put(completion, "yes", "");
		complete_put(completion, "no", "");
	}
}

/* Behind KEY= its words; else the keys, and the words of arguments that have no key. */
static void complete_arguments(const struct completion *completion, const struct weir_driver *driver,
			       enum weir_role role)
{
	const char *key = completion->word;
	size_t n_key = 0;

	if (key > completion->stage && key[-1] == '=')
		for (key--; key > completion->stage && (isalnum((unsigned char)key[-1]) || key[-1] == '_'); key--)
			n_key++;
	for (const struct weir_param *param = weir_driver_params(driver, role); param->name; param++)
		if (n_key) {
			if (strlen(param->name) == n_key && !strncmp(param->name, key, n_key))
				complete_values(completion, param);
		} else if (param->style == WEIR_POSITIONAL)
			complete_values(completion, param);
		else
			complete_put(completion, param->name, param->style == WEIR_KEY ? "=" : "");
}

static void complete_stage(const struct completion *completion)
{
	static const enum weir_role roles[] = { WEIR_SOURCE, WEIR_OPERATOR, WEIR_SINK, WEIR_ACTUATOR };
	size_t n = strcspn(completion->stage, ": \t"), last = completion->is_first ? 1 : sizeof(roles) / sizeof(*roles);
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)n, completion->stage);
	for (size_t k = completion->is_first ? 0 : 1; k < last; k++) {
		const struct weir_driver *driver = weir_driver_find(name, roles[k]);

		if (driver)
			complete_arguments(completion, driver, roles[k]);
	}
}

int weir_complete(const char *text, FILE *stream)
{
	struct completion completion = { .text = text, .out = stream };
	const char *colon;

	complete_find_stage(&completion);
	colon = strchr(completion.word, ':');
	if (completion.word > completion.stage)
		complete_stage(&completion);
	else if (colon)
		complete_target(&completion, (size_t)(colon - completion.word));
	else {
		complete_drivers(&completion);
		if (completion.is_first)
			complete_names(&completion);
	}
	return WEIR_EXIT_OK;
}
