/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fir, butter and fft: what they do to sines, to a constant and to a step, and that they stay stable. */
#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "signal_records.h"

#define RATE 1000.0
#define N 20000

static struct weir_block *sine(struct weir_schema *schema, uint32_t n, double hz, double offset)
{
	struct weir_block *memory;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "V", 0);
	memory = harness_memory(schema, n);
	for (uint32_t k = 0; k < n; k++)
		memory->column[0].real[k] = offset + sin(2 * M_PI * hz / RATE * k);
	return memory;
}

/* The amplitude that a sine of amplitude 1 has behind a chain, once all has settled: by its second half's mean square. */
static double gain_at(const char *chain, double hz)
{
	struct weir_schema schema;
	struct weir_block *memory = sine(&schema, N, hz, 0);
	struct harness h;
	double sum = 0;

	signal_run(&h, chain, memory, WEIR_BLOCK_MAX, 1);
	for (uint32_t k = N / 2; k < N; k++)
		sum += h.value[0][k].real * h.value[0][k].real;
	harness_close(&h);
	harness_memory_free(memory);
	return sqrt(sum / (N / 2) * 2);
}

/* |H| of an analog Butterworth filter, its frequencies bent as the bilinear transform bends them. */
static double butterworth(const char *kind, uint32_t order, double low, double high, double hz)
{
	double w = tan(M_PI * hz / RATE), a = tan(M_PI * low / RATE), b = tan(M_PI * high / RATE), ratio;

	if (!strcmp(kind, "low"))
		ratio = w / a;
	else if (!strcmp(kind, "high"))
		ratio = a / w;
	else
		ratio = fabs(w * w - a * b) / (w * (b - a));
	if (!strcmp(kind, "stop"))
		ratio = 1 / ratio;
	return 1 / sqrt(1 + pow(ratio, 2.0 * order));
}

/* Orders odd and even, all four kinds, at frequencies below, at and above the edges: the closed form of the magnitude. */
static void butter_has_its_magnitude(void **state)
{
	static const struct {
		const char *kind;
		double low, high;
	} cases[] = {
		{ "low", 50, 0 }, { "high", 100, 0 }, { "band", 80, 120 }, { "stop", 50, 200 }, { "low", 400, 0 }
	};
	static const uint32_t orders[] = { 1, 2, 3, 5, 8 };
	static const double hz[] = { 10, 50, 80, 100, 130, 300, 450 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t o = 0; o < sizeof(orders) / sizeof(orders[0]); o++)
			for (size_t f = 0; f < sizeof(hz) / sizeof(hz[0]); f++) {
				char chain[80], to[20] = "";
				double found, wanted;

				if (cases[i].high > 0)
					snprintf(to, sizeof(to), "to %gHz", cases[i].high);
				snprintf(chain, sizeof(chain), "butter %s %gHz %s x rate=1kHz order=%u", cases[i].kind,
					 cases[i].low, to, orders[o]);
				found = gain_at(chain, hz[f]);
				wanted = butterworth(cases[i].kind, orders[o], cases[i].low, cases[i].high, hz[f]);
				if (fabs(found - wanted) > 1e-6)
					fail_msg("%s at %g Hz: %g is not %g", chain, hz[f], found, wanted);
			}
}

/* A narrow band of high order, its poles a hair from the unit circle: it rings, and the ringing dies away. Its pass band is
 * where it should be. */
static void butter_stays_stable(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = sine(&schema, 200000, 0, 0);
	double peak = 0, tail = 0;
	struct harness h;

	(void)state;
	memory->column[0].real[10] = 1e6;
	signal_run(&h, "butter band 4.9Hz to 5.1Hz x rate=1kHz order=8", memory, WEIR_BLOCK_MAX, 1);
	for (uint32_t k = 0; k < h.n; k++) {
		double size = fabs(h.value[0][k].real);

		assert_true(isfinite(size));
		peak = fmax(peak, size);
		if (k >= 190000)
			tail = fmax(tail, size);
	}
	assert_true(peak > 1 && tail < 1e-9 * peak);
	harness_close(&h);
	harness_memory_free(memory);
	memory = sine(&schema, 200000, 5, 0);
	signal_run(&h, "butter band 4.9Hz to 5.1Hz x rate=1kHz order=8", memory, WEIR_BLOCK_MAX, 1);
	for (uint32_t k = 199000, at = 0; k < h.n; k++, at++)
		tail = at ? fmax(tail, fabs(h.value[0][k].real)) : 0;
	assert_true(fabs(tail - 1) < 1e-3);
	harness_close(&h);
	harness_memory_free(memory);
}

/* An edge at a hundred-thousandth of the rate, where single precision would have no digits left. */
static void butter_of_a_very_low_edge(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = sine(&schema, 200000, 0, 0);
	struct harness h;

	(void)state;
	for (uint32_t k = 1; k < memory->n; k++)
		memory->column[0].real[k] = 1;
	signal_run(&h, "butter low 0.01Hz x rate=1kHz order=4", memory, WEIR_BLOCK_MAX, 1);
	for (uint32_t k = 0; k < h.n; k++)
		assert_true(h.value[0][k].real > -1e-9 && h.value[0][k].real < 1.2);
	assert_true(fabs(h.value[0][199999].real - 1) < 0.05);
	harness_close(&h);
	harness_memory_free(memory);
}

/* It begins as if the first value had always been there: a constant passes a low pass whole and a high pass not at all. */
static void filters_begin_settled(void **state)
{
	static const struct {
		const char *chain;
		double gain;
	} cases[] = { { "butter low 1Hz x rate=1kHz order=6", 1 },
		      { "butter high 1Hz x rate=1kHz order=5", 0 },
		      { "butter band 1Hz to 2Hz x rate=1kHz", 0 },
		      { "butter stop 1Hz to 2Hz x rate=1kHz", 1 },
		      { "fir low 10Hz x rate=1kHz", 1 },
		      { "fir high 100Hz x rate=1kHz", 0 },
		      { "fir band 100Hz to 200Hz x rate=1kHz", 0 },
		      { "fir stop 100Hz to 200Hz x rate=1kHz", 1 },
		      { "fir taps \"0.5 0.25 0.25\" x", 1 } };
	struct weir_schema schema;
	struct weir_block *memory = sine(&schema, 3000, 0, 12.5);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct harness h;

		if (*cases[i].chain == 'f' && weir_tell_absent("fir", stderr))
			continue;
		signal_run(&h, cases[i].chain, memory, 100, 1);
		for (uint32_t k = 0; k < h.n; k++)
			if (fabs(h.value[0][k].real - 12.5 * cases[i].gain) > 1e-3)
				fail_msg("%s, record %u: %g", cases[i].chain, k, h.value[0][k].real);
		harness_close(&h);
	}
	harness_memory_free(memory);
}

/* A long silence after a signal does not leave subnormal numbers behind, which would be slow: it ends in exact zeros. */
static void butter_falls_silent(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = sine(&schema, 100000, 0, 0);
	struct harness h;

	(void)state;
	memory->column[0].real[0] = 0;
	memory->column[0].real[1] = 1;
	signal_run(&h, "butter band 20Hz to 100Hz x rate=1kHz", memory, 77, 1);
	assert_true(h.value[0][100].real != 0);
	assert_true(h.value[0][99999].real == 0);
	harness_close(&h);
	harness_memory_free(memory);
}

/* Given taps: the plain sum of products, the first tap for the newest value. */
static void fir_is_a_convolution(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 3000, 0, 3);
	const double *x = memory->column[0].real;
	double tap[201];
	char chain[8192] = "fir taps \"", *end = chain + strlen(chain);
	struct harness h;
	uint64_t random = 5;

	(void)state;
	signal_need("fir");
	for (uint32_t i = 0; i < 201; i++) {
		tap[i] = (double)(int32_t)harness_below(&random, 2000) / 4 - 250;
		if (i < 40)
			end += sprintf(end, "%.2f ", tap[i]);
	}
	strcpy(end, "\" x");
	signal_run(&h, chain, memory, 100, 1);
	for (uint32_t k = 0; k < h.n; k++) {
		long double sum = 0;

		for (uint32_t i = 0; i < 40; i++)
			sum += (long double)tap[i] * x[k >= i ? k - i : 0];
		assert_true(fabsl(h.value[0][k].real - sum) < 1e-8);
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* Designed filters pass what they should and keep back the rest by as much as was asked. */
static void fir_keeps_its_promise(void **state)
{
	static const struct {
		const char *chain;
		double passes[2], stops[2];
	} cases[] = {
		{ "fir low 100Hz x rate=1kHz order=200 attenuation=80", { 10, 80 }, { 130, 400 } },
		{ "fir high 100Hz x rate=1kHz order=200 attenuation=80", { 130, 400 }, { 10, 75 } },
		{ "fir band 100Hz to 200Hz x rate=1kHz order=200 attenuation=70", { 130, 170 }, { 70, 230 } },
		{ "fir stop 100Hz to 200Hz x rate=1kHz order=200", { 70, 230 }, { 130, 170 } },
	};

	(void)state;
	signal_need("fir");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (uint32_t k = 0; k < 2; k++) {
			double passed = gain_at(cases[i].chain, cases[i].passes[k]);
			double stopped = gain_at(cases[i].chain, cases[i].stops[k]);

			if (fabs(passed - 1) > 2e-3 || stopped > 1.5e-3)
				fail_msg("%s: passes %g, stops %g", cases[i].chain, passed, stopped);
		}
}

/* One window's spectrum against the plain sum of its definition: scaled, tapered, mean removed. */
static void fft_is_its_definition(void **state)
{
	enum { SIZE = 60 };
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, SIZE + 10, 0, 3);
	double *x = memory->column[0].real, mean = 0, sum = 0, taper[SIZE];
	struct harness h;

	(void)state;
	signal_need("fft");
	for (uint32_t i = 0; i < SIZE; i++) {
		mean += x[i] / SIZE;
		taper[i] = 0.5 - 0.5 * cos(2 * M_PI * i / SIZE);
		sum += taper[i];
	}
	signal_run(&h, "fft 60 x, y rate=1kHz", memory, 7, 1);
	assert_int_equal(h.n, SIZE / 2 + 1);
	for (uint32_t k = 0; k <= SIZE / 2; k++) {
		double complex bin = 0;
		double power;

		for (uint32_t i = 0; i < SIZE; i++)
			bin += (x[i] - mean) * taper[i] * cexp(-2 * I * M_PI * k * i / SIZE);
		power = (k % (SIZE / 2) ? 2 : 1) * cabs(bin) * cabs(bin) / (sum * sum);
		assert_int_equal(h.t[k], memory->t[SIZE - 1]);
		assert_true(fabs(signal_column(&h, "freq")[k].real - k * RATE / SIZE) < 1e-9);
		assert_true(fabs(signal_column(&h, "x")[k].real - power) < 1e-10 * (1 + power));
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* A sine of amplitude A at one of the frequencies has the power A * A / 2; the peak finds one between two of them. */
static void fft_finds_a_sine(void **state)
{
	static const double hz[] = { 125, 126.3, 60.9, 450 };
	struct weir_schema schema;

	(void)state;
	signal_need("fft");
	for (size_t i = 0; i < sizeof(hz) / sizeof(hz[0]); i++) {
		struct weir_block *memory = sine(&schema, 1024, hz[i], 7);
		struct harness h;

		signal_run(&h, "fft 256 step 64 x peak", memory, 100, 1);
		assert_int_equal(h.n, (1024 - 256) / 64 + 1);
		for (uint32_t k = 0; k < h.n; k++) {
			assert_int_equal(h.t[k], memory->t[255 + 64 * k]);
			assert_true(fabs(signal_column(&h, "x_freq")[k].real - hz[i]) < 0.2);
			assert_true(hz[i] != 125 || fabs(signal_column(&h, "x_power")[k].real - 0.5) < 1e-9);
		}
		harness_close(&h);
		harness_memory_free(memory);
	}
}

static void nonsense_is_refused(void **state)
{
	struct weir_schema schema;

	(void)state;
	harness_memory_free(sine(&schema, 1, 1, 0));
	harness_expect_refusal("butter x rate=1kHz", &schema, "which filter");
	harness_expect_refusal("butter low 10Hz", &schema, "rate");
	harness_expect_refusal("butter low 500Hz x rate=1kHz", &schema, "half the rate");
	harness_expect_refusal("butter low 10Hz to 20Hz x rate=1kHz", &schema, "only a band");
	harness_expect_refusal("butter band 10Hz x rate=1kHz", &schema, "two edges");
	harness_expect_refusal("butter band 20Hz to 10Hz x rate=1kHz", &schema, "above the first");
	harness_expect_refusal("butter low 10Hz high 20Hz x rate=1kHz", &schema, "either");
	if (weir_tell_absent("fir", stderr))
		return;
	harness_expect_refusal("fir x", &schema, "which filter");
	harness_expect_refusal("fir low 10Hz x", &schema, "nothing without 'rate'");
	harness_expect_refusal("fir low 10Hz x rate=1kHz order=7", &schema, "even");
	harness_expect_refusal("fir taps \"1 zwei\" x", &schema, "'zwei' is not a number");
	harness_expect_refusal("fir taps \"\" x", &schema, "the list of taps is empty");
	harness_expect_refusal("fir file /no/such/file x", &schema, "/no/such/file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(butter_has_its_magnitude),  cmocka_unit_test(butter_stays_stable),
		cmocka_unit_test(butter_of_a_very_low_edge), cmocka_unit_test(filters_begin_settled),
		cmocka_unit_test(butter_falls_silent),       cmocka_unit_test(fir_is_a_convolution),
		cmocka_unit_test(fir_keeps_its_promise),     cmocka_unit_test(fft_is_its_definition),
		cmocka_unit_test(fft_finds_a_sine),          cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
