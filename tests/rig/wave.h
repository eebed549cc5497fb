/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waveforms in a sensor's raw units, as functions of the sample's index and
 * time. The same text gives the same values on every run, so that a test knows
 * what was measured:
 *
 *   seq                    the sample's index
 *   const:V
 *   sine:HZ,AMP[,OFFSET]
 *   square:HZ,AMP[,OFFSET]
 *   step:T,BEFORE,AFTER    changes at T seconds
 *   noise:AMP[,SEED]       uniform in -AMP..AMP
 *   burst:PERIOD_S,ON_S,HZ,AMP_QUIET,AMP_SHAKING[,OFFSET]
 *                          a sine that shakes in the last ON_S of each period
 *   file:PATH[:COL]        recorded values, from column COL (1) of a CSV file,
 *                          again from the start when they end
 */
#ifndef WEIR_RIG_WAVE_H
#define WEIR_RIG_WAVE_H

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAVE_ARGS 6

struct wave {
	const struct wave_kind *kind;
	double arg[WAVE_ARGS];
	double *recorded;
	size_t n_recorded;
};

struct wave_kind {
	const char *name;
	int min_args, max_args;
	double (*at)(const struct wave *wave, uint64_t index, double t);
};

static double wave_seq(const struct wave *wave, uint64_t index, double t)
{
	(void)wave, (void)t;
	return (double)index;
}

static double wave_const(const struct wave *wave, uint64_t index, double t)
{
	(void)index, (void)t;
	return wave->arg[0];
}

static double wave_sine(const struct wave *wave, uint64_t index, double t)
{
	const double *a = wave->arg;

	(void)index;
	return a[2] + a[1] * sin(2 * M_PI * a[0] * t);
}

static double wave_square(const struct wave *wave, uint64_t index, double t)
{
	const double *a = wave->arg;

	(void)index;
	return a[2] + (fmod(a[0] * t, 1) < 0.5 ? a[1] : -a[1]);
}

static double wave_step(const struct wave *wave, uint64_t index, double t)
{
	(void)index;
	return t < wave->arg[0] ? wave->arg[1] : wave->arg[2];
}

/* splitmix64: any sample's value without those before it. */
static double wave_noise(const struct wave *wave, uint64_t index, double t)
{
	uint64_t z = (uint64_t)wave->arg[1] + (index + 1) * 0x9e3779b97f4a7c15;

	(void)t;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	z ^= z >> 31;
	return wave->arg[0] * (2 * ((z >> 11) * 0x1p-53) - 1);
}

static double wave_burst(const struct wave *wave, uint64_t index, double t)
{
	const double *a = wave->arg;
	double amp = fmod(t, a[0]) < a[0] - a[1] ? a[3] : a[4];

	(void)index;
	return a[5] + amp * sin(2 * M_PI * a[2] * t);
}

static double wave_file(const struct wave *wave, uint64_t index, double t)
{
	(void)t;
	return wave->recorded[index % wave->n_recorded];
}

static const struct wave_kind wave_kinds[] = {
	{ "seq", 0, 0, wave_seq },       { "const", 1, 1, wave_const }, { "sine", 2, 3, wave_sine },
	{ "square", 2, 3, wave_square }, { "step", 3, 3, wave_step },   { "noise", 1, 2, wave_noise },
	{ "burst", 5, 6, wave_burst },   { "file", -1, -1, wave_file },
};

static int wave_parse_args(struct wave *wave, const char *text)
{
	int n = 0;
	char *end;

	while (*text && n < wave->kind->max_args) {
		wave->arg[n++] = strtod(text, &end);
		if (end == text || (*end && *end != ','))
			return -EINVAL;
		text = *end ? end + 1 : end;
	}
	return *text || n < wave->kind->min_args ? -EINVAL : 0;
}

static int wave_record(struct wave *wave, const char *line, long column)
{
	char *end;
	double value;

	while (--column > 0 && line) {
		line = strchr(line, ',');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return 0;
	value = strtod(line, &end);
	if (end == line)
		return 0; /* a heading or an empty line */
	wave->recorded = realloc(wave->recorded, (wave->n_recorded + 1) * sizeof(double));
	if (!wave->recorded)
		return -ENOMEM;
	wave->recorded[wave->n_recorded++] = value;
	return 0;
}

static int wave_load(struct wave *wave, const char *text)
{
	const char *colon = strrchr(text, ':');
	long column = colon ? atol(colon + 1) : 0;
	char path[4096], line[1024];
	FILE *file;
	int ret = 0;

	snprintf(path, sizeof(path), "%.*s", (int)(column > 0 ? colon - text : (long)strlen(text)), text);
	file = fopen(path, "r");
	if (!file)
		return -errno;
	while (!ret && fgets(line, sizeof(line), file))
		ret = wave_record(wave, line, column);
	fclose(file);
	return ret ? ret : wave->n_recorded ? 0 : -ENODATA;
}

/* Returns 0, -EINVAL, or why a file cannot be read. */
static int wave_parse(struct wave *wave, const char *text)
{
	size_t len = strcspn(text, ":"), i;
	const char *args = text + len + (text[len] == ':');

	memset(wave, 0, sizeof(*wave));
	for (i = 0; i < sizeof(wave_kinds) / sizeof(wave_kinds[0]); i++) {
		wave->kind = &wave_kinds[i];
		if (strlen(wave->kind->name) != len || strncmp(wave->kind->name, text, len))
			continue;
		if (wave->kind->max_args < 0)
			return wave_load(wave, args);
		return wave_parse_args(wave, args);
	}
	return -EINVAL;
}

static int32_t wave_at(const struct wave *wave, uint64_t index, double t)
{
	return (int32_t)llrint(wave->kind->at(wave, index, t));
}

#endif
