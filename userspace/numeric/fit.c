/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weir/fit.h"
#include "weir/text.h"

#define CELL_MAX 64 /* bytes of a written number */

/* A number that ends before any of the bytes in `stop`. */
static int read_number(const char **text, const char *stop, double *value)
{
	size_t n = strcspn(*text, stop);
	char cell[CELL_MAX];

	/* A minus and the arrow begin alike. */
	while (stop[0] == '>' && n && (*text)[n] == '>' && (*text)[n - 1] == '-')
		n--;
	if (n >= sizeof(cell))
		return -EINVAL;
	memcpy(cell, *text, n);
	cell[n] = 0;
	if (weir_read_real(cell, value) < 0 || !isfinite(*value))
		return -EINVAL;
	*text += n;
	return 0;
}

static int read_point(const char **text, struct weir_point *point)
{
	if (read_number(text, ">", &point->x) < 0 || strncmp(*text, "->", 2) != 0)
		return -EINVAL;
	*text += 2;
	return read_number(text, ",", &point->y);
}

int weir_points_read(struct weir_point points[WEIR_POINTS_MAX], const char *text, const char **where)
{
	int n = 0;

	do {
		*where = text;
		if (n == WEIR_POINTS_MAX)
			return -E2BIG;
		if (read_point(&text, &points[n]) < 0)
			return -EINVAL;
		n++;
	} while (*text++ == ',');
	return n;
}

static int by_x(const void *a, const void *b)
{
	double x = ((const struct weir_point *)a)->x, y = ((const struct weir_point *)b)->x;

	return (x > y) - (x < y);
}

int weir_points_sort(struct weir_point *points, uint32_t n)
{
	qsort(points, n, sizeof(*points), by_x);
	for (uint32_t i = 1; i < n; i++)
		if (points[i].x == points[i - 1].x)
			return -EEXIST;
	return 0;
}

/* ------------------------------------------------------------- least squares */

/* Values at the points of one orthogonal polynomial and of the one before it. */
struct basis {
	double now[WEIR_POINTS_MAX], before[WEIR_POINTS_MAX];
	double squares; /* of `now` */
};

static uint32_t count_different(const struct weir_point *points, uint32_t n)
{
	uint32_t different = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = 0;

		while (k < i && points[k].x != points[i].x)
			k++;
		different += k == i;
	}
	return different;
}

/* Take the share of the current polynomial out of what is left of the points' y. */
static void project(struct basis *basis, struct weir_polynomial *p, uint32_t k, double *rest, uint32_t n)
{
	double dot = 0;

	basis->squares = 0;
	for (uint32_t i = 0; i < n; i++) {
		dot += rest[i] * basis->now[i];
		basis->squares += basis->now[i] * basis->now[i];
	}
	p->term[k] = dot / basis->squares;
	for (uint32_t i = 0; i < n; i++)
		rest[i] -= p->term[k] * basis->now[i];
}

static void advance(struct basis *basis, struct weir_polynomial *p, uint32_t k, const struct weir_point *points,
		    uint32_t n, double squares_before)
{
	double moment = 0;

	for (uint32_t i = 0; i < n; i++)
		moment += points[i].x * (basis->now[i] * basis->now[i]);
	p->shift[k] = moment / basis->squares;
	p->carry[k] = k ? basis->squares / squares_before : 0;
	for (uint32_t i = 0; i < n; i++) {
		double next = (points[i].x - p->shift[k]) * basis->now[i] - p->carry[k] * basis->before[i];

		basis->before[i] = basis->now[i];
		basis->now[i] = next;
	}
}

int weir_polynomial_fit(struct weir_polynomial *out, const struct weir_point *points, uint32_t n, uint32_t degree)
{
	struct basis basis = { .squares = 0 };
	double rest[WEIR_POINTS_MAX];
	bool is_finite = true;

	if (count_different(points, n) <= degree)
		return -ERANGE;
	*out = (struct weir_polynomial){ .degree = degree };
	for (uint32_t i = 0; i < n; i++) {
		basis.now[i] = 1;
		rest[i] = points[i].y;
	}
	for (uint32_t k = 0; k <= degree; k++) {
		double before = basis.squares;

		project(&basis, out, k, rest, n);
		advance(&basis, out, k, points, n, before);
		is_finite &= isfinite(out->term[k]) && isfinite(out->shift[k]);
	}
	return is_finite ? 0 : -ERANGE;
}

double weir_polynomial_at(const struct weir_polynomial *p, double x)
{
	double now = 1, before = 0, sum = 0;

	for (uint32_t k = 0; k <= p->degree; k++) {
		double next = (x - p->shift[k]) * now - p->carry[k] * before;

		sum += p->term[k] * now;
		before = now;
		now = next;
	}
	return sum;
}

/* --------------------------------------------------------------------- table */

/* The last point whose x is not above, but never the last of all: a segment begins there. */
static uint32_t segment_of(const struct weir_point *points, uint32_t n, double x)
{
	uint32_t low = 0, high = n - 1;

	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;

		if (points[middle].x <= x)
			low = middle;
		else
			high = middle;
	}
	return low;
}

double weir_table_at(const struct weir_point *points, uint32_t n, double x)
{
	const struct weir_point *a = &points[segment_of(points, n, x)], *b = a + 1;

	/* A point gives its own value to the bit. */
	if (x == b->x)
		return b->y;
	return a->y + (x - a->x) * ((b->y - a->y) / (b->x - a->x));
}
