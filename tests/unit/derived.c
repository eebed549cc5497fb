/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "derived.h"
#include "pushdown/pushdown.h"

int derive(struct derived *derived, const char *condition, const struct weir_schema *schema)
{
	struct weir_tree_expr *parsed;

	assert_int_equal(weir_report_open(&derived->report, "<test>", condition), 0);
	assert_int_equal(weir_parse_expr(&derived->tree, &parsed, derived->report), 0);
	if (!parsed || weir_expr_open(&derived->expr, parsed, schema, derived->report)) {
		weir_report_print(derived->report, stderr);
		fail_msg("'%s' is not a condition", condition);
	}
	derived->why[0] = '\0';
	weir_predicate_init(&derived->predicate);
	return weir_predicate_add_where(&derived->predicate, derived->expr, schema, derived->why);
}

void forget(struct derived *derived)
{
	weir_expr_close(derived->expr);
	weir_tree_close(derived->tree);
	weir_report_close(derived->report);
}

void expect_derived(const char *condition, const struct weir_schema *schema, const char *expected, bool is_exact)
{
	static struct derived derived;
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (derive(&derived, condition, schema))
		fail_msg("'%s': %s", condition, derived.why);
	weir_predicate_print(&derived.predicate, schema, stream);
	fclose(stream);
	assert_string_equal(text, expected);
	assert_int_equal(derived.predicate.exact, is_exact);
	free(text);
	forget(&derived);
}
