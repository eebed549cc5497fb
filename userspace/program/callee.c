/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/internal.h"
#include "core/trust.h"
#include "weir/callee.h"
#include "weir/fields.h"

/* ------------------------------------------------------- library and function */

/* A bare name that is a file here means that file, as a reader would think; else the loader looks for it. */
static const char *place_of(const char *name, char here[4200])
{
	if (strchr(name, '/') || access(name, R_OK) < 0)
		return name;
	snprintf(here, 4200, "./%s", name);
	return here;
}

/* What the loader finds by itself is in places that the system trusts. */
static int check_trust(struct weir_node *node, const char *place)
{
	char why[WEIR_TRUST_WHY];

	if (!weir_is_secure() || !strchr(place, '/') || !weir_trust_file(place, why))
		return 0;
	return weir_fail_arg(node, "function",
			     "weir has more rights than its user (setcap): put the library where root alone can write",
			     "'%s' is not loaded: %s", place, why);
}

static int find_symbol(struct weir_callee *callee, struct weir_node *node, const char *name)
{
	char symbol[256];

	snprintf(symbol, sizeof(symbol), "weir_call_%s", name);
	callee->function = dlsym(callee->library, symbol);
	if (callee->function)
		return 0;
	if (dlsym(callee->library, name))
		return weir_fail_arg(node, "function", "describe it with WEIR_CALL(), see weir/call.h",
				     "the library has a function '%s', but does not say what it takes and gives", name);
	return weir_fail_arg(node, "function", NULL, "the library exports no function '%s'", name);
}

/* A library that the unit of a service does not let in cannot be mapped as code. */
static int refuse_library(struct weir_node *node, const char *why)
{
	bool is_kept = getenv("INVOCATION_ID") && strstr(why, "failed to map segment");

	return weir_fail_arg(
		node, "function",
		is_kept ? "the unit of this service allows no such library (NoExecPaths=): copy programs.conf to "
			  "weir@NAME.service.d, see weir(1)"
			: "give the path of a shared library, as in ./libmine.so:norm",
		"cannot load the library: %s", why);
}

static int find_in_library(struct weir_callee *callee, struct weir_node *node, const char *text, const char *colon)
{
	char path[4096], here[4200];
	const char *place;
	int err;

	if (colon == text || !colon[1] || (size_t)(colon - text) >= sizeof(path))
		return weir_fail_arg(node, "function", "as in call ./libmine.so:norm",
				     "'%s' does not name a library and a function", text);
	memcpy(path, text, (size_t)(colon - text));
	path[colon - text] = 0;
	place = place_of(path, here);
	err = check_trust(node, place);
	if (err)
		return err;
	callee->library = dlopen(place, RTLD_NOW | RTLD_LOCAL);
	if (!callee->library)
		return refuse_library(node, dlerror());
	return find_symbol(callee, node, colon + 1);
}

static int find_in_application(struct weir_callee *callee, struct weir_node *node, const char *name)
{
	const struct weir_options *options = &node->pipeline->options;

	for (uint32_t i = 0; i < options->n_functions; i++) {
		if (strcmp(options->functions[i].name, name))
			continue;
		callee->function = options->functions[i].call;
		callee->state = options->functions[i].state;
		return 0;
	}
	return weir_fail_arg(node, "function", "as in call ./libmine.so:norm",
			     "'%s' does not name a library and a function", name);
}

static int check_function(struct weir_node *node, const struct weir_call *function)
{
	if (function->version != WEIR_CALL_VERSION || function->bytes != sizeof(*function))
		return weir_fail_arg(node, "function", "build the library again with this weir's weir/call.h",
				     "the function was made for version %u of weir/call.h, and this is %u",
				     function->version, WEIR_CALL_VERSION);
	if (!function->element == !function->list)
		return weir_fail_arg(node, "function", NULL, "it must be a function of an element or of a list");
	if (function->most > WEIR_BLOCK_MAX)
		return weir_fail_arg(node, "function", NULL, "it gives more than %u records at a time", WEIR_BLOCK_MAX);
	return 0;
}

/* -------------------------------------------------------------------- fields */

static int match_field(struct weir_callee *callee, struct weir_node *node, const struct weir_schema *in,
		       const struct weir_field *wanted)
{
	int at = weir_schema_find(in, wanted->name);
	enum weir_kind kind;

	if (at < 0)
		return weir_fail_arg(node, "function", "select or rename can give it that name",
				     "the function takes '%s', and this stream has no such field", wanted->name);
	kind = in->field[at].kind;
	if (kind != wanted->kind && !(wanted->kind == WEIR_REAL && kind != WEIR_TEXT) &&
	    !(wanted->kind == WEIR_INT && kind == WEIR_BOOL))
		return weir_fail_arg(node, "function", NULL,
				     "the function takes '%s' as another kind than this stream has", wanted->name);
	callee->to_real[callee->n_in] = wanted->kind == WEIR_REAL && kind != WEIR_REAL;
	callee->from[callee->n_in++] = at;
	return 0;
}

/* `t:int` first is the time, which no schema has among its fields. What follows it, or the whole. */
static const char *take_time(struct weir_callee *callee, const char *declared)
{
	const char *rest = declared + strspn(declared, " ");

	if (strncmp(rest, "t:int", 5) || (rest[5] && !strchr(", ", rest[5])))
		return declared;
	callee->from[callee->n_in++] = WEIR_FIELD_TIME;
	rest += 5 + strspn(rest + 5, " ");
	return *rest == ',' ? rest + 1 : rest;
}

static int match_input(struct weir_callee *callee, struct weir_node *node, const struct weir_schema *in)
{
	const char *declared = callee->function->in ? take_time(callee, callee->function->in) : "";
	struct weir_schema wanted;
	char why[WEIR_FIELDS_WHY];
	int err = 0;

	weir_schema_init(&wanted, WEIR_CLOCK_NOMINAL);
	if (*declared && weir_fields_add(&wanted, declared, 2, NULL, why) < 0)
		return weir_fail_arg(node, "function", NULL, "the input of the function is declared wrong: %s", why);
	if (callee->n_in + wanted.n_fields > WEIR_FIELDS_MAX)
		return weir_fail_arg(node, "function", NULL, "the function takes too many fields");
	for (uint32_t i = 0; i < wanted.n_fields && !err; i++)
		err = match_field(callee, node, in, &wanted.field[i]);
	return err;
}

int weir_callee_open(struct weir_callee *callee, struct weir_node *node, const struct weir_callee_args *args,
		     const struct weir_schema *in)
{
	const char *text = args->function, *colon = strrchr(text, ':');
	int err = colon ? find_in_library(callee, node, text, colon) : find_in_application(callee, node, text);

	if (!err)
		err = check_function(node, callee->function);
	if (err)
		return err;
	callee->most = callee->function->most ? callee->function->most : 1;
	callee->args = args;
	return in ? match_input(callee, node, in) : 0;
}

int weir_callee_declare(struct weir_node *node, const struct weir_callee_args *args, const char *text,
			struct weir_schema *out)
{
	char why[WEIR_FIELDS_WHY] = "it is not declared";

	if (!text || weir_fields_add(out, text, args->width, NULL, why) < 0)
		return weir_fail_arg(node, "function", NULL, "the output of the function is declared wrong: %s", why);
	return 0;
}

int weir_callee_members(const struct weir_callee *callee, struct weir_node *node, struct weir_members **members)
{
	const struct weir_windows_args *windows = &callee->args->windows;

	if (weir_given(node, &windows->layout.size)) {
		if (callee->function->list)
			return weir_members_open(members, node, windows, weir_in(node));
		return weir_fail_arg(node, "window", NULL, "it is a function of an element, not of a window");
	}
	return weir_layout_refuse(node, &windows->layout, "'%s' needs window=");
}

/* --------------------------------------------------------------------- state */

int weir_callee_begin(struct weir_callee *callee, struct weir_node *node)
{
	const char *argument = callee->args->arg;
	int result;

	if (!callee->state && (callee->library || callee->function->state_bytes)) {
		callee->state = calloc(1, callee->function->state_bytes + 1);
		if (!callee->state)
			return -ENOMEM;
		callee->owns_state = true;
	}
	callee->has_begun = true;
	result = callee->function->begin ? callee->function->begin(callee->state, argument ? argument : "") : 0;
	if (result < 0)
		return weir_fail_arg(node, argument ? "arg" : "function", NULL, "the function refuses to begin: %d",
				     result);
	return 0;
}

void weir_callee_close(struct weir_callee *callee)
{
	if (callee->has_begun && callee->function->done)
		callee->function->done(callee->state);
	if (callee->owns_state)
		free(callee->state);
	if (callee->library)
		dlclose(callee->library);
}

int weir_callee_failed(const struct weir_callee *callee, struct weir_node *node, int result, uint32_t records)
{
	weir_lost(node, WEIR_LOST_POISON, records);
	if (callee->args->skips)
		return 0;
	if (result < 0)
		return weir_fail(node, EINVAL, "the function failed with %d", result);
	return weir_fail(node, EINVAL, "the function says that it gave %d records, and may give %u", result,
			 callee->most);
}
