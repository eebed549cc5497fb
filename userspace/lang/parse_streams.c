/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several streams at once: `a, b = …`, `zip(a, b)`, `a on b` and `… | zip b`. */
#include <string.h>

#include "lang/parser.h"

bool weir_at_names(struct weir_parser *parser)
{
	struct weir_lexer ahead;
	struct weir_token token;

	weir_peek(parser);
	ahead = parser->before;
	ahead.report = NULL;
	do {
		if (weir_lexer_next(&ahead).word != WEIR_W_NAME)
			return false;
		token = weir_lexer_next(&ahead);
	} while (token.word == WEIR_W_OPERATOR && weir_token_is(&ahead, token, ","));
	return token.word == WEIR_W_OPERATOR && weir_token_is(&ahead, token, "=");
}

static bool read_name(struct weir_parser *parser, struct weir_tree_name **names, uint32_t *n)
{
	struct weir_token token = weir_peek(parser);
	struct weir_tree_name *grown;

	if (token.word != WEIR_W_NAME) {
		weir_expected(parser, "the name of a stream", NULL);
		return false;
	}
	grown = weir_arena_grow(parser->arena, *names, *n, sizeof(*grown));
	if (!grown)
		return false;
	*names = grown;
	weir_take(parser);
	grown[*n] = (struct weir_tree_name){ .name = weir_token_copy(parser, token), .where = token.where };
	return grown[(*n)++].name;
}

bool weir_read_names(struct weir_parser *parser, struct weir_tree_name **names, uint32_t *n)
{
	do
		if (!read_name(parser, names, n))
			return false;
	while (weir_accept(parser, ","));
	return true;
}

const struct weir_driver *weir_find_combiner(const char *name)
{
	const struct weir_driver *driver = weir_driver_find(name, WEIR_OPERATOR);

	return driver && driver->combiner ? driver : NULL;
}

static bool check_number(struct weir_parser *parser, const struct weir_tree_part *part)
{
	if (part->n_inputs > 1 && part->n_inputs <= WEIR_INPUTS_MAX)
		return true;
	weir_wrong(parser, weir_span_since(parser, part->name_where.at), NULL,
		   part->n_inputs > 1 ? "'%s' takes at most %d streams" : "'%s' needs at least two streams", part->name,
		   WEIR_INPUTS_MAX);
	return false;
}

bool weir_read_combination(struct weir_parser *parser, struct weir_tree_part *part)
{
	char hint[80];

	part->driver = weir_find_combiner(part->name);
	part->role = WEIR_OPERATOR;
	snprintf(hint, sizeof(hint), "as in %s(a, b)", part->name);
	if (!weir_accept(parser, "(")) {
		weir_expected(parser, "'('", hint);
		return false;
	}
	do {
		if (weir_at_key(parser)) {
			if (!weir_read_keys(parser, part))
				return false;
			break;
		}
		if (!read_name(parser, &part->inputs, &part->n_inputs))
			return false;
	} while (weir_accept(parser, ","));
	if (!weir_accept(parser, ")")) {
		weir_expected(parser, "',' or ')'", hint);
		return false;
	}
	return check_number(parser, part);
}

bool weir_read_on(struct weir_parser *parser, struct weir_tree_part *part)
{
	struct weir_token on = weir_take(parser);

	part->inputs = weir_arena_grow(parser->arena, NULL, 0, sizeof(*part->inputs));
	if (!part->inputs)
		return false;
	part->inputs[part->n_inputs++] = (struct weir_tree_name){ .name = part->name, .where = part->name_where };
	part->name = weir_token_copy(parser, on);
	part->name_where = on.where;
	part->driver = weir_find_combiner("on");
	part->role = WEIR_OPERATOR;
	return part->driver && read_name(parser, &part->inputs, &part->n_inputs);
}
