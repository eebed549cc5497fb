/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "expr/regex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 1000000u /* some milliseconds */
#define HEAP_KIB 1024u
#define STACK_BYTES (1024u * 1024)

struct weir_regex {
	struct weir_regex *next;
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	bool has_group;
};

static int regex_compile(struct weir_regex *regex, const char *pattern, char why[WEIR_REGEX_WHY], uint32_t *at)
{
	uint32_t groups = 0;
	PCRE2_SIZE offset = 0;
	int error;

	regex->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
				    PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &error,
				    &offset, NULL);
	*at = (uint32_t)offset;
	if (!regex->code && error == PCRE2_ERROR_HEAP_FAILED)
		return -ENOMEM;
	if (!regex->code) {
		pcre2_get_error_message(error, (PCRE2_UCHAR *)why, WEIR_REGEX_WHY);
		return -EINVAL;
	}
	pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	regex->has_group = groups;
	return 0;
}

/* Where memory must not be executable, the interpreter does it. */
static void regex_try_jit(struct weir_regex *regex)
{
	if (pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE))
		return;
	regex->stack = pcre2_jit_stack_create(32 * 1024, STACK_BYTES, NULL);
	if (regex->stack)
		pcre2_jit_stack_assign(regex->context, NULL, regex->stack);
}

int weir_regex_open(struct weir_regex **out, const char *pattern, bool jit, char why[WEIR_REGEX_WHY], uint32_t *at)
{
	struct weir_regex *regex = calloc(1, sizeof(*regex));
	int err = regex ? regex_compile(regex, pattern, why, at) : -ENOMEM;

	*out = NULL;
	if (!err) {
		regex->match = pcre2_match_data_create(2, NULL);
		regex->context = pcre2_match_context_create(NULL);
		err = regex->match && regex->context ? 0 : -ENOMEM;
	}
	if (err) {
		weir_regex_close(regex);
		return err;
	}
	pcre2_set_match_limit(regex->context, MATCH_LIMIT);
	pcre2_set_heap_limit(regex->context, HEAP_KIB);
	if (jit)
		regex_try_jit(regex);
	*out = regex;
	return 0;
}

void weir_regex_close(struct weir_regex *regex)
{
	if (!regex)
		return;
	pcre2_match_data_free(regex->match);
	pcre2_match_context_free(regex->context);
	pcre2_jit_stack_free(regex->stack);
	pcre2_code_free(regex->code);
	free(regex);
}

int weir_regex_match(struct weir_regex *regex, const char *text, uint32_t bytes, uint32_t *from, uint32_t *to)
{
	int got = pcre2_match(regex->code, (PCRE2_SPTR)text, bytes, 0, 0, regex->match, regex->context);
	const PCRE2_SIZE *at;

	if (got == PCRE2_ERROR_NOMATCH)
		return 0;
	if (got < 0)
		return -E2BIG;
	at = pcre2_get_ovector_pointer(regex->match);
	*from = *to = 0;
	if (regex->has_group && got != 1 && at[2] != PCRE2_UNSET && at[2] <= at[3]) {
		*from = (uint32_t)at[2];
		*to = (uint32_t)at[3];
	}
	return 1;
}

bool weir_regex_has_group(const struct weir_regex *regex)
{
	return regex->has_group;
}

struct weir_regex **weir_regex_next(struct weir_regex *regex)
{
	return &regex->next;
}
