/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Butterworth filters as a cascade of second-order sections, in double precision. The analog poles are known in closed form, and
 * each pair goes by itself through the band transform and the bilinear one (prewarped; Oppenheim and Schafer, chapter 7), so
 * no polynomial of high degree is ever formed: that is what makes narrow bands of high order blow up.
 *
 * liquid-dsp, which designs the FIR filters, has IIR filters too, but computes in single precision: of a constant, its low pass
 * of order 4 at a thousandth of the rate passes 99.6 %, and at a hundred-thousandth 5 %.
 *
 * A filter begins as if its first value had always been there, so an offset makes no transient.
 */
#include <complex.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "weir/channels.h"
#include "weir/edges.h"

#define ORDER_MAX 32
#define SECTIONS_MAX ORDER_MAX /* of a band; a low or high pass has half as many */
#define STRETCH 1024u          /* records between looks for what is about to become subnormal */
#define NOTHING 1e-200         /* 4000 dB below anything: taken for 0 */

/* (b2 s^2 + b1 s + b0) / (a2 s^2 + a1 s + a0) */
struct analog {
	double b0, b1, b2, a0, a1, a2;
};

/* (b0 + b1 z^-1 + b2 z^-2) / (1 + a1 z^-1 + a2 z^-2) */
struct section {
	double b0, b1, b2, a1, a2;
	double gain; /**< for a constant */
};

struct memory {
	double s1, s2;
};

struct butter {
	struct weir_edges_args edges;
	double rate;
	uint32_t order;
	struct weir_channels_args channels_args;
	struct weir_channels *channels;
	uint32_t n;
	struct section section[SECTIONS_MAX];
	struct memory *memory; /**< by channel, then by section */
	uint64_t count;        /**< records so far */
};

/* ------------------------------------------------------------------- design */

static void add(struct butter *butter, struct analog h)
{
	/* s = (1 - z^-1) / (1 + z^-1); a first-order section has a factor 1 + z^-1 in both, which goes. */
	double a = h.a0 + h.a1 + h.a2;

	if (h.a2 == 0)
		butter->section[butter->n++] = (struct section){
			.b0 = (h.b0 + h.b1) / a, .b1 = (h.b0 - h.b1) / a, .a1 = (h.a0 - h.a1) / a, .gain = h.b0 / h.a0
		};
	else
		butter->section[butter->n++] = (struct section){ .b0 = (h.b0 + h.b1 + h.b2) / a,
								 .b1 = 2 * (h.b0 - h.b2) / a,
								 .b2 = (h.b0 - h.b1 + h.b2) / a,
								 .a1 = 2 * (h.a0 - h.a2) / a,
								 .a2 = (h.a0 - h.a1 + h.a2) / a,
								 .gain = h.b0 / h.a0 };
}

/* A low or high pass from a pole of the prototype and its conjugate, or from the real one. */
static void add_pass(struct butter *butter, enum weir_shape shape, double complex pole, double cut)
{
	bool is_real = cimag(pole) == 0;
	struct analog h = { .a0 = is_real ? cut : cut * cut,
			    .a1 = is_real ? 1 : -2 * creal(pole) * cut,
			    .a2 = is_real ? 0 : 1 };

	if (shape == WEIR_LOW)
		h.b0 = h.a0;
	else if (is_real)
		h.b1 = 1;
	else
		h.b2 = 1;
	add(butter, h);
}

/* The section of a band whose analog poles are these two: conjugates, or both real. */
static void add_pair(struct butter *butter, enum weir_shape shape, double complex p, double complex q, double centre2,
		     double width)
{
	struct analog h = { .a0 = creal(p * q), .a1 = -creal(p + q), .a2 = 1 };

	if (shape == WEIR_BAND) {
		h.b1 = width;
	} else {
		h.b0 = centre2;
		h.b2 = 1;
	}
	add(butter, h);
}

/* s becomes (s^2 + centre^2) / (width s), or its inverse for a stop band: two poles from each. */
static void add_band(struct butter *butter, enum weir_shape shape, double complex pole, double low, double high)
{
	double centre2 = low * high, width = high - low;
	double complex half = (shape == WEIR_BAND ? pole : 1 / pole) * width / 2, root = csqrt(half * half - centre2);

	if (cimag(pole) == 0) {
		add_pair(butter, shape, half + root, half - root, centre2, width);
		return;
	}
	add_pair(butter, shape, half + root, conj(half + root), centre2, width);
	add_pair(butter, shape, half - root, conj(half - root), centre2, width);
}

/* Poles on the left half of the unit circle, those far from the imaginary axis first: their sections ring least. */
static double complex pole_of(uint32_t order, uint32_t k)
{
	double angle = M_PI * (order % 2 ? 2 * k : 2 * k + 1) / (2 * order);

	return order % 2 && !k ? -1 : -cos(angle) + I * sin(angle);
}

static void design(struct butter *butter, enum weir_shape shape, uint32_t order, double low, double high)
{
	for (uint32_t k = 0; k < (order + 1) / 2; k++)
		if (shape == WEIR_LOW || shape == WEIR_HIGH)
			add_pass(butter, shape, pole_of(order, k), low);
		else
			add_band(butter, shape, pole_of(order, k), low, high);
}

/* ---------------------------------------------------------------- arguments */

/* The bilinear transform bends the frequency axis: where an edge must be before, to be right after. */
static double prewarp(const struct butter *butter, double hz)
{
	return tan(M_PI * hz / butter->rate);
}

static int read_filter(struct weir_node *node, struct butter *butter)
{
	const struct weir_choice choices[] = { WEIR_EDGES_CHOICES(&butter->edges), { 0 } };
	int shape = weir_edges_find(node, choices, "as in butter low 10Hz rate=200Hz",
				    "which filter: low, high, band or stop?");
	struct weir_edges edges;
	int err = shape < 0 ? shape
			    : weir_edges_read(node, (enum weir_shape)shape, &butter->edges, butter->rate, &edges);

	if (!err)
		design(butter, (enum weir_shape)shape, butter->order, prewarp(butter, edges.low),
		       prewarp(butter, edges.high));
	return err;
}

static int butter_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct butter *butter = weir_state(node);
	int err = read_filter(node, butter);

	weir_one_for_one(node);
	(void)in;
	if (!err)
		err = weir_channels_open(&butter->channels, node, &butter->channels_args);
	if (!err)
		err = weir_channels_replace(butter->channels, out, true);
	if (err)
		return err;
	butter->memory = calloc(butter->channels->n * butter->n, sizeof(*butter->memory));
	return butter->memory ? weir_channels_ready(butter->channels) : -ENOMEM;
}

/* ---------------------------------------------------------------------- run */

static struct memory *memory_of(const struct butter *butter, uint32_t c)
{
	return butter->memory + (size_t)c * butter->n;
}

static void settle(const struct butter *butter, struct memory *memory, double x)
{
	for (uint32_t i = 0; i < butter->n; i++) {
		const struct section *h = &butter->section[i];
		double y = h->gain * x;

		memory[i].s2 = h->b2 * x - h->a2 * y;
		memory[i].s1 = h->b1 * x - h->a1 * y + memory[i].s2;
		x = y;
	}
}

/* Transposed direct form II. */
static void run_section(const struct section *h, struct memory *memory, const double *x, double *y, uint32_t n)
{
	struct memory m = *memory;

	for (uint32_t i = 0; i < n; i++) {
		double in = x[i], out = h->b0 * in + m.s1;

		m.s1 = h->b1 * in - h->a1 * out + m.s2;
		m.s2 = h->b2 * in - h->a2 * out;
		y[i] = out;
	}
	*memory = m;
}

/* After a signal has stopped, its echo would shrink into subnormal numbers, which are slow, and might stay there. */
static void quieten(struct memory *memory, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (fabs(memory[i].s1) < NOTHING && fabs(memory[i].s2) < NOTHING)
			memory[i] = (struct memory){ 0 };
}

/* The looks come at fixed record numbers, so that they do not depend on how the stream was cut into blocks. */
static void run(const struct butter *butter, struct memory *memory, const double *x, double *y, uint32_t n)
{
	for (uint32_t from = 0, now; from < n; from += now) {
		uint32_t left = STRETCH - (uint32_t)((butter->count + from) % STRETCH);

		now = n - from < left ? n - from : left;
		for (uint32_t i = 0; i < butter->n; i++)
			run_section(&butter->section[i], &memory[i], i ? y + from : x + from, y + from, now);
		if (now == left)
			quieten(memory, butter->n);
	}
}

static int butter_push(struct weir_node *node, const struct weir_block *in)
{
	struct butter *butter = weir_state(node);
	struct weir_block out;
	int err = weir_channels_read(butter->channels, in, &out);

	if (err)
		return err;
	for (uint32_t c = 0; c < butter->channels->n && out.n; c++) {
		const struct weir_channel *channel = &butter->channels->channel[c];

		if (!butter->count)
			settle(butter, memory_of(butter, c), channel->x[0]);
		run(butter, memory_of(butter, c), channel->x, out.column[channel->to].real, out.n);
	}
	butter->count += out.n;
	return weir_emit(node, &out);
}

static void butter_close(struct weir_node *node)
{
	struct butter *butter = weir_state(node);

	free(butter->memory);
	weir_channels_close(butter->channels);
}

/* ------------------------------------------------------------------- driver */

static const struct weir_param params[] = {
	WEIR_EDGES_PARAMS(struct butter, edges),
	WEIR_CHANNELS_PARAMS(struct butter, channels_args),
	WEIR_P_RATE("rate", struct butter, rate, NULL,
		    "records a second that come here, to which the frequencies relate", .required = true, .min = 1e-9,
		    .max = 1e9),
	WEIR_P_INT("order", struct butter, order, "4",
		   "steepness: 6 dB an octave for each; a band has this order at each edge", .min = 1,
		   .max = ORDER_MAX),
	{ 0 },
};

static const struct weir_operator_ops butter_ops = {
	.state_bytes = sizeof(struct butter),
	.open = butter_open,
	.push = butter_push,
	.close = butter_close,
};

const struct weir_driver weir_operator_butter = {
	.name = "butter",
	.doc = "Butterworth filter: low pass, high pass, band pass or band stop",
	.operator_params = params,
	.stage = &butter_ops,
};
