/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "random_condition.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "stream/record.h"

/* The value of some raw integer, or next to it, or something odd. */
static double random_constant(struct dice *dice, const struct weir_schema *schema, const struct weir_field *field)
{
	static const double odd[] = { 0,        -0.0,      1,   -1,     5e-324,  1e308, -1e308,
				      INFINITY, -INFINITY, NAN, 0x1p63, -0x1p63, 0x1p64 };
	unsigned char row[RANDOM_ROW_BYTES];
	double value;

	if (!roll_below(dice, 6))
		return odd[roll_below(dice, sizeof(odd) / sizeof(odd[0]))];
	random_row(dice, schema, NULL, row);
	value = weir_field_physical(field, weir_field_raw(field, row));
	switch (roll_below(dice, 4)) {
	case 0:
		return nextafter(value, INFINITY);
	case 1:
		return nextafter(value, -INFINITY);
	default:
		return value;
	}
}

static void print_constant(double value, FILE *stream)
{
	if (isnan(value))
		fputs("(0/0)", stream);
	else if (isinf(value))
		fputs(value < 0 ? "(-1/0)" : "(1/0)", stream);
	else
		fprintf(stream, "(%.17g)", value);
}

/* The like of what one asks of several channels at once; values of all sizes come out. */
static void print_polynomial(struct dice *dice, const struct weir_schema *schema, FILE *stream)
{
	/* clang-format off */
	static const char *const forms[] = {
		"%1$s * %1$s + %2$s * %2$s", "sqrt(%1$s * %1$s + %2$s * %2$s + %3$s * %3$s)", "%1$s - %2$s",
		"%1$s + 2 * %2$s", "0.1 * %1$s + 0.3 * %2$s - %3$s", "(%1$s - 3) * (%2$s + 2)", "abs(%1$s * %2$s - 7)",
		"-(%1$s + %2$s) / 4", "raw(%1$s) * raw(%2$s)", "%1$s * %1$s * %2$s - %3$s", "floor(sqrt(%1$s * %1$s + %2$s * %2$s) / 3)",
		"raw(%1$s) * 3 - raw(%2$s) * raw(%3$s)", "%1$s * %1$s - 5 * %1$s", "(%1$s * 0.25 + %2$s) * (%1$s - %2$s)",
		"%1$s * %1$s + 1e3 * (%2$s - 1e-3) * (%2$s - 1e-3)", "(%1$s * %2$s * %3$s) / 1e9 - %3$s", "%1$s * 1e200 + %2$s",
	};
	/* clang-format on */
	const char *name[3];

	for (int i = 0; i < 3; i++)
		name[i] = schema->field[roll_below(dice, schema->n_fields)].name;
	fprintf(stream, forms[roll_below(dice, sizeof(forms) / sizeof(forms[0]))], name[0], name[1], name[2]);
}

static double evaluate(const struct weir_schema *schema, const char *text, const void *row)
{
	struct weir_tree_expr *parsed;
	struct weir_report *report;
	struct weir_block *block;
	struct weir_tree *tree;
	struct weir_expr *expr;
	double value;

	if (weir_report_open(&report, "<random>", text) || weir_parse_expr(&tree, &parsed, report) ||
	    weir_expr_open(&expr, parsed, schema, report) || weir_block_open(&block, schema))
		abort();
	weir_rows_decode(schema, row, 1, block);
	weir_expr_eval(expr, block, &value);
	weir_block_close(block);
	weir_expr_close(expr);
	weir_tree_close(tree);
	weir_report_close(report);
	return value;
}

static void print_constant(double value, FILE *stream);

void random_polynomial(struct dice *dice, const struct weir_schema *schema, const void *row, char text[CONDITION_BYTES])
{
	static const char *const operators[] = { "<", "<=", ">", ">=", "==", "!=" };
	FILE *stream = fmemopen(text, CONDITION_BYTES, "w");
	double value;

	print_polynomial(dice, schema, stream);
	fflush(stream);
	value = evaluate(schema, text, row);
	if (!roll_below(dice, 3))
		value = nextafter(value, roll_below(dice, 2) ? INFINITY : -INFINITY);
	if (roll_below(dice, 20)) {
		fprintf(stream, " %s ", operators[roll_below(dice, 6)]);
		print_constant(value, stream);
	} else {
		fprintf(stream, " %s ", operators[roll_below(dice, 6)]);
		print_polynomial(dice, schema, stream);
	}
	fclose(stream);
}

/* %1$s is the field. Some can only be pushed down where all raw values can be tried, and some not at all. */
static void print_value(struct dice *dice, const struct weir_schema *schema, const struct weir_field *field,
			FILE *stream)
{
	/* clang-format off */
	static const char *const wrappers[] = {
		"%1$s", "%1$s", "%1$s", "%1$s", "(-%1$s)", "(%1$s * -2.5)", "(%1$s / 3)", "(%1$s + 1e3)", "(7 - %1$s)",
		"floor(%1$s)", "round(%1$s / 0.7)", "ceil(%1$s)", "raw(%1$s)", "(-(%1$s - 0.1) * 1e-3)", "abs(%1$s)",
		"abs(abs(%1$s + 3) - 1e4)", "sqrt(%1$s)", "sqrt(abs(%1$s) - 5)", "sqrt(-%1$s - 1)", "min(%1$s, 5)",
		"max(%1$s, -3, 2)", "(%1$s * %1$s)", "(%1$s * %1$s * %1$s)", "(abs(%1$s) * %1$s)", "(%1$s + floor(%1$s / 2))",
		"(%1$s + round(%1$s))", "(%1$s - %1$s * 2)", "max(%1$s, %1$s * 2)", "(%1$s / 0)", "(1 / %1$s)",
		"(%1$s %% 7)", "exp(%1$s)", "log(%1$s)", "sin(%1$s)", "pow(%1$s, 2)", "(0 * %1$s)", "abs(sqrt(%1$s))",
		"(%1$s + %2$s)", "(%1$s * %2$s)", "abs(%1$s - t)",
	};
	/* clang-format on */
	const struct weir_field *other = &schema->field[roll_below(dice, schema->n_fields)];

	fprintf(stream, wrappers[roll_below(dice, sizeof(wrappers) / sizeof(wrappers[0]))], field->name, other->name);
}

static void print_between(struct dice *dice, const struct weir_schema *schema, const struct weir_field *field,
			  FILE *stream)
{
	fputs("between(", stream);
	print_value(dice, schema, field, stream);
	fputs(", ", stream);
	print_constant(random_constant(dice, schema, field), stream);
	fputs(", ", stream);
	print_constant(random_constant(dice, schema, field), stream);
	fputc(')', stream);
}

static void print_comparison(struct dice *dice, const struct weir_schema *schema, FILE *stream)
{
	static const char *const operators[] = { "<", "<=", ">", ">=", "==", "!=" };
	const struct weir_field *field = &schema->field[roll_below(dice, schema->n_fields)];
	uint32_t form = roll_below(dice, 14);

	if (form >= 12) {
		char text[CONDITION_BYTES];
		unsigned char row[RANDOM_ROW_BYTES];

		random_row(dice, schema, NULL, row);
		random_polynomial(dice, schema, row, text);
		fputs(text, stream);
		return;
	}
	if (form == 0) {
		print_between(dice, schema, field, stream);
		return;
	}
	if (form == 1) {
		fprintf(stream, roll_below(dice, 2) ? "bit(raw(%s), 0)" : "isnan(sqrt(%s))", field->name);
		return;
	}
	if (form > 3)
		print_value(dice, schema, field, stream);
	else
		print_constant(random_constant(dice, schema, field), stream);
	fprintf(stream, " %s ", operators[roll_below(dice, 6)]);
	if (form <= 4)
		print_value(dice, schema, field, stream);
	else
		print_constant(random_constant(dice, schema, field), stream);
}

static void print_condition(struct dice *dice, const struct weir_schema *schema, uint32_t depth, FILE *stream)
{
	if (!depth || !roll_below(dice, 3)) {
		print_comparison(dice, schema, stream);
		return;
	}
	if (!roll_below(dice, 4)) {
		fputs("not (", stream);
		print_condition(dice, schema, depth - 1, stream);
		fputc(')', stream);
		return;
	}
	fputc('(', stream);
	print_condition(dice, schema, depth - 1, stream);
	fputs(roll_below(dice, 2) ? " and " : " or ", stream);
	print_condition(dice, schema, depth - 1, stream);
	fputc(')', stream);
}

void random_condition(struct dice *dice, const struct weir_schema *schema, char text[CONDITION_BYTES])
{
	FILE *stream = fmemopen(text, CONDITION_BYTES, "w");

	print_condition(dice, schema, 3, stream);
	fclose(stream);
}

static void print_changed(struct dice *dice, const struct weir_schema *schema, FILE *stream)
{
	const struct weir_field *field = &schema->field[roll_below(dice, schema->n_fields)];
	double by = fabs(field->scale) * (double)(roll(dice) % (UINT64_C(1) << roll_below(dice, field->bits)));

	fprintf(stream, "changed %s", field->name);
	if (roll_below(dice, 4) && by <= 1e300)
		fprintf(stream, " by %.17g", by);
}

void random_stage(struct dice *dice, const struct weir_schema *schema, char text[CONDITION_BYTES])
{
	FILE *stream = fmemopen(text, CONDITION_BYTES, "w");

	switch (roll_below(dice, 5)) {
	case 0:
		fprintf(stream, "every %u", 1 + roll_below(dice, 6));
		break;
	case 1:
		fprintf(stream, "every %uus", 1 + roll_below(dice, 5000));
		break;
	case 2:
		print_changed(dice, schema, stream);
		break;
	default:
		fputs("where ", stream);
		print_condition(dice, schema, roll_below(dice, 3), stream);
	}
	fclose(stream);
}
