/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which unit an operation gives, and whether its operands' units fit. Units are settled before anything runs: a number with a
 * unit becomes one in the unit of what it meets, else in the base unit of its own dimension.
 *
 * A product keeps what is known of it (measure.h). Where its dimensions have cancelled, it is made a plain number once it is complete.
 */
#include <string.h>

#include "expr/expr_internal.h"
#include "expr/measure.h"

struct settling {
	const struct weir_schema *schema;
	struct weir_arena *arena;
	struct weir_report *report;
};

static const struct weir_factor one = { 1, 1 };

static bool is_number(const struct weir_tree_expr *expr)
{
	return expr->op == WEIR_E_NUMBER;
}

static bool is_plain(const struct weir_tree_expr *expr)
{
	return is_number(expr) && !expr->unit;
}

static void measure_of(const struct weir_tree_expr *expr, struct weir_measure *out)
{
	if (!expr->unit)
		weir_measure_plain(out);
	else if (expr->unit->measure)
		*out = *expr->unit->measure;
	else
		weir_measure_of(out, expr->unit, !is_number(expr));
}

static bool is_firm(const struct weir_tree_expr *expr)
{
	struct weir_measure measure;

	if (!expr->unit)
		return false;
	measure_of(expr, &measure);
	return weir_measure_is_firm(&measure);
}

static bool are_alike(const struct weir_tree_expr *a, const struct weir_tree_expr *b)
{
	struct weir_measure left, right;

	measure_of(a, &left);
	measure_of(b, &right);
	return weir_measure_alike(&left, &right);
}

static struct weir_factor factor_of(const struct weir_tree_expr *expr)
{
	return expr->unit ? (struct weir_factor){ expr->unit->times, expr->unit->divided_by } : one;
}

/* ---------------------------------------------------------------- new units */

/* The name of a unit that the language does not know, where the measure is just that. */
static const char *name_of_letter(const struct settling *s, const struct weir_measure *measure)
{
	const char *name = NULL;

	for (uint32_t i = 0; i < s->schema->n_fields; i++) {
		if (!measure->letter[i])
			continue;
		if (name || measure->letter[i] != 1 || !(measure->named >> i & 1))
			return "";
		name = s->schema->field[i].unit;
	}
	return name && weir_measure_is_pure(measure) && weir_factor_is_one(measure->factor) ? name : "";
}

static const struct weir_unit *new_unit(const struct settling *s, const struct weir_measure *measure, const char *name)
{
	struct weir_unit *unit = weir_arena_take(s->arena, sizeof(*unit));
	struct weir_measure *copy = weir_arena_take(s->arena, sizeof(*copy));

	if (!unit || !copy)
		return NULL;
	*copy = *measure;
	*unit = (struct weir_unit){
		.name = weir_arena_copy(s->arena, name, strlen(name)),
		.dimension = WEIR_DIM_OTHER,
		.times = measure->factor.times,
		.divided_by = measure->factor.divided_by,
		.measure = copy,
	};
	return unit->name ? unit : NULL;
}

/* False: no memory. */
static bool give(const struct settling *s, struct weir_tree_expr *expr, const struct weir_measure *measure)
{
	const struct weir_unit *known = weir_unit_of_measure(measure);

	expr->unit = new_unit(s, measure, known ? known->name : name_of_letter(s, measure));
	return expr->unit;
}

static bool give_opaque(const struct settling *s, struct weir_tree_expr *expr)
{
	struct weir_measure measure;

	weir_measure_opaque(&measure);
	return give(s, expr, &measure);
}

/* A unit that is not in the table still is one: it fits no other. Fields of one such unit share the letter of the first. */
static bool settle_field(const struct settling *s, struct weir_tree_expr *expr)
{
	const char *text = expr->field < 0 ? s->schema->t.unit : s->schema->field[expr->field].unit;
	struct weir_measure measure;
	uint32_t letter = (uint32_t)expr->field;

	if (expr->field >= 0 && s->schema->field[expr->field].kind == WEIR_TEXT)
		return true;
	expr->unit = weir_unit_of_field(text);
	if (expr->unit || expr->field < 0)
		return true;
	for (uint32_t i = letter; i-- && *text;)
		if (!strcmp(s->schema->field[i].unit, text))
			letter = i;
	weir_measure_letter(&measure, letter, *text);
	expr->unit = new_unit(s, &measure, text);
	return expr->unit;
}

/* It was settled before, for an expression that this one may outlive. */
static bool keep_unit(const struct settling *s, struct weir_tree_expr *expr)
{
	if (expr->unit && expr->unit->measure)
		expr->unit = new_unit(s, expr->unit->measure, expr->unit->name);
	return true;
}

/* ----------------------------------------------------------------- converting */

static void convert(struct weir_tree_expr *number, const struct weir_unit *to)
{
	if (!weir_factor_same(factor_of(number), (struct weir_factor){ to->times, to->divided_by }))
		number->number = weir_unit_convert(number->number, number->unit, to);
	number->unit = to;
}

static bool convert_to_base(const struct settling *s, struct weir_tree_expr *expr)
{
	struct weir_measure measure;

	if (!is_number(expr) || !expr->unit)
		return true;
	if (!expr->unit->measure) {
		convert(expr, weir_unit_base(expr->unit));
		return true;
	}
	measure_of(expr, &measure);
	expr->number = weir_factor_apply(expr->number, measure.factor);
	measure.factor = one;
	return give(s, expr, &measure);
}

/* `*at` becomes `*at` times a factor. False: no memory. */
static bool wrap(const struct settling *s, struct weir_tree_expr **at, struct weir_factor factor)
{
	struct weir_tree_expr *number = weir_arena_take(s->arena, sizeof(*number));
	struct weir_tree_expr *product = weir_arena_take(s->arena, sizeof(*product));
	struct weir_tree_expr **argument = weir_arena_take(s->arena, 2 * sizeof(*argument));
	bool grows = factor.times >= factor.divided_by;

	if (!number || !product || !argument)
		return false;
	*number = (struct weir_tree_expr){
		.op = WEIR_E_NUMBER,
		.where = (*at)->where,
		.number = grows ? factor.times / factor.divided_by : factor.divided_by / factor.times,
		.is_bound = true,
		.function = -1,
		.field = -1,
	};
	*product = (struct weir_tree_expr){
		.op = grows ? WEIR_E_MUL : WEIR_E_DIV,
		.where = (*at)->where,
		.is_bound = true,
		.function = -1,
		.field = -1,
		.n = 2,
		.argument = argument,
	};
	argument[0] = *at;
	argument[1] = number;
	*at = product;
	return true;
}

/* A complete product whose dimensions have cancelled, ns by s say, is a plain number, times its letters. */
static bool finish(const struct settling *s, struct weir_tree_expr **at)
{
	struct weir_tree_expr *expr = *at;
	struct weir_measure measure;

	if (!expr->unit || !expr->unit->measure)
		return true;
	measure_of(expr, &measure);
	if (!weir_measure_is_pure(&measure) || weir_factor_is_one(measure.factor))
		return true;
	if (is_number(expr))
		expr->number = weir_factor_apply(expr->number, measure.factor);
	else if (!wrap(s, at, measure.factor))
		return false;
	measure.factor = one;
	return give(s, *at, &measure);
}

static bool finish_all(const struct settling *s, struct weir_tree_expr *expr)
{
	/* A sign is a factor as any other. */
	for (uint32_t i = 0; i < expr->n && expr->op != WEIR_E_NEG; i++)
		if (!finish(s, &expr->argument[i]))
			return false;
	return true;
}

/* ------------------------------------------------------------------- messages */

static bool WEIR_PRINTF(4, 5)
	wrong(const struct settling *s, const struct weir_tree_expr *expr, const char *hint, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	weir_report_vadd(s->report, WEIR_EXIT_USAGE, expr->where, hint, format, arguments);
	va_end(arguments);
	return false;
}

static const char *describe(const struct settling *s, const struct weir_unit *unit, char *text, size_t bytes)
{
	static const char *const bases[] = { "s", "m", "A", "V", "rad", "B", "°C", "K", "lx", "%", "ug/m^3" };
	size_t length = 0;

	if (*unit->name || !unit->measure)
		return unit->name;
	text[0] = 0;
	for (uint32_t i = 0; i < WEIR_BASES + s->schema->n_fields && length < bytes; i++) {
		const char *name = i < WEIR_BASES ? bases[i] : s->schema->field[i - WEIR_BASES].unit;
		int power = i < WEIR_BASES ? unit->measure->power[i] : unit->measure->letter[i - WEIR_BASES];

		if (power)
			length += (size_t)snprintf(text + length, bytes - length, power == 1 ? "%s%s" : "%s%s^%d",
						   length ? " " : "", name, power);
	}
	return text;
}

static bool mismatch(const struct settling *s, const struct weir_tree_expr *expr, const struct weir_tree_expr *other)
{
	bool is_named = other->op == WEIR_E_FIELD, alike = are_alike(expr, other);
	char mine[96], theirs[96], hint[128];
	const char *to = describe(s, other->unit, theirs, sizeof(theirs));

	if (alike)
		snprintf(hint, sizeof(hint), "bring both to one unit, as in a / 1%s and b / 1%s", to, to);
	else
		snprintf(hint, sizeof(hint), "a number here is in %s, also without a unit", to);
	return wrong(s, expr, (is_number(expr) || alike) && *other->unit->name ? hint : NULL,
		     "this is in %s, and %s%s%s is in %s", describe(s, expr->unit, mine, sizeof(mine)),
		     is_named ? "'" : "", is_named ? other->name : "what it meets", is_named ? "'" : "", to);
}

/* ----------------------------------------------------------------------- sums */

/* The operand that the others must fit: the first whose unit is known. */
static const struct weir_tree_expr *find_leader(const struct weir_tree_expr *expr, bool number)
{
	for (uint32_t i = 0; i < expr->n; i++)
		if (is_number(expr->argument[i]) == number && is_firm(expr->argument[i]))
			return expr->argument[i];
	return NULL;
}

/* Where nothing that varies has a known unit: in what its numbers are to be. */
static struct weir_factor scale_of(const struct weir_tree_expr *expr)
{
	for (uint32_t i = 0; i < expr->n; i++)
		if (!is_number(expr->argument[i]))
			return factor_of(expr->argument[i]);
	return one;
}

static bool fit(const struct settling *s, struct weir_tree_expr *argument, const struct weir_tree_expr *leader)
{
	bool alike = are_alike(argument, leader);

	if (alike && weir_factor_same(factor_of(argument), factor_of(leader)))
		return true;
	if (!alike || !is_number(argument))
		return mismatch(s, argument, leader);
	convert(argument, leader->unit);
	return true;
}

/* Numbers alone, or with what nothing is known of. The first of them is returned through `leader`. */
static bool fit_numbers(const struct settling *s, struct weir_tree_expr *expr, const struct weir_tree_expr **leader)
{
	struct weir_factor scale = scale_of(expr);
	bool good = true;

	*leader = find_leader(expr, true);
	for (uint32_t i = 0; i < expr->n && *leader; i++) {
		struct weir_tree_expr *argument = expr->argument[i];

		if (!is_number(argument) || !is_firm(argument))
			continue;
		if (!convert_to_base(s, argument))
			return false;
		if (argument != *leader)
			good &= fit(s, argument, *leader);
	}
	for (uint32_t i = 0; i < expr->n && *leader && !weir_factor_is_one(scale); i++)
		if (is_number(expr->argument[i]) && is_firm(expr->argument[i]))
			expr->argument[i]->number = weir_factor_apply(expr->argument[i]->number,
								      weir_factor_quotient(one, scale));
	return good;
}

/* Bring all operands to one unit, or say which do not fit. Those of which it is not known are taken to be in it. */
static bool agree(const struct settling *s, struct weir_tree_expr *expr, const struct weir_tree_expr **leader)
{
	bool good = true;

	if (!finish_all(s, expr))
		return false;
	*leader = find_leader(expr, false);
	if (!*leader)
		return fit_numbers(s, expr, leader);
	for (uint32_t i = 0; i < expr->n; i++)
		if (expr->argument[i] != *leader && is_firm(expr->argument[i]))
			good &= fit(s, expr->argument[i], *leader);
	return good;
}

/* Of values that are all of one unknown kind, such as a sum of p and p; else nothing is known. */
static bool keep_unknown(const struct settling *s, struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *first = NULL;

	for (uint32_t i = 0; i < expr->n; i++) {
		const struct weir_tree_expr *argument = expr->argument[i];

		if (is_number(argument))
			continue;
		if (first && (!are_alike(first, argument) || !weir_factor_same(factor_of(first), factor_of(argument))))
			return give_opaque(s, expr);
		first = first ? first : argument;
	}
	expr->unit = first ? first->unit : NULL;
	return true;
}

/* As a value by itself: of which numbers it was made does not matter to a product that it is a factor of. */
static bool keep(const struct settling *s, struct weir_tree_expr *expr, const struct weir_tree_expr *leader)
{
	struct weir_measure measure;

	expr->unit = leader ? leader->unit : expr->unit;
	if (!leader && !keep_unknown(s, expr))
		return false;
	/* A sign changes nothing, and one operand is what it was. */
	if (!expr->unit || expr->op == WEIR_E_NEG)
		return true;
	measure_of(expr, &measure);
	if (leader && is_number(leader) && !weir_factor_is_one(scale_of(expr)))
		measure.factor = scale_of(expr);
	else if (!expr->unit->measure)
		return true;
	weir_measure_close(&measure);
	return give(s, expr, &measure);
}

static bool settle_by_rule(const struct settling *s, struct weir_tree_expr *expr, enum weir_unit_rule rule)
{
	const struct weir_tree_expr *leader;
	bool varies = false;

	if (rule == WEIR_U_FREE) {
		for (uint32_t i = 0; i < expr->n; i++) {
			if (!convert_to_base(s, expr->argument[i]))
				return false;
			varies |= !is_number(expr->argument[i]) && expr->argument[i]->op != WEIR_E_TEXT;
		}
		return finish_all(s, expr) && (!varies || give_opaque(s, expr));
	}
	if (!agree(s, expr, &leader))
		return false;
	return rule != WEIR_U_KEPT || keep(s, expr, leader);
}

/* ------------------------------------------------------------------- products */

/* A number in the unit of what it meets is converted with one rounding. */
static void meet(struct weir_tree_expr *number, const struct weir_measure *other, struct weir_measure *own)
{
	const struct weir_share *share;
	struct weir_unit to;

	if (!is_number(number) || !number->unit || number->unit->measure)
		return;
	share = &other->share[number->unit->dimension];
	to = *weir_unit_base(number->unit);
	if (share->has_field) {
		to.times = share->scale.times;
		to.divided_by = share->scale.divided_by;
	}
	number->number = weir_unit_convert(number->number, number->unit, &to);
	weir_measure_of(own, &to, false);
}

/* Operand i is to be multiplied by a factor: by way of the other one, where that is a number. */
static bool correct(const struct settling *s, struct weir_tree_expr *expr, uint32_t i, struct weir_factor factor)
{
	struct weir_tree_expr *other = expr->argument[1 - i];

	if (weir_factor_is_one(factor))
		return true;
	if (is_number(expr->argument[i]))
		expr->argument[i]->number = weir_factor_apply(expr->argument[i]->number, factor);
	else if (is_number(other))
		other->number = weir_factor_apply(other->number,
						  expr->op == WEIR_E_MUL ? factor : weir_factor_quotient(one, factor));
	else
		return wrap(s, &expr->argument[i], factor);
	return true;
}

static bool settle_product(const struct settling *s, struct weir_tree_expr *expr)
{
	struct weir_tree_expr *left = expr->argument[0], *right = expr->argument[1];
	struct weir_factor fix_left, fix_right;
	struct weir_measure a, b, both;

	if (is_plain(right) || (is_plain(left) && expr->op == WEIR_E_MUL)) {
		expr->unit = is_plain(right) ? left->unit : right->unit;
		return true;
	}
	measure_of(left, &a);
	measure_of(right, &b);
	meet(left, &b, &a);
	meet(right, &a, &b);
	weir_measure_multiply(&both, &a, &b, expr->op == WEIR_E_MUL ? 1 : -1, &fix_left, &fix_right);
	if (!correct(s, expr, 0, fix_left) || !correct(s, expr, 1, fix_right))
		return false;
	if (is_number(left) && is_number(right) && weir_measure_is_plain(&both)) {
		expr->unit = NULL;
		return true;
	}
	return give(s, expr, &both);
}

/* ---------------------------------------------------------------------------- */

bool weir_expr_settle_units(struct weir_tree_expr *expr, const struct weir_schema *schema, struct weir_arena *arena,
			    struct weir_report *report)
{
	struct settling s = { schema, arena, report };

	if (expr->is_bound)
		return keep_unit(&s, expr);
	switch (expr->op) {
	case WEIR_E_NUMBER:
	case WEIR_E_TEXT:
		return true;
	case WEIR_E_FIELD:
		return settle_field(&s, expr);
	case WEIR_E_MUL:
	case WEIR_E_DIV:
		return settle_product(&s, expr);
	case WEIR_E_CALL:
		return settle_by_rule(&s, expr, weir_functions[expr->function].rule);
	case WEIR_E_NEG:
	case WEIR_E_ADD:
	case WEIR_E_SUB:
	case WEIR_E_MOD:
		return settle_by_rule(&s, expr, WEIR_U_KEPT);
	default:
		return settle_by_rule(&s, expr, WEIR_U_ALIKE);
	}
}

bool weir_expr_settle_result(struct weir_tree_expr **expr, const struct weir_schema *schema, struct weir_arena *arena)
{
	struct settling s = { schema, arena, NULL };

	return convert_to_base(&s, *expr) && finish(&s, expr);
}
