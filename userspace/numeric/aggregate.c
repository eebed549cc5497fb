/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every function belongs to a family that keeps the same numbers. Adding one record at a time and merging two summaries are
 * the only operations; both are stable: sums carry what rounding took (Knuth's two-sum), variances and slopes keep distances
 * from the mean (Welford 1962; merged as in Chan, Golub, LeVeque 1983), and means are kept as distances from the first value,
 * so that a signal far from zero loses no digits.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "weir/aggregate.h"

const char *const weir_aggregate_words[] = {
	"count",     "sum",      "mean",   "var",    "std",      "rms",      "min",   "max",      "range",
	"first",     "last",     "median", "slope",  "quantile", "integral", "tmean", "increase", "rate",
	"crossings", "distinct", "mode",   "max_by", "min_by",   "corr",     NULL,
};
const char *const weir_aggregate_pairs[] = { "max_by", "min_by", "corr", NULL };
const char *const weir_aggregate_texts[] = { "first", "last", "max_by", "min_by", NULL };

enum family { COUNT, HITS, TOTAL, WEIGHTED, SQUARES, SPREAD, EXTREME, ENDS, TREND, BY, PAIR };

static enum family family_of(enum weir_function function)
{
	static const enum family family[] = {
		[WEIR_COUNT] = COUNT,    [WEIR_SUM] = TOTAL,      [WEIR_MEAN] = TOTAL,      [WEIR_VAR] = SPREAD,
		[WEIR_STD] = SPREAD,     [WEIR_RMS] = SQUARES,    [WEIR_MIN] = EXTREME,     [WEIR_MAX] = EXTREME,
		[WEIR_RANGE] = EXTREME,  [WEIR_FIRST] = ENDS,     [WEIR_LAST] = ENDS,       [WEIR_MEDIAN] = COUNT,
		[WEIR_SLOPE] = TREND,    [WEIR_QUANTILE] = COUNT, [WEIR_INTEGRAL] = TOTAL,  [WEIR_TMEAN] = WEIGHTED,
		[WEIR_INCREASE] = TOTAL, [WEIR_RATE] = WEIGHTED,  [WEIR_CROSSINGS] = TOTAL, [WEIR_DISTINCT] = COUNT,
		[WEIR_MODE] = COUNT,     [WEIR_MAX_BY] = BY,      [WEIR_MIN_BY] = BY,       [WEIR_CORR] = PAIR,
		[WEIR_COUNT_IF] = HITS,
	};

	return family[function];
}

bool weir_function_is_ordered(enum weir_function function)
{
	return function == WEIR_MEDIAN || function == WEIR_QUANTILE;
}

bool weir_function_is_counted(enum weir_function function)
{
	return function == WEIR_DISTINCT || function == WEIR_MODE;
}

/** Two numbers that are computed with side by side. */
typedef double pair __attribute__((vector_size(2 * sizeof(double))));

static double seconds_between(int64_t from, int64_t to)
{
	/* Unsigned, since the distance of two times may not fit in a signed integer. */
	return (double)(int64_t)((uint64_t)to - (uint64_t)from) * 1e-9;
}

static void total_add(double *sum, double *rest, double x)
{
	double whole = *sum + x, part = whole - *sum;

	*rest += (*sum - (whole - part)) + (x - part);
	*sum = whole;
}

static pair load_pair(const double *at)
{
	pair value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Each sum waits for itself, so two are made side by side: of the records of even number and of those of odd number, wherever the
 * blocks were cut. On numbers of their own: through the union the compiler would not keep them in registers of the right kind. */
static void total_run(struct weir_summary *s, const double *x, uint32_t n, bool squares)
{
	pair sum, rest;
	uint32_t i = s->n % 2;

	if (i)
		total_add(&s->total.sum[1], &s->total.rest[1], squares ? x[0] * x[0] : x[0]);
	sum = load_pair(s->total.sum);
	rest = load_pair(s->total.rest);
	for (; i + 1 < n; i += 2) {
		pair value = load_pair(x + i), whole, part;

		value = squares ? value * value : value;
		whole = sum + value;
		part = whole - sum;
		rest += (sum - (whole - part)) + (value - part);
		sum = whole;
	}
	memcpy(s->total.sum, &sum, sizeof(sum));
	memcpy(s->total.rest, &rest, sizeof(rest));
	if (i < n)
		total_add(&s->total.sum[0], &s->total.rest[0], squares ? x[i] * x[i] : x[i]);
	s->n += n;
}

static void spread_add(struct weir_summary *s, double x)
{
	double from_old;

	if (!s->n)
		s->spread.origin = x;
	x -= s->spread.origin;
	from_old = x - s->spread.mean;
	s->spread.mean += from_old / (double)++s->n;
	s->spread.squares += from_old * (x - s->spread.mean);
}

/* The second test lets NaN in, and no comparison lets it out again. */
static double least(double a, double b)
{
	return b < a || b != b ? b : a;
}

static double greatest(double a, double b)
{
	return b > a || b != b ? b : a;
}

static void extreme_run(struct weir_summary *s, const double *x, uint32_t n)
{
	double min = s->n ? s->extreme.min : x[0], max = s->n ? s->extreme.max : x[0];

	for (uint32_t i = 0; i < n; i++) {
		min = least(min, x[i]);
		max = greatest(max, x[i]);
	}
	s->extreme.min = min;
	s->extreme.max = max;
	s->n += n;
}

static void ends_add(struct weir_summary *s, double first, double last, uint32_t n)
{
	if (!s->n)
		s->ends.first = first;
	s->ends.last = last;
	s->n += n;
}

static void trend_add(struct weir_summary *s, int64_t t, double x)
{
	double n = (double)++s->n, from_t, from_x;

	if (s->n == 1) {
		s->trend.t = t;
		s->trend.x = x;
	}
	x -= s->trend.x;
	from_t = seconds_between(s->trend.t, t) - s->trend.mean_t;
	from_x = x - s->trend.mean_x;
	s->trend.mean_t += from_t / n;
	s->trend.mean_x += from_x / n;
	s->trend.tt += from_t * (from_t - from_t / n);
	s->trend.tx += from_t * (x - s->trend.mean_x);
}

/* On a copy, which the compiler can keep in registers. */
static void spread_run(struct weir_summary *summary, const double *x, uint32_t n)
{
	struct weir_summary s = *summary;

	for (uint32_t i = 0; i < n; i++)
		spread_add(&s, x[i]);
	*summary = s;
}

static void trend_run(struct weir_summary *summary, const int64_t *t, const double *x, uint32_t n)
{
	struct weir_summary s = *summary;

	for (uint32_t i = 0; i < n; i++)
		trend_add(&s, t[i], x[i]);
	*summary = s;
}

static void hits_run(struct weir_summary *s, const double *x, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		s->hits.n += x[i] != 0;
	s->n += n;
}

static void weighted_run(struct weir_summary *s, const double *x, const double *ns, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		total_add(&s->weighted.sum, &s->weighted.rest, x[i]);
		s->weighted.ns += ns[i];
	}
	s->n += n;
}

/* Of equals the earlier; a NaN lets nothing in behind it. */
static void by_add(struct weir_summary *s, double x, double y, bool greatest)
{
	if (s->n && !(greatest ? y > s->by.y : y < s->by.y) && (y == y || s->by.y != s->by.y))
		return;
	s->by.x = y == y ? x : NAN;
	s->by.y = y;
}

static void by_run(struct weir_summary *s, const double *x, const double *y, uint32_t n, bool greatest)
{
	for (uint32_t i = 0; i < n; i++) {
		by_add(s, x[i], y[i], greatest);
		s->n++;
	}
}

static void pair_add(struct weir_summary *s, double x, double y)
{
	double n = (double)++s->n, from_x, from_y;

	if (s->n == 1) {
		s->pair.x = x;
		s->pair.y = y;
	}
	x -= s->pair.x;
	y -= s->pair.y;
	from_x = x - s->pair.mean_x;
	from_y = y - s->pair.mean_y;
	s->pair.mean_x += from_x / n;
	s->pair.mean_y += from_y / n;
	s->pair.xx += from_x * (x - s->pair.mean_x);
	s->pair.yy += from_y * (y - s->pair.mean_y);
	s->pair.xy += from_x * (y - s->pair.mean_y);
}

static void pair_run(struct weir_summary *summary, const double *x, const double *y, uint32_t n)
{
	struct weir_summary s = *summary;

	for (uint32_t i = 0; i < n; i++)
		pair_add(&s, x[i], y[i]);
	*summary = s;
}

void weir_summary_add(enum weir_function function, struct weir_summary *summary, const struct weir_values *values)
{
	const double *x = values->x;
	uint32_t n = values->n;

	if (!n)
		return;
	switch (family_of(function)) {
	case COUNT:
		summary->n += n;
		break;
	case HITS:
		hits_run(summary, x, n);
		break;
	case TOTAL:
		total_run(summary, x, n, false);
		break;
	case WEIGHTED:
		weighted_run(summary, x, values->y, n);
		break;
	case SQUARES:
		total_run(summary, x, n, true);
		break;
	case SPREAD:
		spread_run(summary, x, n);
		break;
	case EXTREME:
		extreme_run(summary, x, n);
		break;
	case ENDS:
		ends_add(summary, x[0], x[n - 1], n);
		break;
	case TREND:
		trend_run(summary, values->t, x, n);
		break;
	case BY:
		by_run(summary, x, values->y, n, function == WEIR_MAX_BY);
		break;
	case PAIR:
		pair_run(summary, x, values->y, n);
		break;
	}
}

static void total_merge(struct weir_summary *into, const struct weir_summary *later)
{
	for (uint32_t i = 0; i < 2; i++) {
		total_add(&into->total.sum[i], &into->total.rest[i], later->total.sum[i]);
		into->total.rest[i] += later->total.rest[i];
	}
}

static void spread_merge(struct weir_summary *into, const struct weir_summary *later)
{
	double a = (double)into->n, b = (double)later->n;
	double apart = later->spread.mean + (later->spread.origin - into->spread.origin) - into->spread.mean;

	into->spread.mean += apart * (b / (a + b));
	into->spread.squares += later->spread.squares + apart * apart * (a * b / (a + b));
}

static void trend_merge(struct weir_summary *into, const struct weir_summary *later)
{
	double a = (double)into->n, b = (double)later->n;
	double apart_t = later->trend.mean_t + seconds_between(into->trend.t, later->trend.t) - into->trend.mean_t;
	double apart_x = later->trend.mean_x + (later->trend.x - into->trend.x) - into->trend.mean_x;

	into->trend.mean_t += apart_t * (b / (a + b));
	into->trend.mean_x += apart_x * (b / (a + b));
	into->trend.tt += later->trend.tt + apart_t * apart_t * (a * b / (a + b));
	into->trend.tx += later->trend.tx + apart_t * apart_x * (a * b / (a + b));
}

static void weighted_merge(struct weir_summary *into, const struct weir_summary *later)
{
	total_add(&into->weighted.sum, &into->weighted.rest, later->weighted.sum);
	into->weighted.rest += later->weighted.rest;
	into->weighted.ns += later->weighted.ns;
}

static void pair_merge(struct weir_summary *into, const struct weir_summary *later)
{
	double a = (double)into->n, b = (double)later->n, weight = a * b / (a + b);
	double apart_x = later->pair.mean_x + (later->pair.x - into->pair.x) - into->pair.mean_x;
	double apart_y = later->pair.mean_y + (later->pair.y - into->pair.y) - into->pair.mean_y;

	into->pair.mean_x += apart_x * (b / (a + b));
	into->pair.mean_y += apart_y * (b / (a + b));
	into->pair.xx += later->pair.xx + apart_x * apart_x * weight;
	into->pair.yy += later->pair.yy + apart_y * apart_y * weight;
	into->pair.xy += later->pair.xy + apart_x * apart_y * weight;
}

void weir_summary_merge(enum weir_function function, struct weir_summary *into, const struct weir_summary *later)
{
	if (!later->n)
		return;
	if (!into->n) {
		*into = *later;
		return;
	}
	switch (family_of(function)) {
	case COUNT:
		break;
	case HITS:
		into->hits.n += later->hits.n;
		break;
	case WEIGHTED:
		weighted_merge(into, later);
		break;
	case TOTAL:
	case SQUARES:
		total_merge(into, later);
		break;
	case SPREAD:
		spread_merge(into, later);
		break;
	case EXTREME:
		into->extreme.min = least(into->extreme.min, later->extreme.min);
		into->extreme.max = greatest(into->extreme.max, later->extreme.max);
		break;
	case ENDS:
		into->ends.last = later->ends.last;
		break;
	case TREND:
		trend_merge(into, later);
		break;
	case BY:
		by_add(into, later->by.x, later->by.y, function == WEIR_MAX_BY);
		break;
	case PAIR:
		pair_merge(into, later);
		break;
	}
	into->n += later->n;
}

/* With an infinity in the sum, what rounding took is NaN and says nothing. */
static double total(const struct weir_summary *s)
{
	double sum = s->total.sum[0], rest = s->total.rest[0] + s->total.rest[1];

	total_add(&sum, &rest, s->total.sum[1]);
	return isfinite(sum) ? sum + rest : sum;
}

static double weighted(const struct weir_summary *s, double ns)
{
	double sum = s->weighted.sum;

	if (!(s->weighted.ns > 0))
		return NAN;
	return (isfinite(sum) ? sum + s->weighted.rest : sum) / (s->weighted.ns / ns);
}

static double correlation(const struct weir_summary *s)
{
	double scale = sqrt(s->pair.xx) * sqrt(s->pair.yy), r = s->pair.xy / scale;

	if (!(scale > 0) || r != r)
		return NAN;
	return fmax(-1, fmin(1, r)); /* rounding may carry it beyond */
}

static double variance(const struct weir_summary *s)
{
	return s->n > 1 ? s->spread.squares / (double)(s->n - 1) : NAN;
}

double *weir_summary_choice(enum weir_function function, struct weir_summary *s)
{
	switch (function) {
	case WEIR_FIRST:
		return &s->ends.first;
	case WEIR_LAST:
		return &s->ends.last;
	case WEIR_MAX_BY:
	case WEIR_MIN_BY:
		return &s->by.x;
	default:
		return NULL;
	}
}

static bool is_zero_of_nothing(enum weir_function function)
{
	return function == WEIR_COUNT || function == WEIR_COUNT_IF || function == WEIR_SUM ||
	       function == WEIR_INTEGRAL || function == WEIR_INCREASE || function == WEIR_CROSSINGS;
}

/* Those of two arguments, and those of shares. */
static double result_of_more(enum weir_function function, const struct weir_summary *s)
{
	switch (function) {
	case WEIR_COUNT_IF:
		return (double)s->hits.n;
	case WEIR_INTEGRAL:
		return total(s) / 1e9;
	case WEIR_INCREASE:
	case WEIR_CROSSINGS:
		return total(s);
	case WEIR_TMEAN:
		return weighted(s, 1);
	case WEIR_RATE:
		return weighted(s, 1e9);
	case WEIR_MAX_BY:
	case WEIR_MIN_BY:
		return s->by.x;
	case WEIR_CORR:
		return correlation(s);
	default:
		return NAN;
	}
}

double weir_summary_result(enum weir_function function, const struct weir_summary *s)
{
	if (!s->n)
		return is_zero_of_nothing(function) ? 0 : NAN;
	switch (function) {
	case WEIR_COUNT:
		return (double)s->n;
	case WEIR_SUM:
		return total(s);
	case WEIR_MEAN:
		return total(s) / (double)s->n;
	case WEIR_VAR:
		return variance(s);
	case WEIR_STD:
		return sqrt(variance(s));
	case WEIR_RMS:
		return sqrt(total(s) / (double)s->n);
	case WEIR_MIN:
		return s->extreme.min;
	case WEIR_MAX:
		return s->extreme.max;
	case WEIR_RANGE:
		return s->extreme.max - s->extreme.min;
	case WEIR_FIRST:
		return s->ends.first;
	case WEIR_LAST:
		return s->ends.last;
	case WEIR_SLOPE:
		return s->trend.tt > 0 ? s->trend.tx / s->trend.tt : NAN;
	default:
		return result_of_more(function, s);
	}
}
