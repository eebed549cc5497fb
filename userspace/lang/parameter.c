/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "lang/lex.h"
#include "lang/parameter.h"

const struct weir_parameter *weir_parameter_find(const struct weir_parameters *parameters, const char *name,
						 size_t length)
{
	for (uint32_t i = 0; parameters && i < parameters->n; i++)
		if (strlen(parameters->parameter[i].name) == length &&
		    !memcmp(parameters->parameter[i].name, name, length))
			return &parameters->parameter[i];
	return NULL;
}

uint32_t weir_parameter_place(const char *text, const char **name, uint32_t *length)
{
	uint32_t brace = text[0] == '$' && text[1] == '{', n = 1 + brace;

	if (text[0] != '$' || !weir_is_name_start(text[n]))
		return 0;
	*name = text + n;
	while (weir_is_name(text[n]))
		n++;
	*length = (uint32_t)(text + n - *name);
	if (brace && text[n] != '}')
		return 0;
	return n + brace;
}

bool weir_parameter_number(struct weir_parameter *parameter, const char *text)
{
	bool is_negative = *text == '-';
	struct weir_lexer lexer = { .text = text + is_negative };
	struct weir_token token;

	if (!weir_is_digit(lexer.text[0]) && (lexer.text[0] != '.' || !weir_is_digit(lexer.text[1])))
		return false;
	token = weir_lex_number(&lexer);
	if (token.word != WEIR_W_NUMBER || lexer.text[lexer.at])
		return false;
	parameter->written = is_negative ? -token.written : token.written;
	parameter->number = is_negative ? -token.number : token.number;
	parameter->unit = token.unit;
	return true;
}

struct weir_token weir_lex_parameter(struct weir_lexer *lexer)
{
	const struct weir_parameter *parameter;
	struct weir_token token = { .word = WEIR_W_STRING, .where.at = lexer->at };
	const char *name;
	uint32_t length;

	token.where.length = weir_parameter_place(lexer->text + lexer->at, &name, &length);
	lexer->at += token.where.length;
	parameter = weir_parameter_find(lexer->parameters, name, length);
	if (!parameter) {
		weir_parameter_unknown(lexer, lexer->report, token.where, name, length);
		token.word = WEIR_W_BAD;
	} else if (parameter->is_number) {
		token.word = WEIR_W_NUMBER;
		token.written = parameter->written;
		token.number = parameter->number;
		token.unit = parameter->unit;
		token.dimension = parameter->unit ? parameter->unit->dimension : WEIR_DIM_NONE;
	}
	return token;
}
