/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Test signals. Record i depends on i alone: a run repeats to the bit, however it was cut into blocks.
 *
 * The phase is a 64-bit fraction of a turn that wraps by itself, so it is exact after any number of records. Sines are made a
 * segment at a time: set from the phase at its beginning and turned on from there, before rounding has added up to 1e-13.
 * Each waits for the one four records before, not for the one just before, so that the processor works on several at once.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "weir/driver.h"
#include "weir/paced.h"
#include "weir/raster.h"

#define SEGMENT 256u
#define PAIRS 2u
#define NOMINAL_HZ 1000

/** Numbers that are computed with side by side. */
typedef double pair __attribute__((vector_size(2 * sizeof(double))));

enum shape { SINE, SQUARE, NOISE, COUNTER };

struct row {
	int64_t t;
	union {
		double real;
		int64_t integer;
	};
};

struct synth {
	double rate_hz, freq_hz;
	enum shape shape;
	bool is_live;
	struct weir_raster raster;
	int64_t start;
	uint64_t i;    /**< of the next record */
	uint64_t turn; /**< of phase, from record to record */
	double amplitude, offset;
	uint64_t seed;
	double step_sine, step_cosine; /**< of `turn` */
	double wave[SEGMENT];          /**< sines of the segment that record i is in */
};

static int find_shape(const char *word)
{
	static const char *const words[] = {
		[SINE] = "sine", [SQUARE] = "square", [NOISE] = "noise", [COUNTER] = "counter"
	};

	for (int i = 0; i <= COUNTER; i++)
		if (!strcmp(words[i], word))
			return i;
	return -ENOENT;
}

static double radians(uint64_t phase)
{
	return (double)(int64_t)phase * (M_PI * 0x1p-63);
}

static void prepare(struct synth *synth)
{
	double rate = synth->rate_hz;
	/* Wider than double where there is such a type: the error of `turn` adds up, and only that. */
	long double turn;

	synth->is_live = isfinite(rate);
	synth->raster = weir_raster_of(synth->is_live ? rate : NOMINAL_HZ);
	turn = (long double)synth->freq_hz / (synth->is_live ? rate : NOMINAL_HZ);
	synth->turn = (uint64_t)ldexpl(turn - floorl(turn), 64);
	synth->step_sine = sin(radians(synth->turn));
	synth->step_cosine = cos(radians(synth->turn));
}

static int synth_open(struct weir_node *node, struct weir_schema *out)
{
	struct synth *synth = weir_state(node);
	int shape = find_shape(weir_target(node));

	if (shape < 0)
		return weir_fail_arg(node, NULL, "it is one of sine, square, noise, counter", "synth cannot make '%s'",
				     weir_target(node));
	synth->shape = (enum shape)shape;
	prepare(synth);
	weir_is_paced(node, synth->rate_hz);
	weir_schema_init(out, synth->is_live ? WEIR_CLOCK_MONOTONIC : WEIR_CLOCK_NOMINAL);
	return weir_schema_add(out, "value", synth->shape == COUNTER ? WEIR_INT : WEIR_REAL, "", 0);
}

static int synth_start(struct weir_node *node, bool unread)
{
	struct synth *synth = weir_state(node);

	(void)unread;
	synth->start = synth->is_live ? weir_now(WEIR_CLOCK_MONOTONIC) : 0;
	return 0;
}

static void rotate(double *sine, double *cosine, double by_sine, double by_cosine)
{
	double before = *sine;

	*sine = before * by_cosine + *cosine * by_sine;
	*cosine = *cosine * by_cosine - before * by_sine;
}

/* Pairs, and not all lanes as one: that the compiler would keep in memory, where each turn would have to wait for it. */
static void turn_on(pair *sine, pair *cosine, double by_sine, double by_cosine)
{
	pair before = *sine;

	*sine = before * by_cosine + *cosine * by_sine;
	*cosine = *cosine * by_cosine - before * by_sine;
}

static void make_wave(struct synth *synth)
{
	double sine = sin(radians(synth->i * synth->turn)), cosine = cos(radians(synth->i * synth->turn));
	double offset = synth->offset, amplitude = synth->amplitude, stride_sine = 0, stride_cosine = 1;
	pair sines[PAIRS], cosines[PAIRS];

	for (uint32_t lane = 0; lane < 2 * PAIRS; lane++) {
		sines[lane / 2][lane % 2] = sine;
		cosines[lane / 2][lane % 2] = cosine;
		rotate(&sine, &cosine, synth->step_sine, synth->step_cosine);
		rotate(&stride_sine, &stride_cosine, synth->step_sine, synth->step_cosine);
	}
	for (uint32_t k = 0; k < SEGMENT; k += 2 * PAIRS)
#pragma GCC unroll 4
		for (uint32_t p = 0; p < PAIRS; p++) {
			pair value = offset + amplitude * sines[p];

			memcpy(synth->wave + k + 2 * p, &value, sizeof(value));
			turn_on(&sines[p], &cosines[p], stride_sine, stride_cosine);
		}
}

/* The values are made together with nominal times, since it is memory that the rows at full speed wait for, and each is touched
 * once this way. */
static int64_t nominal_time(uint64_t i)
{
	return (int64_t)i * (1000000000 / NOMINAL_HZ);
}

static void make_sine(struct synth *synth, struct row *row, uint32_t n)
{
	const double *wave = synth->wave + synth->i % SEGMENT;

	if (synth->i % SEGMENT == 0)
		make_wave(synth);
	for (uint32_t k = 0; k < n; k++)
		row[k] = (struct row){ .t = nominal_time(synth->i + k), .real = wave[k] };
}

static void make_square(const struct synth *synth, struct row *row, uint32_t n)
{
	uint64_t phase = synth->i * synth->turn;

	for (uint32_t k = 0; k < n; k++, phase += synth->turn)
		row[k] = (struct row){ .t = nominal_time(synth->i + k),
				       .real = synth->offset +
					       ((int64_t)phase < 0 ? -synth->amplitude : synth->amplitude) };
}

/* splitmix64 (Steele, Lea, Flood 2014), which needs nothing but the record's number. */
static double random_at(uint64_t seed, uint64_t i)
{
	uint64_t z = seed + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (double)(int64_t)(z ^ z >> 31) * 0x1p-63;
}

static void make_noise(const struct synth *synth, struct row *row, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++)
		row[k] = (struct row){ .t = nominal_time(synth->i + k),
				       .real = synth->offset +
					       synth->amplitude * random_at(synth->seed, synth->i + k) };
}

static void make_counter(const struct synth *synth, struct row *row, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++)
		row[k] = (struct row){ .t = nominal_time(synth->i + k), .integer = (int64_t)(synth->i + k) };
}

static void make_values(struct synth *synth, struct row *row, uint32_t n)
{
	switch (synth->shape) {
	case SINE:
		make_sine(synth, row, n);
		break;
	case SQUARE:
		make_square(synth, row, n);
		break;
	case NOISE:
		make_noise(synth, row, n);
		break;
	case COUNTER:
		make_counter(synth, row, n);
		break;
	}
}

/* How many of the next `n` records are due. All are, without a rate. */
static uint32_t count_due(const struct synth *synth, uint32_t n)
{
	int64_t now = synth->is_live ? weir_now(WEIR_CLOCK_MONOTONIC) : INT64_MAX;
	uint32_t k = synth->is_live ? 0 : n;

	while (k < n && synth->start + weir_raster_at(&synth->raster, synth->i + k) <= now)
		k++;
	return k;
}

/* A stretch that stays in the first-level cache. */
static uint32_t make_segment(struct synth *synth, struct weir_rows *rows)
{
	uint32_t room = weir_rows_room(rows), n = SEGMENT - synth->i % SEGMENT;
	struct row *row;

	n = count_due(synth, n < room ? n : room);
	row = weir_rows_span(rows, n, &n);
	make_values(synth, row, n);
	for (uint32_t k = 0; synth->is_live && k < n; k++)
		row[k].t = synth->start + weir_raster_at(&synth->raster, synth->i + k);
	synth->i += n;
	return n;
}

static int synth_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct synth *synth = weir_state(node);

	while (weir_rows_next(rows) && make_segment(synth, rows))
		;
	if (rows->n)
		return 1;
	*wait = (struct weir_wait){ .until_ns = synth->start + weir_raster_at(&synth->raster, synth->i), .fd = -1 };
	return -EAGAIN;
}

static const char *const rate_words[] = { "max", NULL };

static const struct weir_param params[] = {
	WEIR_P_RATE("rate", struct synth, rate_hz, "100Hz",
		    "records per second; max: full speed, one nominal millisecond apart", .min = 1e-6, .max = 1e9,
		    .words = rate_words),
	WEIR_P_RATE("freq", struct synth, freq_hz, "1Hz", "frequency of sine and square", .min = 0, .max = 1e9),
	WEIR_P_REAL("amplitude", struct synth, amplitude, "1", "amplitude around offset; not for counter"),
	WEIR_P_REAL("offset", struct synth, offset, "0", "constant added to each value; not for counter"),
	WEIR_P_INT("seed", struct synth, seed, "1",
		   "seed of noise, which is uniform: the same seed gives the same noise"),
	{ 0 }
};

static const struct weir_source_ops synth_ops = {
	.state_bytes = sizeof(struct synth),
	.open = synth_open,
	.start = synth_start,
	.produce = synth_produce,
};

const struct weir_driver weir_bridge_synth = {
	.name = "synth",
	.doc = "test signals, as field value",
	.target = "sine|square|noise|counter",
	.source_params = params,
	.source = &synth_ops,
};
