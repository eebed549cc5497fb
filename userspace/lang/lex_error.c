/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "expr/foreign.h"
#include "lang/lex.h"
#include "lang/parameter.h"

#define WORDS_MAX 64 /* names that are offered as corrections */

struct weir_token weir_lex_bad(const struct weir_lexer *lexer, struct weir_span where, const char *hint,
			       const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (lexer->report)
		weir_report_vadd(lexer->report, WEIR_EXIT_USAGE, where, hint, format, arguments);
	va_end(arguments);
	return (struct weir_token){ .word = WEIR_W_BAD, .where = where };
}

void weir_parameter_unknown(const struct weir_lexer *lexer, struct weir_report *report, struct weir_span where,
			    const char *name, uint32_t length)
{
	const char *words[WORDS_MAX], *near;
	char hint[160];
	size_t n = 0;

	for (; lexer->parameters && n < lexer->parameters->n && n < WORDS_MAX; n++)
		words[n] = lexer->parameters->parameter[n].name;
	near = weir_nearest(name, length, words, n);
	if (near)
		snprintf(hint, sizeof(hint), "did you mean '$%.40s'? a plain dollar is doubled: $$%.*s", near,
			 length < 40 ? (int)length : 40, name);
	else
		snprintf(hint, sizeof(hint), "a plain dollar is doubled: $$%.*s", length < 40 ? (int)length : 40, name);
	if (report)
		weir_report_add(report, WEIR_EXIT_USAGE, where, hint, "no parameter '%.*s' is declared above",
				length < 40 ? (int)length : 40, name);
}
