/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `weir list`: the registry and the parameter tables, as text and as JSON. */
#include <string.h>

#include "core/counters.h"
#include "core/module_open.h"
#include "share/share_list.h"

static const enum weir_role roles[] = { WEIR_SOURCE, WEIR_OPERATOR, WEIR_SINK, WEIR_ACTUATOR };
static const char *const headings[] = {
	[WEIR_SOURCE] = "sensors",
	[WEIR_OPERATOR] = "stages",
	[WEIR_SINK] = "sinks",
	[WEIR_ACTUATOR] = "actuators",
};

#define N_ROLES (sizeof(roles) / sizeof(roles[0]))

static const char *style_text(const struct weir_param *param)
{
	switch (param->style) {
	case WEIR_KEY:
		return "=";
	case WEIR_KEYWORD:
		return " ";
	case WEIR_POSITIONAL:
		break;
	}
	return "";
}

static const char *value_text(enum weir_value value)
{
	static const char *const text[] = {
		[WEIR_V_INT] = "N",       [WEIR_V_REAL] = "X",        [WEIR_V_DURATION] = "TIME",
		[WEIR_V_RATE] = "RATE",   [WEIR_V_SIZE] = "SIZE",     [WEIR_V_SPAN] = "N|TIME",
		[WEIR_V_BOOL] = "yes|no", [WEIR_V_WORD] = "WORD",     [WEIR_V_TEXT] = "TEXT",
		[WEIR_V_EXPR] = "EXPR",   [WEIR_V_FIELDS] = "FIELDS", [WEIR_V_AGGREGATES] = "AGGS",
	};

	return text[value];
}

static void print_words(const struct weir_param *param, FILE *stream)
{
	for (const char *const *word = param->words; word && *word; word++)
		fprintf(stream, "%s%s", word == param->words ? "; one of " : ", ", *word);
}

static void print_param(const struct weir_param *param, FILE *stream)
{
	char form[64];

	if (param->style == WEIR_POSITIONAL)
		snprintf(form, sizeof(form), "%s", value_text(param->value));
	else
		snprintf(form, sizeof(form), "%s%s%s", param->name, style_text(param), value_text(param->value));
	fprintf(stream, "    %-22s %s", form, param->help);
	if (param->value == WEIR_V_WORD || param->value == WEIR_V_AGGREGATES)
		print_words(param, stream);
	if (param->fallback)
		fprintf(stream, " (default %s)", param->fallback);
	else if (param->required)
		fputs(" (required)", stream);
	fputc('\n', stream);
}

static void print_driver(const struct weir_driver *driver, enum weir_role role, bool parameters, FILE *stream)
{
	char name[64], why[WEIR_MODULE_WHY], hint[WEIR_MODULE_WHY];

	snprintf(name, sizeof(name), "%s%s%s", driver->name, driver->target ? ":" : "",
		 driver->target ? driver->target : "");
	fprintf(stream, "  %-24s %s\n", name, driver->doc);
	if (weir_module_is_missing(driver, why, hint))
		fprintf(stream, "    not usable without %s (%s): %s\n", driver->library->name,
			driver->library->build_package, why);
	if (!parameters)
		return;
	for (const struct weir_param *param = weir_driver_params(driver, role); param->name; param++)
		print_param(param, stream);
}

static bool has(const struct weir_driver *driver, enum weir_role role)
{
	return weir_driver_find(driver->name, role) == driver;
}

static void list_text(enum weir_role role, FILE *stream)
{
	fprintf(stream, "%s\n", headings[role]);
	for (size_t i = 0; i < weir_n_drivers; i++)
		if (has(weir_drivers[i], role))
			print_driver(weir_drivers[i], role, false, stream);
}

static json_t *param_json(const struct weir_param *param)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:b, s:s}", "name", param->name, "form", value_text(param->value),
				   "help", param->help, "required", param->required, "style",
				   param->style == WEIR_KEY       ? "key"
				   : param->style == WEIR_KEYWORD ? "keyword"
								  : "positional");
	json_t *words = json_array();

	for (const char *const *word = param->words; word && *word; word++)
		json_array_append_new(words, json_string(*word));
	json_object_set_new(object, "words", words);
	if (param->fallback)
		json_object_set_new(object, "default", json_string(param->fallback));
	if (param->min != param->max)
		json_object_set_new(object, "range", json_pack("[f, f]", param->min, param->max));
	return object;
}

static json_t *driver_json(const struct weir_driver *driver, enum weir_role role)
{
	json_t *params = json_array();

	for (const struct weir_param *param = weir_driver_params(driver, role); param->name; param++)
		json_array_append_new(params, param_json(param));
	return json_pack("{s:s, s:s, s:s, s:s?, s:o}", "name", driver->name, "role", weir_role_name(role), "doc",
			 driver->doc, "target", driver->target, "parameters", params);
}

static json_t *list_json(enum weir_role role)
{
	json_t *list = json_array();

	for (size_t i = 0; i < weir_n_drivers; i++)
		if (has(weir_drivers[i], role))
			json_array_append_new(list, driver_json(weir_drivers[i], role));
	return list;
}

static json_t *absent_json(void)
{
	char why[WEIR_MODULE_WHY], hint[WEIR_MODULE_WHY];
	json_t *list = json_array();

	for (size_t i = 0; i < weir_n_drivers; i++)
		if (weir_module_is_missing(weir_drivers[i], why, hint))
			json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "name", weir_drivers[i]->name,
							      "library", weir_drivers[i]->library->name, "package",
							      weir_drivers[i]->library->build_package, "why", why));
	return list;
}

/* What is told of devices goes to one of the two. */
struct devices {
	const char *driver;
	FILE *stream;
	json_t *list;
};

/* {"channel": ["…", "…"], "rate": ["…"]} */
static json_t *facts_json(const struct weir_device_fact *fact, size_t n)
{
	json_t *object = json_object();

	for (size_t i = 0; i < n; i++) {
		if (!json_object_get(object, fact[i].key))
			json_object_set_new(object, fact[i].key, json_array());
		json_array_append_new(json_object_get(object, fact[i].key), json_string(fact[i].value));
	}
	return object;
}

static void tell_device(void *context, const char *target, const char *what, const struct weir_device_fact *fact,
			size_t n)
{
	const struct devices *devices = context;
	/* Shells and the language alike take such a name only in quotes. */
	const char *quote = strpbrk(target, " [|;#") ? "\"" : "";
	char form[300];

	json_array_append_new(devices->list, json_pack("{s:s, s:s, s:s, s:o}", "driver", devices->driver, "target",
						       target, "what", what, "facts", facts_json(fact, n)));
	if (!devices->stream)
		return;
	snprintf(form, sizeof(form), "%s:%s%s%s", devices->driver, quote, target, quote);
	fprintf(devices->stream, "  %-24s %s\n", form, what);
	for (size_t i = 0; i < n; i++)
		fprintf(devices->stream, "    %-10s %s\n", fact[i].key, fact[i].value);
}

static void list_devices(FILE *stream, json_t *document)
{
	struct devices devices = { .stream = stream, .list = json_array() };

	if (stream)
		fputs("devices\n", stream);
	for (size_t i = 0; i < weir_n_drivers; i++) {
		devices.driver = weir_drivers[i]->name;
		if (has(weir_drivers[i], WEIR_SOURCE) && weir_drivers[i]->source->devices)
			weir_drivers[i]->source->devices(tell_device, &devices);
	}
	json_object_set_new(document, "devices", devices.list);
}

int weir_list(const char *what, FILE *stream, enum weir_format format)
{
	json_t *document = json_object();
	bool known = false;

	for (size_t i = 0; i < N_ROLES; i++) {
		if (what && strcmp(what, headings[roles[i]]))
			continue;
		known = true;
		if (format == WEIR_FORMAT_TEXT)
			list_text(roles[i], stream);
		else
			json_object_set_new(document, headings[roles[i]], list_json(roles[i]));
	}
	if (what && !strcmp(what, "streams")) {
		known = true;
		weir_share_list(format == WEIR_FORMAT_TEXT ? stream : NULL, document);
	}
	if (what && !strcmp(what, "devices")) {
		known = true;
		list_devices(format == WEIR_FORMAT_TEXT ? stream : NULL, document);
	}
	if (!what)
		json_object_set_new(document, "absent", absent_json());
	if (known && format == WEIR_FORMAT_JSON)
		weir_json_print(document, stream);
	else
		json_decref(document);
	return known ? WEIR_EXIT_OK : WEIR_EXIT_USAGE;
}

int weir_describe(const char *name, FILE *stream, enum weir_format format)
{
	json_t *document = json_array();
	bool known = false;

	for (size_t i = 0; i < N_ROLES; i++) {
		const struct weir_driver *driver = weir_driver_find(name, roles[i]);

		if (!driver)
			continue;
		known = true;
		json_array_append_new(document, driver_json(driver, roles[i]));
		if (format == WEIR_FORMAT_TEXT) {
			fprintf(stream, "%s\n", weir_role_name(roles[i]));
			print_driver(driver, roles[i], true, stream);
		}
	}
	if (known && format == WEIR_FORMAT_JSON)
		weir_json_print(document, stream);
	else
		json_decref(document);
	return known ? WEIR_EXIT_OK : WEIR_EXIT_USAGE;
}

bool weir_tell_absent(const char *name, FILE *stream)
{
	char why[WEIR_MODULE_WHY], hint[WEIR_MODULE_WHY];

	for (size_t i = 0; i < weir_n_drivers; i++)
		if (!strcmp(weir_drivers[i]->name, name) && weir_module_is_missing(weir_drivers[i], why, hint)) {
			fprintf(stream, "%s; %s\n", why, hint);
			return true;
		}
	return false;
}
